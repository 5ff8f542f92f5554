//! A reader's feed: what comes, what is taken away, what comes back, and that others' writes wake nobody.

use refuge_tests::Client;
use serde_json::{Value, json};

use super::{Papers, papers};

/// The rows behind a sequence that are no design documents.
async fn rows(client: &Client, since: &str, more: &str) -> (Vec<Value>, String) {
    let told = client.get(&format!("/papers/_changes?since={since}{more}")).await.expect(200);
    let rows = told.json()["results"].as_array().expect("rows").clone();
    let is_design = |row: &Value| row["id"].as_str().unwrap().starts_with("_design/");
    (rows.into_iter().filter(|row| !is_design(row)).collect(), told.member("last_seq"))
}

#[tokio::test]
async fn losing_access_is_told_once_without_contents_and_getting_it_back_too() {
    let papers = papers().await;
    let Papers { bob, anna, .. } = &papers;
    let seen = papers.write("doc", json!(["anna", "bob"]), "shown").await;
    let (_, since) = rows(bob, "0", "").await;
    papers.rewrite("doc", json!(["anna"]), "kept secret").await;
    let (lost, since) = rows(bob, &since, "&include_docs=true").await;
    let [row] = lost.as_slice() else { panic!("{lost:?}") };
    assert_eq!(
        (&row["id"], &row["removed"], &row["deleted"]),
        (&json!("doc"), &json!(true), &json!(true))
    );
    assert_eq!(
        row["changes"],
        json!([{"rev": seen}]),
        "what is replicated already asks for nothing"
    );
    assert!(!row.to_string().contains("secret") && !row.to_string().contains("anna"), "{row}");
    bob.get("/papers/doc").await.error(404, "not_found", "missing");

    // What becomes of it is told no more, and others hear nothing of who lost it.
    papers.rewrite("doc", json!(["anna", "carl"]), "kept secret").await;
    assert_eq!(rows(bob, &since, "").await.0, Vec::<Value>::new());
    let (others, _) = rows(anna, "0", "").await;
    assert_eq!(others.len(), 1);
    assert_eq!(others[0].get("removed"), None, "{others:?}");
    let (first, _) = rows(bob, "0", "").await;
    assert_eq!(first.len(), 1, "{first:?}");
    for filter in ["&filter=d/all", "&filter=_view&view=d/rows"] {
        assert_eq!(rows(bob, "0", filter).await.0.len(), 1, "{filter}");
    }
    let by_id = bob.post("/papers/_changes?filter=_doc_ids", json!({"doc_ids": ["doc"]})).await;
    assert_eq!(by_id.json()["results"][0]["removed"], true, "{}", by_id.text());

    papers.rewrite("doc", json!(["bob"]), "shown again").await;
    let (back, _) = rows(bob, "0", "&include_docs=true").await;
    assert_eq!((back.len(), &back[0]["doc"]["text"]), (1, &json!("shown again")));
    assert_eq!(back[0].get("removed"), None);
    let (lost, _) = rows(anna, "0", "").await;
    assert_eq!(lost[0]["removed"], true, "{lost:?}");
    papers.check();
}

#[tokio::test]
async fn one_who_may_read_under_two_names_sees_a_document_once() {
    let papers = papers().await;
    papers.write("doc", json!(["anna", "editors"]), "1").await;
    let (rows_of_two, _) = rows(&papers.anna, "0", "").await;
    assert_eq!(rows_of_two.len(), 1);
    papers.rewrite("doc", json!(["editors"]), "2").await;
    let (still, _) = rows(&papers.anna, "0", "").await;
    assert_eq!((still.len(), still[0].get("removed")), (1, None), "{still:?}");
    papers.rewrite("doc", json!(["bob"]), "3").await;
    let (lost, _) = rows(&papers.anna, "0", "").await;
    assert_eq!((lost.len(), &lost[0]["removed"]), (1, &json!(true)), "{lost:?}");
    papers.check();
}

#[tokio::test]
async fn a_continuous_feed_tells_what_its_reader_may_see_and_sleeps_otherwise() {
    let papers = papers().await;
    let path = "/papers/_changes?feed=continuous&since=now&timeout=60000";
    let mut lines = papers.bob.request("GET", path).lines().await.expect("a feed");
    for number in 0..20 {
        papers.write(&format!("other-{number}"), json!(["anna"]), "secret").await;
    }
    papers.write("own", json!(["bob"]), "for bob").await;
    // A feed that tells nothing shows that it lives by empty lines.
    let mut line = String::new();
    while line.is_empty() {
        line = lines.next().await.expect("a line").expect("a line");
    }
    let row: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(row["id"], "own", "{row}");
    let last = row["seq"].as_str().unwrap().to_owned();
    drop(lines);
    papers.write("other", json!(["anna"]), "secret").await;
    let path = format!("/papers/_changes?feed=longpoll&since={last}&timeout=200");
    let told = papers.bob.get(&path).await.expect(200).json();
    assert_eq!((&told["results"], &told["last_seq"]), (&json!([]), &json!(last)), "{told}");
}

#[tokio::test]
async fn what_is_purged_leaves_the_readers_lists_without_a_word() {
    let papers = papers().await;
    let rev = papers.write("doc", json!(["bob"]), "1").await;
    papers.write("stays", json!(["bob"]), "1").await;
    papers.admin.post("/papers/_purge", json!({"doc": [rev]})).await.expect(201);
    let (left, _) = rows(&papers.bob, "0", "").await;
    assert_eq!(left.iter().map(|row| &row["id"]).collect::<Vec<_>>(), ["stays"]);
    assert_eq!(papers.bob.get("/papers").await.json()["doc_count"], 2);
    papers.check();
}

#[tokio::test]
async fn pages_of_a_feed_go_on_where_they_ended() {
    let papers = papers().await;
    for number in 0..30 {
        let reader = if number % 3 == 0 { "bob" } else { "anna" };
        papers.write(&format!("d{number:02}"), json!([reader]), "x").await;
    }
    let (mut since, mut seen) = ("0".to_owned(), Vec::new());
    loop {
        let (page, last) = rows(&papers.bob, &since, "&limit=3").await;
        if last == since {
            break;
        }
        seen.extend(page.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        since = last;
    }
    let expected: Vec<String> = (0..30).step_by(3).map(|number| format!("d{number:02}")).collect();
    assert_eq!(seen, expected);
    let page = papers.bob.get("/papers/_all_docs?skip=2&limit=3&startkey=%22d%22").await.json();
    let keys: Vec<&str> =
        page["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(keys, ["d06", "d09", "d12"]);
    let view = "/papers/_design/d/_view/rows?reduce=false&skip=1&limit=2";
    let page = papers.bob.get(view).await.expect(200).json();
    let keys: Vec<&str> =
        page["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(keys, ["d03", "d06"]);
    papers.bob.get("/papers/_design/d/_view/rows?reduce=false&limit=0").await.expect(200);
}
