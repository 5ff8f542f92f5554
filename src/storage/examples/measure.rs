//! What the storage engine costs: one line a figure, `name value unit`.
//!
//! `cargo run -p refuge-storage --example measure -- DIRECTORY [documents] [memtable bytes]`; the
//! directory must not exist. Documents are 500 bytes, their ids 32 random hexadecimal digits.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use refuge_document::{Body, BodyPlace, LeafSummary, PendingPlace, Revision, RevisionHash};
use refuge_storage::{
    BodyRecord, ChangeRange, DatabaseId, DocumentRange, DocumentWrite, DocumentsWrite, Engine,
    Operation, Options, Outcome, Previous, Snapshot,
};

type Failure = Box<dyn std::error::Error>;

/// Documents in one `_bulk_docs` of the benchmark.
const BULK: u64 = 1000;

/// Writers that wait together under load.
const WRITERS: u64 = 64;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("name a directory")?);
    let count: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let mut options = Options::new(&path);
    if let Some(bytes) = arguments.next() {
        options.memtable_bytes = bytes.parse()?;
    }
    if path.exists() {
        return Err("the directory exists".into());
    }
    let started = Instant::now();
    let mut engine = Engine::open(options.clone())?;
    figure("first_open", millis(started), "ms");
    memory("idle");
    let database = create(&mut engine)?;
    write_all(&mut engine, database, count)?;
    let last = engine.store().snapshot()?.update_sequence(database)?;
    let present: Vec<String> = (0..count).map(id_of).collect();
    read_all(&engine.store().snapshot()?, database, &present)?;
    rewrite_all(&mut engine, database, &present)?;
    read_all(&engine.store().snapshot()?, database, &present)?;
    figure("disk", engine.store().disk_bytes()? as f64 / 1e6, "MB");
    figure("sequence", last as f64, "");
    memory("at_the_end");
    reopen(engine, &options)
}

fn reopen(engine: Engine, options: &Options) -> Result<(), Failure> {
    let started = Instant::now();
    drop(engine);
    figure("drop", millis(started), "ms");
    let started = Instant::now();
    let engine = Engine::open(options.clone())?;
    figure("open_with_journal", millis(started), "ms");
    let started = Instant::now();
    engine.close(Duration::from_secs(30));
    figure("close", millis(started), "ms");
    let started = Instant::now();
    let engine = Engine::open(options.clone())?;
    figure("open_after_close", millis(started), "ms");
    figure("disk", engine.store().disk_bytes()? as f64 / 1e6, "MB");
    Ok(())
}

fn create(engine: &mut Engine) -> Result<DatabaseId, Failure> {
    let started = Instant::now();
    let outcomes = engine.commit(vec![Operation::CreateDatabase(refuge_storage::NewDatabase {
        name: "measure".to_owned(),
        shards: 2,
        created_unix_ms: 0,
        instance: [0; 16],
        partitioned: false,
        access: false,
        options: refuge_storage::DatabaseOptions::default(),
    })])?;
    figure("create", millis(started), "ms");
    match outcomes.into_iter().next() {
        Some(Outcome::Created(record)) => Ok(record.id),
        other => Err(format!("not created: {other:?}").into()),
    }
}

fn write_all(engine: &mut Engine, database: DatabaseId, count: u64) -> Result<(), Failure> {
    let text = body_text();
    let (started, cpu) = (Instant::now(), cpu_micros("self"));
    let writer = cpu_micros("thread-self");
    let mut slowest = Duration::ZERO;
    let mut preparing = Duration::ZERO;
    for first in (0..count).step_by(BULK as usize) {
        let making = Instant::now();
        let documents = (first..(first + BULK).min(count))
            .map(|number| document(id_of(number), &text, None))
            .collect();
        let group = vec![write(database, documents)];
        preparing += making.elapsed();
        let committing = Instant::now();
        engine.commit(group)?;
        slowest = slowest.max(committing.elapsed());
    }
    let took = started.elapsed() - preparing;
    figure("bulk", count as f64 / took.as_secs_f64(), "documents/s");
    figure("bulk_commit", took.as_secs_f64() * 1e6 / count as f64, "µs/document");
    for (name, spent, unit) in [
        ("bulk_cpu_writer", cpu_micros("thread-self") - writer, "µs/document, of the writer"),
        ("bulk_cpu_all", cpu_micros("self") - cpu, "µs/document, with flushes and compactions"),
    ] {
        let spent = spent - preparing.as_micros() as f64;
        figure(name, spent / count as f64, unit);
    }
    figure("bulk_slowest_commit", slowest.as_secs_f64() * 1e3, "ms");
    memory("after_bulk");
    for writers in [1, WRITERS] {
        let rounds = 4000 / writers;
        let started = Instant::now();
        let mut slowest = Duration::ZERO;
        for round in 0..rounds {
            let group = (0..writers)
                .map(|writer| {
                    let id = format!("put-{writers}-{round}-{writer}");
                    write(database, vec![document(id, &text, None)])
                })
                .collect();
            let committing = Instant::now();
            engine.commit(group)?;
            slowest = slowest.max(committing.elapsed());
        }
        let rate = (rounds * writers) as f64 / started.elapsed().as_secs_f64();
        figure(&format!("put_{writers}"), rate, "documents/s");
        figure(&format!("put_{writers}_slowest"), slowest.as_secs_f64() * 1e3, "ms");
    }
    Ok(())
}

fn rewrite_all(engine: &mut Engine, database: DatabaseId, ids: &[String]) -> Result<(), Failure> {
    let text = body_text();
    let started = Instant::now();
    for ids in ids.chunks(BULK as usize) {
        let snapshot = engine.store().snapshot()?;
        let mut documents = Vec::with_capacity(ids.len());
        for id in ids {
            let previous = snapshot.document(database, id)?.map(|row| row.previous(false, false));
            documents.push(document(id.clone(), &text, previous));
        }
        drop(snapshot);
        engine.commit(vec![write(database, documents)])?;
    }
    let rate = ids.len() as f64 / started.elapsed().as_secs_f64();
    figure("bulk_update", rate, "documents/s, with their reads");
    memory("after_updates");
    Ok(())
}

fn read_all(snapshot: &Snapshot, database: DatabaseId, ids: &[String]) -> Result<(), Failure> {
    let all = ChangeRange::default();
    let started = Instant::now();
    let mut rows = 0;
    for row in snapshot.changes(database, all) {
        row?;
        rows += 1;
    }
    figure("changes", millis(started), &format!("ms for {rows} rows"));
    let started = Instant::now();
    let mut bytes = 0;
    for row in snapshot.changes_with_bodies(database, all) {
        let (_, record) = row?;
        bytes += record.map_or(0, |record| record.body.as_bytes().len());
    }
    let bytes = format!("ms for {rows} rows and {bytes} bytes");
    figure("changes_with_bodies", millis(started), &bytes);
    let started = Instant::now();
    let mut rows = 0;
    for row in snapshot.documents(database, &DocumentRange::default()) {
        row?;
        rows += 1;
    }
    figure("documents", millis(started), &format!("ms for {rows} rows"));
    let started = Instant::now();
    let mut reads = 0;
    for id in ids.iter().step_by(7) {
        if let Some(row) = snapshot.document(database, id)? {
            reads += 1;
            snapshot.body(database, row.sequence)?;
        }
    }
    let rate = f64::from(reads) / started.elapsed().as_secs_f64();
    figure("document_and_body", rate, "reads/s on one thread");
    let started = Instant::now();
    for number in 0..10_000 {
        snapshot.document(database, &format!("{number}-missing"))?;
    }
    let rate = 10_000.0 / started.elapsed().as_secs_f64();
    figure("missing_document", rate, "reads/s on one thread");
    memory("after_reading");
    Ok(())
}

fn id_of(number: u64) -> String {
    // A mix that spreads numbers over all ids (splitmix64).
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    format!("{mixed:016x}{number:016x}")
}

fn body_text() -> Vec<u8> {
    let words = "the quick brown fox jumps over the lazy dog ".repeat(10);
    format!("{{\"text\":\"{words}\",\"number\":12345,\"list\":[1,2,3]}}").into_bytes()
}

fn write(database: DatabaseId, documents: Vec<DocumentWrite>) -> Operation {
    Operation::Documents(DocumentsWrite { database, documents })
}

/// A document with one leaf and an encoded tree of the usual size.
fn document(id: String, text: &[u8], previous: Option<Previous>) -> DocumentWrite {
    let revision = Revision { depth: 1, hash: RevisionHash::from_digest([7; 16]) };
    DocumentWrite {
        id,
        tree: vec![0; 40],
        pending: vec![PendingPlace { offset: 20, ordinal: 0 }],
        leaves: vec![LeafSummary { revision, deleted: false }],
        winner_place: BodyPlace::Pending(0),
        bodies: vec![BodyRecord {
            body: Body::from_stored(text.to_vec().into()),
            attachments: Vec::new(),
        }],
        previous,
        obsolete: Vec::new(),
        readers: None,
    }
}

fn figure(name: &str, value: f64, unit: &str) {
    println!("{name} {value:.2} {unit}");
}

fn millis(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e3
}

/// Prints resident memory now and at its highest (Linux).
fn memory(when: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for (field, name) in [("VmRSS:", "resident"), ("VmHWM:", "resident_peak")] {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        if let Some(kib) = kib {
            figure(&format!("{name}_{when}"), kib / 1024.0, "MiB");
        }
    }
}

/// Processor time of a process or thread in `/proc` so far, in microseconds (Linux; a tick is
/// 10 ms).
fn cpu_micros(whose: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{whose}/stat")).unwrap_or_default();
    let fields = status.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    ticks * 10_000.0
}
