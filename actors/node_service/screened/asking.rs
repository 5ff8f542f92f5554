//! Asks the functions `validate_doc_read` of a database about revisions that somebody would be shown. Whatever a
//! function does but return hides the revision: nobody said that it may be read. One that cannot be asked at all
//! answers the request with an error.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use refuge_document::{BodyPlace, Leaf, Rendering, Revision, render_document};
use refuge_http::{Failure, StoredBody, User};
use refuge_sandbox::{Error, Functions, Reading as Question};
use refuge_storage::{Snapshot, StorageError};

use super::patience::{SCREENING, Taken, Time};
use crate::designs::{DesignReader, DesignSource, MetLimits};
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

/// What a function is asked of a revision.
struct Pending {
    /// Its place among all that are asked about.
    place: usize,
    body: BodyPlace,
    text: String,
}

type Questions = Vec<Pending>;

/// Who reads, and what the functions hear of that.
pub(super) struct Screen {
    open: Arc<OpenDatabase>,
    circumstances: Arc<Circumstances>,
    /// How long the function of a design document took over the last documents, on all of which it met a limit; by
    /// its id, where there were such.
    lost: Mutex<HashMap<String, Duration>>,
}

impl Screen {
    pub(super) fn new(open: Arc<OpenDatabase>, user: &User) -> Result<Self, Failure> {
        let circumstances = Arc::new(circumstances(&open, user)?);
        Ok(Self { open, circumstances, lost: Mutex::default() })
    }

    /// Which of these revisions may be read, in their order: of as many of the first as the functions answer for in
    /// good time, but of one at least. Design documents may by everybody.
    ///
    /// # Errors
    /// Where a function cannot be asked at all, or takes too long; whoever asks has learned nothing then, and stays
    /// where it is.
    pub(super) async fn admits_first(&self, asked: Vec<Asked>) -> Result<Vec<bool>, Failure> {
        self.answers(asked, 1).await
    }

    /// The same of all of them.
    ///
    /// # Errors
    /// As [`Screen::admits_first`].
    pub(super) async fn admits(&self, asked: Vec<Asked>) -> Result<Vec<bool>, Failure> {
        self.answers(asked, usize::MAX).await
    }

    /// The same of groups of revisions of which each is answered as a whole: of all groups, or of the first, but of
    /// one at least.
    ///
    /// # Errors
    /// As [`Screen::admits_first`].
    pub(super) async fn admits_groups(
        &self,
        groups: Vec<Vec<Asked>>,
        time: Time,
    ) -> Result<Vec<Vec<bool>>, Failure> {
        let counts: Vec<usize> = groups.iter().map(Vec::len).collect();
        let least = match time {
            Time::ForAll => usize::MAX,
            Time::ForSome => counts.iter().copied().find(|count| *count > 0).unwrap_or_default(),
        };
        let answers = self.answers(groups.into_iter().flatten().collect(), least).await?;
        Ok(grouped(&answers, &counts))
    }

    /// Answers for `least` of the first at least, where there are so many.
    async fn answers(&self, asked: Vec<Asked>, least: usize) -> Result<Vec<bool>, Failure> {
        // As they are now: a feed may stay open while they change.
        let reader = published::<DesignReader>(&self.open.names, names::DESIGNS).await?;
        let (functions, limits) = reader.readings(self.open.id()).await?;
        let mut taken = Taken { time: Duration::ZERO, least };
        let mut admitted = Vec::with_capacity(asked.len());
        let mut asked = VecDeque::from(asked);
        while !asked.is_empty() {
            let held = self.hold(&mut asked).await?;
            let mut passed: Vec<bool> = held.iter().map(|one| is_design(&one.id)).collect();
            let mut questions: Questions = held.iter().enumerate().filter_map(question).collect();
            drop(held);
            for design in functions.iter() {
                let rest = self.ask((design, &limits), &mut questions, &mut taken).await?;
                if let Some(first) = rest {
                    passed.truncate(first);
                    asked.clear();
                }
            }
            for question in questions {
                if let Some(passed) = passed.get_mut(question.place) {
                    *passed = true;
                }
            }
            taken.answered(passed.len());
            admitted.extend(passed);
            if taken.is_enough(0) {
                break;
            }
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

    /// Asks one design document, and leaves what it admits, which is to be asked of the next. Where enough time was
    /// taken before all were answered, the place of the first that was not. What it met a limit on before stays
    /// hidden unasked: a few such documents would end everybody's feed at the same place for ever.
    async fn ask(
        &self,
        (design, limits): (&DesignSource, &MetLimits),
        questions: &mut Questions,
        taken: &mut Taken,
    ) -> Result<Option<usize>, Failure> {
        let javascript = published::<JavaScript>(&self.open.names, names::JAVASCRIPT).await?;
        let mut admitted = Vec::with_capacity(questions.len());
        let mut rest = std::mem::take(questions);
        rest.retain(|question| !limits.holds(&self.known_as(design, question)));
        while !rest.is_empty() {
            let circumstances = Arc::clone(&self.circumstances);
            let job = move |functions: &mut Functions| {
                let answers = turn(functions, &rest, &circumstances);
                (rest, answers, functions.take_log())
            };
            let done = javascript.with_functions(design.clone(), job).await?;
            let (mut asked, answers, log) = done.map_err(|error| unasked(design, &error))?;
            for line in log {
                tracing::info!(database = self.open.record.name, "log of a reading: {line}");
            }
            rest = asked.split_off(answers.len().min(asked.len()));
            let mut failed: Vec<Error> = Vec::new();
            for (question, (answer, time)) in asked.into_iter().zip(answers) {
                if time >= TURN && answer.as_ref().is_err_and(Error::is_lasting_limit) {
                    limits.remember(&self.known_as(design, &question));
                }
                self.count(design, (&answer, time), taken)?;
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
            if rest.first().is_some_and(|next| taken.is_enough(next.place)) {
                break;
            }
        }
        *questions = admitted;
        Ok(rest.first().map(|question| question.place))
    }

    /// What a question is remembered by: all that the function hears, and its own version.
    fn known_as<'a>(
        &'a self,
        (key, _): &'a DesignSource,
        question: &Pending,
    ) -> (&'a str, [&'a str; 2], BodyPlace) {
        let Circumstances { user, security } = self.circumstances.as_ref();
        (&key.version, [user, security], question.body)
    }

    /// Counts the time that an answer took.
    ///
    /// # Errors
    /// Where that is more than all may take, or the function does nothing any more but meet limits.
    fn count(
        &self,
        design: &DesignSource,
        (answer, time): (&Result<(), Error>, Duration),
        taken: &mut Taken,
    ) -> Result<(), Failure> {
        taken.time += time;
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let is_lost = if answer.as_ref().is_err_and(Error::is_limit) {
            let lost = lost.entry(design.1.id.clone()).or_default();
            *lost += time;
            *lost >= SCREENING
        } else {
            lost.remove(&design.1.id);
            false
        };
        if !is_lost && !taken.is_too_much() {
            return Ok(());
        }
        lost.remove(&design.1.id);
        Err(too_slow(&self.open.record.name, design))
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

/// The first answers in groups of so many, as long as these are whole.
fn grouped(mut answers: &[bool], counts: &[usize]) -> Vec<Vec<bool>> {
    let mut groups = Vec::with_capacity(counts.len());
    for count in counts {
        let Some((group, rest)) = answers.split_at_checked(*count) else { break };
        groups.push(group.to_vec());
        answers = rest;
    }
    groups
}

/// What is asked of a revision at its place; nothing of design documents, and of contents that are gone.
fn question((place, one): (usize, &Asked)) -> Option<Pending> {
    if is_design(&one.id) {
        return None;
    }
    Some(Pending { place, body: one.place, text: one.text()? })
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

fn too_slow(database: &str, (_, design): &DesignSource) -> Failure {
    let (seconds, design) = (SCREENING.as_secs(), &design.id);
    tracing::warn!(database, design, seconds, "validate_doc_read is too slow; the request fails");
    Failure::Function {
        status: 500,
        error: "timeout".to_owned(),
        reason: format!(
            "validate_doc_read of {design} took {seconds} seconds over the documents of one page, or over documents \
             on which it met its limits: it has to do less per document. Ask about fewer documents meanwhile."
        ),
    }
}

/// Asks about revisions until the turn is over, or one has met a limit, behind which the functions are made anew: an
/// answer for each of the first, and how long it took.
fn turn(
    functions: &mut Functions,
    questions: &Questions,
    circumstances: &Circumstances,
) -> Vec<(Result<(), Error>, Duration)> {
    let began = Instant::now();
    let mut answers = Vec::with_capacity(questions.len());
    let mut before = Duration::ZERO;
    for Pending { text: document, .. } in questions {
        let (user, security) = (&circumstances.user, &circumstances.security);
        let answer = functions.validate_read(Question { document, user, security });
        let is_limit = answer.as_ref().is_err_and(Error::is_limit);
        let elapsed = began.elapsed();
        answers.push((answer, elapsed.saturating_sub(before)));
        before = elapsed;
        if is_limit || elapsed >= TURN {
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
    fn a_group_is_answered_as_a_whole_or_not_at_all() {
        let groups = |answers: &[bool]| grouped(answers, &[2, 0, 1, 3]);
        assert_eq!(groups(&[true]), Vec::<Vec<bool>>::new());
        assert_eq!(groups(&[true, false]), [vec![true, false], vec![]]);
        assert_eq!(
            groups(&[true, false, true, true, true]),
            [vec![true, false], vec![], vec![true]]
        );
        assert_eq!(groups(&[true; 6]).len(), 4);
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
