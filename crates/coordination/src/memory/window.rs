//! A sliding window of counts in steps: its size does not grow with the traffic.

use std::time::Duration;

use provider::Timestamp;

/// Steps of a window: what is a twelfth of it too old may still count.
const STEPS: usize = 12;

/// Counts within a sliding window, some of them marked (the failures among the ends, the retries among
/// the attempts).
#[derive(Debug, Clone)]
pub struct Window {
    step_millis: i64,
    /// The number of the newest step since the beginning of time.
    newest: i64,
    /// By step number, in a ring: all and the marked ones.
    steps: [(u32, u32); STEPS],
}

impl Window {
    /// An empty one of this span.
    pub fn new(span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let step_millis = (millis / as_i64(STEPS)).max(1);
        Self { step_millis, newest: 0, steps: [(0, 0); STEPS] }
    }

    /// Counts one now.
    pub fn add(&mut self, now: Timestamp, marked: bool) {
        let number = self.number(now).max(self.newest);
        // What the ring holds of steps that are gone is wiped as it comes round.
        for gone in (self.newest + 1..=number).take(STEPS) {
            self.steps[place(gone)] = (0, 0);
        }
        self.newest = number;
        let (all, marks) = &mut self.steps[place(number)];
        *all = all.saturating_add(1);
        *marks = marks.saturating_add(u32::from(marked));
    }

    /// All and the marked ones of the window that ends now.
    pub fn counts(&self, now: Timestamp) -> (u32, u32) {
        let first = self.number(now) - as_i64(STEPS) + 1;
        let (mut all, mut marked) = (0_u32, 0_u32);
        for number in first.max(self.newest - as_i64(STEPS) + 1)..=self.newest {
            let (of_step, marked_of_step) = self.steps[place(number)];
            all = all.saturating_add(of_step);
            marked = marked.saturating_add(marked_of_step);
        }
        (all, marked)
    }

    fn number(&self, at: Timestamp) -> i64 {
        at.millis().div_euclid(self.step_millis)
    }
}

fn as_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn place(number: i64) -> usize {
    usize::try_from(number.rem_euclid(as_i64(STEPS))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(60);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + seconds * 1000)
    }

    #[test]
    fn what_is_older_than_the_span_is_gone() {
        let mut window = Window::new(SPAN);
        window.add(at(0), true);
        window.add(at(30), false);
        assert_eq!(window.counts(at(30)), (2, 1));
        assert_eq!(window.counts(at(59)), (2, 1));
        assert_eq!(window.counts(at(60)), (1, 0));
        assert_eq!(window.counts(at(90)), (0, 0));
        window.add(at(90), true);
        assert_eq!(window.counts(at(90)), (1, 1));
    }

    #[test]
    fn a_long_silence_leaves_nothing() {
        let mut window = Window::new(SPAN);
        for second in 0..60 {
            window.add(at(second), true);
        }
        assert_eq!(window.counts(at(59)), (60, 60));
        window.add(at(3600), false);
        assert_eq!(window.counts(at(3600)), (1, 0));
    }
}
