//! TLS towards clients, with a certificate that the operator has from whomever clients trust: versions,
//! ciphers, and which certificates of clients are taken. The node's own key has no place here, and who
//! a client's certificate stands for is not decided here.

mod client_name;

use std::fmt;
use std::pin::Pin;

use openssl::pkey::{PKey, Private};
use openssl::ssl::{Ssl, SslContext, SslContextBuilder, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use tokio::io::{AsyncRead, AsyncWrite};

pub use client_name::ClientNameKind;

use super::{TlsStream, prepare};
use crate::CryptographyError;

/// Ciphers of TLS 1.2 with forward secrecy and authenticated encryption, without Diffie-Hellman over
/// numbers: what RFC 9325 (section 4.2) recommends, and HTTP/2 (RFC 9113, appendix A) does not forbid.
const CIPHERS: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
     ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
     ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

/// What clients may use to find an older session again, of servers that look at certificates; none of
/// theirs is resumed, but OpenSSL wants one set.
const SESSION_CONTEXT: &[u8] = b"refuge";

/// Why there is no listener with such a certificate.
#[derive(Debug, thiserror::Error)]
pub enum ServerTlsError {
    /// The file with the certificate holds none.
    #[error("the file of the certificate holds none in PEM")]
    NoCertificate,
    /// The key cannot be read.
    #[error("the private key cannot be read: it is no PEM, or its password is another one")]
    Key,
    /// Another key's certificate.
    #[error("the private key is not that of the certificate")]
    OtherKey,
    /// The node's own key.
    #[error(
        "the key is the node's own, by which other nodes know it: take another one for clients"
    )]
    NodesOwn,
    /// The file with the authorities holds none.
    #[error("the file of the authorities holds no certificate in PEM")]
    NoAuthority,
    /// OpenSSL knows none of the ciphers.
    #[error("none of the ciphers is known to OpenSSL")]
    Ciphers,
    /// The library underneath failed.
    #[error(transparent)]
    Cryptography(#[from] CryptographyError),
}

/// Versions of TLS that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// 1.2 alone.
    Only12,
    /// 1.3 alone.
    Only13,
    /// Both.
    Both,
}

/// Whose certificates clients may show.
#[derive(Clone)]
pub struct ClientAuthorities {
    /// The authorities, PEM.
    pub pem: Vec<u8>,
    /// Certificates between a client's own and an authority's, at most.
    pub depth: u32,
    /// Whether a client without one is turned away.
    pub required: bool,
    /// What of it names a user.
    pub name: Option<ClientNameKind>,
}

/// What a server's side of TLS is made from. No `Debug`: a key is in it.
#[derive(Clone)]
pub struct ServerOptions {
    /// The certificate, and those between it and its authority behind it, PEM.
    pub certificate_pem: Vec<u8>,
    /// Its private key, PEM.
    pub key_pem: Vec<u8>,
    /// The key's password, where it has one.
    pub password: Option<String>,
    /// The node's own certificate, PEM, whose key is not to be used.
    pub nodes_own_pem: Option<Vec<u8>>,
    /// Whose certificates clients may show; without, they are asked for none.
    pub clients: Option<ClientAuthorities>,
    /// The versions.
    pub versions: Versions,
    /// Ciphers of TLS 1.2, as OpenSSL names them; none for the usual ones.
    pub ciphers: Option<String>,
}

/// The server's side of TLS. Clones share what it is made of.
#[derive(Clone)]
pub struct ServerTls {
    context: SslContext,
    name: Option<ClientNameKind>,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ServerTls")
    }
}

/// A client with whom hands were shaken.
pub struct ServedClient<S> {
    /// The encrypted stream.
    pub stream: TlsStream<S>,
    /// The name in its certificate, where it showed one and it names somebody.
    pub name: Option<String>,
}

impl ServerTls {
    /// Reads the keys. Blocks for a few milliseconds, and longer for a key with a password.
    ///
    /// # Errors
    /// [`ServerTlsError`].
    pub fn new(options: &ServerOptions) -> Result<Self, ServerTlsError> {
        let mut builder = builder(options.versions).map_err(CryptographyError::from)?;
        let ciphers = options.ciphers.as_deref().unwrap_or(CIPHERS);
        builder.set_cipher_list(ciphers).map_err(|_| ServerTlsError::Ciphers)?;
        put_certificate(&mut builder, options)?;
        let mut name = None;
        if let Some(clients) = &options.clients {
            put_authorities(&mut builder, clients)?;
            name = clients.name;
        }
        Ok(Self { context: builder.build(), name })
    }

    /// Shakes hands with whoever connected. Takes as long as they like: give it a deadline.
    ///
    /// # Errors
    /// What OpenSSL says, in words.
    pub async fn accept<S>(&self, stream: S) -> Result<ServedClient<S>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let ssl = Ssl::new(&self.context).map_err(|error| error.to_string())?;
        let mut stream = TlsStream::new(ssl, stream).map_err(|error| error.to_string())?;
        Pin::new(&mut stream).accept().await.map_err(|error| error.to_string())?;
        // A certificate is only kept where it was verified: the mode makes the handshake fail else.
        let shown = self.name.and_then(|kind| Some((kind, stream.ssl().peer_certificate()?)));
        let name = shown.and_then(|(kind, certificate)| kind.read(&certificate));
        Ok(ServedClient { stream, name })
    }
}

fn builder(versions: Versions) -> Result<SslContextBuilder, openssl::error::ErrorStack> {
    let mut builder = SslContextBuilder::new(SslMethod::tls_server())?;
    let (least, most) = match versions {
        Versions::Only12 => (SslVersion::TLS1_2, SslVersion::TLS1_2),
        Versions::Only13 => (SslVersion::TLS1_3, SslVersion::TLS1_3),
        Versions::Both => (SslVersion::TLS1_2, SslVersion::TLS1_3),
    };
    builder.set_min_proto_version(Some(least))?;
    builder.set_max_proto_version(Some(most))?;
    prepare(&mut builder)?;
    Ok(builder)
}

fn put_certificate(
    builder: &mut SslContextBuilder,
    options: &ServerOptions,
) -> Result<(), ServerTlsError> {
    let chain = X509::stack_from_pem(&options.certificate_pem);
    let mut chain = chain.map_err(|_| ServerTlsError::NoCertificate)?.into_iter();
    let own = chain.next().ok_or(ServerTlsError::NoCertificate)?;
    let key = private_key(options)?;
    let public = own.public_key().map_err(|_| ServerTlsError::NoCertificate)?;
    if !public.public_eq(&key) {
        return Err(ServerTlsError::OtherKey);
    }
    let nodes_own = options.nodes_own_pem.as_deref().map(X509::from_pem);
    if let Some(Ok(nodes_own)) = nodes_own
        && nodes_own.public_key().is_ok_and(|nodes_own| nodes_own.public_eq(&key))
    {
        return Err(ServerTlsError::NodesOwn);
    }
    builder.set_certificate(&own).map_err(CryptographyError::from)?;
    for between in chain {
        builder.add_extra_chain_cert(between).map_err(CryptographyError::from)?;
    }
    builder.set_private_key(&key).map_err(CryptographyError::from)?;
    Ok(())
}

fn private_key(options: &ServerOptions) -> Result<PKey<Private>, ServerTlsError> {
    // Always with a password: OpenSSL asks for it on the terminal where none is given.
    let password = options.password.as_deref().unwrap_or_default();
    PKey::private_key_from_pem_passphrase(&options.key_pem, password.as_bytes())
        .map_err(|_| ServerTlsError::Key)
}

fn put_authorities(
    builder: &mut SslContextBuilder,
    clients: &ClientAuthorities,
) -> Result<(), ServerTlsError> {
    let authorities =
        X509::stack_from_pem(&clients.pem).map_err(|_| ServerTlsError::NoAuthority)?;
    if authorities.is_empty() {
        return Err(ServerTlsError::NoAuthority);
    }
    let put = || {
        let mut store = X509StoreBuilder::new()?;
        for authority in authorities {
            // Clients are told whose certificates are asked for.
            builder.add_client_ca(&authority)?;
            store.add_cert(authority)?;
        }
        builder.set_verify_cert_store(store.build())?;
        let required = match clients.required {
            true => SslVerifyMode::FAIL_IF_NO_PEER_CERT,
            false => SslVerifyMode::empty(),
        };
        builder.set_verify(SslVerifyMode::PEER | required);
        builder.set_verify_depth(clients.depth);
        builder.set_session_id_context(SESSION_CONTEXT)
    };
    put().map_err(CryptographyError::from)?;
    Ok(())
}

#[cfg(test)]
mod tests;
