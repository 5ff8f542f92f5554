//! The operator's certificate as its files and settings have it, and whether they changed. Blocking
//! reads run on threads for that.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use refuge_config::{Layout, Settings, Ssl};
use refuge_identity::tls::server::{
    ClientAuthorities, ClientNameKind, ServerOptions, ServerTls, Versions,
};

/// Most bytes of a file: all authorities of the world have a quarter of it.
const MOST_BYTES: u64 = 1 << 20;

/// What was read last: it is read again where this differs.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Loaded {
    settings: Ssl,
    files: Vec<(PathBuf, Option<(SystemTime, u64)>)>,
}

/// Whether the files can be used, before anybody listens.
///
/// # Errors
/// A sentence that names the file.
pub fn check(settings: &Settings) -> Result<(), String> {
    if settings.ssl.enabled { load(settings).map(drop) } else { Ok(()) }
}

/// Reads the files if they, or the settings, are others than those of `before`.
pub(super) async fn load_anew(
    settings: &Settings,
    before: Option<&Loaded>,
) -> Option<Result<(Loaded, ServerTls), String>> {
    let (settings, before) = (settings.clone(), before.cloned());
    let task = crate::blocking(move || {
        // Before the reading, so that what changes meanwhile is read again.
        let now = stamp(&settings);
        if before.as_ref() == Some(&now) {
            return None;
        }
        Some(load(&settings).map(|tls| (now, tls)))
    });
    task.await.unwrap_or_else(|error| Some(Err(error.to_string())))
}

fn stamp(settings: &Settings) -> Loaded {
    let ssl = &settings.ssl;
    let named = [&ssl.cert_file, &ssl.key_file, &ssl.cacert_file];
    let named = named.into_iter().filter(|name| !name.is_empty());
    let files = named.map(|name| {
        let path = settings.root.join(name);
        let facts = fs::metadata(&path).and_then(|facts| Ok((facts.modified()?, facts.len())));
        (path, facts.ok())
    });
    Loaded { settings: ssl.clone(), files: files.collect() }
}

fn load(settings: &Settings) -> Result<ServerTls, String> {
    let ssl = &settings.ssl;
    let clients = match ssl.verify_ssl_certificates {
        false => None,
        true => Some(ClientAuthorities {
            pem: read(&settings.root, "cacert_file", &ssl.cacert_file)?,
            depth: ssl.ssl_certificate_max_depth,
            required: ssl.fail_if_no_peer_cert,
            name: match ssl.client_name.as_str() {
                "common_name" => Some(ClientNameKind::CommonName),
                "email" => Some(ClientNameKind::Email),
                "dns" => Some(ClientNameKind::Dns),
                _ => None,
            },
        }),
    };
    let ciphers = words(&ssl.ciphers).collect::<Vec<_>>().join(":");
    let options = ServerOptions {
        certificate_pem: read(&settings.root, "cert_file", &ssl.cert_file)?,
        key_pem: read(&settings.root, "key_file", &ssl.key_file)?,
        password: ssl.password.reveal().map(str::to_owned),
        // Before the node's first start there is none.
        nodes_own_pem: fs::read(nodes_own(&settings.root)).ok(),
        clients,
        versions: versions(&ssl.tls_versions)?,
        ciphers: Some(ciphers).filter(|ciphers| !ciphers.is_empty()),
    };
    ServerTls::new(&options).map_err(|error| format!("ssl: {error}"))
}

fn nodes_own(root: &Path) -> PathBuf {
    Layout::new(root).identity().join("certificate.pem")
}

fn read(root: &Path, key: &str, name: &str) -> Result<Vec<u8>, String> {
    let path = root.join(name);
    let told = |what: String| format!("ssl.{key}: {} {what}", path.display());
    let facts = fs::metadata(&path).map_err(|error| told(format!("cannot be read: {error}")))?;
    if facts.len() > MOST_BYTES {
        return Err(told(format!("has {} bytes: {MOST_BYTES} are allowed", facts.len())));
    }
    fs::read(&path).map_err(|error| told(format!("cannot be read: {error}")))
}

/// The words of a list as we write it, as OpenSSL does, and as CouchDB does: `['tlsv1.2', 'tlsv1.3']`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let between = |letter: char| letter.is_whitespace() || ",:[]'\"".contains(letter);
    text.split(between).filter(|word| !word.is_empty())
}

fn versions(text: &str) -> Result<Versions, String> {
    let (mut two, mut three) = (false, false);
    for word in words(text) {
        match word {
            "tlsv1.2" => two = true,
            "tlsv1.3" => three = true,
            other => {
                return Err(format!(
                    "ssl.tls_versions: {other} is not spoken here: tlsv1.2 and tlsv1.3 are"
                ));
            }
        }
    }
    match (two, three) {
        (true, true) => Ok(Versions::Both),
        (true, false) => Ok(Versions::Only12),
        (false, true) => Ok(Versions::Only13),
        (false, false) => Err("ssl.tls_versions: name tlsv1.2, tlsv1.3 or both".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_every_form() {
        assert_eq!(versions("tlsv1.2, tlsv1.3"), Ok(Versions::Both));
        assert_eq!(versions("['tlsv1.2']"), Ok(Versions::Only12));
        assert_eq!(versions("tlsv1.3"), Ok(Versions::Only13));
        assert!(versions("").is_err() && versions("tlsv1.1, tlsv1.2").is_err());
        let couchdbs = r#"["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"]"#;
        assert_eq!(words(couchdbs).count(), 2);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let mut settings = Settings::default();
        settings.root = PathBuf::from("/nowhere");
        assert_eq!(check(&settings), Ok(()));
        settings.ssl.enabled = true;
        settings.ssl.cert_file = "etc/a.pem".to_owned();
        let told = check(&settings).unwrap_err();
        assert!(told.starts_with("ssl.cert_file: /nowhere/etc/a.pem cannot be read"), "{told}");
    }
}
