//! What the configuration asks of the HTTP surface, as one value that a request looks at. Reading the
//! configuration does not belong here.

use std::time::Duration;

use hyper::header::HeaderValue;

use crate::cors::Cors;
use crate::limits::Limits;
use crate::request_rate::RequestRate;
use crate::virtual_hosts::VirtualHosts;

/// The rules in force while one request is answered.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What one request may ask for.
    pub limits: Limits,
    /// Which pages of other origins may ask; none where CORS is off.
    pub cors: Option<Cors>,
    /// Who has to say who they are.
    pub valid_user: ValidUser,
    /// What answers 401 ask for in `WWW-Authenticate`; none sends none.
    pub challenge: Option<HeaderValue>,
    /// What `_up` says.
    pub maintenance: Maintenance,
    /// Whether the `_security` of `_users` may be changed.
    pub users_security_editable: bool,
    /// The longest that a feed waits for a change, and how long it waits where nothing is asked:
    /// CouchDB's `changes_timeout`.
    pub longest_wait: Duration,
    /// How many requests one address may make; none where there is no limit.
    pub rate: Option<RequestRate>,
    /// How far requests are rewritten by design documents.
    pub rewrites: RewriteRules,
    /// Hosts that lead into the node; none where none is named.
    pub virtual_hosts: Option<VirtualHosts>,
}

/// How far requests are rewritten by design documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RewriteRules {
    /// Whether a rewritten request stays in its database: CouchDB's `secure_rewrites`.
    pub secure: bool,
    /// How often one request is rewritten: CouchDB's `rewrite_limit`.
    pub limit: u32,
}

impl Default for RewriteRules {
    fn default() -> Self {
        Self { secure: true, limit: 100 }
    }
}

/// Who has to say who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValidUser {
    /// Nobody: what anybody may do is decided endpoint by endpoint.
    #[default]
    NotRequired,
    /// Everybody: CouchDB's `require_valid_user`.
    Required,
    /// Everybody but those who ask for `_up`: CouchDB's `require_valid_user_except_for_up`.
    RequiredExceptForUp,
}

/// What `_up` says to load balancers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Maintenance {
    /// That all is well.
    #[default]
    No,
    /// That this node is not to be asked.
    Yes,
    /// The same under CouchDB's other name.
    NoLoadBalancer,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            cors: None,
            valid_user: ValidUser::NotRequired,
            challenge: None,
            maintenance: Maintenance::No,
            users_security_editable: false,
            longest_wait: Duration::from_secs(60),
            rate: None,
            rewrites: RewriteRules::default(),
            virtual_hosts: None,
        }
    }
}
