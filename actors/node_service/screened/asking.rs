//! Asks the functions `validate_doc_read` of a database about revisions that somebody would be shown. Whatever a
//! function does but return hides the revision: nobody said that it may be read. One that cannot be asked at all
//! answers the request with an error.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use refuge_document::{BodyPlace, Leaf, Rendering, Revision, render_document};
use refuge_http::{Failure, StoredBody, User};
use refuge_sandbox::{Error, Functions, Reading as Question};
use refuge_storage::{Snapshot, StorageError};

use crate::designs::{DesignReader, DesignSource};
use crate::javascript::JavaScript;
use crate::node_service::database::OpenDatabase;
use crate::node_service::reading::{PAGE_BYTES, Reading, body};
use crate::node_service::storage_failure;
use crate::node_service::validation::{Circumstances, circumstances};
use crate::{names, published, unavailable};

/// Revisions whose contents are held and asked about at a time; fewer where these are many bytes.
const HELD: usize = 64;
/// A function has its turn for so long, and then others of the database have theirs.
const TURN: Duration = Duration::from_secs(1);

/// A revision that is asked about.
pub(super) struct Asked {
    pub(super) id: String,
    revision: Revision,
    deleted: bool,
    place: BodyPlace,
    content: Option<StoredBody>,
}

impl Asked {
    /// A leaf, with its content where that is known already.
    pub(super) fn of(id: &str, leaf: &Leaf, content: Option<StoredBody>) -> Self {
        let Leaf { revision, deleted, place } = leaf.clone();
        Self { id: id.to_owned(), revision, deleted, place, content }
    }

    fn lacks_content(&self) -> bool {
        self.content.is_none() && !is_design(&self.id)
    }

    /// As its function sees it; `None` where its content is no longer stored.
    fn text(&self) -> Option<String> {
        let content = self.content.as_ref()?;
        let mut out = Vec::new();
        let rendering = Rendering {
            deleted: self.deleted,
            attachments: &content.attachments,
            ..Rendering::new(&self.id, &self.revision, &content.body)
        };
        render_document(&mut out, &rendering);
        String::from_utf8(out).ok()
    }
}

/// What a function is asked of revisions, by their places among all that are asked about.
type Questions = Vec<(usize, String)>;

/// Who reads, and what the functions hear of that.
pub(super) struct Screen {
    open: Arc<OpenDatabase>,
    circumstances: Arc<Circumstances>,
}

impl Screen {
    pub(super) fn new(open: Arc<OpenDatabase>, user: &User) -> Result<Self, Failure> {
        let circumstances = Arc::new(circumstances(&open, user)?);
        Ok(Self { open, circumstances })
    }

    /// Which of these revisions may be read, in their order. Design documents may by everybody.
    ///
    /// # Errors
    /// Where a function cannot be asked at all; whoever asks has learned nothing then, and stays where it is.
    pub(super) async fn admits(&self, asked: Vec<Asked>) -> Result<Vec<bool>, Failure> {
        // As they are now: a feed may stay open while they change.
        let reader = published::<DesignReader>(&self.open.names, names::DESIGNS).await?;
        let functions = reader.readings(self.open.id()).await?;
        let mut admitted = Vec::with_capacity(asked.len());
        let mut asked = VecDeque::from(asked);
        while !asked.is_empty() {
            let held = self.hold(&mut asked).await?;
            let mut passed: Vec<bool> = held.iter().map(|one| is_design(&one.id)).collect();
            let mut questions: Questions = held.iter().enumerate().filter_map(question).collect();
            drop(held);
            for design in functions.iter() {
                questions = self.ask(design, questions).await?;
            }
            for (place, _) in questions {
                if let Some(passed) = passed.get_mut(place) {
                    *passed = true;
                }
            }
            admitted.extend(passed);
        }
        Ok(admitted)
    }

    /// The next of those that are asked about, with their contents: as many as are held at a time.
    async fn hold(&self, asked: &mut VecDeque<Asked>) -> Result<Vec<Asked>, Failure> {
        let some: Vec<Asked> = asked.drain(..asked.len().min(HELD)).collect();
        let lacking = some.iter().filter(|one| one.lacks_content()).count();
        let (held, rest) = if lacking == 0 {
            with_contents(some, |_| Ok(None)).map_err(|error| storage_failure(&error))
        } else {
            self.open.reads.increment(lacking as u64);
            let database = self.open.id();
            let job = move |snapshot: &Snapshot| {
                with_contents(some, |place| body(snapshot, database, place))
            };
            self.open.read(Reading::Scan, job).await
        }?;
        rest.into_iter().rev().for_each(|one| asked.push_front(one));
        Ok(held)
    }

    /// Asks one design document; what it admits is to be asked of the next.
    async fn ask(
        &self,
        design: &DesignSource,
        mut questions: Questions,
    ) -> Result<Questions, Failure> {
        let javascript = published::<JavaScript>(&self.open.names, names::JAVASCRIPT).await?;
        let mut admitted = Vec::with_capacity(questions.len());
        while !questions.is_empty() {
            let circumstances = Arc::clone(&self.circumstances);
            let job = move |functions: &mut Functions| {
                let answers = turn(functions, &questions, &circumstances);
                (questions, answers, functions.take_log())
            };
            let done = javascript.with_functions(design.clone(), job).await?;
            let (mut asked, answers, log) = done.map_err(|error| unasked(design, &error))?;
            for line in log {
                tracing::info!(database = self.open.record.name, "log of a reading: {line}");
            }
            questions = asked.split_off(answers.len().min(asked.len()));
            let mut failed: Vec<Error> = Vec::new();
            for (question, answer) in asked.into_iter().zip(answers) {
                match answer {
                    Ok(()) => admitted.push(question),
                    Err(Error::Forbidden(_) | Error::Unauthorized(_)) => {}
                    Err(error) if is_unasked(&error) => return Err(unasked(design, &error)),
                    Err(error) => failed.push(error),
                }
            }
            if let Some(error) = failed.first() {
                self.tell(design, failed.len(), error);
            }
        }
        Ok(admitted)
    }

    fn tell(&self, design: &DesignSource, documents: usize, error: &Error) {
        let (database, design) = (&self.open.record.name, &design.1.id);
        let reason = error.reason();
        tracing::warn!(
            database,
            design,
            documents,
            error = error.name(),
            reason,
            "validate_doc_read failed; these documents stay hidden"
        );
    }
}

fn is_design(id: &str) -> bool {
    id.starts_with("_design/")
}

/// What is asked of a revision at its place; nothing of design documents, and of contents that are gone.
fn question((place, one): (usize, &Asked)) -> Option<(usize, String)> {
    if is_design(&one.id) { None } else { Some((place, one.text()?)) }
}

/// Gives revisions their contents until these are as many bytes as are held at a time; what is left has none yet.
fn with_contents(
    mut some: Vec<Asked>,
    content: impl Fn(BodyPlace) -> Result<Option<StoredBody>, StorageError>,
) -> Result<(Vec<Asked>, Vec<Asked>), StorageError> {
    let (mut held, mut bytes) = (0, 0);
    for one in &mut some {
        if bytes >= PAGE_BYTES {
            break;
        }
        if one.lacks_content() {
            one.content = content(one.place)?;
        }
        bytes += one.content.as_ref().map_or(0, |content| content.body.as_bytes().len());
        held += 1;
    }
    let rest = some.split_off(held);
    Ok((some, rest))
}

/// Whether a function could not be asked, so that nothing is known of the document.
fn is_unasked(error: &Error) -> bool {
    matches!(error, Error::Compilation(_) | Error::Language(_) | Error::Engine(_))
}

fn unasked(design: &DesignSource, error: &Error) -> Failure {
    if matches!(error, Error::Engine(_)) {
        tracing::error!(%error, "validate_doc_read cannot be asked");
        return unavailable();
    }
    Failure::Function {
        status: 500,
        error: error.name().to_owned(),
        reason: format!("validate_doc_read of {}: {}", design.1.id, error.reason()),
    }
}

/// Asks about revisions until the turn is over, or one has met a limit, behind which the functions are made anew: an
/// answer for each of the first.
fn turn(
    functions: &mut Functions,
    questions: &Questions,
    circumstances: &Circumstances,
) -> Vec<Result<(), Error>> {
    let began = Instant::now();
    let mut answers = Vec::with_capacity(questions.len());
    for (_, document) in questions {
        let (user, security) = (&circumstances.user, &circumstances.security);
        let answer = functions.validate_read(Question { document, user, security });
        let is_over = answer.as_ref().is_err_and(Error::is_limit) || began.elapsed() >= TURN;
        answers.push(answer);
        if is_over {
            break;
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use refuge_document::Body;

    use super::*;

    fn asked(id: usize) -> Asked {
        let revision = "1-a".parse().expect("a revision");
        let leaf = Leaf { revision, deleted: false, place: BodyPlace::At(id as u64) };
        Asked::of(&format!("n{id}"), &leaf, None)
    }

    #[test]
    fn no_more_bytes_are_held_than_a_page_has() {
        let large = format!("{{\"text\":\"{}\"}}", "x".repeat(PAGE_BYTES / 2));
        let content = |_| {
            let body = Body::parse(large.as_bytes()).expect("a body");
            Ok(Some(StoredBody { body, attachments: Vec::new() }))
        };
        let (held, rest) = with_contents((0..64).map(asked).collect(), content).expect("contents");
        assert_eq!((held.len(), rest.len()), (2, 62));
        assert!(held.iter().all(|one| !one.lacks_content()));
        assert!(rest.iter().all(Asked::lacks_content));
    }
}
