//! Tokens that hold, and forged ones.

use refuge_identity::HashAlgorithm;
use serde_json::json;

use super::*;

const NOW: u64 = 1_000_000;
/// "hello" in base64.
const KEY: &str = "aGVsbG8=";

fn settings() -> Settings {
    let mut settings = Settings::default();
    for name in ["hmac:_default", "hmac:other"] {
        settings.kept.insert(("jwt_keys".to_owned(), name.to_owned()), KEY.to_owned());
    }
    settings
}

fn token(head: &Value, claims: &Value) -> String {
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encoded(head), encoded(claims));
    let mac = HashAlgorithm::Sha256.hmac(b"hello", signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
}

fn signed(claims: Value) -> String {
    token(&json!({"alg": "HS256", "typ": "JWT"}), &claims)
}

#[track_caller]
fn refused(settings: &Settings, token: &str, status: u16, reason: &str) {
    let failure = check(settings, token, NOW).expect_err(reason);
    assert_eq!((failure.status().0.as_u16(), failure.to_string().as_str()), (status, reason));
}

#[test]
fn a_good_token_names_its_user() {
    let claims = json!({"sub": "anna", "exp": NOW + 60, "_couchdb.roles":
        ["reader", "_admin", "group:family", 1]});
    let identity = check(&settings(), &signed(claims), NOW).unwrap();
    assert_eq!(identity.user.name.as_deref(), Some("anna"));
    assert_eq!(identity.user.roles, ["reader"]);
    assert_eq!(identity.holds, Some(Duration::from_secs(60)));
}

#[test]
fn forged_tokens_are_refused() {
    let settings = settings();
    let claims = json!({"sub": "anna", "exp": NOW + 60});
    for (head, reason) in [
        (json!({"alg": "none"}), "Invalid alg header parameter"),
        (json!({"alg": "None"}), "Invalid alg header parameter"),
        (json!({}), "Missing alg header parameter"),
        (json!({"alg": ["HS256"]}), "Invalid alg header parameter"),
        (json!({"alg": "HS384"}), "Bad HMAC"),
        (json!({"alg": "RS256"}), "Unknown kid"),
        (json!({"alg": "HS256", "kid": "nobody"}), "Unknown kid"),
        (json!({"alg": "HS256", "kid": 1}), "Unknown kid"),
    ] {
        refused(&settings, &token(&head, &claims), 400, reason);
    }
    let good = signed(claims);
    refused(&settings, &good[..good.len() - 8], 400, "Bad HMAC");
    let (unsigned, _) = good.rsplit_once('.').unwrap();
    refused(&settings, &format!("{unsigned}."), 400, "Bad HMAC");
    refused(&settings, unsigned, 400, "Malformed token");
    refused(&settings, "", 400, "Malformed token");
    refused(&settings, "!.!.!", 400, "Malformed token");
    refused(&settings, &format!("{good}.x"), 400, "Malformed token");
    assert!(
        check(
            &settings,
            &token(
                &json!({"alg": "HS256", "kid": "other"}),
                &json!({"sub": "a",
        "exp": NOW + 1})
            ),
            NOW
        )
        .is_ok()
    );
}

#[test]
fn a_public_key_is_no_secret() {
    let mut settings = Settings::default();
    let name = ("jwt_keys".to_owned(), "rsa:_default".to_owned());
    settings.kept.insert(name, KEY.to_owned());
    refused(&settings, &signed(json!({"sub": "a", "exp": NOW + 1})), 400, "Unknown kid");
}

#[test]
fn times_are_looked_at_whether_required_or_not() {
    let mut settings = settings();
    refused(&settings, &signed(json!({"sub": "a"})), 400, "Missing exp claim");
    refused(&settings, &signed(json!({"sub": "a", "exp": NOW})), 401, "exp not in future");
    refused(&settings, &signed(json!({"sub": "a", "exp": "x"})), 400, "Invalid exp claim");
    settings.tokens.required_claims = String::new();
    assert!(check(&settings, &signed(json!({"sub": "a"})), NOW).is_ok());
    refused(&settings, &signed(json!({"sub": "a", "exp": 1})), 401, "exp not in future");
    refused(&settings, &signed(json!({"sub": "a", "nbf": NOW})), 401, "nbf not in past");
}

#[test]
fn names_of_nodes_are_no_names() {
    let settings = settings();
    refused(&settings, &signed(json!({"exp": NOW + 1})), 401, "Token missing sub claim.");
    for name in [json!("node:ABC"), json!("_x"), json!(""), json!(1)] {
        let token = signed(json!({"sub": name, "exp": NOW + 1}));
        refused(&settings, &token, 401, "Invalid sub claim.");
    }
}

#[test]
fn required_claims_are_couchdbs_list() {
    let one = |name: &str, value: Option<&str>| Required {
        name: name.to_owned(),
        value: value.map(str::to_owned),
    };
    let read = required("exp, {iss, \"a issuer, here\"},nbf").unwrap();
    assert_eq!(read, [one("exp", None), one("iss", Some("a issuer, here")), one("nbf", None)]);
    assert_eq!(required(" ").unwrap(), []);
    for wrong in ["{iss", "{iss}", "{iss, x}", "exp,,nbf", "{iss, \"x\"} nbf", "a b"] {
        assert!(required(wrong).is_err(), "{wrong}");
    }
    let mut settings = settings();
    settings.tokens.required_claims = "{iss, \"here\"}".to_owned();
    refused(&settings, &signed(json!({"sub": "a"})), 400, "Missing iss claim");
    refused(&settings, &signed(json!({"sub": "a", "iss": "there"})), 400, "Invalid iss claim");
    assert!(check(&settings, &signed(json!({"sub": "a", "iss": "here"})), NOW).is_ok());
}

#[test]
fn roles_stand_where_the_settings_say() {
    let mut settings = Settings::default().tokens;
    let read = |settings: &Tokens, claims: Value| match claims {
        Value::Object(claims) => roles(settings, &claims),
        _ => panic!("an object"),
    };
    assert_eq!(read(&settings, json!({"_couchdb.roles": "a, b"})), ["a", "b"]);
    settings.roles_claim = "a.b\\.c".to_owned();
    assert_eq!(read(&settings, json!({"a": {"b.c": ["x"]}})), ["x"]);
    assert!(read(&settings, json!({"a": {"b": {"c": ["x"]}}})).is_empty());
    settings.roles_claim = String::new();
    settings.roles_claim_name = "roles".to_owned();
    assert_eq!(read(&settings, json!({"roles": ["x"]})), ["x"]);
}
