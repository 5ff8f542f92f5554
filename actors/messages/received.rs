//! What came and is kept for those who read the feed: which of it a page shows, who waits for more, and
//! what leaves to make room. Where the bodies are is not known here.

use std::collections::{BTreeSet, HashMap};

use refuge_http::MessagesRequest;
use refuge_mesh::{MESSAGE_LIFETIME_MS, MessageId, NodeId};
use tokio::sync::oneshot;

use super::kept::{Amount, KeptMessages};
use super::rows::{Kept, KeptRow};

/// Messages that came and are kept for those who read the feed, and bytes of their bodies.
const MOST_KEPT: Amount = Amount { count: 10_000, bytes: 64 * 1024 * 1024 };
/// Those of one sender, so that one who sends without end puts nobody else's out.
const MOST_OF_ONE: Amount = Amount { count: 2_500, bytes: 16 * 1024 * 1024 };
/// What was acknowledged is kept so long at least, so that whoever follows the feed reads it: newer messages
/// wait at their sender's until then.
const KEPT_AT_LEAST_MS: u64 = 60 * 60 * 1_000;
/// Bytes of a page, or one message.
const PAGE_BYTES: usize = 1024 * 1024;

/// What came, without its bodies, and who waits for more. The newest row stays however old it is, so that
/// numbers only grow.
#[derive(Default)]
pub(super) struct Received {
    kept: KeptMessages,
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
    pub(super) fn replace(&mut self, rows: Vec<KeptRow>) -> Vec<(NodeId, MessageId)> {
        self.last = rows.last().map_or(0, |(number, _)| *number);
        self.kept = KeptMessages::default();
        for (number, kept) in rows {
            if let Some(kept) = kept {
                self.insert(number, kept);
            }
        }
        self.gone = self.last;
        while self.kept.rows().contains_key(&self.gone) {
            self.gone -= 1;
        }
        self.kept.rows().values().map(|kept| (kept.from, kept.id)).collect()
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
        let found = self.kept.rows().iter().rev().find(|(_, kept)| its(kept));
        found.map_or(0, |(number, _)| *number)
    }

    /// Those that were kept long enough; the newest stays.
    pub(super) fn old(&self, now_ms: u64) -> Vec<u64> {
        let Some(until_ms) = now_ms.checked_sub(MESSAGE_LIFETIME_MS) else { return Vec::new() };
        self.kept.came_until(until_ms).filter(|number| *number < self.last).collect()
    }

    /// Those that leave when one of `bytes` comes from somebody: his own where he has much, else those of
    /// the one who has the most. None where these are too new to leave, and the one that comes has to wait.
    pub(super) fn leaving(&self, now_ms: u64, from: &NodeId, bytes: usize) -> Option<Vec<u64>> {
        let mut leaving = Leaving::default();
        for number in self.old(now_ms) {
            leaving.add(number, self.kept.rows().get(&number)?);
        }
        loop {
            let whose = if !leaving.left_of(&self.kept, from).has_room(MOST_OF_ONE, bytes) {
                *from
            } else if !self.kept.all().without(leaving.all).has_room(MOST_KEPT, bytes) {
                let share = |sender: &NodeId| {
                    let left = leaving.left_of(&self.kept, sender);
                    (left.bytes / MOST_KEPT.bytes.div_ceil(MOST_KEPT.count)).max(left.count)
                };
                *self.kept.senders().max_by_key(|sender| share(sender))?
            } else {
                return Some(leaving.numbers.into_iter().collect());
            };
            let mut its = self.kept.of(&whose);
            let (number, kept) = its.find(|(number, _)| !leaving.numbers.contains(number))?;
            if kept.came_ms.saturating_add(KEPT_AT_LEAST_MS) > now_ms {
                return None;
            }
            leaving.add(number, kept);
        }
    }

    pub(super) fn leave(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.kept.remove(*number);
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
        let behind = self.kept.rows().range(request.after.saturating_add(1)..);
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

/// Those that are to leave, and how much they are.
#[derive(Default)]
struct Leaving {
    numbers: BTreeSet<u64>,
    all: Amount,
    senders: HashMap<NodeId, Amount>,
}

impl Leaving {
    fn add(&mut self, number: u64, kept: &Kept) {
        if self.numbers.insert(number) {
            self.all.add(kept.bytes);
            self.senders.entry(kept.from).or_default().add(kept.bytes);
        }
    }

    /// What is left of one sender's.
    fn left_of(&self, kept: &KeptMessages, sender: &NodeId) -> Amount {
        kept.amount(sender).without(self.senders.get(sender).copied().unwrap_or_default())
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
        received.kept.rows().values().filter(|kept| kept.from == id(from)).count()
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
        assert_eq!(
            (received.kept.rows().len(), count(&received, 5), count(&received, 7)),
            (10_000, 1, 1)
        );
    }

    #[test]
    fn numbers_go_on_behind_a_row_that_cannot_be_read() {
        let application = "chat".to_owned();
        let kept = Kept { from: id(1), id: [0; 16], application, came_ms: NOW_MS, bytes: 10 };
        let rows = vec![(1, Some(kept)), (2, None)];
        let mut received = Received::default();
        assert_eq!(received.replace(rows), [(id(1), [0; 16])]);
        assert_eq!((received.next_number(), received.gone), (3, 2));
        // The newest stays however old it is.
        come(&mut received, NOW_MS, 1, 10);
        assert_eq!(received.old(NOW_MS + MESSAGE_LIFETIME_MS), [1]);
    }

    #[tokio::test]
    async fn whoever_asked_before_all_was_read_is_woken_by_it() {
        let mut received = Received::default();
        let (reply, woken) = oneshot::channel();
        received.wait(None, 0, reply);
        let application = "chat".to_owned();
        let kept = Kept { from: id(1), id: [0; 16], application, came_ms: NOW_MS, bytes: 10 };
        received.replace(vec![(7, Some(kept))]);
        assert_eq!(woken.await, Ok(7));
    }

    #[test]
    fn what_is_kept_is_counted_as_a_walk_over_it_counts() {
        let mut received = Received::default();
        // The clock goes back in between.
        let times = [NOW_MS, NOW_MS + 5, NOW_MS - MESSAGE_LIFETIME_MS, NOW_MS + 9];
        for (number, came_ms) in times.into_iter().cycle().take(40).enumerate() {
            assert!(come(&mut received, came_ms, u8::try_from(number % 3).unwrap(), number));
        }
        received.leave(&received.old(NOW_MS + 6));
        let rows = received.kept.rows();
        assert_eq!(rows.len(), 30);
        let bytes = |from: Option<u8>| {
            let its = rows.values().filter(|kept| from.is_none_or(|from| kept.from == id(from)));
            its.map(|kept| kept.bytes).sum::<usize>()
        };
        assert_eq!(received.kept.all(), Amount { count: 30, bytes: bytes(None) });
        for from in 0..3 {
            let amount = received.kept.amount(&id(from));
            assert_eq!((amount.count, amount.bytes), (count(&received, from), bytes(Some(from))));
        }
        // What is as old as it may be leaves with the next that comes.
        assert_eq!(received.leaving(NOW_MS + MESSAGE_LIFETIME_MS, &id(1), 1).unwrap().len(), 10);
    }
}
