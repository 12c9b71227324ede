//! Which lines of the log are wanted: by what they are about, who acted, when. Pure.

use jiff::tz::TimeZone;
use jiff::{SpanRelativeTo, Timestamp};
use serde_json::Value;

use super::front_matter::parse_time;

/// What is wanted; everything that is set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// About this session, task, account or project, whichever it is.
    pub about: Option<String>,
    /// About this session.
    pub session: Option<String>,
    /// About this task: `ID` or `PROJECT:ID`.
    pub task: Option<String>,
    /// About this account.
    pub account: Option<String>,
    /// About this project, or a task of it.
    pub project: Option<String>,
    /// By this command.
    pub command: Option<String>,
    /// Whose words say this, in upper or lower case: what was done.
    pub what: Option<String>,
    /// Not before this.
    pub since: Option<Timestamp>,
    /// Only what the guard has said.
    pub guard: bool,
}

impl Filter {
    /// Whether a line is wanted.
    #[must_use]
    pub fn wants(&self, line: &Value) -> bool {
        let text = |key: &str| line[key].as_str();
        let is =
            |key: &str, wanted: &Option<String>| wanted.as_ref().is_none_or(|w| text(key) == Some(w.as_str()));
        let is_task = |wanted: &str| {
            text("task")
                .is_some_and(|task| task == wanted || task.split_once(':').is_some_and(|(_, id)| id == wanted))
        };
        let of_project = |wanted: &str| {
            let of_task = text("task").and_then(|task| task.split_once(':')).map(|(project, _)| project);
            text("project") == Some(wanted) || of_task == Some(wanted)
        };
        let about = |wanted: &str| {
            is_task(wanted) || ["session", "account", "project"].iter().any(|key| text(key) == Some(wanted))
        };
        let says = |wanted: &str| {
            let wanted = wanted.to_lowercase();
            text("what").is_some_and(|what| what.to_lowercase().contains(&wanted))
        };
        // One whose time cannot be read is not known to be too old.
        let at = text("at").and_then(|at| at.parse::<Timestamp>().ok());
        let is_new = |since: Timestamp| at.is_none_or(|at| at >= since);
        (!self.guard || text("command") == Some("guard"))
            && is("session", &self.session)
            && is("account", &self.account)
            && is("command", &self.command)
            && self.task.as_deref().is_none_or(is_task)
            && self.project.as_deref().is_none_or(of_project)
            && self.about.as_deref().is_none_or(about)
            && self.what.as_deref().is_none_or(says)
            && self.since.is_none_or(is_new)
    }
}

/// Reads `2h`, `3d`, `1h 30m` (so long ago), or a time: `2026-01-31T18:00:00Z`, `2026-01-31 18:00`, `18:00` (the
/// last time that the clock showed that).
#[must_use]
pub fn since(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(time) = parse_time(text, zone) {
        return Some(time);
    }
    if let Ok(time) = text.parse::<jiff::civil::Time>() {
        let here = now.to_zoned(zone.clone());
        let today = here.date().to_datetime(time).to_zoned(zone.clone()).ok()?;
        let then = if today.timestamp() > now {
            here.date().yesterday().ok()?.to_datetime(time).to_zoned(zone.clone()).ok()?
        } else {
            today
        };
        return Some(then.timestamp());
    }
    let span: jiff::Span = text.parse().ok()?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    if length.is_negative() { None } else { now.checked_sub(length).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line() -> Value {
        json!({
            "at": "2026-05-01T10:00:00Z", "command": "dispatch", "what": "Dispatched", "why": "x",
            "session": "p-0", "task": "app:t", "account": "main",
        })
    }

    #[test]
    fn each_filter_takes_and_refuses() {
        let some = |text: &str| Some(text.to_owned());
        let time = |text: &str| Some(text.parse().unwrap());
        let takes = [
            Filter::default(),
            Filter { about: some("p-0"), ..Filter::default() },
            Filter { about: some("t"), ..Filter::default() },
            Filter { about: some("main"), ..Filter::default() },
            Filter { session: some("p-0"), account: some("main"), ..Filter::default() },
            Filter { task: some("t"), ..Filter::default() },
            Filter { task: some("app:t"), ..Filter::default() },
            Filter { project: some("app"), ..Filter::default() },
            Filter { command: some("dispatch"), what: some("dispatch"), ..Filter::default() },
            Filter { since: time("2026-05-01T10:00:00Z"), ..Filter::default() },
        ];
        for filter in takes {
            assert!(filter.wants(&line()), "{filter:?}");
        }
        let refuses = [
            Filter { about: some("p-1"), ..Filter::default() },
            Filter { session: some("p-1"), ..Filter::default() },
            Filter { session: some("p-0"), account: some("spare"), ..Filter::default() },
            Filter { task: some("web:t"), ..Filter::default() },
            Filter { project: some("web"), ..Filter::default() },
            Filter { command: some("watch"), ..Filter::default() },
            Filter { what: some("stopped"), ..Filter::default() },
            Filter { since: time("2026-05-01T10:00:01Z"), ..Filter::default() },
            Filter { guard: true, ..Filter::default() },
        ];
        for filter in refuses {
            assert!(!filter.wants(&line()), "{filter:?}");
        }
        // Whose time cannot be read is shown rather than hidden.
        let since = Filter { since: time("2026-05-01T10:00:01Z"), ..Filter::default() };
        assert!(since.wants(&json!({"at": "garbled"})));
    }

    #[test]
    fn times_and_durations() {
        let now: Timestamp = "2026-05-02T12:00:00Z".parse().unwrap();
        let zone = TimeZone::UTC;
        for (text, want) in [
            ("2h", "2026-05-02T10:00:00Z"),
            ("1h 30m", "2026-05-02T10:30:00Z"),
            ("3d", "2026-04-29T12:00:00Z"),
            ("11:00", "2026-05-02T11:00:00Z"),
            ("13:00", "2026-05-01T13:00:00Z"),
            ("2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z"),
            ("2026-05-01 18:00", "2026-05-01T18:00:00Z"),
        ] {
            assert_eq!(since(text, now, &zone), Some(want.parse().unwrap()), "{text}");
        }
        for text in ["", "soon", "2", "-2h"] {
            assert_eq!(since(text, now, &zone), None, "{text}");
        }
    }
}
