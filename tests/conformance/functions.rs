//! Shows and updates of design documents.

use serde_json::json;

use crate::database;

#[tokio::test]
async fn a_show_makes_an_answer_of_a_document() {
    let (client, path) = database("show").await;
    let design = json!({"shows": {
        "page": "function (doc, req) {
            if (!doc) return {code: 404, body: 'nothing at ' + req.id};
            return {headers: {'Content-Type': 'text/html', 'X-Mine': req.query.x},
                    body: '<b>' + doc.title + '</b>'};
        }",
        "json": "function (doc, req) { return {json: {method: req.method, path: req.path}}; }",
        "broken": "function (doc) { return doc.a.b; }",
        "code": "function (doc, req) { return {code: Number(req.query.code), body: 'x'}; }",
    }});
    client.put(&format!("{path}/_design/app"), design).await.expect(201);
    client.put(&format!("{path}/a%2Fb"), json!({"title": "x"})).await.expect(201);
    let show = format!("{path}/_design/app/_show");
    let reply = client.get(&format!("{show}/page/a/b?x=7")).await.expect(200);
    assert_eq!(reply.text(), "<b>x</b>");
    assert_eq!(reply.header("content-type"), "text/html");
    assert_eq!(reply.header("x-mine"), "7");
    let reply = client.get(&format!("{show}/page/none")).await.expect(404);
    assert_eq!(reply.text(), "nothing at none");
    let told = client.get(&format!("{show}/json")).await.expect(200).json();
    assert_eq!(told["method"], "GET");
    assert_eq!(told["path"][3], "_show");
    client.get(&format!("{show}/missing")).await.expect(404);
    client.get(&format!("{show}/broken")).await.expect(500);
    for (code, status) in [(200, 200), (299, 299), (599, 599), (100, 500), (199, 500), (600, 500)] {
        client.get(&format!("{show}/code?code={code}")).await.expect(status);
    }
}

#[tokio::test]
async fn an_update_stores_the_document_that_it_makes() {
    let (client, path) = database("update").await;
    let design = json!({
        "updates": {
            "count": "function (doc, req) {
                if (!doc) doc = {_id: req.id || req.uuid, n: 0};
                doc.n += Number(req.form.by || JSON.parse(req.body).by);
                return [doc, 'n is ' + doc.n];
            }",
            "nothing": "function (doc, req) { return [null, {code: 202, body: 'nothing'}]; }",
            "early": "function (doc, req) { return [{_id: 'early'}, {code: 103, body: ''}]; }",
        },
        "validate_doc_update": "function (doc) { if (doc.n > 10) throw {forbidden: 'too many'}; }",
    });
    client.put(&format!("{path}/_design/app"), design).await.expect(201);
    let update = format!("{path}/_design/app/_update");
    let reply = client.put(&format!("{update}/count/a"), json!({"by": 3})).await.expect(201);
    assert_eq!(reply.text(), "n is 3");
    assert!(reply.header("x-couch-update-newrev").starts_with("1-"));
    assert_eq!(reply.header("x-couch-id"), "a");
    let form = client.request("PUT", &format!("{update}/count/a"));
    let form = form.header("content-type", "application/x-www-form-urlencoded").body("by=4");
    assert_eq!(form.send().await.expect(201).text(), "n is 7");
    assert_eq!(client.get(&format!("{path}/a")).await.json()["n"], 7);
    client.put(&format!("{update}/count/a"), json!({"by": 4})).await.expect(403);
    let reply = client.post(&format!("{update}/count"), json!({"by": 1})).await.expect(201);
    assert_eq!(reply.header("x-couch-id").len(), 32);
    let reply = client.post(&format!("{update}/nothing"), json!({})).await.expect(202);
    assert_eq!(reply.text(), "nothing");
    client.post(&format!("{update}/early"), json!({})).await.expect(500);
    client.get(&format!("{path}/early")).await.expect(404);
    client.get(&format!("{update}/count/a")).await.expect(405);
    client.post(&format!("{update}/missing"), json!({})).await.expect(404);
}
