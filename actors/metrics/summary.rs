//! What the buckets of a histogram tell of the values: how many, their mean, and where parts of them lie.
//! Between the bounds of a bucket its values are taken to lie evenly.

use super::recorder::{BUCKETS, Reading, Sample, bound};

/// A histogram that was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Summary {
    counts: [u64; BUCKETS],
    /// Of all values.
    pub(crate) sum: f64,
    /// How many values.
    pub(crate) count: u64,
}

impl Summary {
    /// Of the histogram with this name; none where it is not kept.
    pub(crate) fn of(samples: &[Sample], name: &str) -> Option<Self> {
        let sample = samples.iter().find(|sample| sample.name == name)?;
        match &sample.reading {
            Reading::Histogram { counts, sum } => {
                Some(Self { counts: **counts, sum: *sum, count: counts.iter().sum() })
            }
            _ => None,
        }
    }

    /// The mean; 0 of nothing.
    pub(crate) fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    /// The value below which this part (0 to 1) of all values lies; 0 of nothing.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let wanted = part * self.count as f64;
        let mut below = 0.0;
        for (lower, upper, count) in self.buckets() {
            let here = count as f64;
            if here > 0.0 && below + here >= wanted {
                return lower + (upper - lower) * ((wanted - below) / here).clamp(0.0, 1.0);
            }
            below += here;
        }
        0.0
    }

    /// The upper bound of the highest bucket that holds a value, the lower one of the lowest.
    pub(crate) fn extremes(&self) -> (f64, f64) {
        let mut held = self.buckets().filter(|(_, _, count)| *count > 0);
        let Some((least, most, _)) = held.next() else { return (0.0, 0.0) };
        (least, held.last().map_or(most, |(_, most, _)| most))
    }

    /// The standard deviation, values taken to lie in the middle of their buckets.
    pub(crate) fn deviation(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        let mean = self.mean();
        let squares = self
            .buckets()
            .map(|(lower, upper, count)| ((lower + upper) / 2.0 - mean).powi(2) * count as f64);
        (squares.sum::<f64>() / self.count as f64).sqrt()
    }

    /// The buckets: lower and upper bound, count. The last one's upper bound is twice its lower.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (f64, f64, u64)> {
        self.counts.iter().enumerate().map(|(bucket, count)| {
            let lower = bucket.checked_sub(1).and_then(bound).unwrap_or(0.0);
            (lower, bound(bucket).unwrap_or(lower * 2.0), *count)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_within_their_buckets() {
        let mut counts = [0; BUCKETS];
        (counts[5], counts[9]) = (90, 10);
        let name = "refuge_x".to_owned();
        let samples = [Sample {
            name,
            labels: Vec::new(),
            reading: Reading::Histogram { counts: counts.into(), sum: 2.0 },
        }];
        let summary = Summary::of(&samples, "refuge_x").unwrap();
        assert_eq!((summary.count, summary.mean()), (100, 0.02));
        let (low, high) = (bound(4).unwrap(), bound(5).unwrap());
        assert!((low..=high).contains(&summary.quantile(0.5)));
        assert!((bound(8).unwrap()..=bound(9).unwrap()).contains(&summary.quantile(0.99)));
        assert_eq!(summary.extremes(), (low, bound(9).unwrap()));
        assert_eq!(Summary::of(&samples, "refuge_y"), None);
        let empty = Summary { counts: [0; BUCKETS], sum: 0.0, count: 0 };
        assert_eq!((empty.quantile(0.5), empty.deviation()), (0.0, 0.0));
    }
}
