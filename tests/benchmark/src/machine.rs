//! What this machine can do at best, whatever the server.

use std::convert::Infallible;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::Outcome;
use crate::documents::DOCUMENT_BYTES;
use crate::rate::{Rate, repeat};
use crate::target::Target;

/// Memory that is scanned: far more than any cache.
const SCANNED_BYTES: usize = 256 * 1024 * 1024;

/// The machine's limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Appends of 500 bytes, each with an fdatasync, per second.
    pub(crate) append_sync: f64,
    /// Bare hyper answers of 500 bytes per second at 1 connection.
    pub(crate) hello_1: Rate,
    /// The same at 64.
    pub(crate) hello_64: Rate,
    /// GB per second.
    pub(crate) memory_scan: f64,
    /// Programs that ran or wanted to in the minute before, on average; `None` where the system does not
    /// tell.
    pub(crate) load: Option<f64>,
}

/// Measures all of them, each for `time`.
pub(crate) async fn measure(directory: &Path, time: Duration) -> Outcome<Limits> {
    let load = load();
    let append_sync = append_sync(directory, time)?;
    let memory_scan = memory_scan();
    let target = Target::parse(&format!("http://{}", hello()?))?;
    let ask = |target: &Target| {
        let mut request = Vec::new();
        target.write(&mut request, "GET", "/", b"");
        move |_: u64, into: &mut Vec<u8>| into.clone_from(&request)
    };
    let hello_1 = repeat(&target, 1, time, 200, ask(&target)).await?;
    let hello_64 = repeat(&target, 64, time, 200, ask(&target)).await?;
    Ok(Limits { append_sync, hello_1, hello_64, memory_scan, load })
}

/// From Linux's /proc/loadavg.
fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

fn append_sync(directory: &Path, time: Duration) -> Outcome<f64> {
    let file = tempfile::NamedTempFile::new_in(directory)?;
    let mut file = OpenOptions::new().append(true).open(file.path())?;
    let record = [b'x'; DOCUMENT_BYTES];
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < time {
        file.write_all(&record)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

fn memory_scan() -> f64 {
    let words: Vec<u64> = (0..SCANNED_BYTES as u64 / 8).collect();
    let (start, rounds) = (Instant::now(), 4_u32);
    for _ in 0..rounds {
        let sum = words.iter().fold(0_u64, |sum, word| sum.wrapping_add(*word));
        std::hint::black_box(sum);
    }
    let bytes = f64::from(rounds) * SCANNED_BYTES as f64;
    bytes / start.elapsed().as_secs_f64() / 1e9
}

/// A server on threads of its own that answers everything with 500 bytes.
fn hello() -> Outcome<SocketAddr> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    std::thread::spawn(move || runtime.block_on(answer(listener)));
    Ok(address)
}

async fn answer(listener: std::net::TcpListener) -> Outcome<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let service = service_fn(|_: Request<Incoming>| async {
                let body = Full::new(Bytes::from_static(&[b'x'; DOCUMENT_BYTES]));
                Ok::<_, Infallible>(Response::new(body))
            });
            // A connection's end is nothing to tell of.
            let _ended =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
