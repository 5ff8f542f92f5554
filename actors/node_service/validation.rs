//! What the design documents of a database say to edits before they are handed to its shards. The
//! questions are read from one snapshot; an interactive edit whose parent is a leaf there is stored only
//! if it still is one, so what was asked is what is stored. `_users` and `_replicator` have rules of their
//! own before that. A design document asks by a function, or by a selector that is evaluated here.

mod declared;
mod designs;
mod members;
mod questions;
mod replications;
mod user_rules;
mod users;

use std::sync::Arc;
use std::time::{Duration, Instant};

use refuge_document::check_partitioned_id;
use refuge_http::{Failure, Update, UpdateFailure, UpdateVerdicts, User};
use refuge_sandbox::{Error, Functions, Validation};

use super::database::OpenDatabase;
use crate::designs::{DesignReader, DesignSource, Validator};
use crate::indexer::function_failure;
use crate::javascript::JavaScript;
use crate::{names, published};
use questions::{Ask, Before, Question};
use refuge_document::{USERS, is_replicator};
pub(crate) use users::upgrade_password;

/// Documents that one design document is asked about before others have their turn.
const TURN_DOCUMENTS: usize = 100;
/// The same in time: a turn ends with the document that passes it.
const TURN: Duration = Duration::from_secs(1);
/// Functions that meet a limit in one request, after which the others of that design document are not
/// asked any more: each costs seconds.
const MOST_LIMITS: usize = 2;
/// How long a turn is waited for; the sandbox ends a call after 5 seconds, some loops later.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all functions hear beside the documents.
pub(super) struct Circumstances {
    pub(super) user: String,
    pub(super) security: String,
}

/// Asks about edits of `user`; `None` where nothing is to be asked.
pub(super) async fn validate(
    database: &OpenDatabase,
    user: &User,
    updates: &mut [Update],
) -> Result<Option<UpdateVerdicts>, Failure> {
    let ruled = ruled(database, user, updates, Before::Stored).await?;
    judge(database, user, updates, (ruled, Before::Stored)).await
}

/// Asks about edits of documents that are hidden from `user`, as though nothing were stored under their ids.
pub(super) async fn validate_as_new(
    database: &OpenDatabase,
    user: &User,
    updates: &[Update],
) -> Result<UpdateVerdicts, Failure> {
    let mut updates = updates.to_vec();
    let ruled = ruled(database, user, &mut updates, Before::Nothing).await?;
    let told = judge(database, user, &updates, (ruled, Before::Nothing)).await?;
    Ok(told.unwrap_or_else(|| updates.iter().map(|_| Ok(())).collect()))
}

/// What the rules of the database itself say, where it has some.
async fn ruled(
    database: &OpenDatabase,
    user: &User,
    updates: &mut [Update],
    before: Before,
) -> Result<Option<UpdateVerdicts>, Failure> {
    let edits = (updates, before);
    Ok(match database.record.name.as_str() {
        USERS => Some(Box::pin(users::complete(database, user, edits)).await?),
        name if is_replicator(name) => Some(replications::complete(database, user, edits).await?),
        _ => None,
    })
}

async fn judge(
    database: &OpenDatabase,
    user: &User,
    updates: &[Update],
    (ruled, before): (Option<UpdateVerdicts>, Before),
) -> Result<Option<UpdateVerdicts>, Failure> {
    let partitioned = database.record.partitioned;
    let misplaced = partitioned && updates.iter().any(|one| check_partitioned_id(&one.id).is_err());
    let asked = match updates.iter().all(is_design) {
        true => Arc::default(),
        false => {
            let reader = published::<DesignReader>(&database.names, names::DESIGNS).await?;
            reader.validations(database.id()).await?
        }
    };
    let designs = updates.iter().any(|update| is_design(update) && !update.deleted);
    if asked.is_empty() && !designs && !misplaced {
        return Ok(ruled);
    }
    let mut verdicts: UpdateVerdicts = match (ruled, misplaced) {
        (_, true) => updates.iter().map(placed).collect(),
        (Some(ruled), false) => ruled,
        (None, false) => updates.iter().map(|_| Ok(())).collect(),
    };
    if designs {
        for (update, verdict) in updates.iter().zip(&mut verdicts) {
            if is_design(update) && !update.deleted && verdict.is_ok() {
                *verdict = self::verdict(designs::check(database, update).await)?;
            }
        }
    }
    if !asked.is_empty() {
        Box::pin(ask(database, user, (updates, before), (&asked, &mut verdicts))).await?;
    }
    Ok(Some(verdicts))
}

/// Whether the id names a partition, where it has to.
fn placed(update: &Update) -> Result<(), UpdateFailure> {
    check_partitioned_id(&update.id).map_err(|error| {
        let failure = Failure::Invalid { error: error.error(), reason: error.to_string() };
        refused(failure)
    })
}

fn is_design(update: &Update) -> bool {
    update.id.starts_with("_design/")
}

/// What is not stored, and why.
fn refused(failure: Failure) -> UpdateFailure {
    UpdateFailure::Refused(Arc::new(failure))
}

/// A failure that concerns one document as its verdict; one of the node stays a failure.
fn verdict(result: Result<(), Failure>) -> Result<Result<(), UpdateFailure>, Failure> {
    match result {
        Ok(()) => Ok(Ok(())),
        Err(failure @ (Failure::Busy { .. } | Failure::Unavailable(_))) => Err(failure),
        Err(failure) => Ok(Err(refused(failure))),
    }
}

async fn ask(
    database: &OpenDatabase,
    user: &User,
    (updates, before): (&[Update], Before),
    (asked, verdicts): (&[Validator], &mut UpdateVerdicts),
) -> Result<(), Failure> {
    let ordinary = updates.iter().zip(verdicts.iter()).enumerate();
    // What is refused already is not asked about.
    let ordinary = ordinary.filter(|(_, (update, verdict))| !is_design(update) && verdict.is_ok());
    let (places, edits): (Vec<usize>, Vec<Update>) =
        ordinary.map(|(place, (update, _))| (place, update.clone())).unzip();
    let asks = questions::all(database, edits, before).await?;
    let mut questions = Vec::new();
    for (place, ask) in places.into_iter().zip(asks) {
        match (ask, verdicts.get_mut(place)) {
            (Ask::Nothing, _) | (_, None) => {}
            (Ask::Refuse(failure), Some(verdict)) => *verdict = Err(failure),
            (Ask::Question(question), _) => questions.push((place, question)),
        }
    }
    let circumstances = Arc::new(circumstances(database, user)?);
    for validator in asked {
        questions = match validator {
            Validator::Function(design) => {
                ask_design(database, design, questions, (&circumstances, verdicts)).await?
            }
            Validator::Declared { design, selector } => {
                declared::ask((design, selector), questions, verdicts).await?
            }
        };
    }
    Ok(())
}

pub(super) fn circumstances(
    database: &OpenDatabase,
    user: &User,
) -> Result<Circumstances, Failure> {
    let failed = |error: serde_json::Error| Failure::Internal(error.to_string());
    let user = serde_json::json!({
        "db": database.record.name,
        "name": user.name,
        "roles": user.roles,
    });
    let security = serde_json::to_string(database.security.as_ref()).map_err(failed)?;
    Ok(Circumstances { user: user.to_string(), security })
}

/// Questions with the places of their edits.
type Placed = Vec<(usize, Question)>;

/// Asks one design document; what it allows is to be asked of the next.
async fn ask_design(
    database: &OpenDatabase,
    design: &DesignSource,
    mut questions: Placed,
    (circumstances, verdicts): (&Arc<Circumstances>, &mut UpdateVerdicts),
) -> Result<Placed, Failure> {
    let javascript = published::<JavaScript>(&database.names, names::JAVASCRIPT).await?;
    let (mut allowed, mut limits) = (Vec::with_capacity(questions.len()), Vec::new());
    while !questions.is_empty() {
        let rest = questions.split_off(questions.len().min(TURN_DOCUMENTS));
        let circumstances = Arc::clone(circumstances);
        let name = database.record.name.clone();
        let job = move |functions: &mut Functions| {
            let answers = turn(functions, &questions, &circumstances);
            for line in functions.take_log() {
                tracing::info!(database = name, "log of a validation: {line}");
            }
            (questions, answers)
        };
        let answer = tokio::time::timeout(PATIENCE, javascript.with_functions(design.clone(), job));
        let (mut asked, answers) = match answer.await.map_err(|_| too_slow())?? {
            Ok(answers) => answers,
            Err(error) => return Err(told(&error, &design.1.id)),
        };
        questions = asked.split_off(answers.len());
        questions.extend(rest);
        for ((place, question), answer) in asked.into_iter().zip(answers) {
            match answer {
                Ok(()) => allowed.push((place, question)),
                Err(error) => {
                    if error.is_limit() {
                        limits.push(error.clone());
                    }
                    refuse(verdicts, place, told(&error, &design.1.id));
                }
            }
        }
        if let Some(error) = limits.get(MOST_LIMITS - 1) {
            for (place, _) in std::mem::take(&mut questions) {
                refuse(verdicts, place, told(error, &design.1.id));
            }
        }
    }
    Ok(allowed)
}

fn refuse(verdicts: &mut UpdateVerdicts, place: usize, failure: Failure) {
    if let Some(verdict) = verdicts.get_mut(place) {
        *verdict = Err(refused(failure));
    }
}

/// Asks about documents until the turn is over or too many have met a limit: an answer for each of the first.
fn turn(
    functions: &mut Functions,
    questions: &[(usize, Question)],
    circumstances: &Circumstances,
) -> Vec<Result<(), Error>> {
    let (began, mut answers) = (Instant::now(), Vec::with_capacity(questions.len()));
    for (_, question) in questions {
        let answer = functions.validate(Validation {
            new: &question.new,
            old: question.old.as_deref(),
            user: &circumstances.user,
            security: &circumstances.security,
        });
        answers.push(answer);
        if began.elapsed() >= TURN {
            break;
        }
    }
    answers
}

/// What the writer hears.
fn told(error: &Error, design: &str) -> Failure {
    match error {
        Error::Forbidden(reason) => Failure::Forbidden(reason.clone()),
        Error::Unauthorized(reason) => Failure::Unauthorized(reason.clone()),
        error => match function_failure(error) {
            Failure::Function { status, error, reason } => Failure::Function {
                status,
                error,
                reason: format!("validate_doc_update of {design}: {reason}"),
            },
            other => other,
        },
    }
}

fn too_slow() -> Failure {
    Failure::Function {
        status: 500,
        error: "timeout".to_owned(),
        reason: "a validate_doc_update function does not come to an end".to_owned(),
    }
}
