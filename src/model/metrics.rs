//! The [`Status`] as Prometheus text (exposition format 0.0.4), for `status --prometheus` and `GET /metrics`.
//!
//! Every figure is a gauge: each is what is at [`Status::at`], none is counted up. Shares are ratios, 0 to 1 and now
//! and then more; moments are Unix seconds. What is not known has no sample, never 0. Labels are accounts, windows,
//! sessions, projects, targets and words of a fixed list; never a task, a reason or a path.

use jiff::Timestamp;
use std::collections::BTreeSet;
use std::fmt::Write;

use super::journal::{Journal, Stage};
use super::session::{Kind, State};
use super::status::{AccountStatus, SessionStatus, Status, TargetStatus, WindowStatus};
use super::switch::Verdict;

/// The media type of the text.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text.
#[must_use]
pub fn render(status: &Status) -> String {
    let mut page = Page::default();
    page.one("build_info", "The program that says this, by its version.", Label::of("version", VERSION), 1.0);
    page.one("status_timestamp_seconds", "When this was gathered.", Label::none(), seconds(status.at));
    let needs = status.needs_person.len() as f64;
    page.one("needs_person", "Things that do not go on by themselves.", Label::none(), needs);
    accounts(status, &mut page);
    windows(status, &mut page);
    sessions(status, &mut page);
    queues(status, &mut page);
    switches(status, &mut page);
    runs(status, &mut page);
    targets(status, &mut page);
    page.text
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

fn accounts(status: &Status, page: &mut Page) {
    let mut each = |name, help, value: &dyn Fn(&AccountStatus) -> Option<f64>| {
        let samples = status.accounts.iter().filter_map(|a| Some((Label::of("account", &a.name), value(a)?)));
        page.gauge(name, help, samples);
    };
    each("account_active", "Whether new sessions start on it.", &|a| Some(flag(a.name == status.active_account)));
    each("account_usable", "Whether it can take sessions, whatever its usage.", &|a| {
        Some(flag(a.obstacles.is_empty()))
    });
    each("account_disabled", "Whether the configuration takes it out of use.", &|a| Some(flag(a.disabled)));
    each("account_login_usable", "Whether its login can be used, as far as can be seen.", &|a| {
        Some(flag(a.login.is_usable()))
    });
    each(
        "account_login_ends_timestamp_seconds",
        "When its login ends and a browser is needed.",
        &|a| match a.login {
            super::account::Login::Valid { ends } => ends.map(seconds),
            _ => None,
        },
    );
    each("account_limited_until_timestamp_seconds", "Until when a limit that was hit holds it up.", &|a| {
        a.limited_until.map(seconds)
    });
    each("account_trouble", "Whether it needs a person: its login, its money.", &|a| {
        Some(flag(a.trouble.is_some()))
    });
}

fn windows(status: &Status, page: &mut Page) {
    let mut each = |name, help, value: &dyn Fn(&WindowStatus) -> Option<f64>| {
        let of = |a: &AccountStatus, w: &WindowStatus| {
            // A window that is over is neither empty nor full: nobody has read the new one.
            let value = Some(w).filter(|w| w.holds).and_then(value)?;
            Some((Label::of("account", &a.name).and("window", &w.window), value))
        };
        let all = status.accounts.iter().flat_map(|a| a.windows.iter().map(move |w| (a, w)));
        page.gauge(name, help, all.filter_map(|(a, w)| of(a, w)));
    };
    each("account_used_ratio", "Share of a usage window that is used.", &|w| Some(w.percent / 100.0));
    each("account_threshold_ratio", "Share of a usage window from which on sessions leave.", &|w| {
        Some(w.threshold / 100.0)
    });
    each("account_resets_timestamp_seconds", "When a usage window begins anew.", &|w| Some(seconds(w.resets_at)));
    each("account_observed_timestamp_seconds", "When a usage window was last read.", &|w| {
        Some(seconds(w.observed_at))
    });
    let crossing = |in_seconds: Option<i64>| in_seconds.map(|s| seconds(status.at) + s as f64);
    each(
        "account_crossing_timestamp_seconds",
        "When a usage window reaches its threshold, at its likely rate.",
        &|w| crossing(w.crossing.and_then(|c| c.likely_s)),
    );
    each(
        "account_crossing_soonest_timestamp_seconds",
        "When a usage window reaches its threshold, at its highest rate that is likely.",
        &|w| crossing(w.crossing.and_then(|c| c.soonest_s)),
    );
}

fn sessions(status: &Status, page: &mut Page) {
    let kinds = [(Kind::Pool, "pool"), (Kind::Dedicated, "dedicated")];
    let counts = kinds.iter().flat_map(|(kind, word)| {
        State::ALL.map(|state| {
            let count = status.sessions.iter().filter(|s| s.kind == *kind && s.state == state).count();
            (Label::of("kind", word).and("state", state), count as f64)
        })
    });
    page.gauge("sessions", "Sessions that there is a record of, by state.", counts);
    page.one("pool_running_sessions", "Sessions of the pool that run.", Label::none(), status.pool.running as f64);
    page.one("pool_max_sessions", "Sessions that the pool may have.", Label::none(), f64::from(status.pool.max));
    let states = status.sessions.iter().flat_map(|s| {
        State::ALL.map(|state| (Label::of("session", &s.name).and("state", state), flag(s.state == state)))
    });
    page.gauge("session_state", "1 for the state of a session, 0 for the others.", states);
    let info = status.sessions.iter().map(|s| {
        let word = kinds.iter().find(|(kind, _)| *kind == s.kind).map_or("", |(_, word)| word);
        let label = Label::of("session", &s.name).and("kind", word);
        let label = label.and("account", s.account.as_ref().map_or("", |a| a.as_str()));
        (label.and("project", s.project.as_ref().map_or("", |p| p.as_str())), 1.0)
    });
    page.gauge("session_info", "What a session is and where it runs; empty where that is not known.", info);
    let mut each = |name, help, value: &dyn Fn(&SessionStatus) -> Option<f64>| {
        let samples = status.sessions.iter().filter_map(|s| Some((Label::of("session", &s.name), value(s)?)));
        page.gauge(name, help, samples);
    };
    each("session_state_since_timestamp_seconds", "Since when a session is in its state.", &|s| {
        Some(seconds(s.since)).filter(|since| *since > 0.0)
    });
    each("session_task_claimed_timestamp_seconds", "When the task of a session was claimed.", &|s| {
        s.lease.as_ref().map(|l| seconds(l.claimed))
    });
    each("session_task_attempt", "Which attempt at its task a session makes.", &|s| {
        s.lease.as_ref().map(|l| f64::from(l.attempt))
    });
}

fn queues(status: &Status, page: &mut Page) {
    let counts = status.projects.iter().flat_map(|p| {
        [("waiting", p.waiting), ("claimed", p.claimed), ("done", p.done), ("failed", p.failed)]
            .map(|(place, count)| (Label::of("project", &p.project).and("place", place), count as f64))
    });
    let help = "Tasks of a project by where their files lie; archived ones are not counted.";
    page.gauge("tasks", help, counts);
    let ready = status.projects.iter().map(|p| (Label::of("project", &p.project), p.ready as f64));
    page.gauge("tasks_ready", "Waiting tasks of a project that a run of dispatch would hand out now.", ready);
}

fn switches(status: &Status, page: &mut Page) {
    let verdict = match status.decision.verdict {
        Verdict::Stay { .. } => "stay",
        Verdict::Switch { .. } => "switch",
        Verdict::Exhausted { .. } => "exhausted",
        Verdict::Held { .. } => "held",
    };
    let all = ["stay", "switch", "exhausted", "held"].map(|v| (Label::of("verdict", v), flag(v == verdict)));
    let help = "1 for what is to be done: nothing, a switch, nowhere to go, not yet.";
    page.gauge("decision", help, all);
    let last = status.last_switch.as_ref();
    let running = flag(last.is_some_and(|j| j.ended.is_none()));
    page.one("switch_in_progress", "Whether a switch is under way.", Label::none(), running);
    let mut of_last = |name, help, value: &dyn Fn(&Journal) -> Vec<(Label, f64)>| {
        page.gauge(name, help, last.map(value).unwrap_or_default());
    };
    of_last("last_switch_begun_timestamp_seconds", "When the newest switch began.", &|j| {
        vec![(Label::of("from", &j.from).and("to", &j.to), seconds(j.begun))]
    });
    of_last("last_switch_ended_timestamp_seconds", "When the newest switch was over.", &|j| {
        j.ended.map(|at| (Label::none(), seconds(at))).into_iter().collect()
    });
    of_last("last_switch_sessions", "Sessions of the newest switch, by how far they have come.", &|j| {
        Stage::ALL
            .map(|(stage, word)| {
                (Label::of("stage", word), j.moves.iter().filter(|m| m.stage == stage).count() as f64)
            })
            .into_iter()
            .collect()
    });
}

fn runs(status: &Status, page: &mut Page) {
    let notify = status.notify.as_ref().and_then(|n| n.last_run);
    let all = [("dispatch", status.last_run.dispatch), ("watch", status.last_run.watch), ("notify", notify)];
    let ran = all.iter().filter_map(|(command, at)| Some((Label::of("command", command), seconds((*at)?))));
    page.gauge("last_run_timestamp_seconds", "When a command last ran.", ran);
}

fn targets(status: &Status, page: &mut Page) {
    let targets = status.notify.as_ref().map(|n| n.targets.as_slice()).unwrap_or_default();
    let mut each = |name, help, value: &dyn Fn(&TargetStatus) -> Option<f64>| {
        let of = |t: &TargetStatus| Some((Label::of("target", &t.name).and("kind", t.kind), value(t)?));
        page.gauge(name, help, targets.iter().filter_map(of));
    };
    each("notify_waiting_events", "Events that wait for a target.", &|t| Some(t.waiting as f64));
    each("notify_parked_events", "Events that a target did not take.", &|t| Some(t.parked as f64));
    each("notify_trouble", "Whether nothing arrives at a target.", &|t| Some(flag(t.trouble.is_some())));
    each("notify_trouble_since_timestamp_seconds", "Since when nothing arrives at a target.", &|t| {
        t.trouble.as_ref().map(|trouble| seconds(trouble.since))
    });
}

/// The labels of a sample, rendered.
#[derive(Default)]
struct Label(String);

impl Label {
    fn none() -> Self {
        Self::default()
    }

    fn of(name: &str, value: impl std::fmt::Display) -> Self {
        Self::none().and(name, value)
    }

    fn and(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        let comma = if self.0.is_empty() { "" } else { "," };
        let _ = write!(self.0, "{comma}{name}=\"{}\"", escaped(&value.to_string()));
        self
    }
}

/// The three characters that a label value has to escape.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn one(&mut self, name: &str, help: &str, label: Label, value: f64) {
        self.gauge(name, help, [(label, value)]);
    }

    /// A family; nothing of one without a sample. A second sample with the same labels would spoil the whole scrape.
    fn gauge(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = (Label, f64)>) {
        let mut seen = BTreeSet::new();
        for (label, value) in samples {
            if !value.is_finite() || seen.contains(&label.0) {
                continue;
            }
            let name = format!("claude_failover_{name}");
            if seen.is_empty() {
                let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge");
            }
            let _ = match label.0.as_str() {
                "" => writeln!(self.text, "{name} {value}"),
                labels => writeln!(self.text, "{name}{{{labels}}} {value}"),
            };
            seen.insert(label.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_label_cannot_hold_is_escaped() {
        let mut page = Page::default();
        page.one("x", "Help.", Label::of("a", "q\"b\\s\nn}").and("b", "é{},="), 0.5);
        let sample = r#"claude_failover_x{a="q\"b\\s\nn}",b="é{},="} 0.5"#;
        let head = "# HELP claude_failover_x Help.\n# TYPE claude_failover_x gauge\n";
        assert_eq!(page.text, format!("{head}{sample}\n"));
    }

    #[test]
    fn a_label_set_is_told_once_and_a_family_without_samples_not_at_all() {
        let mut page = Page::default();
        page.gauge("none", "Help.", []);
        page.gauge("nan", "Help.", [(Label::none(), f64::NAN)]);
        assert_eq!(page.text, "");
        page.gauge(
            "x",
            "Help.",
            [(Label::of("a", "1"), 1.0), (Label::of("a", "1"), 2.0), (Label::of("a", "2"), 3.0)],
        );
        let samples: Vec<&str> = page.text.lines().skip(2).collect();
        assert_eq!(samples, ["claude_failover_x{a=\"1\"} 1", "claude_failover_x{a=\"2\"} 3"]);
    }

    #[test]
    fn a_moment_keeps_its_seconds() {
        let mut page = Page::default();
        page.one("x", "Help.", Label::none(), seconds("2026-03-01T12:00:00.250Z".parse().unwrap()));
        assert!(page.text.ends_with("claude_failover_x 1772366400.25\n"), "{}", page.text);
    }
}
