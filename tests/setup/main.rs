//! How a node is started, configured and given its first admin.

mod configuration;
mod console;
mod first_admin;
mod in_force;
mod limits;
mod live_sync;
mod root;
mod settings_over_http;
