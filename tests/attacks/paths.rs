//! Paths that climb, and text that wants to be a header or a line of the log.

use refuge_tests::{Client, Options, exchange};
use serde_json::json;

use crate::{is_well, node_with_notes};

const CLIMBING: &[&str] = &[
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/notes/../../../../etc/passwd",
    "/notes/a/..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/_utils/../../../../etc/passwd",
    "/_utils/..%5c..%5c..%5cetc%5cpasswd",
    "/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
    "/%252e%252e/%252e%252e/etc/passwd",
    "//etc/passwd",
    "/etc/passwd%00",
    "/notes/_design/..%2f..%2f..%2fetc%2fpasswd",
    "/notes/_local/..%2f..%2fetc%2fpasswd",
    "/_node/..%2f..%2fetc/_config",
    "/_node/_local/_config/..%2f..%2fetc/passwd",
    "/_setup/..%2f..%2fetc%2fpasswd",
    "file:///etc/passwd",
];

#[tokio::test]
async fn no_path_leads_out_of_the_node() {
    let node = node_with_notes(Options::default()).await;
    for path in CLIMBING {
        for credentials in ["", "Authorization: Basic YWRtaW46c2VjcmV0\r\n"] {
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{credentials}\r\n");
            let told = exchange(node.address(), request.as_bytes()).await;
            let told = String::from_utf8_lossy(&told);
            // What is not built answers so whatever stands behind it.
            let refused = told.starts_with("HTTP/1.1 4") || told.starts_with("HTTP/1.1 501 ");
            assert!(refused, "{path}: {told}");
            assert!(!told.contains("root:"), "{path}");
        }
    }
    is_well(&node).await;
}

#[tokio::test]
async fn names_make_no_files() {
    let node = node_with_notes(Options::default()).await;
    let admin = node.client();
    for name in ["..%2f..%2fevil", "%2e%2e", "..%5cevil", "%2fevil", "evil%00", "a%0ab", "_evil"] {
        let told = admin.put_nothing(&format!("/{name}")).await;
        assert!((400..500).contains(&told.status), "{name}: {}", told.status);
    }
    // An attachment may be called so: it is a row, and no file.
    let put = admin.request("PUT", "/notes/file/..%2f..%2fevil");
    put.header("content-type", "text/plain").body("evil").send().await.expect(201);
    assert_eq!(admin.get("/notes/file/..%2f..%2fevil").await.expect(200).text(), "evil");
    let mut folders = vec![node.root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            assert!(!entry.file_name().to_string_lossy().contains("evil"), "{entry:?}");
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
        }
    }
    assert!(!node.root().parent().unwrap().join("evil").exists());
    is_well(&node).await;
}

#[tokio::test]
async fn no_text_becomes_a_header() {
    let node = node_with_notes(Options::default()).await;
    let admin = node.client();
    let evil = "a%0d%0aSet-Cookie:%20evil=1";
    let copy = admin.request("COPY", "/notes/a").header("destination", &format!("b{evil}"));
    for told in [
        admin.put(&format!("/notes/{evil}"), json!({})).await,
        admin.get(&format!("/notes/{evil}")).await,
        admin.get(&format!("/notes/a?rev={evil}")).await,
        admin.get(&format!("/_session?next=/{evil}")).await,
        admin.delete(&format!("/_session?next=/{evil}")).await,
        admin.post(&format!("/_session?fail=/{evil}"), json!({"name": "x", "password": "x"})).await,
        admin.put_nothing(&format!("/{evil}")).await,
        copy.send().await,
    ] {
        assert!(!told.header("set-cookie").contains("evil"), "{} {:?}", told.asked, told.headers);
    }
    let show = r#"function() { return {body: "x", headers: {"X-A": "b\r\nSet-Cookie: evil=1",
        "X-B\r\nSet-Cookie": "evil=1"}}; }"#;
    admin.put("/notes/_design/app", json!({"shows": {"page": show}})).await.expect(201);
    let told = admin.get("/notes/_design/app/_show/page").await;
    assert!(!told.header("set-cookie").contains("evil"), "{:?}", told.headers);
    // As bytes, they end the header that they stand in, and what follows is none of the answer's.
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: a\rSet-Cookie: evil=1\r\n\
         Connection: close\r\n\r\n";
    let told = exchange(node.address(), request.as_bytes()).await;
    assert!(!String::from_utf8_lossy(&told).to_lowercase().contains("set-cookie"));
    is_well(&node).await;
}

#[tokio::test]
async fn no_text_becomes_a_line_of_the_log() {
    let node = node_with_notes(Options::default()).await;
    let evil = "anna\n2030-01-01T00:00:00Z INFO audit: forged\u{1b}[2J";
    Client::with_credentials(node.address(), evil, "x").get("/").await.expect(401);
    let form = json!({"name": evil, "password": "x"});
    node.anonymous().post("/_session", form).await.expect(401);
    node.client().put("/notes/_security%0aforged", json!({})).await;
    node.client().put("/%0a2030-01-01T00:00:00Z%20INFO%20forged", json!({})).await;
    node.error_line("that the login was refused", |line| {
        line.contains("a login was refused").then_some(())
    });
    for line in node.errors() {
        assert!(!line.starts_with("2030"), "{line}");
        assert!(!line.contains('\u{1b}') || !line.contains("[2J"), "{line:?}");
    }
    is_well(&node).await;
}
