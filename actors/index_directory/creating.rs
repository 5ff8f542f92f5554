//! Making the index of a design that is asked for the first time. It may take a while (the first index of a
//! node opens their database), so it is done on the side; all who ask meanwhile wait for the one that is made.

use std::collections::HashMap;
use std::sync::Arc;

use refuge_http::Failure;
use refuge_otp::Names;
use refuge_storage::{DatabaseId, IndexRecord};

use super::{IndexDirectoryMessage, IndexDirectoryState, IndexedDatabase, Wish};
use crate::index_design::IndexDesign;
use crate::index_engine::IndexDoors;
use crate::node_service::storage_failure;
use crate::{names, published};

/// What an index is asked for by: its database and the signature of its functions.
pub(crate) type IndexKey = (DatabaseId, [u8; 16]);

/// Who waits for an index to be made.
#[derive(Default)]
pub(super) struct Creating(HashMap<IndexKey, Vec<Wish>>);

impl IndexDirectoryState {
    /// Finds the index, or has it made, and hands the wish to its indexer.
    pub(super) fn follow(&mut self, wish: Wish) {
        let key = (wish.database.id, wish.design.views.signature);
        if let Some(waiting) = self.creating.0.get_mut(&key) {
            waiting.push(wish);
            return;
        }
        let doors = self.arguments.names.value::<IndexDoors>(names::INDEX_ENGINE);
        let found = doors.map(|doors| find(&doors, &wish.database, &wish.design));
        match found {
            Some(Ok(Some(record))) => self.bring_up_to_date(record, wish),
            Some(Err(failure)) => wish.refuse(failure),
            Some(Ok(None)) | None => {
                self.create(wish.database.clone(), Arc::clone(&wish.design), key);
                self.creating.0.insert(key, vec![wish]);
            }
        }
    }

    fn create(&self, database: IndexedDatabase, design: Arc<IndexDesign>, key: IndexKey) {
        let (names, myself) = (self.arguments.names.clone(), self.myself.clone());
        crate::task::spawn(async move {
            let result = find_or_make(&names, &database, &design).await;
            let _ = myself.cast(IndexDirectoryMessage::Created { key, result });
        });
    }

    /// Hands all on who waited.
    pub(super) fn created(&mut self, key: IndexKey, result: Result<IndexRecord, Failure>) {
        // One that is made in the place of another leaves rows to be removed.
        self.drop_rows();
        for wish in self.creating.0.remove(&key).unwrap_or_default() {
            match &result {
                Ok(record) => self.bring_up_to_date(record.clone(), wish),
                Err(failure) => wish.refuse(failure.clone()),
            }
        }
    }
}

async fn find_or_make(
    names: &Names,
    database: &IndexedDatabase,
    design: &IndexDesign,
) -> Result<IndexRecord, Failure> {
    let doors = published::<IndexDoors>(names, names::INDEX_ENGINE).await?;
    match find(&doors, database, design)? {
        Some(record) => Ok(record),
        None => Ok(doors.writer.create(design.definition(database)).await?),
    }
}

/// The index of a design in this making of its database; none, where its keys were made with other tables.
fn find(
    doors: &IndexDoors,
    database: &IndexedDatabase,
    design: &IndexDesign,
) -> Result<Option<IndexRecord>, Failure> {
    let Some(store) = doors.store() else { return Ok(None) };
    let found = store.snapshot().and_then(|view| view.find(database.id, &design.views.signature));
    let found = found.map_err(|error| storage_failure(&error))?;
    Ok(found.filter(|record| design.is_of(database.instance, &record.definition)))
}
