//! How each target stands: what waits for it, what it did not take, and why nothing arrives.

use anyhow::Result;
use jiff::Timestamp;

use crate::config::Target;
use crate::env::Env;
use crate::model::notify::Event;
use crate::model::notify::record::{Parked, TargetRecord, Trouble};
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
