//! Who may come in: users, sessions, tokens, proxies, and who is kept out.

mod audit;
mod lockout;
mod origin;
mod others;
mod passwords;
mod permissions;
mod proxies;
mod readings;
mod replications;
mod sessions;
mod tls;
mod tokens;
mod user_databases;
mod users;

use refuge_tests::{Client, Node, Options, Reply};
use serde_json::{Value, json};

const CONFIG: &str = "/_node/_local/_config";

/// A node whose hashes cost little.
fn options() -> Options {
    Options::default()
        .set("authentication.argon2_memory_kib=64")
        .set("authentication.argon2_rounds=1")
        .set("authentication.iterations=1000")
}

/// A node with a database of users that its members may use: everybody.
async fn node_with_users(options: Options) -> Node {
    let node = Node::start(options.set("authentication.users_db_security_editable=true"));
    let admin = node.client();
    admin.put_nothing("/_users").await.expect(201);
    let open = json!({"admins": {"roles": ["_admin"]}, "members": {"names": [], "roles": []}});
    admin.put("/_users/_security", open).await.expect(200);
    node
}

fn user(name: &str, password: &str, roles: &[&str]) -> Value {
    json!({"type": "user", "name": name, "roles": roles, "password": password})
}

fn path(name: &str) -> String {
    format!("/_users/org.couchdb.user:{name}")
}

/// Makes a user, as an admin; a client of that user.
async fn make_user(node: &Node, name: &str, password: &str, roles: &[&str]) -> Client {
    node.client().put(&path(name), user(name, password, roles)).await.expect(201);
    Client::with_credentials(node.address(), name, password)
}

async fn set(node: &Node, key: &str, value: &str) {
    node.client().put(&format!("{CONFIG}/{key}"), json!(value)).await.expect(200);
}

/// Signs in with a form; the answer.
async fn sign_in(node: &Node, name: &str, password: &str) -> Reply {
    node.anonymous().post("/_session", json!({"name": name, "password": password})).await
}

/// The cookie that an answer sets, as it is sent back.
fn cookie(reply: &Reply) -> String {
    let header = reply.header("set-cookie");
    header.split(';').next().expect("a cookie").to_owned()
}

/// Who somebody with this header is.
async fn who(node: &Node, header: &str, value: &str) -> Reply {
    node.anonymous().request("GET", "/_session").header(header, value).send().await
}
