//! Rates and times: the same request again and again over keep-alive connections, or one that is long.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Outcome;
use crate::cost::{micros, own_time};
use crate::target::Target;

/// How often a long request is sent; the middle time counts, unless one alone takes long.
const ROUNDS: usize = 3;
/// What takes longer is sent once.
const ONCE: Duration = Duration::from_secs(3);

/// A rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Requests per second.
    pub(crate) per_second: f64,
    /// Median latency in microseconds.
    pub(crate) p50_micros: f64,
    /// 99th percentile.
    pub(crate) p99_micros: f64,
    /// The longest of all.
    pub(crate) longest_micros: f64,
    /// Requests that were counted.
    pub(crate) count: u64,
    /// This program's processor time per request.
    pub(crate) client_micros: f64,
}

/// A long request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole {
    /// From the request to the last byte: the middle of all rounds.
    pub(crate) time: Duration,
    /// Length of the answer's body.
    pub(crate) bytes: u64,
    /// How often it was asked.
    pub(crate) rounds: u64,
}

/// Sends requests over `connections` connections for `time`, one after the other on each, the
/// `number`-th as `write` makes it.
pub(crate) async fn repeat<W>(
    target: &Target,
    connections: usize,
    time: Duration,
    status: u16,
    write: W,
) -> Outcome<Rate>
where
    W: Fn(u64, &mut Vec<u8>) + Clone + Send + 'static,
{
    let pause = tokio::time::sleep(time);
    repeat_during(target, connections, status, write, pause).await.map(|(rate, ())| rate)
}

/// As [`repeat`], for as long as `during` takes; and what that came to.
pub(crate) async fn repeat_during<W, D>(
    target: &Target,
    connections: usize,
    status: u16,
    write: W,
    during: D,
) -> Outcome<(Rate, D::Output)>
where
    W: Fn(u64, &mut Vec<u8>) + Clone + Send + 'static,
    D: Future,
{
    let next = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(target.connect().await?);
    }
    let mut senders = JoinSet::new();
    let (start, own) = (Instant::now(), own_time());
    for mut connection in open {
        let (next, stop, write) = (next.clone(), stop.clone(), write.clone());
        senders.spawn(async move {
            let (mut request, mut latencies) = (Vec::new(), Vec::<u32>::new());
            while !stop.load(Ordering::Relaxed) {
                write(next.fetch_add(1, Ordering::Relaxed), &mut request);
                let asked = Instant::now();
                connection.exchange(&request).await?.expect(status)?;
                latencies.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(latencies)
        });
    }
    let mut latencies = Vec::new();
    let outcome = {
        tokio::pin!(during);
        loop {
            tokio::select! {
                outcome = &mut during => break outcome,
                // A sender ends before its time only with an error: nobody waits for the rest then.
                Some(ended) = senders.join_next() => latencies.extend(ended??),
            }
        }
    };
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = senders.join_next().await {
        latencies.extend(ended??);
    }
    Ok((rate(latencies, start.elapsed(), own_time().saturating_sub(own)), outcome))
}

fn rate(mut latencies: Vec<u32>, elapsed: Duration, own: Duration) -> Rate {
    latencies.sort_unstable();
    let part = |hundredths: usize| {
        let place = latencies.len() * hundredths / 100;
        latencies.get(place).or(latencies.last()).copied().map_or(0.0, f64::from)
    };
    let count = latencies.len() as u64;
    Rate {
        per_second: count as f64 / elapsed.as_secs_f64(),
        p50_micros: part(50),
        p99_micros: part(99),
        longest_micros: part(100),
        count,
        client_micros: micros(own, count),
    }
}

/// Sends a request whose answer takes long a few times.
pub(crate) async fn whole(target: &Target, request: &[u8]) -> Outcome<Whole> {
    let mut connection = target.connect().await?;
    let (mut times, mut bytes) = (Vec::new(), 0);
    while times.len() < ROUNDS && times.iter().all(|time| *time < ONCE) {
        let start = Instant::now();
        let answer = connection.exchange(request).await?;
        times.push(start.elapsed());
        answer.expect(200)?;
        bytes = answer.bytes;
    }
    times.sort_unstable();
    let time = times.get(times.len() / 2).copied().unwrap_or_default();
    Ok(Whole { time, bytes, rounds: times.len() as u64 })
}
