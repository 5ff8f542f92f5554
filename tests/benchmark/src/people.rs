//! What letting people in costs: reads with and without credentials by turns, so that whatever else the
//! machine does is the same for all, and guesses of passwords.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinSet;

use crate::Outcome;
use crate::measure::{Run, reading};
use crate::rate::repeat;
use crate::target::Target;

/// Connections at once.
const CONNECTIONS: usize = 64;
/// Turns; the figures are of all of them.
const ROUNDS: u32 = 5;
/// Passwords that are guessed.
const GUESSES: u64 = 10_000;
/// From where: whoever guesses has to wait, and the other figures shall not.
const GUESSER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
/// A password of nobody's.
const PASSWORD: &str = "a password of the benchmark";

/// All of it, in a database of so many documents.
pub(crate) async fn all(run: &Run<'_>, database: &str, documents: u64) -> Outcome<()> {
    let user = format!("benchmark-{}", std::process::id());
    let path = format!("/_users/org.couchdb.user:{user}");
    // It may be there.
    run.target.request("PUT", "/_users", b"").await?;
    let body = format!(r#"{{"type":"user","name":"{user}","roles":[],"password":"{PASSWORD}"}}"#);
    run.target.tell("PUT", &path, body.as_bytes(), 201).await?;
    let everybody = format!("{database}/_security");
    let closed = run.target.tell("GET", &everybody, b"", 200).await?;
    run.target.tell("PUT", &everybody, b"{}", 200).await?;
    let result = reads(run, (database, documents), &user).await;
    run.target.tell("PUT", &everybody, closed.as_bytes(), 200).await?;
    let result = match result {
        Ok(()) => guesses(run, &user).await,
        failed => failed,
    };
    let document = run.target.tell("GET", &path, b"", 200).await?;
    let revision = document.split(r#""_rev":""#).nth(1).and_then(|rest| rest.split('"').next());
    let revision = revision.ok_or("a document without a revision")?;
    run.target.ask("DELETE", &format!("{path}?rev={revision}"), 200).await?;
    result
}

async fn reads(run: &Run<'_>, (database, documents): (&str, u64), user: &str) -> Outcome<()> {
    let cookie = run.target.sign_in(user, PASSWORD).await?;
    let people = [
        ("anonymous", run.target.with_header("")),
        ("basic", run.target.with_password(user, PASSWORD)),
        ("cookie", run.target.with_header(&format!("Cookie: {cookie}\r\n"))),
    ];
    let mut sums = [0.0; 3];
    for _ in 0..ROUNDS {
        for ((_, target), sum) in people.iter().zip(&mut sums) {
            let read = reading(target, database, documents);
            let rate = repeat(target, CONNECTIONS, run.time / ROUNDS, 200, read).await?;
            *sum += rate.per_second;
        }
    }
    let [anonymous, ..] = sums;
    for ((name, _), sum) in people.iter().zip(sums) {
        let name = format!("get_{CONNECTIONS}_{name}");
        run.report.figure(&name, sum / f64::from(ROUNDS), "per_second");
        if sum != anonymous {
            run.report.figure(&format!("{name}_of_anonymous"), 100.0 * sum / anonymous, "percent");
        }
    }
    Ok(())
}

/// Somebody guesses from an address of this machine; nothing of it is answered by a session.
async fn guesses(run: &Run<'_>, user: &str) -> Outcome<()> {
    let Some(process) = run.process.filter(|_| run.target.is_here()) else {
        println!("# The server's process is not known: no figure of guessed passwords.");
        return Ok(());
    };
    let (before, next) = (process.processor_time()?, Arc::new(AtomicU64::new(0)));
    let mut guessers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut connection = run.target.connect_from(GUESSER).await?;
        let (target, next, user) = (run.target.clone(), Arc::clone(&next), user.to_owned());
        guessers.spawn(async move {
            let mut request = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= GUESSES {
                    return Outcome::Ok(());
                }
                let target: Target = target.with_password(&user, &format!("guess {number}"));
                target.write(&mut request, "GET", "/", b"");
                let status = connection.exchange(&request).await?.status;
                if ![401, 403, 429].contains(&status) {
                    return Err(format!("a guess was answered {status}").into());
                }
            }
        });
    }
    while let Some(ended) = guessers.join_next().await {
        ended??;
    }
    let used = process.processor_time()?.saturating_sub(before);
    run.report.figure("guesses_10000_server_cpu", used.as_secs_f64(), "s");
    Ok(())
}
