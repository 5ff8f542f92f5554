//! One change of a setting that a server admin asked for over HTTP: what it means, whether it may be,
//! who else decides it, and then the file and the settings in force. Values are never logged: some are
//! passwords.

use std::sync::Arc;

use refuge_config::couchdb::{Meaning, meaning, refusal, unknown};
use refuge_config::{
    Authentication, HIDDEN, LocalSetting, Place, WriteError, is_secret, remove_local, value,
    write_local,
};
use refuge_http::{ConfigurationChange, Failure};
use refuge_identity::password;

use super::{ConfigurationState, CurrentSettings, read};
use crate::authentication::hashing::hash_of_admin;
use crate::{names, unavailable};

/// Most values that are kept for clients though they have no effect.
const MOST_KEPT: usize = 1_000;

impl ConfigurationState {
    /// Carries a change out; the value before it.
    pub(super) async fn change(
        &mut self,
        change: ConfigurationChange,
    ) -> Result<Option<String>, Failure> {
        let names = &self.arguments.names;
        let current =
            names.value::<CurrentSettings>(names::CONFIGURATION).ok_or_else(unavailable)?;
        let ConfigurationChange { section, name, value: wanted, persist } = change;
        if let Some(reason) = refusal(&section, &name) {
            return Err(Failure::Forbidden(reason));
        }
        let before = value(&current.settings, &section, &name, password::is_hash);
        let Some(wanted) = wanted else {
            let before = before.ok_or_else(|| not_set(&section, &name))?;
            may_leave(&current, &section, &name)?;
            self.remove(section, name, persist).await?;
            return Ok(Some(before));
        };
        // What is shown instead of a secret is no secret: whoever sends it back changes nothing.
        if wanted == HIDDEN && before.is_some() && is_secret(&section, &name) {
            return Ok(before);
        }
        may_be_set(&current, &section, &name, before.as_deref() == Some(wanted.as_str()))?;
        let wanted = match meaning(&section, &name) {
            Meaning::Admin => hashed(wanted, &current.settings.authentication).await?,
            _ => wanted,
        };
        self.set(section, name, wanted, persist).await?;
        Ok(before)
    }

    async fn set(
        &mut self,
        section: String,
        name: String,
        wanted: String,
        persist: bool,
    ) -> Result<(), Failure> {
        let key = (section, name);
        let mut unpersisted = self.unpersisted.clone();
        unpersisted.insert(key.clone(), wanted.clone());
        // Whether all is right is known before anything is written.
        let mut settings = self.read_with(&unpersisted).await?;
        if persist {
            unpersisted.remove(&key);
            let (root, (section, name)) = (self.arguments.sources.root.clone(), key.clone());
            on_disk(move || {
                let setting = LocalSetting { section: &section, name: &name, value: &wanted };
                write_local(&root, &setting)
            })
            .await?;
            settings = self.read_with(&unpersisted).await?;
        }
        self.unpersisted = unpersisted;
        tracing::info!(section = key.0, name = key.1, persist, "a setting was set over HTTP");
        self.publish(settings);
        Ok(())
    }

    async fn remove(
        &mut self,
        section: String,
        name: String,
        persist: bool,
    ) -> Result<(), Failure> {
        let key = (section, name);
        let mut unpersisted = self.unpersisted.clone();
        unpersisted.remove(&key);
        self.read_with(&unpersisted).await?;
        if persist {
            let (root, (section, name)) = (self.arguments.sources.root.clone(), key.clone());
            on_disk(move || remove_local(&root, &section, &name).map(|_| ())).await?;
        }
        let settings = self.read_with(&unpersisted).await?;
        self.unpersisted = unpersisted;
        tracing::info!(
            section = key.0,
            name = key.1,
            persist,
            "a setting was taken back over HTTP"
        );
        self.publish(settings);
        Ok(())
    }

    async fn read_with(
        &self,
        unpersisted: &refuge_config::Unpersisted,
    ) -> Result<refuge_config::Settings, Failure> {
        let read = read(&self.arguments.sources, unpersisted).await;
        read.map_err(Failure::BadRequest)
    }
}

fn not_set(section: &str, name: &str) -> Failure {
    match meaning(section, name) {
        Meaning::Unknown => Failure::NotFound(unknown(section, name)),
        _ => Failure::NotFound("unknown_config_value".to_owned()),
    }
}

/// Refuses what is no setting, what a stronger layer decides, and what would be too many.
fn may_be_set(
    current: &Arc<CurrentSettings>,
    section: &str,
    name: &str,
    is_so: bool,
) -> Result<(), Failure> {
    let kept = &current.settings.kept;
    match meaning(section, name) {
        Meaning::Unknown => return Err(Failure::BadRequest(unknown(section, name))),
        Meaning::Kept
            if kept.len() >= MOST_KEPT
                && !kept.contains_key(&(section.to_owned(), name.to_owned())) =>
        {
            return Err(Failure::BadRequest(format!(
                "{MOST_KEPT} values without effect are kept already: delete some of them"
            )));
        }
        _ => {}
    }
    match place(current, section, name) {
        Some(stronger) if stronger.beats_local() && !is_so => Err(overruled(stronger)),
        _ => Ok(()),
    }
}

/// Refuses to take back what does not stand in `etc/local.toml`, and the last admin.
fn may_leave(current: &Arc<CurrentSettings>, section: &str, name: &str) -> Result<(), Failure> {
    if section == "admins" && current.settings.admins.len() <= 1 {
        return Err(Failure::Forbidden(
            "the last server admin cannot be removed over HTTP: make another one first".to_owned(),
        ));
    }
    match place(current, section, name) {
        Some(place @ (Place::File { .. } | Place::Environment { .. } | Place::CommandLine)) => {
            Err(overruled(place))
        }
        _ => Ok(()),
    }
}

fn place<'a>(current: &'a CurrentSettings, section: &str, name: &str) -> Option<&'a Place> {
    match meaning(section, name) {
        Meaning::Ours(key) => current.settings.origin(key.section, key.name),
        _ => current.settings.origin(section, name),
    }
}

fn overruled(place: &Place) -> Failure {
    Failure::Overruled(format!("this is set by {place}, which wins: change it there"))
}

/// A password as it is stored. What is a hash already is taken as it is.
async fn hashed(password: String, settings: &Authentication) -> Result<String, Failure> {
    if password::is_hash(&password) {
        let checked = password::check(&password);
        return checked.map(|()| password).map_err(|error| {
            Failure::BadRequest(format!("this is no hash of a password: {error}"))
        });
    }
    if password.is_empty() {
        return Err(Failure::BadRequest("an admin's password must not be empty".to_owned()));
    }
    hash_of_admin(settings, password).await.map_err(Failure::Internal)
}

async fn on_disk(
    write: impl FnOnce() -> Result<(), WriteError> + Send + 'static,
) -> Result<(), Failure> {
    let written = crate::blocking(write).await.map_err(|_| unavailable())?;
    written.map_err(|error| match error {
        WriteError::Configuration(error) => Failure::BadRequest(error.to_string()),
        WriteError::Unwritable { .. } => Failure::Internal(error.to_string()),
    })
}
