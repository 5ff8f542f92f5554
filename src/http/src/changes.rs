//! `GET` and `POST /{db}/_changes`: what changed behind a sequence, once or for as long as the
//! client listens (CouchDB documentation, "api/database/changes"). This page reads the request;
//! `changes/feed.rs` tells the rows.

mod feed;
mod filter;
mod included;
mod numbering;
mod parameters;
mod persistence;
mod remaining;
mod row;
mod scan;
mod selected;
mod selector;
mod sifting;
mod since;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use hyper::{Method, StatusCode};

use self::feed::{Feed, Setting};
use self::filter::Filter;
use self::parameters::Parameters;
use self::since::now_ms;
use crate::failure::Failure;
use crate::feed::FeedKind;
use crate::node::Database;
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::tags;

pub(crate) use self::row::write_revision;
pub use self::selected::{ChangesChoice, SelectedChanges, SelectedPage};
pub use self::since::FeedStart;

/// Answers with the feed that is asked for. What is wrong with the request is found before the
/// first byte of the answer.
pub(crate) async fn changes(
    request: &mut Request,
    database: &Arc<dyn Database>,
) -> Result<Reply, Failure> {
    reply::allow(&request.method, &[Method::GET, Method::HEAD, Method::POST], "GET,HEAD,POST")?;
    let mut parameters = Parameters::parse(&request.query, request.header("last-event-id"))?;
    parameters.patience = parameters.patience.within(request.rules.longest_wait);
    let filter = Filter::read(request, database.as_ref(), &parameters).await?;
    let information = database.outline().await?;
    let current = information.update_sequence;
    // Backwards, `since` does not count, and a walk backwards leaves nothing out.
    let start = if parameters.descending {
        FeedStart { after: current, opaque: database.instance().to_owned() }
    } else {
        parameters.since.resolve(database.instance(), &information, now_ms())?
    };
    let kind = parameters.feed;
    // What a function lets through depends on more than the documents: on who asks, and with what headers.
    let is_tagged = kind == FeedKind::Normal
        && request.method != Method::POST
        && !database.is_partial()
        && !matches!(filter, Filter::Function(_));
    let tag = is_tagged.then(|| tags::of_sequence(database.as_ref(), current));
    if let Some(tag) = &tag
        && tags::is_known(request, tag)
    {
        return Ok(tags::tagged(reply::empty(StatusCode::NOT_MODIFIED), tag));
    }
    // What a function throws before anything is told is told by the status, one that hides documents included.
    let is_asked_first =
        matches!(filter, Filter::Function(_)) || kind == FeedKind::Normal && database.is_partial();
    let setting = Setting {
        database: database.clone(),
        user: request.user.clone(),
        parameters,
        filter,
        shutdown: request.session.shutdown().clone(),
        current,
        start,
    };
    let feed = Feed::new(setting);
    let open = request.session.metrics().filter(|_| kind != FeedKind::Normal);
    let open = open.map(|metrics| metrics.open_feed());
    let mut reply = crate::feed::answer(kind, |sender| async move {
        let _open = open;
        feed.run(sender).await
    });
    if is_asked_first {
        reply = reply::begun(reply).await?;
    }
    Ok(match &tag {
        Some(tag) => tags::tagged(reply, tag),
        None => reply,
    })
}
