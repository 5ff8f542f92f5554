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

#[tokio::test]
async fn what_a_library_gives_all_objects_is_no_part_of_an_answer() {
    let (client, path) = database("extended-objects").await;
    let design = json!({
        "extend": "Object.prototype.each = function () {}; Array.prototype.last = function () {};",
        "shows": {
            "page": "function (doc, req) {
                require('extend');
                return {headers: {'X-Mine': '1'}, body: 'page'};
            }",
            "typed": "function (doc, req) {
                require('extend');
                start({headers: {'X-Mine': '2'}});
                provides('html', function () { return {body: 'typed ' + sum([1, 2])}; });
            }",
        },
        "updates": {"page": "function () { require('extend'); return [null, {body: 'up'}]; }"},
        "lists": {"page": "function () {
            require('extend');
            start({headers: {'X-Mine': '3'}});
            provides('html', function () { send('listed'); });
        }"},
        "views": {"all": {"map": "function (doc) { emit(doc._id); }"}},
    });
    client.put(&format!("{path}/_design/app"), design).await.expect(201);
    let app = format!("{path}/_design/app");
    let reply = client.get(&format!("{app}/_show/page")).await.expect(200);
    assert_eq!((reply.text().as_str(), reply.header("x-mine")), ("page", "1"));
    let reply = client.get(&format!("{app}/_show/typed")).await.expect(200);
    assert_eq!((reply.text().as_str(), reply.header("x-mine")), ("typed 3", "2"));
    assert_eq!(reply.header("each"), "");
    assert_eq!(
        client.post(&format!("{app}/_update/page"), json!({})).await.expect(200).text(),
        "up"
    );
    let reply = client.get(&format!("{app}/_list/page/all")).await.expect(200);
    assert_eq!((reply.text().as_str(), reply.header("x-mine")), ("listed", "3"));
}

#[tokio::test]
async fn a_show_is_not_made_again_for_who_has_it() {
    let (client, path) = database("show-tags").await;
    let shows = json!({"n": "function (doc, req) { return 'n is ' + doc.n; }"});
    client.put(&format!("{path}/_design/app"), json!({"shows": shows})).await.expect(201);
    let rev = client.put(&format!("{path}/a"), json!({"n": 1})).await.member("rev");
    let show = format!("{path}/_design/app/_show/n/a");
    let reply = client.get(&show).await.expect(200);
    let tag = reply.header("etag").to_owned();
    assert!(!tag.is_empty());
    assert_eq!(reply.header("vary"), "Accept");
    let again = async |accept: &str| {
        let request = client.request("GET", &show).header("accept", accept);
        request.header("if-none-match", &tag).send().await
    };
    let known = client.request("GET", &show).header("if-none-match", &tag).send().await;
    known.expect(304);
    again("text/plain").await.expect(200);
    client.put(&format!("{path}/a"), json!({"_rev": rev, "n": 2})).await.expect(201);
    let changed = client.request("GET", &show).header("if-none-match", &tag).send().await;
    assert_eq!(changed.expect(200).text(), "n is 2");
}

#[tokio::test]
async fn functions_are_told_of_revisions_and_conflicts() {
    let (client, path) = database("function-revisions").await;
    let told = "function (doc) { return {json: [doc._revisions, doc._conflicts || null]}; }";
    let design = json!({
        "shows": {"told": told},
        "updates": {"kept": "function (doc) {
            doc.seen = doc._revisions.start;
            return [doc, 'kept'];
        }"},
    });
    client.put(&format!("{path}/_design/app"), design).await.expect(201);
    let edits = json!({"new_edits": false, "docs": [
        {"_id": "a", "_rev": "1-a"}, {"_id": "a", "_rev": "1-b"}, {"_id": "c", "_rev": "1-c"},
    ]});
    client.post(&format!("{path}/_bulk_docs"), edits).await.expect(201);
    let show = format!("{path}/_design/app/_show/told");
    let seen = client.get(&format!("{show}/a")).await.expect(200).json();
    assert_eq!(seen, json!([{"start": 1, "ids": ["b"]}, ["1-a"]]));
    let seen = client.get(&format!("{show}/c")).await.expect(200).json();
    assert_eq!(seen, json!([{"start": 1, "ids": ["c"]}, null]));
    client.post(&format!("{path}/_design/app/_update/kept/c"), json!({})).await.expect(201);
    let stored = client.get(&format!("{path}/c")).await.expect(200).json();
    assert_eq!(stored["seen"], 1);
    assert!(stored["_rev"].as_str().expect("text").starts_with("2-"), "{stored}");
}

#[tokio::test]
async fn paths_that_name_no_function_are_answered_as_couchdb_does() {
    let (client, path) = database("no-function").await;
    let design = json!({"views": {"all": {"map": "function (doc) { emit(doc._id); }"}}});
    client.put(&format!("{path}/_design/app"), design).await.expect(201);
    let app = format!("{path}/_design/app");
    client.get(&format!("{app}/_show")).await.error(404, "show_error", "Invalid path.");
    let update = client.post(&format!("{app}/_update"), json!({})).await;
    update.error(404, "update_error", "Invalid path.");
    client.get(&format!("{app}/_view")).await.error_named(405, "method_not_allowed");
    client.get(&format!("{app}/_foo")).await.error_named(404, "not_found");
    let gone = client.post(&format!("{path}/_temp_view"), json!({})).await;
    gone.error(410, "gone", "Temporary views are not supported in CouchDB");
    client.put(&format!("{path}/a"), json!({})).await.expect(201);
    // An id as clients pack ids.
    let packed = client.get(&format!("{path}/_design%2Fapp/_view/all")).await.expect(200).json();
    assert_eq!(packed["rows"][0]["id"], "a");
    client.get(&format!("{path}/_design%2Fapp/_info")).await.expect(200);
}
