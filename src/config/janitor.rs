//! `janitor`: ages and caps.

use jiff::SignedDuration;

use super::Janitor;
use super::check::{Faults, positive};
use super::schema::{RawJanitor, Time};
use crate::model::janitor::Rules;

/// A temp file younger than this may be one that is being written.
const SHORTEST: SignedDuration = SignedDuration::from_mins(10);

pub(super) fn janitor(raw: &RawJanitor, f: &mut Faults) -> Janitor {
    let d = Rules::default();
    let mut age = |key: &str, given: Option<Time>, default| positive(&format!("janitor.{key}"), given, default, f);
    let rules = Rules {
        stale_claims_after: age("stale_claims_after", raw.stale_claims_after, d.stale_claims_after),
        archive_done_after: age("archive_done_after", raw.archive_done_after, d.archive_done_after),
        archive_failed_after: age("archive_failed_after", raw.archive_failed_after, d.archive_failed_after),
        log_keep: age("log_keep", raw.log_keep, d.log_keep),
        log_max: raw.log_max.map_or(d.log_max, |size| size.0),
        events_keep: age("events_keep", raw.events_keep, d.events_keep),
        signals_keep: age("signals_keep", raw.signals_keep, d.signals_keep),
        sessions_keep: age("sessions_keep", raw.sessions_keep, d.sessions_keep),
        overlays_keep: age("overlays_keep", raw.overlays_keep, d.overlays_keep),
        switches_keep: raw.switches_keep.unwrap_or(d.switches_keep),
        temp_files_after: age("temp_files_after", raw.temp_files_after, d.temp_files_after),
        kicks_after: age("kicks_after", raw.kicks_after, d.kicks_after),
        orphans_after: age("orphans_after", raw.orphans_after, d.orphans_after),
    };
    let interval = age("interval", raw.interval, SignedDuration::from_hours(1));
    if rules.temp_files_after < SHORTEST && !rules.temp_files_after.is_zero() {
        f.add("janitor.temp_files_after", "must be at least 10m: a younger one may be in use");
    }
    if rules.switches_keep == 0 {
        f.add("janitor.switches_keep", "must be at least 1");
    }
    Janitor { interval, rules }
}
