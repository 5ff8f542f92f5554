//! `_replicator` for users who are no admins.

use serde_json::{Value, json};

use crate::{make_user, node_with_users, options};

#[tokio::test]
async fn a_replication_is_its_owners_and_names_no_database_of_this_node() {
    let node = node_with_users(options()).await;
    let admin = node.client();
    let anna = make_user(&node, "anna", "apple", &["replicates"]).await;
    let bert = make_user(&node, "bert", "pear", &["replicates"]).await;
    refuge_tests::eventually("there is a database of replications", || async {
        (admin.get("/_replicator").await.status == 200).then_some(())
    })
    .await;
    anna.get("/_replicator/x").await.error_named(403, "forbidden");
    let members = json!({"members": {"roles": ["replicates"]}, "admins": {"roles": ["_admin"]}});
    admin.put("/_replicator/_security", members).await.expect(200);
    let url = |user: &str| format!("http://{user}@127.0.0.1:1/nowhere");
    let document = json!({"source": url("anna:apple"), "target":
        {"url": url("x:y"), "headers": {"authorization": "Basic eA=="}}, "continuous": false});
    anna.put("/_replicator/mine", document.clone()).await.expect(201);
    let shown = anna.get("/_replicator/mine").await.expect(200).json();
    assert_eq!(shown["owner"], "anna");
    assert_eq!(shown["source"], url("anna:apple").as_str());
    let others = bert.get("/_replicator/mine").await.expect(200).json();
    assert_eq!(others["source"], "http://127.0.0.1:1/nowhere");
    assert_eq!(others["target"], json!({"url": "http://127.0.0.1:1/nowhere"}));
    for list in ["_all_docs?include_docs=true", "_changes?include_docs=true", "_design_docs"] {
        bert.get(&format!("/_replicator/{list}")).await.error_named(403, "forbidden");
    }
    let theft = "Can't update replication documents from other users.";
    let rev = admin.get("/_replicator/mine").await.member("_rev");
    let mut changed = document.clone();
    changed["_rev"] = Value::String(rev.clone());
    let told = bert.put("/_replicator/mine", changed).await;
    assert!([403, 409].contains(&told.status), "{}", told.text());
    let told = bert.delete(&format!("/_replicator/mine?rev={rev}")).await;
    assert!([403, 409].contains(&told.status), "{}", told.text());
    let mut others = document.clone();
    others["owner"] = "anna".into();
    bert.put("/_replicator/other", others).await.error(403, "forbidden", theft);
    for end in [json!("_users"), json!({"node": "*", "db": "_users"}), json!("file:///etc/passwd")]
    {
        let mut local = document.clone();
        local["source"] = end;
        bert.put("/_replicator/local", local).await.error_named(403, "forbidden");
    }
    admin.put("/_replicator/admins", json!({"source": "a", "target": "b"})).await.expect(201);
    assert_eq!(admin.get("/_replicator/admins").await.json()["owner"], "admin");
}

#[tokio::test]
async fn neither_a_branch_nor_a_former_revision_shows_what_is_somebody_elses() {
    let node = node_with_users(options()).await;
    let admin = node.client();
    let anna = make_user(&node, "anna", "apple", &["replicates"]).await;
    let bert = make_user(&node, "bert", "pear", &["replicates"]).await;
    let members = json!({"members": {"roles": ["replicates"]}, "admins": {"roles": ["_admin"]}});
    admin.put("/_replicator/_security", members).await.expect(200);
    let url = |user: &str| format!("http://{user}@127.0.0.1:1/nowhere");
    let of = |user: &str| json!({"source": url(user), "target": url(user), "proxy": url(user)});
    anna.put("/_replicator/mine", of("anna:apple")).await.expect(201);
    let others = bert.get("/_replicator/mine").await.expect(200);
    assert!(!others.text().contains("apple"), "{}", others.text());

    let mut branch = of("x:y");
    branch["_id"] = "mine".into();
    branch["_rev"] = "999-b".into();
    branch["owner"] = "bert".into();
    let edit = json!({"new_edits": false, "docs": [branch]});
    let told = bert.post("/_replicator/_bulk_docs", edit).await.expect(201).json();
    assert_eq!(told[0]["error"], "forbidden", "{told}");

    // Its state may be written meanwhile.
    let rev = refuge_tests::eventually("it is deleted", || async {
        let rev = anna.get("/_replicator/mine").await.member("_rev");
        let told = anna.delete(&format!("/_replicator/mine?rev={rev}")).await;
        (told.status == 200).then_some(rev)
    })
    .await;
    bert.put("/_replicator/mine", of("bert:pear")).await.expect(201);
    bert.get(&format!("/_replicator/mine?rev={rev}")).await.error_named(404, "not_found");
    bert.get("/_replicator/mine?open_revs=all").await.error_named(404, "not_found");
    refuge_tests::eventually("one's own is shown, by its revision too", || async {
        let own = bert.get("/_replicator/mine").await.expect(200).json();
        assert_eq!(own["source"], url("bert:pear"));
        let same = format!("/_replicator/mine?rev={}", own["_rev"].as_str().unwrap());
        (bert.get(&same).await.status == 200).then_some(())
    })
    .await;
}
