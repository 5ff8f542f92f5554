//! `_users`: its rules, and who sees what of it.

use refuge_tests::Client;
use serde_json::json;

use crate::{make_user, node_with_users, options, path, set, user};

#[tokio::test]
async fn a_user_signs_in_and_a_password_is_stored_hashed() {
    let node = node_with_users(options()).await;
    let anna = make_user(&node, "anna", "apple", &["reader"]).await;
    let session = anna.get("/_session").await.expect(200).json();
    assert_eq!(session["userCtx"], json!({"name": "anna", "roles": ["reader"]}));
    assert_eq!(session["info"]["authenticated"], "default");
    let stored = node.client().get(&path("anna")).await.expect(200).json();
    assert_eq!(stored["password_scheme"], "argon2id");
    assert_eq!(stored["derived_key"].as_str().map(str::len), Some(64));
    assert_eq!(stored["salt"].as_str().map(str::len), Some(32));
    assert_eq!(stored.get("password"), None);
    for (name, password) in [("anna", "apples"), ("anna", ""), ("nobody", "apple")] {
        let wrong = Client::with_credentials(node.address(), name, password);
        wrong.get("/").await.error(401, "unauthorized", "Name or password is incorrect.");
    }
}

#[tokio::test]
async fn users_work_where_security_names_them() {
    let node = node_with_users(options()).await;
    let anna = make_user(&node, "anna", "apple", &["reader"]).await;
    let bert = make_user(&node, "bert", "pear", &[]).await;
    let admin = node.client();
    admin.put_nothing("/notes").await.expect(201);
    anna.get("/notes").await.error(403, "forbidden", "You are not allowed to access this db.");
    let security = json!({"admins": {"names": ["bert"]}, "members": {"roles": ["reader"]}});
    admin.put("/notes/_security", security).await.expect(200);
    anna.put("/notes/a", json!({})).await.expect(201);
    anna.put("/notes/_design/a", json!({})).await.error_named(403, "forbidden");
    bert.put("/notes/_design/a", json!({})).await.expect(201);
    bert.put_nothing("/other").await.error_named(401, "unauthorized");
    bert.get("/_all_dbs").await.error_named(401, "unauthorized");
}

#[tokio::test]
async fn only_the_configuration_makes_admins() {
    let node = node_with_users(options()).await;
    let admin = node.client();
    for role in ["_admin", "_metrics", "_peer"] {
        let told = admin.put(&path("eve"), user("eve", "x", &[role])).await;
        let reason = "No system roles (starting with underscore) in users db.";
        told.error(403, "forbidden", reason);
    }
    admin
        .put(&path("eve"), user("eve", "x", &["group:family"]))
        .await
        .error_named(403, "forbidden");
    // What came before there were such rules, or by a replication, gives nothing either.
    let body = json!({"new_edits": false, "docs": [{"_id": "org.couchdb.user:eve", "_rev": "1-a",
        "type": "user", "name": "eve", "roles": ["_admin"], "password": "x"}]});
    let told = admin.post("/_users/_bulk_docs", body).await.expect(201).json();
    assert_eq!(told[0]["error"], "forbidden");
}

#[tokio::test]
async fn users_see_and_change_themselves_alone() {
    let node = node_with_users(options()).await;
    let anna = make_user(&node, "anna", "apple", &[]).await;
    let bert = make_user(&node, "bert", "pear", &[]).await;
    let mut own = anna.get(&path("anna")).await.expect(200).json();
    bert.get(&path("anna")).await.error(404, "not_found", "missing");
    bert.head(&path("anna")).await.expect(404);
    node.anonymous().get(&path("anna")).await.expect(404);
    let open = format!("{}?open_revs=all", path("anna"));
    bert.get(&open).await.expect(404);
    let lists =
        ["_all_docs", "_changes", "_all_docs?include_docs=true", "_design_docs", "_local_docs"];
    for list in lists {
        anna.get(&format!("/_users/{list}")).await.error_named(403, "forbidden");
        node.anonymous().get(&format!("/_users/{list}")).await.error_named(401, "unauthorized");
    }
    let selector = json!({"selector": {}});
    anna.post("/_users/_find", selector).await.error_named(403, "forbidden");
    let got = json!({"docs": [{"id": "org.couchdb.user:bert"}]});
    anna.post("/_users/_bulk_get", got).await.error_named(403, "forbidden");
    anna.get("/_users/_design/a").await.error_named(403, "forbidden");
    anna.get("/_users/_local/refuge_user_databases").await.error_named(403, "forbidden");
    // Changing what is one's own, and nothing more.
    own["color"] = "red".into();
    anna.put(&path("anna"), own.clone()).await.expect(201);
    let told = bert.put(&path("anna"), own.clone()).await;
    told.error(404, "not_found", "missing");
    own = anna.get(&path("anna")).await.expect(200).json();
    own["roles"] = json!(["boss"]);
    anna.put(&path("anna"), own).await.error(403, "forbidden", "Only _admin may edit roles");
    let rev = node.client().get(&path("anna")).await.member("_rev");
    let gone = format!("{}?rev={rev}", path("anna"));
    bert.delete(&gone).await.expect(404);
    anna.delete(&gone).await.expect(200);
    anna.get("/").await.error_named(401, "unauthorized");
}

#[tokio::test]
async fn a_new_password_counts_at_once_and_the_old_one_no_more() {
    let node = node_with_users(options()).await;
    let anna = make_user(&node, "anna", "apple", &[]).await;
    anna.get("/_session").await.expect(200);
    let mut own = anna.get(&path("anna")).await.json();
    own["password"] = "banana".into();
    anna.put(&path("anna"), own).await.expect(201);
    // The connection remembered the old one.
    anna.get("/_session").await.error_named(401, "unauthorized");
    let again = Client::with_credentials(node.address(), "anna", "banana");
    let own = again.get(&path("anna")).await.expect(200).json();
    let salt = own["salt"].as_str().expect("a salt");
    assert!(!own.to_string().contains("banana") && salt.len() == 32);
    let rev = own["_rev"].as_str().expect("a revision");
    node.client().delete(&format!("{}?rev={rev}", path("anna"))).await.expect(200);
    again.get("/_session").await.error_named(401, "unauthorized");
}

#[tokio::test]
async fn somebody_without_a_name_may_become_a_user_where_members_are_open() {
    let node = node_with_users(options()).await;
    let nobody = node.anonymous();
    nobody.put(&path("anna"), user("anna", "apple", &[])).await.expect(201);
    nobody.put(&path("anna"), user("anna", "other", &[])).await.error_named(409, "conflict");
    let told = nobody.put(&path("eve"), user("eve", "x", &["boss"])).await;
    told.error(403, "forbidden", "Only _admin may set roles");
    let anna = Client::with_credentials(node.address(), "anna", "apple");
    anna.get(&path("anna")).await.expect(200);
    let many = json!({"docs": [
        {"_id": "org.couchdb.user:carl", "type": "user", "name": "carl", "roles": [], "password": "c"},
        {"_id": "org.couchdb.user:anna", "type": "user", "name": "anna", "roles": [], "password": "x"},
        {"_id": "else", "type": "user", "name": "x", "roles": []},
    ]});
    let told = nobody.post("/_users/_bulk_docs", many).await.expect(201).json();
    assert_eq!(told[0]["ok"], true, "{told}");
    assert_eq!((&told[1]["error"], &told[2]["error"]), (&json!("conflict"), &json!("forbidden")));
    Client::with_credentials(node.address(), "carl", "c").get("/_session").await.expect(200);
}

#[tokio::test]
async fn by_default_users_are_for_admins_and_their_security_stays() {
    let node = refuge_tests::Node::start(options());
    let admin = node.client();
    admin.put_nothing("/_users").await.expect(201);
    let anna = make_user(&node, "anna", "apple", &[]).await;
    anna.get(&path("anna")).await.error_named(403, "forbidden");
    node.anonymous().get(&path("anna")).await.error_named(401, "unauthorized");
    let told = admin.put("/_users/_security", json!({})).await;
    told.error(403, "forbidden", "You can't edit the security object of the user database.");
    admin.get("/_users/_all_docs").await.expect(200);
    anna.put_nothing("/_users").await.error_named(401, "unauthorized");
    anna.delete("/_users").await.error_named(401, "unauthorized");
}

#[tokio::test]
async fn public_fields_are_shown_to_others() {
    let node = node_with_users(options()).await;
    let bert = make_user(&node, "bert", "pear", &[]).await;
    let mut document = user("anna", "apple", &[]);
    document["city"] = "Ulm".into();
    node.client().put(&path("anna"), document).await.expect(201);
    set(&node, "chttpd_auth/public_fields", "name, city").await;
    let shown = bert.get(&path("anna")).await.expect(200).json();
    let members: Vec<_> = shown.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["_id", "_rev", "name", "city"]);
    bert.get("/_users/_all_docs").await.error_named(403, "forbidden");
    set(&node, "chttpd_auth/users_db_public", "true").await;
    let listed = bert.get("/_users/_all_docs").await.expect(200).json();
    assert_eq!(listed["total_rows"], 2);
    bert.get("/_users/_all_docs?include_docs=true").await.error_named(403, "forbidden");
}

#[tokio::test]
async fn names_of_nodes_and_wrong_documents_are_refused() {
    let node = node_with_users(options()).await;
    let admin = node.client();
    let colon = "Character `:` is not allowed in usernames.";
    admin.put(&path("node:x"), user("node:x", "x", &[])).await.error(403, "forbidden", colon);
    let other = "Doc ID must be of the form org.couchdb.user:name";
    admin.put("/_users/anna", user("anna", "x", &[])).await.error(403, "forbidden", other);
    let number = json!({"type": "user", "name": "anna", "roles": [], "password": 1});
    admin.put(&path("anna"), number).await.error_named(403, "forbidden");
    let none = json!({"type": "user", "name": "anna", "roles": [], "password": null});
    admin.put(&path("anna"), none).await.expect(201);
    Client::with_credentials(node.address(), "anna", "").get("/").await.expect(401);
}

#[tokio::test]
async fn a_user_with_conflicts_does_not_come_in() {
    let node = node_with_users(options()).await;
    let anna = make_user(&node, "anna", "apple", &[]).await;
    anna.get("/").await.expect(200);
    let other = json!({"new_edits": false, "docs": [{"_id": "org.couchdb.user:anna",
        "_rev": "1-b", "type": "user", "name": "anna", "roles": []}]});
    assert_eq!(node.client().post("/_users/_bulk_docs", other).await.json(), json!([]));
    let told = anna.get("/").await;
    told.error_named(401, "unauthorized");
    assert!(told.member("reason").contains("conflicts must be resolved"), "{}", told.text());
}

#[tokio::test]
async fn users_outlive_the_process_and_batches_of_them_wait() {
    let mut node = node_with_users(options()).await;
    let admin = node.client();
    let batched = format!("{}?batch=ok", path("anna"));
    admin.put(&batched, user("anna", "apple", &[])).await.expect(202);
    let anna = Client::with_credentials(node.address(), "anna", "apple");
    anna.get("/_session").await.expect(200);
    node.restart();
    let anna = Client::with_credentials(node.address(), "anna", "apple");
    anna.get("/_session").await.expect(200);
}
