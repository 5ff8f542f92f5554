//! Attachments that come in parts, as tus 1.0.0 has them: `_uploads`, and the `PUT` that takes one.

use refuge_tests::{Client, Node, Options, Reply, eventually, hang_up_after};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{NODE, database};

const PART: &str = "application/offset+octet-stream";
const NO_UPLOAD: &str = "there is no such upload (any more): it is done, given up or expired";

/// Begins an upload; its path.
async fn begin(client: &Client, database: &str, length: usize) -> String {
    let reply = create(client, database, &[("upload-length", &length.to_string())]).await;
    path_of(&reply.expect(201))
}

async fn create(client: &Client, database: &str, headers: &[(&str, &str)]) -> Reply {
    let path = format!("{database}/_uploads");
    let mut request = client.request("POST", &path).header("tus-resumable", "1.0.0");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.send().await
}

fn path_of(reply: &Reply) -> String {
    let location = reply.header("location");
    let path = location.splitn(4, '/').nth(3).expect("an absolute address");
    format!("/{path}")
}

async fn patch(client: &Client, upload: &str, offset: usize, bytes: &[u8]) -> Reply {
    let request = client.request("PATCH", upload).header("tus-resumable", "1.0.0");
    let request = request.header("upload-offset", &offset.to_string());
    request.header("content-type", PART).body(bytes.to_vec()).send().await
}

async fn offset(client: &Client, upload: &str) -> usize {
    let reply = head(client, upload).await.expect(200);
    reply.header("upload-offset").parse().expect("an offset")
}

async fn head(client: &Client, upload: &str) -> Reply {
    client.request("HEAD", upload).header("tus-resumable", "1.0.0").send().await
}

async fn end(client: &Client, upload: &str) -> Reply {
    client.request("DELETE", upload).header("tus-resumable", "1.0.0").send().await
}

/// What a part of so many bytes from the beginning of an upload begins with.
fn begun_part(upload: &str, bytes: usize) -> String {
    format!(
        "PATCH {upload} HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YWRtaW46c2VjcmV0\r\n\
         Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: {PART}\r\n\
         Content-Length: {bytes}\r\n\r\n"
    )
}

/// Sends two of so many bytes, and waits until the node is at them: what came counts after a moment
/// of quiet.
async fn two_bytes_of_a_part(client: &Client, upload: &str, bytes: usize) -> TcpStream {
    let mut slow = TcpStream::connect(NODE.address()).await.expect("a connection");
    let sent = begun_part(upload, bytes) + "ab";
    slow.write_all(sent.as_bytes()).await.expect("sent");
    eventually("the part is being taken", || async {
        (offset(client, upload).await == 2).then_some(())
    })
    .await;
    slow
}

fn id(upload: &str) -> &str {
    upload.rsplit('/').next().expect("an id")
}

/// Takes a finished upload as an attachment.
async fn take(client: &Client, attachment: &str, upload: &str) -> Reply {
    let more = if attachment.contains('?') { '&' } else { '?' };
    let path = format!("{attachment}{more}upload={}", id(upload));
    client.request("PUT", &path).header("content-type", "text/plain").send().await
}

fn text(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|number| b"0123456789abcdef \n"[number * number % 18]).collect()
}

#[tokio::test]
async fn an_upload_in_parts_makes_the_same_revision_as_a_plain_put() {
    let (client, path) = database("parts").await;
    let bytes = text(700_000);
    let upload = begin(&client, &path, bytes.len()).await;
    assert_eq!(offset(&client, &upload).await, 0);
    let mut at = 0;
    // Ends within chunks and at their ends.
    for until in [1, 1_000, 65_536, 65_537, 262_144, 600_000, 600_000, 700_000] {
        let reply = patch(&client, &upload, at, &bytes[at..until]).await.expect(204);
        assert_eq!(reply.header("upload-offset"), until.to_string());
        assert_eq!(reply.header("tus-resumable"), "1.0.0");
        assert!(reply.header("upload-expires").ends_with(" GMT"));
        assert_eq!(offset(&client, &upload).await, until);
        at = until;
    }
    let parts = take(&client, &format!("{path}/parts/a.txt"), &upload).await.expect(201);
    let plain = client.request("PUT", &format!("{path}/plain/a.txt"));
    let plain = plain.header("content-type", "text/plain").body(bytes.clone()).send().await;
    assert_eq!(parts.member("rev"), plain.expect(201).member("rev"));
    let stub = |document: &str| {
        let (client, url) = (client.clone(), format!("{path}/{document}?att_encoding_info=true"));
        async move { client.get(&url).await.expect(200).json()["_attachments"]["a.txt"].clone() }
    };
    let told = stub("parts").await;
    assert_eq!(told, stub("plain").await);
    assert_eq!((&told["encoding"], &told["length"]), (&json!("gzip"), &json!(700_000)));
    assert_eq!(client.get(&format!("{path}/parts/a.txt")).await.expect(200).body, bytes);
    // It is done, and gone.
    head(&client, &upload).await.expect(404);
    let again = take(&client, &format!("{path}/again/a.txt"), &upload).await;
    again.error_named(404, "not_found");
}

#[tokio::test]
async fn what_is_spoken_is_told() {
    let (client, path) = database("spoken").await;
    let told = client.request("OPTIONS", &format!("{path}/_uploads")).send().await.expect(204);
    assert_eq!((told.header("tus-version"), told.header("tus-resumable")), ("1.0.0", "1.0.0"));
    let extensions = "creation,creation-with-upload,expiration,termination,checksum";
    assert_eq!(told.header("tus-extension"), extensions);
    assert_eq!(told.header("tus-checksum-algorithm"), "md5,sha1,sha256");
    let other = client.request("POST", &format!("{path}/_uploads")).header("upload-length", "1");
    let other = other.header("tus-resumable", "0.2.2").send().await;
    let spoken = "uploads are spoken of in tus 1.0.0: send Tus-Resumable: 1.0.0";
    other.error(412, "unsupported_version", spoken);
    assert_eq!(other.header("tus-version"), "1.0.0");
    client.get(&format!("{path}/_uploads")).await.error_named(412, "unsupported_version");
    let upload = begin(&client, &path, 3).await;
    let got = client.request("GET", &upload).header("tus-resumable", "1.0.0").send().await;
    got.error(405, "method_not_allowed", "Only DELETE,HEAD,OPTIONS,PATCH allowed");
    let got = client.request("GET", &format!("{path}/_uploads")).header("tus-resumable", "1.0.0");
    got.send().await.error(405, "method_not_allowed", "Only OPTIONS,POST allowed");
    let overridden = client.request("POST", &upload).header("x-http-method-override", "PATCH");
    let overridden = overridden.header("tus-resumable", "1.0.0").header("upload-offset", "0");
    overridden.header("content-type", PART).body("abc").send().await.expect(204);
    assert_eq!(offset(&client, &upload).await, 3);
}

#[tokio::test]
async fn metadata_and_a_length_that_comes_late_are_kept() {
    let (client, path) = database("metadata").await;
    let metadata = "filename d29ybGQ=,filetype aW1hZ2UvcG5n";
    let told = [("upload-defer-length", "1"), ("upload-metadata", metadata)];
    let upload = path_of(&create(&client, &path, &told).await.expect(201));
    let known = head(&client, &upload).await.expect(200);
    assert_eq!(known.header("upload-metadata"), metadata);
    assert_eq!((known.header("upload-defer-length"), known.header("upload-length")), ("1", ""));
    assert_eq!(known.header("cache-control"), "no-store");
    patch(&client, &upload, 0, b"abc").await.expect(204);
    let early = take(&client, &format!("{path}/a/b"), &upload).await;
    let incomplete = "3 of an unknown number bytes of the upload have come";
    early.error(412, "upload_incomplete", incomplete);
    let request = client.request("PATCH", &upload).header("tus-resumable", "1.0.0");
    let request = request.header("upload-offset", "3").header("upload-length", "5");
    request.header("content-type", PART).body("de").send().await.expect(204);
    let known = head(&client, &upload).await.expect(200);
    assert_eq!((known.header("upload-length"), known.header("upload-defer-length")), ("5", ""));
    // Without a type of its own the attachment has the one that the upload was begun with.
    let put = client.request("PUT", &format!("{path}/a/b?upload={}", id(&upload)));
    put.send().await.expect(201);
    let got = client.get(&format!("{path}/a/b")).await.expect(200);
    assert_eq!((got.header("content-type"), &got.body[..]), ("image/png", &b"abcde"[..]));
}

#[tokio::test]
async fn the_first_bytes_may_come_with_the_beginning() {
    let (client, path) = database("with").await;
    let request = client.request("POST", &format!("{path}/_uploads"));
    let request = request.header("tus-resumable", "1.0.0").header("upload-length", "5");
    let begun = request.header("content-type", PART).body("hel").send().await.expect(201);
    assert_eq!(begun.header("upload-offset"), "3");
    let upload = path_of(&begun);
    patch(&client, &upload, 3, b"lo").await.expect(204);
    take(&client, &format!("{path}/a/b"), &upload).await.expect(201);
    assert_eq!(client.get(&format!("{path}/a/b")).await.expect(200).body, "hello");
    let nothing = begin(&client, &path, 0).await;
    take(&client, &format!("{path}/nothing/b"), &nothing).await.expect(201);
    assert_eq!(client.get(&format!("{path}/nothing/b")).await.expect(200).body, "");
}

#[tokio::test]
async fn parts_that_do_not_fit_are_refused_and_change_nothing() {
    let (client, path) = database("misfits").await;
    let upload = begin(&client, &path, 5).await;
    patch(&client, &upload, 0, b"ab").await.expect(204);
    patch(&client, &upload, 0, b"ab").await.error(
        409,
        "conflict",
        "the upload goes on at Upload-Offset 2",
    );
    patch(&client, &upload, 3, b"d").await.error_named(409, "conflict");
    let more = "the upload has at most 5 bytes, and more came";
    patch(&client, &upload, 2, b"cdef").await.error(413, "upload_too_large", more);
    let typed = client.request("PATCH", &upload).header("tus-resumable", "1.0.0");
    let typed = typed.header("upload-offset", "2").header("content-type", "text/plain");
    let types = "Content-Type must be application/offset+octet-stream";
    typed.body("c").send().await.error(415, "bad_content_type", types);
    let unnumbered = client.request("PATCH", &upload).header("tus-resumable", "1.0.0");
    let unnumbered = unnumbered.header("content-type", PART).body("c");
    unnumbered.send().await.error(400, "bad_request", "Upload-Offset is missing");
    let longer = client.request("PATCH", &upload).header("tus-resumable", "1.0.0");
    let longer = longer.header("upload-offset", "2").header("upload-length", "6");
    let longer = longer.header("content-type", PART).body("c").send().await;
    longer.error(400, "bad_request", "Upload-Length is another than before");
    assert_eq!(offset(&client, &upload).await, 2);
    for wrong in ["x", "00000000000000000000000000000000", "+0000000000000000000000000000000"] {
        let wrong = format!("{path}/_uploads/{wrong}");
        patch(&client, &wrong, 0, b"x").await.error(404, "not_found", NO_UPLOAD);
        end(&client, &wrong).await.error(404, "not_found", NO_UPLOAD);
    }
}

#[tokio::test]
async fn uploads_that_cannot_begin_are_told_why() {
    let (client, path) = database("beginnings").await;
    let either = "a new upload has either Upload-Length or Upload-Defer-Length: 1";
    let metadata = "Upload-Metadata is a list of names with values in base64, each name once";
    let long = "a".repeat(4_097);
    for (headers, reason) in [
        (&[][..], either),
        (&[("upload-length", "1"), ("upload-defer-length", "1")], either),
        (&[("upload-length", "-1")], "upload-length is not a number of bytes"),
        (&[("upload-defer-length", "2")], either),
        (&[("upload-length", "1"), ("upload-metadata", "a ?")], metadata),
        (&[("upload-length", "1"), ("upload-metadata", "a YQ==,a YQ==")], metadata),
        (
            &[("upload-length", "1"), ("upload-metadata", &long)],
            "Upload-Metadata has at most 4096 bytes",
        ),
    ] {
        create(&client, &path, headers).await.error(400, "bad_request", reason);
    }
}

#[tokio::test]
async fn an_upload_whose_first_bytes_are_refused_is_none() {
    let node = Node::start(Options::default().set("attachments.max_uploads_per_user=1"));
    let client = node.client();
    client.put_nothing("/files").await.expect(201);
    let first = async |length: &str, checksum: &str, bytes: &'static str| {
        let request = client.request("POST", "/files/_uploads").header("tus-resumable", "1.0.0");
        let request = request.header("upload-length", length).header("content-type", PART);
        request.header("upload-checksum", checksum).body(bytes).send().await
    };
    let right = "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=";
    let wrong = "sha1 rvTGHdzF6KLavt4PO0gs2a6pQ00=";
    first("5", wrong, "hello").await.error_named(460, "checksum_mismatch");
    first("5", "crc32 AAAA", "hello").await.error_named(400, "bad_request");
    first("4", right, "hello").await.error_named(413, "upload_too_large");
    // None of them takes the place of the one that there may be.
    let upload = path_of(&first("5", right, "hello").await.expect(201));
    take(&client, "/files/a/b", &upload).await.expect(201);
    assert_eq!(client.get("/files/a/b").await.expect(200).body, "hello");
}

#[tokio::test]
async fn a_part_whose_checksum_does_not_fit_is_not_kept() {
    let (client, path) = database("checksum").await;
    let upload = begin(&client, &path, 5).await;
    let part = async |checksum: &str| {
        let request = client.request("PATCH", &upload).header("tus-resumable", "1.0.0");
        let request = request.header("upload-offset", "0").header("upload-checksum", checksum);
        request.header("content-type", PART).body("hello").send().await
    };
    part("sha1 rvTGHdzF6KLavt4PO0gs2a6pQ00=").await.error_named(460, "checksum_mismatch");
    assert_eq!(offset(&client, &upload).await, 0);
    let algorithms = "Upload-Checksum is one of md5,sha1,sha256";
    part("crc32 AAAA").await.error(400, "bad_request", algorithms);
    part("md5 ?").await.error(400, "bad_request", "the digest in Upload-Checksum is not base64");
    part("sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=").await.expect(204);
    assert_eq!(offset(&client, &upload).await, 5);
}

#[tokio::test]
async fn what_came_before_a_connection_broke_is_kept() {
    let (client, path) = database("broken").await;
    let bytes = text(300_000);
    let upload = begin(&client, &path, bytes.len()).await;
    let head = begun_part(&upload, 300_000);
    let sent = [head.as_bytes(), &bytes[..270_000]].concat();
    hang_up_after(NODE.address(), &sent).await;
    eventually("all that was sent counts", || async {
        (offset(&client, &upload).await == 270_000).then_some(())
    })
    .await;
    patch(&client, &upload, 270_000, &bytes[270_000..]).await.expect(204);
    take(&client, &format!("{path}/a/b"), &upload).await.expect(201);
    assert_eq!(client.get(&format!("{path}/a/b")).await.expect(200).body, bytes);
}

#[tokio::test]
async fn two_do_not_write_at_once() {
    let (client, path) = database("two").await;
    let upload = begin(&client, &path, 6).await;
    let mut slow = two_bytes_of_a_part(&client, &upload, 3).await;
    patch(&client, &upload, 2, b"x").await.error(
        423,
        "locked",
        "another request writes to this upload: ask for its offset and try again",
    );
    slow.write_all(b"c").await.unwrap();
    eventually("the first is through", || async {
        (offset(&client, &upload).await == 3).then_some(())
    })
    .await;
    eventually("the upload is free again", || async {
        (patch(&client, &upload, 3, b"def").await.status == 204).then_some(())
    })
    .await;
    take(&client, &format!("{path}/a/b"), &upload).await.expect(201);
    assert_eq!(client.get(&format!("{path}/a/b")).await.expect(200).body, "abcdef");
}

#[tokio::test]
async fn a_put_that_takes_an_upload_is_refused_as_any_other() {
    let (client, path) = database("taken").await;
    let upload = begin(&client, &path, 3).await;
    patch(&client, &upload, 0, b"ab").await.expect(204);
    let file = format!("{path}/a/b");
    take(&client, &file, &upload).await.error(
        412,
        "upload_incomplete",
        "2 of 3 bytes of the upload have come",
    );
    patch(&client, &upload, 2, b"c").await.expect(204);
    let both = client.request("PUT", &format!("{file}?upload={}", id(&upload))).body("x");
    let either = "an attachment is either an upload or the body of the request";
    both.send().await.error(400, "bad_request", either);
    let rev = client.put(&format!("{path}/a"), json!({})).await.expect(201).member("rev");
    take(&client, &file, &upload).await.error(409, "conflict", "Document update conflict.");
    // A refusal does not use it up.
    take(&client, &format!("{file}?rev={rev}"), &upload).await.expect(201);
    assert_eq!(client.get(&file).await.expect(200).body, "abc");
    let unfinished = begin(&client, &path, 3).await;
    end(&client, &unfinished).await.expect(204);
    head(&client, &unfinished).await.expect(404);
    patch(&client, &unfinished, 0, b"abc").await.error(404, "not_found", NO_UPLOAD);
}

#[tokio::test]
async fn an_upload_is_its_makers_and_the_admins() {
    let node = Node::start(Options::default().set("admins.anna=secret"));
    let admin = node.client();
    admin.put_nothing("/open").await.expect(201);
    admin.put("/open/_security", json!({})).await.expect(200);
    let nobody = node.anonymous();
    let theirs = begin(&nobody, "/open", 3).await;
    patch(&nobody, &theirs, 0, b"a").await.expect(204);
    assert_eq!(offset(&admin, &theirs).await, 1);
    let admins = begin(&admin, "/open", 3).await;
    let somebodys = "this upload is somebody else's";
    patch(&nobody, &admins, 0, b"a").await.error(401, "unauthorized", somebodys);
    head(&nobody, &admins).await.expect(401);
    end(&nobody, &admins).await.error_named(401, "unauthorized");
    let taken = nobody.request("PUT", &format!("/open/a/b?upload={}", id(&admins)));
    taken.send().await.error_named(401, "unauthorized");
    let other = Client::with_credentials(node.address(), "anna", "secret");
    assert_eq!(offset(&other, &admins).await, 0, "another server admin may");
    admin.put_nothing("/closed").await.expect(201);
    create(&nobody, "/closed", &[("upload-length", "1")]).await.error_named(401, "unauthorized");
    // An upload belongs to its database.
    head(&admin, &format!("/closed/_uploads/{}", id(&admins))).await.expect(404);
    let peers = create(&admin, "/_peers", &[("upload-length", "1")]).await;
    peers.error_named(403, "forbidden");
}

#[tokio::test]
async fn uploads_are_bounded_and_expire() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/files").await.expect(201);
    let set = async |key: &str, value: &str| {
        let path = format!("/_node/_local/_config/{key}");
        client.put(&path, json!(value)).await.expect(200);
    };
    set("attachments/max_uploads_per_user", "2").await;
    let first = begin(&client, "/files", 100).await;
    let second = begin(&client, "/files", 100).await;
    let refused = create(&client, "/files", &[("upload-length", "1")]).await;
    refused.error(
        429,
        "too_many_uploads",
        "one user's unfinished uploads to a database are at most 2; finish or delete one, or wait \
         until one expires",
    );
    client.put_nothing("/others").await.expect(201);
    begin(&client, "/others", 1).await;
    end(&client, &second).await.expect(204);
    set("attachments/max_upload_bytes_per_user", "150").await;
    let refused = create(&client, "/files", &[("upload-length", "51")]).await;
    let together = "one user's unfinished uploads to a database have at most 150 bytes together; \
                    finish or delete one, or wait until one expires";
    refused.error(413, "uploads_too_large", together);
    let unknown = create(&client, "/files", &[("upload-defer-length", "1")]).await.expect(201);
    let unknown = path_of(&unknown);
    patch(&client, &unknown, 0, &[b'x'; 50]).await.expect(204);
    patch(&client, &unknown, 50, b"x").await.error(413, "uploads_too_large", together);
    // Bytes that will not count before their checksum is known take room all the same.
    let checked = client.request("PATCH", &unknown).header("tus-resumable", "1.0.0");
    let checked = checked.header("upload-offset", "50").header("content-type", PART);
    let checked = checked.header("upload-checksum", "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=");
    let refused = checked.body(vec![b'x'; 70_000]).send().await;
    refused.error(413, "uploads_too_large", together);
    assert_eq!(offset(&client, &unknown).await, 50);
    set("couchdb/max_attachment_size", "99").await;
    let refused = create(&client, "/files", &[("upload-length", "100")]).await;
    let most = "an attachment has at most 99 bytes here";
    refused.error(413, "attachment_too_large", most);
    let told = client.request("OPTIONS", "/files/_uploads").send().await.expect(204);
    assert_eq!(told.header("tus-max-size"), "99");
    // What comes now is kept for a second; the others were begun when it was a day.
    set("attachments/upload_seconds", "1").await;
    patch(&client, &first, 0, b"some").await.expect(204);
    eventually("it has expired", || async {
        (head(&client, &first).await.status == 404).then_some(())
    })
    .await;
    patch(&client, &first, 4, b"more").await.error_named(404, "not_found");
    assert_eq!(offset(&client, &unknown).await, 50);
}

#[tokio::test]
async fn a_part_that_is_refused_in_its_middle_is_answered_with_why() {
    let (client, path) = database("refused").await;
    let upload = begin(&client, &path, 900_000).await;
    let mut slow = two_bytes_of_a_part(&client, &upload, 900_000).await;
    end(&client, &upload).await.expect(204);
    // The first chunk that is full is refused, and more comes.
    slow.write_all(&[b'x'; 899_998]).await.unwrap();
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(std::str::from_utf8(&answer), Ok("HTTP/1.1 404"));
    patch(&client, &begin(&client, &path, 1).await, 0, b"x").await.expect(204);
}

#[tokio::test]
async fn pages_of_other_origins_may_upload() {
    let node = Node::start(
        Options::default().set("cors.enabled=true").set("cors.origins=https://app.example"),
    );
    let client = node.client();
    client.put_nothing("/files").await.expect(201);
    let preflight = node.anonymous();
    let preflight = preflight.request("OPTIONS", "/files/_uploads/x");
    let preflight = preflight.header("origin", "https://app.example");
    let preflight = preflight.header("access-control-request-method", "PATCH");
    let asked = "authorization,content-type,tus-resumable,upload-offset,upload-checksum";
    let told = preflight.header("access-control-request-headers", asked).send().await.expect(204);
    assert_eq!(told.header("access-control-allow-headers"), asked);
    let request = client.request("POST", "/files/_uploads").header("tus-resumable", "1.0.0");
    let request = request.header("upload-length", "1").header("origin", "https://app.example");
    let made = request.send().await.expect(201);
    let exposed = made.header("access-control-expose-headers");
    for name in ["location", "upload-offset", "upload-expires", "tus-resumable"] {
        assert!(exposed.split(", ").any(|one| one == name), "{name}: {exposed}");
    }
}

#[tokio::test]
async fn a_document_with_its_attachments_is_read_from_its_midst_and_stored_as_an_upload() {
    let (client, path) = database("carried").await;
    let (_, copy) = database("carried").await;
    let text = "to and fro ".repeat(400);
    for (name, kind) in [("plain", "application/octet-stream"), ("text", "text/plain")] {
        let known = client.get(&format!("{path}/a")).await;
        let revision = if known.status == 200 {
            format!("?rev={}", known.json()["_rev"].as_str().expect("a revision"))
        } else {
            String::new()
        };
        let file = format!("{path}/a/{name}{revision}");
        let put = client.request("PUT", &file).header("content-type", kind);
        put.body(text.clone()).send().await.expect(201);
    }
    let get = |range: Option<usize>| {
        let asked = format!("{path}/a?attachments=true&revs=true");
        let client = client.clone();
        async move {
            let request = client.request("GET", &asked).header("accept", "multipart/related");
            match range {
                Some(from) => request.header("range", &format!("bytes={from}-")).send().await,
                None => request.send().await,
            }
        }
    };
    let whole = get(None).await.expect(200);
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let length = whole.body.len();
    // Within the document, within the first file, within the second, and the last byte.
    for from in [1, 700, length / 2, length - 200, length - 1] {
        let rest = get(Some(from)).await.expect(206);
        assert_eq!(rest.header("content-range"), format!("bytes {from}-{}/{length}", length - 1));
        assert_eq!(rest.header("content-type"), whole.header("content-type"));
        assert!(rest.body == whole.body.slice(from..), "from {from}");
    }
    get(Some(length)).await.expect(416);

    let upload = begin(&client, &copy, length).await;
    patch(&client, &upload, 0, &whole.body[..1_000]).await.expect(204);
    let stored = |id: String| {
        let (client, path) = (client.clone(), format!("{copy}/a?new_edits=false&upload={id}"));
        let content_type = whole.header("content-type").to_owned();
        async move { client.request("PUT", &path).header("content-type", &content_type).send().await }
    };
    stored(id(&upload).to_owned()).await.expect(412);
    patch(&client, &upload, 1_000, &whole.body[1_000..]).await.expect(204);
    stored(id(&upload).to_owned()).await.expect(201);
    let shown = |database: &str| {
        let (client, asked) = (client.clone(), format!("{database}/a?attachments=true&revs=true"));
        async move {
            let request = client.request("GET", &asked).header("accept", "application/json");
            request.send().await.expect(200).json()
        }
    };
    assert_eq!(shown(&copy).await, shown(&path).await);
    head(&client, &upload).await.expect(404);
}
