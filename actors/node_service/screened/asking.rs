//! Asks the functions `validate_doc_read` of a database about revisions that somebody would be shown. Whatever a
//! function does but return hides the revision: nobody said that it may be read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use refuge_document::{BodyPlace, Leaf, Rendering, Revision, render_document};
use refuge_http::{Database, Failure, StoredBody, User};
use refuge_sandbox::{Error, Functions, Reading};

use crate::designs::{DesignReader, DesignSource};
use crate::javascript::JavaScript;
use crate::node_service::database::OpenDatabase;
use crate::node_service::validation::{Circumstances, circumstances};
use crate::{names, published};

/// Revisions whose contents are held and asked about at a time.
const HELD: usize = 64;
/// A function has its turn for so long, and then others of the database have theirs.
const TURN: Duration = Duration::from_secs(1);
/// Revisions on which a function meets the sandbox's limits while one page is made, after which the others are
/// hidden without being asked about: each costs seconds.
const MOST_LIMITS: usize = 2;

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
    pub(super) async fn admits(&self, asked: Vec<Asked>) -> Result<Vec<bool>, Failure> {
        // As they are now: a feed may stay open while they change.
        let reader = published::<DesignReader>(&self.open.names, names::DESIGNS).await?;
        let functions = reader.readings(self.open.id()).await?;
        let mut admitted = Vec::with_capacity(asked.len());
        let mut limits = vec![0; functions.len()];
        let mut asked = asked.into_iter();
        loop {
            let some: Vec<Asked> = asked.by_ref().take(HELD).collect();
            if some.is_empty() {
                return Ok(admitted);
            }
            let mut passed = vec![false; some.len()];
            let mut questions = self.questions(some, &mut passed).await?;
            for (design, limits) in functions.iter().zip(&mut limits) {
                questions = self.ask(design, questions, limits).await?;
            }
            for (place, _) in questions {
                if let Some(passed) = passed.get_mut(place) {
                    *passed = true;
                }
            }
            admitted.extend(passed);
        }
    }

    /// The texts of those that have to be asked about; of others it is told at once.
    async fn questions(
        &self,
        mut asked: Vec<Asked>,
        passed: &mut [bool],
    ) -> Result<Questions, Failure> {
        let lacks = |one: &Asked| one.content.is_none() && !is_design(&one.id);
        let places: Vec<BodyPlace> =
            asked.iter().filter(|one| lacks(one)).map(|one| one.place).collect();
        if !places.is_empty() {
            let contents = self.open.bodies(places).await?;
            let lacking = asked.iter_mut().filter(|one| lacks(one));
            lacking.zip(contents).for_each(|(one, content)| one.content = content);
        }
        let mut questions = Vec::with_capacity(asked.len());
        for (place, (one, passed)) in asked.iter().zip(passed).enumerate() {
            if is_design(&one.id) {
                *passed = true;
            } else if let Some(text) = one.text() {
                questions.push((place, text));
            }
        }
        Ok(questions)
    }

    /// Asks one design document; what it admits is to be asked of the next.
    async fn ask(
        &self,
        design: &DesignSource,
        mut questions: Questions,
        limits: &mut usize,
    ) -> Result<Questions, Failure> {
        let javascript = published::<JavaScript>(&self.open.names, names::JAVASCRIPT).await?;
        let mut admitted = Vec::with_capacity(questions.len());
        while !questions.is_empty() && *limits < MOST_LIMITS {
            let circumstances = Arc::clone(&self.circumstances);
            let job = move |functions: &mut Functions| {
                let answers = turn(functions, &questions, &circumstances);
                (questions, answers, functions.take_log())
            };
            let (mut asked, answers, log) =
                match javascript.with_functions(design.clone(), job).await? {
                    Ok(done) => done,
                    Err(error) => {
                        self.tell(design, 1, &error);
                        return Ok(Vec::new());
                    }
                };
            for line in log {
                tracing::info!(database = self.open.record.name, "log of a reading: {line}");
            }
            questions = asked.split_off(answers.len().min(asked.len()));
            let mut failed: Vec<Error> = Vec::new();
            for (question, answer) in asked.into_iter().zip(answers) {
                match answer {
                    Ok(()) => admitted.push(question),
                    Err(Error::Forbidden(_) | Error::Unauthorized(_)) => {}
                    Err(error) => {
                        *limits += usize::from(error.is_limit());
                        failed.push(error);
                    }
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

/// Asks about revisions until the turn is over or too many have met a limit: an answer for each of the first.
fn turn(
    functions: &mut Functions,
    questions: &Questions,
    circumstances: &Circumstances,
) -> Vec<Result<(), Error>> {
    let (began, mut limits) = (Instant::now(), 0);
    let mut answers = Vec::with_capacity(questions.len());
    for (_, document) in questions {
        let (user, security) = (&circumstances.user, &circumstances.security);
        let answer = functions.validate_read(Reading { document, user, security });
        limits += usize::from(answer.as_ref().is_err_and(Error::is_limit));
        answers.push(answer);
        if began.elapsed() >= TURN || limits >= MOST_LIMITS {
            break;
        }
    }
    answers
}
