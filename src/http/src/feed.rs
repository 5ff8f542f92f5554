//! What all feeds have in common: their kinds, the layout around their rows, signs of life, and how
//! they outlive restarts of the actors behind them. What the rows tell is each feed's own.

mod framing;
mod numbered;
mod pace;
mod parameters;
mod persistence;

use hyper::header::{CACHE_CONTROL, HeaderValue};

use crate::failure::Failure;
use crate::reply::{self, Reply};
use crate::stream::{ReplyBody, ReplySender};

pub(crate) use self::framing::Framing;
pub(crate) use self::numbered::{
    NumberedFeed, NumberedFeedOptions, NumberedPage, NumberedRequest, NumberedSource,
};
pub(crate) use self::pace::{Pace, Woken};
#[cfg(test)]
pub(crate) use self::parameters::LONGEST_WAIT;
pub(crate) use self::parameters::Patience;
pub(crate) use self::parameters::{FeedKind, Waiting, parse_kind, parse_limit};
pub(crate) use self::persistence::persist;

/// The answer that a feed is written into.
pub(crate) fn answer<F, P>(kind: FeedKind, run: P) -> Reply
where
    P: FnOnce(ReplySender) -> F,
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    match kind {
        FeedKind::Normal => return reply::json_stream(run),
        // What stays open goes out row by row.
        FeedKind::LongPoll | FeedKind::Continuous => {
            return reply::json_stream(run).map(ReplyBody::unpackable);
        }
        FeedKind::EventSource => {}
    }
    let mut reply = reply::stream(HeaderValue::from_static("text/event-stream"), None, run);
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    reply
}
