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
    Ssl, SslContext, SslContextBuilder, SslMethod, SslRef, SslVerifyMode, SslVersion,
};
use openssl::x509::{X509StoreContextRef, X509VerifyResult};
use refuge_mesh::NodeId;
use tokio::io::{AsyncRead, AsyncWrite};

pub use stream::MeshStream;

use super::{TlsStream, prepare};
use crate::{BadCertificate, Certificate, CryptographyError, NodeKey};

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
    /// For connections of the node that has this key and this certificate over it.
    pub(crate) fn new(key: &NodeKey, own: &Certificate) -> Result<Self, CryptographyError> {
        let mut builder = SslContextBuilder::new(SslMethod::tls())?;
        builder.set_min_proto_version(Some(SslVersion::TLS1_3))?;
        builder.set_max_proto_version(Some(SslVersion::TLS1_3))?;
        prepare(&mut builder)?;
        builder.set_private_key(key.private())?;
        builder.set_certificate(own.x509())?;
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
        let (ssl, verdict) = self.session(None)?;
        let mut stream = TlsStream::new(ssl, stream).map_err(CryptographyError::from)?;
        if let Err(error) = Pin::new(&mut stream).accept().await {
            return Err(explain(&verdict, &error));
        }
        finish(stream, &verdict)
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
        let (mut ssl, verdict) = self.session(Some(options.expected))?;
        ssl.set_alpn_protos(options.protocol.offer()).map_err(CryptographyError::from)?;
        let mut stream = TlsStream::new(ssl, stream).map_err(CryptographyError::from)?;
        if let Err(error) = Pin::new(&mut stream).connect().await {
            return Err(explain(&verdict, &error));
        }
        let stream = finish(stream, &verdict)?;
        if stream.protocol() != options.protocol {
            return Err(MeshTlsError::Protocol);
        }
        Ok(stream)
    }

    /// A connection to be, and where its verdict on the peer's certificate will be.
    fn session(&self, expected: Option<NodeId>) -> Result<(Ssl, Arc<Verdict>), CryptographyError> {
        let mut ssl = Ssl::new(&self.context)?;
        let verdict = Arc::new(Verdict::default());
        let told = Arc::clone(&verdict);
        let mode = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
        ssl.set_verify_callback(mode, move |_, chain| {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            // OpenSSL asks again for the same certificate, with another of its dislikes.
            let again = chain.error_depth() == 0 && matches!(*told, Some(Ok(_)));
            if !again {
                *told = Some(judge(chain, expected));
            }
            let good = matches!(*told, Some(Ok(_)));
            chain.set_error(match good {
                true => X509VerifyResult::OK,
                false => X509VerifyResult::APPLICATION_VERIFICATION,
            });
            good
        });
        Ok((ssl, verdict))
    }
}

/// The certificate as it was found good inside the handshake, or why it was not; empty before.
type Verdict = Mutex<Option<Result<Certificate, MeshTlsError>>>;

/// OpenSSL asks for each certificate of the chain it could build and for each thing it dislikes about
/// it. That a certificate is self-signed, unknown or out of date is as it should be here.
fn judge(
    chain: &X509StoreContextRef,
    expected: Option<NodeId>,
) -> Result<Certificate, MeshTlsError> {
    if chain.error_depth() != 0 {
        return Err(BadCertificate::Several.into());
    }
    let shown = chain.current_cert().ok_or(BadCertificate::Unreadable)?;
    let certificate = Certificate::new(shown.to_owned())?;
    let found = certificate.check_peer()?;
    match expected {
        Some(expected) if expected != found => Err(MeshTlsError::WrongNode { expected, found }),
        _ => Ok(certificate),
    }
}

fn explain(verdict: &Verdict, error: &openssl::ssl::Error) -> MeshTlsError {
    match verdict.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(Err(refusal)) => refusal,
        Some(Ok(_)) | None => MeshTlsError::Handshake(error.to_string()),
    }
}

fn finish<S>(stream: TlsStream<S>, verdict: &Verdict) -> Result<MeshStream<S>, MeshTlsError> {
    check_single(stream.ssl())?;
    let told = verdict.lock().unwrap_or_else(PoisonError::into_inner).take();
    // A handshake without a verdict would be one without a certificate, which the mode forbids.
    let certificate = told.unwrap_or(Err(BadCertificate::Unreadable.into()))?;
    let protocol = match stream.ssl().selected_alpn_protocol() {
        Some(b"h2") => Protocol::H2,
        _ => Protocol::Http1,
    };
    Ok(MeshStream::new(stream, certificate, protocol))
}

fn check_single(ssl: &SslRef) -> Result<(), BadCertificate> {
    // OpenSSL keeps the peer's own certificate in a client's chain and leaves it out of a server's.
    let own = usize::from(!ssl.is_server());
    if ssl.peer_cert_chain().is_some_and(|chain| chain.len() > own) {
        return Err(BadCertificate::Several);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
