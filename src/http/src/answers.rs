//! Answers that are lists of rows: one by itself, or those to several questions of one request
//! (`…/queries`). What a list tells is not decided here.

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::reply::{self, Reply};
use crate::stream::ReplySender;

/// A list whose first rows are known.
pub(crate) trait Answer: Send + Sized + 'static {
    /// All that is asked.
    type Question: Send + 'static;

    /// Reads up to the first rows, so that what fails can still be told by a status.
    fn begin(
        question: Self::Question,
    ) -> impl Future<Output = Result<Self, Failure>> + Send + 'static;

    /// Writes the whole list as one object.
    fn run(self, sender: &mut ReplySender) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Answers one question.
pub(crate) async fn one<A: Answer>(question: A::Question) -> Result<Reply, Failure> {
    let answer = A::begin(question).await?;
    Ok(reply::json_stream(|mut sender| async move {
        answer.run(&mut sender).await?;
        sender.buffer().push(b'\n');
        sender.flush().await
    }))
}

/// Answers several questions, in their order.
pub(crate) async fn several<A: Answer>(questions: Vec<A::Question>) -> Result<Reply, Failure> {
    let mut waiting = questions.into_iter();
    let mut next = match waiting.next() {
        Some(first) => Some(A::begin(first).await?),
        None => None,
    };
    Ok(reply::json_stream(|mut sender| async move {
        sender.buffer().extend_from_slice(b"{\"results\":[");
        let mut separator: &[u8] = b"\r\n";
        while let Some(answer) = next.take() {
            sender.buffer().extend_from_slice(separator);
            separator = b",\r\n";
            answer.run(&mut sender).await?;
            if let Some(question) = waiting.next() {
                next = Some(A::begin(question).await?);
            }
        }
        sender.buffer().extend_from_slice(b"\r\n]}\n");
        sender.flush().await
    }))
}

/// What each of the posted queries says, handed to `read`.
pub(crate) fn queries<P>(
    mut posted: Map<String, Value>,
    read: impl Fn(&Map<String, Value>) -> Result<P, Failure>,
) -> Result<Vec<P>, Failure> {
    let bad = |reason: &str| Failure::BadRequest(reason.to_owned());
    let queries = match posted.remove("queries") {
        Some(Value::Array(queries)) => queries,
        Some(_) => return Err(bad("`queries` member must be an array.")),
        None => return Err(bad("POST body must include `queries` parameter.")),
    };
    let parameters = queries.into_iter().map(|one| match one {
        Value::Object(members) => read(&members),
        _ => Err(bad("a query must be a JSON object")),
    });
    parameters.collect()
}
