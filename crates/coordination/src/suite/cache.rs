//! Checks of [`Cache`]. They want room for a few entries, and an idle time of an hour.

use std::{sync::Arc, time::Duration};

use provider::{Clock, ManualClock};

use crate::{Cache, CacheKey, Entry, Kin, Labels, Purge, hex};

const fn key(byte: u8) -> CacheKey {
    [byte; 32]
}

/// An answer that is good for half an hour.
fn entry(clock: &ManualClock, body: &'static str) -> Entry {
    let now = clock.now();
    Entry {
        labels: Labels {
            team: "team_1".into(),
            asked_with: "atl_abcd".into(),
            models: ["photo".into(), "zekron/image-1".into()].into(),
        },
        asked_at: now,
        made_at: now,
        until: now.plus(Duration::from_secs(1800)),
        body: body.into(),
        kin: None,
    }
}

async fn body(cache: &dyn Cache, byte: u8) -> Option<String> {
    let found = cache.get(&key(byte)).await?;
    Some(String::from_utf8_lossy(&found.body).into_owned())
}

/// An answer is given as it was put, replaced by a newer one, and gone when it is removed.
pub async fn answers_are_kept(cache: &dyn Cache, clock: &ManualClock) {
    assert!(cache.get(&key(1)).await.is_none());
    cache.put(key(1), entry(clock, "a lighthouse")).await;
    cache.put(key(2), entry(clock, "a fox")).await;
    assert_eq!(cache.get(&key(1)).await.as_deref(), Some(&entry(clock, "a lighthouse")));
    cache.put(key(1), entry(clock, "another lighthouse")).await;
    assert_eq!(body(cache, 1).await.as_deref(), Some("another lighthouse"));
    cache.remove(&key(1)).await;
    cache.remove(&key(9)).await;
    assert_eq!((body(cache, 1).await, body(cache, 2).await.as_deref()), (None, Some("a fox")));
}

/// An answer is given until its moment, and not at it.
pub async fn answers_end_with_their_moment(cache: &dyn Cache, clock: &ManualClock) {
    cache.put(key(1), entry(clock, "a fox")).await;
    clock.advance(Duration::from_millis(1_799_999));
    assert!(cache.get(&key(1)).await.is_some());
    clock.advance(Duration::from_millis(1));
    assert!(cache.get(&key(1)).await.is_none());
    cache.put(key(1), entry(clock, "a fox")).await;
    assert!(cache.get(&key(1)).await.is_some(), "a new one is good again");
}

/// An answer that nobody asks for is forgotten; each question keeps it for a while.
pub async fn idle_answers_are_forgotten(cache: &dyn Cache, clock: &ManualClock) {
    let day =
        |body| Entry { until: clock.now().plus(Duration::from_secs(86_400)), ..entry(clock, body) };
    cache.put(key(1), day("asked for")).await;
    cache.put(key(2), day("forgotten")).await;
    for _ in 0..3 {
        clock.advance(Duration::from_secs(3599));
        assert!(cache.get(&key(1)).await.is_some());
    }
    assert!(cache.get(&key(2)).await.is_none());
}

/// Answers are revoked by whose they are, what made them, and the beginning of either key; of several
/// words all must fit.
pub async fn answers_are_revoked(cache: &dyn Cache, clock: &ManualClock) {
    let other = || Entry {
        labels: Labels {
            team: "team_2".into(),
            asked_with: "atl_wxyz".into(),
            models: ["photo".into(), "zsky/image".into()].into(),
        },
        ..entry(clock, "another team's")
    };
    let text = |text: &str| Some(text.to_owned());
    let own_key = hex(&key(2));
    for (what, left) in [
        (Purge { team: text("team_1"), ..Purge::default() }, (false, true)),
        (Purge { team: text("team"), ..Purge::default() }, (true, true)),
        (Purge { model: text("photo"), ..Purge::default() }, (false, false)),
        (Purge { model: text("zsky/image"), ..Purge::default() }, (true, false)),
        (Purge { key_prefix: text(&own_key[..6]), ..Purge::default() }, (true, false)),
        (Purge { key_prefix: text("atl_abcd"), ..Purge::default() }, (false, true)),
        (Purge { key_prefix: text("atl_abcdefgh"), ..Purge::default() }, (true, true)),
        (Purge { key_prefix: text("atl_wx"), ..Purge::default() }, (true, false)),
        (Purge { key_prefix: text("atl_"), ..Purge::default() }, (false, false)),
        (Purge { key_prefix: text("bcd"), ..Purge::default() }, (true, true)),
        (
            Purge { team: text("team_1"), model: text("zsky/image"), ..Purge::default() },
            (true, true),
        ),
        (Purge::default(), (false, false)),
    ] {
        cache.put(key(1), entry(clock, "one team's")).await;
        cache.put(key(2), other()).await;
        let gone = u64::from(!left.0) + u64::from(!left.1);
        assert_eq!(cache.purge(&what).await, gone, "{what:?}");
        let there = (body(cache, 1).await.is_some(), body(cache, 2).await.is_some());
        assert_eq!(there, left, "{what:?}");
        // The next ones are asked for after it.
        clock.advance(Duration::from_millis(1));
    }
}

/// What was asked for before a revocation that means it, and is ready after it, is not kept.
pub async fn what_is_revoked_does_not_come_back(cache: &dyn Cache, clock: &ManualClock) {
    let in_flight = entry(clock, "asked for before");
    clock.advance(Duration::from_secs(60));
    let of = |team: &str| Purge { team: Some(team.to_owned()), ..Purge::default() };
    assert_eq!(cache.purge(&of("team_2")).await, 0);
    cache.put(key(1), in_flight.clone()).await;
    assert!(cache.get(&key(1)).await.is_some(), "another team's was revoked");
    assert_eq!(cache.purge(&of("team_1")).await, 1);
    clock.advance(Duration::from_secs(60));
    cache.put(key(1), in_flight).await;
    assert!(cache.get(&key(1)).await.is_none());
    cache.put(key(1), entry(clock, "asked for after")).await;
    assert_eq!(body(cache, 1).await.as_deref(), Some("asked for after"));
}

/// Of one group the nearest is found that is near enough, the newest of equal ones, and none that is gone.
pub async fn the_nearest_is_found(cache: &dyn Cache, clock: &ManualClock) {
    let kin =
        |group, signature: [u32; 10]| Kin { group: key(group), signature: Arc::new(signature) };
    let like = |kin| Entry { kin: Some(kin), ..entry(clock, "like") };
    let all = [1; 10];
    let mut nine = all;
    nine[3] = 0;
    let mut eight = nine;
    eight[7] = 0;
    cache.put(key(1), like(kin(1, eight))).await;
    cache.put(key(2), like(kin(2, all))).await;
    let nearest = async |least| {
        let found = cache.nearest(&kin(1, all), least).await;
        found.map(|(key, _)| key[0])
    };
    assert_eq!(nearest(800).await, Some(1));
    assert_eq!(nearest(801).await, None, "nor is another group looked at");
    cache.put(key(3), like(kin(1, nine))).await;
    cache.put(key(4), like(kin(1, nine))).await;
    assert_eq!(nearest(800).await, Some(4));
    cache.remove(&key(4)).await;
    assert_eq!(nearest(800).await, Some(3));
    cache.put(key(1), like(kin(1, all))).await;
    assert_eq!(nearest(1000).await, Some(1), "it took the place of the one before");
    clock.advance(Duration::from_secs(1800));
    assert_eq!(nearest(800).await, None);
}
