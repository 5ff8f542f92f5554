//! JSON web tokens, made elsewhere: good ones until the year 2100, and forged ones.

use refuge_tests::{Node, Reply};
use serde_json::{Value, json};

use crate::{CONFIG, options, set, who};

/// HMAC with SHA-256 under "hello", of `jwt-user` with the roles `reader` and `_admin`.
const HS256: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJqd3QtdXNlciIsImV4cCI6NDEwMjQ0NDgwMCwiX2NvdWNoZGIucm9sZXMiOlsicmVhZGVyIiwiX2FkbWluIl19.CBqh5CbXTvuwXOGqWDbqRBPItj36jV58E6DCUBMFVF8";
/// The same with SHA-512 and the key `other`.
const HS512: &str = "eyJhbGciOiJIUzUxMiIsImtpZCI6Im90aGVyIn0.eyJzdWIiOiJqd3QtdXNlciIsImV4cCI6NDEwMjQ0NDgwMCwiX2NvdWNoZGIucm9sZXMiOlsicmVhZGVyIiwiX2FkbWluIl19.l5NeDlwR-qRB4zZiOabUi0MrgmmCWi5GMs4Sbi5InA2OPLp2hJlesk1dxT2zBK2aUZFs6bEVpv2vDzB5OMnuyg";
/// The same by RSA and the key `one`.
const RS256: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6Im9uZSJ9.eyJzdWIiOiJqd3QtdXNlciIsImV4cCI6NDEwMjQ0NDgwMCwiX2NvdWNoZGIucm9sZXMiOlsicmVhZGVyIiwiX2FkbWluIl19.6j5NaiDyO0MvQbwsY88U4ZvYcdW4zIksVdXxkkFbKJneN3-JDBBWlPSCmG6DLu7E5uprh1_Fp_8aWBgA6oTwkxyrlTAWmx5oGKV1K-exKYkMTMmFN_rHuaVDvuacosbHXkQMXfzF1UGAqIJqKWGvFz0-cp4lLcbiXS5_4-eX3QMpgWa74yopwk3t7kg2d4HgJd49GATxk84OhuFCinWUtyyxDyUv7bpzP30YY5J0lw8LsFDYBDCuG3ZGZptpI7WO0nPp0Hcgf-tMSPmMjkNe_QjOVZT5KyIsTFTTfBnkE_L3aKLhIWc6x_bpfHDedpcygAN-1kQo_1xSmE3iNdJM-g";
/// The same on a curve and the key `two`.
const ES256: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6InR3byJ9.eyJzdWIiOiJqd3QtdXNlciIsImV4cCI6NDEwMjQ0NDgwMCwiX2NvdWNoZGIucm9sZXMiOlsicmVhZGVyIiwiX2FkbWluIl19.gGiD5YGHGqJJDqZfRDJ6-n1zxPtDvS5DwcbEqsVomU_kdbmkwQ8ht5TeyYr0g-EtLdL3vdQ5QO8KpxUAh-2rxA";
/// HMAC whose secret is the text of the public key of RSA.
const CONFUSED: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6Im9uZSJ9.eyJzdWIiOiJqd3QtdXNlciIsImV4cCI6NDEwMjQ0NDgwMCwiX2NvdWNoZGIucm9sZXMiOlsicmVhZGVyIiwiX2FkbWluIl19.WvU0iIy6goxldcTAL6nOEGzy2hj00L7peK5xv6YUnGQ";
/// As the first, with the roles `reader`, `group:family` and `_peer`, of which nodes alone have the last two.
const OF_A_GROUP: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJqd3QtdXNlciIsImV4cCI6NDEwMjQ0NDgwMCwiX2NvdWNoZGIucm9sZXMiOlsicmVhZGVyIiwiZ3JvdXA6ZmFtaWx5IiwiX3BlZXIiXX0.shmZio1BmzGyMJ3PnaR_SxwNONjvplPcJWvJWtLzFA8";
/// Without an end.
const ENDLESS: &str =
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqd3QtdXNlciJ9.xe0K8YRHeDAxpEQnCpNkCdi98PM8hTEi1lcE6RTx2I8";
/// Over since 1970.
const OVER: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqd3QtdXNlciIsImV4cCI6MX0.yWMI9Ppo6DCsnTtdIPngvrXpvzqQTb2ppm-8ObArX3Q";
/// Without a signature.
const UNSIGNED: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJqd3QtdXNlciIsImV4cCI6NDEwMjQ0NDgwMCwiX2NvdWNoZGIucm9sZXMiOlsicmVhZGVyIiwiX2FkbWluIl19.";

const RSA_KEY: &str = "-----BEGIN PUBLIC KEY-----\\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA8bYn7STNTiK4/k4NQoAt\\n/R/Usczt8Mq5geB7KjKgI2krEhIKkDMrgSb/LBfUaE/3bXuAtTte1mXw9Md86+IJ\\nSJDDtk7DPUfr7VG9KP5sntEgoaVlpPW7F2bWgqIQHPwVvPJ9XW5M5be/plGfeEEk\\nElywU6q9puWC5GOmr4sSnIALEbvyfY1oWTdUh9e6GAs5/OJHi1ER/1FX7Nmhz85m\\nykQcNu1vV0US3N1kE78VDXFQYQFRrgPs2igFVhqU7ddjGeotdKerwyC7HXibK18w\\ndzPHhoVMqulOcde3op5RxVNZmDKx0xWD6Nr0AzfCBrExC7IchIN9xejtNlcKCKOl\\nBwIDAQAB\\n-----END PUBLIC KEY-----";
const EC_KEY: &str = "-----BEGIN PUBLIC KEY-----\\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEwdChm1hDiyKrt8xX9OEsp6qFi0e+\\nICZRfKEO03Wa6gMy2zpCvDa5oONB3wz9pRaFMxkmg18djKFJlHJAY4ezYg==\\n-----END PUBLIC KEY-----";

async fn node() -> Node {
    let node = Node::start(options());
    let handlers = "{chttpd_auth, jwt_authentication_handler}, {chttpd_auth, \
         cookie_authentication_handler}, {chttpd_auth, default_authentication_handler}";
    set(&node, "chttpd/authentication_handlers", handlers).await;
    set(&node, "jwt_keys/hmac:_default", "aGVsbG8=").await;
    set(&node, "jwt_keys/hmac:other", "aGVsbG8=").await;
    set(&node, "jwt_keys/rsa:one", RSA_KEY).await;
    set(&node, "jwt_keys/ec:two", EC_KEY).await;
    node
}

async fn ask(node: &Node, token: &str) -> Reply {
    who(node, "authorization", &format!("Bearer {token}")).await
}

#[tokio::test]
async fn good_tokens_name_their_user() {
    let node = node().await;
    for token in [HS256, HS512, RS256, ES256] {
        let told = ask(&node, token).await.expect(200).json();
        assert_eq!(told["userCtx"], json!({"name": "jwt-user", "roles": ["reader"]}), "{told}");
        assert_eq!(told["info"]["authenticated"], "jwt");
        assert_eq!(told["info"]["authentication_handlers"], json!(["jwt", "cookie", "default"]));
    }
    let told = node.client().get("/_session").await.expect(200).json();
    assert_eq!(told["userCtx"]["name"], "admin");
}

#[tokio::test]
async fn a_token_makes_nobody_a_member_of_a_group_of_nodes() {
    let node = node().await;
    let told = ask(&node, OF_A_GROUP).await.expect(200).json();
    assert_eq!(told["userCtx"], json!({"name": "jwt-user", "roles": ["reader"]}), "{told}");
    let admin = node.client();
    admin.put_nothing("/cities").await.expect(201);
    let members = json!({"members": {"roles": ["group:family"]}});
    admin.put("/cities/_security", members).await.expect(200);
    let bearer = format!("Bearer {OF_A_GROUP}");
    let anybody = node.anonymous();
    let request = anybody.request("GET", "/cities/_all_docs");
    request.header("authorization", &bearer).send().await.expect(403);
}

#[tokio::test]
async fn forged_tokens_and_old_ones_are_refused() {
    let node = node().await;
    let (head, _) = HS256.rsplit_once('.').expect("three parts");
    let (_, other) = RS256.rsplit_once('.').expect("three parts");
    for (token, status, reason) in [
        (UNSIGNED, 400, "Invalid alg header parameter"),
        (CONFUSED, 400, "Unknown kid"),
        (ENDLESS, 400, "Missing exp claim"),
        (OVER, 401, "exp not in future"),
        ("x.y.z", 400, "Malformed token"),
        ("x", 400, "Malformed token"),
        (&format!("{head}."), 400, "Bad HMAC"),
        (&format!("{head}.{other}"), 400, "Bad HMAC"),
    ] {
        let told = ask(&node, token).await;
        assert_eq!((told.status, told.member("reason").as_str()), (status, reason), "{token}");
    }
}

#[tokio::test]
async fn keys_leave_and_their_tokens_with_them() {
    let node = node().await;
    let client = node.anonymous();
    let name = async || -> (u16, Value) {
        let request = client.request("GET", "/_session");
        let told = request.header("authorization", &format!("Bearer {HS512}")).send().await;
        (told.status, told.json())
    };
    assert_eq!(name().await.1["userCtx"]["name"], "jwt-user");
    node.client().delete(&format!("{CONFIG}/jwt_keys/hmac:other")).await.expect(200);
    // The connection remembered the token.
    assert_eq!(name().await.0, 400);
    let shown = node.client().get(&format!("{CONFIG}/jwt_keys")).await.expect(200).json();
    assert_eq!(shown["hmac:_default"], "****");
    assert!(shown["rsa:one"].as_str().is_some_and(|key| key.contains("PUBLIC KEY")));
}

#[tokio::test]
async fn tokens_are_nothing_where_their_handler_is_off() {
    let node = Node::start(options());
    set(&node, "jwt_keys/hmac:_default", "aGVsbG8=").await;
    let told = ask(&node, HS256).await.expect(200).json();
    assert_eq!(told["userCtx"]["name"], Value::Null);
}
