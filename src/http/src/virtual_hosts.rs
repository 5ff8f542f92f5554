//! Virtual hosts: where a request leads that was meant for a certain host (CouchDB documentation, "config/http",
//! "vhosts"). Only the path changes; who asks, and what they may, is found out as for any request.

use std::cmp::Reverse;

use hyper::header::{HOST, HeaderName};
use hyper::{HeaderMap, Uri};

use crate::query::encode_segment;
use crate::request::with_path;

/// The virtual hosts of a node, in the order in which they are tried.
#[derive(Clone, Debug)]
pub struct VirtualHosts {
    hosts: Vec<VirtualHost>,
    /// First parts of paths that lead where they lead on any host.
    global: Vec<String>,
    /// The header of proxies that names the host.
    forwarded: Option<HeaderName>,
}

/// One host's pattern and where it leads. The order of the variants and fields is that of CouchDB, which tries
/// them from the last to the first: what is named before what is bound, what is bound before all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct VirtualHost {
    labels: Vec<Part>,
    port: Port,
    /// What the path has to begin with; it is left out behind the target.
    prefix: Vec<String>,
    target: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Port {
    Some(u16),
    Any,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// `*`: all that is left.
    All,
    /// `:name`.
    Variable(String),
    /// What it says.
    Text(String),
}

/// Names with the labels that they stand for.
type Variables<'a> = Vec<(&'a str, &'a str)>;

impl VirtualHosts {
    /// From CouchDB's section `vhosts` (patterns of hosts, with or without a port and the beginning of a path,
    /// and the paths to which they lead), `vhost_global_handlers` and `x_forwarded_host`. `None` where no host
    /// is named.
    pub fn new<'a>(
        hosts: impl Iterator<Item = (&'a str, &'a str)>,
        global_handlers: &str,
        forwarded: &str,
    ) -> Option<Self> {
        let named = hosts.filter(|(_, path)| !path.trim().is_empty());
        let mut hosts: Vec<_> = named.map(|(host, path)| VirtualHost::new(host, path)).collect();
        if hosts.is_empty() {
            return None;
        }
        hosts.sort_by_key(|host| Reverse(host.clone()));
        let global = global_handlers.split(',').map(str::trim).filter(|name| !name.is_empty());
        let global = global.map(str::to_owned).collect();
        Some(Self { hosts, global, forwarded: forwarded.trim().parse().ok() })
    }

    /// Where a request leads: its path and query, where its host is one of these.
    pub(crate) fn lead(&self, uri: &Uri, headers: &HeaderMap) -> Option<Uri> {
        let first = uri.path().trim_start_matches('/').split('/').next().unwrap_or_default();
        let first = if first.is_empty() { "/" } else { first };
        if self.global.iter().any(|name| name == first) {
            return None;
        }
        let named = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let host = self.forwarded.as_ref().and_then(named).or_else(|| named(&HOST));
        let host = host.or_else(|| uri.authority().map(|authority| authority.as_str()))?;
        let (labels, port) = split(host);
        let path = self.hosts.iter().find_map(|host| host.lead(&labels, port, uri.path()))?;
        let target = match uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        with_path(uri, &target)
    }
}

impl VirtualHost {
    fn new(host: &str, path: &str) -> Self {
        let end = host.find(['/', '?', '#']).unwrap_or(host.len());
        let (host, prefix) = host.split_at_checked(end).unwrap_or((host, ""));
        let (labels, port) = split(if host.is_empty() { "*" } else { host });
        Self {
            labels: labels.iter().map(|label| Part::new(label)).collect(),
            port: port.map_or(Port::Any, Port::Some),
            prefix: parts(prefix).map(str::to_owned).collect(),
            target: parts(path).map(Part::new).collect(),
        }
    }

    fn lead(&self, labels: &[String], port: Option<u16>, path: &str) -> Option<String> {
        if let Port::Some(wanted) = self.port
            && port != Some(wanted)
        {
            return None;
        }
        let (bound, left) = self.bind(labels)?;
        let rest = self.behind_prefix(path)?;
        let mut target = String::new();
        for part in &self.target {
            match part {
                // As it was written, which may be encoded.
                Part::Text(text) => {
                    target.push('/');
                    target.push_str(text);
                }
                Part::Variable(name) => {
                    let value = bound.iter().find(|(known, _)| known == name);
                    push(&mut target, value.map_or("undefined", |(_, value)| value));
                }
                Part::All => {
                    // The last one first, as in CouchDB.
                    left.iter().rev().for_each(|label| push(&mut target, label));
                    break;
                }
            }
        }
        Some(target + rest)
    }

    /// The variables of a host that fits, and the labels in front that `*` stands for.
    fn bind<'a>(&'a self, labels: &'a [String]) -> Option<(Variables<'a>, &'a [String])> {
        let mut bound = Vec::new();
        let mut left = labels;
        let mut pattern = self.labels.as_slice();
        while let Some((last, front)) = pattern.split_last() {
            if *last == Part::All && front.is_empty() {
                return (!left.is_empty()).then_some((bound, left));
            }
            let (label, before) = left.split_last()?;
            match last {
                Part::Variable(name) => bound.push((name.as_str(), label.as_str())),
                Part::Text(text) if text == label => {}
                Part::Text(_) | Part::All => return None,
            }
            (left, pattern) = (before, front);
        }
        left.is_empty().then_some((bound, left))
    }

    /// What a path has behind the prefix.
    fn behind_prefix<'a>(&self, path: &'a str) -> Option<&'a str> {
        let mut rest = path;
        for wanted in &self.prefix {
            let trimmed = rest.trim_start_matches('/');
            let end = trimmed.find('/').unwrap_or(trimmed.len());
            let (part, behind) = trimmed.split_at_checked(end)?;
            if part != wanted {
                return None;
            }
            rest = behind;
        }
        Some(if rest.is_empty() { "/" } else { rest })
    }
}

impl Part {
    fn new(text: &str) -> Self {
        match text.strip_prefix(':') {
            _ if text == "*" => Self::All,
            Some(name) => Self::Variable(name.to_owned()),
            None => Self::Text(text.to_owned()),
        }
    }
}

fn push(path: &mut String, segment: &str) {
    path.push('/');
    path.push_str(&encode_segment(segment));
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.trim().split('/').filter(|part| !part.is_empty())
}

/// The labels of a host in small letters, and its port. The colon of a variable is none of a port.
fn split(host: &str) -> (Vec<String>, Option<u16>) {
    let port = host.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = port.map_or((host, None), |(host, port)| (host, Some(port)));
    let labels = host.split('.').filter(|label| !label.is_empty());
    (labels.map(str::to_ascii_lowercase).collect(), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLOBAL: &str = "_utils, _uuids, _session, _users";

    fn lead(hosts: &[(&str, &str)], host: &str, path: &str) -> Option<String> {
        let hosts = VirtualHosts::new(hosts.iter().copied(), GLOBAL, "X-Forwarded-Host")?;
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().expect("a value"));
        let uri = hosts.lead(&path.parse().expect("a path"), &headers)?;
        Some(uri.to_string())
    }

    #[test]
    fn a_host_leads_to_a_path() {
        let hosts = [("example.org", "/db/_design/app/_rewrite"), ("root.example.org", "/")];
        let found = lead(&hosts, "Example.org:5984", "/a%2Fb?x=1");
        assert_eq!(found.as_deref(), Some("/db/_design/app/_rewrite/a%2Fb?x=1"));
        let found = lead(&hosts, "example.org", "/");
        assert_eq!(found.as_deref(), Some("/db/_design/app/_rewrite/"));
        assert_eq!(lead(&hosts, "root.example.org", "/db").as_deref(), Some("/db"));
        assert_eq!(lead(&hosts, "www.example.org", "/"), None);
        assert_eq!(lead(&[], "example.org", "/"), None);
        assert_eq!(lead(&[("example.org", "")], "example.org", "/"), None);
    }

    #[test]
    fn patterns_bind_parts_of_a_host() {
        let hosts = [
            ("*.example.org", "/all/*"),
            (":design.:database.example.org", "/:database/_design/:design/_rewrite"),
            (":database.example.org", "/:database/:none"),
            ("www.example.org", "/www"),
        ];
        assert_eq!(lead(&hosts, "www.example.org", "/x").as_deref(), Some("/www/x"));
        assert_eq!(lead(&hosts, "a.example.org", "/x").as_deref(), Some("/a/undefined/x"));
        let found = lead(&hosts, "app.db.example.org", "/x");
        assert_eq!(found.as_deref(), Some("/db/_design/app/_rewrite/x"));
        assert_eq!(lead(&hosts, "a.b.c.example.org", "/x").as_deref(), Some("/all/c/b/a/x"));
        assert_eq!(lead(&hosts, "example.org", "/x"), None);
        let found = lead(&hosts, "a/_b.example.org", "/x");
        assert_eq!(found.as_deref(), Some("/a%2F_b/undefined/x"));
    }

    #[test]
    fn a_host_may_have_a_port_and_the_beginning_of_a_path() {
        let hosts = [("example.org:81", "/one"), ("example.org/two/", "/three")];
        assert_eq!(lead(&hosts, "example.org:81", "/x").as_deref(), Some("/one/x"));
        assert_eq!(lead(&hosts, "example.org", "/two/x").as_deref(), Some("/three/x"));
        assert_eq!(lead(&hosts, "example.org", "/two").as_deref(), Some("/three/"));
        assert_eq!(lead(&hosts, "example.org", "/twofold"), None);
        assert_eq!(lead(&hosts, "example.org:82", "/x"), None);
    }

    #[test]
    fn what_is_global_stays_where_it_is() {
        let hosts = [("*", "/db")];
        for path in ["/_session", "/_utils/x", "/_uuids?count=1", "/_users/a"] {
            assert_eq!(lead(&hosts, "example.org", path), None, "{path}");
        }
        assert_eq!(lead(&hosts, "example.org", "/_all_dbs").as_deref(), Some("/db/_all_dbs"));
        let hosts = VirtualHosts::new([("*", "/db")].into_iter(), "/", "").expect("hosts");
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-host", "a".parse().expect("a value"));
        assert_eq!(hosts.lead(&"/".parse().expect("a path"), &headers), None);
        assert_eq!(hosts.lead(&"/x".parse().expect("a path"), &headers), None, "no host");
    }

    #[test]
    fn a_proxy_tells_the_host() {
        let hosts = [("a.org", "/a"), ("b.org", "/b")];
        let hosts = VirtualHosts::new(hosts.into_iter(), GLOBAL, "X-Forwarded-Host");
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "a.org".parse().expect("a value"));
        headers.insert("x-forwarded-host", "b.org".parse().expect("a value"));
        let led = hosts.and_then(|hosts| hosts.lead(&"/x".parse().ok()?, &headers));
        assert_eq!(led.map(|uri| uri.to_string()).as_deref(), Some("/b/x"));
    }
}
