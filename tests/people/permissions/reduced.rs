//! Views that are built for each reader: rows, counts and reductions are of what the reader sees, each document
//! once however many of the reader's names it lists, and nothing tells of others.

use refuge_tests::Client;
use serde_json::{Value, json};

use super::{LOSING, Papers, papers};
use crate::make_user;

const OWN: &str = r#"{
    "options": {"access": true},
    "views": {
        "sums": {"map": "function (doc) { emit([doc.kind, doc._id], doc.n); }", "reduce": "_sum"},
        "counts": {"map": "function (doc) { emit(doc.kind, null); }", "reduce": "_count"},
        "texts": {"map": "function (doc) { emit(null, doc.text); }",
            "reduce": "function (keys, values, again) { return values.sort().join(','); }"},
        "branches": {"map": "function (doc) { emit(doc._id, [doc._conflicts, doc._deleted_conflicts]); }"},
        "designs": {"map": "function (doc) { emit(doc._id, null); }", "reduce": "_count"}
    },
    "lists": {"all": "function (head, req) { var row; while (row = getRow()) { send(JSON.stringify(row.value)); } }"}
}"#;

/// Numbers by which sums tell what is in them.
async fn with_numbers() -> Papers {
    let papers = papers().await;
    papers.admin.put_text("/papers/_design/own", OWN).await.expect(201);
    for (id, access, n) in [
        ("a", json!(["anna"]), 1),
        ("b", json!(["bob"]), 10),
        ("both", json!(["anna", "bob"]), 100),
        ("twice", json!(["anna", "editors", "staff"]), 1_000),
        ("roles", json!(["editors"]), 10_000),
        ("none", json!([]), 100_000),
    ] {
        let document = json!({"_access": access, "kind": "paper", "n": n, "text": id});
        papers.admin.put(&format!("/papers/{id}"), document).await.expect(201);
    }
    papers
}

/// What a view reduces to without a key; `null` where it has no rows.
async fn reduced(client: &Client, view: &str) -> Value {
    let told = client.get(&format!("/papers/_design/own/_view/{view}")).await.expect(200).json();
    told["rows"][0]["value"].clone()
}

#[tokio::test]
async fn a_reduction_is_of_what_its_reader_sees_each_document_once() {
    let papers = with_numbers().await;
    let Papers { node, admin, dora, anna, bob, carl, .. } = &papers;
    for (client, sum, count) in [
        (admin, json!(111_111), json!(6)),
        (dora, json!(111_111), json!(6)),
        (anna, json!(11_101), json!(4)),
        (bob, json!(1_110), json!(3)),
        (carl, json!(1_000), json!(1)),
    ] {
        assert_eq!(reduced(client, "sums").await, sum);
        assert_eq!(reduced(client, "counts").await, count);
        let rows =
            client.get("/papers/_design/own/_view/sums?reduce=false").await.expect(200).json();
        assert_eq!((&rows["total_rows"], &rows["offset"]), (&count, &json!(0)), "{rows}");
        let grouped = "/papers/_design/own/_view/sums?group_level=1";
        let groups = client.get(grouped).await.expect(200).json();
        assert_eq!(groups["rows"], json!([{"key": ["paper"], "value": sum}]));
    }
    assert_eq!(reduced(bob, "texts").await, json!("b,both,twice"));
    let behind = "/papers/_design/own/_view/sums?startkey=[%22paper%22,%22c%22]";
    assert_eq!(bob.get(behind).await.expect(200).json()["rows"][0]["value"], 1_000);
    let listed = bob.get("/papers/_design/own/_list/all/sums").await.expect(200);
    assert_eq!(listed.text(), "1110");
    let shown =
        bob.get("/papers/_design/own/_view/counts?reduce=false&include_docs=true&skip=1").await;
    assert_eq!(shown.json()["offset"], 1);
    assert!(!shown.text().contains("100000") && !shown.text().contains("\"roles\""));

    // Whoever gets a role has another set of names, and what others see stays theirs.
    let rev = admin.get("/_users/org.couchdb.user:bob").await.member("_rev");
    let user = json!({"_rev": rev, "type": "user", "name": "bob", "roles": ["editors", "staff"], "password": "pear"});
    admin.put("/_users/org.couchdb.user:bob", user).await.expect(201);
    assert_eq!(reduced(bob, "sums").await, json!(11_110));
    let eve = make_user(node, "eve", "fig", &["staff"]).await;
    assert_eq!(reduced(&eve, "sums").await, json!(1_000));
    admin.put("/papers/_security", json!({"members": {}})).await.expect(200);
    assert_eq!(reduced(&node.anonymous(), "sums").await, json!(null));
    papers.check();
}

#[tokio::test]
async fn what_changes_hands_leaves_one_index_and_comes_to_another() {
    let papers = with_numbers().await;
    let Papers { admin, anna, bob, .. } = &papers;
    assert_eq!(reduced(bob, "sums").await, json!(1_110));
    assert_eq!(reduced(anna, "sums").await, json!(11_101));
    for (access, n, sums) in [
        (json!(["anna"]), 200, (11_201, 1_010)),
        (json!(["bob"]), 300, (11_001, 1_310)),
        (json!([]), 400, (11_001, 1_010)),
        (json!(["bob", "staff"]), 500, (11_501, 1_510)),
    ] {
        let rev = admin.get("/papers/both").await.member("_rev");
        let document = json!({"_rev": rev, "_access": access, "kind": "paper", "n": n});
        admin.put("/papers/both", document).await.expect(201);
        // Also where somebody does not want to wait: what was taken away is not shown from an old index.
        for stale in ["?update=false", "?stale=ok", "?update=lazy", ""] {
            let path = format!("/papers/_design/own/_view/sums{stale}");
            let told = bob.get(&path).await.expect(200).json();
            assert_eq!(told["rows"][0]["value"], sums.1, "{stale}");
        }
        assert_eq!(reduced(anna, "sums").await, json!(sums.0));
    }
    let rev = admin.get("/papers/both").await.member("_rev");
    admin.delete(&format!("/papers/both?rev={rev}")).await.expect(200);
    assert_eq!(reduced(bob, "sums").await, json!(1_010));
    let rev = admin.get("/papers/b").await.member("_rev");
    admin.post("/papers/_purge", json!({"b": [rev]})).await.expect(201);
    assert_eq!(reduced(bob, "sums").await, json!(1_000));
    assert_eq!(reduced(anna, "sums").await, json!(11_001));

    // One that was purged and is made anew for others leaves the index, although the reader's feed tells nothing.
    let rev = admin.get("/papers/twice").await.member("_rev");
    admin.post("/papers/_purge", json!({"twice": [rev]})).await.expect(201);
    let anew = json!({"_access": ["anna"], "kind": "paper", "n": 7});
    admin.put("/papers/twice", anew).await.expect(201);
    assert_eq!(reduced(bob, "sums").await, json!(null));
    let rev = admin.get("/papers/twice").await.member("_rev");
    let back = json!({"_rev": rev, "_access": ["staff", "anna"], "kind": "paper", "n": 1_000});
    admin.put("/papers/twice", back).await.expect(201);
    assert_eq!(reduced(bob, "sums").await, json!(1_000));

    // An index of a reader outlives a look for unused ones, and a restart.
    admin.post("/papers/_view_cleanup", json!({})).await.expect(202);
    assert_eq!(reduced(bob, "sums").await, json!(1_000));
    let mut papers = papers;
    papers.node.restart();
    let bob = Client::with_credentials(papers.node.address(), "bob", "pear");
    assert_eq!(reduced(&bob, "sums").await, json!(1_000));
    papers.check();
}

#[tokio::test]
async fn an_own_index_tells_of_no_branch_that_is_hidden_and_of_all_design_documents() {
    let papers = papers().await;
    papers.admin.put_text("/papers/_design/own", OWN).await.expect(201);
    let first = papers.write("doc", json!(["anna", "bob"]), "first").await;
    papers.rewrite("doc", json!(["anna", "bob"]), "second").await;
    papers.branch("doc", &first, LOSING, json!({"_access": ["anna"], "text": "branch"})).await;
    let branches = "/papers/_design/own/_view/branches";
    let told = papers.bob.get(branches).await.expect(200).json();
    assert_eq!(told["rows"][0]["value"], json!([null, null]), "{told}");
    let told = papers.anna.get(branches).await.expect(200).json();
    assert_eq!(told["rows"][0]["value"], json!([[format!("2-{LOSING}")], null]), "{told}");
    let mut design: Value = serde_json::from_str(OWN).unwrap();
    design["options"]["include_design"] = json!(true);
    papers.admin.put("/papers/_design/with-designs", design).await.expect(201);
    let path = "/papers/_design/with-designs/_view/designs";
    let told = papers.carl.get(path).await.expect(200).json();
    assert_eq!(told["rows"][0]["value"], 3, "the three design documents: {told}");
    assert_eq!(papers.bob.get(path).await.json()["rows"][0]["value"], 4);
}

#[tokio::test]
async fn views_of_all_stay_for_admins_and_the_option_means_nothing_elsewhere() {
    let papers = with_numbers().await;
    let Papers { admin, bob, .. } = &papers;
    bob.get("/papers/_design/d/_view/rows").await.error_named(403, "forbidden");
    bob.get("/papers/_design/own/_view/none").await.error_named(404, "not_found");
    let wrong = json!({"options": {"access": 1}, "views": {}});
    admin.put("/papers/_design/wrong", wrong).await.error_named(400, "invalid_design_doc");
    // What a function hides is in an index of its own all the same.
    let reading = json!({"validate_doc_read": "function (doc) { if (doc.n === 10) throw {forbidden: 'no'}; }"});
    admin.put("/papers/_design/reading", reading).await.expect(201);
    bob.get("/papers/_design/own/_view/sums").await.error_named(403, "forbidden");
    let rows = bob.get("/papers/_design/own/_view/sums?reduce=false").await.expect(200).json();
    assert_eq!(rows["rows"].as_array().map(Vec::len), Some(2), "{rows}");
    assert_eq!(rows["total_rows"], json!(null));

    admin.put_nothing("/plain").await.expect(201);
    admin.put("/plain/_security", json!({"members": {"roles": ["staff"]}})).await.expect(200);
    admin.put_text("/plain/_design/own", OWN).await.expect(201);
    admin.put("/plain/a", json!({"n": 7})).await.expect(201);
    let told = bob.get("/plain/_design/own/_view/sums").await.expect(200).json();
    assert_eq!(told["rows"][0]["value"], 7);
}

/// Each set of names is an index, of which there are not more than so many: who comes then waits until one rests.
#[tokio::test]
async fn more_readers_than_there_is_room_for_are_told_so_or_the_truth() {
    let papers = with_numbers().await;
    for number in 0..=100 {
        let name = format!("reader-{number}");
        let reader = make_user(&papers.node, &name, "x", &["staff"]).await;
        let told = reader.get("/papers/_design/own/_view/sums").await;
        let is_refused = told.status == 503 && number == 100;
        assert!(is_refused || told.json()["rows"][0]["value"] == 1_000, "{}", told.text());
    }
    assert_eq!(reduced(&papers.admin, "sums").await, json!(111_111));
}
