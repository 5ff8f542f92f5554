//! What came and is kept for those who read the feed: which of it a page shows, who waits for more, and
//! what leaves to make room. Where the bodies are is not known here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use refuge_http::MessagesRequest;
use refuge_mesh::{MESSAGE_LIFETIME_MS, MessageId, NodeId};
use tokio::sync::oneshot;

use super::rows::Kept;

/// Messages that came and are kept for those who read the feed, and bytes of their bodies.
const MOST_KEPT: Amount = Amount { count: 10_000, bytes: 64 * 1024 * 1024 };
/// Those of one sender, so that one who sends without end puts nobody else's out.
const MOST_OF_ONE: Amount = Amount { count: 2_500, bytes: 16 * 1024 * 1024 };
/// What was acknowledged is kept so long at least, so that whoever follows the feed reads it: newer messages
/// wait at their sender's until then.
const KEPT_AT_LEAST_MS: u64 = 60 * 60 * 1_000;
/// Bytes of a page, or one message.
const PAGE_BYTES: usize = 1024 * 1024;

/// How many, and how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amount {
    count: usize,
    bytes: usize,
}

impl Amount {
    const fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes;
    }

    const fn take(&mut self, bytes: usize) {
        self.count -= 1;
        self.bytes -= bytes;
    }

    /// Whether one more of `bytes` fits.
    const fn has_room(self, most: Self, bytes: usize) -> bool {
        self.count < most.count && self.bytes + bytes <= most.bytes
    }
}

/// What came, without its bodies, and who waits for more. The newest row stays however old it is, so that
/// numbers only grow.
#[derive(Default)]
pub(super) struct Received {
    kept: BTreeMap<u64, Kept>,
    /// The newest of which there is a row, be it readable or not.
    last: u64,
    /// The newest that is kept no more.
    gone: u64,
    waiters: Vec<Waiter>,
}

struct Waiter {
    application: Option<String>,
    number: u64,
    reply: oneshot::Sender<u64>,
}

impl Waiter {
    fn wants(&self, number: u64, application: &str) -> bool {
        let its = self.application.as_deref().is_none_or(|wanted| wanted == application);
        its && number > self.number
    }
}

impl Received {
    /// Takes what is on disk; the senders and ids of it, in order.
    pub(super) fn replace(&mut self, rows: Vec<(u64, Option<Kept>)>) -> Vec<(NodeId, MessageId)> {
        self.last = rows.last().map_or(0, |(number, _)| *number);
        let readable = rows.into_iter().filter_map(|(number, kept)| Some((number, kept?)));
        self.kept = readable.collect();
        self.gone = self.last;
        while self.kept.contains_key(&self.gone) {
            self.gone -= 1;
        }
        self.kept.values().map(|kept| (kept.from, kept.id)).collect()
    }

    /// Waits until there is more.
    pub(super) fn wait(
        &mut self,
        application: Option<String>,
        number: u64,
        reply: oneshot::Sender<u64>,
    ) {
        let newest = self.newest(application.as_deref());
        if newest > number {
            let _ = reply.send(newest);
            return;
        }
        // Who went away no longer waits.
        self.waiters.retain(|waiter| !waiter.reply.is_closed());
        self.waiters.push(Waiter { application, number, reply });
    }

    pub(super) const fn next_number(&self) -> u64 {
        self.last + 1
    }

    /// The newest for an application; 0 before the first.
    pub(super) fn newest(&self, application: Option<&str>) -> u64 {
        let its = |kept: &Kept| application.is_none_or(|wanted| wanted == kept.application);
        let found = self.kept.iter().rev().find(|(_, kept)| its(kept));
        found.map_or(0, |(number, _)| *number)
    }

    /// Those that were kept long enough; the newest stays.
    pub(super) fn old(&self, now_ms: u64) -> Vec<u64> {
        let is_old = |kept: &Kept| kept.came_ms.saturating_add(MESSAGE_LIFETIME_MS) <= now_ms;
        let old = self.kept.iter().filter(|(number, kept)| **number < self.last && is_old(kept));
        old.map(|(number, _)| *number).collect()
    }

    /// Those that leave when one of `bytes` comes from somebody: his own where he has much, else those of
    /// the one who has the most. None where these are too new to leave, and the one that comes has to wait.
    pub(super) fn leaving(&self, now_ms: u64, from: &NodeId, bytes: usize) -> Option<Vec<u64>> {
        let mut leaving: BTreeSet<u64> = self.old(now_ms).into_iter().collect();
        let mut senders: HashMap<NodeId, Amount> = HashMap::new();
        let mut all = Amount::default();
        for (_, kept) in self.kept.iter().filter(|(number, _)| !leaving.contains(number)) {
            senders.entry(kept.from).or_default().add(kept.bytes);
            all.add(kept.bytes);
        }
        loop {
            let own = senders.get(from).copied().unwrap_or_default();
            let whose = if !own.has_room(MOST_OF_ONE, bytes) {
                *from
            } else if !all.has_room(MOST_KEPT, bytes) {
                let share = |amount: &Amount| {
                    (amount.bytes / MOST_KEPT.bytes.div_ceil(MOST_KEPT.count)).max(amount.count)
                };
                *senders.iter().max_by_key(|(_, amount)| share(amount))?.0
            } else {
                return Some(leaving.into_iter().collect());
            };
            let mut its = self.kept.iter().filter(|(_, kept)| kept.from == whose);
            let (number, kept) = its.find(|(number, _)| !leaving.contains(number))?;
            if kept.came_ms.saturating_add(KEPT_AT_LEAST_MS) > now_ms {
                return None;
            }
            leaving.insert(*number);
            senders.entry(whose).or_default().take(kept.bytes);
            all.take(kept.bytes);
        }
    }

    pub(super) fn leave(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.kept.remove(number);
            self.gone = self.gone.max(*number);
        }
    }

    pub(super) fn insert(&mut self, number: u64, kept: Kept) {
        for waiter in self.waiters.extract_if(.., |one| one.wants(number, &kept.application)) {
            let _ = waiter.reply.send(number);
        }
        self.last = self.last.max(number);
        self.kept.insert(number, kept);
    }

    /// Whether some behind a number are kept no more.
    pub(super) const fn missed(&self, after: u64) -> bool {
        after < self.gone
    }

    /// The numbers of a page.
    pub(super) fn numbers(&self, request: &MessagesRequest) -> Vec<u64> {
        let behind = self.kept.range(request.after.saturating_add(1)..);
        let wanted = request.application.as_deref();
        let its = behind.filter(|(_, kept)| wanted.is_none_or(|app| app == kept.application));
        let (mut numbers, mut bytes) = (Vec::new(), 0);
        for (number, kept) in its.take(request.limit) {
            if bytes > 0 && bytes + kept.bytes > PAGE_BYTES {
                break;
            }
            bytes += kept.bytes;
            numbers.push(*number);
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn id(byte: u8) -> NodeId {
        NodeId::from_digest([byte; 32])
    }

    /// A message, where there is room for it.
    fn come(received: &mut Received, now_ms: u64, from: u8, bytes: usize) -> bool {
        let Some(leaving) = received.leaving(now_ms, &id(from), bytes) else { return false };
        let number = received.next_number();
        received.leave(&leaving);
        let application = "chat".to_owned();
        let kept = Kept { from: id(from), id: [0; 16], application, came_ms: now_ms, bytes };
        received.insert(number, kept);
        true
    }

    fn count(received: &Received, from: u8) -> usize {
        received.kept.values().filter(|kept| kept.from == id(from)).count()
    }

    #[test]
    fn a_sender_that_floods_puts_out_nothing_of_others() {
        let mut received = Received::default();
        for _ in 0..10 {
            assert!(come(&mut received, NOW_MS, 1, 10));
        }
        let taken = (0..5_000).filter(|_| come(&mut received, NOW_MS, 2, 10)).count();
        assert_eq!((taken, count(&received, 1), count(&received, 2)), (2_500, 10, 2_500));
        assert!(come(&mut received, NOW_MS, 1, 10), "there is room for others");
        // Later its own leave, one for one.
        let later = NOW_MS + KEPT_AT_LEAST_MS;
        assert!((0..100).all(|_| come(&mut received, later, 2, 10)));
        assert_eq!((count(&received, 1), count(&received, 2), received.gone), (11, 2_500, 110));
        // Few that are large are much, too.
        let large = (0..5_000).filter(|_| come(&mut received, later, 3, 60 * 1024)).count();
        assert_eq!(large, MOST_OF_ONE.bytes / (60 * 1024));
    }

    #[test]
    fn of_many_senders_the_one_with_the_most_makes_room() {
        let mut received = Received::default();
        for from in 1..=4 {
            for _ in 0..if from == 4 { 2_498 } else { 2_500 } {
                assert!(come(&mut received, NOW_MS, from, 10));
            }
        }
        for from in [5, 6] {
            assert!(come(&mut received, NOW_MS, from, 10));
        }
        assert!(!come(&mut received, NOW_MS, 7, 10), "all are new");
        assert!(come(&mut received, NOW_MS + KEPT_AT_LEAST_MS, 7, 10));
        assert_eq!((received.kept.len(), count(&received, 5), count(&received, 7)), (10_000, 1, 1));
    }

    #[test]
    fn numbers_go_on_behind_a_row_that_cannot_be_read() {
        let mut received = Received::default();
        come(&mut received, NOW_MS, 1, 10);
        let mut rows: Vec<_> = received.kept.into_iter().map(|(at, one)| (at, Some(one))).collect();
        rows.push((2, None));
        let mut received = Received::default();
        assert_eq!(received.replace(rows), [(id(1), [0; 16])]);
        assert_eq!((received.next_number(), received.gone), (3, 2));
        // The newest stays however old it is.
        come(&mut received, NOW_MS, 1, 10);
        assert_eq!(received.old(NOW_MS + MESSAGE_LIFETIME_MS), [1]);
    }
}
