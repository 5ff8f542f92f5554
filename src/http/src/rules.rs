//! What the configuration asks of the HTTP surface, as one value that a request looks at. Reading the
//! configuration does not belong here.

use std::net::IpAddr;
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use crate::client_address::TrustedProxies;
use crate::cors::Cors;
use crate::limits::Limits;
use crate::request_rate::RequestRate;
use crate::user::Handler;
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
    /// Proxies that tell where requests come from; none where nobody is believed.
    pub proxies: Option<TrustedProxies>,
    /// How many requests one address may make; none where there is no limit.
    pub rate: Option<RequestRate>,
    /// How far requests are rewritten by design documents.
    pub rewrites: RewriteRules,
    /// Hosts that lead into the node; none where none is named.
    pub virtual_hosts: Option<VirtualHosts>,
    /// How clients say who they are.
    pub authentication: AuthenticationRules,
    /// What browsers are told of pages that are stored here.
    pub content_security: ContentSecurity,
}

/// How clients say who they are.
#[derive(Clone, Debug)]
pub struct AuthenticationRules {
    /// The ways, in the order in which they are tried.
    pub handlers: Vec<Handler>,
    /// The headers of proxies.
    pub proxy: ProxyHeaders,
    /// The cookies of sessions.
    pub sessions: SessionRules,
    /// Where a browser that takes HTML alone is sent instead of a 401.
    pub redirect: Option<String>,
    /// Members of a user's document that other users see.
    pub public_fields: Vec<String>,
    /// Whether whoever may read `_users` may list it.
    pub users_are_public: bool,
}

/// The headers in which a proxy says whom it let in.
#[derive(Clone, Debug)]
pub struct ProxyHeaders {
    /// The user's name.
    pub name: HeaderName,
    /// The user's roles, separated by commas.
    pub roles: HeaderName,
    /// With what it proves that it may say so.
    pub token: HeaderName,
}

/// The cookies of sessions.
#[derive(Clone, Debug)]
pub struct SessionRules {
    /// How long a session lasts after its last renewal.
    pub lasts: Duration,
    /// Whether browsers keep the cookie when they are closed.
    pub persistent: bool,
    /// The domain that it is for; none for the host that set it.
    pub domain: Option<String>,
    /// `SameSite`, as it is written in a cookie.
    pub same_site: Option<&'static str>,
}

/// `Content-Security-Policy` headers; none where nothing is said.
#[derive(Clone, Debug)]
pub struct ContentSecurity {
    /// Of attachments.
    pub attachments: Option<HeaderValue>,
    /// Of what functions of design documents make.
    pub functions: Option<HeaderValue>,
}

impl Default for AuthenticationRules {
    fn default() -> Self {
        Self {
            handlers: vec![Handler::Cookie, Handler::Default],
            proxy: ProxyHeaders {
                name: HeaderName::from_static("x-auth-couchdb-username"),
                roles: HeaderName::from_static("x-auth-couchdb-roles"),
                token: HeaderName::from_static("x-auth-couchdb-token"),
            },
            sessions: SessionRules {
                lasts: Duration::from_secs(600),
                persistent: true,
                domain: None,
                same_site: None,
            },
            redirect: None,
            public_fields: Vec::new(),
            users_are_public: false,
        }
    }
}

impl Default for ContentSecurity {
    fn default() -> Self {
        let sandbox = || Some(HeaderValue::from_static("sandbox"));
        Self { attachments: sandbox(), functions: sandbox() }
    }
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

impl Rules {
    /// The address that a request over this connection comes from.
    pub(crate) fn client_address(&self, connected: IpAddr, headers: &HeaderMap) -> IpAddr {
        let told = self.proxies.as_ref().map(|proxies| proxies.client(connected, headers));
        told.unwrap_or(connected)
    }
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
            proxies: None,
            rate: None,
            rewrites: RewriteRules::default(),
            virtual_hosts: None,
            authentication: AuthenticationRules::default(),
            content_security: ContentSecurity::default(),
        }
    }
}
