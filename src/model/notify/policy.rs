//! What a target is told of, and how often.

use jiff::SignedDuration;
use serde::Serialize;

use super::quiet::Quiet;
use super::{Event, Kind, Severity};

/// The rules of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// The least severity that it is told.
    pub severity: Severity,
    /// Only these kinds; all if empty.
    pub events: Vec<Pattern>,
    /// Never these kinds.
    pub except: Vec<Pattern>,
    /// When only the gravest is told.
    pub quiet: Option<Quiet>,
    /// The same about the same is told again after so long, unless it is critical.
    pub repeat: SignedDuration,
    /// The most messages in an hour; twice as many if critical ones are among them.
    pub per_hour: usize,
    /// More events than this that wait at once are told in one message.
    pub digest_over: usize,
    /// What could not be delivered for so long is parked.
    pub keep: SignedDuration,
}

/// A kind of event, or all whose names begin alike (`task.*`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern; `None` if it fits no kind that there is.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let pattern = Self(text.to_owned());
        Kind::ALL.iter().any(|kind| pattern.fits(*kind)).then_some(pattern)
    }

    /// Whether a kind is meant.
    #[must_use]
    pub fn fits(&self, kind: Kind) -> bool {
        match self.0.strip_suffix('*') {
            Some(begin) => kind.as_str().starts_with(begin),
            None => kind.as_str() == self.0,
        }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Policy {
    /// Whether the target is told of an event at all.
    #[must_use]
    pub fn concerns(&self, event: &Event) -> bool {
        let fits = |patterns: &[Pattern]| patterns.iter().any(|p| p.fits(event.kind));
        event.severity() >= self.severity && (self.events.is_empty() || fits(&self.events)) && !fits(&self.except)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::tests::event;
    use super::*;

    /// The defaults of the configuration.
    pub fn policy() -> Policy {
        Policy {
            severity: Severity::Notice,
            events: Vec::new(),
            except: Vec::new(),
            quiet: None,
            repeat: SignedDuration::from_mins(30),
            per_hour: 20,
            digest_over: 3,
            keep: SignedDuration::from_hours(168),
        }
    }

    #[test]
    fn severity_and_kinds_must_both_fit() {
        let (done, given_up) = (event(Kind::TaskDone, "a", 1), event(Kind::TaskGivenUp, "a", 1));
        let p = policy();
        assert!(!p.concerns(&done) && p.concerns(&given_up));
        let pattern = |text: &str| vec![Pattern::new(text).unwrap()];
        let p = Policy { severity: Severity::Info, events: pattern("task.*"), ..policy() };
        assert!(p.concerns(&done) && p.concerns(&given_up) && !p.concerns(&event(Kind::Exhausted, "", 1)));
        let p = Policy { except: pattern("task.given_up"), ..p };
        assert!(p.concerns(&done) && !p.concerns(&given_up));
        for bad in ["", "tasks.*", "task", "task.gone"] {
            assert_eq!(Pattern::new(bad), None, "{bad}");
        }
    }
}
