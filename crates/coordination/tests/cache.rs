//! What the cache in memory takes: weighed by itself, and by the kernel.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, sync::Arc, time::Duration};

use coordination::{Cache as _, CacheKey, Entry, Kin, Labels, memory::MemoryCache};
use provider::{Clock as _, ManualClock, Timestamp};

const LIMIT: u64 = 32 << 20;
const ENTRIES: u32 = 100_000;

fn key(n: u32) -> CacheKey {
    let mut key = [0; 32];
    // Spread as hashes are, so that no shard of a map gets more than the others.
    for (place, part) in key.chunks_mut(4).enumerate() {
        let salt = u32::try_from(place).unwrap_or(0).wrapping_mul(0x85eb_ca6b);
        part.copy_from_slice(&(n ^ salt).wrapping_mul(0x9e37_79b9).to_le_bytes());
    }
    key
}

fn entry(clock: &ManualClock, n: u32) -> Entry {
    let signature: Vec<u32> = (0..128).map(|place| n.wrapping_mul(place)).collect();
    Entry {
        labels: Labels {
            team: "team_01k9x0s7n2m4p6q8r0t2v4w6y8".into(),
            asked_with: "atl_abcdefgh".into(),
            models: ["photo".into(), "zekron/zekron-image-1".into()].into(),
        },
        asked_at: clock.now(),
        made_at: clock.now(),
        until: clock.now().plus(Duration::from_secs(86_400)),
        body: format!("{{\"generation\":\"gen_{n}\",\"outputs\":\"{}\"}}", "x".repeat(250)).into(),
        kin: n.is_multiple_of(2).then(|| Kin { group: key(n % 1000), signature: signature.into() }),
    }
}

/// Resident memory of this process.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn a_hundred_thousand_answers_stay_within_the_memory_that_is_given() {
    let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
    let cache = MemoryCache::new(Arc::new(clock.clone()), LIMIT, None);
    let before = resident();
    for n in 0..ENTRIES {
        cache.put(key(n), entry(&clock, n)).await;
        // What was just put is there, however full it is.
        assert!(cache.get(&key(n)).await.is_some(), "{n}");
    }
    let (bytes, entries) = cache.size();
    assert!(bytes <= LIMIT, "{bytes} bytes by its own scales");
    assert!(entries > 10_000, "only {entries} answers fit");
    assert!(entries < u64::from(ENTRIES), "all of them fit: this tests nothing");
    let grown = resident().saturating_sub(before);
    println!("{entries} answers weigh {bytes}, and the process grew by {grown}");
    // The allocator keeps some of what was freed.
    assert!(grown <= LIMIT + LIMIT / 4, "{grown} bytes by the kernel's");
}
