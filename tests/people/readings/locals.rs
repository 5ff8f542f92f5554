//! Local documents of readers from whom something was hidden, when nothing is any more.

use serde_json::json;

use super::{ids, notes};

#[tokio::test]
async fn local_documents_of_readers_stay_their_own_when_the_function_leaves() {
    let notes = notes("").await;
    notes.bob.put("/notes/_local/mark", json!({"of": "bob"})).await.expect(201);
    notes.anna.put("/notes/_local/mark", json!({"of": "anna"})).await.expect(201);
    let rev = notes.admin.get("/notes/_design/d").await.member("_rev");
    notes.admin.delete(&format!("/notes/_design/d?rev={rev}")).await.expect(200);
    notes.bob.put("/notes/_local/shared", json!({"of": "all"})).await.expect(201);

    let annas = "_local/readers/4/anna/mark";
    let listed = notes.dora.get("/notes/_local_docs").await.expect(200);
    assert_eq!(ids(&listed, "rows"), ["_local/readers/3/bob/mark", annas, "_local/shared"]);
    for query in ["", "?skip=0&limit=1", "?descending=true", "?startkey=%22_local/r%22"] {
        let listed = notes.bob.get(&format!("/notes/_local_docs{query}")).await.expect(200);
        assert_eq!(ids(&listed, "rows"), ["_local/shared"], "{query}");
    }
    // Others before and behind what is passed over are found from both sides, and nothing within it.
    notes.bob.put("/notes/_local/before", json!({})).await.expect(201);
    let both = ["_local/before", "_local/shared"];
    for (query, expected) in [
        ("", &both[..]),
        ("?startkey=%22_local/readers/4%22", &both[1..]),
        ("?endkey=%22_local/readers/4%22", &both[..1]),
        ("?startkey=%22_local/readers/3%22&endkey=%22_local/readers/9%22", &[]),
        ("?descending=true&startkey=%22_local/readers/4/z%22", &both[..1]),
        ("?descending=true&endkey=%22_local/readers/4%22", &both[1..]),
    ] {
        let listed = notes.bob.get(&format!("/notes/_local_docs{query}")).await.expect(200);
        assert_eq!(ids(&listed, "rows"), expected, "{query}");
    }
    let down = notes.bob.get("/notes/_local_docs?descending=true").await.expect(200);
    assert_eq!(ids(&down, "rows"), ["_local/shared", "_local/before"]);
    let rev = notes.bob.get("/notes/_local/before").await.member("_rev");
    notes.bob.delete(&format!("/notes/_local/before?rev={rev}")).await.expect(200);
    // What is passed over does not count.
    let none = notes.bob.get("/notes/_local_docs?skip=1").await.expect(200);
    assert_eq!(ids(&none, "rows"), [""; 0]);
    for id in [annas, "_local/readers/9/nobody/m"] {
        let named = id.trim_start_matches("_local/").replace('/', "%2F");
        let path = format!("/notes/_local/{named}");
        notes.bob.get(&path).await.error(404, "not_found", "missing");
        notes.bob.delete(&path).await.error(404, "not_found", "missing");
        notes.bob.put(&path, json!({"of": "bob"})).await.error_named(403, "forbidden");
        let copy = notes.bob.request("COPY", &path).header("destination", "copied");
        copy.send().await.error(404, "not_found", "missing");
        let there = path.trim_start_matches("/notes/");
        let copy = notes.bob.request("COPY", "/notes/_local/shared").header("destination", there);
        copy.send().await.error_named(403, "forbidden");
        for document in [json!({"_id": id}), json!({"_id": id, "_deleted": true})] {
            let told = notes.bob.post("/notes/_bulk_docs", json!({"docs": [document]})).await;
            assert_eq!(told.expect(201).json()[0]["error"], "forbidden");
        }
        let keyed = notes.bob.post("/notes/_local_docs", json!({"keys": [id]})).await;
        assert_eq!(keyed.expect(200).json()["rows"], json!([{"key": id, "error": "not_found"}]));
        let queries = json!({"queries": [{"keys": [id]}, {}]});
        let told = notes.bob.post("/notes/_local_docs/queries", queries).await.expect(200).json();
        assert_eq!(told["results"][0]["rows"], json!([{"key": id, "error": "not_found"}]));
        assert_eq!(told["results"][1]["rows"][0]["id"], "_local/shared", "{told}");
    }
    // Admins see them and may take them away, and write none.
    let path = "/notes/_local/readers%2F4%2Fanna%2Fmark".to_owned();
    let rev = notes.dora.get(&path).await.expect(200).member("_rev");
    notes.dora.put(&path, json!({"of": "dora"})).await.error_named(403, "forbidden");
    notes.dora.delete(&format!("{path}?rev={rev}")).await.expect(200);
    notes.dora.get(&path).await.expect(404);
}
