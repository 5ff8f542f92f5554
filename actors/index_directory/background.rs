//! Building after writes: what changed is built a little later, one database after another, so that whoever
//! asks next finds little left to do.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use refuge_storage::Snapshot;

use super::{IndexDirectoryMessage, IndexDirectoryState, IndexedDatabase, designs_of};
use crate::database_updates::Told;
use crate::node_service::{Reading, read};

/// How long changes gather: a load of many writes is followed in a few large steps.
const GATHERING: Duration = Duration::from_secs(2);

/// Databases that changed and wait to be looked at.
#[derive(Default)]
pub(super) struct Background {
    waiting: VecDeque<(IndexedDatabase, Told)>,
    due: bool,
}

impl IndexDirectoryState {
    pub(super) fn changed(&mut self, database: IndexedDatabase, told: Told) {
        self.background.waiting.push_back((database, told));
        self.build_later();
    }

    fn build_later(&mut self) {
        if !std::mem::replace(&mut self.background.due, true) {
            self.myself.send_after(GATHERING, || IndexDirectoryMessage::Build);
        }
    }

    /// Looks at all that changed, on the side.
    pub(super) fn build(&mut self) {
        self.background.due = false;
        let changed: Vec<IndexedDatabase> =
            self.background.waiting.drain(..).map(|(database, _)| database).collect();
        let (names, myself) = (self.arguments.names.clone(), self.myself.clone());
        tokio::spawn(async move {
            for database in changed {
                let id = database.id;
                let job = move |snapshot: &Snapshot| {
                    Ok((designs_of(snapshot, id)?, snapshot.update_sequence(id)?))
                };
                let Ok((designs, sequence)) = read(&names, Reading::Scan, job).await else {
                    continue;
                };
                for design in designs {
                    let _ = myself.cast(IndexDirectoryMessage::Follow {
                        database: database.clone(),
                        design: Arc::new(design),
                        sequence,
                        reply: None,
                    });
                }
            }
        });
    }
}
