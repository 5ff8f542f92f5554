//! The hours of the day in which a replication runs (`window`): `22:00-06:00`, by the clock of the node's
//! place. The clock itself is asked by whoever runs jobs.

use std::fmt;
use std::time::Duration;

use super::JobError;

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

/// From one time of the day until another; over midnight where the first is the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Seconds after midnight.
    from: u64,
    until: u64,
}

/// How a window stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowState {
    /// It is open.
    Open {
        /// It closes after so long.
        closes_in: Duration,
    },
    /// It is closed.
    Closed {
        /// It opens after so long.
        opens_in: Duration,
    },
}

impl Window {
    /// Reads `HH:MM-HH:MM`, with seconds behind the minutes where somebody needs them.
    ///
    /// # Errors
    /// [`JobError::BadRequest`] for any other text, and for a window without length.
    pub fn parse(text: &str) -> Result<Self, JobError> {
        let wrong = || {
            let reason = "`window` is two different times of the day: 22:00-06:00";
            JobError::BadRequest(reason.to_owned())
        };
        let (from, until) = text.split_once('-').ok_or_else(wrong)?;
        let from = time_of_day(from.trim()).ok_or_else(wrong)?;
        let until = time_of_day(until.trim()).ok_or_else(wrong)?;
        if from == until { Err(wrong()) } else { Ok(Self { from, until }) }
    }

    /// How it stands so many seconds after midnight, by the clock of the place.
    pub fn state_at(&self, second_of_day: u64) -> WindowState {
        let now = second_of_day % DAY;
        let until = |moment: u64| Duration::from_secs((moment + DAY - now) % DAY);
        let length = (self.until + DAY - self.from) % DAY;
        if (now + DAY - self.from) % DAY < length {
            WindowState::Open { closes_in: until(self.until) }
        } else {
            WindowState::Closed { opens_in: until(self.from) }
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (moment, behind) in [(self.from, "-"), (self.until, "")] {
            let (minutes, seconds) = (moment / MINUTE, moment % MINUTE);
            write!(formatter, "{:02}:{:02}", minutes / 60, minutes % 60)?;
            if seconds > 0 {
                write!(formatter, ":{seconds:02}")?;
            }
            formatter.write_str(behind)?;
        }
        Ok(())
    }
}

/// Seconds after midnight of `HH:MM` or `HH:MM:SS`; `24:00` is midnight.
fn time_of_day(text: &str) -> Option<u64> {
    let mut numbers = [0; 3];
    let mut parts = text.split(':');
    for (position, number) in numbers.iter_mut().enumerate() {
        match parts.next() {
            Some(part) if part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_digit()) => {
                *number = part.parse().ok()?;
            }
            None if position == 2 => {}
            _ => return None,
        }
    }
    match (numbers, parts.next()) {
        ([24, 0, 0], None) => Some(0),
        ([hours @ 0..=23, minutes @ 0..=59, seconds @ 0..=59], None) => {
            Some((hours * 60 + minutes) * MINUTE + seconds)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(window: &str, hours: u64, minutes: u64) -> WindowState {
        Window::parse(window).unwrap().state_at((hours * 60 + minutes) * 60)
    }

    fn open(minutes: u64) -> WindowState {
        WindowState::Open { closes_in: Duration::from_secs(minutes * 60) }
    }

    fn closed(minutes: u64) -> WindowState {
        WindowState::Closed { opens_in: Duration::from_secs(minutes * 60) }
    }

    #[test]
    fn a_window_opens_and_closes_over_midnight() {
        assert_eq!(at("22:00-06:00", 21, 59), closed(1));
        assert_eq!(at("22:00-06:00", 22, 0), open(8 * 60));
        assert_eq!(at("22:00-06:00", 0, 0), open(6 * 60));
        assert_eq!(at("22:00-06:00", 5, 59), open(1));
        assert_eq!(at("22:00-06:00", 6, 0), closed(16 * 60));
    }

    #[test]
    fn a_window_within_a_day_and_one_up_to_midnight() {
        assert_eq!(at("08:30-17:00", 8, 29), closed(1));
        assert_eq!(at("08:30-17:00", 16, 30), open(30));
        assert_eq!(at("08:30-17:00", 17, 0), closed(15 * 60 + 30));
        assert_eq!(at("20:00-24:00", 23, 0), open(60));
        assert_eq!(at("20:00-24:00", 0, 0), closed(20 * 60));
        assert_eq!(at("00:00-01:00", 0, 0), open(60));
    }

    #[test]
    fn seconds_count_and_the_text_is_kept() {
        let window = Window::parse(" 09:05 - 10:00 ").unwrap();
        let state = window.state_at(9 * 3_600 + 5 * 60 - 1);
        assert_eq!(state, WindowState::Closed { opens_in: Duration::from_secs(1) });
        assert_eq!(window.to_string(), "09:05-10:00");
        let short = Window::parse("09:05:10-09:05:12").unwrap();
        let state = short.state_at(9 * 3_600 + 5 * 60 + 11);
        assert_eq!(state, WindowState::Open { closes_in: Duration::from_secs(1) });
        assert_eq!(short.to_string(), "09:05:10-09:05:12");
    }

    #[test]
    fn other_texts_are_wrong() {
        for text in [
            "",
            "22-06",
            "22:00",
            "25:00-06:00",
            "22:60-06:00",
            "06:00-06:00",
            "24:00-00:00",
            "+2:00-06:00",
            "22:00-06:00-07:00",
            "24:01-06:00",
            "01:00:00:00-02:00",
            "01:00:60-02:00",
        ] {
            assert!(Window::parse(text).is_err(), "{text}");
        }
    }
}
