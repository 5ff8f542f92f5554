//! A link of a test's own: takes connections and passes their bytes on to a node, later than they came,
//! counted, and cut where a test wants it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// Bytes that are passed on at a time.
const PIECE_BYTES: usize = 16 << 10;
/// Pieces that are on their way in one direction.
const PIECES_UNDER_WAY: usize = 64;

/// How a relay treats what it carries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passage {
    /// How long each byte is under way, in each direction.
    pub delay: Duration,
    /// Bytes of both directions after which a connection is cut.
    pub cut_after: Option<u64>,
    /// How many connections are cut at most.
    pub cuts: u64,
    /// Whether they are not cut but carry nothing any more.
    pub silently: bool,
}

/// A relay in front of one address. It ends with its value.
pub struct Relay {
    address: SocketAddr,
    counts: Arc<Counts>,
    task: AbortHandle,
}

#[derive(Default)]
struct Counts {
    there: AtomicU64,
    back: AtomicU64,
    cuts: AtomicU64,
}

impl Relay {
    /// Listens at a free port of `at` and leads to `target`.
    pub async fn start(at: IpAddr, target: SocketAddr, passage: Passage) -> Self {
        let listener = TcpListener::bind((at, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target, passage, Arc::clone(&shared)));
            }
        });
        Self { address, counts, task: task.abort_handle() }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a database behind it, with the admin's credentials.
    pub fn database(&self, name: &str) -> String {
        format!("http://admin:secret@{}/{name}", self.address)
    }

    /// Bytes that were carried there and back.
    pub fn carried(&self) -> (u64, u64) {
        (self.counts.there.load(Ordering::SeqCst), self.counts.back.load(Ordering::SeqCst))
    }

    /// Connections that were cut.
    pub fn cuts(&self) -> u64 {
        self.counts.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection's life.
async fn carry(client: TcpStream, target: SocketAddr, passage: Passage, counts: Arc<Counts>) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    for stream in [&client, &server] {
        stream.set_nodelay(true).ok();
    }
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let life = Arc::new(Life { bytes: AtomicU64::new(0), cut: Notify::new(), passage, counts });
    let there = pass(from_client, to_server, Arc::clone(&life), true);
    let back = pass(from_server, to_client, Arc::clone(&life), false);
    let both = async { tokio::join!(there, back) };
    tokio::pin!(both);
    tokio::select! {
        _ = &mut both => return,
        () = life.cut.notified() => {}
    }
    if life.passage.silently {
        // Until the test ends, with both sockets open.
        std::future::pending::<()>().await;
    }
    // Both sockets are dropped with what is under way.
}

/// What both directions of a connection share.
struct Life {
    bytes: AtomicU64,
    cut: Notify,
    passage: Passage,
    counts: Arc<Counts>,
}

impl Life {
    fn count(&self, bytes: u64, there: bool) {
        let counts = &self.counts;
        let direction = if there { &counts.there } else { &counts.back };
        direction.fetch_add(bytes, Ordering::SeqCst);
        let before = self.bytes.fetch_add(bytes, Ordering::SeqCst);
        let Some(limit) = self.passage.cut_after else { return };
        if before < limit && before + bytes >= limit {
            let mut left = |cuts| (cuts < self.passage.cuts).then_some(cuts + 1);
            if counts.cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, &mut left).is_ok() {
                self.cut.notify_one();
            }
        }
    }
}

/// One direction: read at once, written when its time has come.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, life: Arc<Life>, there: bool) {
    let (sender, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_UNDER_WAY);
    let delay = life.passage.delay;
    let reading = async move {
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let Ok(read @ 1..) = from.read(&mut piece).await else { break };
            piece.truncate(read);
            if sender.send((Instant::now() + delay, piece)).await.is_err() {
                break;
            }
        }
    };
    let writing = async {
        while let Some((at, piece)) = pieces.recv().await {
            tokio::time::sleep_until(at).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
            life.count(piece.len() as u64, there);
        }
        to.shutdown().await.ok();
    };
    tokio::join!(reading, writing);
}
