//! Handshakes with a server of the test's own, over a pipe in memory.

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{Ssl, SslAcceptor};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

struct Server {
    certificate: X509,
    key: PKey<Private>,
}

impl Server {
    /// Self-signed, for `localhost` and the loopback addresses.
    fn new() -> Self {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", "test").unwrap();
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder
            .set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap())
            .unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        let names = SubjectAlternativeName::new()
            .dns("localhost")
            .ip("127.0.0.1")
            .ip("::1")
            .build(&builder.x509v3_context(None, None))
            .unwrap();
        builder.append_extension(names).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Self { certificate: builder.build(), key }
    }

    fn roots(&self) -> ClientOptions {
        ClientOptions { roots_pem: self.certificate.to_pem().unwrap(), ..ClientOptions::default() }
    }

    /// One exchange with a client that means `host`.
    async fn greet(&self, options: &ClientOptions, host: &str) -> Result<String, TlsError> {
        self.greet_asking(options, host, SslVerifyMode::NONE).await
    }

    /// The same; the client is asked for a certificate or not.
    async fn greet_asking(
        &self,
        options: &ClientOptions,
        host: &str,
        asks: SslVerifyMode,
    ) -> Result<String, TlsError> {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_private_key(&self.key).unwrap();
        acceptor.set_certificate(&self.certificate).unwrap();
        acceptor.cert_store_mut().add_cert(self.certificate.clone()).unwrap();
        acceptor.set_verify(asks);
        let ssl = Ssl::new(acceptor.build().context()).unwrap();
        let (near, far) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let mut stream = TlsStream::new(ssl, far).unwrap();
            if Pin::new(&mut stream).accept().await.is_ok() {
                let knows = stream.ssl().peer_certificate().is_some();
                let greeting = if knows { "hello, friend" } else { "hello" };
                stream.write_all(greeting.as_bytes()).await.unwrap();
                let _ = stream.shutdown().await;
            }
        });
        let mut stream = client_connector(options).unwrap().connect(near, host).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        Ok(text)
    }
}

#[tokio::test]
async fn a_server_whose_root_is_known_is_reached_by_name_and_address() {
    let server = Server::new();
    for host in ["localhost", "127.0.0.1", "::1", "[::1]"] {
        assert_eq!(server.greet(&server.roots(), host).await.unwrap(), "hello", "{host}");
    }
}

#[tokio::test]
async fn another_name_is_not_trusted() {
    let server = Server::new();
    let outcome = server.greet(&server.roots(), "example.org").await;
    assert!(matches!(outcome, Err(TlsError::Untrusted { .. })), "{outcome:?}");
}

#[tokio::test]
async fn an_unknown_root_is_not_trusted() {
    let server = Server::new();
    let outcome = server.greet(&ClientOptions::default(), "localhost").await;
    assert!(matches!(outcome, Err(TlsError::Untrusted { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_peer_that_speaks_no_tls_is_a_failed_handshake() {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let connector = client_connector(&ClientOptions::default()).unwrap();
    let outcome = connector.connect(near, "localhost").await;
    assert!(matches!(outcome, Err(TlsError::Handshake { .. })), "{outcome:?}");
}

#[tokio::test]
async fn whoever_says_so_trusts_anybody() {
    let server = Server::new();
    let options = ClientOptions { trusts_anybody: true, ..ClientOptions::default() };
    assert_eq!(server.greet(&options, "example.org").await.unwrap(), "hello");
}

#[tokio::test]
async fn a_server_that_asks_is_shown_a_certificate() {
    let server = Server::new();
    let asks = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
    let certificate = ClientCertificate {
        chain_pem: server.certificate.to_pem().unwrap(),
        key_pem: server.key.private_key_to_pem_pkcs8().unwrap(),
    };
    let options = ClientOptions { certificate: Some(certificate), ..server.roots() };
    let told = server.greet_asking(&options, "localhost", asks).await;
    assert_eq!(told.unwrap(), "hello, friend");
    assert!(!format!("{options:?}").contains("PRIVATE"));
}

#[test]
fn a_key_that_does_not_fit_is_refused() {
    let (server, other) = (Server::new(), Server::new());
    let certificate = ClientCertificate {
        chain_pem: server.certificate.to_pem().unwrap(),
        key_pem: other.key.private_key_to_pem_pkcs8().unwrap(),
    };
    let options = ClientOptions { certificate: Some(certificate), ..ClientOptions::default() };
    assert!(client_connector(&options).is_err());
}
