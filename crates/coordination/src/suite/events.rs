//! Checks of [`Events`].

use std::sync::Arc;

use super::{now, start};
use crate::Events;

/// Everybody who watches an id is told, and nobody else.
pub async fn watchers_are_told(events: &dyn Events<u32>) {
    let mut one = events.subscribe("gen_a");
    let mut two = events.subscribe("gen_a");
    let mut other = events.subscribe("gen_b");
    events.publish("gen_a", Arc::new(1));
    assert_eq!(one.next().await.as_deref(), Some(&1));
    assert_eq!(two.next().await.as_deref(), Some(&1));
    assert!(now(&mut start(other.next())).await.is_none());
}

/// A slow watcher misses what is in between, never the newest; each event comes once.
pub async fn the_newest_wins(events: &dyn Events<u32>) {
    let mut watcher = events.subscribe("gen_a");
    events.publish("gen_a", Arc::new(1));
    events.publish("gen_a", Arc::new(2));
    assert_eq!(watcher.next().await.as_deref(), Some(&2));
    let mut next = start(watcher.next());
    assert!(now(&mut next).await.is_none());
    events.publish("gen_a", Arc::new(3));
    assert_eq!(now(&mut next).await.flatten().as_deref(), Some(&3));
}

/// Nothing is kept for those who come late, whether or not somebody else watched.
pub async fn late_watchers_see_the_future_only(events: &dyn Events<u32>) {
    events.publish("gen_a", Arc::new(1));
    let early = events.subscribe("gen_a");
    events.publish("gen_a", Arc::new(2));
    let mut late = events.subscribe("gen_a");
    drop(early);
    let mut next = start(late.next());
    assert!(now(&mut next).await.is_none());
    events.publish("gen_a", Arc::new(3));
    assert_eq!(now(&mut next).await.flatten().as_deref(), Some(&3));
}
