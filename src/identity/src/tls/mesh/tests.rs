//! Handshakes between nodes, over a pipe in memory and over TCP; those that fail are below.

mod refusals;
mod stranger;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::NodeIdentity;
use crate::specimens::{ANNA, BERT, FIXED_CERTIFICATE, FIXED_ID, FIXED_KEY, Shown};
use stranger::Stranger;

/// Smaller than any flight of a handshake, so that every write has to wait.
const NARROW_BYTES: usize = 100;

fn tls(identity: &NodeIdentity) -> MeshTls {
    identity.tls().clone()
}

fn to(identity: &NodeIdentity, protocol: Protocol) -> ConnectOptions {
    ConnectOptions { expected: identity.id, protocol }
}

#[tokio::test]
async fn each_learns_who_the_other_is() {
    for protocol in [Protocol::H2, Protocol::Http1] {
        let (near, far) = tokio::io::duplex(NARROW_BYTES);
        let (anna, bert) = (tls(&ANNA), tls(&BERT));
        let (client, server) =
            tokio::join!(anna.connect(near, to(&BERT, protocol)), bert.accept(far));
        let (client, server) = (client.unwrap(), server.unwrap());
        assert_eq!((client.peer_id(), server.peer_id()), (BERT.id, ANNA.id));
        assert_eq!((client.protocol(), server.protocol()), (protocol, protocol));
        let pem = server.peer_certificate_pem().unwrap();
        assert_eq!(pem, ANNA.certificate().to_pem().unwrap());
        assert!(format!("{server:?}").contains(&ANNA.id.to_string()));
    }
}

#[tokio::test]
async fn megabytes_pass_both_ways_through_a_narrow_pipe() {
    let (near, far) = tokio::io::duplex(NARROW_BYTES);
    let (anna, bert) = (tls(&ANNA), tls(&BERT));
    let (client, server) =
        tokio::join!(anna.connect(near, to(&BERT, Protocol::H2)), bert.accept(far));
    let data: Vec<u8> = (0..2_000_003_u32).map(|number| (number % 251) as u8).collect();
    let exchange = |stream: MeshStream<_>| {
        let data = data.clone();
        async move {
            let (mut reader, mut writer) = tokio::io::split(stream);
            let send = async {
                writer.write_all(&data).await.unwrap();
                writer.flush().await.unwrap();
            };
            let mut received = vec![0; data.len()];
            let (read, ()) = tokio::join!(reader.read_exact(&mut received), send);
            read.unwrap();
            assert!(received == data);
        }
    };
    tokio::join!(exchange(client.unwrap()), exchange(server.unwrap()));
}

#[tokio::test]
async fn tcp_carries_it_too_and_a_farewell_is_an_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = tls(&BERT).accept(stream).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        stream.write_all(text.to_uppercase().as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = tls(&ANNA).connect(stream, to(&BERT, Protocol::Http1)).await.unwrap();
    assert_eq!(stream.get_ref().peer_addr().unwrap(), address);
    stream.write_all(b"hello").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "HELLO");
    server.await.unwrap();
}

#[tokio::test]
async fn a_client_that_names_no_protocol_speaks_the_old_one() {
    let client = Stranger { alpn: None, ..Stranger::new(Shown::good()) };
    let (server, _) = client.call(&BERT).await;
    assert_eq!(server.unwrap().protocol(), Protocol::Http1);
}

#[tokio::test]
async fn the_better_protocol_is_chosen() {
    let client =
        Stranger { alpn: Some(b"\x05other\x08http/1.1\x02h2"), ..Stranger::new(Shown::good()) };
    let (server, _) = client.call(&BERT).await;
    assert_eq!(server.unwrap().protocol(), Protocol::H2);
}

#[tokio::test]
async fn dates_and_extensions_keep_nobody_out() {
    let shown = Shown::eccentric();
    let id = shown.own().node_id();
    let (server, _) = Stranger::new(shown).call(&BERT).await;
    assert_eq!(server.unwrap().peer_id(), id);
    let server = Stranger::new(Shown::eccentric());
    let expected = server.shown.own().node_id();
    let client = server.answer(&ANNA, ConnectOptions { expected, protocol: Protocol::H2 }).await;
    assert_eq!(client.unwrap().peer_id(), expected);
}

#[tokio::test]
async fn the_command_line_of_openssl_gets_in() {
    let files = tempfile::TempDir::new().unwrap();
    let path = |name: &str| files.path().join(name);
    std::fs::write(path("key"), FIXED_KEY).unwrap();
    std::fs::write(path("certificate"), FIXED_CERTIFICATE).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = tokio::process::Command::new("openssl")
        .args(["s_client", "-brief", "-alpn", "h2", "-connect"])
        .arg(listener.local_addr().unwrap().to_string())
        .arg("-cert")
        .arg(path("certificate"))
        .arg("-key")
        .arg(path("key"))
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the openssl command line is needed for this test");
    let (stream, _) = listener.accept().await.unwrap();
    let server = tls(&BERT).accept(stream).await.unwrap();
    assert_eq!(
        (server.peer_id().to_string().as_str(), server.protocol()),
        (FIXED_ID, Protocol::H2)
    );
    let output = client.wait_with_output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("Protocol version: TLSv1.3"), "{told}");
}

#[tokio::test]
async fn one_node_may_connect_to_itself() {
    let (near, far) = tokio::io::duplex(NARROW_BYTES);
    let anna = tls(&ANNA);
    let (client, server) =
        tokio::join!(anna.connect(near, to(&ANNA, Protocol::H2)), anna.accept(far));
    assert_eq!(client.unwrap().peer_id(), server.unwrap().peer_id());
}

#[tokio::test]
async fn nothing_is_given_with_which_to_come_back() {
    let client = Stranger::new(Shown::good());
    let (server, outcome) = client.call(&BERT).await;
    let mut server = server.unwrap();
    server.write_all(b"hello").await.unwrap();
    server.shutdown().await.unwrap();
    let mut stream = outcome.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!((text.as_str(), stream.ssl().version_str()), ("hello", "TLSv1.3"));
    assert_eq!(client.tickets(), 0);
    assert!(!stream.ssl().session_reused());
}
