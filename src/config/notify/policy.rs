//! What a target is told, how often, and when not.

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::config::check::Faults;
use crate::config::schema::{RawQuiet, RawTarget};
use crate::model::name::shown;
use crate::model::notify::Severity;
use crate::model::notify::policy::{Pattern, Policy};
use crate::model::notify::quiet::Quiet;

pub(super) fn policy(at: &str, raw: &RawTarget, keep: SignedDuration, f: &mut Faults) -> Policy {
    let mut patterns = |key: &str, list: &[String]| -> Vec<Pattern> {
        let mut all = Vec::new();
        for (n, text) in list.iter().enumerate() {
            match Pattern::new(text) {
                Some(pattern) => all.push(pattern),
                None => {
                    let hint = "a kind such as `task.given_up`, or `task.*`; the README lists them";
                    f.hinted(format!("{at}.{key}.{n}"), format!("no kind of event: `{}`", shown(text)), hint);
                }
            }
        }
        all
    };
    let (events, except) = (patterns("events", &raw.events), patterns("except", &raw.except));
    let usual = if raw.events.is_empty() { Severity::Notice } else { Severity::Info };
    let per_hour = raw.per_hour.unwrap_or(20);
    if !(1..=1000).contains(&per_hour) {
        f.add(format!("{at}.per_hour"), "must be a number from 1 to 1000");
    }
    Policy {
        severity: raw.severity.unwrap_or(usual),
        events,
        except,
        quiet: raw.quiet.as_ref().and_then(|raw| quiet(&format!("{at}.quiet"), raw, f)),
        repeat: raw.repeat.map_or(SignedDuration::from_mins(30), |t| t.0),
        per_hour,
        digest_over: raw.digest_over.unwrap_or(3),
        keep,
    }
}

fn quiet(at: &str, raw: &RawQuiet, f: &mut Faults) -> Option<Quiet> {
    let mut time = |key: &str, text: &str| {
        let time = jiff::civil::Time::strptime("%H:%M", text).ok();
        if time.is_none() {
            f.hinted(
                format!("{at}.{key}"),
                format!("not a time: `{}`", shown(text)),
                "write it as \"22:00\", in quotes",
            );
        }
        time
    };
    let (from, to) = (time("from", &raw.from), time("to", &raw.to));
    let zone = match &raw.zone {
        None => Some(TimeZone::system()),
        Some(name) => {
            let zone = TimeZone::get(name).ok();
            if zone.is_none() {
                f.hinted(
                    format!("{at}.zone"),
                    format!("no such zone: `{}`", shown(name)),
                    "such as `Europe/Vienna`",
                );
            }
            zone
        }
    };
    let (from, to, zone) = (from?, to?, zone?);
    if from == to {
        f.add(format!("{at}.to"), "the same as `from`: no span of a day");
    }
    Some(Quiet { from, to, zone, pass: raw.pass.unwrap_or(Severity::Critical) })
}
