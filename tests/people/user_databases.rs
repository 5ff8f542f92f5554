//! A database for each user.

use refuge_tests::{Client, Node, eventually};
use serde_json::json;

use crate::{make_user, node_with_users, options, path, set, user};

fn database(name: &str) -> String {
    let hexadecimal: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("/userdb-{hexadecimal}")
}

async fn is_there(node: &Node, name: &str) {
    eventually("the user's database is there", || async {
        let path = format!("{}/_security", database(name));
        let told = node.client().get(&path).await;
        let theirs = |told: &serde_json::Value| told["members"]["names"] == json!([name]);
        (told.status == 200 && theirs(&told.json())).then_some(())
    })
    .await;
}

#[tokio::test]
async fn each_user_has_a_database_of_their_own() {
    let node = node_with_users(options()).await;
    let anna = make_user(&node, "anna", "apple", &[]).await;
    set(&node, "couch_peruser/enable", "true").await;
    is_there(&node, "anna").await;
    let bert = make_user(&node, "bert", "pear", &[]).await;
    is_there(&node, "bert").await;
    anna.put(&format!("{}/a", database("anna")), json!({})).await.expect(201);
    anna.put(&format!("{}/_design/a", database("anna")), json!({})).await.expect(201);
    bert.get(&database("anna")).await.error_named(403, "forbidden");
    node.anonymous().get(&database("anna")).await.error_named(401, "unauthorized");
    let security = node.client().get(&format!("{}/_security", database("anna"))).await.json();
    assert_eq!(security["admins"], json!({"names": ["anna"], "roles": ["_admin"]}));
    // The user goes, the database stays and is for admins.
    let rev = node.client().get(&path("anna")).await.member("_rev");
    node.client().delete(&format!("{}?rev={rev}", path("anna"))).await.expect(200);
    eventually("nobody is named any more", || async {
        let security = node.client().get(&format!("{}/_security", database("anna"))).await.json();
        (security["members"]["names"] == json!([])).then_some(())
    })
    .await;
    let again = make_user(&node, "carl", "c", &[]).await;
    again.get(&database("anna")).await.error_named(403, "forbidden");
}

#[tokio::test]
async fn a_database_goes_with_its_user_where_that_is_wanted() {
    let settings = options()
        .set("user_databases.enabled=true")
        .set("user_databases.delete=true")
        .set("user_databases.prefix=of-")
        .set("user_databases.shards=1");
    let mut node = node_with_users(settings).await;
    let users = "/_users/org.couchdb.user:%C3%A4";
    node.client().put(users, user("ä", "x", &[])).await.expect(201);
    let path = "/of-c3a4";
    let information = eventually("the user's database is there", || async {
        let told = node.client().get(path).await;
        (told.status == 200).then(|| told.json())
    })
    .await;
    assert_eq!(information["cluster"]["q"], 1);
    // What happens while nobody looks is seen later.
    node.restart();
    make_user(&node, "bert", "x", &[]).await;
    let rev = node.client().get(users).await.member("_rev");
    node.client().delete(&format!("{users}?rev={rev}")).await.expect(200);
    eventually("the database is gone", || async {
        (node.client().get(path).await.status == 404).then_some(())
    })
    .await;
}

/// Makes users in batches and waits for the database of each.
async fn many(users: usize) {
    const BATCH: usize = 500;
    let settings = options().set("user_databases.enabled=true").set("user_databases.shards=1");
    let node = node_with_users(settings).await;
    let client = node.client();
    for first in (0..users).step_by(BATCH) {
        let documents: Vec<_> = (first..users.min(first + BATCH))
            .map(|number| {
                let name = format!("user{number}");
                let mut document = user(&name, &format!("password{number}"), &[]);
                document["_id"] = format!("org.couchdb.user:{name}").into();
                document
            })
            .collect();
        let told = client.post("/_users/_bulk_docs", json!({"docs": documents})).await;
        let told = told.expect(201).json();
        let failed = told.as_array().expect("a list").iter().find(|one| one["ok"] != true);
        assert_eq!(failed, None);
    }
    eventually("every user has a database", || async {
        let names = client.get("/_all_dbs?startkey=%22userdb-%22&limit=1000000").await.json();
        let names = names.as_array().expect("a list").iter();
        let theirs =
            names.filter(|name| name.as_str().is_some_and(|name| name.starts_with("userdb-")));
        (theirs.count() == users).then_some(())
    })
    .await;
    for number in [0, users / 2, users - 1] {
        let name = format!("user{number}");
        is_there(&node, &name).await;
        let password = format!("password{number}");
        let own = Client::with_credentials(node.address(), &name, &password);
        own.put(&format!("{}/a", database(&name)), json!({})).await.expect(201);
    }
}

#[tokio::test]
async fn many_users_have_many_databases() {
    many(1_000).await;
}

/// `make soak` runs it.
#[tokio::test]
#[ignore = "takes minutes"]
async fn ten_thousand_users_have_ten_thousand_databases() {
    many(10_000).await;
}
