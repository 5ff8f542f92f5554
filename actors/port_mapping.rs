//! Has the router at home map a port to this node (UPnP), so that it is reached from outside: a lease, which
//! is renewed when half of it is over and given back when it is wanted no more and when the node stops. Where
//! the node is reached then is published, for what this node tells others of itself. Nobody waits for it; after
//! a crash of it the same mapping is asked for again. Told by: the configuration.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef};
use refuge_discovery::{Gateway, GatewayError};
use refuge_otp::Names;
use tokio::sync::watch;

use crate::configuration::CurrentSettings;
use crate::task::{self, OwnedTask};
use crate::{mesh_listener, names, published};

/// Until a router is looked for again: there may be none, or it is starting.
const RETRY: Duration = Duration::from_secs(60);
/// For giving the port back when it is wanted no more, or the node stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// Messages of this actor.
#[derive(Debug)]
pub enum PortMappingMessage {
    /// The settings were read, and may be others.
    Settings,
}

/// The actor.
#[derive(Default)]
pub struct PortMappingActor;

/// The task that maps; it ends with the actor.
pub struct PortMappingState {
    names: Names,
    mapping: Option<OwnedTask>,
    mapped: Arc<Mapped>,
    /// For how long a port is to be mapped; none where none is to be.
    lease: watch::Sender<Option<Duration>>,
}

/// What is mapped now; published under the actor's name.
#[derive(Default)]
struct Mapped {
    /// Who maps it.
    gateway: Mutex<Option<Arc<Gateway>>>,
    /// Where the node is reached then.
    outer: watch::Sender<Option<SocketAddr>>,
}

/// Where this node is reached from outside, while the router says so.
pub(crate) fn outer_address(names: &Names) -> Option<SocketAddr> {
    names.value::<Mapped>(names::PORT_MAPPING)?.address()
}

/// Returns when this node is reached from outside under an address that is not `known`, over restarts of the
/// actor. That it is reached under none any more is no news.
pub(crate) async fn another_outer_address(names: &Names, known: Option<SocketAddr>) -> SocketAddr {
    loop {
        let Ok(mapped) = published::<Mapped>(names, names::PORT_MAPPING).await else { continue };
        let watch = mapped.outer.subscribe();
        // It must not outlive its actor here: that it goes tells of a restart.
        drop(mapped);
        if let Some(address) = another(watch, known).await {
            return address;
        }
    }
}

async fn another(
    mut watch: watch::Receiver<Option<SocketAddr>>,
    known: Option<SocketAddr>,
) -> Option<SocketAddr> {
    let is_another = |now: &Option<SocketAddr>| now.is_some() && *now != known;
    watch.wait_for(is_another).await.ok().and_then(|now| *now)
}

impl Actor for PortMappingActor {
    type Msg = PortMappingMessage;
    type State = PortMappingState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let mapped = Arc::new(Mapped::default());
        publish(&names, &myself.get_cell(), &mapped);
        let (lease, wanted) = watch::channel(lease(&names));
        let (told, mapping) = (names.clone(), Arc::clone(&mapped));
        let mapping = OwnedTask::again(RETRY, move || {
            let (names, mapped) = (told.clone(), Arc::clone(&mapping));
            task::follow(wanted.clone(), move |lease| {
                map(names.clone(), Arc::clone(&mapped), lease)
            })
        });
        Ok(PortMappingState { names, mapping: Some(mapping), mapped, lease })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PortMappingMessage::Settings => task::want(&state.lease, lease(&state.names)),
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        // It must not ask for the port again.
        state.mapping = None;
        state.mapped.give_back().await;
        Ok(())
    }
}

fn publish(names: &Names, myself: &ActorCell, mapped: &Arc<Mapped>) {
    names.publish(myself, names::PORT_MAPPING, Arc::clone(mapped));
}

/// For how long a port is to be mapped; none where none is to be.
fn lease(names: &Names) -> Option<Duration> {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION)?;
    let mesh = &current.settings.mesh;
    mesh.upnp.then(|| Duration::from_secs(mesh.upnp_lease_seconds))
}

/// Maps the port for as long as this is wanted; gives it back where it is not.
async fn map(names: Names, mapped: Arc<Mapped>, lease: Option<Duration>) {
    let Some(lease) = lease else { return mapped.give_back().await };
    loop {
        let Err(error) = keep(&names, &mapped, lease).await;
        if mapped.take().is_some() {
            tracing::warn!(%error, "this node may not be reached from outside any more");
        } else {
            tracing::info!(%error, "no port is mapped to this node");
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn keep(
    names: &Names,
    mapped: &Mapped,
    lease: Duration,
) -> Result<std::convert::Infallible, GatewayError> {
    let listening = mesh_listener::listening_on(names).await;
    if !listening.ip().is_unspecified() {
        // One that is bound to an address of its own is not what the router would lead to, and stays so as long
        // as the node runs.
        return std::future::pending().await;
    }
    let port = listening.port();
    let gateway = Arc::new(Gateway::find().await?);
    loop {
        let before = mapped.address();
        let outer = before.map_or(port, |address| address.port());
        let mapping = gateway.map(port, outer, lease).await?;
        if before != Some(mapping.outer) {
            tracing::info!(address = %mapping.outer, expires = mapping.expires,
                "the router maps a port to this node");
        }
        mapped.put(&gateway, mapping.outer);
        tokio::time::sleep(lease / 2).await;
    }
}

impl Mapped {
    fn address(&self) -> Option<SocketAddr> {
        *self.outer.borrow()
    }

    fn put(&self, gateway: &Arc<Gateway>, outer: SocketAddr) {
        *self.gateway() = Some(Arc::clone(gateway));
        self.outer.send_replace(Some(outer));
    }

    fn take(&self) -> Option<(Arc<Gateway>, SocketAddr)> {
        self.gateway().take().zip(self.outer.send_replace(None))
    }

    /// Has the router map no port any more, where it does.
    async fn give_back(&self) {
        let Some((gateway, address)) = self.take() else { return };
        match tokio::time::timeout(FAREWELL, gateway.unmap(address.port())).await {
            Ok(Ok(())) => tracing::info!(%address, "the router maps no port any more"),
            Ok(Err(error)) => tracing::info!(%error, "the port stays mapped until its lease ends"),
            Err(_) => tracing::info!("the port stays mapped until its lease ends: no answer"),
        }
    }

    fn gateway(&self) -> std::sync::MutexGuard<'_, Option<Arc<Gateway>>> {
        self.gateway.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Option<SocketAddr> {
        Some(SocketAddr::from(([11, 0, 0, last], 6984)))
    }

    #[tokio::test]
    async fn an_outer_address_is_told_when_it_appears_and_when_it_changes() {
        let mapped = Mapped::default();
        let told = tokio::spawn(another(mapped.outer.subscribe(), None));
        mapped.outer.send_replace(address(1));
        assert_eq!(told.await.unwrap(), address(1));
        let told = tokio::spawn(another(mapped.outer.subscribe(), address(1)));
        // A lease that was renewed, and a router that was away, are no news.
        for news in [address(1), None, address(1), address(2)] {
            mapped.outer.send_replace(news);
            tokio::task::yield_now().await;
        }
        assert_eq!(told.await.unwrap(), address(2));
    }

    #[tokio::test]
    async fn whoever_waits_notices_that_the_actor_was_restarted() {
        let mapped = Mapped::default();
        let told = tokio::spawn(another(mapped.outer.subscribe(), None));
        drop(mapped);
        assert_eq!(told.await.unwrap(), None);
    }
}
