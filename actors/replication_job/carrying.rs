//! One revision from the source into the target, as a stream that is read by the one as it is written
//! by the other.

use refuge_client::CarriedDocument;
use refuge_replication::{Answer, Carriage, EndFailure, EndFailureKind, Refusal, Wanted};

use super::JobEnd;

/// Brings the revision over; a second time with all its attachments where the target lacks one that
/// an ancestor was thought to lend.
pub(super) async fn carry(
    source: &JobEnd,
    target: &JobEnd,
    mut wanted: Wanted,
) -> Result<Answer, EndFailure> {
    let mut carriage = carry_once(source, target, &wanted).await?;
    if lacks_a_stub(&carriage) && !wanted.possible_ancestors.is_empty() {
        wanted.possible_ancestors.clear();
        carriage = carry_once(source, target, &wanted).await?;
    }
    Ok(Answer::Carried(carriage))
}

async fn carry_once(
    source: &JobEnd,
    target: &JobEnd,
    wanted: &Wanted,
) -> Result<Carriage, EndFailure> {
    let read = match source {
        JobEnd::Local(end) => end.read_revision(wanted).await,
        JobEnd::Remote(end) => end.read_revision(wanted).await,
    };
    let Some(document) = read.map_err(of_source)? else { return Ok(Carriage::Gone) };
    store(target, &wanted.id, document).await
}

async fn store(
    target: &JobEnd,
    id: &str,
    document: CarriedDocument,
) -> Result<Carriage, EndFailure> {
    match target {
        JobEnd::Local(end) => end.store_revision(id, document).await,
        JobEnd::Remote(end) => end.store_revision(id, document).await,
    }
}

/// The machine asks the target: what the source fails with must not be taken for the target's. A
/// source that is gone or closed is met again at its next page.
fn of_source(failure: EndFailure) -> EndFailure {
    let kind = match failure.kind {
        kind @ (EndFailureKind::Transient { .. } | EndFailureKind::Permanent) => kind,
        _ => EndFailureKind::Transient { retry_after_ms: None },
    };
    EndFailure::of(kind, format!("the source: {}", failure.reason))
}

fn lacks_a_stub(carriage: &Carriage) -> bool {
    matches!(carriage, Carriage::Refused(Refusal { error, .. }) if error == "missing_stub")
}
