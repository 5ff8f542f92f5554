//! TLS between nodes. Both sides show a certificate that they signed themselves; the handshake proves
//! that they hold its key, and so which nodes they are. It proves no more: everyone with a
//! well-formed certificate gets in, and what a node may do is decided request by request by others.
//!
//! TLS 1.3 only, without tickets, session cache or early data: each connection proves both keys anew,
//! so nothing outlives a revocation.

mod stream;

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use openssl::ssl::{
    AlpnError, Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslRef,
    SslSessionCacheMode, SslVerifyMode, SslVersion, select_next_proto,
};
use openssl::x509::{X509StoreContextRef, X509VerifyResult};
use refuge_mesh::NodeId;
use tokio::io::{AsyncRead, AsyncWrite};

pub use stream::MeshStream;

use super::TlsStream;
use crate::{BadCertificate, Certificate, CryptographyError, NodeIdentity};

/// ALPN (RFC 7301) of what a node serves, the better first; each is preceded by its length.
const SERVED: &[u8] = b"\x02h2\x08http/1.1";
/// OpenSSL's own level: 112 bits and more, so RSA from 2048 bits on. Set, because a system's
/// configuration may ask for more and then refuse peers that every node accepts.
const SECURITY_LEVEL: u32 = 2;

/// What is spoken over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/2.
    H2,
    /// HTTP/1.1; also where the client did not say.
    Http1,
}

impl Protocol {
    fn offer(self) -> &'static [u8] {
        match self {
            Self::H2 => b"\x02h2",
            Self::Http1 => b"\x08http/1.1",
        }
    }
}

/// Why there is no connection to another node.
#[derive(Debug, thiserror::Error)]
pub enum MeshTlsError {
    /// The certificate shown is none of a node.
    #[error("the peer's certificate is refused: {0}")]
    BadCertificate(#[from] BadCertificate),
    /// Another node than the one that was dialled. It was not told who we are.
    #[error("node {found} answers where {expected} was expected")]
    WrongNode {
        /// Who was meant.
        expected: NodeId,
        /// Who answered.
        found: NodeId,
    },
    /// The other side does not speak what was asked for.
    #[error("the peer does not speak the protocol that was asked for")]
    Protocol,
    /// The handshake failed otherwise: no certificate, no TLS 1.3, a connection that broke.
    #[error("the TLS handshake failed: {0}")]
    Handshake(String),
    /// The library underneath failed.
    #[error(transparent)]
    Cryptography(#[from] CryptographyError),
}

/// Whom to reach, and for what.
#[derive(Clone, Copy, Debug)]
pub struct ConnectOptions {
    /// The node that must answer.
    pub expected: NodeId,
    /// What will be spoken.
    pub protocol: Protocol,
}

/// Makes connections between this node and others. Clones share what it is made of.
#[derive(Clone)]
pub struct MeshTls {
    context: SslContext,
}

impl std::fmt::Debug for MeshTls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("MeshTls")
    }
}

impl MeshTls {
    /// For connections of this node.
    ///
    /// # Errors
    /// Failures of the library underneath.
    pub fn new(identity: &NodeIdentity) -> Result<Self, CryptographyError> {
        let mut builder = SslContextBuilder::new(SslMethod::tls())?;
        builder.set_min_proto_version(Some(SslVersion::TLS1_3))?;
        builder.set_max_proto_version(Some(SslVersion::TLS1_3))?;
        builder.set_security_level(SECURITY_LEVEL);
        builder.set_options(SslOptions::NO_TICKET | SslOptions::NO_RENEGOTIATION);
        builder.set_num_tickets(0)?;
        builder.set_max_early_data(0)?;
        builder.set_session_cache_mode(SslSessionCacheMode::OFF);
        // A write that had to wait is repeated by tokio from wherever its buffer is by then.
        builder.set_mode(
            SslMode::ACCEPT_MOVING_WRITE_BUFFER
                | SslMode::ENABLE_PARTIAL_WRITE
                | SslMode::AUTO_RETRY
                | SslMode::RELEASE_BUFFERS,
        );
        builder.set_private_key(identity.key().private())?;
        builder.set_certificate(identity.certificate().x509())?;
        builder.set_alpn_select_callback(|_, offered| {
            select_next_proto(SERVED, offered).ok_or(AlpnError::ALERT_FATAL)
        });
        Ok(Self { context: builder.build() })
    }

    /// Shakes hands with whoever connected. Takes as long as they like: give it a deadline.
    ///
    /// # Errors
    /// [`MeshTlsError`]; the peer was told no more than that it failed.
    pub async fn accept<S>(&self, stream: S) -> Result<MeshStream<S>, MeshTlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (ssl, refusal) = self.session(None)?;
        let mut stream = TlsStream::new(ssl, stream).map_err(CryptographyError::from)?;
        if let Err(error) = Pin::new(&mut stream).accept().await {
            return Err(explain(&refusal, &error));
        }
        finish(stream)
    }

    /// Shakes hands with the node that must be at the other end; to any other nothing is told of us.
    /// Takes as long as the peer likes: give it a deadline.
    ///
    /// Success does not mean that the peer accepts us: in TLS 1.3 the client is done first, and a
    /// refusal shows at the first read.
    ///
    /// # Errors
    /// [`MeshTlsError::WrongNode`] and the others.
    pub async fn connect<S>(
        &self,
        stream: S,
        options: ConnectOptions,
    ) -> Result<MeshStream<S>, MeshTlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut ssl, refusal) = self.session(Some(options.expected))?;
        ssl.set_alpn_protos(options.protocol.offer()).map_err(CryptographyError::from)?;
        let mut stream = TlsStream::new(ssl, stream).map_err(CryptographyError::from)?;
        if let Err(error) = Pin::new(&mut stream).connect().await {
            return Err(explain(&refusal, &error));
        }
        let stream = finish(stream)?;
        if stream.protocol() != options.protocol {
            return Err(MeshTlsError::Protocol);
        }
        Ok(stream)
    }

    /// A connection to be, and where its verdict on the peer's certificate will be if it is bad.
    fn session(&self, expected: Option<NodeId>) -> Result<(Ssl, Arc<Refusal>), CryptographyError> {
        let mut ssl = Ssl::new(&self.context)?;
        let refusal = Arc::new(Refusal::default());
        let told = Arc::clone(&refusal);
        let mode = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
        ssl.set_verify_callback(mode, move |_, chain| match judge(chain, expected) {
            Ok(()) => {
                chain.set_error(X509VerifyResult::OK);
                true
            }
            Err(error) => {
                chain.set_error(X509VerifyResult::APPLICATION_VERIFICATION);
                *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                false
            }
        });
        Ok((ssl, refusal))
    }
}

/// Why the certificate was refused inside the handshake; empty while it was not.
type Refusal = Mutex<Option<MeshTlsError>>;

/// OpenSSL asks for each certificate of the chain it could build and for each thing it dislikes about
/// it. That a certificate is self-signed, unknown or out of date is as it should be here.
fn judge(chain: &X509StoreContextRef, expected: Option<NodeId>) -> Result<(), MeshTlsError> {
    if chain.error_depth() != 0 {
        return Err(BadCertificate::Several.into());
    }
    let shown = chain.current_cert().ok_or(BadCertificate::Unreadable)?;
    let found = Certificate::new(shown.to_owned())?.check_peer()?;
    match expected {
        Some(expected) if expected != found => Err(MeshTlsError::WrongNode { expected, found }),
        _ => Ok(()),
    }
}

fn explain(refusal: &Refusal, error: &openssl::ssl::Error) -> MeshTlsError {
    let told = refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
    told.unwrap_or_else(|| MeshTlsError::Handshake(error.to_string()))
}

fn finish<S>(stream: TlsStream<S>) -> Result<MeshStream<S>, MeshTlsError> {
    let certificate = single(stream.ssl())?;
    let protocol = match stream.ssl().selected_alpn_protocol() {
        Some(b"h2") => Protocol::H2,
        _ => Protocol::Http1,
    };
    Ok(MeshStream::new(stream, certificate, protocol))
}

fn single(ssl: &SslRef) -> Result<Certificate, BadCertificate> {
    let shown = ssl.peer_certificate().ok_or(BadCertificate::Unreadable)?;
    // OpenSSL keeps the peer's own certificate in a client's chain and leaves it out of a server's.
    let own = usize::from(!ssl.is_server());
    if ssl.peer_cert_chain().is_some_and(|chain| chain.len() > own) {
        return Err(BadCertificate::Several);
    }
    Certificate::new(shown)
}

#[cfg(test)]
mod tests;
