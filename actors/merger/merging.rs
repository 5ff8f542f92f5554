//! One document in conflict: the functions are asked in the order of their design documents' ids, and what the
//! first of them returns that returns something is stored on the winner, while the other leaves are deleted.

use std::collections::HashMap;

use refuge_http::{ADMIN_ROLE, Database, Failure, Update, UpdateFailure, User, merged_update};
use refuge_otp::Names;
use refuge_sandbox::{Error, Functions};
use refuge_storage::Snapshot;

use super::leaves::{self, Conflict, Question};
use super::waiting::Place;
use crate::designs::DesignSource;
use crate::javascript::{JavaScript, Lane};
use crate::node_service::{self, Reading, read};
use crate::{names, published};

/// Documents on which one version of a function may meet the sandbox's limits, seconds each, before it is
/// not asked any more.
const MOST_LIMITS: usize = 8;
/// Failures of one version of a function that are logged as errors.
const MOST_TOLD: usize = 100;
/// Functions of which it is remembered how often they failed.
const REMEMBERED: usize = 1_000;

/// What is known of functions.
pub(super) struct Merging {
    names: Names,
    /// How often versions of design documents' functions failed, by database.
    failures: HashMap<(u32, String), Failures>,
}

/// Failures of one version of a function.
#[derive(Clone, Copy, Default)]
struct Failures {
    all: usize,
    /// Those that met a limit.
    limits: usize,
}

/// What the functions say of a document.
enum Said {
    /// It stays as it is.
    Nothing,
    /// The merged document, and the design document that made it.
    Document(String, String),
}

impl Merging {
    pub(super) fn new(names: Names) -> Self {
        Self { names, failures: HashMap::new() }
    }

    /// Asks about a document, and stores what is returned; tells whether there was something to store. What
    /// concerns this document alone is logged; an error may go the next time.
    pub(super) async fn merge(
        &mut self,
        place: &Place,
        id: &str,
        functions: &[DesignSource],
    ) -> Result<bool, Failure> {
        let (database, wanted) = (place.database, id.to_owned());
        let job = move |snapshot: &Snapshot| leaves::read(snapshot, database, &wanted);
        let question = match read(&self.names, Reading::Scan, job).await? {
            Conflict::None => return Ok(false),
            Conflict::Unasked(reason) => {
                let database = &place.name;
                tracing::error!(database, document = id, reason, "a conflict is not merged");
                return Ok(false);
            }
            Conflict::Question(question) => question,
        };
        let (design, text) = match self.ask(place, id, (functions, &question)).await? {
            Said::Nothing => return Ok(false),
            Said::Document(design, text) => (design, text),
        };
        match self.store(place, (id, &text), &question).await {
            Ok(()) => {
                tracing::debug!(database = place.name, document = id, design, "merged a conflict");
                Ok(true)
            }
            // Who edited it meanwhile left another conflict, or none.
            Err(Failure::Conflict | Failure::NoDatabase) => Ok(false),
            Err(failure) if failure.passes() => Err(failure),
            Err(failure) => {
                let database = &place.name;
                tracing::error!(
                    database, document = id, design, %failure,
                    "what the merge function returned could not be stored; the conflict stays"
                );
                Ok(false)
            }
        }
    }

    async fn ask(
        &mut self,
        place: &Place,
        id: &str,
        (functions, question): (&[DesignSource], &Question),
    ) -> Result<Said, Failure> {
        let javascript = published::<JavaScript>(&self.names, names::JAVASCRIPT).await?;
        for design in functions {
            let version = (place.database.0, design.0.version.clone());
            if self.failures.get(&version).is_some_and(|known| known.limits >= MOST_LIMITS) {
                return Ok(Said::Nothing);
            }
            let arguments = question.arguments.clone();
            let job = move |functions: &mut Functions| {
                let returned = functions.call_in_stillness(&["merge"], &arguments);
                (returned, functions.take_log())
            };
            let answer = javascript.with_functions_in(Lane::Indexing, design.clone(), job).await?;
            let returned = answer.and_then(|(returned, log)| {
                for line in log {
                    tracing::info!(database = place.name, "log of a merge: {line}");
                }
                returned
            });
            match returned {
                Ok(text) if text == "null" => {}
                Ok(text) => return Ok(Said::Document(design.1.id.clone(), text)),
                // Others are not asked: a limit met here may not be met on another node, which would then
                // make another document of it.
                Err(error) => {
                    self.failed(place, id, (&design.1.id, version), &error);
                    return Ok(Said::Nothing);
                }
            }
        }
        Ok(Said::Nothing)
    }

    fn failed(
        &mut self,
        place: &Place,
        id: &str,
        (design, version): (&str, (u32, String)),
        error: &Error,
    ) {
        if self.failures.len() >= REMEMBERED {
            self.failures.clear();
        }
        let known = self.failures.entry(version).or_default();
        known.all += 1;
        known.limits += usize::from(error.is_lasting_limit());
        let (database, error_name, reason) = (&place.name, error.name(), error.reason());
        if known.all > MOST_TOLD {
            tracing::debug!(database, document = id, design, reason, "a merge function failed");
            return;
        }
        tracing::error!(
            database,
            document = id,
            design,
            error = error_name,
            reason,
            "a merge function failed; the conflict stays"
        );
        if error.is_lasting_limit() && known.limits == MOST_LIMITS {
            tracing::error!(database, design, "a merge function is given up until it is changed");
        }
    }

    /// Stores a merged document, as a server admin would, if the leaves are still those that were merged.
    async fn store(
        &self,
        place: &Place,
        merged: (&str, &str),
        question: &Question,
    ) -> Result<(), Failure> {
        let database = node_service::open(&self.names, &place.name).await?;
        if database.record.id != place.database {
            return Err(Failure::NoDatabase);
        }
        let rules = node_service::rules(&self.names);
        let reader: &dyn Database = database.as_ref();
        let mut updates: Vec<Update> =
            merged_update(reader, &rules.limits, merged, &question.leaves)?;
        let writer = User { name: None, roles: vec![ADMIN_ROLE.to_owned()] };
        if let Some(verdicts) = database.validate(&writer, &mut updates).await? {
            verdicts.into_iter().collect::<Result<(), UpdateFailure>>()?;
        }
        let live = question.leaves.iter().map(|leaf| leaf.revision.clone()).collect();
        for result in database.store_over(live, updates).await? {
            result?;
        }
        Ok(())
    }
}
