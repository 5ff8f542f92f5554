//! Who comes where: each endpoint of a running node, asked by everybody from a stranger to a server admin.
//! The node's own description says which endpoints there are; one without a row here fails.

use std::collections::BTreeSet;

use refuge_tests::{Client, Node, Options};
use serde_json::{Value, json};

/// Who somebody is, each with the rights of those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Person {
    Nobody,
    Stranger,
    Member,
    DatabaseAdmin,
    ServerAdmin,
    /// Nobody comes there over the port of clients.
    Node,
}

use Person::{DatabaseAdmin, Member, Nobody, ServerAdmin};

/// Each endpoint with the least of those who may come there.
const TABLE: &[(&str, &str, Person)] = &[
    ("/", "GET HEAD", Nobody),
    ("/_up", "GET HEAD", Nobody),
    ("/_openapi.json", "GET HEAD", Nobody),
    ("/_uuids", "GET HEAD", Nobody),
    ("/_session", "GET HEAD POST DELETE", Nobody),
    ("/_all_dbs", "GET HEAD", ServerAdmin),
    ("/_dbs_info", "GET HEAD POST", ServerAdmin),
    ("/_db_updates", "GET HEAD", ServerAdmin),
    ("/_replicate", "POST", ServerAdmin),
    ("/_active_tasks", "GET HEAD", ServerAdmin),
    ("/_scheduler/jobs", "GET HEAD", ServerAdmin),
    ("/_scheduler/jobs/{id}", "GET HEAD", ServerAdmin),
    ("/_scheduler/docs", "GET HEAD", ServerAdmin),
    ("/_scheduler/docs/{db}", "GET HEAD", ServerAdmin),
    ("/_scheduler/docs/{db}/{docid}", "GET HEAD", ServerAdmin),
    ("/_membership", "GET HEAD", ServerAdmin),
    ("/_cluster_setup", "GET HEAD POST", ServerAdmin),
    ("/_node/{node}", "GET HEAD", ServerAdmin),
    ("/_node/{node}/_versions", "GET HEAD", ServerAdmin),
    ("/_node/{node}/_stats", "GET HEAD", ServerAdmin),
    ("/_node/{node}/_system", "GET HEAD", ServerAdmin),
    ("/_node/{node}/_prometheus", "GET HEAD", ServerAdmin),
    ("/_node/{node}/_restart", "POST", ServerAdmin),
    ("/_node/{node}/_config", "GET HEAD", ServerAdmin),
    ("/_node/{node}/_config/_reload", "POST", ServerAdmin),
    ("/_node/{node}/_config/{section}", "GET HEAD", ServerAdmin),
    ("/_node/{node}/_config/{section}/{key}", "GET HEAD PUT DELETE", ServerAdmin),
    ("/_mesh", "GET HEAD", ServerAdmin),
    ("/_mesh/peers", "GET HEAD POST", ServerAdmin),
    ("/_mesh/peers/{peer}", "GET HEAD POST", ServerAdmin),
    ("/_mesh/invitations", "GET HEAD POST", ServerAdmin),
    ("/_mesh/invitations/{number}", "DELETE", ServerAdmin),
    ("/_mesh/introductions", "GET HEAD POST", ServerAdmin),
    ("/_mesh/diagnose/{peer}", "GET HEAD", ServerAdmin),
    ("/_mesh/events", "GET HEAD", ServerAdmin),
    ("/_mesh/messages", "GET HEAD POST", ServerAdmin),
    ("/_mesh/hub/nodes", "GET HEAD", Person::Node),
    ("/_mesh/hub/nodes/{peer}", "GET HEAD PUT", Person::Node),
    ("/_mesh/pair", "POST", Person::Node),
    ("/_mesh/pair/request", "POST", Person::Node),
    ("/_mesh/pair/rotation", "POST", Person::Node),
    ("/_mesh/pair/rotation/{peer}", "GET HEAD", Person::Node),
    ("/_mesh/link", "POST", Person::Node),
    ("/_mesh/reverse", "POST", Person::Node),
    ("/{db}", "GET HEAD POST", Member),
    ("/{db}", "PUT DELETE", ServerAdmin),
    ("/{db}/_all_docs", "GET HEAD POST", Member),
    ("/{db}/_design_docs", "GET HEAD POST", Member),
    ("/{db}/_local_docs", "GET HEAD POST", Member),
    ("/{db}/_all_docs/queries", "POST", Member),
    ("/{db}/_design_docs/queries", "POST", Member),
    ("/{db}/_local_docs/queries", "POST", Member),
    ("/{db}/_conflicts", "GET HEAD", Member),
    ("/{db}/_bulk_docs", "POST", Member),
    ("/{db}/_bulk_get", "POST", Member),
    ("/{db}/_changes", "GET HEAD POST", Member),
    ("/{db}/_revs_diff", "POST", Member),
    ("/{db}/_missing_revs", "POST", Member),
    ("/{db}/_options", "GET HEAD", Member),
    ("/{db}/_options", "PUT", DatabaseAdmin),
    ("/{db}/_on_demand", "GET HEAD", Member),
    ("/{db}/_on_demand", "PUT", ServerAdmin),
    ("/{db}/_purge", "POST", ServerAdmin),
    ("/{db}/_purged_infos", "GET HEAD", ServerAdmin),
    ("/{db}/_purged_infos_limit", "GET HEAD PUT", ServerAdmin),
    ("/{db}/_security", "GET HEAD", Member),
    ("/{db}/_security", "PUT", DatabaseAdmin),
    ("/{db}/_revs_limit", "GET HEAD", Member),
    ("/{db}/_revs_limit", "PUT", DatabaseAdmin),
    ("/{db}/_ensure_full_commit", "POST", Member),
    ("/{db}/_partition/{partition}", "GET HEAD", Member),
    ("/{db}/_shards", "GET HEAD", Member),
    ("/{db}/_shards/{docid}", "GET HEAD", Member),
    ("/{db}/_sync_shards", "POST", ServerAdmin),
    ("/{db}/_random_doc", "GET HEAD", Member),
    ("/{db}/_compact", "POST", DatabaseAdmin),
    ("/{db}/_compact/{ddoc}", "POST", DatabaseAdmin),
    ("/{db}/_find", "POST", Member),
    ("/{db}/_explain", "POST", Member),
    ("/{db}/_index", "GET HEAD", Member),
    ("/{db}/_index", "POST", DatabaseAdmin),
    ("/{db}/_index/_bulk_delete", "POST", DatabaseAdmin),
    ("/{db}/_index/{ddoc}/{type}/{name}", "DELETE", DatabaseAdmin),
    ("/{db}/_view_cleanup", "POST", DatabaseAdmin),
    ("/{db}/_uploads", "OPTIONS POST", Member),
    ("/{db}/_uploads/{upload}", "OPTIONS HEAD PATCH DELETE", Member),
    ("/{db}/_local/{docid}", "GET HEAD PUT DELETE COPY", Member),
    ("/{db}/{docid}", "GET HEAD PUT DELETE COPY POST", Member),
    ("/{db}/{docid}/{attachment}", "GET HEAD PUT DELETE", Member),
    ("/{db}/_design/{ddoc}", "GET HEAD COPY", Member),
    ("/{db}/_design/{ddoc}", "PUT DELETE POST", DatabaseAdmin),
    ("/{db}/_design/{ddoc}/{attachment}", "GET HEAD", Member),
    ("/{db}/_design/{ddoc}/{attachment}", "PUT DELETE", DatabaseAdmin),
    ("/{db}/_design/{ddoc}/_info", "GET HEAD", Member),
    ("/{db}/_design/{ddoc}/_view/{view}", "GET HEAD POST", Member),
    ("/{db}/_design/{ddoc}/_view/{view}/queries", "POST", Member),
    ("/{db}/_design/{ddoc}/_show/{function}", "GET HEAD POST", Member),
    ("/{db}/_design/{ddoc}/_show/{function}/{docid}", "GET HEAD POST", Member),
    ("/{db}/_design/{ddoc}/_update/{function}", "PUT POST", Member),
    ("/{db}/_design/{ddoc}/_update/{function}/{docid}", "PUT POST", Member),
    ("/{db}/_design/{ddoc}/_list/{function}/{view}", "GET HEAD POST", Member),
    ("/{db}/_design/{ddoc}/_list/{function}/{other}/{view}", "GET HEAD POST", Member),
    ("/{db}/_design/{ddoc}/_rewrite/{path}", "GET HEAD POST PUT DELETE", Member),
];

/// Whoever has the link of the first start; what it opens is in `setup`.
const BY_LINK: &str = "/_setup/{token}";

/// What the node is to answer whoever may: it is restarted in a test of its own.
const NOT_DONE: &[(&str, &str)] = &[("/_node/{node}/_restart", "POST")];

/// Everybody, from the one with the fewest rights on.
async fn people(node: &Node) -> Vec<(Person, Client)> {
    let admin = node.client();
    admin.put_nothing("/_users").await.expect(201);
    let mut people = vec![(Nobody, node.anonymous())];
    let others = [(Person::Stranger, "eve"), (Member, "anna"), (DatabaseAdmin, "dora")];
    for (person, name) in others {
        let document = json!({"type": "user", "name": name, "roles": [], "password": "x"});
        admin.put(&format!("/_users/org.couchdb.user:{name}"), document).await.expect(201);
        people.push((person, Client::with_credentials(node.address(), name, "x")));
    }
    people.push((ServerAdmin, admin));
    people
}

/// A database in which everything that the paths name is there.
async fn fill(node: &Node, name: &str) {
    let admin = node.client();
    admin.put_nothing(&format!("/{name}")).await.expect(201);
    let security = json!({"admins": {"names": ["dora"], "roles": []}, "members": {"names": ["anna"], "roles": []}});
    admin.put(&format!("/{name}/_security"), security).await.expect(200);
    let file = json!({"x": {"content_type": "text/plain", "data": "eA=="}});
    admin.put(&format!("/{name}/x"), json!({"_attachments": file})).await.expect(201);
    admin.put(&format!("/{name}/_local/x"), json!({})).await.expect(201);
    let design = json!({
        "views": {"x": {"map": "function(doc) { emit(doc._id); }"}},
        "shows": {"x": "function() { return 'x'; }"},
        "updates": {"x": "function() { return [null, 'x']; }"},
        "lists": {"x": "function() { return 'x'; }"},
        "rewrites": [{"from": "x", "to": "../../x"}],
        "_attachments": file,
    });
    admin.put(&format!("/{name}/_design/x"), design).await.expect(201);
}

fn fill_in(path: &str, database: &str) -> String {
    let segments = path.split('/').map(|segment| match segment {
        "{node}" => "_local",
        "{db}" => database,
        "{type}" => "json",
        "{section}" => "log",
        "{key}" => "level",
        name if name.starts_with('{') => "x",
        segment => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}

/// A body with which the request is about something, so that what is refused is the sender.
fn body(path: &str, method: &str) -> Value {
    match (path, method) {
        (_, "GET" | "HEAD" | "DELETE" | "OPTIONS" | "COPY") => Value::Null,
        ("/_node/{node}/_config/{section}/{key}", _) => json!("info"),
        ("/_mesh/invitations", _) => json!({"addresses": ["127.0.0.1:6984"], "minutes": 1}),
        ("/_mesh/messages", _) => json!({"to": "x", "app": "x", "body": null}),
        ("/{db}/_revs_limit" | "/{db}/_purged_infos_limit", _) => json!(1000),
        ("/{db}/_security", _) => json!({"admins": {"names": ["dora"], "roles": []},
            "members": {"names": ["anna"], "roles": []}}),
        ("/{db}/_index", _) => json!({"index": {"fields": ["a"]}, "name": "x", "ddoc": "y"}),
        ("/{db}/_index/_bulk_delete", _) => json!({"docids": ["_design/none"]}),
        ("/{db}/_find" | "/{db}/_explain", _) => json!({"selector": {}}),
        ("/{db}/_bulk_docs" | "/{db}/_bulk_get", _) => json!({"docs": []}),
        (path, _) if path.ends_with("/queries") => json!({"queries": [{}]}),
        _ => json!({}),
    }
}

async fn ask(client: &Client, (path, method): (&str, &str), database: &str) -> u16 {
    let request = client.request(method, &fill_in(path, database));
    let request = request.header("referer", &format!("http://{}/", client.address()));
    let request = request.header("tus-resumable", "1.0.0").header("upload-length", "0");
    match body(path, method) {
        Value::Null => request.send().await.status,
        body => request.json(body.to_string()).send().await.status,
    }
}

#[tokio::test]
async fn everybody_comes_where_the_table_says_and_nowhere_else() {
    let node = Node::start(Options::mesh().set("authentication.argon2_memory_kib=64"));
    // Whoever invites is answered once the node listens for others, which may first make its key.
    node.mesh_address();
    let people = people(&node).await;
    fill(&node, "edges").await;
    let mut wrong = Vec::new();
    for &(path, methods, least) in TABLE {
        for method in methods.split(' ') {
            for (person, client) in &people {
                let may = *person >= least;
                if may && NOT_DONE.contains(&(path, method)) {
                    continue;
                }
                let made = path == "/{db}" && ["PUT", "DELETE"].contains(&method);
                let database = if made { "edges-made" } else { "edges" };
                let status = ask(client, (path, method), database).await;
                let refused = status == 401 || status == 403;
                let right = match least {
                    Person::Node => status == 404,
                    // What is described is there for whoever may come.
                    _ => refused != may && status < 500 && !(may && status == 405),
                };
                if !right {
                    wrong.push(format!("{method} {path}: {person:?} is answered {status}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn each_endpoint_has_a_row_and_no_method_beyond_it() {
    let node = Node::start(Options::default());
    fill(&node, "edges").await;
    let described = node.anonymous().get("/_openapi.json").await.expect(200).json();
    assert_eq!(described["openapi"], "3.1.0");
    let mut there = BTreeSet::new();
    for (path, operations) in described["paths"].as_object().expect("paths") {
        let methods = operations.as_object().expect("methods").keys();
        for method in methods.filter(|name| *name != "parameters") {
            there.insert((path.clone(), method.to_uppercase()));
        }
    }
    let mut rows = BTreeSet::new();
    for (path, methods, _) in TABLE.iter().copied().chain([(BY_LINK, "GET HEAD POST", Nobody)]) {
        rows.extend(methods.split(' ').map(|method| (path.to_owned(), method.to_owned())));
    }
    // OpenAPI has no word for it.
    rows.retain(|(_, method)| method != "COPY");
    assert_eq!(there, rows);
    let admin = node.client();
    for (path, operations) in described["paths"].as_object().expect("paths") {
        let others = ["GET", "POST", "PUT", "DELETE", "PATCH"].into_iter();
        // A rewrite answers for whatever it leads to, a function for all; what only nodes do is not there.
        let by_function = path.contains("/_rewrite/") || path.contains("/_update/");
        let of_nodes = TABLE.iter().any(|row| row.0 == path && row.2 == Person::Node);
        let led_on = by_function || of_nodes || path == BY_LINK;
        for method in others.filter(|method| operations.get(method.to_lowercase()).is_none()) {
            let status = ask(&admin, (path, method), "edges").await;
            assert!(led_on || status == 405, "{method} {path}: {status}");
        }
    }
}
