//! `_config`: CouchDB's shapes, in force at once, kept in `etc/local.toml`, and what nobody may set
//! there.

use std::fs;

use refuge_config::couchdb::{ALIASES, FORBIDDEN};
use refuge_config::{KEYS, OverHttp};
use refuge_tests::{Client, Node, Options};
use serde_json::{Value, json};

const CONFIG: &str = "/_node/_local/_config";

fn local(node: &Node) -> String {
    fs::read_to_string(node.root().join("etc/local.toml")).unwrap_or_default()
}

async fn set(client: &Client, key: &str, value: &str) -> Value {
    client.put(&format!("{CONFIG}/{key}"), json!(value)).await.expect(200).json()
}

async fn value(client: &Client, key: &str) -> Value {
    client.get(&format!("{CONFIG}/{key}")).await.expect(200).json()
}

#[tokio::test]
async fn a_value_is_read_set_and_taken_back_in_couchdbs_shapes() {
    let mut node = Node::start(Options::default());
    let client = node.client();
    let all = client.get(CONFIG).await.expect(200).json();
    assert_eq!(all["couchdb"]["max_document_size"], "8000000");
    assert_eq!(all["limits"]["max_document_size"], "8000000");
    assert_eq!(all["couchdb"]["uuid"], client.get("/").await.json()["uuid"]);
    let section = client.get(&format!("{CONFIG}/uuids")).await.expect(200).json();
    assert_eq!(section, json!({"algorithm": "sequential", "max_count": "1000"}));
    assert_eq!(client.get(&format!("{CONFIG}/nothing")).await.expect(200).json(), json!({}));
    let key = format!("{CONFIG}/uuids/max_count");
    for (wanted, before) in [("5", "1000"), (" 7 ", "5")] {
        assert_eq!(client.put(&key, json!(wanted)).await.expect(200).json(), before);
    }
    assert_eq!(value(&client, "uuids/max_count").await, "7");
    client.get("/_uuids?count=7").await.expect(200);
    client.get("/_uuids?count=8").await.expect(400);
    assert!(local(&node).contains("[uuids]\nmax_count = 7\n"), "{}", local(&node));
    node.restart();
    let client = node.client();
    assert_eq!(client.delete(&key).await.expect(200).json(), "7");
    assert_eq!(value(&client, "uuids/max_count").await, "1000");
    client.get("/_uuids?count=8").await.expect(200);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told() {
    let node = Node::start(Options::default());
    let client = node.client();
    for key in ["uuids/nothing", "nothing/at_all", "admins/nobody", "http/prot"] {
        let path = format!("{CONFIG}/{key}");
        client.get(&path).await.error(404, "not_found", "unknown_config_value");
        client.delete(&path).await.error_named(404, "not_found");
    }
    let key = format!("{CONFIG}/uuids/max_count");
    for body in
        ["1000", "true", "{}", "[]", "null", "", "\"many\"", "\"0\"", "\"-1\"", "\"\"", "1x"]
    {
        client.put_text(&key, body.to_owned()).await.error_named(400, "bad_request");
    }
    let told = client.put(&format!("{CONFIG}/http/prot"), json!("1")).await;
    told.error(
        400,
        "bad_request",
        "there is no setting \"http.prot\"; the nearest is \"http.port\"",
    );
    let lines = json!("x\n[admins]\nmallory = \"x\"");
    client.put(&format!("{CONFIG}/cors/origins"), lines).await.error_named(400, "bad_request");
    client.put(&format!("{CONFIG}/a%5Db/c"), json!("1")).await.error_named(400, "bad_request");
    client.put(&format!("{CONFIG}/a/b%0Ac"), json!("1")).await.error_named(400, "bad_request");
    client.get(&format!("{CONFIG}/a/b/c")).await.error_named(404, "not_found");
    client.get("/_node/elsewhere@nowhere/_config").await.error_named(404, "not_found");
    client.get("/_node/nonode@nohost/_config").await.expect(200);
    for (method, path, allowed) in [
        ("PUT", CONFIG.to_owned(), "GET"),
        ("POST", format!("{CONFIG}/uuids"), "GET"),
        ("POST", key.clone(), "GET,PUT,DELETE"),
        ("GET", format!("{CONFIG}/_reload"), "POST"),
    ] {
        let reply = client.request(method, &path).json("\"1\"").send().await.expect(405);
        assert_eq!(reply.header("allow"), allowed, "{method} {path}");
    }
    assert_eq!(local(&node), "", "nothing was written");
    for path in [CONFIG, &key] {
        node.anonymous().get(path).await.error_named(401, "unauthorized");
    }
    node.anonymous().put(&key, json!("1")).await.error_named(401, "unauthorized");
}

#[tokio::test]
async fn what_names_a_listener_a_path_or_a_program_stays_closed() {
    let node = Node::start(Options::default());
    let client = node.client();
    let keys = KEYS.iter().filter(|key| key.over_http != OverHttp::Settable);
    let ours: Vec<_> = keys.map(|key| (key.section, key.name)).collect();
    let aliases = ALIASES.iter().filter(|alias| ours.contains(&alias.ours));
    let mut closed: Vec<_> = aliases.map(|alias| (alias.section, alias.name)).collect();
    for forbidden in FORBIDDEN {
        for (section, names) in forbidden.names {
            closed.extend(names.iter().map(|name| (*section, *name)));
        }
    }
    closed.extend(ours);
    closed.push(("query_servers", "javascript"));
    for (section, name) in closed {
        let name = if name == "*" { "anything" } else { name };
        let path = format!("{CONFIG}/{section}/{name}");
        client.put(&path, json!("1")).await.error_named(403, "forbidden");
        client.delete(&path).await.error_named(403, "forbidden");
    }
    let told = client.put(&format!("{CONFIG}/chttpd/port"), json!("1")).await.member("reason");
    assert!(told.contains("http/port") && told.contains("etc/refuge.toml"), "{told}");
    assert_eq!(local(&node), "");
}

#[tokio::test]
async fn every_other_key_takes_its_own_value_again() {
    let node = Node::start(Options::default());
    let client = node.client();
    let all = client.get(CONFIG).await.expect(200).json();
    for key in KEYS.iter().filter(|key| key.over_http == OverHttp::Settable) {
        let text = all[key.section][key.name].as_str().unwrap_or_default();
        let before = set(&client, &format!("{}/{}", key.section, key.name), text).await;
        assert_eq!(before, text, "{}", key.path());
    }
    client.get("/_up").await.expect(200);
}

#[tokio::test]
async fn what_has_no_effect_here_is_kept_and_shown() {
    let mut node = Node::start(Options::default());
    let client = node.client();
    for (key, text) in [
        ("couchdb/delayed_commits", "true"),
        ("chttpd_auth_cache/max_lifetime", "10800"),
        ("smoosh.ratio_dbs/min_priority", "2.0"),
        ("my_plugin/WWW-Thing", "a \"quoted\" text, [with] = signs"),
    ] {
        assert_eq!(set(&client, key, text).await, "");
        assert_eq!(set(&client, key, text).await, text);
        assert_eq!(value(&client, key).await, text);
    }
    assert!(
        local(&node).contains("[kept.chttpd_auth_cache]\nmax_lifetime = \"10800\"\n"),
        "{}",
        local(&node)
    );
    node.restart();
    let client = node.client();
    let all = client.get(CONFIG).await.expect(200).json();
    assert_eq!(all["my_plugin"], json!({"WWW-Thing": "a \"quoted\" text, [with] = signs"}));
    assert_eq!(
        client.delete(&format!("{CONFIG}/chttpd_auth_cache/max_lifetime")).await.json(),
        "10800"
    );
    client.get(&format!("{CONFIG}/chttpd_auth_cache/max_lifetime")).await.expect(404);
}

#[tokio::test]
async fn a_stronger_layer_wins_and_is_named() {
    let root = tempfile::Builder::new().prefix("refuge-").tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    fs::write(root.path().join("etc/refuge.toml"), "[cors]\nmax_age = 5\n").unwrap();
    let options =
        Options::default().set("uuids.max_count=3").environment("REFUGE_LOG__LEVEL", "warn");
    let node = Node::start_under(std::sync::Arc::new(root), options);
    let client = node.client();
    for (key, words) in
        [("uuids/max_count", "--set"), ("log/level", "environment variable REFUGE_LOG__LEVEL")]
    {
        let path = format!("{CONFIG}/{key}");
        for told in [client.put(&path, json!("9")).await, client.delete(&path).await] {
            told.error_named(409, "conflict");
            assert!(told.member("reason").contains(words), "{}", told.text());
        }
    }
    assert_eq!(set(&client, "uuids/max_count", "3").await, "3", "it is so already");
    assert_eq!(set(&client, "cors/max_age", "6").await, "5");
    assert_eq!(client.delete(&format!("{CONFIG}/cors/max_age")).await.expect(200).json(), "6");
    assert_eq!(value(&client, "cors/max_age").await, "5", "the layer below counts again");
    let told = client.delete(&format!("{CONFIG}/cors/max_age")).await;
    told.error_named(409, "conflict");
    assert!(told.member("reason").contains("refuge.toml, line 2"), "{}", told.text());
}

#[tokio::test]
async fn an_admin_is_made_and_removed_and_the_last_one_stays() {
    let node = Node::start(Options::without_admin().environment("REFUGE_ADMINS__FIRST", "one"));
    let first = Client::with_credentials(node.address(), "first", "one");
    let anna = format!("{CONFIG}/admins/anna");
    assert_eq!(first.put(&anna, json!("a secret")).await.expect(200).json(), "");
    let client = Client::with_credentials(node.address(), "anna", "a secret");
    client.get("/_all_dbs").await.expect(200);
    let hash = value(&client, "admins/anna").await.as_str().unwrap().to_owned();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    assert_eq!(value(&client, "admins/first").await, "****", "nobody reads it in clear");
    assert_eq!(client.put(&anna, json!("another")).await.expect(200).json(), hash);
    client.get("/_all_dbs").await.expect(401);
    let client = Client::with_credentials(node.address(), "anna", "another");
    client.put(&format!("{CONFIG}/admins/a:b"), json!("x")).await.error_named(400, "bad_request");
    client.put(&anna, json!("-pbkdf2-nonsense")).await.error_named(400, "bad_request");
    client.put(&format!("{CONFIG}/admins/first"), json!("x")).await.error_named(409, "conflict");
    client.put(&format!("{CONFIG}/admins/bert"), json!(hash.clone())).await.expect(200);
    let bert = Client::with_credentials(node.address(), "bert", "a secret");
    bert.get("/_all_dbs").await.expect(200);
    bert.delete(&anna).await.expect(200);
    client.get("/").await.expect(401);
    assert!(!local(&node).contains("anna") && local(&node).contains("bert"), "{}", local(&node));
    let log = node.errors().join("\n");
    for secret in ["a secret", "another", hash.as_str()] {
        assert!(!log.contains(secret) && !local(&node).contains("\"another\""), "{log}");
    }
}

#[tokio::test]
async fn the_last_admin_stays() {
    let root = tempfile::Builder::new().prefix("refuge-").tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    fs::write(root.path().join("etc/local.toml"), "[admins]\nanna = \"a secret\"\n").unwrap();
    let node = Node::start_under(std::sync::Arc::new(root), Options::without_admin());
    let client = Client::with_credentials(node.address(), "anna", "a secret");
    client.delete(&format!("{CONFIG}/admins/anna")).await.error_named(403, "forbidden");
    client.get("/_all_dbs").await.expect(200);
}

#[tokio::test]
async fn files_are_read_anew_and_a_wrong_one_changes_nothing() {
    let node = Node::start(Options::default());
    let client = node.client();
    let reload = format!("{CONFIG}/_reload");
    let file = node.root().join("etc/refuge.toml");
    fs::write(&file, "[uuids]\nmax_count = 4\n").unwrap();
    assert_eq!(value(&client, "uuids/max_count").await, "1000");
    assert_eq!(client.post(&reload, json!({})).await.expect(200).json(), json!({"ok": true}));
    assert_eq!(value(&client, "uuids/max_count").await, "4");
    fs::write(&file, "[uuids]\n\nmax_count = \"x\"\n").unwrap();
    let told = client.request("POST", &reload).send().await;
    told.error_named(400, "bad_request");
    assert!(told.member("reason").contains("refuge.toml, line 3"), "{}", told.text());
    let told = client.put(&format!("{CONFIG}/uuids/utc_id_suffix"), json!("x")).await;
    told.error_named(400, "bad_request");
    assert_eq!(local(&node), "", "what could not be read together is not written");
    assert_eq!(value(&client, "uuids/max_count").await, "4");
    client.get("/_uuids?count=5").await.expect(400);
}

#[tokio::test]
async fn a_value_for_this_run_alone_is_forgotten() {
    let mut node = Node::start(Options::default());
    let client = node.client();
    let key = format!("{CONFIG}/uuids/max_count");
    let put = |text: &'static str| {
        client.request("PUT", &key).header("x-couch-persist", "false").json(text).send()
    };
    assert_eq!(put("\"3\"").await.expect(200).json(), "1000");
    client.get("/_uuids?count=4").await.expect(400);
    assert_eq!(local(&node), "");
    client.post(&format!("{CONFIG}/_reload"), json!({})).await.expect(200);
    client.get("/_uuids?count=4").await.expect(200);
    put("\"3\"").await.expect(200);
    set(&client, "uuids/max_count", "9").await;
    assert_eq!(value(&client, "uuids/max_count").await, "9", "what is persisted counts");
    put("\"3\"").await.expect(200);
    node.restart();
    assert_eq!(value(&node.client(), "uuids/max_count").await, "9");
}

#[tokio::test]
async fn the_log_tells_less_and_more_at_once() {
    let node = Node::start(Options::default().environment("RUST_LOG", ""));
    let client = node.client();
    let told = |name: &str| node.errors().iter().any(|line| line.contains(name));
    assert_eq!(set(&client, "log/level", "err").await, "info");
    set(&client, "a/silent", "1").await;
    assert_eq!(set(&client, "log/level", "notice").await, "error");
    set(&client, "a/audible", "1").await;
    refuge_tests::eventually("the log tells it", || async { told("audible").then_some(()) }).await;
    assert!(!told("silent"));
    assert_eq!(value(&client, "log/level").await, "info");
}

#[tokio::test]
async fn a_restart_of_its_actor_keeps_what_was_set() {
    let node = Node::start(Options::default());
    let client = node.client();
    set(&client, "uuids/max_count", "3").await;
    node.console().kill("configuration").await.unwrap();
    refuge_tests::eventually("the settings are back", || async {
        (client.get("/_uuids?count=4").await.status == 400).then_some(())
    })
    .await;
}
