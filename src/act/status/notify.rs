//! Whether people are told at all: targets that cannot be reached, messages that were refused, an outbox that
//! nobody drains.

use crate::act::notify::standing::standing;
use crate::env::Env;
use crate::model::observe::words;
use crate::model::status::{Need, NotifyStatus, TargetStatus};

/// Minutes of trouble that the network may have before a person is told.
const TROUBLE: i64 = 15;

/// How each target stands; what needs a person is added.
pub fn gather(env: &Env, needs: &mut Vec<Need>) -> Option<NotifyStatus> {
    let (targets, broken) = match standing(env) {
        Ok(found) => found,
        Err(e) => {
            let what = crate::error::messages_of(&e).join(": ");
            needs.push(Need { subject: "notify".into(), what, hint: None });
            return None;
        }
    };
    for b in broken {
        needs.push(Need { subject: b.name, what: b.error, hint: b.hint });
    }
    let mut all = Vec::new();
    for t in &targets {
        let subject = || format!("target {}", t.name);
        let trouble = t
            .trouble
            .as_ref()
            .filter(|trouble| trouble.fault || env.now.duration_since(trouble.since).as_mins().abs() >= TROUBLE);
        if let Some(trouble) = trouble {
            let since = words(env.now.duration_since(trouble.since));
            let what = format!("tells nobody since {since}: {} ({} wait)", trouble.why, t.waiting.len());
            let hint = trouble.hint.clone().unwrap_or_else(|| format!("claude-failover notify test {}", t.name));
            needs.push(Need { subject: subject(), what, hint: Some(hint) });
        }
        if !t.parked.is_empty() {
            let what = format!("did not take {} events", t.parked.len());
            let hint = "`claude-failover notify list`, then `notify retry` or `notify drop`".to_owned();
            needs.push(Need { subject: subject(), what, hint: Some(hint) });
        }
        all.push(TargetStatus {
            name: t.name.to_owned(),
            kind: t.kind,
            waiting: t.waiting.len(),
            parked: t.parked.len(),
            trouble: t.trouble.clone(),
            not_before: t.not_before,
        });
    }
    let oldest = targets.iter().filter(|t| t.trouble.is_none()).flat_map(|t| &t.waiting).map(|e| e.at).min();
    let ran = env.store.last_run("notify").map(|at| env.now.duration_since(at).as_mins());
    if oldest.is_some_and(|at| env.now.duration_since(at).as_mins() >= TROUBLE)
        && ran.is_none_or(|minutes| minutes >= TROUBLE)
    {
        let what = "events wait and it does not run".to_owned();
        let hint = Some("look at its timer, or run `claude-failover notify`".to_owned());
        needs.push(Need { subject: "notify".into(), what, hint });
    }
    Some(NotifyStatus { targets: all, last_run: env.store.last_run("notify") })
}
