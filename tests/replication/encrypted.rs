//! Ends that speak TLS: whom a node trusts, what it shows of itself, and proxies on the way.

use std::net::{IpAddr, Ipv4Addr};

use refuge_tests::{Certificate, Node, Options, Program};
use serde_json::{Value, json};

use crate::proxies::Proxy;
use crate::{fill, replicate, same};

/// A node behind TLS, with an authority that nobody else knows.
struct Encrypted {
    node: Node,
    authority: Certificate,
    front: Program,
    port: u16,
    /// Kept with its files.
    _server: Certificate,
}

impl Encrypted {
    /// `vouched` says whether clients have to show a certificate of the same authority.
    async fn start(vouched: bool) -> Self {
        let node = Node::start(Options::default());
        fill(&node.client(), "docs").await;
        let authority = Certificate::rsa(2048);
        let server = authority.sign_for(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let (behind, text) = (node.address().port().to_string(), Certificate::paths);
        let ([certificate, key], [vouching, _]) = (text(&server), text(&authority));
        let mut arguments = vec![certificate.as_str(), &key, &behind];
        if vouched {
            arguments.push(&vouching);
        }
        let mut front = Program::bare_node("tls-front.mjs", &arguments);
        let port = front.line().await.expect("its port").parse().expect("a port");
        Self { node, authority, front, port, _server: server }
    }

    fn pull(&self, more: Value) -> Value {
        let source = format!("https://admin:secret@127.0.0.1:{}/docs", self.port);
        let mut request = json!({"source": source, "target": "copy", "create_target": true,
            "retries_per_request": 0});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    }

    /// A node with these settings pulls all there is.
    async fn is_read_with(&self, options: Options) {
        let node = Node::start(options);
        replicate(&node.client(), self.pull(json!({}))).await;
        same((&self.node.client(), "docs"), (&node.client(), "copy")).await;
    }
}

/// A setting of a file.
fn file(name: &str, path: &str) -> String {
    format!("replicator.{name}={path}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_nobody_vouches_for_is_told_nothing_unless_somebody_says_so() {
    let served = Encrypted::start(false).await;
    let node = Node::start(Options::default());
    let failed = node.client().post("/_replicate", served.pull(json!({}))).await.expect(500).json();
    assert!(failed["reason"].as_str().unwrap().contains("certificate"), "{failed}");
    let [authority, _] = served.authority.paths();
    let trusting = file("ssl_trusted_certificates_file", &authority);
    served.is_read_with(Options::default().set(&trusting)).await;
    served.is_read_with(Options::default().set("replicator.verify_ssl_certificates=false")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_who_comes_is_shown_the_certificate_of_the_settings() {
    let mut served = Encrypted::start(true).await;
    let [authority, _] = served.authority.paths();
    let trusting = || Options::default().set(&file("ssl_trusted_certificates_file", &authority));
    let nobody = Node::start(trusting());
    nobody.client().post("/_replicate", served.pull(json!({}))).await.expect(500);
    let shown = served.authority.sign();
    let [certificate, key] = shown.paths();
    let options = trusting().set(&file("cert_file", &certificate)).set(&file("key_file", &key));
    served.is_read_with(options).await;
    served.front.says("client signed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_makes_the_tunnel_in_which_an_end_speaks_tls() {
    let served = Encrypted::start(false).await;
    let proxy = Proxy::http().await;
    let [authority, _] = served.authority.paths();
    let node =
        Node::start(Options::default().set(&file("ssl_trusted_certificates_file", &authority)));
    let by_proxy = json!({"source_proxy": format!("http://bob:horizon@{}", proxy.address())});
    replicate(&node.client(), served.pull(by_proxy)).await;
    same((&served.node.client(), "docs"), (&node.client(), "copy")).await;
    let tunnel = format!("bob CONNECT 127.0.0.1:{} HTTP/1.1", served.port);
    let asked = proxy.asked();
    assert!(!asked.is_empty() && asked.iter().all(|line| *line == tunnel), "{asked:?}");
}
