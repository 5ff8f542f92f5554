//! Documents that the target refused, named in the log and in the answer: as many of a job as somebody may
//! read; the rest is counted (`doc_write_failures`).

use refuge_replication::Refusal;

/// Documents that are named for one start of a job.
const MOST_NAMED: usize = 100;
/// Bytes of a reason that are told: a function may say whole books.
const MOST_REASON_BYTES: usize = 300;

/// What was told so far.
#[derive(Default)]
pub(super) struct Refusals {
    named: Vec<Refusal>,
}

impl Refusals {
    /// Names what the target of a replication refused.
    pub(super) fn tell(&mut self, (replication, target): (&str, &str), refusals: &[Refusal]) {
        let before = self.named.len();
        for Refusal { id, revision, error, reason } in refusals.iter().take(MOST_NAMED - before) {
            let reason = shortened(reason);
            tracing::warn!(replication, target, document = id, error, reason, "the target refused");
            let (id, revision) = (id.clone(), revision.clone());
            let (error, reason) = (error.clone(), reason.to_owned());
            self.named.push(Refusal { id, revision, error, reason });
        }
        if before < MOST_NAMED && self.named.len() == MOST_NAMED {
            tracing::warn!(
                replication,
                target,
                "{MOST_NAMED} documents were refused; further ones are counted alone"
            );
        }
    }

    /// Those that were named.
    pub(super) fn take(&mut self) -> Vec<Refusal> {
        std::mem::take(&mut self.named)
    }
}

fn shortened(reason: &str) -> &str {
    let starts = reason.char_indices().map(|(start, _)| start).chain([reason.len()]);
    let end = starts.take_while(|start| *start <= MOST_REASON_BYTES).last();
    reason.get(..end.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_named_and_the_rest_is_counted() {
        let refusal = |number: usize| Refusal {
            id: number.to_string(),
            revision: None,
            error: "forbidden".to_owned(),
            reason: "no".to_owned(),
        };
        let mut refusals = Refusals::default();
        for _ in 0..30 {
            let some: Vec<Refusal> = (0..7).map(refusal).collect();
            refusals.tell(("id", "target"), &some);
        }
        assert_eq!(refusals.take().len(), MOST_NAMED);
        assert_eq!(shortened(&"é".repeat(200)).len(), 300);
        assert_eq!(shortened("short"), "short");
    }
}
