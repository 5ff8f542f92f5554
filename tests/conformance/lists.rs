//! Lists of design documents: rows of a view as a function writes them.

use std::time::Duration;

use refuge_tests::{Client, Node, Options};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{database, put_all};

const MAP: &str = "function (doc) { if (doc.n) emit(doc.n, doc.title); }";

async fn with_rows(story: &str, lists: Value) -> (Client, String) {
    let (client, path) = database(story).await;
    let design = json!({
        "views": {"by_n": {"map": MAP}, "sum": {"map": "function (doc) { emit(doc.n % 2, doc.n); }", "reduce": "_sum"}},
        "lists": lists,
    });
    let documents: Vec<(String, Value)> =
        (1..=5).map(|n| (format!("d{n}"), json!({"n": n, "title": format!("t{n}")}))).collect();
    let documents: Vec<_> =
        documents.iter().map(|(id, body)| (id.as_str(), body.clone())).collect();
    put_all(&client, &path, &documents).await;
    client.put(&format!("{path}/_design/app"), design).await.expect(201);
    (client, path)
}

#[tokio::test]
async fn a_list_writes_the_rows_of_a_view() {
    let lists = json!({
        "html": "function (head, req) {
            start({code: 202, headers: {'Content-Type': 'text/html', 'X-Total': head.total_rows, 'Connection': 'x'}});
            send('<ul>');
            var row;
            while ((row = getRow())) send('<li>' + row.id + '=' + row.key + ':' + row.value + '</li>');
            return '</ul>';
        }",
        "head": "function (head, req) {
            var rows = [], row;
            while ((row = getRow())) rows.push(row);
            send(toJSON({head: head, rows: rows, method: req.method, query: req.query, path: req.path, headers: req.headers}));
        }",
        "none": "function (head, req) { return 'no rows'; }",
        "first": "function (head, req) { return 'first: ' + getRow().key; }",
        "late": "function (head, req) { getRow(); start({code: 404}); return 'x'; }",
        "nothing": "function (head, req) { start({code: 204}); }",
    });
    let (client, path) = with_rows("list", lists).await;
    let list = format!("{path}/_design/app/_list");
    let reply = client.get(&format!("{list}/html/by_n?startkey=4")).await.expect(202);
    assert_eq!(reply.text(), "<ul><li>d4=4:t4</li><li>d5=5:t5</li></ul>");
    assert_eq!(reply.header("content-type"), "text/html");
    assert_eq!(reply.header("x-total"), "5");
    assert_eq!(reply.header("transfer-encoding"), "chunked");
    let asked = format!("{list}/head/by_n?startkey=2&limit=1&include_docs=true&update_seq=true");
    let told = client.get(&asked).await.expect(200).json();
    assert_eq!(told["head"]["total_rows"], 5);
    assert_eq!(told["head"]["offset"], 1);
    assert!(told["head"]["update_seq"].is_string(), "{told}");
    assert_eq!(told["rows"][0]["doc"]["title"], "t2");
    assert_eq!(told["method"], "GET");
    assert_eq!(told["query"]["limit"], "1");
    assert_eq!(told["path"][3], "_list");
    assert!(told["headers"].get("Authorization").is_none(), "{told}");
    let reduced = client.get(&format!("{list}/head/sum?group=true")).await.expect(200).json();
    assert_eq!(reduced["head"], json!({}));
    assert_eq!(reduced["rows"], json!([{"key": 0, "value": 6}, {"key": 1, "value": 9}]));
    let reduced = client.get(&format!("{list}/head/sum")).await.expect(200).json();
    assert_eq!(reduced["rows"], json!([{"key": null, "value": 15}]));
    let keys = json!({"keys": [3, 1, 9]});
    let posted = client.post(&format!("{list}/head/by_n"), keys).await.expect(200).json();
    let ids: Vec<&str> =
        posted["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["d3", "d1"]);
    assert_eq!(posted["method"], "POST");
    let asked = format!("{list}/html/by_n?keys=%5B5%5D");
    assert!(client.get(&asked).await.text().contains("<li>d5=5:t5</li>"));
    assert_eq!(client.get(&format!("{list}/none/by_n")).await.expect(200).text(), "no rows");
    assert_eq!(client.get(&format!("{list}/first/by_n")).await.expect(200).text(), "first: 1");
    assert_eq!(client.get(&format!("{list}/late/by_n")).await.expect(200).text(), "x");
    client.get(&format!("{list}/nothing/by_n")).await.expect(204);
    let reply = client.head(&format!("{list}/html/by_n")).await.expect(202);
    assert!(reply.body.is_empty());
}

#[tokio::test]
async fn a_list_may_be_of_a_view_of_another_design_document() {
    let lists =
        json!({"keys": "function () { var row; while ((row = getRow())) send(row.key + ' '); }"});
    let (client, path) = with_rows("list-other", lists.clone()).await;
    client.put(&format!("{path}/_design/only"), json!({"lists": lists})).await.expect(201);
    let list = format!("{path}/_design/only/_list");
    let reply = client.get(&format!("{list}/keys/app/by_n?descending=true")).await.expect(200);
    assert_eq!(reply.text(), "5 4 3 2 1 ");
    client.get(&format!("{list}/keys/by_n")).await.error_named(404, "not_found");
    client.get(&format!("{list}/keys/none/by_n")).await.error_named(404, "not_found");
    client.get(&format!("{list}/none/app/by_n")).await.error_named(404, "not_found");
    client.get(&format!("{path}/_design/none/_list/keys/app/by_n")).await.expect(404);
    client.get(&format!("{list}/keys")).await.error(404, "list_error", "Invalid path.");
    client.get(&format!("{list}/keys/a/b/c")).await.error(404, "list_error", "Invalid path.");
    client.delete(&format!("{list}/keys/app/by_n")).await.expect(405);
    client.delete(&format!("{list}/keys")).await.expect(405);
    client
        .get(&format!("{list}/keys/app/by_n?group=true"))
        .await
        .error_named(400, "query_parse_error");
    let text = client.request("POST", &format!("{list}/keys/app/by_n"));
    text.header("content-type", "text/plain").body("{}").send().await.expect(415);
    client.post_text(&format!("{list}/keys/app/by_n"), "[").await.error_named(400, "bad_request");
}

#[tokio::test]
async fn a_list_provides_what_its_client_accepts() {
    let lists = json!({"all": "function (head, req) {
        registerType('mine', 'application/x-mine');
        var row;
        provides('html', function () { while ((row = getRow())) send('<b>' + row.key + '</b>'); return '.'; });
        provides('json', function () { while ((row = getRow())) send(row.key + ','); });
        provides('mine', function () { return 'mine'; });
    }"});
    let (client, path) = with_rows("list-types", lists).await;
    let list = format!("{path}/_design/app/_list/all/by_n");
    let asked = |accept: &'static str| client.request("GET", &list).header("accept", accept).send();
    let reply = asked("text/html").await.expect(200);
    assert_eq!(reply.text(), "<b>1</b><b>2</b><b>3</b><b>4</b><b>5</b>.");
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(asked("application/json;q=0.9, text/html;q=0.2").await.text(), "1,2,3,4,5,");
    assert_eq!(asked("application/x-mine").await.header("content-type"), "application/x-mine");
    asked("image/png").await.error_named(406, "not_acceptable");
    assert_eq!(client.get(&format!("{list}?format=mine")).await.text(), "mine");
    client.get(&format!("{list}?format=none")).await.error_named(406, "not_acceptable");
}

#[tokio::test]
async fn a_list_is_told_to_be_known_until_something_of_it_changes() {
    let lists = json!({
        "keys": "function () { var row; while ((row = getRow())) send(row.key + ' '); }",
        "own": "function () { start({headers: {ETag: '\"mine\"'}}); return 'x'; }",
    });
    let (client, path) = with_rows("list-tag", lists).await;
    let list = format!("{path}/_design/app/_list/keys/by_n");
    let reply = client.get(&list).await.expect(200);
    let tag = reply.header("etag").to_owned();
    assert!(!tag.is_empty());
    let again = |accept: &'static str, tag: String| {
        client.request("GET", &list).header("accept", accept).header("if-none-match", &tag).send()
    };
    let known = client.request("GET", &list).header("if-none-match", &tag).send().await;
    assert!(known.expect(304).body.is_empty());
    again("text/html", tag.clone()).await.expect(200);
    client.put(&format!("{path}/d6"), json!({"n": 6})).await.expect(201);
    let changed =
        client.request("GET", &list).header("if-none-match", &tag).send().await.expect(200);
    let tag = changed.header("etag").to_owned();
    let rev = client.get(&format!("{path}/_design/app")).await.member("_rev");
    let design = json!({"_rev": rev, "views": {"by_n": {"map": MAP}, "sum": {"map": "function (doc) { emit(doc.n % 2, doc.n); }", "reduce": "_sum"}},
        "lists": {"keys": "function () { return 'new'; }"}});
    client.put(&format!("{path}/_design/app"), design).await.expect(201);
    let changed =
        client.request("GET", &list).header("if-none-match", &tag).send().await.expect(200);
    assert_eq!(changed.text(), "new");
    assert_eq!(client.post(&list, json!({})).await.header("etag"), "");
}

#[tokio::test]
async fn what_goes_wrong_before_the_answer_begins_is_told_and_what_comes_later_breaks_it_off() {
    let lists = json!({
        "broken": "function (head) { return head.a.b; }",
        "after_row": "function () { getRow(); send('x'); nothing(); }",
        "thrown": "function () { throw {forbidden: 'no'}; }",
        "own": "function () { throw ['error', 'my_error', 'mine']; }",
        "http": "function () { throw {http: {code: 409, body: 'not so'}}; }",
        "late": "function () { var s = 'x'.repeat(100000); while (getRow()) { send(s); } nothing(); }",
        "slow": "function () { getRow(); for (;;); }",
        "flood": "function () { for (;;) send('0123456789'.repeat(1000)); }",
        "flood_after": "function () { while (getRow()); for (;;) send('0123456789'.repeat(1000)); }",
        "status": "function () { start({code: 7}); return 'x'; }",
        "loop": "function () { for (;;); }",
        "keys": "function () { var row; while ((row = getRow())) send(row.key + ' '); }",
    });
    let (client, path) = with_rows("list-wrong", lists).await;
    let list = format!("{path}/_design/app/_list");
    let get = async |name: &str| client.get(&format!("{list}/{name}/by_n")).await;
    get("broken").await.error_named(500, "render_error");
    get("after_row").await.error_named(500, "render_error");
    get("thrown").await.error(403, "forbidden", "no");
    get("own").await.error(500, "my_error", "mine");
    assert_eq!(get("http").await.expect(409).text(), "not so");
    get("slow").await.expect(500);
    get("loop").await.expect(500);
    get("status").await.expect(500);
    for name in ["late", "flood", "flood_after"] {
        let path = format!("{list}/{name}/by_n");
        let broken = client.request("GET", &path).try_send().await;
        assert!(broken.is_err(), "{name} came to an end: {broken:?}");
    }
    assert_eq!(get("keys").await.expect(200).text(), "1 2 3 4 5 ", "others go on");
}

#[tokio::test]
async fn only_members_see_a_list() {
    let lists = json!({"keys": "function (head, req) { return String(req.userCtx.name); }"});
    let (client, path) = with_rows("list-members", lists).await;
    let nobody = crate::NODE.anonymous();
    let list = format!("{path}/_design/app/_list/keys/by_n");
    nobody.get(&list).await.error_named(401, "unauthorized");
    assert_eq!(client.get(&list).await.expect(200).text(), "admin");
}

#[tokio::test]
async fn a_list_may_be_of_all_documents() {
    let lists = json!({"ids": "function (head) { send(head.total_rows + ':'); var row; \
        while ((row = getRow())) send(' ' + (row.id || row.error) + (row.doc ? '=' + row.doc.n : '')); }"});
    let (client, path) = with_rows("list-all", lists).await;
    let list = format!("{path}/_design/app/_list/ids/_all_docs");
    let reply =
        client.get(&format!("{list}?startkey=%22d4%22&include_docs=true")).await.expect(200);
    assert_eq!(reply.text(), "6: d4=4 d5=5");
    let reply = client.post(&list, json!({"keys": ["d2", "none", "d1"]})).await.expect(200);
    assert_eq!(reply.text(), "6: d2 not_found d1");
}

/// 100 documents with 500 rows of 1 KB each.
async fn large(client: &Client) {
    client.put_nothing("/large").await.expect(201);
    let documents: Vec<Value> = (0..100).map(|n| json!({"_id": format!("d{n:03}")})).collect();
    client.post("/large/_bulk_docs", json!({"docs": documents})).await.expect(201);
    let design = json!({
        "views": {"rows": {"map": "function (doc) {
            var text = 'x'.repeat(1000);
            for (var i = 0; i < 500; i++) emit([doc._id, i], text);
        }"}},
        "lists": {
            "all": "function () { var row, n = 0; while ((row = getRow())) { send(row.value); n++; } return '\\n' + n; }",
            "count": "function () { var n = 0; while (getRow()) n++; return String(n); }",
        },
        "shows": {"s": "function () { return 'shown'; }"},
    });
    client.put("/large/_design/app", design).await.expect(201);
    let reply = client.get("/large/_design/app/_view/rows?limit=0").await.expect(200);
    assert_eq!(reply.json()["total_rows"], 50_000);
}

/// A connection over which a long list has begun to come.
async fn begun(node: &Node) -> TcpStream {
    let mut stream = TcpStream::connect(node.address()).await.expect("a connection");
    let request = "GET /large/_design/app/_list/all/rows HTTP/1.1\r\nHost: x\r\n\
                   Connection: close\r\nAuthorization: Basic YWRtaW46c2VjcmV0\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).await.expect("a status");
    assert_eq!(&begin, b"HTTP/1.1 200");
    stream
}

fn status_kib(node: &Node, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.process_id()));
    let status = status.expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[tokio::test]
async fn a_long_list_takes_no_memory_and_who_does_not_read_holds_nobody_up() {
    let node = Node::start(Options::default().set("http.list_seconds=1"));
    let client = node.client();
    large(&client).await;
    let count = client.get("/large/_design/app/_list/count/rows").await.expect(200);
    assert_eq!(count.text(), "50000");
    // From here on the peak is counted anew.
    std::fs::write(format!("/proc/{}/clear_refs", node.process_id()), "5").expect("a new peak");
    let before = status_kib(&node, "VmRSS:");
    let whole = client.get("/large/_design/app/_list/all/rows").await.expect(200);
    assert_eq!(whole.body.len(), 50_000_000 + "\n50000".len());
    assert!(whole.body.ends_with(b"\n50000"));
    let grown = status_kib(&node, "VmHWM:").saturating_sub(before);
    assert!(grown < 24 * 1024, "{grown} KiB more for 50 MB of rows");

    let mut stalled = Vec::new();
    for _ in 0..16 {
        stalled.push(begun(&node).await);
    }
    // Nobody waits for those who do not read, but lists for a place.
    let shown = client.get("/large/_design/app/_show/s").await.expect(200);
    assert_eq!(shown.text(), "shown");
    let count = client.get("/large/_design/app/_list/count/rows").await.expect(200);
    assert_eq!(count.text(), "50000");
    let grown = status_kib(&node, "VmHWM:").saturating_sub(before);
    assert!(grown < 256 * 1024, "{grown} KiB more for sixteen lists");
    // The list that came to a place took that of one whose client then hears that its answer broke off.
    let mut broken = 0;
    for mut stream in stalled {
        let mut rest = Vec::new();
        let read = stream.read_to_end(&mut rest);
        let _ = tokio::time::timeout(Duration::from_secs(60), read).await.expect("an end");
        // One that was read again in time came to its end.
        broken += usize::from(!rest.ends_with(b"0\r\n\r\n"));
    }
    assert!(broken > 0);
}

#[tokio::test]
async fn a_list_ends_when_its_client_goes_away() {
    let node = Node::start(Options::default().set("http.list_seconds=3600"));
    let client = node.client();
    large(&client).await;
    // Far more than run at once: each that stayed would hold a place.
    for _ in 0..40 {
        drop(begun(&node).await);
    }
    let count = client.get("/large/_design/app/_list/count/rows").await.expect(200);
    assert_eq!(count.text(), "50000");
}
