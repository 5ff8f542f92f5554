//! Building after writes: what changed is built a little later, one index after another, so that whoever asks
//! next finds little left to do.

use std::time::Duration;

use ractor::ActorRef;
use refuge_http::Failure;
use refuge_otp::Names;
use refuge_storage::Snapshot;
use tokio::sync::oneshot;

use super::{IndexDirectoryMessage, IndexDirectoryState, IndexedDatabase, Wish};
use crate::database_updates::Told;
use crate::designs::{DesignReader, DesignsOf};
use crate::node_service::{Reading, read};
use crate::task::OwnedTask;
use crate::{names, published};

/// How long changes gather: a load of many writes is followed in a few large steps.
const GATHERING: Duration = Duration::from_secs(2);

/// Databases that changed and wait to be looked at, by name; and the work under way.
#[derive(Default)]
pub(super) struct Background {
    waiting: Vec<(String, Told)>,
    due: bool,
    work: Option<OwnedTask>,
}

impl IndexDirectoryState {
    pub(super) fn changed(&mut self, name: String, told: Told) {
        self.background.waiting.push((name, told));
        self.build_later();
    }

    /// The work under way came to its end.
    pub(super) fn built(&mut self) {
        self.background.work = None;
        self.build_later();
    }

    fn build_later(&mut self) {
        let background = &mut self.background;
        let is_wanted = !background.waiting.is_empty() && background.work.is_none();
        if is_wanted && !std::mem::replace(&mut background.due, true) {
            self.myself.send_after(GATHERING, || IndexDirectoryMessage::Build);
        }
    }

    /// Builds all that changed, on the side.
    pub(super) fn build(&mut self) {
        self.background.due = false;
        // From here on a change is told anew.
        let changed: Vec<String> =
            self.background.waiting.drain(..).map(|(name, _)| name).collect();
        let (names, myself) = (self.arguments.names.clone(), self.myself.clone());
        self.background.work = Some(OwnedTask::spawn(async move {
            for name in changed {
                if let Err(failure) = build_database(&names, &myself, &name).await {
                    tracing::debug!(database = name, %failure, "not built in the background");
                }
            }
            let _ = myself.cast(IndexDirectoryMessage::Built);
        }));
    }
}

/// Has the indexes of a database built, one after another.
async fn build_database(
    names: &Names,
    directory: &ActorRef<IndexDirectoryMessage>,
    name: &str,
) -> Result<(), Failure> {
    let wanted = name.to_owned();
    let job = move |snapshot: &Snapshot| {
        let Some(record) = snapshot.database(&wanted)? else { return Ok(None) };
        let sequence = snapshot.update_sequence(record.id)?;
        Ok(Some((record, sequence)))
    };
    let Some((record, sequence)) = read(names, Reading::Point, job).await? else { return Ok(()) };
    let reader = published::<DesignReader>(names, names::DESIGNS).await?;
    for design in reader.read_all(DesignsOf::record(&record)).await? {
        if design.views.maps.is_empty() || !design.views.built_after_writes {
            continue;
        }
        let (reply, answer) = oneshot::channel();
        let database = IndexedDatabase::of(&record);
        let wish = Wish { database, design, sequence, reply: Some(reply) };
        if directory.cast(IndexDirectoryMessage::Follow(wish)).is_err() {
            return Ok(());
        }
        // The next begins when this one is through, or where nobody answers.
        let _ = answer.await;
    }
    Ok(())
}
