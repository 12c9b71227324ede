//! `notify list`, and what `status` says of the targets.

use anyhow::Result;
use jiff::Timestamp;

use crate::config::Target;
use crate::env::{Env, local};
use crate::error::Exit;
use crate::model::notify::Event;
use crate::model::notify::record::{Parked, TargetRecord, Trouble};
use crate::model::notify::text::line;
use crate::output::{BAD, FAINT, STRONG, WARN, styled};
use crate::sys::secret;
use crate::sys::store::Broken;

/// How a target stands.
pub struct Standing<'e> {
    /// Its name.
    pub name: &'e str,
    /// Its kind.
    pub kind: &'static str,
    /// What waits for it, oldest first.
    pub waiting: Vec<Event>,
    /// What it did not take.
    pub parked: Vec<(String, Option<Event>, Parked)>,
    /// Why nothing arrives.
    pub trouble: Option<Trouble>,
    /// No try before this.
    pub not_before: Option<Timestamp>,
}

/// How each target stands, and the files that cannot be read.
///
/// # Errors
/// If the outbox cannot be listed.
pub fn standing(env: &Env) -> Result<(Vec<Standing<'_>>, Vec<Broken>)> {
    let outbox = env.store.outbox(&env.config.notify.targets)?;
    let (mut all, mut broken) = (Vec::new(), outbox.broken);
    for target in &env.config.notify.targets {
        let record = env.store.target(&target.name).unwrap_or_else(|e| {
            broken.push(Broken {
                name: format!("target {}", target.name),
                error: crate::error::messages_of(&e).join(": "),
                hint: crate::error::hints_of(&e).first().map(|h| (*h).to_owned()),
            });
            TargetRecord::new(&target.name)
        });
        let event = |id: &String| outbox.events.iter().find(|e| e.id == *id).cloned();
        all.push(Standing {
            name: &target.name,
            kind: target.via.kind().as_str(),
            waiting: record.waiting(&target.policy, &outbox.events).into_iter().cloned().collect(),
            parked: record.parked.iter().map(|(id, parked)| (id.clone(), event(id), parked.clone())).collect(),
            trouble: trouble(env, target, &record),
            not_before: record.paused(env.now),
        });
    }
    Ok((all, broken))
}

/// What is wrong with a target now: a secret that is missing is seen here before any run has tried. One that the
/// service manager hands to units alone is no fault of whoever looks by hand.
fn trouble(env: &Env, target: &Target, record: &TargetRecord) -> Option<Trouble> {
    let by_unit = matches!(
        target.secret,
        Some(crate::config::SecretSource::Credential(_) | crate::config::SecretSource::Env(_))
    );
    let missing = target.secret.as_ref().filter(|_| !by_unit).and_then(|source| secret::read(source).err());
    match missing {
        Some(e) => Some(Trouble {
            since: record.trouble.as_ref().map_or(env.now, |t| t.since),
            why: crate::error::messages_of(&e).join(": "),
            fault: true,
            hint: crate::error::hints_of(&e).first().map(|h| (*h).to_owned()),
        }),
        None => record.trouble.clone().filter(|_| by_unit || !record.missing),
    }
}

/// Prints it.
///
/// # Errors
/// If the outbox cannot be listed.
pub fn list(env: &Env) -> Result<Exit> {
    let (targets, broken) = standing(env)?;
    if env.out.json {
        let targets: Vec<_> = targets.iter().map(json).collect();
        let broken: Vec<_> =
            broken.iter().map(|b| serde_json::json!({ "name": b.name, "error": b.error })).collect();
        env.out.object(&serde_json::json!({ "version": 1, "targets": targets, "broken": broken }));
        return Ok(Exit::Done);
    }
    let mut out = String::new();
    for t in &targets {
        let (name, waiting, parked) = (styled(STRONG, t.name), t.waiting.len(), t.parked.len());
        out.push_str(&format!("{name} ({}): {waiting} waiting, {parked} parked\n", t.kind));
        if let Some(trouble) = &t.trouble {
            let style = if trouble.fault { BAD } else { WARN };
            out.push_str(&format!(
                "  {} since {}\n",
                styled(style, &trouble.why),
                local(trouble.since, &env.zone)
            ));
            if let Some(hint) = &trouble.hint {
                out.push_str(&format!("    hint: {hint}\n"));
            }
        }
        if let Some(until) = t.not_before {
            out.push_str(&format!("  next try {}\n", local(until, &env.zone)));
        }
        for event in &t.waiting {
            out.push_str(&format!("  waits  {}\n", words(env, &event.id, Some(event))));
        }
        for (id, event, parked) in &t.parked {
            out.push_str(&format!(
                "  {} {}: {}\n",
                styled(WARN, "parked"),
                words(env, id, event.as_ref()),
                parked.why
            ));
        }
    }
    for b in &broken {
        out.push_str(&format!("{} {}: {}\n", styled(BAD, "not read"), b.name, b.error));
    }
    env.out.text(if out.is_empty() { "no target is configured\n" } else { &out });
    Ok(Exit::Done)
}

fn words(env: &Env, id: &str, event: Option<&Event>) -> String {
    let told = event.map_or(String::new(), |e| {
        format!(" {} {}", styled(FAINT, local(e.at, &env.zone)), line(&format!("{} {}", e.what, e.subject), 100))
    });
    format!("{id}{told}")
}

fn json(t: &Standing<'_>) -> serde_json::Value {
    let parked: Vec<_> = t
        .parked
        .iter()
        .map(|(id, event, parked)| serde_json::json!({ "id": id, "event": event, "at": parked.at, "why": parked.why }))
        .collect();
    serde_json::json!({
        "name": t.name, "kind": t.kind, "waiting": t.waiting, "parked": parked, "trouble": t.trouble,
        "not_before": t.not_before,
    })
}
