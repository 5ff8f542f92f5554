//! How fast selectors, projections and rows of indexes are on one core, on documents of about 500
//! bytes: `cargo run --release -p refuge-query --example measure_selectors`.

use std::hint::black_box;
use std::time::Instant;

use refuge_query::mango::{Index, IndexRequest, KeyMaker};
use refuge_query::selector::{Document, Metadata, Projection, Selector};
use serde_json::{Value, json};

const DOCUMENTS: usize = 10_000;
const ROUNDS: usize = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bodies: Vec<String> = (0..DOCUMENTS).map(body).collect();
    let bytes = bodies.iter().map(String::len).sum::<usize>() / DOCUMENTS;
    println!("{DOCUMENTS} bodies of {bytes} bytes");
    for (name, selector) in selectors() {
        let selector = Selector::parse(&selector)?;
        measure(name, &bodies, |document| selector.matches(document));
    }
    let projection = Projection::parse(&json!(["_id", "country", "location.latitude"]))?
        .ok_or("fields are named")?;
    let mut out = Vec::new();
    measure("projection of three fields", &bodies, |document| {
        out.clear();
        projection.write(&mut out, document);
        !out.is_empty()
    });
    let request =
        IndexRequest::parse(&json!({ "index": { "fields": ["country", "population"] } }))?;
    let design = request.add_to(None, false)?.ok_or("a new index")?;
    let indexes = Index::from_design_document(&request.design_document, &design, false);
    let maker = KeyMaker::new(indexes.first().ok_or("one index")?)?;
    measure("row of two fields", &bodies, |document| maker.key(document).is_some());
    Ok(())
}

fn selectors() -> Vec<(&'static str, Value)> {
    vec![
        ("equal, an early field", json!({"country": "FR"})),
        ("equal, the last field", json!({"updated": "2026-01-07"})),
        ("greater than a number", json!({"population": {"$gt": 500_000}})),
        ("range of strings", json!({"name": {"$gte": "m", "$lt": "n"}})),
        ("two fields", json!({"country": "FR", "population": {"$gt": 500_000}})),
        ("nested field", json!({"location.latitude": {"$gt": 45}})),
        ("a missing field", json!({"nothing": 1})),
        ("one of five", json!({"country": {"$in": ["FR", "DE", "IT", "ES", "PT"]}})),
        ("an element", json!({"tags": {"$elemMatch": {"$eq": "port"}}})),
        ("a pattern", json!({"name": {"$regex": "^city [0-9]*7$"}})),
        ("beyond ASCII", json!({"region": {"$gt": "Île"}})),
    ]
}

fn measure(name: &str, bodies: &[String], mut ask: impl FnMut(&Document<'_>) -> bool) {
    let start = Instant::now();
    let mut matching = 0_usize;
    for _ in 0..ROUNDS {
        for body in bodies {
            let metadata = Metadata::new("city:0001234", "1-967a00dff5e2add41819138abb3284d");
            let document = Document { body: black_box(body.as_bytes()), metadata };
            matching += usize::from(ask(&document));
        }
    }
    let count = (bodies.len() * ROUNDS) as f64;
    let each = start.elapsed().as_secs_f64() / count;
    let share = 100.0 * matching as f64 / count;
    println!("{:>6.2} M/s  {:>5.0} ns  {share:>5.1} %  {name}", 1e-6 / each, each * 1e9);
}

fn body(number: usize) -> String {
    let countries = ["FR", "DE", "IT", "US", "JP", "BR", "IN", "CN"];
    json!({
        "type": "city",
        "country": countries.get(number % 8),
        "name": format!("city {number}"),
        "region": if number.is_multiple_of(2) { "Île-de-France" } else { "Auvergne" },
        "population": (number * 7_919) % 1_000_000,
        "location": {
            "latitude": (number % 180) as f64 - 90.0,
            "longitude": 2.25,
            "elevation": { "metres": 35, "source": "survey of 1998" },
        },
        "tags": ["capital", "river", if number.is_multiple_of(3) { "port" } else { "hill" }, "old \"town\""],
        "description": "A place of which much could be told; what is told here only fills the \
                        document up to about five hundred bytes, as a plain document has them.",
        "updated": format!("2026-01-{:02}", number % 28),
    })
    .to_string()
}
