//! Holds the pool of outgoing HTTP connections and publishes it under its own name. A restart loses
//! the idle connections; they are made anew, with the files of TLS read again.

use std::path::Path;
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_client::{ConnectionOptions, Connections};
use refuge_config::{Replicator, Settings};
use refuge_identity::tls::{ClientCertificate, ClientOptions};
use refuge_otp::Names;
use refuge_replication::SocketOptions;

use crate::configuration::CurrentSettings;
use crate::names;

/// Messages of this actor: none yet; the pool is looked up.
#[derive(Debug)]
pub enum OutgoingConnectionsMessage {}

/// The actor.
#[derive(Default)]
pub struct OutgoingConnectionsActor;

impl Actor for OutgoingConnectionsActor {
    type Msg = OutgoingConnectionsMessage;
    type State = ();
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let current = names.value::<CurrentSettings>(names::CONFIGURATION);
        let settings = current.map(|current| current.settings.clone()).unwrap_or_default();
        let sockets = sockets(&settings.replicator);
        let tls = crate::blocking(move || tls(&settings)).await?;
        let options = ConnectionOptions { tls, sockets, ..ConnectionOptions::default() };
        let pool = Connections::new(options);
        names.publish(&myself.get_cell(), names::OUTGOING_CONNECTIONS, Arc::new(pool));
        Ok(())
    }
}

/// What the settings say of sockets; the usual where nobody can read it.
pub(crate) fn sockets(replicator: &Replicator) -> SocketOptions {
    let read = SocketOptions::parse(&replicator.socket_options);
    read.unwrap_or_else(|error| {
        tracing::error!(%error, "replicator.socket_options cannot be read and is left out");
        SocketOptions::default()
    })
}

/// What the settings say of TLS. A file that cannot be read is told of and left out: less is trusted
/// then, and servers that ask who we are refuse us.
fn tls(settings: &Settings) -> ClientOptions {
    let Replicator { ssl_trusted_certificates_file, cert_file, key_file, .. } =
        &settings.replicator;
    let read = |file: &str| read(&settings.root, file);
    let certificate = match (read(cert_file), read(key_file)) {
        (Some(chain_pem), Some(key_pem)) => Some(ClientCertificate { chain_pem, key_pem }),
        _ => None,
    };
    ClientOptions {
        roots_pem: read(ssl_trusted_certificates_file).unwrap_or_default(),
        trusts_anybody: !settings.replicator.verify_ssl_certificates,
        certificate_depth: Some(settings.replicator.ssl_certificate_max_depth),
        certificate,
    }
}

fn read(root: &Path, file: &str) -> Option<Vec<u8>> {
    if file.is_empty() {
        return None;
    }
    let path = root.join(file);
    let read = std::fs::read(&path);
    read.inspect_err(|error| {
        tracing::error!(file = %path.display(), %error, "a file of [replicator] cannot be read");
    })
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_as_the_settings_say() {
        let told = |text: &str| {
            sockets(&Replicator { socket_options: text.to_owned(), ..Replicator::default() })
        };
        let wanted = SocketOptions {
            keep_alive: false,
            no_delay: false,
            send_buffer_bytes: Some(8_192),
            receive_buffer_bytes: None,
        };
        assert_eq!(told("[{keepalive, false}, {nodelay, false}, {sndbuf, 8192}]"), wanted);
        assert_eq!(told("[{keepalive}]"), SocketOptions::default(), "nobody can read it");
    }
}
