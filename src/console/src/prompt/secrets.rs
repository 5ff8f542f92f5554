//! Which lines are not kept, since they may hold a secret. Rather one too many than one that is read later.

/// What stands before, or is the name of, a secret.
const WORDS: [&str; 4] = ["password", "secret", "authorization", "token"];

/// Whether a line sets something or holds a password.
pub(super) fn may_hold(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let sets = words.next() == Some("config") && words.next() == Some("set");
    let lower = line.to_lowercase();
    sets || WORDS.iter().any(|word| lower.contains(word)) || has_credentials(line)
}

/// Whether a URL names a user before its host.
fn has_credentials(line: &str) -> bool {
    line.split("://").skip(1).any(|rest| {
        let is_end = |one: char| one.is_whitespace() || "/?#\"'".contains(one);
        rest.split(is_end).next().is_some_and(|authority| authority.contains('@'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_secrets_are_told_from_others() {
        for line in [
            "config set admins anna apple",
            "  config   set log level debug",
            r#"replicate start '{"source": "https://anna:apple@example.org/a", "target": "b"}'"#,
            r#"replicate start '{"source": {"auth": {"basic": {"Password": "apple"}}}}'"#,
            r#"replicate start '{"source": {"headers": {"Authorization": "Basic YTpi"}}}'"#,
        ] {
            assert!(may_hold(line), "{line}");
        }
        for line in [
            "tree",
            "config log level",
            "config unset log level",
            "db cities",
            r#"replicate start '{"source": "https://example.org/a@b", "target": "b"}'"#,
        ] {
            assert!(!may_hold(line), "{line}");
        }
    }
}
