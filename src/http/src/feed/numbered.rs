//! A feed of rows that have numbers: told once, or for as long as the client listens. What the rows are,
//! and where they come from, is the source's.

use super::{FeedKind, Framing, Pace, Patience, Woken, persist};
use crate::failure::Failure;
use crate::shutdown::Shutdown;
use crate::stream::ReplySender;

/// Rows that are read at a time.
const PAGE_ROWS: usize = 500;

/// Where the rows of a feed come from.
pub(crate) trait NumberedSource: Send + Sync + 'static {
    /// A page of rows behind `after`, or before it where the feed goes backwards.
    fn page(
        &self,
        request: NumberedRequest,
    ) -> impl Future<Output = Result<NumberedPage, Failure>> + Send;

    /// Waits until there is a row behind `number`; tells the number of the newest.
    fn beyond(&self, number: u64) -> impl Future<Output = Result<u64, Failure>> + Send;

    /// Writes a number as clients are told it, in JSON.
    fn write_number(&self, out: &mut Vec<u8>, number: u64);
}

/// Which rows are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumberedRequest {
    /// Rows behind this number; going backwards, rows before it.
    pub(crate) after: u64,
    /// Most rows.
    pub(crate) limit: usize,
    /// Newest first.
    pub(crate) descending: bool,
}

/// A page of rows, in the order that was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct NumberedPage {
    /// Numbers and what is told, as JSON.
    pub(crate) rows: Vec<(u64, Vec<u8>)>,
    /// The number of the newest row there is, in the page or not.
    pub(crate) last: u64,
    /// Whether rows behind the number asked for are no longer kept.
    pub(crate) missed: bool,
}

/// What the client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumberedFeedOptions {
    pub(crate) feed: FeedKind,
    /// Everything up to here is known to the client.
    pub(crate) after: u64,
    /// Most rows.
    pub(crate) limit: usize,
    /// Newest first; what comes later is told forwards.
    pub(crate) descending: bool,
    pub(crate) patience: Patience,
}

/// A feed under way.
pub(crate) struct NumberedFeed<S> {
    source: S,
    options: NumberedFeedOptions,
    framing: Framing,
    pace: Pace,
    /// Everything up to here has been told.
    position: u64,
    /// Rows told.
    told: usize,
    /// Whether rows were passed over because they are no longer kept.
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

impl<S: NumberedSource> NumberedFeed<S> {
    /// A feed at its beginning.
    pub(crate) fn new(source: S, options: NumberedFeedOptions, shutdown: Shutdown) -> Self {
        Self {
            source,
            framing: Framing::of(options.feed),
            pace: Pace::new(options.patience, shutdown),
            position: options.after,
            options,
            told: 0,
            missed: false,
        }
    }

    /// Writes the whole feed.
    pub(crate) async fn run(mut self, mut sender: ReplySender) -> Result<(), Failure> {
        self.framing.open(sender.buffer());
        let mut walked = if self.options.descending {
            self.walk_back(&mut sender).await
        } else {
            self.walk(&mut sender).await
        };
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
        let Self { source, position, missed, framing, .. } = self;
        framing.close(sender.buffer(), |out| {
            out.extend_from_slice(b"\"last_seq\":");
            source.write_number(out, position);
            if missed {
                out.extend_from_slice(b",\"missed\":true");
            }
        });
        sender.flush().await
    }

    fn waits(&self) -> bool {
        self.options.feed.stays_open(self.told)
    }

    /// Whether there is more to wait for behind a walk. A feed that could wait ends in order where the
    /// rows are out of reach; an answer that promises all there is breaks off.
    fn goes_on(&self, walked: Result<Walked, Failure>) -> Result<bool, Failure> {
        match walked {
            Ok(Walked::Everything) => Ok(self.waits()),
            Ok(Walked::Stopped) => Ok(false),
            Err(Failure::Unavailable(_)) if self.options.feed != FeedKind::Normal => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Tells the rows behind `position`.
    async fn walk(&mut self, sender: &mut ReplySender) -> Result<Walked, Failure> {
        loop {
            let limit = self.options.limit.saturating_sub(self.told).min(PAGE_ROWS);
            if limit == 0 {
                return Ok(Walked::Stopped);
            }
            let request = NumberedRequest { after: self.position, limit, descending: false };
            let Some(page) = self.page(request).await? else { return Ok(Walked::Stopped) };
            if page.missed {
                self.tell_missed(sender.buffer());
            }
            let empty = page.rows.is_empty();
            for (number, row) in &page.rows {
                self.tell(sender, *number, row);
                self.position = *number;
            }
            if empty || self.position >= page.last {
                // What is no longer kept is not asked for again.
                self.position = self.position.max(page.last);
                return Ok(Walked::Everything);
            }
            self.pace.send(sender).await?;
        }
    }

    /// Tells the rows from the newest down to `position`, which is the newest afterwards.
    async fn walk_back(&mut self, sender: &mut ReplySender) -> Result<Walked, Failure> {
        let (mut before, mut newest) = (u64::MAX, self.position);
        loop {
            let limit = self.options.limit.saturating_sub(self.told).min(PAGE_ROWS);
            if limit == 0 {
                self.position = newest;
                return Ok(Walked::Stopped);
            }
            let request = NumberedRequest { after: before, limit, descending: true };
            let Some(page) = self.page(request).await? else { return Ok(Walked::Stopped) };
            newest = newest.max(page.last);
            let known = self.position;
            let wanted = page.rows.iter().take_while(|(number, _)| *number > known);
            let mut told = 0;
            for (number, row) in wanted {
                self.tell(sender, *number, row);
                (before, told) = (*number, told + 1);
            }
            if told == 0 || told < page.rows.len() {
                self.position = newest;
                return Ok(Walked::Everything);
            }
            self.pace.send(sender).await?;
        }
    }

    fn tell(&mut self, sender: &mut ReplySender, number: u64, row: &[u8]) {
        let out = sender.buffer();
        self.framing.before_row(out, self.told == 0);
        out.extend_from_slice(row);
        self.framing.after_row(out, |out| self.source.write_number(out, number));
        self.told += 1;
    }

    /// A page; none where the node is about to stop.
    async fn page(&self, request: NumberedRequest) -> Result<Option<NumberedPage>, Failure> {
        tokio::select! {
            biased;
            () = self.told_to_stop() => Ok(None),
            page = persist(|| self.source.page(request), async || None) => page.map(Some),
        }
    }

    /// Waits for the sign that the node is about to stop; an answer that promises all there is does
    /// not heed it.
    async fn told_to_stop(&self) {
        match self.options.feed {
            FeedKind::Normal => std::future::pending().await,
            _ => self.pace.told_to_stop().await,
        }
    }

    async fn wait(&self) -> Woken {
        let beyond = persist(|| self.source.beyond(self.position), async || None);
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
