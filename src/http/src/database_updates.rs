//! `GET /_db_updates`: which databases were made, changed and removed, once or for as long as the client
//! listens (CouchDB documentation, "api/server/common"). As in CouchDB there is one row a database and
//! kind of event: the last one.

mod parameters;

use std::sync::Arc;

use hyper::Method;
use refuge_document::json::write_string;
use refuge_document::sequence_text;

use self::parameters::Parameters;
use crate::failure::Failure;
use crate::feed::{
    self, NumberedFeed, NumberedFeedOptions, NumberedPage, NumberedRequest, NumberedSource,
};
use crate::node::{DatabaseUpdate, DatabaseUpdatesRequest, Node};
use crate::reply::{self, Reply};
use crate::request::Request;

/// Answers with the feed that is asked for. What is wrong with the request is found before the first
/// byte of the answer.
pub(crate) async fn database_updates(
    node: &Arc<dyn Node>,
    request: &Request,
) -> Result<Reply, Failure> {
    reply::allow(&request.method, &[Method::GET, Method::HEAD], "GET")?;
    let parameters = Parameters::parse(&request.query, request.header("last-event-id"))?;
    let none = DatabaseUpdatesRequest { after: 0, limit: 0, descending: false };
    let newest = node.database_updates(none).await?.last;
    let instance = node.facts().uuid.clone();
    let options = NumberedFeedOptions {
        feed: parameters.feed,
        after: parameters.since.number(&instance, newest),
        limit: parameters.limit,
        descending: parameters.descending,
        patience: parameters.patience.within(request.rules.longest_wait),
    };
    let updates = DatabaseUpdates { node: node.clone(), instance };
    let feed = NumberedFeed::new(updates, options, request.session.shutdown().clone());
    Ok(feed::answer(options.feed, |sender| feed.run(sender)))
}

/// The updates as rows of a feed.
struct DatabaseUpdates {
    node: Arc<dyn Node>,
    /// The opaque part of the sequences.
    instance: String,
}

impl NumberedSource for DatabaseUpdates {
    async fn page(&self, request: NumberedRequest) -> Result<NumberedPage, Failure> {
        let NumberedRequest { after, limit, descending } = request;
        let wanted = DatabaseUpdatesRequest { after, limit, descending };
        let page = self.node.database_updates(wanted).await?;
        let rows = page.updates.iter().map(|update| (update.number, self.row(update)));
        Ok(NumberedPage { rows: rows.collect(), last: page.last, missed: false })
    }

    async fn beyond(&self, number: u64) -> Result<u64, Failure> {
        self.node.database_updates_beyond(number).await
    }

    fn write_number(&self, out: &mut Vec<u8>, number: u64) {
        write_string(out, &sequence_text(number, &self.instance));
    }
}

impl DatabaseUpdates {
    fn row(&self, update: &DatabaseUpdate) -> Vec<u8> {
        let mut out = b"{\"db_name\":".to_vec();
        write_string(&mut out, &update.name);
        out.extend_from_slice(b",\"type\":");
        write_string(&mut out, update.kind.text());
        out.extend_from_slice(b",\"seq\":");
        self.write_number(&mut out, update.number);
        out.push(b'}');
        out
    }
}
