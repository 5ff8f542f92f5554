//! What design functions cost: one line a figure, `name value unit`.
//!
//! `cargo run --release -p refuge-sandbox --example measure -- [documents]`. Documents have about
//! 500 bytes.

use std::time::Instant;

use refuge_sandbox::{Error, Functions, Limits, Mapped, ReduceRow, Validation, ViewSources, Views};

type Failure = Box<dyn std::error::Error>;

/// Documents handed over at a time.
const BATCH: usize = 1000;

/// Rows in a group that is reduced.
const GROUP: usize = 100;

fn main() -> Result<(), Failure> {
    let count = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let documents: Vec<String> = (0..count).map(document).collect();
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    figure("document_bytes", documents.first().map_or(0, |text| text.len()) as f64, "bytes");
    open()?;
    bombs()?;
    map("map_1_emit", &["function (doc) { emit(doc.city, doc.population); }"], &documents)?;
    map(
        "map_5_emits",
        &["function (doc) { for (var i = 0; i < 5; i++) emit([doc.city, i], doc.tags); }"],
        &documents,
    )?;
    let one = "function (doc) { emit(doc.city, doc.population); }";
    map("map_2_functions", &[one, one], &documents)?;
    map("map_5_functions", &[one, one, one, one, one], &documents)?;
    reduce(&documents)?;
    filter(&documents)?;
    validate(&documents)
}

/// What a runtime costs in time and memory.
fn open() -> Result<(), Failure> {
    let before = resident_bytes()?;
    let started = Instant::now();
    let kept: Result<Vec<_>, _> =
        (0..100).map(|_| views(&["function (doc) { emit(doc._id); }"], &[])).collect();
    figure("open", started.elapsed().as_secs_f64() * 10.0, "ms");
    let after = resident_bytes()?;
    drop(kept?);
    figure("runtime", (after - before) / 100.0 / 1024.0, "KiB");
    Ok(())
}

/// What is left behind where memory runs out again and again.
fn bombs() -> Result<(), Failure> {
    let bomb = "function (doc) { var a = []; for (;;) a.push({ n: a.length, f: function () { return a; } }); }";
    let mut views = views(&[bomb], &[])?;
    let mut mapped = Mapped::default();
    let mut bytes = Vec::new();
    for _ in 0..5 {
        views.map(&["{}"; 20], &mut mapped);
        bytes.push(resident_bytes()?);
    }
    let first = bytes.first().copied().unwrap_or_default();
    let last = bytes.last().copied().unwrap_or_default();
    figure("kept_per_bomb", (last - first) / 80.0 / 1024.0, "KiB");
    Ok(())
}

/// The process's resident memory (Linux).
fn resident_bytes() -> Result<f64, Failure> {
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let resident: f64 = pages.split(' ').nth(1).ok_or("no resident pages")?.parse()?;
    Ok(resident * 4096.0)
}

fn document(number: usize) -> String {
    format!(
        "{{\"_id\":\"city-{number:08}\",\"_rev\":\"1-967a00dff5e02add41819138abb3284d\",\
         \"city\":\"Saint-{}\",\"country\":\"FR\",\"population\":{},\"latitude\":{}.25,\
         \"longitude\":-3.5,\"tags\":[\"a town\",\"on a river\",\"with a market\"],\
         \"names\":{{\"de\":\"Sankt {number}\",\"en\":\"Saint {number}\",\"fr\":\"Saint-{number}\"}},\
         \"about\":\"{}\"}}",
        number % 1000,
        number * 7 % 100_003,
        number % 90,
        "Some words about it. ".repeat(9),
    )
}

fn views(maps: &[&str], reduces: &[&str]) -> Result<Views, Error> {
    let owned = |sources: &[&str]| sources.iter().map(|source| (*source).to_owned()).collect();
    let sources = ViewSources { library: None, maps: owned(maps), reduces: owned(reduces) };
    Views::open(sources, Limits::default())
}

fn map(name: &str, maps: &[&str], documents: &[&str]) -> Result<(), Failure> {
    let mut views = views(maps, &[])?;
    let mut mapped = Mapped::default();
    let mut rows = 0;
    let started = Instant::now();
    for batch in documents.chunks(BATCH) {
        let mut left = batch;
        while !left.is_empty() {
            let done = views.map(left, &mut mapped);
            rows += mapped.rows().filter(|row| !row.key.is_empty()).count();
            left = left.get(done..).unwrap_or_default();
        }
    }
    rate(name, documents.len(), started, "documents/s");
    if rows == 0 { Err("nothing was emitted".into()) } else { Ok(()) }
}

fn reduce(documents: &[&str]) -> Result<(), Failure> {
    let source =
        "function (keys, values, rereduce) { return rereduce ? sum(values) : values.length; }";
    let mut views = views(&[], &[source])?;
    let rows: Vec<_> = documents
        .iter()
        .map(|_| ReduceRow { key: "\"Saint-123\"", id: "city-00000001", value: "12345" })
        .collect();
    let groups: Vec<_> = rows.chunks(GROUP).collect();
    let started = Instant::now();
    let reductions: Vec<String> = views.reduce(0, &groups).into_iter().collect::<Result<_, _>>()?;
    rate("reduce_groups_of_100", rows.len(), started, "rows/s");
    let values: Vec<_> = reductions.iter().map(String::as_str).collect();
    let groups: Vec<_> = values.chunks(GROUP).collect();
    let started = Instant::now();
    for reduction in views.rereduce(0, &groups) {
        reduction?;
    }
    rate("rereduce_groups_of_100", values.len(), started, "rows/s");
    Ok(())
}

fn functions() -> Result<Functions, Error> {
    let document = "{\"filters\":{\"big\":\"function (doc, req) { return doc.population > req.query.n; }\"},\
        \"validate_doc_update\":\"function (n, o, u) { if (u.roles.indexOf('w') < 0) throw {forbidden: 'no'}; \
        if (typeof n.population !== 'number') throw {forbidden: 'no number'}; }\"}";
    Functions::open("_design/measure", document, Limits::default())
}

fn filter(documents: &[&str]) -> Result<(), Failure> {
    let mut functions = functions()?;
    let started = Instant::now();
    for batch in documents.chunks(BATCH) {
        functions.filter("big", batch, "{\"query\":{\"n\":50000}}")?;
    }
    rate("filter", documents.len(), started, "documents/s");
    Ok(())
}

fn validate(documents: &[&str]) -> Result<(), Failure> {
    let mut functions = functions()?;
    let started = Instant::now();
    for new in documents {
        let user = "{\"db\":\"d\",\"name\":\"bob\",\"roles\":[\"w\"]}";
        let security = "{\"admins\":{\"names\":[],\"roles\":[\"_admin\"]},\"members\":{}}";
        functions.validate(Validation { new, old: Some(new), user, security })?;
    }
    rate("validate_with_old", documents.len(), started, "documents/s");
    Ok(())
}

fn rate(name: &str, count: usize, started: Instant, unit: &str) {
    figure(name, count as f64 / started.elapsed().as_secs_f64(), unit);
}

fn figure(name: &str, value: f64, unit: &str) {
    println!("{name} {value:.3} {unit}");
}
