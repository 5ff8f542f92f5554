//! What the settings ask of the HTTP surface. What HTTP does with it is told there.

use std::time::Duration;

use hyper::header::HeaderValue;
use refuge_config::Settings;
use refuge_http::{
    Cors, CorsOptions, Limits, Maintenance, RequestRate, RewriteRules, Rules, ValidUser,
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
        assert!(rules.virtual_hosts.is_none(), "there are none unless somebody names one");
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
