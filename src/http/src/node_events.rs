//! `GET /_mesh/events`: what happened to other nodes, once or for as long as the client listens, with
//! the kinds of feeds and the layout of `_changes`. Events that are no longer kept are told by
//! `"missed": true`: in the object that ends the answer, and where the feed has no such end before
//! the events that come after them.

mod parameters;

use std::sync::Arc;

use hyper::Method;

pub(crate) use self::parameters::{Parameters, Since};
use crate::failure::Failure;
use crate::feed::{
    self, NumberedFeed, NumberedFeedOptions, NumberedPage, NumberedRequest, NumberedSource,
};
use crate::node::{Node, NodeEventsRequest};
use crate::reply::{self, Reply};
use crate::request::Request;

/// Answers with the feed that is asked for. What is wrong with the request is found before the first
/// byte of the answer.
pub(crate) async fn node_events(node: &Arc<dyn Node>, request: &Request) -> Result<Reply, Failure> {
    reply::allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")?;
    let Parameters { feed, since, limit, patience } =
        Parameters::parse(&request.query, request.header("last-event-id"))?;
    let patience = patience.within(request.rules.longest_wait);
    let newest = node.node_events(NodeEventsRequest { after: 0, limit: 0 }).await?.last;
    let after = match since {
        Since::Number(number) => number.min(newest),
        Since::Now => newest,
    };
    let options = NumberedFeedOptions { feed, after, limit, descending: false, patience };
    let shutdown = request.session.shutdown().clone();
    let feed = NumberedFeed::new(NodeEvents { node: node.clone() }, options, shutdown);
    Ok(feed::answer(options.feed, |sender| feed.run(sender)))
}

/// The events as rows of a feed.
struct NodeEvents {
    node: Arc<dyn Node>,
}

impl NumberedSource for NodeEvents {
    async fn page(&self, request: NumberedRequest) -> Result<NumberedPage, Failure> {
        let NumberedRequest { after, limit, .. } = request;
        let page = self.node.node_events(NodeEventsRequest { after, limit }).await?;
        let rows = page.events.iter();
        let rows = rows.map(|event| (event.number, event.to_json().to_string().into_bytes()));
        Ok(NumberedPage { rows: rows.collect(), last: page.last, missed: page.missed })
    }

    async fn beyond(&self, number: u64) -> Result<u64, Failure> {
        self.node.node_events_beyond(number).await
    }

    fn write_number(&self, out: &mut Vec<u8>, number: u64) {
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
}
