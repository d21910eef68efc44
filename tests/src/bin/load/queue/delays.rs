//! What the gateway's own metrics say.

/// How late looks were begun: a histogram, each count with all that came in faster.
#[derive(Debug)]
pub(super) struct Delays {
    /// A bucket's upper bound in seconds as it is written there, and its count.
    buckets: Vec<(String, u64)>,
}

impl Delays {
    pub(super) fn read(metrics: &str) -> Self {
        let bucket = |line: &str| {
            let line = line.strip_prefix("atelier_poll_delay_seconds_bucket{")?;
            let (labels, count) = line.split_once("} ")?;
            let (_, bound) = labels.split_once("le=\"")?;
            let (bound, _) = bound.split_once('"')?;
            Some((bound.to_owned(), count.trim().parse().ok()?))
        };
        Self { buckets: metrics.lines().filter_map(bucket).collect() }
    }

    /// All looks.
    pub(super) fn looks(&self) -> u64 {
        self.buckets.last().map_or(0, |(_, count)| *count)
    }

    /// Looks that were later than this bound, which must be a bucket's.
    pub(super) fn over(&self, bound: &str) -> u64 {
        let within = self.buckets.iter().find(|(known, _)| known == bound);
        self.looks().saturating_sub(within.map_or(0, |(_, count)| *count))
    }

    /// The bound that no look was beyond.
    pub(super) fn bound(&self) -> &str {
        let holds_all = |(_, count): &&(String, u64)| *count == self.looks();
        self.buckets.iter().find(holds_all).map_or("none", |(bound, _)| bound)
    }
}

/// The sum of a counter over all its labels.
pub(super) fn total(metrics: &str, name: &str) -> u64 {
    let value = |line: &str| {
        let labels = line.strip_prefix(name)?.strip_prefix('{')?;
        labels.rsplit(' ').next()?.parse::<u64>().ok()
    };
    metrics.lines().filter_map(value).sum()
}
