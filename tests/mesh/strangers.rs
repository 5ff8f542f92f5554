//! Who comes with a certificate that nobody here knows: what he may, and what keeps him out.

use refuge_tests::{Certificate, Node, Options, Visitor, eventually};
use serde_json::json;

/// A node with a public and a closed database, one document in each.
async fn node() -> Node {
    let node = Node::start(Options::mesh());
    let admin = node.client();
    for database in ["public", "closed"] {
        admin.put_nothing(&format!("/{database}")).await.expect(201);
        admin.put(&format!("/{database}/a"), json!({"in": database})).await.expect(201);
    }
    let open = json!({"admins": {"names": [], "roles": []}, "members": {"names": [], "roles": []}});
    admin.put("/public/_security", open).await.expect(200);
    node
}

#[tokio::test]
async fn a_stranger_reads_a_public_database_and_nothing_else() {
    let node = node().await;
    let stranger = Certificate::rsa(2048);
    let visitor = Visitor::with(node.mesh_address(), &stranger);
    let answers =
        visitor.ask(&[&["/"], &["/_session"], &["/public/a"], &["/public/_changes"]]).await;
    assert_eq!(answers[0].expect(200).json()["couchdb"], "Welcome");
    let session = answers[1].expect(200).json();
    assert_eq!(session["userCtx"], json!({"name": null, "roles": []}));
    assert_eq!(answers[2].expect(200).json()["in"], "public");
    assert_eq!(answers[3].expect(200).json()["results"].as_array().unwrap().len(), 1);
    let refused: Vec<&[&str]> = vec![
        &["/closed"],
        &["/closed/a"],
        &["/closed/_changes"],
        &["/closed/_all_docs"],
        &["-X", "PUT", "-d", "{}", "/closed/b"],
        &["-X", "PUT", "/new"],
        &["-X", "DELETE", "/public"],
        &["-X", "PUT", "-d", "{}", "/public/_security"],
        &["-X", "PUT", "-d", "{}", "/public/_design/a"],
        &["/_all_dbs"],
        &["/_active_tasks"],
        &["/_node/_local/_config"],
        &["-X", "POST", "-H", "content-type: application/json", "-d", "{}", "/_replicate"],
        &["/_scheduler/docs"],
        &["/_scheduler/jobs"],
        &["/_peers"],
        &["/_peers/_all_docs"],
        &["/_peers/_changes"],
        &["/_replicator/_all_docs"],
        &["/_mesh/events"],
        &["-X", "POST", "/_mesh/link"],
        &["-X", "POST", "/_mesh/reverse"],
    ];
    for (asked, answer) in refused.iter().zip(visitor.ask(&refused).await) {
        assert!(matches!(answer.status, 401 | 403), "{asked:?}: {} {}", answer.status, answer.text);
    }
}

#[tokio::test]
async fn both_versions_of_http_are_spoken() {
    let node = node().await;
    let stranger = Certificate::rsa(2048);
    for (argument, version) in [("--http1.1", "1.1"), ("--http2", "2"), ("--no-alpn", "1.1")] {
        let arguments = [argument];
        let visitor =
            Visitor { arguments: &arguments, ..Visitor::with(node.mesh_address(), &stranger) };
        let answers = visitor.ask(&[&["/public/a"], &["/public/a"]]).await;
        assert!(answers.iter().all(|one| one.expect(200).version == version), "{argument}");
    }
}

#[tokio::test]
async fn credentials_decide_alone() {
    let node = node().await;
    let stranger = Certificate::rsa(2048);
    let visitor = Visitor::with(node.mesh_address(), &stranger);
    let answers = visitor
        .ask(&[
            &["-u", "admin:secret", "/_session"],
            &["-u", "admin:secret", "/closed/a"],
            &["-u", "admin:wrong", "/public/a"],
            &["/closed/a"],
        ])
        .await;
    assert_eq!(
        answers[0].expect(200).json()["userCtx"],
        json!({"name": "admin", "roles": ["_admin"]})
    );
    answers[1].expect(200);
    answers[2].expect(401);
    answers[3].expect(401);
}

#[tokio::test]
async fn a_certificate_need_not_be_in_date() {
    let node = node().await;
    let past = Certificate::of_the_past();
    Visitor::with(node.mesh_address(), &past).get("/public/a").await.expect(200);
}

#[tokio::test]
async fn what_is_no_good_certificate_ends_the_handshake() {
    let node = node().await;
    let address = node.mesh_address();
    let small = Certificate::rsa(1024);
    let curve = Certificate::self_signed(&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let signed = Certificate::rsa(2048).sign();
    for (what, certificate) in [
        ("none", None),
        ("1024 bits", Some(&small)),
        ("an elliptic curve", Some(&curve)),
        ("signed by another", Some(&signed)),
    ] {
        // curl's own OpenSSL may refuse short keys; this one is for the node to refuse.
        let arguments = ["--ciphers", "DEFAULT:@SECLEVEL=0"];
        let answer = Visitor { address, certificate, arguments: &arguments }.get("/").await;
        assert_eq!(answer.status, 0, "{what}: {}", answer.text);
    }
    let good = Certificate::rsa(2048);
    let old = ["--tls-max", "1.2"];
    let answer = Visitor { arguments: &old, ..Visitor::with(address, &good) }.get("/").await;
    assert_eq!(answer.status, 0, "TLS 1.2: {}", answer.text);
    Visitor::with(address, &good).get("/").await.expect(200);
}

#[tokio::test]
async fn the_plain_port_knows_no_links() {
    let node = node().await;
    for path in ["/_mesh/link", "/_mesh/reverse"] {
        let reply = node.client().post(path, json!({})).await;
        assert!(matches!(reply.status, 403 | 404), "{path}: {}", reply.text());
    }
    node.client().get("/_mesh/events").await.expect(200);
    node.anonymous().get("/_mesh/events").await.expect(401);
}

#[tokio::test]
async fn too_many_handshakes_are_refused_and_soon_let_in_again() {
    let node = node().await;
    let address = node.mesh_address();
    let stranger = Certificate::rsa(2048);
    let mut refused = 0;
    // A machine that is slow enough has none of them too early.
    for _ in 0..10 {
        let visitors =
            (0..40).map(|_| async { Visitor::with(address, &stranger).get("/").await.status });
        for status in futures(visitors).await {
            assert!(matches!(status, 0 | 200), "{status}");
            refused += usize::from(status == 0);
        }
        if refused > 0 {
            break;
        }
    }
    assert!(refused > 0, "40 handshakes at once were let in");
    println!("{refused} of 40 were refused");
    eventually("a stranger is let in again", || async {
        (Visitor::with(address, &stranger).get("/").await.status == 200).then_some(())
    })
    .await;
    node.client().get("/").await.expect(200);
}

/// All of them at once.
async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (one, place) in waiting.iter_mut().zip(&mut done) {
            if place.is_none()
                && let std::task::Poll::Ready(output) = one.as_mut().poll(context)
            {
                *place = Some(output);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn noise_on_the_mesh_port_harms_nobody() {
    let node = node().await;
    let address = node.mesh_address();
    for noise in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 64], &[0x16, 3, 1, 0xff, 0xff, 1]] {
        let answer = refuge_tests::hang_up_after(address, noise).await;
        assert!(!answer.windows(4).any(|window| window == b"HTTP"), "{answer:?}");
    }
    let stranger = Certificate::rsa(2048);
    Visitor::with(address, &stranger).get("/").await.expect(200);
}
