//! The roles swapped: who dialled serves HTTP/2 through its tunnel, and who accepted asks.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use refuge_client::{Connections, Duplex, PeerDialer, RemoteDatabase, StreamRequest, open_stream};
use refuge_replication::{Answer, RemoteAddress, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};

use crate::node::{ANNA, Node};

/// Has one connection, which came from the node itself.
struct Accepted(Mutex<Option<DuplexStream>>);

#[async_trait::async_trait]
impl PeerDialer for Accepted {
    async fn dial(&self, _: &str) -> Result<Box<dyn Duplex>, String> {
        let taken = self.0.lock().unwrap().take();
        taken.map(|io| Box::new(io) as Box<dyn Duplex>).ok_or("it went away".to_owned())
    }
}

/// A server that takes one stream: its other end is given back.
fn acceptor(io: DuplexStream) -> DuplexStream {
    let (taken, inner) = tokio::io::duplex(64 * 1024);
    let (reader, writer) = tokio::io::split(inner);
    let halves = Arc::new(Mutex::new(Some((reader, writer))));
    tokio::spawn(async move {
        let service = service_fn(|request: hyper::Request<Incoming>| {
            let (reader, writer) = halves.lock().unwrap().take().unwrap();
            tokio::spawn(inwards(request.into_body(), writer));
            let body = StreamBody::new(futures_util::stream::unfold(reader, outwards));
            async move { Ok::<_, Infallible>(Response::new(body)) }
        });
        let server = http2::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(TokioIo::new(io), service).await;
    });
    taken
}

async fn inwards(mut body: Incoming, mut writer: WriteHalf<DuplexStream>) {
    while let Some(Ok(frame)) = body.frame().await {
        writer.write_all(&frame.into_data().unwrap_or_default()).await.unwrap();
    }
}

type Piece = (Result<Frame<Bytes>, Infallible>, ReadHalf<DuplexStream>);

async fn outwards(mut reader: ReadHalf<DuplexStream>) -> Option<Piece> {
    let mut buffer = vec![0; 16 << 10];
    match reader.read(&mut buffer).await {
        Ok(bytes) if bytes > 0 => {
            buffer.truncate(bytes);
            Some((Ok(Frame::data(Bytes::from(buffer))), reader))
        }
        _ => None,
    }
}

#[tokio::test]
async fn a_node_that_cannot_be_dialled_is_asked_through_its_own_tunnel() {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let taken = acceptor(far);
    let request =
        StreamRequest { authority: "acceptor".to_owned(), path: "/_mesh/reverse".to_owned() };
    let tunnel = open_stream(Box::new(near), request).await.unwrap();
    let node = Node::default();
    node.serve(tunnel);
    let connections = Connections::to_peers(Arc::new(Accepted(Mutex::new(Some(taken)))));
    let address = RemoteAddress::parse(&format!("https://{}/db", ANNA.id)).unwrap();
    let database = RemoteDatabase::new(connections, &address).unwrap();
    for _ in 0..20 {
        let answer = database.perform(&Request::Information).await;
        assert!(matches!(answer, Ok(Answer::Information(_))), "{answer:?}");
    }
    assert_eq!(*node.lines.lock().unwrap(), ["GET /db"; 20]);
}
