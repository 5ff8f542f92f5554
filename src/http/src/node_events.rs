//! `GET /_mesh/events`: what happened to other nodes, once or for as long as the client listens, with
//! the kinds of feeds and the layout of `_changes`. Events that are no longer kept are told by
//! `"missed": true`: in the object that ends the answer, and where the feed has no such end before
//! the events that come after them.

mod parameters;

use std::sync::Arc;

use hyper::Method;

use self::parameters::{Parameters, Since};
use crate::failure::Failure;
use crate::feed::{self, FeedKind, Framing, Pace, Woken, persist};
use crate::node::{Node, NodeEventsPage, NodeEventsRequest};
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::shutdown::Shutdown;
use crate::stream::ReplySender;

/// Events that are read at a time.
const PAGE_EVENTS: usize = 500;

/// Answers with the feed that is asked for. What is wrong with the request is found before the first
/// byte of the answer.
pub(crate) async fn node_events(node: &Arc<dyn Node>, request: &Request) -> Result<Reply, Failure> {
    reply::allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")?;
    let mut parameters = Parameters::parse(&request.query, request.header("last-event-id"))?;
    parameters.patience = parameters.patience.within(request.rules.longest_wait);
    let newest = node.node_events(NodeEventsRequest { after: 0, limit: 0 }).await?.last;
    let kind = parameters.feed;
    let feed = Feed::new(node.clone(), parameters, newest, request.session.shutdown().clone());
    Ok(feed::answer(kind, |sender| feed.run(sender)))
}

/// A feed under way.
struct Feed {
    node: Arc<dyn Node>,
    parameters: Parameters,
    framing: Framing,
    pace: Pace,
    /// Everything up to here has been told.
    position: u64,
    /// Events told.
    told: usize,
    /// Whether events were passed over because they are no longer kept.
    missed: bool,
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walked {
    /// There is nothing more at the moment.
    Everything,
    /// The limit is reached, or the feed is over.
    Stopped,
}

impl Feed {
    fn new(node: Arc<dyn Node>, parameters: Parameters, newest: u64, shutdown: Shutdown) -> Self {
        Self {
            node,
            framing: Framing::of(parameters.feed),
            pace: Pace::new(parameters.patience, shutdown),
            position: match parameters.since {
                Since::Number(number) => number.min(newest),
                Since::Now => newest,
            },
            parameters,
            told: 0,
            missed: false,
        }
    }

    /// Writes the whole feed.
    async fn run(mut self, mut sender: ReplySender) -> Result<(), Failure> {
        self.framing.open(sender.buffer());
        let mut walked = self.walk(&mut sender).await;
        if self.told == 0 && self.waits() && matches!(walked, Ok(Walked::Everything)) {
            // The sign that the feed is open.
            sender.buffer().push(b'\n');
        }
        while self.goes_on(walked)? {
            self.pace.send(&mut sender).await?;
            walked = match self.wait().await {
                Woken::Changed(_) => self.walk(&mut sender).await,
                Woken::Quiet => {
                    self.framing.heartbeat(sender.buffer());
                    Ok(Walked::Everything)
                }
                Woken::Over => Ok(Walked::Stopped),
            };
        }
        self.framing.close(sender.buffer(), |out| {
            out.extend_from_slice(b"\"last_seq\":");
            out.extend_from_slice(itoa::Buffer::new().format(self.position).as_bytes());
            if self.missed {
                out.extend_from_slice(b",\"missed\":true");
            }
        });
        sender.flush().await
    }

    fn waits(&self) -> bool {
        self.parameters.feed.stays_open(self.told)
    }

    /// Whether there is more to wait for behind a walk. A feed that could wait ends in order where the
    /// events are out of reach; an answer that promises all there is breaks off.
    fn goes_on(&self, walked: Result<Walked, Failure>) -> Result<bool, Failure> {
        match walked {
            Ok(Walked::Everything) => Ok(self.waits()),
            Ok(Walked::Stopped) => Ok(false),
            Err(Failure::Unavailable(_)) if self.parameters.feed != FeedKind::Normal => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Tells the events behind `position`.
    async fn walk(&mut self, sender: &mut ReplySender) -> Result<Walked, Failure> {
        loop {
            let limit = self.parameters.limit.saturating_sub(self.told).min(PAGE_EVENTS);
            if limit == 0 {
                return Ok(Walked::Stopped);
            }
            let page = tokio::select! {
                biased;
                () = self.told_to_stop() => return Ok(Walked::Stopped),
                page = self.page(limit) => page?,
            };
            if page.missed {
                self.tell_missed(sender.buffer());
            }
            for event in &page.events {
                let out = sender.buffer();
                self.framing.before_row(out, self.told == 0);
                // Writing into memory does not fail.
                let _ = serde_json::to_writer(&mut *out, &event.to_json());
                self.framing.after_row(out, |out| {
                    out.extend_from_slice(itoa::Buffer::new().format(event.number).as_bytes());
                });
                self.position = event.number;
                self.told += 1;
            }
            if page.events.is_empty() || self.position >= page.last {
                // What is no longer kept is not asked for again.
                self.position = self.position.max(page.last);
                return Ok(Walked::Everything);
            }
            self.pace.send(sender).await?;
        }
    }

    /// Waits for the sign that the node is about to stop; an answer that promises all there is does
    /// not heed it.
    async fn told_to_stop(&self) {
        match self.parameters.feed {
            FeedKind::Normal => std::future::pending().await,
            _ => self.pace.told_to_stop().await,
        }
    }

    async fn page(&self, limit: usize) -> Result<NodeEventsPage, Failure> {
        let request = NodeEventsRequest { after: self.position, limit };
        persist(|| self.node.node_events(request), async || None).await
    }

    async fn wait(&self) -> Woken {
        let beyond = persist(|| self.node.node_events_beyond(self.position), async || None);
        self.pace.wait(async { beyond.await.ok() }).await
    }

    fn tell_missed(&mut self, out: &mut Vec<u8>) {
        self.missed = true;
        out.extend_from_slice(match self.framing {
            Framing::Object => b"".as_slice(),
            Framing::Lines => b"{\"missed\":true}\n",
            Framing::Events => b"event: missed\ndata: {\"missed\":true}\n\n",
        });
    }
}
