//! How large batches are: so large that few round trips are needed, and so small that an answer comes
//! within seconds, however slow the link. Learned from the time that each answer took, for each end by
//! itself, since one of them is often this very node.

use super::requests::Outstanding;
use super::{Purpose, Replication};
use crate::exchange::{Answer, Request};
use crate::settings::Settings;

/// An answer is to come within so long: what a cut costs at most, and how long a stop waits.
const GOAL_MS: u64 = 4_000;
/// Where it comes within a quarter of that, the next may be twice as large.
const QUICK_MS: u64 = GOAL_MS / 4;
/// Batches do not become smaller than this: each costs four round trips whatever is in it.
const LEAST_DOCUMENTS: usize = 25;
/// 16 KiB: a second or two of a modem.
const LEAST_BYTES: usize = 16 << 10;
/// At most to a quarter in one step: one slow answer may be a chance.
const LARGEST_STEP: usize = 4;

/// The sizes that are asked for now.
#[derive(Debug)]
pub(super) struct Pacing {
    /// Rows of a page of the source, and documents that the target compares.
    read: Size,
    compared: Size,
    /// Bytes that the source sends, and that the target stores.
    fetched: Size,
    stored: Size,
}

/// One of the sizes, between its bounds.
#[derive(Debug)]
struct Size {
    now: usize,
    least: usize,
    most: usize,
}

impl Pacing {
    pub(super) fn new(settings: &Settings) -> Self {
        let documents =
            || Size::new(settings.batch_documents, LEAST_DOCUMENTS, settings.most_batch_documents);
        let bytes = || Size::new(settings.batch_bytes, LEAST_BYTES, settings.most_batch_bytes);
        Self { read: documents(), compared: documents(), fetched: bytes(), stored: bytes() }
    }

    /// Documents of the next batch.
    pub(super) fn documents(&self) -> usize {
        self.read.now.min(self.compared.now)
    }

    /// Bytes of the next documents that are read together.
    pub(super) fn bytes(&self) -> usize {
        self.fetched.now.min(self.stored.now)
    }

    /// A request failed after so long: the next is smaller, since a link that was cut may be again, and
    /// much smaller where it was slow.
    pub(super) fn failed(&mut self, request: &Request, took_ms: u64) {
        let size = match request {
            Request::Documents { .. } => &mut self.fetched,
            Request::Store { .. } => &mut self.stored,
            Request::RevisionsDiff { .. } => &mut self.compared,
            _ => return,
        };
        let step = if took_ms > GOAL_MS { LARGEST_STEP } else { 2 };
        size.now = (size.now / step).max(size.least);
    }
}

impl Size {
    /// What is asked for is never below 1, and the least is no more than where it begins.
    fn new(begin: usize, least: usize, most: usize) -> Self {
        let begin = begin.max(1);
        Self { now: begin, least: least.min(begin), most: most.max(begin) }
    }

    /// So much of it was answered in so long, of `asked` at most.
    fn learn(&mut self, answered: usize, asked: usize, took_ms: u64) {
        if took_ms > GOAL_MS {
            let fitting = u128::from(GOAL_MS) * answered as u128 / u128::from(took_ms);
            let fitting = usize::try_from(fitting).unwrap_or(usize::MAX);
            self.now = fitting.clamp(self.now / LARGEST_STEP, self.now).max(self.least);
        } else if took_ms <= QUICK_MS && answered >= asked / 2 && self.now <= asked {
            self.now = self.now.saturating_mul(2).min(self.most);
        }
    }
}

impl Replication {
    /// Learns from the time that an answer took. What was waited for on purpose says nothing, nor does
    /// a feed of which most is left out.
    pub(super) fn keep_pace(&mut self, outstanding: &Outstanding, answer: &Answer) {
        let took_ms = self.now_ms.saturating_sub(outstanding.sent_ms);
        let bytes = |documents: &[bytes::Bytes]| documents.iter().map(bytes::Bytes::len).sum();
        match (outstanding.purpose, &outstanding.request, answer) {
            (
                Purpose::Page,
                Request::Changes { selection, limit, wait: false, .. },
                Answer::Changes(page),
            ) if !selection.is_selective() => {
                self.pacing.read.learn(page.rows.len(), *limit, took_ms);
            }
            (Purpose::Compare(_), Request::RevisionsDiff { revisions }, _) => {
                let asked = self.pacing.documents();
                self.pacing.compared.learn(revisions.len(), asked, took_ms);
            }
            // What came of it in a second says nothing of what a whole one takes.
            (_, request @ Request::Documents { .. }, Answer::Documents(page)) if page.broke_off => {
                self.pacing.failed(request, took_ms);
            }
            (_, Request::Documents { limit_bytes, .. }, Answer::Documents(page)) => {
                let more = !page.remaining.is_empty();
                let came = bytes(&page.documents);
                let came = if more && took_ms <= QUICK_MS { *limit_bytes } else { came };
                self.pacing.fetched.learn(came, *limit_bytes, took_ms);
            }
            (_, Request::Store { documents }, _) => {
                let asked = self.pacing.bytes();
                self.pacing.stored.learn(bytes(documents), asked, took_ms);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A link of so many bytes a second and so much latency, over which sizes are asked for until they
    /// stand: the last answer's time.
    fn settled(mut size: Size, bytes_per_second: u64, latency_ms: u64) -> (usize, u64) {
        let mut took_ms = 0;
        for _ in 0..50 {
            took_ms = latency_ms + size.now as u64 * 1_000 / bytes_per_second;
            size.learn(size.now, size.now, took_ms);
        }
        (size.now, took_ms)
    }

    fn bytes() -> Size {
        Size::new(Settings::BATCH_BYTES, LEAST_BYTES, Settings::MOST_BATCH_BYTES)
    }

    #[test]
    fn an_answer_stays_within_seconds_on_links_of_every_speed() {
        for bytes_per_second in [8_000, 16_000, 125_000, 1_000_000, 10_000_000, 1_000_000_000] {
            let (size, took_ms) = settled(bytes(), bytes_per_second, 300);
            assert!(took_ms <= GOAL_MS, "{bytes_per_second}: {size} bytes in {took_ms} ms");
        }
        assert_eq!(settled(bytes(), 1_000_000_000, 300).0, Settings::MOST_BATCH_BYTES);
        assert!(settled(bytes(), 125_000, 300).0 >= 64 << 10, "not smaller than it needs to be");
    }

    #[test]
    fn one_slow_answer_takes_a_quarter_at_most_and_sizes_grow_again() {
        let mut size = Size::new(1 << 20, LEAST_BYTES, 4 << 20);
        size.learn(10, 1 << 20, 600_000);
        assert_eq!(size.now, 256 << 10);
        for _ in 0..20 {
            size.learn(size.now, size.now, 5);
        }
        assert_eq!(size.now, 4 << 20);
    }

    #[test]
    fn what_is_not_full_says_nothing_of_more() {
        let mut size = Size::new(500, LEAST_DOCUMENTS, 2_000);
        size.learn(3, 500, 5);
        assert_eq!(size.now, 500);
    }

    #[test]
    fn a_size_that_somebody_set_is_kept_to() {
        let mut size = Size::new(10, LEAST_DOCUMENTS, 10);
        size.learn(10, 10, 1);
        assert_eq!(size.now, 10);
        size.learn(10, 10, 60_000);
        assert_eq!(size.now, 10, "it is small already");
    }
}
