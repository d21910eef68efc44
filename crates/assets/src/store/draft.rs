//! Files of a folder that need not survive a power cut, written on the spot.
//!
//! A write that the kernel takes into its memory is some microseconds: less than handing the bytes to a thread
//! that may block, and waiting for its word while more of them arrive. A disk that cannot keep up makes its
//! writers wait, though. So what took long once is done by such threads for a while.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::task::spawn_blocking;

/// What took longer had to wait. Below it lie the moments in which another thread has the core.
const LONG: Duration = Duration::from_millis(10);
/// So long nothing is done on the spot then.
const WARY: Duration = Duration::from_secs(1);
/// Drafts of one file that may be there at once; more than one only where a writer was killed.
const DRAFTS: u32 = 64;

/// A folder's disk, and whether it keeps up.
#[derive(Debug)]
pub(super) struct Disk {
    since: Instant,
    /// Milliseconds from `since`.
    wary_until: AtomicU64,
}

impl Disk {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), wary_until: AtomicU64::new(0) }
    }

    /// One that does not keep up, for the next hour.
    #[cfg(test)]
    pub(super) fn busy() -> Self {
        let disk = Self::new();
        disk.took(disk.since, disk.since + Duration::from_hours(1));
        disk
    }

    /// Whether what is done now is done on a thread that may block.
    pub(super) fn is_busy(&self) -> bool {
        !self.keeps_up(Instant::now())
    }

    /// Does it, here or on a thread that may block.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let begun = Instant::now();
        if !self.keeps_up(begun) {
            return spawn_blocking(work).await.map_err(io::Error::other)?;
        }
        let done = work();
        self.took(begun, Instant::now());
        done
    }

    fn keeps_up(&self, now: Instant) -> bool {
        self.moment(now) >= self.wary_until.load(Ordering::Relaxed)
    }

    fn took(&self, begun: Instant, ended: Instant) {
        if ended.saturating_duration_since(begun) > LONG {
            self.wary_until.store(self.moment(ended + WARY), Ordering::Relaxed);
        }
    }

    fn moment(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.since).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    }
}

/// Writes a small file in one go. A process that is killed meanwhile leaves a part of it, which nobody has
/// recorded: the sweep takes it.
pub(super) fn write_whole(place: &Path, pieces: &[Bytes]) -> io::Result<()> {
    let mut file = in_folder(place, || File::create(place))?;
    let written = write_all(&mut file, pieces);
    if written.is_err() {
        // The error is what matters.
        let _ = fs::remove_file(place);
    }
    written
}

/// A file that is being written, under a name with a `#`. Dropped before it is kept, it is gone.
#[derive(Debug)]
pub(super) struct Draft {
    file: File,
    at: PathBuf,
    is_kept: bool,
}

impl Draft {
    /// A draft of the file at `place`.
    pub(super) fn begin(place: &Path) -> io::Result<Self> {
        let mut new = OpenOptions::new();
        new.write(true).create_new(true);
        for number in 1..=DRAFTS {
            let mut at = place.as_os_str().to_owned();
            at.push(format!("#{number}"));
            let at = PathBuf::from(at);
            match in_folder(place, || new.open(&at)) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(file) => return Ok(Self { file, at, is_kept: false }),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// Adds to its end.
    pub(super) fn write(mut self, pieces: &[Bytes]) -> io::Result<Self> {
        write_all(&mut self.file, pieces)?;
        Ok(self)
    }

    /// It is whole, and the file at `place` from now on.
    pub(super) fn keep(mut self, place: &Path) -> io::Result<()> {
        fs::rename(&self.at, place)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = fs::remove_file(&self.at)
        {
            tracing::warn!(%error, file = %self.at.display(), "an unfinished file stays until the sweep");
        }
    }
}

fn write_all(file: &mut File, pieces: &[Bytes]) -> io::Result<()> {
    pieces.iter().try_for_each(|piece| file.write_all(piece))
}

/// Opens a file; its folder is made where there is none.
fn in_folder(place: &Path, open: impl Fn() -> io::Result<File>) -> io::Result<File> {
    match (open(), place.parent()) {
        (Err(error), Some(folder)) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            open()
        }
        (opened, _) => opened,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn thread(disk: &Disk) -> std::thread::ThreadId {
        disk.run(|| Ok(std::thread::current().id())).await.unwrap()
    }

    #[tokio::test]
    async fn what_took_long_is_done_elsewhere_for_a_while() {
        let (disk, here) = (Disk::new(), std::thread::current().id());
        let begun = disk.since;
        disk.took(begun, begun + LONG);
        assert_eq!(thread(&disk).await, here);
        // As if it were to be like this for an hour.
        let ended = begun + Duration::from_hours(1);
        disk.took(begun, ended);
        assert_ne!(thread(&disk).await, here);
        let over = ended + WARY;
        assert_eq!(
            [over - Duration::from_millis(1), over].map(|at| disk.keeps_up(at)),
            [false, true]
        );
    }

    #[test]
    fn a_draft_beside_one_that_a_kill_left() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("k7/ast_1");
        let left = Draft::begin(&place).unwrap();
        let draft = Draft::begin(&place).unwrap().write(&[Bytes::from("whole")]).unwrap();
        assert!(!place.exists());
        draft.keep(&place).unwrap();
        drop(left);
        assert_eq!(fs::read(&place).unwrap(), b"whole");
        assert_eq!(fs::read_dir(folder.path().join("k7")).unwrap().count(), 1);
    }
}
