//! Rewrites of design documents, by rules and by functions.

use refuge_tests::{Client, Node, Options};
use serde_json::{Value, json};

use crate::{NODE, database, put_all};

async fn with_rewrites(story: &str, rewrites: Value) -> (Client, String) {
    let (client, path) = database(story).await;
    let design = json!({
        "rewrites": rewrites,
        "views": {"by_n": {"map": "function (doc) { if (doc.n) emit([doc.kind, doc.n], null); }"}},
        "shows": {"req": "function (doc, req) { return {json: {id: req.id, path: req.path, requested_path: req.requested_path, \
            method: req.method, query: req.query, body: req.body, headers: req.headers, user: req.userCtx.name}}; }"},
        "updates": {"make": "function (doc, req) { return [{_id: req.id, made: req.body}, 'made']; }"},
    });
    client.put(&format!("{path}/_design/app"), design).await.expect(201);
    let documents = [
        ("a1", json!({"kind": "a", "n": 1})),
        ("a2", json!({"kind": "a", "n": 2})),
        ("b1", json!({"kind": "b", "n": 1})),
    ];
    put_all(&client, &path, &documents).await;
    (client, path)
}

#[tokio::test]
async fn rules_lead_to_documents_views_and_functions() {
    let rewrites = json!([
        {"from": "", "to": "_show/req"},
        {"from": "/doc/:id", "to": "../../:id"},
        {"from": "/docs", "to": "../../_all_docs", "query": {"include_docs": true}},
        {"from": "/kind/:kind/:n", "to": "_view/by_n", "method": "GET",
         "query": {"startkey": [":kind", ":n"], "endkey": [":kind", {}]}, "formats": {"n": "int"}},
        {"from": "/make/:id", "to": "_update/make/:id", "method": "PUT"},
        {"from": "/up/*", "to": "../*"},
        {"from": "/again/*", "to": "_rewrite/*"},
        {"from": "/round", "to": "_rewrite/round"},
        {"from": "/show/*", "to": "_show/req/*"},
    ]);
    let (client, path) = with_rewrites("rewrites", rewrites).await;
    let rewrite = format!("{path}/_design/app/_rewrite");
    let told = client.get(&format!("{rewrite}/?x=y")).await.expect(200).json();
    assert_eq!(told["query"]["x"], "y");
    assert_eq!(told["path"][3], "_show");
    assert_eq!(told["requested_path"][3], "_rewrite");
    assert_eq!(told["user"], "admin");
    client.get(&rewrite).await.expect(200);
    assert_eq!(client.get(&format!("{rewrite}/doc/a2")).await.expect(200).json()["n"], 2);
    client.head(&format!("{rewrite}/doc/a2")).await.expect(200);
    client.get(&format!("{rewrite}/doc/none")).await.error_named(404, "not_found");
    let all = client.get(&format!("{rewrite}/docs?limit=1")).await.expect(200).json();
    assert_eq!(all["rows"][0]["doc"]["_id"], "_design/app");
    let some = client.get(&format!("{rewrite}/kind/a/2")).await.expect(200).json();
    assert_eq!(crate::ids(&some), ["a2"]);
    let put = client.request("PUT", &format!("{rewrite}/make/new")).body("hello").send().await;
    assert_eq!(put.expect(201).text(), "made");
    assert_eq!(client.get(&format!("{path}/new")).await.json()["made"], "hello");
    client.get(&format!("{rewrite}/make/new")).await.error(404, "not_found", "missing");
    client.get(&format!("{rewrite}/up/app")).await.expect(200);
    let told = client.get(&format!("{rewrite}/again/again/show/x")).await.expect(200).json();
    assert_eq!(told["id"], "x");
    assert_eq!(told["requested_path"][4], "again");
    let round = client.get(&format!("{rewrite}/round")).await;
    round.error(400, "bad_request", "Exceeded rewrite recursion limit");
    client.put(&format!("{rewrite}/doc/put"), json!({"through": "a rewrite"})).await.expect(201);
    let rev = client.get(&format!("{path}/put")).await.member("_rev");
    client.delete(&format!("{rewrite}/doc/put?rev={rev}")).await.expect(200);
    let copy = client.request("COPY", &format!("{rewrite}/doc/a1")).header("destination", "copied");
    copy.send().await.expect(201);
}

#[tokio::test]
async fn a_function_leads_or_answers() {
    let rewrites = "function (req) {
        var rest = req.path.slice(4);
        switch (rest[0]) {
            case 'text': return '_show/req/text';
            case 'query': return {path: '_show/req', query: {a: 'b c', d: '&'}};
            case 'method': return {path: '../../' + rest[1], method: 'put', body: JSON.stringify({was: req.method, body: req.body})};
            case 'body': return {path: '_update/make/' + rest[1], method: 'PUT'};
            case 'headers': return {path: '_show/req', headers: {'X-Mine': 'yes', 'Authorization': 'Basic x', 'Accept': 'text/x'}};
            case 'code': return {code: 402, headers: {'Content-Type': 'text/x'}, body: 'pay ' + req.userCtx.name};
            case 'nothing': return;
            case 'no_path': return {method: 'GET'};
            case 'bad': return {path: 7};
            case 'throw': throw {forbidden: 'not you'};
            case 'http': throw {http: {code: 410, body: 'gone'}};
            case 'outside': return {path: '../../../_all_dbs'};
            case 'loop': for (;;);
            case 'round': return {path: '_rewrite/round'};
            case 'secret': return {code: 200, body: JSON.stringify(req)};
        }
    }";
    let (client, path) = with_rewrites("rewrite-function", rewrites.into()).await;
    let rewrite = format!("{path}/_design/app/_rewrite");
    let get = async |name: &str| client.get(&format!("{rewrite}/{name}")).await;
    assert_eq!(get("text?x=1").await.expect(200).json()["id"], "text");
    assert_eq!(get("text?x=1").await.json()["query"], json!({"x": "1"}));
    assert_eq!(get("query?x=1").await.expect(200).json()["query"], json!({"a": "b c", "d": "&"}));
    let posted = client.request("POST", &format!("{rewrite}/method/m1")).body("hello").send().await;
    posted.expect(201);
    let made = client.get(&format!("{path}/m1")).await.expect(200).json();
    assert_eq!((&made["was"], &made["body"]), (&json!("POST"), &json!("hello")));
    let posted = client.request("POST", &format!("{rewrite}/body/b2")).body("as it was").send();
    posted.await.expect(201);
    assert_eq!(client.get(&format!("{path}/b2")).await.json()["made"], "as it was");
    let told = get("headers").await.expect(200).json();
    assert_eq!(told["headers"]["X-Mine"], "yes");
    assert_eq!(told["user"], "admin", "a rewrite changes nobody's name");
    let reply = get("code").await.expect(402);
    assert_eq!((reply.text().as_str(), reply.header("content-type")), ("pay admin", "text/x"));
    get("nothing").await.error(404, "rewrite_error", "Invalid path.");
    get("no_path").await.error_named(500, "rewrite_error");
    get("bad").await.error_named(500, "rewrite_error");
    get("throw").await.error(403, "forbidden", "not you");
    assert_eq!(get("http").await.expect(410).text(), "gone");
    get("outside").await.error_named(500, "insecure_rewrite_rule");
    get("loop").await.expect(500);
    get("round").await.error(400, "bad_request", "Exceeded rewrite recursion limit");
    let seen = get("secret").await.expect(200).text();
    assert!(!seen.contains("YWRtaW46c2VjcmV0") && !seen.contains("Authorization"), "{seen}");
}

#[tokio::test]
async fn no_rewrite_reaches_what_its_sender_may_not() {
    let rewrites = json!([
        {"from": "/outside/*", "to": "../../../*"},
        {"from": "*", "to": "*"},
    ]);
    let (client, path) = with_rewrites("rewrite-climb", rewrites).await;
    let rewrite = format!("{path}/_design/app/_rewrite");
    // As in CouchDB one such rule stands in the way of all.
    let refused = client.get(&format!("{rewrite}/x")).await;
    refused.error(500, "insecure_rewrite_rule", "too many ../.. segments");
    let rev = client.get(&format!("{path}/_design/app")).await.member("_rev");
    let design = json!({"_rev": rev, "rewrites": [{"from": "db/*", "to": "../../*"}]});
    client.put(&format!("{path}/_design/app"), design).await.expect(201);
    client.get(&format!("{rewrite}/db/a1")).await.expect(200);
    for climb in ["%2e%2e/_all_dbs", "%2E%2E/_node/_local/_config", "../_all_dbs"] {
        let reply = client.get(&format!("{rewrite}/db/{climb}")).await;
        reply.error_named(500, "insecure_rewrite_rule");
    }
    let nobody = NODE.anonymous();
    nobody.get(&format!("{rewrite}/db/a1")).await.error_named(401, "unauthorized");
    let security = json!({"members": {"roles": []}, "admins": {"roles": []}});
    client.put(&format!("{path}/_security"), security).await.expect(200);
    nobody.get(&format!("{rewrite}/db/a1")).await.expect(200);
    nobody
        .put(&format!("{rewrite}/db/_design/mine"), json!({}))
        .await
        .error_named(401, "unauthorized");
    nobody
        .put(&format!("{rewrite}/db/_security"), json!({}))
        .await
        .error_named(401, "unauthorized");
    nobody.delete(&format!("{rewrite}/db")).await.error_named(401, "unauthorized");
    client.get(&format!("{path}/_design/none/_rewrite/x")).await.error(404, "not_found", "missing");
    client.put(&format!("{path}/_design/plain"), json!({})).await.expect(201);
    let none = client.get(&format!("{path}/_design/plain/_rewrite/x")).await;
    none.error(404, "rewrite_error", "Invalid path.");
}

#[tokio::test]
async fn rewrites_may_be_let_out_of_their_database() {
    let node = Node::start(Options::default().set("http.rewrite_limit=3"));
    let client = node.client();
    client.put_nothing("/one").await.expect(201);
    client.put_nothing("/two").await.expect(201);
    client.put("/two/there", json!({"found": true})).await.expect(201);
    let design = json!({"rewrites": [
        {"from": "two/*", "to": "../../../two/*"},
        {"from": "config", "to": "../../../_node/_local/_config"},
        {"from": "again/*", "to": "_rewrite/*"},
    ]});
    client.put("/one/_design/app", design).await.expect(201);
    let rewrite = "/one/_design/app/_rewrite";
    client.get(&format!("{rewrite}/two/there")).await.error_named(500, "insecure_rewrite_rule");
    let set = "/_node/_local/_config/httpd/secure_rewrites";
    assert_eq!(client.put(set, json!("false")).await.expect(200).text(), "\"true\"\n");
    assert_eq!(
        client.get("/_node/_local/_config/http/secure_rewrites").await.text(),
        "\"false\"\n"
    );
    client.get(&format!("{rewrite}/two/there")).await.expect(200);
    client.get(&format!("{rewrite}/again/again/two/there")).await.expect(200);
    client
        .get(&format!("{rewrite}/again/again/again/two/there"))
        .await
        .error_named(400, "bad_request");
    let open = json!({"members": {"roles": []}, "admins": {"roles": []}});
    client.put("/one/_security", open).await.expect(200);
    let nobody = node.anonymous();
    nobody.get(&format!("{rewrite}/config")).await.error_named(401, "unauthorized");
    nobody.get(&format!("{rewrite}/two/there")).await.error_named(401, "unauthorized");
}
