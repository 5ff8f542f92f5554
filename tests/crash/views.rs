//! A view and hard crashes: whatever is left of an index whose process was killed while it was built, the
//! next answer is what the documents say.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use refuge_tests::{Client, Node, Options, consistent, eventually};
use serde_json::{Value, json};

/// Documents of the story that is told here.
const DOCUMENTS: u64 = 6_000;
/// Bytes in each, so that an index takes them in several batches.
const FILLER: usize = 2_000;
/// Turns of a loop for each document, so that building is not over before the kill.
const WORK: u32 = 50_000;
/// Batches that are written before the kill, at most: a half of all.
const BATCHES: u32 = 3;
const ROUNDS: u64 = 3;

/// The story's database.
const DATABASE: &str = "things";
/// A view that stays through all rounds.
const KEPT: &str = "kept";

/// Count, sum, least, greatest, sum of squares.
type Statistics = [f64; 5];

/// Puts the design document of a view over the member `number`; `work` makes it slow.
pub(crate) async fn put_view(client: &Client, database: &str, design: &str, work: u32) {
    let map = format!(
        "function (doc) {{ // {design}
           for (var turn = 0; turn < {work}; turn++) {{}}
           if (typeof doc.number === 'number') emit([doc.number % 7, doc.number % 3], doc.number);
         }}"
    );
    let views = json!({"numbers": {"map": map, "reduce": "_stats"}});
    let path = format!("/{database}/_design/{design}");
    client.put(&path, json!({"views": views})).await.expect(201);
}

/// The path of its view.
pub(crate) fn view(database: &str, design: &str) -> String {
    format!("/{database}/_design/{design}/_view/numbers")
}

/// Checks, while nobody writes, that rows, groups and the whole are what the documents say.
pub(crate) async fn is_fresh(client: &Client, database: &str, design: &str) {
    let view = view(database, design);
    let rows = client.get(&format!("{view}?reduce=false")).await.expect(200).json();
    let mut expected = Vec::new();
    let mut groups = BTreeMap::<(u64, u64), Statistics>::new();
    let mut whole = None;
    for document in documents(client, database).await {
        let Some(number) = document["number"].as_u64() else { continue };
        let key = (number % 7, number % 3);
        expected.push((key, document["_id"].as_str().expect("an id").to_owned(), number));
        let group = groups.get(&key).copied();
        groups.insert(key, with(group, number));
        whole = Some(with(whole, number));
    }
    expected.sort();
    let found: Vec<_> = array(&rows["rows"]).iter().map(row).collect();
    let differs = found.iter().zip(&expected).find(|(found, expected)| found != expected);
    assert_eq!(differs, None, "{design} tells a row otherwise than its document");
    assert_eq!(found.len(), expected.len(), "rows of {design}");
    assert_eq!(rows["total_rows"], expected.len(), "{design}");

    let told = client.get(&format!("{view}?group=true")).await.expect(200).json();
    let told = array(&told["rows"]).iter().map(|row| (key_of(row), statistics(&row["value"])));
    assert_eq!(told.collect::<BTreeMap<_, _>>(), groups, "groups of {design}");
    let told = client.get(&view).await.expect(200).json();
    let told = array(&told["rows"]).first().map(|row| statistics(&row["value"]));
    assert_eq!(told, whole, "all of {design}");
}

/// The statistics with one number more.
fn with(known: Option<Statistics>, number: u64) -> Statistics {
    let number = number as f64;
    let [count, sum, least, greatest, squares] = known.unwrap_or([0.0, 0.0, number, number, 0.0]);
    [count + 1.0, sum + number, least.min(number), greatest.max(number), squares + number * number]
}

fn statistics(value: &Value) -> Statistics {
    ["count", "sum", "min", "max", "sumsqr"].map(|name| value[name].as_f64().expect("a number"))
}

fn row(row: &Value) -> ((u64, u64), String, u64) {
    let id = row["id"].as_str().expect("an id").to_owned();
    (key_of(row), id, row["value"].as_u64().expect("a number"))
}

fn key_of(row: &Value) -> (u64, u64) {
    let element = |place: usize| row["key"][place].as_u64().expect("a number");
    (element(0), element(1))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

async fn documents(client: &Client, database: &str) -> Vec<Value> {
    let all = client.get(&format!("/{database}/_all_docs?include_docs=true")).await.expect(200);
    array(&all.json()["rows"]).iter().map(|row| row["doc"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_views_are_built() {
    let mut random = StdRng::seed_from_u64(refuge_tests::seed("killed while views are built"));
    let mut node = Node::start(Options::default());
    node.client().put_nothing(&format!("/{DATABASE}")).await.expect(201);
    let filler = "x".repeat(FILLER);
    let new = |number: u64| json!({"_id": format!("thing-{number:05}"), "number": number, "filler": filler});
    write(&node.client(), (0..DOCUMENTS).map(new).collect()).await;
    put_view(&node.client(), DATABASE, KEPT, WORK).await;

    for round in 0..ROUNDS {
        let client = node.client();
        let design = format!("round-{round}");
        put_view(&client, DATABASE, &design, WORK).await;
        // The one that stays has as much to do again as the one that is new.
        let edited = documents(&client, DATABASE).await.into_iter();
        let edited = edited.filter(|document| document["number"].is_u64());
        let edited = edited.map(|document| edit(document, &mut random)).collect();
        write(&client, edited).await;

        let end = sequence(&client.get(&format!("/{DATABASE}")).await.expect(200).json());
        let asked = [KEPT, design.as_str()].map(|design| {
            let (client, path) = (node.client(), view(DATABASE, design));
            tokio::spawn(async move { client.request("GET", &path).try_send().await.is_ok() })
        });
        let mut reached = position(&client, &design).await;
        for _ in 0..random.random_range(1..=BATCHES) {
            reached = eventually("the index goes on", || async {
                let further = position(&client, &design).await;
                (further > reached).then_some(further)
            })
            .await;
        }
        node.kill_hard();
        for asked in asked {
            asked.await.expect("who asks does not panic");
        }
        println!("round {round}: killed at {reached} of {end}");
        assert!(reached < end, "the index was built before the kill");

        node.check();
        node.restart();
        let client = node.client();
        consistent(&client, DATABASE).await;
        is_fresh(&client, DATABASE, KEPT).await;
        is_fresh(&client, DATABASE, &design).await;
        let path = format!("/{DATABASE}/_design/{design}");
        let rev = client.get(&path).await.expect(200).member("_rev");
        client.delete(&format!("{path}?rev={rev}")).await.expect(200);
    }
    // What was asked for in no round is as right.
    put_view(&node.client(), DATABASE, "last", 0).await;
    is_fresh(&node.client(), DATABASE, "last").await;
}

/// Another number, none any more, or no document any more.
fn edit(mut document: Value, random: &mut StdRng) -> Value {
    match random.random_range(0..20) {
        0 => document["_deleted"] = json!(true),
        1 => document["number"] = json!(null),
        _ => document["number"] = json!(random.random_range(0..100_000)),
    }
    document
}

async fn write(client: &Client, documents: Vec<Value>) {
    for bulk in documents.chunks(1_000) {
        let path = format!("/{DATABASE}/_bulk_docs");
        let told = client.post(&path, json!({"docs": bulk})).await.expect(201).json();
        assert!(array(&told).iter().all(|row| row["ok"] == true), "a document was refused");
    }
}

/// How far an index has come.
async fn position(client: &Client, design: &str) -> u64 {
    let path = format!("/{DATABASE}/_design/{design}/_info");
    sequence(&client.get(&path).await.expect(200).json()["view_index"])
}

/// The number in `update_seq`.
fn sequence(told: &Value) -> u64 {
    let text = told["update_seq"].as_str().expect("text");
    text.split('-').next().and_then(|number| number.parse().ok()).expect("a number first")
}
