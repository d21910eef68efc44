//! Whether the machine is in a state to be measured on.
//!
//! Wherever ext4 makes a file it passes over the inodes of those that were deleted in the last minute (in the last
//! six, as long as their table is not written), one by one. After some ten thousand deletions, as a run of this
//! program leaves them, that costs a gateway that stores small answers more than all the rest.
//!
//! A virtual machine may give memory back that nobody uses, and then the first touch of a page waits for its host:
//! a megabyte that is written into the page cache took 2.7 ms of CPU there, 0.4 where the memory had been in use a
//! moment before, as on a server that runs for a while. That, too, is more than all the rest.

use std::{
    fs,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use crate::{Result, process, say};

/// Files that are made to see what one costs.
const FILES: u32 = 2000;
/// A file that takes less CPU than this passes over nothing much.
const CHEAP: Duration = Duration::from_micros(40);
/// What a turn writes, and more.
const TOUCHED: usize = 512 << 20;
const PIECE: usize = 64 << 10;
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

/// Has memory ready for what is written next: fills as much of the page cache as a turn does, in pieces as a gateway
/// writes, and gives it back at once. The kernel hands out first what came back last.
pub(crate) fn warm() -> Result<()> {
    let mut file = tempfile::tempfile()?;
    let piece = vec![0; PIECE];
    for _ in 0..TOUCHED / PIECE {
        file.write_all(&piece)?;
    }
    Ok(file.set_len(0)?)
}
