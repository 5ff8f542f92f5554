//! Dates as text, from milliseconds since 1970: RFC 9110 §5.6.7 (IMF-fixdate) as CouchDB writes it
//! into checkpoints, RFC 3339 as it tells the states of replications.

const DAY_NAMES: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTH_NAMES: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SECONDS_OF_A_DAY: u64 = 86_400;

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http_date(unix_ms: u64) -> String {
    let seconds = unix_ms / 1_000;
    let days = seconds / SECONDS_OF_A_DAY;
    let second_of_day = seconds % SECONDS_OF_A_DAY;
    let (year, month, day) = civil_date(days);
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        name_at(&DAY_NAMES, days % 7),
        name_at(&MONTH_NAMES, month - 1),
        second_of_day / 3_600,
        second_of_day / 60 % 60,
        second_of_day % 60,
    )
}

/// `1994-11-06T08:49:37Z`.
pub fn timestamp(unix_ms: u64) -> String {
    let seconds = unix_ms / 1_000;
    let second_of_day = seconds % SECONDS_OF_A_DAY;
    let (year, month, day) = civil_date(seconds / SECONDS_OF_A_DAY);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second_of_day / 3_600,
        second_of_day / 60 % 60,
        second_of_day % 60,
    )
}

fn name_at(names: &[&'static str], position: u64) -> &'static str {
    let position = usize::try_from(position).unwrap_or(0);
    names.get(position).copied().unwrap_or("???")
}

/// Year, month (1–12) and day (1–31) of a day counted from 1970-01-01, in the Gregorian calendar.
/// Counts in years that begin in March, so that a leap day is the last of its year.
fn civil_date(days: u64) -> (u64, u64, u64) {
    // From 0000-03-01, the first day of a 400-year era, to 1970-01-01.
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_as_in_the_rfc() {
        assert_eq!(http_date(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(timestamp(784_111_777_000), "1994-11-06T08:49:37Z");
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(1_709_210_096_500), "Thu, 29 Feb 2024 12:34:56 GMT");
    }
}
