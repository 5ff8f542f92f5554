//! The settings and the log, as the console shows and changes them.

use refuge_config::LogLevel;
use refuge_console::{ConfigurationWish, ControlError, LogWish};
use refuge_http::{ConfigurationChange, Failure};
use refuge_identity::password;
use refuge_otp::Names;
use serde_json::{Value, json};
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};

use super::Host;
use super::control::{Answer, shown};
use crate::configuration::{ConfigurationMessage, CurrentSettings};
use crate::names;

/// Shows settings, or changes one.
pub(super) async fn configuration(names: &Names, wish: ConfigurationWish) -> Answer {
    match wish {
        ConfigurationWish::Show { section, key } => show(names, section, key),
        ConfigurationWish::Set { section, key, value } => {
            let change = ConfigurationChange { section, name: key, value, persist: true };
            change_one(names, change).await
        }
        ConfigurationWish::Reload => {
            let reload = |reply| ConfigurationMessage::Reload { reply };
            let read = crate::call(names, names::CONFIGURATION, reload).await;
            read.and_then(|read| read).map_err(refused)?;
            Ok(json!({"read": true}))
        }
    }
}

fn show(names: &Names, section: Option<String>, key: Option<String>) -> Answer {
    let starting = || ControlError::Unavailable("the node is starting".to_owned());
    let current = names.value::<CurrentSettings>(names::CONFIGURATION).ok_or_else(starting)?;
    let mut all = refuge_config::view(&current.settings, password::is_hash);
    if let Some(wanted) = &section {
        all.retain(|name, _| name == wanted);
    }
    if let Some(wanted) = &key {
        all.values_mut().for_each(|section| section.retain(|name, _| name == wanted));
        all.retain(|_, section| !section.is_empty());
    }
    match (all.is_empty(), section) {
        (true, Some(section)) => {
            let key = key.unwrap_or_default();
            let reason = refuge_config::couchdb::unknown(&section, &key);
            Err(ControlError::Refused(reason))
        }
        _ => shown(&all),
    }
}

async fn change_one(names: &Names, change: ConfigurationChange) -> Answer {
    let change = |reply| ConfigurationMessage::Change { change, reply };
    let changed = crate::call(names, names::CONFIGURATION, change).await;
    let before = changed.and_then(|changed| changed).map_err(refused)?;
    Ok(json!({ "before": before }))
}

/// What was typed is wrong, unless the node is at fault.
fn refused(failure: Failure) -> ControlError {
    match failure {
        Failure::Unavailable(_) | Failure::Internal(_) => super::control::unavailable(failure),
        failure => ControlError::Refused(failure.to_string()),
    }
}

/// Shows the last lines, or changes how much is logged until the next start.
pub(super) async fn log(names: &Names, host: &Host, wish: LogWish) -> Answer {
    let (level, module) = match wish {
        LogWish::Last(lines) => return Ok(json!({ "lines": (host.read_log)(lines) })),
        LogWish::Level { level, module } => (level, module),
    };
    if !LogLevel::ALL.iter().any(|one| one.as_str() == level) {
        let levels: Vec<&str> = LogLevel::ALL.iter().map(|one| one.as_str()).collect();
        let reason = format!("{level:?} is no level; there are: {}", levels.join(", "));
        return Err(ControlError::Refused(reason));
    }
    let (name, value) = match module {
        None => ("level", level),
        Some(module) => ("modules", with_module(&modules(names), &module, &level)?),
    };
    let (section, name) = ("log".to_owned(), name.to_owned());
    let change = ConfigurationChange { section, name, value: Some(value), persist: false };
    change_one(names, change).await?;
    let current = names.value::<CurrentSettings>(names::CONFIGURATION);
    let log = current.map(|current| current.settings.log.clone()).unwrap_or_default();
    let mut told: Value = json!({"level": log.level.as_str(), "modules": log.modules});
    if let (Some(note), Some(members)) = (left_out(STATIC_MAX_LEVEL, &log), told.as_object_mut()) {
        members.insert("note".to_owned(), note.into());
    }
    Ok(told)
}

/// What is said where the build leaves out what somebody wants logged.
fn left_out(built: LevelFilter, log: &refuge_config::Log) -> Option<&'static str> {
    let note = "this release leaves out what `trace` would add: `debug` is the most that is logged";
    (log.wants_trace() && built < LevelFilter::TRACE).then_some(note)
}

fn modules(names: &Names) -> String {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION);
    current.map_or_else(String::new, |current| current.settings.log.modules.clone())
}

/// The list of modules with this one's level put in the place of its former one.
fn with_module(modules: &str, module: &str, level: &str) -> Result<String, ControlError> {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.chars().all(|one| one.is_ascii_alphanumeric() || "_:".contains(one))
    };
    if !is_name(module) {
        let reason =
            format!("{module:?} is no module; such as refuge_http or refuge_actors::shard");
        return Err(ControlError::Refused(reason));
    }
    let others = modules.split(',').map(str::trim).filter(|one| {
        let name = one.split('=').next().unwrap_or_default();
        !one.is_empty() && name != module
    });
    let all: Vec<String> = others.map(str::to_owned).chain([format!("{module}={level}")]).collect();
    Ok(all.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_more_than_a_release_can_tell_hears_so() {
        let log = |level, modules: &str| refuge_config::Log {
            level,
            modules: modules.to_owned(),
            ..refuge_config::Log::default()
        };
        let all = log(LogLevel::Trace, "");
        assert!(left_out(LevelFilter::DEBUG, &all).is_some());
        assert!(left_out(LevelFilter::DEBUG, &log(LogLevel::Info, "fjall=trace")).is_some());
        assert_eq!(left_out(LevelFilter::TRACE, &all), None);
        assert_eq!(left_out(LevelFilter::DEBUG, &log(LogLevel::Debug, "a=info")), None);
    }

    #[test]
    fn the_level_of_a_module_takes_the_place_of_its_former_one() {
        let changed = |modules, level| with_module(modules, "refuge_http", level).unwrap();
        assert_eq!(changed("", "debug"), "refuge_http=debug");
        let two = "fjall=warn, refuge_http=debug";
        assert_eq!(changed(two, "trace"), "fjall=warn,refuge_http=trace");
        assert!(with_module("", "a,b=c", "info").is_err());
    }
}
