//! The configuration's actor: reads the layers at its start, publishes them under its own name as one
//! immutable snapshot, and is the only one that writes `etc/local.toml`.
//!
//! Called by: the authenticator (the first admin), the node's service (`_config`, the first session). A restart loses what
//! was set for this run of the node alone; all else is read anew.

mod change;
mod rules;

use std::collections::BTreeMap;
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_config::{
    LocalSetting, Log, Place, Settings, Sources, Unpersisted, load_with, write_local,
};
use refuge_http::{ConfigurationChange, Failure, Rules};
use refuge_identity::password::{self, StoredPassword};
use refuge_otp::Names;
use tokio::sync::{oneshot, watch};

use crate::authentication::hashing::hash_of_admin;
use crate::hash_table::HashTableMessage;
use crate::hub_client::HubClientMessage;
use crate::local_discovery::LocalDiscoveryMessage;
use crate::names;
use crate::port_mapping::PortMappingMessage;
use crate::tls_listener::TlsListenerMessage;

/// The settings in force, as everybody may look them up.
pub struct CurrentSettings {
    /// The settings.
    pub settings: Settings,
    /// What they ask of HTTP.
    pub rules: Arc<Rules>,
    /// Grows with every change.
    pub generation: u64,
    /// The number of those that are in force.
    newest: watch::Receiver<u64>,
}

/// Told how much is to be logged, whenever the settings were read.
pub type SetLogLevel = Arc<dyn Fn(&Log) + Send + Sync>;

/// Messages of the configuration's actor.
pub enum ConfigurationMessage {
    /// Write an admin with an already hashed password.
    WriteAdmin {
        /// The admin's name.
        name: String,
        /// The password's hash in CouchDB's text form.
        hash: String,
        /// Answered when the file is on disk and the settings are in force.
        reply: oneshot::Sender<Result<(), String>>,
    },
    /// Write another hash of the same password of an admin.
    UpgradeAdmin {
        /// The admin's name.
        name: String,
        /// The hash that it takes the place of; where another one is in force by now nothing is done.
        before: String,
        /// The new one.
        hash: String,
        /// Answered when it is in force, or not to be; with whether it is.
        reply: oneshot::Sender<Result<bool, String>>,
    },
    /// Change one value, as a server admin asked over HTTP.
    Change {
        /// What is to be changed.
        change: ConfigurationChange,
        /// Gets the value before it, when the new one is in force.
        reply: oneshot::Sender<Result<Option<String>, Failure>>,
    },
    /// Make the secret that cookies are signed with, where there is none.
    MakeSecret {
        /// Answered when the file is on disk and the settings are in force.
        reply: oneshot::Sender<Result<(), String>>,
    },
    /// Read the files anew, and forget what was set for this run of the node alone.
    Reload {
        /// Answered when the settings are in force; they stay as they were where a file is wrong.
        reply: oneshot::Sender<Result<(), Failure>>,
    },
}

/// What the actor is started with.
#[derive(Clone)]
pub struct ConfigurationArguments {
    /// The names of this node.
    pub names: Names,
    /// Where settings come from.
    pub sources: Sources,
    /// Told how much is to be logged.
    pub set_log_level: SetLogLevel,
}

/// The actor.
#[derive(Default)]
pub struct ConfigurationActor;

/// Where settings come from, and how often they changed.
pub struct ConfigurationState {
    arguments: ConfigurationArguments,
    myself: ActorRef<ConfigurationMessage>,
    unpersisted: Unpersisted,
    generation: u64,
    /// Tells of each change; what it holds is the generation.
    changes: watch::Sender<u64>,
}

impl Actor for ConfigurationActor {
    type Msg = ConfigurationMessage;
    type State = ConfigurationState;
    type Arguments = ConfigurationArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let settings = read(&arguments.sources, &Unpersisted::new()).await?;
        let settings = hash_written_passwords(&arguments.sources, settings).await?;
        // Another number than the last incarnation's, so that nobody takes old for new.
        let generation = rand::random::<u32>().into();
        let unpersisted = Unpersisted::new();
        let changes = watch::Sender::new(generation);
        let mut state = ConfigurationState { arguments, myself, unpersisted, generation, changes };
        state.publish(settings);
        Ok(state)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ConfigurationMessage::WriteAdmin { name, hash, reply } => {
                let written = state.write_admin(name, hash).await;
                let _ = reply.send(written);
            }
            ConfigurationMessage::UpgradeAdmin { name, before, hash, reply } => {
                let written = state.upgrade_admin(name, &before, hash).await;
                let _ = reply.send(written);
            }
            ConfigurationMessage::Change { change, reply } => {
                let changed = state.change(change).await;
                let _ = reply.send(changed);
            }
            ConfigurationMessage::MakeSecret { reply } => {
                let made = state.make_secret().await;
                let _ = reply.send(made);
            }
            ConfigurationMessage::Reload { reply } => {
                let reloaded = state.reload().await;
                let _ = reply.send(reloaded);
            }
        }
        Ok(())
    }
}

impl ConfigurationState {
    fn publish(&mut self, settings: Settings) {
        self.generation += 1;
        (self.arguments.set_log_level)(&settings.log);
        let rules = Arc::new(rules::rules(&settings));
        let current = CurrentSettings {
            settings,
            rules,
            generation: self.generation,
            newest: self.changes.subscribe(),
        };
        let owner = self.myself.get_cell();
        self.arguments.names.publish(&owner, names::CONFIGURATION, Arc::new(current));
        self.changes.send_replace(self.generation);
        self.tell_followers();
    }

    /// Early in the life of the node they are not there yet, and look by themselves when they start.
    fn tell_followers(&self) {
        let names = &self.arguments.names;
        let _ = names.cast(names::LOCAL_DISCOVERY, LocalDiscoveryMessage::Settings);
        let _ = names.cast(names::PORT_MAPPING, PortMappingMessage::Settings);
        let _ = names.cast(names::HASH_TABLE, HashTableMessage::Settings);
        let _ = names.cast(names::HUB_CLIENT, HubClientMessage::Settings);
    }

    async fn write_admin(&mut self, name: String, hash: String) -> Result<(), String> {
        write_admins(&self.arguments.sources, BTreeMap::from([(name, hash)])).await?;
        let settings = read(&self.arguments.sources, &self.unpersisted).await?;
        self.publish(settings);
        Ok(())
    }

    async fn upgrade_admin(
        &mut self,
        name: String,
        before: &str,
        hash: String,
    ) -> Result<bool, String> {
        let current = self.arguments.names.value::<CurrentSettings>(names::CONFIGURATION);
        let is_so = current.is_some_and(|current| {
            let local =
                matches!(current.settings.origin("admins", &name), Some(Place::Local { .. }));
            // In whatever letters its digits are written, it is the same hash.
            let stored = current.settings.admins.get(&name);
            let stored = stored.and_then(|text| StoredPassword::from_text(text));
            local && stored.is_some_and(|stored| stored.to_text() == before)
        });
        if is_so {
            self.write_admin(name, hash).await?;
        }
        Ok(is_so)
    }

    async fn make_secret(&mut self) -> Result<(), String> {
        let current = self.arguments.names.value::<CurrentSettings>(names::CONFIGURATION);
        let secret = current.as_ref().map(|current| &current.settings.authentication.secret);
        if secret.is_some_and(|secret| secret.reveal().is_some()) {
            return Ok(());
        }
        let (root, secret) = (
            self.arguments.sources.root.clone(),
            refuge_identity::token().map_err(|error| error.to_string())?,
        );
        let task = crate::blocking(move || {
            let (section, name) = ("authentication", "secret");
            write_local(&root, &LocalSetting { section, name, value: &secret })
        });
        let written = task.await.map_err(|error| error.to_string())?;
        written.map_err(|error| error.to_string())?;
        let settings = read(&self.arguments.sources, &self.unpersisted).await?;
        self.publish(settings);
        Ok(())
    }

    async fn reload(&mut self) -> Result<(), Failure> {
        let reloaded = self.read_anew().await;
        // A certificate that was renewed is looked at even where the configuration is wrong.
        let _ = self.arguments.names.cast(names::TLS_LISTENER, TlsListenerMessage::Look);
        reloaded
    }

    async fn read_anew(&mut self) -> Result<(), Failure> {
        let settings = read(&self.arguments.sources, &Unpersisted::new()).await;
        let settings = settings.map_err(|error| {
            tracing::warn!(error, "the configuration is not read anew; what is in force stays");
            Failure::BadRequest(error)
        })?;
        check_admins(&settings).map_err(Failure::BadRequest)?;
        let settings = hash_written_passwords(&self.arguments.sources, settings).await;
        let settings = settings.map_err(Failure::Internal)?;
        tracing::info!("the configuration was read anew");
        self.unpersisted.clear();
        self.publish(settings);
        Ok(())
    }
}

/// Waits until something is so of the settings, over restarts of their actor.
pub(crate) async fn until(names: &Names, holds: impl Fn(&Settings) -> bool) {
    loop {
        // While it is being restarted nothing is known to have changed.
        let Ok(current) = crate::published::<CurrentSettings>(names, names::CONFIGURATION).await
        else {
            continue;
        };
        if holds(&current.settings) {
            return;
        }
        let (generation, mut newest) = (current.generation, current.newest.clone());
        drop(current);
        // That nobody tells any more is a restart.
        let _ = newest.wait_for(|newest| *newest > generation).await;
    }
}

/// Reads all layers, on a thread that may wait for the disk.
async fn read(sources: &Sources, unpersisted: &Unpersisted) -> Result<Settings, String> {
    let (sources, unpersisted) = (sources.clone(), unpersisted.clone());
    crate::blocking(move || load_with(&sources, &unpersisted))
        .await
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}

/// Has the files read anew.
///
/// # Errors
/// A sentence that names what is wrong; the settings stay as they were.
pub async fn reload(names: &Names) -> Result<(), String> {
    let reload = |reply| ConfigurationMessage::Reload { reply };
    let read = crate::call(names, names::CONFIGURATION, reload).await;
    read.and_then(|read| read).map_err(|failure| failure.to_string())
}

/// Whether every admin's hash is in a form that can be compared with; else that admin could never
/// log in.
///
/// # Errors
/// A sentence that names the admin.
pub fn check_admins(settings: &Settings) -> Result<(), String> {
    let hashed = settings.admins.iter().filter(|(_, text)| password::is_hash(text));
    for (name, text) in hashed {
        password::check(text).map_err(|error| format!("admins.{name}: {error}"))?;
    }
    Ok(())
}

/// Passwords that somebody wrote into `etc/local.toml` in clear are hashed and written back.
async fn hash_written_passwords(sources: &Sources, settings: Settings) -> Result<Settings, String> {
    let clear: BTreeMap<String, String> = settings
        .admins
        .iter()
        .filter(|(name, text)| {
            let local = matches!(settings.origin("admins", name), Some(Place::Local { .. }));
            local && !password::is_hash(text)
        })
        .map(|(name, text)| (name.clone(), text.clone()))
        .collect();
    if clear.is_empty() {
        return Ok(settings);
    }
    let mut hashed = BTreeMap::new();
    for (name, text) in clear {
        hashed.insert(name, hash_of_admin(&settings.authentication, text).await?);
    }
    write_admins(sources, hashed).await?;
    read(sources, &Unpersisted::new()).await
}

async fn write_admins(sources: &Sources, admins: BTreeMap<String, String>) -> Result<(), String> {
    let root = sources.root.clone();
    let task = crate::blocking(move || {
        for (name, hash) in &admins {
            write_local(&root, &LocalSetting { section: "admins", name, value: hash })
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    });
    task.await.map_err(|error| error.to_string())?
}
