//! A release: unpacked anywhere by any user, run by its verbs, watched by a service manager.

mod backups;
mod hooks;
mod observer;
mod older_system;
mod pages;
mod prompt;
mod service;
mod upgrade;
mod verbs;
