//! The name of a checkpoint: the moment when it was taken, in a form that sorts.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// `20261125T094101-123Z`: to the millisecond, in UTC. It becomes part of a path, so nothing else is one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CheckpointId(String);

/// Why a text is no name of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadId(String);

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not the name of a checkpoint: `{}`", super::super::name::shown(&self.0))
    }
}

impl std::error::Error for BadId {}

impl CheckpointId {
    /// The name for a moment.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self(at.strftime("%Y%m%dT%H%M%S%.3fZ").to_string().replace('.', "-"))
    }

    /// The oldest first. What lies more than a day ahead was named while a clock was wrong, and comes first of all:
    /// it is not the newest until its time has come.
    pub fn sort(ids: &mut [Self], now: Timestamp) {
        ids.sort_unstable_by(|a, b| (!a.is_ahead(now), a).cmp(&(!b.is_ahead(now), b)));
    }

    fn is_ahead(&self, now: Timestamp) -> bool {
        self.at().duration_since(now) > SignedDuration::from_hours(24)
    }

    /// The name for a moment, behind all that are there: a clock may have gone back, by less than a day. Further
    /// ahead it is not followed.
    #[must_use]
    pub fn behind(at: Timestamp, newest: Option<&Self>) -> Self {
        let wanted = Self::of(at);
        match newest {
            Some(newest) if wanted <= *newest && !newest.is_ahead(at) => {
                let next = newest.at().checked_add(SignedDuration::from_millis(1));
                next.map_or(wanted, Self::of)
            }
            _ => wanted,
        }
    }

    /// The moment.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        moment(&self.0).unwrap_or_default()
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    text.replacen('-', ".", 1).parse().ok()
}

impl fmt::Display for CheckpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::str::FromStr for CheckpointId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        // What is written the same again is of our form to the last character.
        match moment(text).map(Self::of) {
            Some(id) if id.0 == text => Ok(id),
            _ => Err(BadId(text.to_owned())),
        }
    }
}

impl<'de> Deserialize<'de> for CheckpointId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time_and_nothing_else_is_one() {
        let at: Timestamp = "2026-11-25T09:41:01.1234Z".parse().unwrap();
        let id = CheckpointId::of(at);
        assert_eq!(id.as_str(), "20261125T094101-123Z");
        assert_eq!(id.at(), "2026-11-25T09:41:01.123Z".parse().unwrap());
        assert_eq!("20261125T094101-123Z".parse(), Ok(id.clone()));
        for bad in ["", "..", "../x", "20261125T094101.123Z", "20261325T094101-123Z", "2026-11-25T09:41:01Z"] {
            assert!(bad.parse::<CheckpointId>().is_err(), "{bad}");
        }
        // The clock went back, or stood still.
        for earlier in [at, "2026-11-24T10:00:00Z".parse().unwrap()] {
            assert_eq!(CheckpointId::behind(earlier, Some(&id)).as_str(), "20261125T094101-124Z");
        }
        let long_before = "2026-11-23T00:00:00Z".parse().unwrap();
        assert_eq!(CheckpointId::behind(long_before, Some(&id)), CheckpointId::of(long_before));
        let mut all = [id.clone(), CheckpointId::of(long_before)];
        CheckpointId::sort(&mut all, long_before);
        assert_eq!(all[0], id, "ahead of all time");
        assert_eq!(CheckpointId::behind(at, None), id);
    }
}
