//! The listener for TLS: whom it shows which certificate, what it speaks, and whom a client's names.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use refuge_tests::{Certificate, Node, Options, Visitor, eventually};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{CONFIG, make_user, node_with_users, options};

/// A certificate for this machine's loopback address.
fn own() -> Certificate {
    let key = ["-newkey", "rsa:2048", "-addext", "subjectAltName=IP:127.0.0.1"];
    Certificate::self_signed(&key)
}

fn shows(options: Options, certificate: &Certificate) -> Options {
    options
        .set("ssl.enabled=true")
        .set("ssl.port=0")
        .set(&format!("ssl.cert_file={}", certificate.certificate.display()))
        .set(&format!("ssl.key_file={}", certificate.key.display()))
}

/// A client that believes this certificate alone.
fn trusting(node: &Node, certificate: &Certificate) -> Visitor<'static> {
    let path = certificate.certificate.display().to_string();
    // A test's words live as long as it does.
    let arguments: &'static [&'static str] =
        Box::leak(vec!["--no-insecure", "--cacert", &*path.leak()].into_boxed_slice());
    Visitor { address: node.tls_address(), certificate: None, arguments }
}

/// What OpenSSL's client says of a connection with these arguments, or of why there is none.
fn handshake(node: &Node, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &node.tls_address().to_string()]).args(arguments);
    let told = command.stdin(Stdio::null()).output().expect("OpenSSL's command line");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if told.status.success() { Ok(text(&told.stdout)) } else { Err(text(&told.stderr)) }
}

/// The node, and not the client itself, must be who ends the handshake: with this alert.
fn refused(node: &Node, arguments: &[&str], alert: &str) {
    let told = handshake(node, arguments).expect_err("no handshake");
    assert!(told.contains(alert), "{arguments:?}: {told}");
}

#[tokio::test]
async fn both_versions_of_http_are_spoken_over_it() {
    let own = own();
    let node = Node::start(shows(options(), &own));
    let visitor = trusting(&node, &own);
    for (asked, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let admin = ["-u", "admin:secret"];
        let requests: [&[&str]; 3] = [
            &[asked, "/"],
            &[asked, admin[0], admin[1], "-X", "PUT", &format!("/notes{}", version.len())],
            &[asked, "/_session"],
        ];
        let answers = visitor.ask(&requests).await;
        assert!(answers.iter().all(|answer| answer.version == version), "{answers:?}");
        assert_eq!(answers[0].expect(200).json()["couchdb"], "Welcome");
        answers[1].expect(201);
        assert_eq!(answers[2].expect(200).json()["userCtx"]["name"], Value::Null);
    }
    // Nor is a request that is not encrypted answered there.
    let plain = refuge_tests::exchange(node.tls_address(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!String::from_utf8_lossy(&plain.await).contains("HTTP/1.1 200"));
}

#[tokio::test]
async fn cookies_and_addresses_say_that_it_is_encrypted() {
    let own = own();
    let node = node_with_users(shows(options(), &own)).await;
    make_user(&node, "anna", "apple", &[]).await;
    let visitor = trusting(&node, &own);
    let form = ["-i", "-d", "name=anna&password=apple", "/_session"];
    let admin = ["-i", "-u", "admin:secret", "-X", "PUT", "/notes"];
    let told = visitor.ask(&[&form, &admin]).await;
    assert!(told[0].text.contains("; Secure;"), "{}", told[0].text);
    assert!(told[1].text.to_lowercase().contains("location: https://"), "{}", told[1].text);
}

#[tokio::test]
async fn old_versions_and_weak_ciphers_are_refused() {
    let own = own();
    let node = Node::start(shows(options(), &own));
    // The client's own level would forbid them before the node does.
    for old in ["-tls1", "-tls1_1"] {
        refused(&node, &[old, "-cipher", "ALL:@SECLEVEL=0"], "alert protocol version");
    }
    for cipher in ["AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "NULL", "aNULL"] {
        let asked = format!("{cipher}:@SECLEVEL=0");
        refused(&node, &["-tls1_2", "-cipher", &asked], "alert handshake failure");
    }
    let new = handshake(&node, &["-tls1_3"]).expect("a handshake");
    assert!(new.contains("TLSv1.3"), "{new}");
    let twelve = handshake(&node, &["-tls1_2"]).expect("a handshake");
    assert!(twelve.contains("TLSv1.2") && twelve.contains("ECDHE-RSA-AES"), "{twelve}");
    assert!(!twelve.contains("TLS session ticket:"), "no session is resumed: {twelve}");
    let alone = Node::start(shows(options(), &own).set("ssl.tls_versions=tlsv1.3"));
    refused(&alone, &["-tls1_2"], "alert protocol version");
}

/// Puts a certificate in the place of another.
fn replace(folder: &Path, certificate: &Certificate) {
    for (from, to) in [(&certificate.key, "key.pem"), (&certificate.certificate, "own.pem")] {
        let beside = folder.join("new");
        fs::copy(from, &beside).unwrap();
        fs::rename(beside, folder.join(to)).unwrap();
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let folder = TempDir::new().unwrap();
    let placed = Options::default()
        .set("ssl.enabled=true")
        .set("ssl.reload_seconds=3")
        .set("ssl.port=0")
        .set(&format!("ssl.cert_file={}", folder.path().join("own.pem").display()))
        .set(&format!("ssl.key_file={}", folder.path().join("key.pem").display()));
    let all = [own(), own(), own(), own()];
    replace(folder.path(), &all[0]);
    let node = Node::start(placed);
    trusting(&node, &all[0]).get("/").await.expect(200);
    let shown = async |certificate: &Certificate| {
        eventually("the new certificate is shown", || async {
            let answer = trusting(&node, certificate).get("/").await;
            (answer.status == 200).then_some(())
        })
        .await;
    };
    replace(folder.path(), &all[1]);
    trusting(&node, &all[0]).get("/").await.expect(200);
    node.client().post(&format!("{CONFIG}/_reload"), json!({})).await.expect(200);
    shown(&all[1]).await;
    replace(folder.path(), &all[2]);
    node.signal(Signal::HUP);
    shown(&all[2]).await;
    // What is wrong leaves what was there.
    fs::write(folder.path().join("key.pem"), "no key").unwrap();
    node.signal(Signal::HUP);
    node.error_line("that the key is none", |line| {
        line.contains("private key cannot be read").then_some(())
    });
    trusting(&node, &all[2]).get("/").await.expect(200);
    // And in time by itself.
    replace(folder.path(), &all[3]);
    node.console().kill("tls-listener").await.expect("it is killed");
    shown(&all[3]).await;
    replace(folder.path(), &all[0]);
    shown(&all[0]).await;
}

#[tokio::test]
async fn a_clients_certificate_names_a_user_and_nobody_else() {
    let (own, authority) = (own(), Certificate::rsa(2048));
    let node = node_with_users(
        shows(options(), &own)
            .set(&format!("ssl.cacert_file={}", authority.certificate.display()))
            .set("ssl.verify_ssl_certificates=true")
            .set("ssl.client_name=common_name"),
    )
    .await;
    make_user(&node, "anna", "apple", &["reader"]).await;
    let who = async |certificate: &Certificate| {
        let visitor = Visitor::with(node.tls_address(), certificate);
        visitor.get("/_session").await.expect(200).json()
    };
    let anna = authority.sign_as("/CN=anna");
    let told = who(&anna).await;
    assert_eq!(told["userCtx"], json!({"name": "anna", "roles": ["reader"]}));
    assert_eq!(told["info"]["authenticated"], "certificate");
    for nobody in ["/CN=admin", "/CN=node:ABC", "/CN=_admin", "/CN=bert", "/O=anna"] {
        let told = who(&authority.sign_as(nobody)).await;
        assert_eq!(told["userCtx"], json!({"name": null, "roles": []}), "{nobody}");
    }
    // A stranger's, a node's, and one that calls itself as the authority does.
    for stranger in [Certificate::rsa(2048), Certificate::rsa(2048).sign_as("/CN=anna")] {
        let told = Visitor::with(node.tls_address(), &stranger).get("/_session").await;
        assert_eq!(told.status, 0, "{}", told.text);
    }
    // Credentials alone count where they are sent, and a browser's certificate is no wish of its user's.
    let visitor = Visitor::with(node.tls_address(), &anna);
    let basic: [&str; 3] = ["-u", "admin:secret", "/_session"];
    let wrong: [&str; 3] = ["-u", "admin:wrong", "/_session"];
    let foreign = ["-d", "x", "-H", "origin: https://evil.example", "/_replicate"];
    let told = visitor.ask(&[&basic, &wrong, &foreign]).await;
    assert_eq!(told[0].json()["userCtx"]["name"], "admin");
    told[1].expect(401);
    told[2].expect(403);
    // Who leaves `_users` is nobody.
    let document = node.client().get("/_users/org.couchdb.user:anna").await.json();
    let rev = document["_rev"].as_str().unwrap();
    node.client().delete(&format!("/_users/org.couchdb.user:anna?rev={rev}")).await.expect(200);
    assert_eq!(who(&anna).await["userCtx"]["name"], Value::Null);
}

#[tokio::test]
async fn who_shows_no_certificate_may_be_turned_away() {
    let (own, authority) = (own(), Certificate::rsa(2048));
    let node = Node::start(
        shows(options(), &own)
            .set(&format!("ssl.cacert_file={}", authority.certificate.display()))
            .set("ssl.verify_ssl_certificates=true")
            .set("ssl.fail_if_no_peer_cert=true"),
    );
    assert_eq!(trusting(&node, &own).get("/").await.status, 0);
    let anna = authority.sign_as("/CN=anna");
    let told = Visitor::with(node.tls_address(), &anna).get("/_session").await;
    assert_eq!(told.expect(200).json()["userCtx"]["name"], Value::Null, "names are not asked for");
}

#[tokio::test]
async fn the_mesh_is_not_served_there_and_the_nodes_own_key_is_not_shown() {
    let own = own();
    let node = Node::start(shows(Options::mesh(), &own));
    node.mesh_address();
    let admin = ["-u", "admin:secret"];
    let visitor = trusting(&node, &own);
    for path in ["peers", "invitations", "pair", "events", "link", "reverse"] {
        let path = format!("/_mesh/{path}");
        visitor.ask(&[&[admin[0], admin[1], &path]]).await[0].expect(404);
    }
    for path in ["/_mesh", "/%5fmesh/events"] {
        visitor.ask(&[&[admin[0], admin[1], path]]).await[0].expect(404);
    }
    let nodes = Certificate::of_node(node.root());
    let root = node.keep_root();
    drop(node);
    let (code, _, errors) = Node::refusal(root.path(), &shows(Options::mesh(), &nodes));
    assert!(code == Some(78) && errors.contains("the node's own"), "{errors}");
}

#[test]
fn a_listener_that_cannot_be_is_told_at_the_start() {
    let (root, own) = (TempDir::new().unwrap(), own());
    let refused = |options: &Options, word: &str| {
        let (code, _, errors) = Node::refusal(root.path(), options);
        assert!(code == Some(78) && errors.contains(word), "{errors}");
    };
    refused(&Options::default().set("ssl.enabled=true"), "6984 belongs to the mesh");
    refused(&shows(Options::default(), &own).set("ssl.port=6984"), "mesh.port");
    let missing = shows(Options::default(), &own).set("ssl.cert_file=nowhere.pem");
    refused(&missing, "nowhere.pem cannot be read");
    refused(&shows(Options::default(), &own).set("ssl.tls_versions=tlsv1.1"), "tlsv1.1");
    let other = Certificate::rsa(2048);
    let mixed =
        shows(Options::default(), &own).set(&format!("ssl.key_file={}", other.key.display()));
    refused(&mixed, "not that of the certificate");
}

#[tokio::test]
async fn what_names_a_file_or_opens_a_door_is_not_set_over_http() {
    let node = Node::start(options());
    for key in
        ["cert_file", "key_file", "password", "port", "enable", "bind_address", "cacert_file"]
            .into_iter()
            .chain([
                "verify_ssl_certificates",
                "client_name",
                "ciphers",
                "tls_versions",
                "verify_fun",
            ])
    {
        let told = node.client().put(&format!("{CONFIG}/ssl/{key}"), json!("1")).await;
        told.error_named(403, "forbidden");
    }
}
