//! One revision from the source into the target, as a stream that is read by the one as it is written
//! by the other.

use std::sync::Arc;

use async_trait::async_trait;
use refuge_client::{CarriageSource, CarriedDocument, resumed};
use refuge_replication::{Answer, Carriage, EndFailure, EndFailureKind, Refusal, Wanted};

use super::JobEnd;
use super::moved::Moved;

/// Brings the revision over; a second time with all its attachments where the target lacks one that
/// an ancestor was thought to lend.
pub(super) async fn carry(
    source: &JobEnd,
    target: &JobEnd,
    mut wanted: Wanted,
    moved: Option<Arc<Moved>>,
) -> Result<Answer, EndFailure> {
    let mut carriage = carry_once(source, target, (&wanted, &moved)).await?;
    if lacks_a_stub(&carriage) && !wanted.possible_ancestors.is_empty() {
        wanted.possible_ancestors.clear();
        carriage = carry_once(source, target, (&wanted, &moved)).await?;
    }
    Ok(Answer::Carried(carriage))
}

async fn carry_once(
    source: &JobEnd,
    target: &JobEnd,
    (wanted, moved): (&Wanted, &Option<Arc<Moved>>),
) -> Result<Carriage, EndFailure> {
    let (end, moved) = (source.clone(), moved.clone());
    let source = Arc::new(Source { end, wanted: wanted.clone(), moved });
    let Some(document) = source.open(0).await? else { return Ok(Carriage::Gone) };
    match target {
        // What is stored here is not known by its bytes before all came: the source goes on instead.
        JobEnd::Local(end) => end.store_revision(&wanted.id, resumed(document, source)).await,
        JobEnd::Remote(end) => end.store_revision(&wanted.id, document, source.as_ref()).await,
    }
}

/// The revision at its source.
struct Source {
    end: JobEnd,
    wanted: Wanted,
    moved: Option<Arc<Moved>>,
}

#[async_trait]
impl CarriageSource for Source {
    async fn open(&self, offset: u64) -> Result<Option<CarriedDocument>, EndFailure> {
        let read = match &self.end {
            JobEnd::Local(end) => end.read_revision(&self.wanted, offset).await,
            JobEnd::Remote(end) => end.read_revision(&self.wanted, offset).await,
        };
        let document = read.map_err(of_source)?;
        Ok(document.map(|document| match &self.moved {
            Some(moved) => Arc::clone(moved).counted(document),
            None => document,
        }))
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
