//! The text of the `etc/refuge.toml` that ships: every key, commented out, with its default and why.

use std::fmt::Write;

use crate::settings::KEYS;

const HEAD: &str = "\
# The configuration of a refuge node. Every setting is here with its default; take the # away to
# change one. Later ones win: defaults, this file, --config files in their order, etc/local.toml
# (written by the node alone), environment variables REFUGE_<SECTION>__<KEY>, --set section.key=value.
";

const ADMINS: &str = "
# Server admins, NAME = \"PASSWORD\". While there is none the node listens on loopback only and prints a
# set-up link. Better there, or in etc/local.toml: what stands in it in clear is hashed at the next start.
[admins]
#anna = \"a long password\"
";

const HOSTS: &str = "
# Virtual hosts, \"HOST\" = \"PATH\": requests for such a host lead to that path. A part of a host may be
# *, which stands for the rest in front, or :NAME, which is taken over where the path has :NAME.
[vhosts]
#\"*.example.org\" = \"/example/_design/app/_rewrite\"
";

const TOKEN_KEYS: &str = "
# Keys of JSON web tokens, \"KIND:ID\" = \"KEY\": hmac with a secret in base64, rsa or ec with a public key
# in PEM whose ends of lines are written \\n. The id is the token's kid, or _default.
[jwt_keys]
#\"hmac:_default\" = \"c29tZXRoaW5nIGxvbmcgdGhhdCBub2JvZHkgZ3Vlc3Nlcw==\"
";

/// The whole file.
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    let mut section = "";
    for key in KEYS {
        if key.section != section {
            section = key.section;
            let _ = write!(text, "\n[{section}]\n");
        }
        let _ = write!(text, "# {}\n#{} = {}\n", key.why, key.name, key.default_text());
    }
    text.push_str(HOSTS);
    text.push_str(TOKEN_KEYS);
    text.push_str(ADMINS);
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Expected, Settings, Sources, load};

    /// `UPDATE=1 cargo test -p refuge-config` writes the file anew.
    #[test]
    fn the_file_that_ships_is_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../etc/refuge.toml");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, reference()).unwrap();
        }
        let shipped = std::fs::read_to_string(&path).unwrap();
        assert_eq!(shipped, reference(), "run UPDATE=1 cargo test -p refuge-config");
    }

    #[test]
    fn taking_every_comment_sign_away_changes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("all.toml");
        let lines: Vec<String> = reference()
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if !rest.starts_with(' ') => rest.to_owned(),
                _ => line.to_owned(),
            })
            .collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        let sources =
            Sources { root: root.path().to_owned(), files: vec![path], ..Sources::default() };
        let settings = load(&sources).unwrap();
        assert_eq!(settings.admins["anna"], "a long password");
        let hosts: Vec<_> = settings.virtual_hosts().collect();
        assert_eq!(hosts, [("*.example.org", "/example/_design/app/_rewrite")]);
        for key in KEYS {
            assert_eq!(key.value_text(&settings), key.value_text(&Settings::default()));
            assert!(settings.origin(key.section, key.name).is_some(), "{}", key.path());
        }
    }

    #[test]
    fn every_why_is_one_line_and_every_number_fits_toml() {
        for key in KEYS {
            assert!(key.why.ends_with('.') && !key.why.contains('\n'), "{}", key.path());
            if let Expected::Number { most, .. } = key.expected {
                assert!(i64::try_from(most).is_ok());
            }
        }
    }
}
