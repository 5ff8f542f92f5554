//! The lives of the peer's end: which is the present one, and what we have seen of it.

use std::collections::VecDeque;

/// Past lives remembered: what comes late is of one of the last.
const PAST: usize = 8;

#[derive(Debug, Default)]
pub(super) struct PeerSession {
    present: Option<u64>,
    /// The highest number of its dials whose hello came.
    highest_dial: u64,
    past: VecDeque<u64>,
}

/// What a session number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// The one that we know.
    Present,
    /// A new one: all that was of another is gone.
    New,
    /// One that another has followed.
    Past,
}

impl PeerSession {
    pub(super) fn life(&self, session: u64) -> Life {
        if self.past.contains(&session) {
            Life::Past
        } else if self.present == Some(session) {
            Life::Present
        } else {
            Life::New
        }
    }

    /// This is its life from now on.
    pub(super) fn begin(&mut self, session: u64) {
        if let Some(former) = self.present.replace(session) {
            if self.past.len() == PAST {
                self.past.pop_front();
            }
            self.past.push_back(former);
        }
        self.highest_dial = 0;
    }

    /// The hello of a dial came.
    pub(super) fn saw(&mut self, dial: u64) {
        self.highest_dial = self.highest_dial.max(dial);
    }

    /// For our next hello.
    pub(super) fn seen(&self) -> Option<(u64, u64)> {
        self.present.map(|session| (session, self.highest_dial))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_that_another_followed_never_comes_back() {
        let mut peer = PeerSession::default();
        assert_eq!(peer.life(1), Life::New);
        peer.begin(1);
        peer.saw(4);
        assert_eq!((peer.life(1), peer.seen()), (Life::Present, Some((1, 4))));
        peer.begin(2);
        assert_eq!((peer.life(1), peer.life(2)), (Life::Past, Life::Present));
        assert_eq!(peer.seen(), Some((2, 0)));
        for life in 3..20 {
            peer.begin(life);
        }
        assert_eq!(peer.past.len(), PAST);
    }
}
