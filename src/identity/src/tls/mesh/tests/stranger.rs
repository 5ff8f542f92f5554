//! Somebody who speaks TLS in whatever way the test wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use openssl::ssl::{AlpnError, SslContext, SslSessionCacheMode, select_next_proto};
use tokio::io::DuplexStream;

use super::*;

pub(super) struct Stranger {
    pub(super) shown: Shown,
    /// Whether anything is shown at all.
    pub(super) shows: bool,
    pub(super) newest: SslVersion,
    pub(super) alpn: Option<&'static [u8]>,
    pub(super) tickets: Arc<AtomicUsize>,
}

impl Stranger {
    pub(super) fn new(shown: Shown) -> Self {
        Self {
            shown,
            shows: true,
            newest: SslVersion::TLS1_3,
            alpn: Some(b"\x02h2"),
            tickets: Arc::default(),
        }
    }

    /// Sessions that servers offered to resume.
    pub(super) fn tickets(&self) -> usize {
        self.tickets.load(Ordering::SeqCst)
    }

    /// Connects to `node`: what the node makes of it, and what came of it here.
    pub(super) async fn call(
        &self,
        node: &NodeIdentity,
    ) -> (
        Result<MeshStream<DuplexStream>, MeshTlsError>,
        Result<TlsStream<DuplexStream>, openssl::ssl::Error>,
    ) {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let node = tls(node);
        let mut ssl = Ssl::new(&self.context()).unwrap();
        if let Some(alpn) = self.alpn {
            ssl.set_alpn_protos(alpn).unwrap();
        }
        let call = async {
            let mut stream = TlsStream::new(ssl, near).unwrap();
            Pin::new(&mut stream).connect().await.map(|()| stream)
        };
        tokio::join!(node.accept(far), call)
    }

    /// Answers a call of `node`: what the node makes of it.
    pub(super) async fn answer(
        &self,
        node: &NodeIdentity,
        options: ConnectOptions,
    ) -> Result<MeshStream<DuplexStream>, MeshTlsError> {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let node = tls(node);
        let ssl = Ssl::new(&self.context()).unwrap();
        let answer = async {
            let mut stream = TlsStream::new(ssl, far).unwrap();
            let _ = Pin::new(&mut stream).accept().await;
            stream
        };
        let (outcome, _stream) = tokio::join!(node.connect(near, options), answer);
        outcome
    }

    fn context(&self) -> SslContext {
        let mut builder = SslContext::builder(SslMethod::tls()).unwrap();
        // Else it could not even load what it is to show.
        builder.set_security_level(0);
        builder.set_max_proto_version(Some(self.newest)).unwrap();
        builder.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
        builder.set_session_cache_mode(SslSessionCacheMode::CLIENT);
        let tickets = Arc::clone(&self.tickets);
        builder.set_new_session_callback(move |_, _| {
            tickets.fetch_add(1, Ordering::SeqCst);
        });
        let alpn = self.alpn;
        builder.set_alpn_select_callback(move |_, offered| {
            let chosen = alpn.and_then(|alpn| select_next_proto(alpn, offered));
            chosen.ok_or(AlpnError::NOACK)
        });
        if self.shows {
            let (own, others) = self.shown.certificates.split_first().unwrap();
            builder.set_private_key(&self.shown.key).unwrap();
            builder.set_certificate(own).unwrap();
            for other in others {
                builder.add_extra_chain_cert(other.clone()).unwrap();
            }
        }
        builder.build()
    }
}
