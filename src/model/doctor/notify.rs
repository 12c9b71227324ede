//! Notifications: whether anybody is told, and what could not be delivered.

use jiff::{SignedDuration, Timestamp};

use crate::model::finding::Finding;
use crate::model::observe::words;

/// A message that waits for longer than this is not only on its way.
const LATE: SignedDuration = SignedDuration::from_hours(1);

/// What was seen of them.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Now.
    pub now: Timestamp,
    /// How many targets are configured; `None` where this program knows of none yet.
    pub targets: Option<usize>,
    /// Messages that wait.
    pub waiting: usize,
    /// Since when the oldest waits.
    pub oldest: Option<Timestamp>,
    /// Messages that were given up.
    pub parked: usize,
    /// What was seen of each target.
    pub seen: Vec<Target>,
}

/// What was seen of one target.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Why its secret cannot be read where `notify` runs, and what to do about it.
    pub no_secret: Option<(String, Option<String>)>,
    /// Why the last run could not reach it, and what to do about it.
    pub trouble: Option<(String, Option<String>)>,
}

/// What is wrong with them.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    if facts.targets == Some(0) {
        let message = "nobody is told of anything: no target is configured";
        found.push(Finding::info("notify", "notify-unset", message, "name one under `notifications`"));
    }
    for target in &facts.seen {
        let Target { name, no_secret, trouble } = target;
        let try_it = || format!("claude-failover notify test {name}");
        // Without it nothing else matters, and what the last run had to say is most often the same.
        let (code, message, remedy) = match (no_secret, trouble) {
            (Some((why, hint)), _) => {
                let remedy = hint.as_ref().map_or_else(try_it, |hint| format!("{hint}; then {}", try_it()));
                ("notify-secret", format!("nothing can be sent to it: {why}"), remedy)
            }
            (None, Some((why, hint))) => {
                ("notify-target", format!("nothing arrives: {why}"), hint.clone().unwrap_or_else(try_it))
            }
            (None, None) => continue,
        };
        found.push(Finding::fault(format!("target {name}"), code, message, remedy));
    }
    if facts.parked > 0 {
        let message = format!("{} could not be delivered and were given up", messages(facts.parked));
        found.push(Finding::warning("notify", "notify-parked", message, "claude-failover notify list shows them"));
    }
    let age = facts.oldest.map(|at| facts.now.duration_since(at)).filter(|age| *age > LATE);
    if let Some(age) = age.filter(|_| facts.waiting > 0) {
        let message = format!("{} wait, the oldest for {}", messages(facts.waiting), words(age));
        found.push(Finding::warning("notify", "notify-late", message, "claude-failover notify says why"));
    }
    found
}

fn messages(n: usize) -> String {
    crate::model::home::count(n as u64, "message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_found() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let target = Target { name: "x".into(), no_secret: None, trouble: None };
        let good = Facts { now, targets: Some(1), waiting: 3, oldest: Some(now), parked: 0, seen: vec![target] };
        let found = |change: fn(&mut Facts)| {
            let mut facts = good.clone();
            change(&mut facts);
            findings(&facts).into_iter().map(|f| f.code).collect::<Vec<_>>()
        };
        assert!(found(|_| {}).is_empty());
        assert_eq!(found(|f| f.targets = Some(0)), ["notify-unset"]);
        assert!(found(|f| f.targets = None).is_empty());
        assert_eq!(found(|f| f.parked = 1), ["notify-parked"]);
        assert_eq!(found(|f| f.oldest = Some(f.now - SignedDuration::from_hours(3))), ["notify-late"]);
        let trouble = |f: &mut Facts| f.seen[0].trouble = Some(("refused".into(), None));
        assert_eq!(found(trouble), ["notify-target"]);
        let both = |f: &mut Facts| {
            f.seen[0].trouble = Some(("refused".into(), None));
            f.seen[0].no_secret = Some(("not there".into(), Some("put it there".into())));
        };
        assert_eq!(found(both), ["notify-secret"]);
    }
}
