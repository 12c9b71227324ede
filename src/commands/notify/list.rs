//! `notify list`.

use anyhow::Result;

use crate::act::notify::standing::{Standing, standing};
use crate::env::{Env, local};
use crate::error::Exit;
use crate::model::notify::Event;
use crate::model::notify::text::line;
use crate::output::{BAD, FAINT, STRONG, WARN, styled};

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
