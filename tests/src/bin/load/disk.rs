//! Whether the disk is in a state to be measured on.
//!
//! Wherever ext4 makes a file it passes over the inodes of those that were deleted in the last minute (in the last
//! six, as long as their table is not written), one by one. After some ten thousand deletions, as a run of this
//! program leaves them, that costs a gateway that stores small answers more than all the rest.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use crate::{Result, process, say};

/// Files that are made to see what one costs.
const FILES: u32 = 2000;
/// A file that takes less CPU than this passes over nothing much.
const CHEAP: Duration = Duration::from_micros(40);
/// By then everything is forgotten.
const LONGEST: Duration = Duration::from_mins(7);
const AGAIN: Duration = Duration::from_secs(20);

/// Waits until making a file is cheap where `folder` lies, and says what it costs. What is made for it stays in
/// there until that is deleted.
pub(crate) async fn settle(folder: &Path) -> Result<()> {
    let begun = Instant::now();
    for turn in 0.. {
        let each = probe(&folder.join(format!("probe-{turn}")))?;
        if each < CHEAP || begun.elapsed() > LONGEST {
            say(&format!("a new file takes {} us of CPU", each.as_micros()));
            break;
        }
        say(&format!(
            "a new file takes {} us of CPU: waiting until the file system forgets what was deleted",
            each.as_micros()
        ));
        tokio::time::sleep(AGAIN).await;
    }
    Ok(())
}

/// What a file costs this process. Every tenth of them has a folder of its own, as assets do in the beginning.
fn probe(folder: &Path) -> Result<Duration> {
    let own = [std::process::id()];
    let before = process::cpu(&own)?;
    for nth in 0..FILES {
        let folder = folder.join((nth / 10).to_string());
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(nth.to_string()), [0; 1500])?;
    }
    Ok(process::cpu(&own)?.saturating_sub(before) / FILES)
}
