//! The date text of node events and of `last_seen`: RFC 3339 in UTC with milliseconds, from and to
//! milliseconds since 1970. What time it is, is not known here.

const DAY_MS: u64 = 86_400_000;
/// `2026-01-02T03:04:05` has so many characters; a fraction and `Z` follow.
const WHOLE_SECONDS: usize = 19;
/// From 0000-03-01, where the eras below begin, to 1970-01-01.
const DAYS_BEFORE_1970: u64 = 719_468;
const DAYS_OF_AN_ERA: u64 = 146_097;

/// `2026-01-02T03:04:05.678Z`.
#[must_use]
pub fn rfc3339(unix_ms: u64) -> String {
    let (year, month, day) = civil_from_days(unix_ms / DAY_MS);
    let rest = unix_ms % DAY_MS;
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, thousandths) = (rest / 1_000 % 60, rest % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{thousandths:03}Z")
}

/// Milliseconds since 1970 of a text in UTC (`Z`); what is finer than a millisecond is cut off. `None`
/// for anything else, also for other zones and for years before 1970.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<u64> {
    let (whole, rest) = text.split_at_checked(WHOLE_SECONDS)?;
    let (date, time) = whole.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let is_date = year >= 1970 && (1..=12).contains(&month);
    if !is_date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_from_civil(year, month, day);
    // A day that its month does not have would come back as one of the next.
    if civil_from_days(days) != (year, month, day) {
        return None;
    }
    let seconds = hour * 3_600 + minute * 60 + second;
    Some(days * DAY_MS + seconds * 1_000 + thousandths(rest.strip_suffix('Z')?)?)
}

/// Three numbers of fixed widths between separators.
fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut out = [0; 3];
    for (number, width) in out.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width)?;
        *number = digits(part)?;
    }
    parts.next().is_none().then_some(out)
}

fn digits(text: &str) -> Option<u64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

/// Of `.678`; an empty text is 0.
fn thousandths(text: &str) -> Option<u64> {
    if text.is_empty() {
        return Some(0);
    }
    let fraction = text.strip_prefix('.').filter(|fraction| fraction.len() <= 9)?;
    digits(fraction)?;
    digits(&format!("{fraction:0<3}").chars().take(3).collect::<String>())
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. Years are counted
/// from March, so that a leap day is the last of its year.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_BEFORE_1970;
    let (era, day) = (days / DAYS_OF_AN_ERA, days % DAYS_OF_AN_ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// The inverse, for years from 1970 and months from 1 to 12.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month + 2) / 5 + day - u64::from(day > 0);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_OF_AN_ERA + day_of_era - DAYS_BEFORE_1970
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_read_as_they_should() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(784_111_777_000), "1994-11-06T08:49:37.000Z");
        assert_eq!(rfc3339(1_709_210_096_507), "2024-02-29T12:34:56.507Z");
        assert_eq!(rfc3339(4_107_542_399_999), "2100-02-28T23:59:59.999Z");
    }

    #[test]
    fn every_day_of_five_centuries_comes_back() {
        for day in 0..182_621 {
            let moment = day * DAY_MS + 12_345_678;
            assert_eq!(parse_rfc3339(&rfc3339(moment)), Some(moment));
        }
    }

    #[test]
    fn fractions_of_any_length_are_read() {
        assert_eq!(parse_rfc3339("1970-01-01T00:00:01Z"), Some(1_000));
        assert_eq!(parse_rfc3339("1970-01-01T00:00:01.5Z"), Some(1_500));
        assert_eq!(parse_rfc3339("1970-01-01T00:00:01.123999999Z"), Some(1_123));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "1970-01-01",
            "1969-12-31T23:59:59Z",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-04-31T00:00:00Z",
            "2023-01-00T00:00:00Z",
            "2023-01-01T24:00:00Z",
            "2023-01-01T00:00:00+01:00",
            "2023-01-01T00:00:00.Z",
            "2023-01-01 00:00:00Z",
            "+023-01-01T00:00:00Z",
            "2023-01-01T00:00:0éZ",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
