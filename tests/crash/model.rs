//! Random work beside a model in memory, with SIGKILL in between: the node holds what the model holds,
//! no more and no less.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use refuge_tests::{Client, Node, Options, consistent};
use serde_json::{Value, json};

/// Few ids, so that documents are changed, deleted and made again.
const IDS: u32 = 40;
const STEPS: u32 = 1500;

/// What the node acknowledged of one document.
#[derive(Clone)]
struct Known {
    rev: String,
    deleted: bool,
    number: u32,
}

type Model = BTreeMap<String, Known>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_holds_what_a_model_holds() {
    let mut random = StdRng::seed_from_u64(refuge_tests::seed("the node holds what a model holds"));
    let mut node = Node::start(Options::default());
    let mut client = node.client();
    client.put_nothing("/a").await.expect(201);
    let mut model = Model::new();
    for step in 0..STEPS {
        match random.random_range(0..100) {
            0..50 => edit(&client, &mut model, &mut random, step).await,
            50..70 => delete(&client, &mut model, &mut random).await,
            70..80 => bulk(&client, &mut model, &mut random, step).await,
            80..99 => look(&client, &model, &mut random).await,
            _ => {
                node.restart();
                client = node.client();
                whole(&client, &model).await;
            }
        }
    }
    node.restart();
    whole(&node.client(), &model).await;
    node.kill_hard();
    node.check();
}

fn any(random: &mut StdRng) -> String {
    format!("doc-{:02}", random.random_range(0..IDS))
}

/// A PUT with the right parent, or now and then with none or an old one.
async fn edit(client: &Client, model: &mut Model, random: &mut StdRng, step: u32) {
    let id = any(random);
    let known = model.get(&id).cloned();
    let mut body = json!({"number": step});
    let wrong = random.random_range(0..10) == 0;
    match &known {
        Some(known) if wrong && !known.deleted => {
            body["_rev"] = json!("1-00000000000000000000000000000000")
        }
        // A deleted document is made again without a revision, as in CouchDB since version 2.
        Some(known) if !known.deleted => body["_rev"] = json!(known.rev),
        _ => {}
    }
    let reply = client.put(&format!("/a/{id}"), body.clone()).await;
    if wrong && known.as_ref().is_some_and(|known| !known.deleted) {
        reply.error(409, "conflict", "Document update conflict.");
        return;
    }
    let rev = reply.expect(201).member("rev");
    let depth = |rev: &str| {
        rev.split('-').next().and_then(|depth| depth.parse::<u32>().ok()).expect("a depth")
    };
    assert_eq!(depth(&rev), known.map_or(1, |known| depth(&known.rev) + 1), "{id}: {body}");
    model.insert(id, Known { rev, deleted: false, number: step });
}

async fn delete(client: &Client, model: &mut Model, random: &mut StdRng) {
    let id = any(random);
    match model.get_mut(&id) {
        None => client.delete(&format!("/a/{id}")).await.error(404, "not_found", "missing"),
        Some(known) if known.deleted => {
            client.delete(&format!("/a/{id}")).await.error(404, "not_found", "deleted")
        }
        Some(known) => {
            let reply = client.delete(&format!("/a/{id}?rev={}", known.rev)).await.expect(200);
            known.rev = reply.member("rev");
            known.deleted = true;
        }
    }
}

/// Several edits at once; each id once.
async fn bulk(client: &Client, model: &mut Model, random: &mut StdRng, step: u32) {
    let mut docs = BTreeMap::new();
    for _ in 0..random.random_range(1..15) {
        let id = any(random);
        let deleted =
            random.random_range(0..4) == 0 && model.get(&id).is_some_and(|known| !known.deleted);
        let mut doc = json!({"_id": id, "number": step});
        if let Some(known) = model.get(&id).filter(|known| !known.deleted) {
            doc["_rev"] = json!(known.rev);
        }
        if deleted {
            doc["_deleted"] = json!(true);
        }
        docs.insert(id, (doc, deleted));
    }
    let body: Vec<&Value> = docs.values().map(|(doc, _)| doc).collect();
    let told = client.post("/a/_bulk_docs", json!({"docs": body})).await.expect(201).json();
    for ((id, (_, deleted)), row) in docs.iter().zip(told.as_array().expect("rows")) {
        let rev = row["rev"].as_str().unwrap_or_else(|| panic!("{row}")).to_owned();
        model.insert(id.clone(), Known { rev, deleted: *deleted, number: step });
    }
}

async fn look(client: &Client, model: &Model, random: &mut StdRng) {
    let id = any(random);
    let reply = client.get(&format!("/a/{id}")).await;
    match model.get(&id) {
        None => reply.error(404, "not_found", "missing"),
        Some(known) if known.deleted => reply.error(404, "not_found", "deleted"),
        Some(known) => {
            let expected = json!({"_id": id, "_rev": known.rev, "number": known.number});
            assert_eq!(reply.expect(200).json(), expected);
        }
    }
}

/// The whole database against the whole model.
async fn whole(client: &Client, model: &Model) {
    consistent(client, "a").await;
    let all = client.get("/a/_all_docs?include_docs=true").await.expect(200).json();
    let alive: Vec<Value> = model
        .iter()
        .filter(|(_, known)| !known.deleted)
        .map(|(id, known)| json!({"_id": id, "_rev": known.rev, "number": known.number}))
        .collect();
    let docs: Vec<Value> =
        all["rows"].as_array().expect("rows").iter().map(|row| row["doc"].clone()).collect();
    assert_eq!(docs, alive);
    let changes = client.get("/a/_changes").await.expect(200).json();
    let told: BTreeMap<String, (String, bool)> = changes["results"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            let text = |value: &Value| value.as_str().expect("text").to_owned();
            (text(&row["id"]), (text(&row["changes"][0]["rev"]), row["deleted"] == true))
        })
        .collect();
    let known: BTreeMap<String, (String, bool)> =
        model.iter().map(|(id, known)| (id.clone(), (known.rev.clone(), known.deleted))).collect();
    assert_eq!(told, known);
}
