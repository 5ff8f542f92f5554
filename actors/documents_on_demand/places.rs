//! The places of documents that nodes, or a function, are being asked for: how many there are, of each database
//! and of all, and that each is free again whatever ends the work.

use std::collections::HashMap;
use std::time::Duration;

use ractor::ActorRef;
use refuge_http::Failure;
use refuge_mesh::WantedDocument;

use super::{AskOutcome, Asking, DocumentsOnDemandMessage};

/// Documents that nodes are being asked for: what they answer is in memory, and slow ones keep their place.
const MOST_ASKING: usize = 16;
/// Those of one database, so that its slow nodes and functions leave places to others; a browser asks for six side by
/// side.
const MOST_OF_ONE: usize = 8;
/// When who found no place, or was one too many within a second, may ask again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Who is asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Somebody waits for it.
    Somebody,
    /// Nobody waits: half of the places are left to those who do.
    Nobody,
}

impl Who {
    const fn share(self, most: usize) -> usize {
        match self {
            Self::Somebody => most,
            Self::Nobody => most / 2,
        }
    }
}

/// What goes on for each document that is being asked for.
#[derive(Default)]
pub(super) struct Places(HashMap<WantedDocument, Asking>);

impl Places {
    /// Whether there is a place for one more of a database.
    ///
    /// # Errors
    /// What to do where there is none.
    pub(super) fn check(&self, database: &str, who: Who) -> Result<(), Failure> {
        let reason = if !self.has_one_of(database, who) {
            format!("{MOST_OF_ONE} documents of this database are being asked for: ask again later")
        } else if !self.has_any(who) {
            format!("{MOST_ASKING} documents are being asked for: ask again later")
        } else {
            return Ok(());
        };
        Err(too_many(reason))
    }

    /// Whether one database has a place left, if there is any.
    pub(super) fn has_one_of(&self, database: &str, who: Who) -> bool {
        let of_it = self.0.keys().filter(|document| document.database == database).count();
        of_it < who.share(MOST_OF_ONE)
    }

    /// Whether there is a place for any database.
    pub(super) fn has_any(&self, who: Who) -> bool {
        self.0.len() < who.share(MOST_ASKING)
    }

    pub(super) fn contains(&self, document: &WantedDocument) -> bool {
        self.0.contains_key(document)
    }

    pub(super) fn get_mut(&mut self, document: &WantedDocument) -> Option<&mut Asking> {
        self.0.get_mut(document)
    }

    pub(super) fn take(&mut self, document: WantedDocument, asking: Asking) {
        self.0.insert(document, asking);
    }

    /// Its place is free again; what went on there.
    pub(super) fn free(&mut self, document: &WantedDocument) -> Asking {
        self.0.remove(document).unwrap_or_default()
    }
}

/// What to do where too much was asked for within a second.
pub(super) fn too_many_asks() -> Failure {
    too_many("too many documents were asked for within this second: ask again later".to_owned())
}

fn too_many(reason: String) -> Failure {
    Failure::TooMany { error: "too_many_on_demand", reason, retry_after: Some(RETRY_AFTER) }
}

/// Makes of an outcome what the actor is told.
type Told = fn(WantedDocument, AskOutcome) -> DocumentsOnDemandMessage;

/// The work for a document: when it is dropped, its actor is told what came of it, also where it panicked.
pub(super) struct Work {
    pub(super) document: WantedDocument,
    /// Nothing is known of what did not come to its end.
    outcome: AskOutcome,
    told: Told,
    actor: ActorRef<DocumentsOnDemandMessage>,
}

impl Work {
    pub(super) const fn new(
        document: WantedDocument,
        told: Told,
        actor: ActorRef<DocumentsOnDemandMessage>,
    ) -> Self {
        Self { document, outcome: AskOutcome::Unanswered, told, actor }
    }

    /// It came to its end.
    pub(super) fn ended(mut self, outcome: AskOutcome) {
        self.outcome = outcome;
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = self.actor.cast((self.told)(self.document.clone(), self.outcome));
    }
}

#[cfg(test)]
mod tests {
    use ractor::{Actor, ActorProcessingErr};
    use tokio::sync::mpsc;

    use super::*;

    fn document(database: &str, number: usize) -> WantedDocument {
        WantedDocument { database: database.to_owned(), id: number.to_string() }
    }

    fn taken(places: &mut Places, database: &str, who: Who) -> usize {
        let free = |places: &mut Places, number| {
            let is_free = places.check(database, who).is_ok();
            if is_free {
                places.take(document(database, number), Asking::default());
            }
            is_free
        };
        (0..100).filter(|number| free(places, *number)).count()
    }

    #[test]
    fn one_database_takes_no_more_than_its_places() {
        let mut places = Places::default();
        assert_eq!(taken(&mut places, "a", Who::Nobody), 4);
        let Err(Failure::TooMany { reason, .. }) = places.check("a", Who::Nobody) else {
            panic!("there is no place")
        };
        assert!(reason.starts_with("8 documents of this database"), "{reason}");
        (0..4).for_each(|number| drop(places.free(&document("a", number))));
        for database in ["a", "b"] {
            assert_eq!(taken(&mut places, database, Who::Somebody), 8, "{database}");
        }
        let Err(Failure::TooMany { reason, .. }) = places.check("e", Who::Somebody) else {
            panic!("there is no place")
        };
        assert!(reason.starts_with("16 documents are"), "{reason}");
        places.free(&document("b", 3));
        assert!(
            places.check("b", Who::Somebody).is_ok() && places.check("e", Who::Somebody).is_ok()
        );
        assert!(places.check("a", Who::Somebody).is_err() && !places.has_any(Who::Nobody));
    }

    /// Hands on what it is told.
    #[derive(Default)]
    struct Listener;

    impl Actor for Listener {
        type Msg = DocumentsOnDemandMessage;
        type State = mpsc::UnboundedSender<(WantedDocument, AskOutcome)>;
        type Arguments = mpsc::UnboundedSender<(WantedDocument, AskOutcome)>;

        async fn pre_start(
            &self,
            _myself: ActorRef<Self::Msg>,
            told: Self::Arguments,
        ) -> Result<Self::State, ActorProcessingErr> {
            Ok(told)
        }

        async fn handle(
            &self,
            _myself: ActorRef<Self::Msg>,
            message: Self::Msg,
            told: &mut Self::State,
        ) -> Result<(), ActorProcessingErr> {
            if let DocumentsOnDemandMessage::Made { document, outcome } = message {
                told.send((document, outcome))?;
            }
            Ok(())
        }
    }

    #[tokio::test]
    async fn work_that_panics_or_is_dropped_tells_that_nothing_is_known() {
        let (told, mut heard) = mpsc::unbounded_channel();
        let (actor, _) = Actor::spawn(None, Listener, told).await.unwrap();
        let work = |number| {
            let made: Told =
                |document, outcome| DocumentsOnDemandMessage::Made { document, outcome };
            Work::new(document("a", number), made, actor.clone())
        };
        let panicked = work(1);
        crate::task::spawn(async move {
            let _work = panicked;
            panic!("on purpose")
        });
        assert_eq!(heard.recv().await, Some((document("a", 1), AskOutcome::Unanswered)));
        drop(work(2));
        assert_eq!(heard.recv().await, Some((document("a", 2), AskOutcome::Unanswered)));
        work(3).ended(AskOutcome::Here);
        assert_eq!(heard.recv().await, Some((document("a", 3), AskOutcome::Here)));
    }
}
