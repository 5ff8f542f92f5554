//! What only shows when all layers are there: settings that do not go together.

use crate::error::ConfigurationError;
use crate::settings::Settings;

/// Whether it can be used.
pub(crate) fn check(settings: &Settings) -> Result<(), ConfigurationError> {
    let tls = settings.ssl.enabled.then_some(("ssl.bind", settings.ssl.bind));
    for (key, bind) in std::iter::once(("http.bind", settings.http.bind)).chain(tls) {
        if settings.admins.is_empty() && !bind.to_canonical().is_loopback() {
            return Err(ConfigurationError::NoAdmin { key, bind });
        }
    }
    check_tls(settings).map_err(|problem| ConfigurationError::Tls { problem })
}

/// What the listener for TLS lacks.
fn check_tls(settings: &Settings) -> Result<(), &'static str> {
    let ssl = &settings.ssl;
    if !ssl.enabled {
        return Ok(());
    }
    if settings.origin("ssl", "port").is_none() {
        return Err(
            "ssl.port has to be given, for example 5986: CouchDB's 6984 belongs to the mesh",
        );
    }
    if ssl.port != 0 && ssl.port == settings.mesh.port {
        return Err(
            "ssl.port is mesh.port, on which other nodes are listened to (6984 unless it is \
             set): give another one, for example 5986",
        );
    }
    if ssl.cert_file.is_empty() || ssl.key_file.is_empty() {
        return Err("ssl.cert_file and ssl.key_file have to name a certificate and its key");
    }
    if ssl.verify_ssl_certificates && ssl.cacert_file.is_empty() {
        return Err(
            "ssl.verify_ssl_certificates needs ssl.cacert_file, which names the authorities",
        );
    }
    if !ssl.verify_ssl_certificates && (ssl.fail_if_no_peer_cert || !ssl.client_name.is_empty()) {
        return Err(
            "ssl.fail_if_no_peer_cert and ssl.client_name need ssl.verify_ssl_certificates",
        );
    }
    Ok(())
}
