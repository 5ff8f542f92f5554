//! The configuration's actor: reads the layers at its start, publishes them under its own name as one
//! immutable snapshot, and is the only one that writes `etc/local.toml`.
//!
//! Called by: the authenticator (the first admin). A restart loses nothing; the layers are read anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_config::{LocalSetting, Place, Settings, Sources, load, write_local};
use refuge_identity::password;
use refuge_otp::Names;
use tokio::sync::oneshot;

use crate::names;

/// The settings in force, as everybody may look them up.
pub struct CurrentSettings {
    /// The settings.
    pub settings: Settings,
    /// Grows with every change.
    pub generation: u64,
}

/// Messages of the configuration's actor.
#[derive(Debug)]
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
}

/// What the actor is started with.
#[derive(Clone)]
pub struct ConfigurationArguments {
    /// The names of this node.
    pub names: Names,
    /// Where settings come from.
    pub sources: Sources,
}

/// The actor.
#[derive(Default)]
pub struct ConfigurationActor;

/// Where settings come from, and how often they changed.
pub struct ConfigurationState {
    arguments: ConfigurationArguments,
    generation: u64,
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
        let settings = read(arguments.sources.clone()).await?;
        let settings = hash_written_passwords(&arguments.sources, settings).await?;
        // Another number than the last incarnation's, so that nobody takes old for new.
        let state = ConfigurationState { arguments, generation: rand::random::<u32>().into() };
        state.publish(&myself, settings);
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ConfigurationMessage::WriteAdmin { name, hash, reply } => {
                let written = state.write_admin(&myself, name, hash).await;
                let _ = reply.send(written);
            }
        }
        Ok(())
    }
}

impl ConfigurationState {
    fn publish(&self, myself: &ActorRef<ConfigurationMessage>, settings: Settings) {
        let current = CurrentSettings { settings, generation: self.generation };
        self.arguments.names.publish(&myself.get_cell(), names::CONFIGURATION, Arc::new(current));
    }

    async fn write_admin(
        &mut self,
        myself: &ActorRef<ConfigurationMessage>,
        name: String,
        hash: String,
    ) -> Result<(), String> {
        write_admins(&self.arguments.sources, BTreeMap::from([(name, hash)])).await?;
        let settings =
            read(self.arguments.sources.clone()).await.map_err(|error| error.to_string())?;
        self.generation += 1;
        self.publish(myself, settings);
        Ok(())
    }
}

async fn read(sources: Sources) -> Result<Settings, ActorProcessingErr> {
    Ok(tokio::task::spawn_blocking(move || load(&sources)).await??)
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
async fn hash_written_passwords(
    sources: &Sources,
    settings: Settings,
) -> Result<Settings, ActorProcessingErr> {
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
    let iterations = settings.authentication.iterations;
    let hashed = tokio::task::spawn_blocking(move || {
        clear
            .into_iter()
            .map(|(name, text)| Ok((name, password::hash(&text, iterations)?)))
            .collect::<Result<BTreeMap<_, _>, password::PasswordError>>()
    })
    .await??;
    write_admins(sources, hashed).await?;
    read(sources.clone()).await
}

async fn write_admins(sources: &Sources, admins: BTreeMap<String, String>) -> Result<(), String> {
    let root = sources.root.clone();
    let task = tokio::task::spawn_blocking(move || {
        for (name, hash) in &admins {
            write_local(&root, &LocalSetting { section: "admins", name, value: hash })
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    });
    task.await.map_err(|error| error.to_string())?
}
