//! Who may write what: alone with access to every current revision, replicated edits included.

use serde_json::{Value, json};

use super::{LOSING, Papers, WINNING, papers};

#[tokio::test]
async fn who_makes_a_document_is_among_its_readers() {
    let papers = papers().await;
    let Papers { anna, bob, dora, .. } = &papers;
    anna.put("/papers/own", json!({"_access": ["anna", "bob"]})).await.expect(201);
    anna.put("/papers/role", json!({"_access": ["editors"]})).await.expect(201);
    bob.put("/papers/x", json!({"_access": ["editors"]})).await.error_named(403, "forbidden");
    bob.put("/papers/x", json!({"_access": []})).await.error_named(403, "forbidden");
    bob.put("/papers/x", json!({"a": 1})).await.error_named(403, "forbidden");
    bob.post("/papers", json!({"a": 1})).await.error_named(403, "forbidden");
    let attached = bob.request("PUT", "/papers/x/note").header("content-type", "text/plain");
    attached.body("x").send().await.error_named(403, "forbidden");
    dora.put("/papers/any", json!({"_access": ["somebody"]})).await.expect(201);
    dora.put("/papers/none", json!({"a": 1})).await.expect(201);
    papers.admin.get("/papers/x").await.expect(404);
}

#[tokio::test]
async fn an_update_needs_access_to_every_current_revision() {
    let papers = papers().await;
    let first = papers.write("doc", json!(["anna", "bob"]), "1").await;
    let Papers { anna, bob, carl, .. } = &papers;
    let edit = |rev: &str, access: Value| json!({"_rev": rev, "_access": access});
    carl.put("/papers/doc", edit(&first, json!(["carl"]))).await.error_named(409, "conflict");
    carl.put("/papers/doc", json!({"_access": ["carl"]})).await.error_named(409, "conflict");
    let second = bob.put("/papers/doc", edit(&first, json!(["anna", "bob"]))).await.expect(201);
    let second = second.member("rev");
    bob.put("/papers/doc", json!({"_rev": second})).await.error_named(403, "forbidden");

    papers.branch("doc", &first, LOSING, json!({"_access": ["anna"]})).await;
    bob.put("/papers/doc", edit(&second, json!(["bob"]))).await.error_named(403, "forbidden");
    bob.delete(&format!("/papers/doc?rev={second}")).await.error_named(403, "forbidden");
    let third = anna.put("/papers/doc", edit(&second, json!(["anna"]))).await.expect(201);
    anna.delete(&format!("/papers/doc?rev={}", third.member("rev"))).await.expect(200);
    papers.check();
}

#[tokio::test]
async fn a_replicated_edit_is_held_to_the_same() {
    let papers = papers().await;
    let first = papers.write("doc", json!(["anna"]), "1").await;
    let hash = first.split_once('-').unwrap().1.to_owned();
    let Papers { anna, bob, .. } = &papers;
    let edit = |rev: &str, ids: Value, access: Value| {
        json!({"new_edits": false, "docs": [{"_id": "doc", "_rev": rev, "_access": access,
            "_revisions": {"start": ids.as_array().unwrap().len(), "ids": ids}}]})
    };
    for forged in [
        edit(&format!("2-{WINNING}"), json!([WINNING, hash]), json!(["bob"])),
        edit(&format!("1-{WINNING}"), json!([WINNING]), json!(["bob"])),
        // One that is there, guessed.
        edit(&first, json!([hash]), json!(["bob"])),
    ] {
        let told = bob.post("/papers/_bulk_docs", forged).await.expect(201).json();
        assert_eq!(told[0]["error"], "forbidden", "{told}");
    }
    let told = bob.put("/papers/doc?new_edits=false", json!({"_rev": "2-f", "_access": ["bob"]}));
    told.await.error_named(403, "forbidden");
    let good = edit(
        "2-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        json!(["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", hash]),
        json!(["anna", "bob"]),
    );
    assert_eq!(anna.post("/papers/_bulk_docs", good).await.expect(201).json(), json!([]));
    // Whoever lost access cannot come back by a branch of what was.
    papers.rewrite("doc", json!(["anna"]), "3").await;
    let back = edit(
        &format!("3-{WINNING}"),
        json!([WINNING, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", hash]),
        json!(["bob"]),
    );
    let told = bob.post("/papers/_bulk_docs", back).await.expect(201).json();
    assert_eq!(told[0]["error"], "forbidden", "{told}");
    let shown = anna.get("/papers/doc?conflicts=true").await.expect(200).json();
    assert_eq!(shown.get("_conflicts"), None, "{shown}");
}

#[tokio::test]
async fn a_deletion_keeps_the_readers_of_what_it_deletes() {
    let papers = papers().await;
    let Papers { anna, bob, .. } = &papers;
    let first = papers.write("doc", json!(["anna", "bob"]), "1").await;
    let gone = bob.delete(&format!("/papers/doc?rev={first}")).await.expect(200).member("rev");
    let tombstone = anna.get(&format!("/papers/doc?rev={gone}")).await.expect(200).json();
    assert_eq!(tombstone["_access"], json!(["anna", "bob"]), "{tombstone}");
    let feed = anna.get("/papers/_changes?include_docs=true").await.expect(200).json();
    let row = feed["results"].as_array().unwrap().iter().find(|row| row["id"] == "doc").unwrap();
    assert_eq!((&row["deleted"], row.get("removed")), (&json!(true), None), "{row}");
    assert_eq!(anna.get("/papers").await.json()["doc_del_count"], 1);
    assert_eq!(papers.carl.get("/papers").await.json()["doc_del_count"], 0);
    // Others cannot take its place, and its readers can.
    papers.carl.put("/papers/doc", json!({"_access": ["carl"]})).await.error_named(409, "conflict");
    anna.put("/papers/doc", json!({"_access": ["anna"]})).await.expect(201);

    let second = papers.write("bulk", json!(["anna"]), "1").await;
    let deletion =
        json!({"docs": [{"_id": "bulk", "_rev": second, "_deleted": true, "_access": ["bob"]}]});
    anna.post("/papers/_bulk_docs", deletion).await.expect(201);
    bob.get("/papers/bulk").await.error(404, "not_found", "missing");
    anna.get("/papers/bulk").await.error(404, "not_found", "deleted");
    let hash = papers.write("far", json!(["bob"]), "1").await;
    let ids = json!(["dddddddddddddddddddddddddddddddd", hash.split_once('-').unwrap().1]);
    let far = json!({"new_edits": false, "docs": [{"_id": "far", "_rev": "2-dddddddddddddddddddddddddddddddd", "_deleted": true,
        "_revisions": {"start": 2, "ids": ids}}]});
    assert_eq!(bob.post("/papers/_bulk_docs", far).await.expect(201).json(), json!([]));
    bob.get("/papers/far").await.error(404, "not_found", "deleted");
    papers.check();
}

#[tokio::test]
async fn a_document_that_expires_is_gone_for_its_readers_and_none_else() {
    let papers = papers().await;
    papers.admin.put("/papers/_options", json!({"ttl": true})).await.expect(200);
    papers.write("soon", json!(["anna"]), "1").await;
    let rev = papers.admin.get("/papers/soon").await.member("_rev");
    let expiring = json!({"_rev": rev, "_access": ["anna"], "_expires": 0});
    papers.anna.put("/papers/soon", expiring).await.expect(201);
    refuge_tests::eventually("its tombstone is in the feed", || async {
        let feed = papers.anna.get("/papers/_changes").await.expect(200).json();
        let mut rows = feed["results"].as_array().unwrap().iter();
        rows.any(|row| row["id"] == "soon" && row["deleted"] == true).then_some(())
    })
    .await;
    let others = papers.bob.get("/papers/_changes").await.expect(200).text();
    assert!(!others.contains("soon"), "{others}");
    papers.check();
}

#[tokio::test]
async fn functions_that_judge_edits_see_no_document_that_the_writer_does_not() {
    let papers = papers().await;
    papers.write("doc", json!(["anna"]), "secret").await;
    let judge = "function (newDoc, oldDoc) { if (oldDoc) { throw({forbidden: oldDoc.text}); } }";
    papers
        .admin
        .put("/papers/_design/judge", json!({"validate_doc_update": judge}))
        .await
        .expect(201);
    let rev = papers.admin.get("/papers/doc").await.member("_rev");
    let edit = json!({"_rev": rev, "_access": ["bob"]});
    let told = papers.bob.put("/papers/doc", edit.clone()).await;
    assert!(!told.text().contains("secret"), "{}", told.text());
    papers.anna.put("/papers/doc", edit).await.error(403, "forbidden", "secret");
}

#[tokio::test]
async fn a_branch_that_was_ended_locks_nobody_out() {
    let papers = papers().await;
    let first = papers.write("doc", json!(["anna", "bob"]), "1").await;
    let Papers { admin, bob, .. } = &papers;
    let edit = |rev: &str| json!({"_rev": rev, "_access": ["anna", "bob"]});
    let second = bob.put("/papers/doc", edit(&first)).await.expect(201).member("rev");
    papers.branch("doc", &first, LOSING, json!({"_access": ["anna"]})).await;
    bob.put("/papers/doc", edit(&second)).await.error_named(403, "forbidden");
    // Its tombstone keeps whom it admitted.
    admin.delete(&format!("/papers/doc?rev=2-{LOSING}")).await.expect(200);
    bob.put("/papers/doc", edit(&second)).await.expect(201);
    papers.check();
}
