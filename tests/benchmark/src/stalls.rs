//! How long a write can take while memory tables are flushed, tables merged and garbage removed: many
//! connections write for a while, half of it new documents and half new revisions of a few, and the
//! longest answers are told beside the usual ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::documents::{append, id};
use crate::target::Target;

/// No answer may take longer.
const LIMIT: Duration = Duration::from_millis(50);

/// Measures the longest writes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The server's URL with an admin's credentials: http://admin:secret@127.0.0.1:5984
    url: String,
    /// How long is written: a flush comes every second or so, a large merge every minute.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Connections that write.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Documents that are written again and again.
    #[arg(long, default_value_t = 20_000)]
    rewritten: u64,
}

/// The `number`-th document: every second one is the next revision of one that is written again and
/// again, told with its parent, so that nobody has to remember revisions.
fn body(number: u64, rewritten: u64) -> (String, Vec<u8>) {
    let turn = number / 2;
    let mut body = Vec::with_capacity(640);
    append(&mut body, None, number);
    if number.is_multiple_of(2) {
        return (format!("new-{}", id(turn)), body);
    }
    let (document, generation) = (turn % rewritten.max(1), turn / rewritten.max(1) + 1);
    let parent = match generation {
        1 => String::new(),
        _ => format!(",\"{:032x}\"", generation - 1),
    };
    let revisions = format!(
        ",\"_revisions\":{{\"start\":{generation},\"ids\":[\"{generation:032x}\"{parent}]}},\
         \"_rev\":\"{generation}-{generation:032x}\"}}"
    );
    body.pop();
    body.extend_from_slice(revisions.as_bytes());
    (format!("rewritten-{}?new_edits=false", id(document)), body)
}

/// Writes until the time is over; how long each answer took, in microseconds.
async fn write(
    target: Target,
    database: String,
    next: Arc<AtomicU64>,
    until: Instant,
    rewritten: u64,
) -> Outcome<Vec<u32>> {
    let mut connection = target.connect().await?;
    let (mut request, mut latencies) = (Vec::new(), Vec::new());
    while Instant::now() < until {
        let (path, body) = body(next.fetch_add(1, Ordering::Relaxed), rewritten);
        target.write(&mut request, "PUT", &format!("{database}/{path}"), &body);
        let asked = Instant::now();
        connection.exchange(&request).await?.expect(201)?;
        latencies.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    Ok(latencies)
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome<()> {
    let target = Target::parse(&arguments.url)?;
    let database = format!("/benchmark-{}-stalls", std::process::id());
    target.ask("PUT", &database, 201).await?;
    let (start, next) = (Instant::now(), Arc::<AtomicU64>::default());
    let until = start + Duration::from_secs(arguments.seconds);
    let writers: Vec<_> = (0..arguments.connections)
        .map(|_| {
            let (target, database, next) = (target.clone(), database.clone(), next.clone());
            tokio::spawn(write(target, database, next, until, arguments.rewritten))
        })
        .collect();
    let mut latencies = Vec::new();
    for writer in writers {
        latencies.extend(writer.await??);
    }
    let elapsed = start.elapsed();
    target.ask("DELETE", &database, 200).await?;
    tell(latencies, elapsed);
    Ok(())
}

fn tell(mut latencies: Vec<u32>, elapsed: Duration) {
    latencies.sort_unstable();
    let count = latencies.len();
    let part = |thousandths: usize| {
        let place = (count * thousandths / 1000).min(count.saturating_sub(1));
        latencies.get(place).copied().map_or(0.0, |micros| f64::from(micros) / 1000.0)
    };
    println!("put_under_upkeep {:.0} per_second", count as f64 / elapsed.as_secs_f64());
    for (name, thousandths) in [("p50", 500), ("p99", 990), ("p999", 999), ("longest", 1000)] {
        println!("put_under_upkeep_{name} {:.1} ms", part(thousandths));
    }
    let limit = u32::try_from(LIMIT.as_micros()).unwrap_or(u32::MAX);
    let above = latencies.iter().rev().take_while(|micros| **micros > limit).count();
    println!("put_under_upkeep_above_{}_ms {above} of_{count}", LIMIT.as_millis());
}
