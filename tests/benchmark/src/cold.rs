//! Data that is larger than memory: documents that come from the disk are read at random over many
//! connections, while others ask for what is in memory, and write. Whether the memory is too small, and the
//! disk slow, is for whoever starts the server to see to (`tests/benchmark/larger-than-memory`).

use std::time::Duration;

use crate::Outcome;
use crate::documents::{append, bulk, id, spread};
use crate::rate::{Rate, repeat};
use crate::target::Target;

/// Documents of one request.
const BULK: u64 = 1_000;
/// Documents that are asked for so often that they stay in memory.
const HOT: u64 = 100;

/// Measures what readers of cold documents do to everybody else.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The server's URL with an admin's credentials: http://admin:secret@127.0.0.1:5984
    url: String,
    /// Documents of 500 bytes in all.
    #[arg(long, default_value_t = 1_000_000)]
    documents: u64,
    /// Connections that read documents that are not in memory.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How long each is measured.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// A command that is run when the documents are there: it may take memory away, and make the disk slow.
    #[arg(long)]
    then: Option<String>,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome<()> {
    let target = Target::parse(&arguments.url)?;
    let database = format!("/benchmark-{}-cold", std::process::id());
    target.ask("PUT", &database, 201).await?;
    for first in (0..arguments.documents).step_by(usize::try_from(BULK)?) {
        let text = bulk(first, BULK.min(arguments.documents - first));
        target.tell("POST", &format!("{database}/_bulk_docs"), &text, 201).await?;
    }
    if let Some(command) = &arguments.then {
        let status = tokio::process::Command::new("sh").arg("-c").arg(command).status().await?;
        if !status.success() {
            return Err(format!("{command}: {status}").into());
        }
    }
    let time = Duration::from_secs(arguments.seconds);
    let others = Others { target: &target, database: &database, time };
    others.tell("alone", 0).await?;
    let cold = repeat(&target, arguments.connections, time + Duration::from_secs(1), 200, {
        let (to, database, count) = (target.clone(), database.clone(), arguments.documents);
        move |number, request| {
            let path = format!("{database}/{}", id(spread(number, count)));
            to.write(request, "GET", &path, b"");
        }
    });
    let (cold, told) = tokio::join!(cold, others.tell("beside", 1 << 32));
    told?;
    let connections = arguments.connections;
    print("cold_get", &connections.to_string(), &cold?);
    target.ask("DELETE", &database, 200).await?;
    Ok(())
}

/// Those who want nothing of the disk but a place for what they write.
struct Others<'a> {
    target: &'a Target,
    database: &'a str,
    time: Duration,
}

impl Others<'_> {
    /// One connection of each kind, all at once; what is written is new from `first` on.
    async fn tell(&self, when: &str, first: u64) -> Outcome<()> {
        let Self { target, database, time } = *self;
        let to = target.clone();
        let root =
            repeat(target, 1, time, 200, move |_, request| to.write(request, "GET", "/", b""));
        let (to, of) = (target.clone(), database.to_owned());
        let hot = repeat(target, 1, time, 200, move |number, request| {
            to.write(request, "GET", &format!("{of}/{}", id(number % HOT)), b"");
        });
        let (to, of) = (target.clone(), database.to_owned());
        let put = repeat(target, 1, time, 201, move |number, request| {
            let mut text = Vec::new();
            append(&mut text, None, number);
            to.write(request, "PUT", &format!("{of}/new-{}", first + number), &text);
        });
        let (root, hot, put) = tokio::join!(root, hot, put);
        for (name, rate) in [("root", root?), ("hot_get", hot?), ("put", put?)] {
            print(name, when, &rate);
        }
        Ok(())
    }
}

fn print(name: &str, when: &str, rate: &Rate) {
    println!("{name}_{when} {:.0} per_second", rate.per_second);
    let parts =
        [("p50", rate.p50_micros), ("p99", rate.p99_micros), ("longest", rate.longest_micros)];
    for (part, micros) in parts {
        println!("{name}_{when}_{part} {:.2} ms", micros / 1_000.0);
    }
}
