//! What the kernel says about processes.

use std::{fs, time::Duration};

use crate::Result;

/// `USER_HZ`, which Linux has fixed at 100 for every program.
const TICKS_PER_SECOND: u64 = 100;

/// The CPU time of these processes so far, in user and kernel, ended threads included.
pub(crate) fn cpu(pids: &[u32]) -> Result<Duration> {
    let mut ticks = 0;
    for pid in pids {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name in parentheses may hold anything; the numbers follow the last parenthesis.
        let numbers = stat.rsplit(')').next().unwrap_or_default();
        let mut numbers = numbers.split_whitespace().skip(11);
        let mut next = || numbers.next().unwrap_or_default().parse::<u64>();
        ticks += next()? + next()?;
    }
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// The CPU time of everything on this machine so far, idling not counted.
pub(crate) fn machine_cpu() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().unwrap_or_default();
    // user, nice, system, idle, iowait, irq, softirq; guests are in the first two already.
    let ticks = line.split_whitespace().skip(1).take(7).map(str::parse::<u64>);
    let mut busy = 0;
    for (place, ticks) in ticks.enumerate() {
        if !matches!(place, 3 | 4) {
            busy += ticks?;
        }
    }
    Ok(Duration::from_millis(busy * 1000 / TICKS_PER_SECOND))
}

/// A process and its children.
pub(crate) fn family(parent: u32) -> Result<Vec<u32>> {
    let mut all = vec![parent];
    for entry in fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        if field(&status, "PPid:") == Some(u64::from(parent)) {
            all.push(pid);
        }
    }
    Ok(all)
}

/// Resident memory now, and the most since [`forget_peak`], in kB.
pub(crate) fn memory(pid: u32) -> Result<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let read = |name: &str| field(&status, name).ok_or("the kernel does not tell memory");
    Ok((read("VmRSS:")?, read("VmHWM:")?))
}

/// From now on the peak is counted anew.
pub(crate) fn forget_peak(pid: u32) -> Result<()> {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
