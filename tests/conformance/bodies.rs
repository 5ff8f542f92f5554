//! What is kept of a body, byte for byte, and what is refused at the door.

use crate::database;

/// Stores `body`, expects what follows `_rev` when it is read to be `kept`.
async fn kept(body: &str, kept: &str) {
    let (client, path) = database("body").await;
    let doc = format!("{path}/a");
    let rev = client.put_text(&doc, body.to_owned()).await.expect(201).member("rev");
    let expected = format!("{{\"_id\":\"a\",\"_rev\":\"{rev}\",{kept}}}\n");
    assert_eq!(client.get(&doc).await.expect(200).text(), expected);
    let all = client.get(&format!("{path}/_all_docs?include_docs=true")).await.expect(200).text();
    assert!(all.contains(expected.trim_end()), "{all}");
    let changes =
        client.get(&format!("{path}/_changes?include_docs=true")).await.expect(200).text();
    assert!(changes.contains(expected.trim_end()), "{changes}");
    let copied =
        client.get(&format!("{path}/_all_docs?include_docs=true&keys=%5B%22a%22%5D")).await;
    assert!(copied.expect(200).text().contains(expected.trim_end()));
}

#[tokio::test]
async fn number_text_is_kept() {
    let numbers =
        r#""a":1.0,"b":1e2,"c":-0.0,"d":123456789012345678901234567890,"e":0.1000,"f":1E+2"#;
    kept(&format!("{{{numbers}}}"), numbers).await;
}

#[tokio::test]
async fn the_order_of_members_is_kept() {
    kept(r#"{"z":1,"a":{"y":1,"b":2},"10":0,"9":0}"#, r#""z":1,"a":{"y":1,"b":2},"10":0,"9":0"#)
        .await;
}

#[tokio::test]
async fn white_space_outside_of_text_goes() {
    kept("{ \"a\" : [ 1 ,\n\t2 ] ,\r\n \"b\":\"x  y\\n\" }", r#""a":[1,2],"b":"x  y\n""#).await;
}

#[tokio::test]
async fn serde_jsons_private_keys_are_ordinary_members() {
    let members =
        r#""a":{"$serde_json::private::RawValue":"1"},"b":{"$serde_json::private::Number":"2"}"#;
    kept(&format!("{{{members}}}"), members).await;
    let members = r#""$serde_json::private::RawValue":"{}""#;
    kept(&format!("{{{members}}}"), members).await;
    let members = r#""$serde_json::private::Number":"7""#;
    kept(&format!("{{{members}}}"), members).await;
}

#[tokio::test]
async fn private_keys_survive_bulk_and_local_documents() {
    let (client, path) = database("private").await;
    let member = r#""$serde_json::private::Number":"12""#;
    let bulk = format!("{{\"docs\":[{{\"_id\":\"a\",{member}}}]}}");
    client.post_text(&format!("{path}/_bulk_docs"), bulk).await.expect(201);
    assert!(client.get(&format!("{path}/a")).await.text().contains(member));
    client.put_text(&format!("{path}/_local/a"), format!("{{{member}}}")).await.expect(201);
    assert!(client.get(&format!("{path}/_local/a")).await.text().contains(member));
    let security = format!("{{\"admins\":{{\"names\":[],\"roles\":[\"_admin\"]}},{member}}}");
    client.put_text(&format!("{path}/_security"), security).await.expect(200);
    assert!(client.get(&format!("{path}/_security")).await.text().contains(member));
}

#[tokio::test]
async fn of_duplicate_members_the_last_counts() {
    let (client, path) = database("duplicates").await;
    let doc = format!("{path}/a");
    client.put_text(&doc, r#"{"a":1,"b":{"c":1,"c":2},"a":3,"\u0061":4}"#).await.expect(201);
    let got = client.get(&doc).await.expect(200).text();
    assert!(
        !got.contains("\"a\":1") && !got.contains("\"a\":3") && !got.contains("\"c\":1"),
        "{got}"
    );
    assert!(got.contains(":4") && got.contains("\"c\":2"), "{got}");
}

#[tokio::test]
async fn names_are_judged_after_unescaping() {
    let (client, path) = database("escaped").await;
    let reply = client.post_text(&path, r#"{"\u005fid":"a","n":1}"#).await.expect(201);
    assert_eq!(reply.member("id"), "a");
}

#[tokio::test]
async fn lone_surrogates_are_refused() {
    let (client, path) = database("surrogates").await;
    for text in [
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\udc00"}"#,
        r#"{"a":"\ud800x"}"#,
        r#"{"\ud83d":1}"#,
        r#"{"a":"\ud800\u0041"}"#,
    ] {
        client.put_text(&format!("{path}/a"), text).await.error_named(400, "bad_request");
        let bulk = format!("{{\"docs\":[{text}]}}");
        client.post_text(&format!("{path}/_bulk_docs"), bulk).await.error_named(400, "bad_request");
    }
    client.put_text(&format!("{path}/a"), r#"{"a":"\ud83c\udf0d"}"#).await.expect(201);
    assert_eq!(client.get(&format!("{path}/a")).await.json()["a"], "🌍");
}

#[tokio::test]
async fn numbers_beyond_a_double_are_refused() {
    let (client, path) = database("doubles").await;
    for number in ["1e400", "-1e400", "1E309"] {
        client
            .put_text(&format!("{path}/a"), format!("{{\"a\":{number}}}"))
            .await
            .error_named(400, "bad_request");
    }
    client.put_text(&format!("{path}/a"), "{\"a\":1e-400}").await.expect(201);
}

#[tokio::test]
async fn nesting_has_a_limit_and_does_not_break_the_node() {
    let (client, path) = database("nesting").await;
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    client.put_text(&format!("{path}/a"), nested(100)).await.expect(201);
    client.put_text(&format!("{path}/b"), nested(100_000)).await.expect(400);
    client.put_text(&format!("{path}/b"), "[".repeat(1_000_000)).await.expect(400);
    client.get("/_up").await.expect(200);
}
