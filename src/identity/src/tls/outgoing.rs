//! TLS towards servers of the world: which authorities to trust, which versions. Nodes of the mesh
//! are none of these.

use std::fmt;
use std::pin::Pin;

use openssl::pkey::PKey;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::CryptographyError;

/// An encrypted stream over `S`.
pub type TlsStream<S> = tokio_openssl::SslStream<S>;

/// ALPN (RFC 7301) of what the client speaks: each protocol preceded by its length.
const PROTOCOLS: &[u8] = b"\x08http/1.1";

/// Why a server was not reached through TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The library underneath failed.
    #[error(transparent)]
    Cryptography(#[from] CryptographyError),
    /// The server's certificate does not hold: unknown issuer, other name, out of date.
    #[error("the certificate of {host} is not trusted: {reason}")]
    Untrusted {
        /// Who was meant.
        host: String,
        /// OpenSSL's words.
        reason: String,
    },
    /// The handshake failed otherwise.
    #[error("no TLS connection to {host}: {reason}")]
    Handshake {
        /// Who was meant.
        host: String,
        /// OpenSSL's or the system's words.
        reason: String,
    },
}

/// Whom a client trusts beyond the system's roots, and what it shows of itself.
#[derive(Clone, Default)]
pub struct ClientOptions {
    /// Further certificates of authorities, PEM, one after another.
    pub roots_pem: Vec<u8>,
    /// Takes any certificate: whoever stands between reads all.
    pub trusts_anybody: bool,
    /// Certificates between a server's own and an authority's, at most; `None` as many as come.
    pub certificate_depth: Option<u32>,
    /// What servers that ask for a certificate are shown.
    pub certificate: Option<ClientCertificate>,
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientOptions")
    }
}

/// A certificate with its key, PEM. Never shown.
#[derive(Clone)]
pub struct ClientCertificate {
    /// The certificate, and those between it and its authority behind it.
    pub chain_pem: Vec<u8>,
    /// Its private key.
    pub key_pem: Vec<u8>,
}

/// Makes TLS connections; costly to make (reads the system's roots), cheap to clone and use.
#[derive(Clone)]
pub struct Connector(SslConnector);

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connector")
    }
}

/// A connector that trusts the system's roots (and those of `SSL_CERT_FILE` and `SSL_CERT_DIR`),
/// checks the server's name, and speaks TLS 1.2 or 1.3. Blocks while it reads the roots.
pub fn client_connector(options: &ClientOptions) -> Result<Connector, CryptographyError> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_alpn_protos(PROTOCOLS)?;
    for root in X509::stack_from_pem(&options.roots_pem)? {
        builder.cert_store_mut().add_cert(root)?;
    }
    if let Some(depth) = options.certificate_depth {
        builder.set_verify_depth(depth);
    }
    if options.trusts_anybody {
        builder.set_verify(SslVerifyMode::NONE);
    }
    if let Some(certificate) = &options.certificate {
        let mut chain = X509::stack_from_pem(&certificate.chain_pem)?.into_iter();
        if let Some(own) = chain.next() {
            builder.set_certificate(&own)?;
        }
        for between in chain {
            builder.add_extra_chain_cert(between)?;
        }
        builder.set_private_key(PKey::private_key_from_pem(&certificate.key_pem)?.as_ref())?;
        builder.check_private_key()?;
    }
    Ok(Connector(builder.build()))
}

impl Connector {
    /// Shakes hands over `stream` with `host`: a name or an address, IPv6 with or without brackets.
    /// Takes as long as the peer likes: give it a deadline. Cancelling drops the stream.
    pub async fn connect<S>(&self, stream: S, host: &str) -> Result<TlsStream<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let configuration = self.0.configure().map_err(CryptographyError::from)?;
        let ssl = configuration.into_ssl(name).map_err(CryptographyError::from)?;
        let mut stream = TlsStream::new(ssl, stream).map_err(CryptographyError::from)?;
        let outcome = Pin::new(&mut stream).connect().await;
        let Err(error) = outcome else { return Ok(stream) };
        let verdict = stream.ssl().verify_result();
        let host = host.to_owned();
        let anybody = stream.ssl().verify_mode() == SslVerifyMode::NONE;
        if anybody || verdict == openssl::x509::X509VerifyResult::OK {
            Err(TlsError::Handshake { host, reason: error.to_string() })
        } else {
            Err(TlsError::Untrusted { host, reason: verdict.error_string().to_owned() })
        }
    }
}

#[cfg(test)]
mod tests;
