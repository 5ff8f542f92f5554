//! The system's service for DNS-SD speaks for the node: Avahi through its library that is called as Bonjour's,
//! or Bonjour's own for Linux. Its functions may block while the service hangs, so all of it runs on a thread of its own.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use async_dnssd::{BrowseResult, BrowsedFlags, Interface, RegisterData, ResolveResult, TxtRecord};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::{Announcement, Claim, MOST_ADDRESSES, MOST_SEEN, Said, VERSION, told_name};

const TYPE: &str = "_refuge._tcp";
/// Until the service takes an announcement.
const PATIENCE: Duration = Duration::from_secs(5);
/// Until the announcement is made: the network is asked first whether the name is free.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(20);
/// Until a node that was heard of tells where it listens.
const RESOLVED_WITHIN: Duration = Duration::from_secs(20);
/// Further addresses of a node are waited for this long after the one before.
const FURTHER: Duration = Duration::from_millis(200);
/// Nodes that are asked at once where they listen; others wait.
const MOST_RESOLVING: usize = 32;
/// What is heard and not yet looked at.
const MOST_UNREAD: usize = 64;

/// The speaker; its thread ends when this is dropped, and the service says goodbye for it.
pub(super) struct SystemService {
    said: mpsc::Receiver<Said>,
}

impl SystemService {
    pub(super) async fn start(announcement: &Announcement) -> io::Result<Self> {
        // There nothing can stand between (see src/system_library.rs): a service that ends would end the node.
        if cfg!(target_vendor = "apple") {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "Bonjour is not asked"));
        }
        let (started, answer) = oneshot::channel();
        let (sender, said) = mpsc::channel(MOST_UNREAD);
        let announcement = announcement.clone();
        let run = move || run(&announcement, started, &sender);
        std::thread::Builder::new().name("dns-sd".to_owned()).spawn(run)?;
        match timeout(PATIENCE, answer).await {
            Ok(Ok(outcome)) => outcome.map(|()| Self { said }),
            Ok(Err(_)) => Err(io::Error::other("its thread ended")),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer")),
        }
    }

    #[cfg(test)]
    pub(super) fn hearing(said: mpsc::Receiver<Said>) -> Self {
        Self { said }
    }

    pub(super) async fn next(&mut self) -> Option<Said> {
        self.said.recv().await
    }
}

type Started = oneshot::Sender<io::Result<()>>;

fn run(announcement: &Announcement, started: Started, sender: &mpsc::Sender<Said>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    runtime.block_on(async {
        tokio::select! {
            // Nobody listens any more.
            () = sender.closed() => {}
            // What it failed of is no secret, but there is nobody here to tell: the channel ends.
            _ = speak(announcement, started, sender) => {}
        }
    });
}

async fn speak(
    announcement: &Announcement,
    started: Started,
    sender: &mpsc::Sender<Said>,
) -> io::Result<()> {
    let registering = match register(announcement) {
        Ok(registering) => registering,
        Err(error) => {
            let _ = started.send(Err(error));
            return Ok(());
        }
    };
    let mut browsing = async_dnssd::browse(TYPE);
    let _ = started.send(Ok(()));
    let mut registering = pin!(timeout(ANNOUNCED_WITHIN, registering));
    let mut registration = None;
    let mut resolving = FuturesUnordered::new();
    let mut nodes = Nodes::default();
    loop {
        while resolving.len() < MOST_RESOLVING {
            let Some(next) = nodes.waiting.pop_front() else { break };
            resolving.push(resolve(next));
        }
        let said = tokio::select! {
            // It lasts as long as this is held.
            registered = &mut registering, if registration.is_none() => {
                registration = Some(registered??);
                None
            }
            heard = browsing.next() => {
                let heard = heard.ok_or(io::ErrorKind::BrokenPipe)??;
                nodes.heard(heard)
            }
            Some(resolved) = resolving.next(), if !resolving.is_empty() => {
                resolved.and_then(|resolved| nodes.resolved(resolved))
            }
        };
        if let Some(said) = said
            && sender.send(said).await.is_err()
        {
            return Ok(());
        }
    }
}

fn register(announcement: &Announcement) -> io::Result<async_dnssd::Register> {
    let (id, name) = (announcement.id.to_string(), told_name(announcement));
    let mut text = TxtRecord::new();
    for (key, value) in [("id", &*id), ("v", VERSION), ("name", &*name)] {
        let set = text.set_value(key.as_bytes(), value.as_bytes());
        set.map_err(|_| io::Error::other("the name is too long for a TXT record"))?;
    }
    // The id is the instance's name, so that no two nodes ever have to agree about one.
    let data = RegisterData { name: Some(&id), txt: text.rdata(), ..RegisterData::default() };
    async_dnssd::register_extended(TYPE, announcement.port, data)
}

/// A node on one interface, and where it listens.
struct Resolved {
    name: String,
    interface: Interface,
    id: Option<String>,
    version: Option<String>,
    port: u16,
    addresses: Vec<IpAddr>,
}

async fn resolve(heard: BrowseResult) -> Option<Resolved> {
    let asking = async {
        let service: ResolveResult = heard.resolve().next().await?.ok()?;
        let mut addresses = Vec::new();
        let mut answers = pin!(service.resolve_socket_address());
        let mut answer = answers.next().await;
        while let Some(Ok(found)) = answer {
            addresses.push(SocketAddr::from(found.address).ip());
            if addresses.len() >= MOST_ADDRESSES {
                break;
            }
            answer = timeout(FURTHER, answers.next()).await.ok().flatten();
        }
        Some((service, addresses))
    };
    let (service, addresses) = timeout(RESOLVED_WITHIN, asking).await.ok().flatten()?;
    let text = TxtRecord::parse_vec(service.txt)?;
    let member = |key: &[u8]| {
        text.get(key).flatten().map(|value| String::from_utf8_lossy(value).into_owned())
    };
    let (id, version) = (member(b"id"), member(b"v"));
    let BrowseResult { service_name: name, interface, .. } = heard;
    Some(Resolved { name, interface, id, version, port: service.port, addresses })
}

/// The nodes of the network: each is heard on every interface that it shares with this machine.
#[derive(Default)]
struct Nodes {
    known: BTreeMap<String, BTreeMap<Interface, Vec<IpAddr>>>,
    waiting: VecDeque<BrowseResult>,
}

impl Nodes {
    fn heard(&mut self, heard: BrowseResult) -> Option<Said> {
        if heard.flags.contains(BrowsedFlags::ADD) {
            let is_new = !self.known.contains_key(&heard.service_name);
            // A flood of names takes no memory.
            if self.waiting.len() < MOST_SEEN && !(is_new && self.known.len() >= MOST_SEEN) {
                self.known.entry(heard.service_name.clone()).or_default();
                self.waiting.push_back(heard);
            }
            return None;
        }
        let interfaces = self.known.get_mut(&heard.service_name)?;
        interfaces.remove(&heard.interface);
        if !interfaces.is_empty() {
            return None;
        }
        self.known.remove(&heard.service_name);
        Some(Said::Gone(heard.service_name))
    }

    fn resolved(&mut self, resolved: Resolved) -> Option<Said> {
        let Resolved { name, interface, id, version, port, addresses } = resolved;
        // It may have left meanwhile.
        let interfaces = self.known.get_mut(&name)?;
        interfaces.insert(interface, addresses);
        let addresses = interfaces.values().flatten().copied().take(2 * MOST_ADDRESSES).collect();
        Some(Said::Here(Claim { service: name, id, version, addresses, port }))
    }
}
