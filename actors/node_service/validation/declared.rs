//! Asks a design document's declared selector about edits, natively. What selectors mean is told in
//! `refuge-query`.

use std::sync::Arc;

use refuge_http::{Failure, UpdateVerdicts};
use refuge_query::validation::DeclaredValidation;

use super::questions::Question;
use super::{Placed, refuse};
use crate::unavailable;

/// Bytes of documents up to which they are looked at where they are asked about: less than a millisecond.
const INLINE_BYTES: usize = 64 * 1024;

/// Asks about all; answers what is allowed. One that is no selector allows nothing: nobody said what may be
/// stored.
pub(super) async fn ask(
    (design, selector): (&str, &Arc<Result<DeclaredValidation, String>>),
    questions: Placed,
    verdicts: &mut UpdateVerdicts,
) -> Result<Placed, Failure> {
    let bytes: usize = questions.iter().map(|(_, question)| bytes(question)).sum();
    let answered = if bytes <= INLINE_BYTES {
        answers(selector, questions)
    } else {
        let selector = Arc::clone(selector);
        let answers = crate::blocking(move || answers(&selector, questions));
        answers.await.map_err(|_| unavailable())?
    };
    let mut allowed = Vec::with_capacity(answered.len());
    for ((place, question), answer) in answered {
        match answer {
            Ok(()) => allowed.push((place, question)),
            Err(reason) => {
                tracing::debug!(design, reason, "a declared validation refuses a document");
                refuse(verdicts, place, Failure::Forbidden(reason));
            }
        }
    }
    Ok(allowed)
}

fn bytes(question: &Question) -> usize {
    question.new.len() + question.old.as_ref().map_or(0, String::len)
}

/// A question with its place, and what the selector says.
type Answered = ((usize, Question), Result<(), String>);

fn answers(selector: &Result<DeclaredValidation, String>, questions: Placed) -> Vec<Answered> {
    let answer = |question: &Question| match selector {
        Ok(selector) => selector.ask(&question.new, question.old.as_deref()),
        Err(reason) => Err(format!("validate_doc_update is no selector: {reason}")),
    };
    questions
        .into_iter()
        .map(|(place, question)| {
            let answer = answer(&question);
            ((place, question), answer)
        })
        .collect()
}
