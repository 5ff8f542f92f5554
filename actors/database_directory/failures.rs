//! When a database that went down may be opened again: a pure count of its failures.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use refuge_http::Failure;

/// After this many failures within [`WINDOW`] a database stays closed until the node is restarted.
const MOST_FAILURES: usize = 5;
/// The time in which failures are counted together.
const WINDOW: Duration = Duration::from_secs(60);
/// Back-off after the first failure; doubles with each further one.
const FIRST_BACK_OFF: Duration = Duration::from_millis(50);

/// Failures of the databases that went down lately.
#[derive(Default)]
pub(crate) struct Failures {
    by_name: HashMap<String, Vec<(Instant, String)>>,
}

impl Failures {
    /// Notes that the database went down.
    pub(crate) fn note(&mut self, name: &str, reason: String, now: Instant) {
        let noted = self.by_name.entry(name.to_owned()).or_default();
        if noted.len() < MOST_FAILURES {
            noted.retain(|(at, _)| now.duration_since(*at) < WINDOW);
        }
        noted.push((now, reason));
    }

    /// Forgets a database that was deleted.
    pub(crate) fn forget(&mut self, name: &str) {
        self.by_name.remove(name);
    }

    /// Why the database must not be opened now, if it must not.
    pub(crate) fn refusal(&self, name: &str, now: Instant) -> Option<Failure> {
        let noted = self.by_name.get(name)?;
        let (last, reason) = noted.last()?;
        if noted.len() >= MOST_FAILURES {
            return Some(Failure::Internal(format!(
                "the database went down {MOST_FAILURES} times within a minute and stays closed \
                 until the node is restarted; the last reason: {reason}"
            )));
        }
        let doublings = u32::try_from(noted.len() - 1).unwrap_or(0);
        let back_off = FIRST_BACK_OFF * 2_u32.saturating_pow(doublings);
        let waited = now.duration_since(*last);
        (waited < back_off).then(|| Failure::Busy {
            reason: format!("the database went down and is opened again soon: {reason}"),
            retry_after: back_off.saturating_sub(waited),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backs_off_and_gives_up_after_five() {
        let start = Instant::now();
        let mut failures = Failures::default();
        assert!(failures.refusal("a", start).is_none());
        failures.note("a", "crash".to_owned(), start);
        assert!(matches!(failures.refusal("a", start), Some(Failure::Busy { .. })));
        assert!(failures.refusal("a", start + FIRST_BACK_OFF).is_none());
        for second in 1..5 {
            failures.note("a", "crash".to_owned(), start + Duration::from_secs(second));
        }
        let late = start + Duration::from_secs(600);
        assert!(matches!(failures.refusal("a", late), Some(Failure::Internal(_))));
        failures.forget("a");
        assert!(failures.refusal("a", late).is_none());
    }

    #[test]
    fn old_failures_do_not_count() {
        let start = Instant::now();
        let mut failures = Failures::default();
        for minute in 0..20 {
            failures.note("a", "crash".to_owned(), start + WINDOW * minute);
        }
        assert!(failures.refusal("a", start + WINDOW * 20).is_none());
    }
}
