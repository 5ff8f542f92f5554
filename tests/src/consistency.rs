//! What must hold of a database at any time, asked over HTTP.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Acknowledged, Client};

/// Everything that a database holds, as replicators see it: id → (revisions of all leaves, whether the
/// winner is deleted).
pub type Contents = BTreeMap<String, (Vec<String>, bool)>;

/// What the database holds.
pub async fn contents(client: &Client, database: &str) -> Contents {
    let asked = format!("/{database}/_changes?style=all_docs");
    let changes = client.get(&asked).await.expect(200).json();
    let mut contents = Contents::new();
    for row in rows(&changes, "results") {
        let leaves = row["changes"].as_array().expect("changes").iter();
        let mut leaves: Vec<String> = leaves.map(|leaf| text(leaf, "rev")).collect();
        leaves.sort();
        contents.insert(text(row, "id"), (leaves, row["deleted"] == true));
    }
    contents
}

/// Checks that counts, `_changes` and `_all_docs` tell one story while nobody writes: each id once, in
/// rising order of its sequence; as many rows as there are documents, living and deleted; the same
/// winners in both.
pub async fn consistent(client: &Client, database: &str) {
    let info = client.get(&format!("/{database}")).await.expect(200).json();
    let changes = client.get(&format!("/{database}/_changes")).await.expect(200).json();
    let all = client.get(&format!("/{database}/_all_docs")).await.expect(200).json();

    let mut alive = BTreeMap::new();
    let mut dead = std::collections::BTreeSet::new();
    let mut before = 0;
    for row in rows(&changes, "results") {
        let sequence = number(&row["seq"]);
        assert!(sequence > before, "{} does not follow {before}", row["seq"]);
        before = sequence;
        let id = text(row, "id");
        let fresh = if row["deleted"] == true {
            dead.insert(id.clone())
        } else {
            alive.insert(id.clone(), text(&row["changes"][0], "rev")).is_none()
        };
        assert!(fresh, "{id} stands twice in _changes");
    }
    assert!(dead.iter().all(|id| !alive.contains_key(id)), "dead and alive");
    let listed: BTreeMap<_, _> = rows(&all, "rows")
        .iter()
        .map(|row| (text(row, "id"), text(&row["value"], "rev")))
        .collect();
    assert_eq!(listed.len(), rows(&all, "rows").len(), "an id stands twice in _all_docs");
    let differs = listed.iter().find(|(id, rev)| alive.get(*id) != Some(rev));
    assert_eq!(differs, None, "_all_docs tells of a document otherwise than _changes");
    assert_eq!(alive.len(), listed.len(), "_changes tells of documents that _all_docs does not");
    assert_eq!(info["doc_count"], alive.len(), "{info}");
    assert_eq!(info["doc_del_count"], dead.len(), "{info}");
    assert_eq!(all["total_rows"], alive.len());
    assert_eq!(number(&info["update_seq"]), number(&changes["last_seq"]));
    assert!(number(&changes["last_seq"]) >= before);
}

/// Checks that everything acknowledged is there with the revision that was told.
pub async fn compare(client: &Client, database: &str, acknowledged: &Acknowledged) {
    let contents = contents(client, database).await;
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|(id, rev)| contents.get(*id).is_none_or(|(leaves, _)| !leaves.contains(rev)))
        .take(5)
        .collect();
    assert!(lost.is_empty(), "acknowledged, and lost (the first few): {lost:?}");
}

fn rows<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().expect("rows")
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no text under {name} in {value}")).to_owned()
}

fn number(sequence: &Value) -> u64 {
    let text = sequence.as_str().expect("a sequence in text form");
    text.split('-').next().and_then(|number| number.parse().ok()).expect("a number first")
}
