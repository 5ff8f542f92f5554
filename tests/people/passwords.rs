//! How passwords are kept: CouchDB's old forms, Argon2id, and their way to the one that is wanted.

use refuge_tests::{Client, Node, Options, eventually};
use serde_json::{Value, json};

use crate::{cookie, make_user, node_with_users, options, path, set, sign_in, who};

/// "apple" under CouchDB's old forms.
fn old_users() -> [Value; 3] {
    [
        // SHA-1 of "apple" and "saltsalt".
        json!({"name": "simple", "password_scheme": "simple", "salt": "saltsalt",
            "password_sha": "0064b3af5404bc932575decffb494db13d10edc9"}),
        json!({"name": "ancient", "salt": "saltsalt", "password_sha": "0064b3af5404bc932575decffb494db13d10edc9"}),
        json!({"name": "pbkdf2", "password_scheme": "pbkdf2", "salt": "saltsalt", "iterations": 10,
            "derived_key": "a0b49ba607ab9138c7903f861b4b1a22df743412"}),
    ]
}

async fn put_old(node: &Node, mut document: Value) -> String {
    let name = document["name"].as_str().expect("a name").to_owned();
    document["type"] = "user".into();
    document["roles"] = json!([]);
    node.client().put(&path(&name), document).await.expect(201);
    name
}

#[tokio::test]
async fn old_forms_are_verified_and_hashed_anew_at_a_login() {
    let node = node_with_users(options()).await;
    for document in old_users() {
        let name = put_old(&node, document).await;
        let client = Client::with_credentials(node.address(), &name, "apples");
        client.get("/").await.expect(401);
        let begun = sign_in(&node, &name, "apple").await.expect(200);
        let stored = eventually("the password is hashed anew", || async {
            let stored = node.client().get(&path(&name)).await.json();
            (stored["password_scheme"] == "argon2id").then_some(stored)
        })
        .await;
        assert_eq!((&stored["memory_kib"], &stored["iterations"]), (&json!(64), &json!(1)));
        assert_eq!(stored["salt"], "saltsalt", "sessions go on");
        assert_eq!(stored.get("password_sha"), None);
        assert_eq!(who(&node, "cookie", &cookie(&begun)).await.json()["userCtx"]["name"], name);
        Client::with_credentials(node.address(), &name, "apple").get("/").await.expect(200);
    }
}

#[tokio::test]
async fn old_forms_stay_where_nothing_is_to_be_upgraded() {
    let node = node_with_users(options().set("authentication.upgrade_hash_on_auth=false")).await;
    let [simple, ..] = old_users();
    let name = put_old(&node, simple).await;
    let before = node.client().get(&path(&name)).await.member("_rev");
    sign_in(&node, &name, "apple").await.expect(200);
    sign_in(&node, &name, "apple").await.expect(200);
    assert_eq!(node.client().get(&path(&name)).await.member("_rev"), before);
}

#[tokio::test]
async fn new_passwords_are_hashed_with_argon2id_unless_couchdb_is_to_read_them() {
    let node = node_with_users(options()).await;
    let anna = make_user(&node, "anna", "apple", &[]).await;
    let stored = node.client().get(&path("anna")).await.expect(200).json();
    assert_eq!(stored["password_scheme"], "argon2id");
    assert_eq!((&stored["memory_kib"], &stored["iterations"]), (&json!(64), &json!(1)));
    anna.get("/").await.expect(200);
    Client::with_credentials(node.address(), "anna", "x").get("/").await.expect(401);
    // For whoever wants to take the database elsewhere.
    set(&node, "chttpd_auth/password_scheme", "pbkdf2").await;
    sign_in(&node, "anna", "apple").await.expect(200);
    let stored = eventually("the password is hashed anew", || async {
        let stored = node.client().get(&path("anna")).await.json();
        let done = stored["password_scheme"] == "pbkdf2" && stored.get("memory_kib").is_none();
        done.then_some(stored)
    })
    .await;
    assert_eq!((&stored["pbkdf2_prf"], &stored["iterations"]), (&json!("sha256"), &json!(1000)));
    assert_eq!(stored["derived_key"].as_str().map(str::len), Some(64));
    anna.get("/").await.expect(200);
    make_user(&node, "bert", "banana", &[]).await.get("/").await.expect(200);
    let stored = node.client().get(&path("bert")).await.expect(200).json();
    assert_eq!(stored["password_scheme"], "pbkdf2");
}

#[tokio::test]
async fn a_hash_costs_what_is_recommended_unless_somebody_says_else() {
    let node = node_with_users(Options::default()).await;
    make_user(&node, "anna", "apple", &[]).await;
    let stored = node.client().get(&path("anna")).await.expect(200).json();
    assert_eq!((&stored["memory_kib"], &stored["iterations"]), (&json!(19_456), &json!(2)));
    assert_eq!(stored["lanes"], 1);
}

#[tokio::test]
async fn an_admins_old_hash_is_upgraded_at_a_login() {
    let root = std::sync::Arc::new(tempfile::tempdir().unwrap());
    std::fs::create_dir(root.path().join("etc")).unwrap();
    let file = root.path().join("etc/local.toml");
    // SHA-1 of "apple" and "saltsalt".
    let old = "-hashed-0064b3af5404bc932575decffb494db13d10edc9,saltsalt";
    std::fs::write(&file, format!("[admins]\nanna = \"{old}\"\n")).unwrap();
    let cheap = Options { admin: false, ..options() };
    let node = Node::start_under(root, cheap);
    let wrong = Client::with_credentials(node.address(), "anna", "apples");
    wrong.get("/_all_dbs").await.expect(401);
    assert!(std::fs::read_to_string(&file).unwrap().contains(old));
    let begun = sign_in(&node, "anna", "apple").await.expect(200);
    eventually("the password is hashed anew", || async {
        let text = std::fs::read_to_string(&file).unwrap();
        (text.contains("$argon2id$v=19$m=64,t=1,p=1$") && !text.contains(old)).then_some(())
    })
    .await;
    assert_eq!(who(&node, "cookie", &cookie(&begun)).await.json()["userCtx"]["name"], "anna");
    let anna = Client::with_credentials(node.address(), "anna", "apple");
    anna.get("/_all_dbs").await.expect(200);
}

#[tokio::test]
async fn too_few_and_too_many_rounds_are_refused() {
    let node = node_with_users(options()).await;
    let [.., pbkdf2] = old_users();
    put_old(&node, pbkdf2).await;
    set(&node, "chttpd_auth/min_iterations", "100").await;
    let told = sign_in(&node, "pbkdf2", "apple").await;
    told.error(403, "forbidden", "Iteration count is too low for this server");
    set(&node, "chttpd_auth/min_iterations", "1").await;
    set(&node, "chttpd_auth/max_iterations", "5").await;
    let told = sign_in(&node, "pbkdf2", "apple").await;
    told.error(403, "forbidden", "Iteration count is too high for this server");
}

#[tokio::test]
async fn users_do_not_set_hashes_themselves() {
    let node = node_with_users(options()).await;
    let anna = make_user(&node, "anna", "apple", &[]).await;
    let mut own = anna.get(&path("anna")).await.json();
    own["iterations"] = 10_000_000.into();
    let told = anna.put(&path("anna"), own).await;
    told.error_named(403, "forbidden");
    let [simple, ..] = old_users();
    let mut document = simple;
    document["type"] = "user".into();
    document["roles"] = json!([]);
    node.anonymous().put(&path("simple"), document).await.error_named(403, "forbidden");
}

#[tokio::test]
async fn an_admin_may_have_a_document_with_further_roles() {
    let node = node_with_users(Options::default().set("authentication.iterations=1000")).await;
    let document =
        json!({"type": "user", "name": "admin", "roles": ["reader"], "password": "other"});
    node.client().put(&path("admin"), document).await.expect(201);
    let told = node.client().get("/_session").await.expect(200).json();
    assert_eq!(told["userCtx"]["roles"], json!(["_admin", "reader"]));
    let other = Client::with_credentials(node.address(), "admin", "other");
    other.get("/").await.error_named(401, "unauthorized");
}
