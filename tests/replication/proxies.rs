//! Proxies on the way to an end: HTTP, with and without credentials, and SOCKS 5.

use std::sync::{Arc, Mutex};

use refuge_tests::{Node, Options};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::{fill, replicate, same};

/// A proxy that keeps what it was asked for.
pub(crate) struct Proxy {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(crate) async fn http() -> Self {
        Self::start(|stream, asked| Box::pin(serve_http(stream, asked))).await
    }

    async fn socks() -> Self {
        Self::start(|stream, asked| Box::pin(serve_socks(stream, asked))).await
    }

    async fn start(serve: fn(TcpStream, Arc<Mutex<Vec<String>>>) -> Served) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&log)));
            }
        });
        Self { address, asked }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

type Served = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// The first head names where to; the connection leads there from then on.
async fn serve_http(stream: TcpStream, asked: Arc<Mutex<Vec<String>>>) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let whole = head.to_lowercase();
    let line = head.lines().next().unwrap().to_owned();
    let who =
        if whole.contains("proxy-authorization: basic ym9iomhvcml6b24=") { "bob " } else { "" };
    asked.lock().unwrap().push(format!("{who}{line}"));
    let target = line.split(' ').nth(1).unwrap();
    let plain = target.strip_prefix("http://");
    let server = plain.map_or(target, |rest| rest.split('/').next().unwrap());
    let Ok(mut server) = TcpStream::connect(server).await else {
        let refused = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(refused.as_bytes()).await.ok();
        return;
    };
    match plain {
        Some(_) => server.write_all(head.as_bytes()).await.unwrap(),
        None => stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap(),
    }
    tokio::io::copy_bidirectional(&mut stream, &mut server).await.ok();
}

async fn serve_socks(mut stream: TcpStream, asked: Arc<Mutex<Vec<String>>>) {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting).await.unwrap();
    let mut methods = vec![0; usize::from(greeting[1])];
    stream.read_exact(&mut methods).await.unwrap();
    stream.write_all(&[5, 0]).await.unwrap();
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.unwrap();
    let host = match head[3] {
        1 => {
            let mut address = [0; 4];
            stream.read_exact(&mut address).await.unwrap();
            std::net::Ipv4Addr::from(address).to_string()
        }
        3 => {
            let mut name = vec![0; usize::from(stream.read_u8().await.unwrap())];
            stream.read_exact(&mut name).await.unwrap();
            String::from_utf8(name).unwrap()
        }
        other => panic!("an address of kind {other}"),
    };
    let port = stream.read_u16().await.unwrap();
    asked.lock().unwrap().push(format!("{host}:{port}"));
    let mut server = TcpStream::connect((host.as_str(), port)).await.unwrap();
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
    tokio::io::copy_bidirectional(&mut stream, &mut server).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_are_reached_by_a_proxy_of_http_and_of_socks() {
    let (one, two) = (Node::start(Options::default()), Node::start(Options::default()));
    fill(&one.client(), "docs").await;
    let (http, socks) = (Proxy::http().await, Proxy::socks().await);
    let pull = |target: &str, more: Value| {
        let mut request = json!({"source": format!("{}/docs", one.url()), "target": target,
            "create_target": true});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let by_http = json!({"source_proxy": format!("http://bob:horizon@{}", http.address)});
    replicate(&two.client(), pull("a", by_http)).await;
    same((&one.client(), "docs"), (&two.client(), "a")).await;
    let asked = http.asked();
    assert!(!asked.is_empty());
    for line in asked {
        assert!(
            line.starts_with("bob ") && line.contains(&format!(" http://{}/docs", one.address())),
            "{line}"
        );
    }
    let by_socks = json!({"proxy": format!("socks5://{}", socks.address)});
    replicate(&two.client(), pull("b", by_socks)).await;
    same((&one.client(), "docs"), (&two.client(), "b")).await;
    assert!(!socks.asked().is_empty());
    assert!(socks.asked().iter().all(|host| *host == one.address().to_string()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_is_asked_for_a_tunnel_where_the_end_speaks_tls() {
    let (node, proxy) = (Node::start(Options::default()), Proxy::http().await);
    node.client().put_nothing("/docs").await.expect(201);
    let document = json!({"source": "docs", "target": "https://db.example/docs", "continuous": true,
        "target_proxy": format!("http://bob:horizon@{}", proxy.address)});
    node.client().put("/_replicator/push", document).await.expect(201);
    refuge_tests::eventually("the proxy is asked", || async {
        proxy.asked().first().map(|line| assert_eq!(line, "bob CONNECT db.example:443 HTTP/1.1"))
    })
    .await;
    let told = node.client().get("/_scheduler/docs/_replicator/push").await.expect(200).json();
    assert_eq!(told["target_proxy"], format!("http://{}", proxy.address));
    assert_eq!(told["source_proxy"], Value::Null);
}
