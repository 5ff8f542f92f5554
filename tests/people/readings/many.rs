//! Many rows, or many leaves, with a function that takes long: what is asked for comes in parts and to its end, and
//! the node answers others meanwhile.

use refuge_tests::Lines;
use serde_json::{Value, json};

use super::{Notes, SECRET, ids, notes};

/// Rows of each kind: a function that takes 15 ms has more to do over all than a page may take.
const MANY: usize = 150;

/// A function that takes so many milliseconds over each document, and shows what is one's own or nobody's.
fn slow(milliseconds: u32) -> String {
    format!(
        "function (doc, userCtx) {{
            var end = Date.now() + {milliseconds};
            while (Date.now() < end);
            if (doc.owner && doc.owner !== userCtx.name) throw {{forbidden: 'not yours'}};
        }}"
    )
}

fn named(kind: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{kind}{number:03}")).collect()
}

/// Writes documents of these names, or writes them anew.
async fn write_many(notes: &Notes, names: &[String], document: Value) {
    let before = notes.admin.post("/notes/_all_docs", json!({"keys": names})).await.json();
    let edits = names.iter().enumerate().map(|(number, id)| {
        let mut document = document.clone();
        document["_id"] = json!(id);
        if let Some(revision) = before["rows"][number]["value"]["rev"].as_str() {
            document["_rev"] = json!(revision);
        }
        document
    });
    let edits = json!({"docs": edits.collect::<Vec<_>>()});
    let told = notes.admin.post("/notes/_bulk_docs", edits).await.expect(201).json();
    let told = told.as_array().expect("outcomes");
    assert!(told.iter().all(|one| one["ok"] == true), "{told:?}");
}

/// Documents of this owner that bob may not read any more.
async fn lose_many(notes: &Notes, kind: &str, count: usize, owner: Option<&str>) {
    for (access, text) in [(json!(["anna", "bob"]), "before"), (json!(["anna"]), SECRET)] {
        let document = json!({"_access": access, "owner": owner, "text": text});
        write_many(notes, &named(kind, count), document).await;
    }
}

/// The ids of rows that are told as removed, none of them with contents, and of the others.
fn parted(rows: &[Value]) -> (Vec<String>, Vec<String>) {
    let (mut removed, mut others) = (Vec::new(), Vec::new());
    for row in rows {
        let id = row["id"].as_str().expect("an id").to_owned();
        if row["removed"] == true {
            assert!(!row.to_string().contains("\"text\""), "{row}");
            removed.push(id);
        } else if !id.starts_with("_design/") {
            others.push(id);
        }
    }
    // Each of several shards wrote its own in their order.
    removed.sort();
    (removed, others)
}

#[tokio::test]
async fn a_feed_of_many_rows_that_are_removed_or_hidden_comes_to_its_end_and_others_are_answered() {
    let notes = notes("?access=true").await;
    lose_many(&notes, "lost", MANY, None).await;
    let hidden = json!({"_access": ["anna", "bob"], "owner": "anna", "text": SECRET});
    write_many(&notes, &named("hidden", MANY), hidden).await;
    lose_many(&notes, "both", MANY / 5, Some("anna")).await;
    notes.write("seen", json!({"_access": ["bob"], "text": "for bob"})).await;
    notes.decide(&slow(15)).await;
    notes.admin.put_nothing("/other").await.expect(201);
    let design =
        json!({"validate_doc_read": "function (doc) { if (doc.n) throw {forbidden: 'n'}; }"});
    notes.admin.put("/other/_design/d", design).await.expect(201);
    notes.admin.put("/other/_security", json!({"members": {}})).await.expect(200);
    notes.admin.put("/other/one", json!({"n": 1})).await.expect(201);

    let normal = async {
        let told = notes.bob.get("/notes/_changes?include_docs=true&style=all_docs").await;
        told.expect(200).json()["results"].as_array().expect("rows").clone()
    };
    let continuous = async {
        let path = "/notes/_changes?feed=continuous&include_docs=true&timeout=60000";
        let mut lines = notes.bob.request("GET", path).lines().await.expect("a feed");
        let mut rows = vec![lines.row().await];
        while rows.last().is_some_and(|row| row["id"] != "_design/d") {
            rows.push(lines.row().await);
        }
        (rows, lines)
    };
    let feeds = async { tokio::join!(normal, continuous) };
    let others = async {
        notes.bob.get("/notes/seen").await.expect(200);
        notes.bob.get("/notes/lost000").await.error(404, "not_found", "missing");
        notes.admin.get("/notes/_all_docs").await.expect(200);
        notes.bob.get("/other/one").await.error(404, "not_found", "missing");
        notes.bob.put("/other/two", json!({})).await.expect(201);
    };
    tokio::pin!(feeds);
    tokio::select! {
        biased;
        () = others => {}
        _ = &mut feeds => panic!("others waited for the feeds"),
    }
    let (normal, (continuous, mut lines)) = feeds.await;
    for rows in [normal, continuous] {
        let (removed, others) = parted(&rows);
        assert_eq!((removed, others), (named("lost", MANY), vec!["seen".to_owned()]));
    }
    notes.write("new", json!({"_access": ["bob"]})).await;
    assert_eq!(lines.row().await["id"], "new");
}

/// What was looked at is not looked at anew with each sign of life.
#[tokio::test]
async fn a_feed_whose_signs_of_life_came_faster_than_the_function_never_told_anything() {
    let notes = notes("").await;
    notes.decide(&slow(50)).await;
    let path = "/notes/_changes?feed=continuous&since=now&heartbeat=500";
    let mut lines = notes.bob.request("GET", path).lines().await.expect("a feed");
    write_many(&notes, &named("hidden", 40), json!({"owner": "anna"})).await;
    notes.write("seen", json!({})).await;
    let row = first_row(&mut lines).await.1;
    assert!(row.contains("\"seen\""), "{row}");
    // And a walk over so many rows shows life.
    let path = "/notes/_changes?feed=continuous&since=0&heartbeat=500";
    let mut lines = notes.bob.request("GET", path).lines().await.expect("a feed");
    let (signs, row) = first_row(&mut lines).await;
    assert!(signs > 0 && row.contains("_design/d"), "{signs} {row}");
}

/// The first row of a feed that shows life, and how often it did before.
async fn first_row(lines: &mut Lines) -> (usize, String) {
    for signs in 0..100 {
        let line = lines.next().await.expect("a line").expect("an open feed");
        if !line.is_empty() {
            return (signs, line);
        }
    }
    panic!("signs of life, and no row");
}

/// A slice of 32 such rows asks about each as it is and as it was: at 310 ms that was more than 20 seconds, and the
/// feed ended there for ever.
#[tokio::test]
async fn a_slice_of_removed_rows_under_a_slow_function_ended_the_feed() {
    let notes = notes("?access=true").await;
    lose_many(&notes, "lost", 13, None).await;
    notes.decide(&slow(800)).await;
    let told = notes.bob.get("/notes/_changes").await.expect(200).json();
    let (removed, others) = parted(told["results"].as_array().expect("rows"));
    assert_eq!((removed, others), (named("lost", 13), Vec::new()));
}

/// Of leaves that are more than the function answers for in 20 seconds, too.
#[tokio::test]
async fn conflicts_under_a_slow_function_come_and_the_hidden_ones_are_not_told() {
    let notes = notes("").await;
    // What loses is hidden, what wins is hidden, and nothing is.
    for (kind, winner, loser) in
        [("loser", None, Some("anna")), ("winner", Some("anna"), None), ("shown", None, None)]
    {
        for id in named(kind, 4) {
            let first = notes.write(&id, json!({"owner": winner, "n": 1})).await;
            let second = json!({"owner": winner, "_rev": first, "text": "wins"});
            notes.write(&id, second).await;
            notes.branch(&id, &first, json!({"owner": loser, "text": SECRET})).await;
        }
    }
    notes.decide(&slow(900)).await;
    let told = notes.bob.get("/notes/_conflicts").await.expect(200);
    assert_eq!(ids(&told, "rows"), named("shown", 4), "{}", told.text());
    assert_eq!(told.json()["total_rows"], json!(null));
    let all = notes.admin.get("/notes/_conflicts").await.expect(200);
    assert_eq!(ids(&all, "rows").len(), 12);
    notes.decide(&slow(400)).await;
    let feed = notes.bob.get("/notes/_changes?style=all_docs").await.expect(200).json();
    let rows = feed["results"].as_array().expect("rows").iter();
    let branched = rows.filter(|row| row["changes"].as_array().expect("leaves").len() > 1);
    let branched: Vec<&str> = branched.map(|row| row["id"].as_str().expect("an id")).collect();
    assert_eq!(branched, named("shown", 4));
}
