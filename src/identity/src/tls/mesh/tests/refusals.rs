//! Who is not let in, on either side of a handshake.

use super::*;
use crate::BadKey;

type Judgement = fn(&BadCertificate) -> bool;

/// Everything that is no certificate of a node, with what is said of it.
fn impostors() -> Vec<(&'static str, Shown, Judgement)> {
    vec![
        ("weak", Shown::weak(), |bad| matches!(bad, BadCertificate::Key(BadKey::Bits(1024)))),
        ("elliptic", Shown::elliptic(), |bad| matches!(bad, BadCertificate::Key(BadKey::Kind))),
        ("edwards", Shown::edwards(), |bad| matches!(bad, BadCertificate::Key(BadKey::Kind))),
        ("by authority", Shown::by_authority(), |bad| {
            matches!(bad, BadCertificate::Several | BadCertificate::OtherIssuer)
        }),
        ("accompanied", Shown::accompanied(), |bad| matches!(bad, BadCertificate::Several)),
        ("forged", Shown::forged(), |bad| matches!(bad, BadCertificate::Signature)),
        ("changed", Shown::changed(), |bad| matches!(bad, BadCertificate::Signature)),
        ("in foreign name", Shown::in_foreign_name(), |bad| {
            matches!(bad, BadCertificate::OtherIssuer)
        }),
        ("huge", Shown::huge(), |bad| matches!(bad, BadCertificate::Size(_))),
    ]
}

/// Whether the other side, which may think that all went well, is told so at its first read.
async fn is_turned_away(outcome: Result<TlsStream<tokio::io::DuplexStream>, openssl::ssl::Error>) {
    if let Ok(mut stream) = outcome {
        let mut buffer = [0; 16];
        assert!(!matches!(stream.read(&mut buffer).await, Ok(1..)));
    }
}

#[tokio::test]
async fn impostors_are_not_let_in() {
    for (name, shown, expected) in impostors() {
        let (node, outcome) = Stranger::new(shown).call(&BERT).await;
        match node {
            Err(MeshTlsError::BadCertificate(bad)) if expected(&bad) => {}
            other => panic!("{name}: {other:?}"),
        }
        is_turned_away(outcome).await;
    }
}

#[tokio::test]
async fn impostors_are_not_talked_to() {
    for (name, shown, expected) in impostors() {
        let stranger = Stranger::new(shown);
        let options =
            ConnectOptions { expected: stranger.shown.own().node_id(), protocol: Protocol::H2 };
        match stranger.answer(&ANNA, options).await {
            Err(MeshTlsError::BadCertificate(bad)) if expected(&bad) => {}
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused_in_the_handshake() {
    let client = Stranger { shows: false, ..Stranger::new(Shown::good()) };
    let (node, outcome) = client.call(&BERT).await;
    let Err(MeshTlsError::Handshake(reason)) = node else { panic!("{node:?}") };
    assert!(reason.contains("certificate"), "{reason}");
    is_turned_away(outcome).await;
}

#[tokio::test]
async fn older_versions_are_refused_on_both_sides() {
    let old = || Stranger { newest: SslVersion::TLS1_2, ..Stranger::new(Shown::good()) };
    let (node, outcome) = old().call(&BERT).await;
    assert!(matches!(node, Err(MeshTlsError::Handshake(_))), "{node:?}");
    assert!(outcome.is_err());
    let server = old();
    let options = ConnectOptions { expected: server.shown.own().node_id(), protocol: Protocol::H2 };
    let node = server.answer(&ANNA, options).await;
    assert!(matches!(node, Err(MeshTlsError::Handshake(_))), "{node:?}");
}

#[tokio::test]
async fn the_wrong_node_does_not_learn_who_called() {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (anna, bert) = (tls(&ANNA), tls(&BERT));
    let expected = crate::specimens::fixed_key().id();
    let options = ConnectOptions { expected, protocol: Protocol::H2 };
    let (client, server) = tokio::join!(anna.connect(near, options), bert.accept(far));
    let Err(MeshTlsError::WrongNode { expected: meant, found }) = client else {
        panic!("{client:?}")
    };
    assert_eq!((meant, found), (expected, BERT.id));
    // The alert came instead of a certificate.
    let Err(MeshTlsError::Handshake(reason)) = server else { panic!("{server:?}") };
    assert!(reason.contains("alert"), "{reason}");
}

#[tokio::test]
async fn unknown_protocols_are_refused_on_both_sides() {
    let client = Stranger { alpn: Some(b"\x05other"), ..Stranger::new(Shown::good()) };
    let (node, outcome) = client.call(&BERT).await;
    assert!(matches!(node, Err(MeshTlsError::Handshake(_))), "{node:?}");
    assert!(outcome.is_err());
    let server = Stranger { alpn: None, ..Stranger::new(Shown::good()) };
    let options = ConnectOptions { expected: server.shown.own().node_id(), protocol: Protocol::H2 };
    let node = server.answer(&ANNA, options).await;
    assert!(matches!(node, Err(MeshTlsError::Protocol)), "{node:?}");
}

#[tokio::test]
async fn noise_and_silence_are_failed_handshakes() {
    for noise in [b"GET / HTTP/1.1\r\n\r\n".as_slice(), &[0x16, 3, 1, 0xff, 0xff, 1], b""] {
        let (mut near, far) = tokio::io::duplex(64 * 1024);
        near.write_all(noise).await.unwrap();
        drop(near);
        let node = tls(&BERT).accept(far).await;
        assert!(matches!(node, Err(MeshTlsError::Handshake(_))), "{node:?}");
    }
}

#[tokio::test]
async fn a_refusal_disturbs_no_other_connection_of_its_thread() {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (anna, bert) = (tls(&ANNA), tls(&BERT));
    let (client, server) =
        tokio::join!(anna.connect(near, to(&BERT, Protocol::H2)), bert.accept(far));
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    for (_, shown, _) in impostors() {
        let read = async {
            let mut byte = [0];
            server.read_exact(&mut byte).await.map(|_| byte[0])
        };
        let refuse_then_write = async {
            Stranger::new(shown).call(&BERT).await.0.unwrap_err();
            client.write_all(b"x").await.unwrap();
        };
        let (read, ()) = tokio::join!(read, refuse_then_write);
        assert_eq!(read.unwrap(), b'x');
    }
}
