//! Keys and certificates that OpenSSL's command line makes: what a stranger comes with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use data_encoding::BASE32_NOPAD;
use tempfile::TempDir;

/// A key with a certificate, in files.
pub struct Certificate {
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    _folder: Option<TempDir>,
}

impl Certificate {
    /// What a node has under its root.
    pub fn of_node(root: &Path) -> Self {
        Self::kept_in(&root.join("var/identity"))
    }

    /// The `certificate.pem` and the `key.pem` of a folder.
    pub fn kept_in(folder: &Path) -> Self {
        Self {
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
            _folder: None,
        }
    }

    /// A new self-signed one over an RSA key of so many bits.
    pub fn rsa(bits: u32) -> Self {
        Self::self_signed(&["-newkey", &format!("rsa:{bits}")])
    }

    /// A new self-signed one; `key` are the arguments that ask for its key.
    pub fn self_signed(key: &[&str]) -> Self {
        let made = Self::empty();
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=stranger"]);
        command.args(key);
        run(command.arg("-keyout").arg(&made.key).arg("-out").arg(&made.certificate));
        made
    }

    /// One that was valid in the year 2000 alone.
    pub fn of_the_past() -> Self {
        let made = Self::empty();
        let folder = made.folder();
        std::fs::write(folder.join("index"), "").unwrap();
        std::fs::write(folder.join("serial"), "01").unwrap();
        std::fs::write(folder.join("ca.conf"), AUTHORITY).unwrap();
        let request = folder.join("request");
        let mut command = Command::new("openssl");
        command.args(["req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=past"]);
        run(command.arg("-keyout").arg(&made.key).arg("-out").arg(&request));
        let mut command = Command::new("openssl");
        command.args([
            "ca",
            "-batch",
            "-selfsign",
            "-rand_serial",
            "-notext",
            "-config",
            "ca.conf",
        ]);
        command.args(["-startdate", "20000101000000Z", "-enddate", "20010101000000Z"]);
        command.current_dir(&folder).arg("-keyfile").arg(&made.key).arg("-in").arg(&request);
        run(command.arg("-out").arg(&made.certificate));
        made
    }

    /// One that this one has signed, over a key of its own.
    pub fn sign(&self) -> Self {
        self.sign_as("/CN=signed")
    }

    /// The same, whose subject is called so: `/CN=anna`.
    pub fn sign_as(&self, subject: &str) -> Self {
        let made = Self::empty();
        let request = made.folder().join("request");
        let mut command = Command::new("openssl");
        command.args(["req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", subject]);
        run(command.arg("-keyout").arg(&made.key).arg("-out").arg(&request));
        let mut command = Command::new("openssl");
        command.args(["x509", "-req", "-days", "30", "-set_serial", "1", "-in"]).arg(&request);
        command.arg("-CA").arg(&self.certificate).arg("-CAkey").arg(&self.key);
        run(command.arg("-out").arg(&made.certificate));
        made
    }

    /// The same for a server at an address.
    pub fn sign_for(&self, address: std::net::IpAddr) -> Self {
        let made = Self::empty();
        let (request, names) = (made.folder().join("request"), made.folder().join("names"));
        std::fs::write(&names, format!("subjectAltName=IP:{address}\n")).unwrap();
        let mut command = Command::new("openssl");
        command.args(["req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server"]);
        run(command.arg("-keyout").arg(&made.key).arg("-out").arg(&request));
        let mut command = Command::new("openssl");
        command.args(["x509", "-req", "-days", "30", "-set_serial", "2", "-in"]).arg(&request);
        command.arg("-CA").arg(&self.certificate).arg("-CAkey").arg(&self.key);
        command.arg("-extfile").arg(&names);
        run(command.arg("-out").arg(&made.certificate));
        made
    }

    /// Its node id, as OpenSSL's command line finds it: SHA-256 of the public key's DER, in base32.
    pub fn node_id(&self) -> String {
        let mut command = Command::new("openssl");
        let pem = run(command.args(["x509", "-noout", "-pubkey", "-in"]).arg(&self.certificate));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("public.pem");
        std::fs::write(&file, pem).unwrap();
        let der = folder.path().join("public.der");
        let mut command = Command::new("openssl");
        command.args(["pkey", "-pubin", "-outform", "der", "-in"]).arg(&file);
        run(command.arg("-out").arg(&der));
        let mut command = Command::new("openssl");
        let digest = run(command.args(["dgst", "-sha256", "-binary"]).arg(&der));
        BASE32_NOPAD.encode(&digest)
    }

    /// Where the certificate and its key are, as text.
    pub fn paths(&self) -> [String; 2] {
        [&self.certificate, &self.key].map(|path| path.to_str().expect("UTF-8").to_owned())
    }

    fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self {
            certificate: folder.path().join("certificate.pem"),
            key: folder.path().join("key.pem"),
            _folder: Some(folder),
        }
    }

    fn folder(&self) -> PathBuf {
        self.key.parent().expect("a folder").to_owned()
    }
}

/// The least that `openssl ca` wants to know.
const AUTHORITY: &str = "\
[ca]
default_ca = one
[one]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
[any]
commonName = supplied
";

/// What a command writes to standard output; it must succeed.
fn run(command: &mut Command) -> Vec<u8> {
    let told = command.stdin(Stdio::null()).output();
    let told = told.expect("OpenSSL's command line: run release/system-packages test");
    let errors = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{command:?}: {errors}");
    told.stdout
}
