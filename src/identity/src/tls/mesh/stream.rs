//! An encrypted stream to a node that is known by its certificate.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use refuge_mesh::NodeId;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Protocol;
use crate::tls::TlsStream;
use crate::{Certificate, CryptographyError};

/// A connection to another node, over `S`. Dropping it closes it without a farewell; `shutdown` says
/// one.
pub struct MeshStream<S> {
    stream: TlsStream<S>,
    peer: Certificate,
    protocol: Protocol,
}

impl<S> MeshStream<S> {
    pub(super) fn new(stream: TlsStream<S>, peer: Certificate, protocol: Protocol) -> Self {
        Self { stream, peer, protocol }
    }

    /// The node at the other end.
    #[must_use]
    pub fn peer_id(&self) -> NodeId {
        self.peer.node_id()
    }

    /// Its certificate.
    #[must_use]
    pub fn peer_certificate(&self) -> &Certificate {
        &self.peer
    }

    /// Its certificate, as text.
    ///
    /// # Errors
    /// Failures of the library underneath.
    pub fn peer_certificate_pem(&self) -> Result<String, CryptographyError> {
        self.peer.to_pem()
    }

    /// What both agreed to speak.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// What the encrypted bytes travel over.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        self.stream.get_ref()
    }
}

impl<S> fmt::Debug for MeshStream<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MeshStream")
            .field("peer", &self.peer_id())
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for MeshStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for MeshStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
