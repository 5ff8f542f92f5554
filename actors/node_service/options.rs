//! A database's options, as clients see them and as they are stored.

use refuge_http::DatabaseOptions;

const MILLISECONDS_OF_A_DAY: f64 = 86_400_000.0;

/// As clients see them.
pub(super) fn shown(options: refuge_storage::DatabaseOptions) -> DatabaseOptions {
    DatabaseOptions {
        ttl: options.time_to_live,
        tombstone_days: options.tombstone_ms.map(|time| time as f64 / MILLISECONDS_OF_A_DAY),
    }
}

/// As they are stored: to the millisecond, and what is shorter but not 0 is one.
pub(super) fn stored(options: DatabaseOptions) -> refuge_storage::DatabaseOptions {
    let milliseconds = |days: f64| match (days * MILLISECONDS_OF_A_DAY).round() as u64 {
        0 if days > 0.0 => 1,
        time => time,
    };
    refuge_storage::DatabaseOptions {
        time_to_live: options.ttl,
        tombstone_ms: options.tombstone_days.map(milliseconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_come_back_as_they_were_set() {
        for days in [None, Some(0.0), Some(0.5), Some(30.0)] {
            let options = DatabaseOptions { ttl: true, tombstone_days: days };
            assert_eq!(shown(stored(options)), options);
        }
        let short = DatabaseOptions { ttl: false, tombstone_days: Some(1e-12) };
        assert_eq!(stored(short).tombstone_ms, Some(1));
    }
}
