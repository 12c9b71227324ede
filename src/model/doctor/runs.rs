//! Whether anything looks after all this: the first question at night. The one rule, for `status` and `doctor`.

use jiff::{SignedDuration, Timestamp};

use crate::model::observe::words;

/// A run that is later than this, or than three of its intervals, has been forgotten.
const LATE: SignedDuration = SignedDuration::from_mins(15);

/// Since when a command has not run although it should have; `None` if that is in order, or if it never ran:
/// then nobody has set it up yet.
#[must_use]
pub fn overdue(now: Timestamp, last: Option<Timestamp>, interval: SignedDuration) -> Option<String> {
    let age = now.duration_since(last?);
    (age >= LATE.max(interval * 3)).then(|| words(age))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_late_after_a_quarter_of_an_hour_or_three_intervals() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let ago = |mins| Some(now - SignedDuration::from_mins(mins));
        let minute = SignedDuration::from_mins(1);
        assert_eq!(overdue(now, None, minute), None);
        assert_eq!(overdue(now, ago(14), minute), None);
        assert_eq!(overdue(now, ago(15), minute).as_deref(), Some("15m"));
        assert_eq!(overdue(now, ago(20), SignedDuration::from_mins(10)), None);
        // A clock that went back.
        assert_eq!(overdue(now, ago(-30), minute), None);
    }
}
