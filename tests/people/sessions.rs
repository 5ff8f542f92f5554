//! `_session`: cookies as CouchDB makes them, their time and their end.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use refuge_tests::Client;
use serde_json::{Value, json};

use crate::{cookie, make_user, node_with_users, options, path, set, sign_in, who};

#[tokio::test]
async fn a_session_begins_goes_on_and_ends() {
    let mut node = node_with_users(options()).await;
    make_user(&node, "anna", "apple", &["reader"]).await;
    let begun = sign_in(&node, "anna", "apple").await.expect(200);
    assert_eq!(begun.json(), json!({"ok": true, "name": "anna", "roles": ["reader"]}));
    let header = begun.header("set-cookie").to_owned();
    assert!(header.starts_with("AuthSession=") && header.contains("; Version=1"), "{header}");
    for part in ["; Path=/", "; HttpOnly", "; Max-Age=600", "; Expires="] {
        assert!(header.contains(part), "{header}");
    }
    assert!(!header.contains("Secure") && !header.contains("SameSite"), "{header}");
    let session = cookie(&begun);
    let told = who(&node, "cookie", &session).await.expect(200);
    assert_eq!(told.header("set-cookie"), "", "a young one is not replaced");
    let told = told.json();
    assert_eq!(told["userCtx"], json!({"name": "anna", "roles": ["reader"]}));
    assert_eq!(told["info"]["authenticated"], "cookie");
    assert_eq!(told["info"]["authentication_handlers"], json!(["cookie", "default"]));
    let nobody = node.anonymous();
    let ended = nobody.request("DELETE", "/_session").header("cookie", &session);
    let ended = ended.send().await.expect(200);
    assert_eq!(ended.json(), json!({"ok": true}));
    assert!(ended.header("set-cookie").starts_with("AuthSession=; "), "it is taken back");
    // The secret stays.
    node.restart();
    assert_eq!(who(&node, "cookie", &session).await.json()["userCtx"]["name"], "anna");
    let shown = node.client().get("/_node/_local/_config/chttpd_auth/secret").await.expect(200);
    assert_eq!(shown.json(), "****");
}

#[tokio::test]
async fn forms_sign_in_and_lead_on() {
    let node = node_with_users(options()).await;
    make_user(&node, "anna", "a&b", &[]).await;
    let form = |query: &str, body: &'static str| {
        let nobody = node.anonymous();
        let path = format!("/_session{query}");
        async move {
            let request = nobody.request("POST", &path);
            let kind = "application/x-www-form-urlencoded";
            request.header("content-type", kind).body(body).send().await
        }
    };
    form("", "name=anna&password=a%26b").await.expect(200);
    form("", "username=anna&password=a%26b").await.expect(200);
    let led = form("?next=/notes/index.html", "name=anna&password=a%26b").await.expect(302);
    assert_eq!(led.header("location"), "/notes/index.html");
    assert!(led.header("set-cookie").contains("AuthSession="));
    for elsewhere in ["http://evil.example", "//evil.example", "/%5Cevil.example", "x"] {
        let told = form(&format!("?next={elsewhere}"), "name=anna&password=a%26b").await;
        told.error_named(400, "bad_request");
    }
    let failed = form("?fail=/sorry", "name=anna&password=x").await.expect(302);
    assert_eq!(failed.header("location"), "/sorry");
    assert!(failed.header("set-cookie").starts_with("AuthSession=; "));
    let told = form("", "password=x").await;
    told.error(400, "bad_request", "request body must contain a username");
    let told = form("", "name=a&username=b").await;
    told.error(400, "bad_request", "request body contains different usernames");
}

#[tokio::test]
async fn wrong_passwords_begin_no_session() {
    let node = node_with_users(options()).await;
    make_user(&node, "anna", "apple", &[]).await;
    for (name, password) in [("anna", "x"), ("nobody", "apple")] {
        let told = sign_in(&node, name, password).await;
        told.error(401, "unauthorized", "Name or password is incorrect.");
        assert!(told.header("set-cookie").starts_with("AuthSession=; "));
    }
    let admin = sign_in(&node, "admin", "secret").await.expect(200);
    assert_eq!(admin.json()["roles"], json!(["_admin"]));
    let told = who(&node, "cookie", &cookie(&admin)).await.json();
    assert_eq!(told["userCtx"], json!({"name": "admin", "roles": ["_admin"]}));
    let nobody = node.anonymous();
    nobody.get("/_session?basic=true").await.error(401, "unauthorized", "Please login.");
    nobody.request("PUT", "/_session").send().await.error_named(405, "method_not_allowed");
}

/// The bytes of a cookie's value.
fn decoded(cookie: &str) -> Vec<u8> {
    let value = cookie.strip_prefix("AuthSession=").expect("a session");
    URL_SAFE_NO_PAD.decode(value).expect("base64url")
}

#[tokio::test]
async fn forged_and_broken_cookies_are_nobody() {
    let node = node_with_users(options()).await;
    make_user(&node, "anna", "apple", &[]).await;
    make_user(&node, "bert", "pear", &[]).await;
    let session = cookie(&sign_in(&node, "anna", "apple").await.expect(200));
    let bytes = decoded(&session);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut parts = text.splitn(3, ':');
    assert_eq!(parts.next(), Some("anna"));
    let time = parts.next().expect("a time");
    assert!(u64::from_str_radix(time, 16).is_ok() && time == time.to_uppercase(), "{time}");
    let mac = &bytes[text.find(time).expect("there") + time.len() + 1..];
    assert_eq!(mac.len(), 32, "HMAC-SHA256");
    let anew = |name: &str, time: &str, mac: &[u8]| {
        let mut bytes = format!("{name}:{time}:").into_bytes();
        bytes.extend(mac);
        format!("AuthSession={}", URL_SAFE_NO_PAD.encode(bytes))
    };
    let whole = anew("anna", time, mac);
    assert_eq!(who(&node, "cookie", &whole).await.json()["userCtx"]["name"], "anna");
    for forged in [
        anew("bert", time, mac),
        anew("admin", time, mac),
        anew("anna", "FFFFFFFF", mac),
        anew("anna", "0", mac),
        anew("anna", time, b""),
        anew("anna", time, &mac[..31]),
        anew("nobody", time, mac),
        anew("", time, mac),
        "AuthSession=".to_owned(),
    ] {
        let told = who(&node, "cookie", &forged).await.expect(200).json();
        assert_eq!(told["userCtx"], json!({"name": null, "roles": []}), "{forged}");
    }
    for broken in ["AuthSession=!", "AuthSession=YQ", "AuthSession=YTpi"] {
        let told = who(&node, "cookie", broken).await;
        let reason = "Malformed AuthSession cookie. Please clear your cookies.";
        told.error(400, "bad_request", reason);
    }
}

#[tokio::test]
async fn a_session_ends_with_its_password_its_user_and_its_time() {
    let node = node_with_users(options()).await;
    let anna = make_user(&node, "anna", "apple", &["old"]).await;
    let session = cookie(&sign_in(&node, "anna", "apple").await.expect(200));
    let client = node.anonymous();
    let name = async || -> Value {
        let request = client.request("GET", "/_session").header("cookie", &session);
        request.send().await.expect(200).json()["userCtx"].clone()
    };
    assert_eq!(name().await["name"], "anna");
    let mut own = node.client().get(&path("anna")).await.json();
    own["roles"] = json!(["new"]);
    node.client().put(&path("anna"), own).await.expect(201);
    assert_eq!(name().await["roles"], json!(["new"]), "roles are those of now");
    let mut own = anna.get(&path("anna")).await.json();
    own["password"] = "banana".into();
    anna.put(&path("anna"), own).await.expect(201);
    assert_eq!(name().await["name"], Value::Null);
    // A session that is over.
    let session = cookie(&sign_in(&node, "anna", "banana").await.expect(200));
    set(&node, "chttpd_auth/timeout", "1").await;
    refuge_tests::eventually("the session is over", || async {
        let told = who(&node, "cookie", &session).await.json();
        told["userCtx"]["name"].is_null().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_session_that_is_used_is_renewed() {
    let node = node_with_users(options()).await;
    make_user(&node, "anna", "apple", &[]).await;
    set(&node, "chttpd_auth/timeout", "20").await;
    let begun = sign_in(&node, "anna", "apple").await.expect(200);
    let old = cookie(&begun);
    let new = refuge_tests::eventually("a tenth of its time is over", || async {
        let told = who(&node, "cookie", &old).await.expect(200);
        assert_eq!(told.json()["userCtx"]["name"], "anna");
        (!told.header("set-cookie").is_empty()).then(|| cookie(&told))
    })
    .await;
    assert_ne!(new, old);
    assert_eq!(who(&node, "cookie", &new).await.json()["userCtx"]["name"], "anna");
}

#[tokio::test]
async fn cookies_are_as_the_settings_want_them() {
    let node = node_with_users(
        options()
            .set("authentication.cookie_domain=example.org")
            .set("authentication.same_site=strict")
            .set("authentication.allow_persistent_cookies=false"),
    )
    .await;
    make_user(&node, "anna", "apple", &[]).await;
    let request = node.anonymous();
    let request = request.request("POST", "/_session").header("x-forwarded-proto", "https");
    let begun = request.json(json!({"name": "anna", "password": "apple"}).to_string());
    let header = begun.send().await.expect(200).header("set-cookie").to_owned();
    for part in ["; Secure", "; Domain=example.org", "; SameSite=Strict", "; HttpOnly"] {
        assert!(header.contains(part), "{header}");
    }
    assert!(!header.contains("Max-Age") && !header.contains("Expires"), "{header}");
}

#[tokio::test]
async fn a_valid_user_may_be_required() {
    let node = node_with_users(options()).await;
    let anna = make_user(&node, "anna", "apple", &[]).await;
    set(&node, "chttpd/require_valid_user", "true").await;
    let nobody = node.anonymous();
    for path in ["/", "/_session", "/_up"] {
        let told = nobody.get(path).await;
        told.error(401, "unauthorized", "Authentication required.");
        assert_eq!(told.header("www-authenticate"), "Basic realm=\"server\"");
    }
    anna.get("/").await.expect(200);
    let session = cookie(&sign_in(&node, "anna", "apple").await.expect(200));
    who(&node, "cookie", &session).await.expect(200);
    set(&node, "chttpd/require_valid_user_except_for_up", "true").await;
    nobody.get("/_up").await.expect(200);
    nobody.get("/").await.expect(401);
}

#[tokio::test]
async fn a_browser_may_be_sent_to_where_people_sign_in() {
    let node = node_with_users(options()).await;
    set(&node, "chttpd_auth/authentication_redirect", "/app/_design/app/sign-in.html").await;
    let ask = |accept: &'static str| {
        let nobody = node.anonymous();
        async move { nobody.request("GET", "/_all_dbs").header("accept", accept).send().await }
    };
    let led = ask("text/html").await.expect(302);
    let reason = "You%20are%20not%20a%20server%20admin%2E";
    let to = format!("/app/_design/app/sign-in.html?return=%2F%5Fall%5Fdbs&reason={reason}");
    assert_eq!(led.header("location"), to);
    ask("text/html, */*;q=0.1").await.expect(401);
    ask("application/json").await.expect(401);
}

#[tokio::test]
async fn a_cookie_counts_before_a_password() {
    let node = node_with_users(options()).await;
    make_user(&node, "anna", "apple", &[]).await;
    let session = cookie(&sign_in(&node, "anna", "apple").await.expect(200));
    let both = node.client();
    let told = both.request("GET", "/_session").header("cookie", &session).send().await.json();
    assert_eq!(told["userCtx"]["name"], "anna");
    let other = Client::with_credentials(node.address(), "admin", "secret");
    let told = other.request("GET", "/_session").header("cookie", "AuthSession=\"\"").send().await;
    assert_eq!(told.json()["userCtx"]["name"], "admin");
}

#[tokio::test]
async fn a_session_is_a_new_one_whatever_cookie_came_with_the_form() {
    let node = node_with_users(options()).await;
    make_user(&node, "anna", "apple", &[]).await;
    make_user(&node, "mallory", "melon", &[]).await;
    let planted = cookie(&sign_in(&node, "mallory", "melon").await.expect(200));
    let begin = async |sent: &str| {
        let form = r#"{"name":"anna","password":"apple"}"#;
        let client = node.anonymous();
        client.request("POST", "/_session").header("cookie", sent).json(form).send().await
    };
    let begun = cookie(&begin(&planted).await.expect(200));
    assert_ne!(begun, planted);
    assert_eq!(who(&node, "cookie", &begun).await.json()["userCtx"]["name"], "anna");
    assert_eq!(who(&node, "cookie", &planted).await.json()["userCtx"]["name"], "mallory");
    // A cookie that is none is refused before anything else, as in CouchDB.
    begin("AuthSession=chosen").await.expect(400);
}
