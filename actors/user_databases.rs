//! Makes a database for each user in `_users`, which only that user and admins may use, and removes it or
//! its user with the user: CouchDB's `couch_peruser`.
//!
//! Called by: nobody; it follows the changes of `_users` while the settings want it. How far it came
//! stands in a local document of `_users`, so a restart goes on there; what was done twice is the same.

mod databases;

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_config::UserDatabases;
use refuge_document::Body;
use refuge_http::{ChangesRequest, Database, Failure, LocalDocument};
use refuge_otp::Names;
use serde::{Deserialize, Serialize};

use self::databases::Wanted;
use crate::configuration::CurrentSettings;
use crate::task::OwnedTask;
use crate::{names, node_service};
use refuge_document::{USER_PREFIX, USERS};

/// Users of a page of changes.
const PAGE_ROWS: usize = 500;
/// Databases that are made at once: they share the syncs of their commits.
const AT_ONCE: usize = 16;
/// How soon a change of the settings is seen, and what failed is tried again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The local document with the place up to which all is done.
const CHECKPOINT: &str = "refuge_user_databases";

/// How far all is done, of which database of users, and for databases of which prefix.
#[derive(Serialize, Deserialize)]
struct Checkpoint {
    sequence: u64,
    prefix: String,
    instance: String,
}

/// It has none: what it does follows from the documents.
pub enum UserDatabasesMessage {}

/// The actor.
#[derive(Default)]
pub struct UserDatabasesActor;

/// Its task, which ends with it.
pub struct UserDatabasesState {
    _follower: OwnedTask,
}

impl Actor for UserDatabasesActor {
    type Msg = UserDatabasesMessage;
    type State = UserDatabasesState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(UserDatabasesState { _follower: OwnedTask::spawn(follow(names)) })
    }
}

/// Follows the changes as long as the settings want it.
async fn follow(names: Names) {
    loop {
        if let Some(settings) = wanted(&names) {
            match pass(&names, &settings).await {
                Ok(never) => match never {},
                // It was turned off or changed, or there is no database of users.
                Err(Stopped::Settings | Stopped::Failed(Failure::NoDatabase)) => {}
                Err(Stopped::Failed(failure)) => {
                    tracing::warn!(%failure, "databases of users wait");
                }
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn wanted(names: &Names) -> Option<UserDatabases> {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION)?;
    let settings = &current.settings.user_databases;
    settings.enabled.then(|| settings.clone())
}

/// Why the changes are not followed any more.
enum Stopped {
    /// The settings are others.
    Settings,
    /// This went wrong.
    Failed(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

async fn pass(names: &Names, settings: &UserDatabases) -> Result<Infallible, Stopped> {
    let users = node_service::open(names, USERS).await?;
    let mut after = checkpoint(users.as_ref(), settings).await?;
    loop {
        if wanted(names).as_ref() != Some(settings) {
            return Err(Stopped::Settings);
        }
        // Opened anew each time: it may have been deleted, and made again.
        let users = node_service::open(names, USERS).await?;
        let waited = tokio::time::timeout(LOOK_AGAIN, users.beyond(after)).await;
        let Ok(until) = waited else { continue };
        let request = ChangesRequest {
            after,
            until: until?,
            limit: PAGE_ROWS,
            descending: false,
            bodies: false,
        };
        let until = request.until;
        let page = users.changes(request).await?;
        let last = page.rows.last().map(|(row, _)| row.sequence);
        let rows = page.rows.into_iter().filter_map(|(row, _)| {
            let deleted = row.winner().is_none_or(|winner| winner.deleted);
            let name = row.id.strip_prefix(USER_PREFIX)?.to_owned();
            Some(Wanted { name, deleted })
        });
        let mut done = futures_util::stream::iter(rows)
            .map(|user| databases::settle(names, settings, user))
            .buffer_unordered(AT_ONCE);
        while let Some(settled) = done.next().await {
            match settled {
                // It would meet all others, too, and passes.
                Err(failure) if failure.passes() => return Err(failure.into()),
                Err(failure) => {
                    tracing::error!(%failure, "a user's database is not as it has to be")
                }
                Ok(()) => {}
            }
        }
        after = match last {
            Some(last) if !page.finished => last,
            _ => until,
        };
        note(users.as_ref(), settings, after).await?;
    }
}

/// The place up to which all is done for databases of this prefix.
async fn checkpoint(users: &dyn Database, settings: &UserDatabases) -> Result<u64, Failure> {
    let Some(found) = users.local(CHECKPOINT).await? else { return Ok(0) };
    let noted: Option<Checkpoint> = serde_json::from_slice(found.body.as_bytes()).ok();
    let same =
        |noted: &Checkpoint| noted.prefix == settings.prefix && noted.instance == users.instance();
    Ok(noted.filter(same).map_or(0, |noted| noted.sequence))
}

async fn note(users: &dyn Database, settings: &UserDatabases, after: u64) -> Result<(), Failure> {
    let noted = Checkpoint {
        sequence: after,
        prefix: settings.prefix.clone(),
        instance: users.instance().to_owned(),
    };
    let text = serde_json::to_vec(&noted).map_err(|error| Failure::Internal(error.to_string()))?;
    let body = Body::from_stored(Bytes::from(text));
    users.write_local(CHECKPOINT, Some(LocalDocument { revision: 1, body })).await
}
