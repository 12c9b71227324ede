//! Which checkpoints of a session are kept, each with its reason. Pure, and by their own times alone: no clock
//! that has gone wrong makes one expire. Only where a clock has gone ahead and back again, what was taken in that
//! future counts as the oldest there is: it would push out whatever is taken now.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fmt;

use super::CheckpointId;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// So many, the newest.
    pub newest: usize,
    /// Of so many days (those on which there are any) the newest of the day as well.
    pub days: usize,
}

/// Why a checkpoint is kept, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is one of the newest: its place among them, from 1.
    Newest(usize),
    /// It is the newest of its day.
    LastOfDay(Date),
    /// Nothing keeps it.
    Expired,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest(n) => write!(f, "newest {n}"),
            Self::LastOfDay(day) => write!(f, "last of {day}"),
            Self::Expired => f.write_str("expired"),
        }
    }
}

/// Says of each checkpoint what becomes of it, the newest first. The newest is always kept.
#[must_use]
pub fn retention(
    ids: &[CheckpointId],
    rule: Rule,
    zone: &TimeZone,
    now: Timestamp,
) -> Vec<(CheckpointId, Verdict)> {
    let mut all: Vec<CheckpointId> = ids.to_vec();
    CheckpointId::sort(&mut all, now);
    all.dedup();
    all.reverse();
    let (mut days, mut last) = (0, None);
    all.into_iter()
        .enumerate()
        .map(|(n, id)| {
            let day = id.at().to_zoned(zone.clone()).date();
            let is_first = last != Some(day);
            last = Some(day);
            days += usize::from(is_first);
            let verdict = if n < rule.newest.max(1) {
                Verdict::Newest(n + 1)
            } else if is_first && days <= rule.days {
                Verdict::LastOfDay(day)
            } else {
                Verdict::Expired
            };
            (id, verdict)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::MAX;

    fn ids(texts: &[&str]) -> Vec<CheckpointId> {
        texts.iter().map(|t| format!("{t}00-000Z").parse().unwrap()).collect()
    }

    fn told(texts: &[&str], newest: usize, days: usize, zone: &TimeZone) -> Vec<String> {
        retention(&ids(texts), Rule { newest, days }, zone, NOW)
            .iter()
            .map(|(id, verdict)| format!("{} {verdict}", id.as_str().split_at(13).0))
            .collect()
    }

    const SOME: [&str; 7] = [
        "20260101T1000",
        "20260101T2300",
        "20260102T0900",
        "20260102T0930",
        "20260102T1000",
        "20260105T0700",
        "20260105T0800",
    ];

    #[test]
    fn the_newest_and_the_newest_of_each_day_are_kept() {
        assert_eq!(
            told(&SOME, 2, 3, &TimeZone::UTC),
            [
                "20260105T0800 newest 1",
                "20260105T0700 newest 2",
                "20260102T1000 last of 2026-01-02",
                "20260102T0930 expired",
                "20260102T0900 expired",
                "20260101T2300 last of 2026-01-01",
                "20260101T1000 expired",
            ]
        );
        let expired = |newest, days| {
            told(&SOME, newest, days, &TimeZone::UTC).iter().filter(|line| line.ends_with("expired")).count()
        };
        for (newest, days, want) in [(7, 0, 0), (1, 0, 6), (0, 0, 6), (1, 1, 6), (1, 2, 5), (1, 99, 4), (6, 2, 1)]
        {
            assert_eq!(expired(newest, days), want, "{newest} {days}");
        }
        assert_eq!(told(&[], 1, 1, &TimeZone::UTC), Vec::<String>::new());
    }

    #[test]
    fn what_was_taken_in_a_future_that_has_not_come_does_not_push_out_what_is_taken_now() {
        let all = ids(&["20260101T1000", "20260102T1000", "20300101T1000", "20300101T1100"]);
        let now = "2026-01-02T11:00:00Z".parse().unwrap();
        let kept: Vec<String> = retention(&all, Rule { newest: 2, days: 0 }, &TimeZone::UTC, now)
            .into_iter()
            .filter(|(_, verdict)| *verdict != Verdict::Expired)
            .map(|(id, _)| id.to_string())
            .collect();
        assert_eq!(kept, ["20260102T100000-000Z", "20260101T100000-000Z"]);
    }

    #[test]
    fn a_day_is_a_day_of_the_person() {
        let zone = TimeZone::get("America/New_York").unwrap();
        // 23:00 on the day before, and a day of 25 hours.
        let lines = told(&["20261101T0300", "20261101T1200", "20261102T0430", "20261102T0530"], 1, 9, &zone);
        assert_eq!(
            lines,
            [
                "20261102T0530 newest 1",
                "20261102T0430 last of 2026-11-01",
                "20261101T1200 expired",
                "20261101T0300 last of 2026-10-31",
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn what_is_kept_is_kept_again(seconds in proptest::collection::vec(0_i64..3_000_000, 0..60), newest in 0_usize..9, days in 0_usize..9) {
            let all: Vec<CheckpointId> = seconds
                .iter()
                .map(|s| CheckpointId::of(jiff::Timestamp::from_second(1_790_000_000 + s).unwrap()))
                .collect();
            let rule = Rule { newest, days };
            let kept: Vec<CheckpointId> = retention(&all, rule, &TimeZone::UTC, NOW)
                .into_iter()
                .filter(|(_, verdict)| *verdict != Verdict::Expired)
                .map(|(id, _)| id)
                .collect();
            proptest::prop_assert!(kept.len() <= newest.max(1) + days);
            proptest::prop_assert_eq!(kept.first(), all.iter().max());
            let again = retention(&kept, rule, &TimeZone::UTC, NOW);
            proptest::prop_assert!(again.iter().all(|(_, verdict)| *verdict != Verdict::Expired));
        }
    }
}
