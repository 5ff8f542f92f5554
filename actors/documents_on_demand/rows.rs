//! The rows of what is set for databases among the records of the node, by the instances of these: one
//! that is made anew has none. One that cannot be read is told in the log and passed over.

use std::collections::HashMap;

use refuge_http::OnDemand;
use refuge_storage::{NodeWrite, StorageError, Store};
use serde_json::{Value, json};

use super::OnDemandSetting;

/// What the keys begin with; the instance follows.
const PREFIX: &str = "on_demand/";
const VERSION: u64 = 1;

pub(super) fn key(instance: &str) -> String {
    format!("{PREFIX}{instance}")
}

pub(super) fn row(setting: &OnDemandSetting) -> Vec<u8> {
    let OnDemandSetting { name, wish } = setting;
    json!({ "version": VERSION, "name": name, "setting": wish }).to_string().into_bytes()
}

/// The settings of databases that are there; and the removal of those whose databases are not.
pub(super) fn settings(
    store: &Store,
) -> Result<(HashMap<String, OnDemandSetting>, Vec<NodeWrite>), StorageError> {
    let read = |(key, row): (String, Vec<u8>)| {
        let instance = key.strip_prefix(PREFIX).map(str::to_owned);
        let read = instance.zip(setting(&row));
        if read.is_none() {
            tracing::error!(
                key,
                "what is set for documents on demand cannot be read: set it again"
            );
        }
        read
    };
    let (mut settings, mut gone) = (HashMap::new(), Vec::new());
    for (instance, setting) in store.node_records(PREFIX)?.into_iter().filter_map(read) {
        let database = store.database(&setting.name)?;
        if database.is_some_and(|database| crate::hexadecimal(&database.instance) == instance) {
            settings.insert(instance, setting);
        } else {
            gone.push(NodeWrite { key: key(&instance), value: None });
        }
    }
    Ok((settings, gone))
}

fn setting(row: &[u8]) -> Option<OnDemandSetting> {
    let mut value: Value = serde_json::from_slice(row).ok()?;
    if value.get("version")?.as_u64()? != VERSION {
        return None;
    }
    let wish: OnDemand = serde_json::from_value(value.get_mut("setting")?.take()).ok()?;
    Some(OnDemandSetting { name: value.get("name")?.as_str()?.to_owned(), wish })
}
