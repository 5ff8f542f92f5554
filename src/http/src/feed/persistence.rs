//! Asking again while an actor behind a feed is being restarted, so that the feed outlives restarts.
//! What is asked is the caller's.

use std::time::Duration;

use tokio::time::Instant;

use crate::failure::Failure;

/// First pause; a restart usually takes less than that.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long it is asked again: about as long as a branch of the node may take to come back.
const PATIENCE: Duration = Duration::from_secs(30);

/// The pauses between questions: doubling, bounded, and ended by a deadline.
#[derive(Clone, Copy, Debug)]
struct Pauses {
    next: Duration,
    deadline: Instant,
}

impl Pauses {
    fn new(now: Instant) -> Self {
        Self { next: FIRST_PAUSE, deadline: now + PATIENCE }
    }

    /// The pause before the next question; `None` when it is time to give up.
    fn take(&mut self, now: Instant) -> Option<Duration> {
        if now >= self.deadline {
            return None;
        }
        let pause = self.next;
        self.next = (pause * 2).min(LONGEST_PAUSE);
        Some(pause)
    }
}

/// Asks until the answer is another one than `Failure::Unavailable`, for a while. `is_gone` is asked
/// after each pause and ends it with a failure where there is nobody left to ask.
pub(crate) async fn persist<R, F, G>(
    ask: impl Fn() -> F,
    is_gone: impl Fn() -> G,
) -> Result<R, Failure>
where
    F: Future<Output = Result<R, Failure>>,
    G: Future<Output = Option<Failure>>,
{
    let mut pauses = None;
    loop {
        let answer = ask().await;
        let Err(Failure::Unavailable(reason)) = answer else { return answer };
        let now = Instant::now();
        let Some(pause) = pauses.get_or_insert_with(|| Pauses::new(now)).take(now) else {
            return Err(Failure::Unavailable(reason));
        };
        tokio::time::sleep(pause).await;
        if let Some(gone) = is_gone().await {
            return Err(gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second_and_end() {
        let begin = Instant::now();
        let mut pauses = Pauses::new(begin);
        let taken: Vec<u128> =
            (0..9).filter_map(|_| pauses.take(begin)).map(|pause| pause.as_millis()).collect();
        assert_eq!(taken, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert_eq!(pauses.take(begin + PATIENCE), None);
    }
}
