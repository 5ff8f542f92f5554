//! Documents and files that an HTML form sends.

use crate::client::Client;

const HEADERS: &[(&str, &str)] =
    &[("content-type", "multipart/form-data; boundary=xyz"), ("referer", "http://node/page")];

fn field(name: &str, value: &str) -> String {
    format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file(name: &str, bytes: &str) -> String {
    format!(
        "--xyz\r\nContent-Disposition: form-data; name=\"_attachments\"; filename=\"{name}\"\r\n\
         Content-Type: application/x\r\n\r\n{bytes}\r\n"
    )
}

fn form(fields: &[String]) -> String {
    format!("{}--xyz--\r\n", fields.concat())
}

#[tokio::test]
async fn a_form_makes_a_document_with_its_files() {
    let mut client = Client::with_database().await;
    let body = form(&[file("one", "1"), field("_doc", r#"{"n":1}"#), file("two", "22")]);
    let made = client.send("POST /db/a", HEADERS, body).await.expect(201).json();
    assert_eq!((&made["ok"], &made["id"]), (&true.into(), &"a".into()));
    let document = client.get("/db/a").await.expect(200).json();
    assert_eq!((&document["n"], &document["_rev"]), (&1.into(), &made["rev"]));
    assert_eq!(client.send("GET /db/a/two", &[], "").await.expect(200).text(), "22");
}

#[tokio::test]
async fn a_form_puts_files_into_a_revision() {
    let mut client = Client::with_database().await;
    let body = r#"{"n":1,"_attachments":{"one":{"data":"AA=="},"two":{"data":"AA=="}}}"#;
    let revision = client.store("/db/a", body).await;
    let body = form(&[field("_rev", &revision), file("two", "22"), file("", "")]);
    client.send("POST /db/a", HEADERS, body.clone()).await.expect(201);
    let document = client.get("/db/a").await.json();
    assert_eq!(document["n"], 1);
    assert_eq!(document["_attachments"]["one"]["revpos"], 1);
    assert_eq!(document["_attachments"]["two"]["revpos"], 2);
    client.send("POST /db/a", HEADERS, body).await.expect(409);
}

#[tokio::test]
async fn a_form_of_another_site_or_without_sense_is_refused() {
    let mut client = Client::with_database().await;
    let good = form(&[field("_doc", "{}")]);
    let [content_type, _] = HEADERS else { panic!("two headers") };
    client.send("POST /db/a", &[*content_type], good.clone()).await.expect(400);
    let foreign = [*content_type, ("referer", "http://elsewhere/node")];
    client.send("POST /db/a", &foreign, good.clone()).await.expect(400);
    let plain = [("content-type", "application/json"), ("referer", "http://node/")];
    client.send("POST /db/a", &plain, "{}").await.expect(415);
    client.send("POST /db/a", HEADERS, form(&[])).await.expect(400);
    client.send("POST /db/a", HEADERS, form(&[field("_rev", "x")])).await.expect(400);
    client.send("POST /db/a", HEADERS, form(&[field("_rev", "1-ab")])).await.expect(404);
    client.get("/db/a").await.expect(404);
    client.send("POST /db/a", HEADERS, good).await.expect(201);
}
