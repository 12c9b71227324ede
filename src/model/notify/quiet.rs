//! Quiet hours: a span of each day in a zone.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

use super::Severity;

/// A span of each day in which only the gravest is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quiet {
    /// When it begins.
    pub from: Time,
    /// When it ends; before `from`, on the next day.
    pub to: Time,
    /// Where.
    #[serde(serialize_with = "zone_name")]
    pub zone: TimeZone,
    /// The least severity that is told all the same.
    pub pass: Severity,
}

fn zone_name<S: Serializer>(zone: &TimeZone, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(zone.iana_name().unwrap_or("UTC"))
}

impl Quiet {
    /// When the span ends in which this moment lies; `None` if it lies in none. Always later than `now`.
    #[must_use]
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let local = now.to_zoned(self.zone.clone());
        let time = local.time();
        let is_in = if self.from < self.to {
            self.from <= time && time < self.to
        } else {
            time >= self.from || time < self.to
        };
        if !is_in {
            return None;
        }
        let day = if time < self.to { Some(local.date()) } else { local.date().tomorrow().ok() };
        let end =
            day.and_then(|day| day.to_datetime(self.to).to_zoned(self.zone.clone()).ok()).map(|z| z.timestamp());
        // In the hour that a change of the clock repeats, the end by the first count is over already.
        let soon = now.checked_add(SignedDuration::from_mins(1)).unwrap_or(now);
        Some(end.filter(|end| *end > now).unwrap_or(soon))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quiet(from: &str, to: &str, zone: &str) -> Quiet {
        Quiet {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            zone: TimeZone::get(zone).unwrap(),
            pass: Severity::Critical,
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_night_ends_in_the_morning_of_its_zone() {
        let q = quiet("22:00", "07:00", "Europe/Vienna");
        assert_eq!(q.until(at("2026-01-10T20:59:59Z")), None);
        assert_eq!(q.until(at("2026-01-10T21:00:00Z")), Some(at("2026-01-11T06:00:00Z")));
        assert_eq!(q.until(at("2026-01-11T05:59:59Z")), Some(at("2026-01-11T06:00:00Z")));
        assert_eq!(q.until(at("2026-01-11T06:00:00Z")), None);
        let q = quiet("12:00", "13:30", "UTC");
        assert_eq!(q.until(at("2026-01-11T13:00:00Z")), Some(at("2026-01-11T13:30:00Z")));
        assert_eq!(q.until(at("2026-01-11T13:30:00Z")), None);
    }

    #[test]
    fn the_clock_is_changed_in_the_night() {
        // 29 March 2026: 2:00 becomes 3:00. 25 October: 3:00 becomes 2:00.
        let q = quiet("22:00", "02:30", "Europe/Vienna");
        assert_eq!(q.until(at("2026-03-29T00:30:00Z")), Some(at("2026-03-29T01:30:00Z")));
        let second_time_half_past_two = at("2026-10-25T01:10:00Z");
        assert!(q.until(second_time_half_past_two).unwrap() > second_time_half_past_two);
    }

    proptest! {
        #[test]
        fn the_end_is_ahead_within_a_day_and_is_reached(
            second in 1_700_000_000_i64..1_900_000_000, from in 0_i8..24, length in 1_i8..24, half in any::<bool>(),
        ) {
            let to = (from + length) % 24;
            let minute = if half { 30 } else { 0 };
            let q = quiet(&format!("{from:02}:{minute:02}"), &format!("{to:02}:{minute:02}"), "Europe/Vienna");
            let now = Timestamp::from_second(second).unwrap();
            let mut then = now;
            // A repeated hour takes a few steps.
            for _ in 0..200 {
                let Some(end) = q.until(then) else { break };
                prop_assert!(end > then);
                then = end;
            }
            prop_assert!(q.until(then).is_none());
            prop_assert!(then.duration_since(now) <= SignedDuration::from_hours(26));
        }
    }
}
