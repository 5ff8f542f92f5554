//! What the settings ask of the HTTP surface. What HTTP does with it is told there.

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use refuge_config::Settings;
use refuge_http::{
    AuthenticationRules, ContentSecurity, Cors, CorsOptions, Handler, Limits, Maintenance,
    ProxyHeaders, RequestRate, RewriteRules, Rules, SessionRules, TrustedProxies, ValidUser,
    VirtualHosts,
};

/// What answers 401 ask for where everybody has to log in and nobody says how, as in CouchDB.
const USUAL_CHALLENGE: &str = "Basic realm=\"server\"";

/// The rules that follow from the settings.
pub(super) fn rules(settings: &Settings) -> Rules {
    let valid_user = valid_user(settings);
    Rules {
        limits: limits(settings),
        cors: settings.cors.enabled.then(|| cors(settings)),
        valid_user,
        challenge: challenge(settings, valid_user),
        maintenance: match settings.http.maintenance_mode.as_str() {
            "true" => Maintenance::Yes,
            "nolb" => Maintenance::NoLoadBalancer,
            _ => Maintenance::No,
        },
        users_security_editable: settings.authentication.users_db_security_editable,
        longest_wait: Duration::from_millis(settings.feeds.changes_timeout_ms),
        proxies: TrustedProxies::new(
            &settings.http.client_address_header,
            &settings.http.trusted_proxies,
        ),
        rate: match settings.http.requests_per_second {
            0 => None,
            requests => Some(RequestRate::new(requests)),
        },
        rewrites: RewriteRules {
            secure: settings.http.secure_rewrites,
            limit: settings.http.rewrite_limit,
        },
        virtual_hosts: VirtualHosts::new(
            settings.virtual_hosts(),
            &settings.http.vhost_global_handlers,
            &settings.http.x_forwarded_host,
        ),
        authentication: authentication(settings),
        content_security: content_security(settings),
    }
}

fn authentication(settings: &Settings) -> AuthenticationRules {
    let set = &settings.authentication;
    let usual = AuthenticationRules::default();
    let handlers = Handler::list(&set.handlers);
    // What is no header's name leaves the usual one.
    let header = |name: &str, usual| HeaderName::try_from(name).unwrap_or(usual);
    AuthenticationRules {
        // Where none is named, nobody could say anything, the admin who named none included.
        handlers: if handlers.is_empty() { usual.handlers } else { handlers },
        proxy: ProxyHeaders {
            name: header(&set.x_auth_username, usual.proxy.name),
            roles: header(&set.x_auth_roles, usual.proxy.roles),
            token: header(&set.x_auth_token, usual.proxy.token),
        },
        sessions: SessionRules {
            lasts: Duration::from_secs(set.session_seconds),
            persistent: set.allow_persistent_cookies,
            domain: given(&set.cookie_domain),
            same_site: match set.same_site.as_str() {
                "none" => Some("None"),
                "lax" => Some("Lax"),
                "strict" => Some("Strict"),
                _ => None,
            },
        },
        redirect: given(&set.authentication_redirect),
        public_fields: set
            .public_fields
            .split(',')
            .map(str::trim)
            .filter(|field| !field.is_empty())
            .map(str::to_owned)
            .collect(),
        users_are_public: set.users_db_public,
    }
}

fn given(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn content_security(settings: &Settings) -> ContentSecurity {
    let set = &settings.content_security;
    let policy = |enabled: bool, text: &str| enabled.then(|| text.parse().ok()).flatten();
    ContentSecurity {
        attachments: policy(set.attachments, &set.attachments_policy),
        functions: policy(set.functions, &set.functions_policy),
    }
}

fn limits(settings: &Settings) -> Limits {
    let (limits, http) = (&settings.limits, &settings.http);
    Limits {
        max_document_size: in_memory(limits.max_document_size),
        max_attachment_size: limits.max_attachment_size.get(),
        max_http_request_size: limits.max_http_request_size,
        max_json_size: in_memory(limits.max_json_size),
        max_document_id_length: in_memory(limits.max_document_id_length.get()),
        max_bulk_docs_count: limits.max_bulk_docs_count,
        max_bulk_get_count: limits.max_bulk_get_count,
        max_database_name_length: limits.max_database_name_length,
        max_db_number_for_dbs_info_req: limits.max_db_number_for_dbs_info_req,
        max_uri_length: limits.max_uri_length,
        max_identifiers: settings.uuids.max_count,
        max_header_bytes: http.max_header_bytes,
        max_headers: http.max_headers,
        header_timeout: Duration::from_secs(http.header_seconds),
        body_timeout: Duration::from_secs(http.body_seconds),
        list_patience: Duration::from_secs(http.list_seconds),
    }
}

fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn cors(settings: &Settings) -> Cors {
    let cors = &settings.cors;
    Cors::new(CorsOptions {
        origins: &cors.origins,
        credentials: cors.credentials,
        headers: &cors.headers,
        methods: &cors.methods,
        exposed_headers: &cors.exposed_headers,
        max_age: cors.max_age,
    })
}

fn valid_user(settings: &Settings) -> ValidUser {
    if settings.http.require_valid_user_except_for_up {
        ValidUser::RequiredExceptForUp
    } else if settings.http.require_valid_user || settings.authentication.require_valid_user {
        ValidUser::Required
    } else {
        ValidUser::NotRequired
    }
}

fn challenge(settings: &Settings, valid_user: ValidUser) -> Option<HeaderValue> {
    let text = match settings.http.www_authenticate.as_str() {
        "" if valid_user == ValidUser::NotRequired => return None,
        "" => USUAL_CHALLENGE,
        text => text,
    };
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_both_sides_are_the_same() {
        let rules = rules(&Settings::default());
        assert_eq!(rules.limits, Limits::default());
        assert_eq!(rules.longest_wait, Rules::default().longest_wait);
        assert!(rules.cors.is_none() && rules.challenge.is_none());
        assert_eq!(rules.rewrites, RewriteRules::default());
        assert!(rules.proxies.is_none(), "nobody is believed unless somebody says so");
        assert!(rules.virtual_hosts.is_none(), "there are none unless somebody names one");
        let (read, usual) = (rules.authentication, AuthenticationRules::default());
        assert_eq!(format!("{read:?}"), format!("{usual:?}"));
        let usual = ContentSecurity::default();
        assert_eq!(format!("{:?}", rules.content_security), format!("{usual:?}"));
    }

    #[test]
    fn up_is_open_where_either_key_says_so() {
        let mut settings = Settings::default();
        settings.authentication.require_valid_user = true;
        assert_eq!(rules(&settings).valid_user, ValidUser::Required);
        assert_eq!(rules(&settings).challenge.expect("one"), USUAL_CHALLENGE);
        settings.http.require_valid_user_except_for_up = true;
        settings.http.www_authenticate = "Basic realm=\"couchdb\"".to_owned();
        assert_eq!(rules(&settings).valid_user, ValidUser::RequiredExceptForUp);
        assert_eq!(rules(&settings).challenge.expect("one"), "Basic realm=\"couchdb\"");
    }
}
