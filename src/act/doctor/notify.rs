//! Gathers for [`crate::model::doctor::notify`], by the files of the outbox alone: one for each event that is not
//! told everywhere yet, and one for each target with what it did not take and why nothing arrives.

use jiff::Timestamp;
use serde_json::Value;
use std::path::Path;

use super::Around;
use crate::model::doctor::notify::{Facts, findings};
use crate::model::finding::Finding;
use crate::sys::{home, state_file};

pub(super) fn look(around: &Around) -> Vec<Finding> {
    let outbox = around.store.root().join("outbox");
    let events = state_file::list(&outbox).unwrap_or_default();
    let written = |name: &String| outbox.join(format!("{name}.json")).metadata().ok()?.modified().ok();
    let oldest = events.iter().filter_map(written).min();
    let targets: Vec<(String, Value)> = records(&outbox.join("targets"));
    let trouble = targets.iter().filter_map(|(name, record)| {
        let text = |key: &str| record["trouble"][key].as_str().map(str::to_owned);
        // What only has to be waited for is no fault of the target.
        record["trouble"]["fault"].as_bool().filter(|fault| *fault)?;
        let remedy = text("hint").unwrap_or_else(|| format!("claude-failover notify test {name}"));
        Some((format!("target {name}"), format!("nothing arrives: {}", text("why").unwrap_or_default()), remedy))
    });
    findings(&Facts {
        now: around.now,
        targets: around.env.as_ref().ok().map(|env| env.config.notify.targets.len()),
        waiting: events.len(),
        oldest: oldest.and_then(|at| Timestamp::try_from(at).ok()),
        parked: targets.iter().map(|(_, r)| r["parked"].as_object().map_or(0, serde_json::Map::len)).sum(),
        faults: trouble.collect(),
    })
}

fn records(dir: &Path) -> Vec<(String, Value)> {
    let names = state_file::list(dir).unwrap_or_default();
    names
        .into_iter()
        .filter_map(|name| {
            let record = home::object(&dir.join(format!("{name}.json"))).ok()?;
            Some((name, Value::Object(record)))
        })
        .collect()
}
