//! The heartbeats of one carrier, and how long a way there and back takes.

use std::collections::VecDeque;

use crate::frame::{Echo, Frame, Pace};

/// Heartbeats whose echo is waited for; of older ones it says nothing of use.
const MOST_SENT: usize = 16;
/// Round trips looked back on: the shortest of them had no retransmission in it.
const MOST_SAMPLES: usize = 30;
/// Fewer may all have had one.
const LEAST_SAMPLES: usize = 5;

/// So many links beat every second: more would be more than a processor's hundredth.
const LINKS_AT_FULL_PACE: u64 = 100;
/// How often they do.
const FASTEST_MS: u64 = 1_000;
/// How much slower all beat for each further hundred: so much that a link of many costs less than one of few.
const SLOWER_BY_MS: u64 = 2_000;
/// So many links fewer than led to a pace make it faster again: one that comes and goes changes nothing.
const STEADY_LINKS: usize = 10;
/// The longest interval: beyond it a peer that is gone would show after minutes only.
const SLOWEST_MS: u64 = 60_000;

/// Heartbeats are due at multiples of this, so that those of many links go out together: most of what one
/// costs is waking the processor.
const BEAT_MS: u64 = 250;

/// How often a node with so many links is heard on each, and wants to be: every second up to 100 of them,
/// two seconds more for each further 100, up to a minute. `before_ms` is what holds now: it stays while the
/// links are only a few less than led to it.
#[must_use]
pub fn heartbeat_ms(links: usize, before_ms: u64) -> u64 {
    before_ms.clamp(paced_ms(links), paced_ms(links.saturating_add(STEADY_LINKS)))
}

fn paced_ms(links: usize) -> u64 {
    let links = u64::try_from(links).unwrap_or(u64::MAX).max(1);
    let further = links.div_ceil(LINKS_AT_FULL_PACE) - 1;
    further.saturating_mul(SLOWER_BY_MS).saturating_add(FASTEST_MS).min(SLOWEST_MS)
}

#[derive(Debug)]
pub(super) struct Pulse {
    due_ms: u64,
    next_number: u64,
    /// Numbers and times of what was sent.
    sent: VecDeque<(u64, u64)>,
    /// Number and time of the last that came.
    came: Option<(u64, u64)>,
}

impl Pulse {
    /// The first heartbeat is due at once.
    pub(super) fn new(now_ms: u64) -> Self {
        Self { due_ms: now_ms, next_number: 0, sent: VecDeque::new(), came: None }
    }

    pub(super) const fn due_ms(&self) -> u64 {
        self.due_ms
    }

    /// The next heartbeat is due no later than one that followed one of now: the pace may be faster than it was.
    pub(super) fn hasten(&mut self, now_ms: u64, pace: Pace) {
        self.due_ms = self.due_ms.min(due_ms(now_ms, pace.every_ms));
    }

    /// The next heartbeat.
    pub(super) fn beat(&mut self, now_ms: u64, pace: Pace) -> Frame {
        let number = self.next_number;
        self.next_number += 1;
        self.due_ms = due_ms(now_ms, pace.every_ms);
        if self.sent.len() == MOST_SENT {
            self.sent.pop_front();
        }
        self.sent.push_back((number, now_ms));
        let echo =
            self.came.take().map(|(number, came_ms)| Echo { number, held_ms: now_ms - came_ms });
        Frame::Heartbeat { number, pace, echo }
    }

    /// A heartbeat came. Gives the round trip that its echo tells.
    pub(super) fn took(&mut self, now_ms: u64, number: u64, echo: Option<Echo>) -> Option<u64> {
        self.came = Some((number, now_ms));
        let echo = echo?;
        let (_, sent_ms) = self.sent.iter().find(|(number, _)| *number == echo.number)?;
        now_ms.checked_sub(*sent_ms)?.checked_sub(echo.held_ms)
    }
}

/// The last beat within the promised interval; where that is short, its end.
fn due_ms(now_ms: u64, every_ms: u64) -> u64 {
    let latest_ms = now_ms + every_ms.max(1);
    let beat_ms = latest_ms - latest_ms % BEAT_MS;
    if beat_ms > now_ms + every_ms / 2 { beat_ms } else { latest_ms }
}

/// The latest round trips.
#[derive(Debug, Default)]
pub(super) struct RoundTrips(VecDeque<u64>);

impl RoundTrips {
    pub(super) fn add(&mut self, round_trip_ms: u64) {
        if self.0.len() == MOST_SAMPLES {
            self.0.pop_front();
        }
        self.0.push_back(round_trip_ms);
    }

    pub(super) fn shortest_ms(&self) -> Option<u64> {
        self.0.iter().min().copied().filter(|_| self.0.len() >= LEAST_SAMPLES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { every_ms: 1_000, asks_ms: 1_000 };

    fn parts(frame: Frame) -> (u64, Option<Echo>) {
        let Frame::Heartbeat { number, echo, .. } = frame else { panic!("a heartbeat") };
        (number, echo)
    }

    #[test]
    fn the_time_that_a_heartbeat_was_held_is_not_on_the_way() {
        let (mut near, mut far) = (Pulse::new(0), Pulse::new(0));
        let (number, echo) = parts(near.beat(0, PACE));
        assert_eq!(far.took(30, number, echo), None);
        let (number, echo) = parts(far.beat(700, PACE));
        assert_eq!(near.took(730, number, echo), Some(60));
        // The same again tells nothing.
        assert_eq!(parts(far.beat(1_700, PACE)).1, None);
    }

    #[test]
    fn an_echo_of_what_was_never_sent_tells_nothing() {
        let mut pulse = Pulse::new(0);
        pulse.beat(0, PACE);
        assert_eq!(pulse.took(5, 0, Some(Echo { number: 9, held_ms: 0 })), None);
        assert_eq!(pulse.took(5, 0, Some(Echo { number: 0, held_ms: 6 })), None);
        assert_eq!(pulse.took(5, 0, Some(Echo { number: 0, held_ms: u64::MAX })), None);
    }

    #[test]
    fn heartbeats_of_links_that_began_at_different_times_go_out_together() {
        let due = [0, 1, 249, 250, 999].map(|now_ms| due_ms(now_ms, 1_000));
        assert_eq!(due, [1_000, 1_000, 1_000, 1_250, 1_750]);
        // One that was sent a little late is no reason for another beat.
        assert_eq!(due_ms(1_007, 1_000), 2_000);
        assert_eq!([0, 130, 260].map(|now_ms| due_ms(now_ms, 200)), [200, 250, 460]);
        assert_eq!([0, 1].map(|now_ms| due_ms(now_ms, 0)), [1, 2]);
    }

    #[test]
    fn many_links_are_heard_more_slowly() {
        let intervals = [0, 1, 100, 101, 250, usize::MAX].map(paced_ms);
        assert_eq!(intervals, [1_000, 1_000, 1_000, 3_000, 5_000, 60_000]);
    }

    #[test]
    fn a_link_that_comes_and_goes_changes_no_pace() {
        let mut pace = 0;
        let paces = [0, 100, 101, 100, 101, 91, 90, 100].map(|links| {
            pace = heartbeat_ms(links, pace);
            pace
        });
        assert_eq!(paces, [1_000, 1_000, 3_000, 3_000, 3_000, 3_000, 1_000, 1_000]);
    }

    #[test]
    fn the_shortest_of_the_latest_counts() {
        let mut trips = RoundTrips::default();
        for trip in [240, 40, 640, 41, 1_440] {
            assert_eq!(trips.shortest_ms(), None);
            trips.add(trip);
        }
        assert_eq!(trips.shortest_ms(), Some(40));
        (0..30).for_each(|_| trips.add(90));
        assert_eq!(trips.shortest_ms(), Some(90));
    }
}
