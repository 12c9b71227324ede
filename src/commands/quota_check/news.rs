//! What people are told of accounts: that none has anything left, and that a login needs them.

use jiff::SignedDuration;

use crate::act::gather::{Found, Known};
use crate::env::{Env, local};
use crate::model::account::Login;
use crate::model::notify::{Kind, Telling};
use crate::model::signals::failure::Trouble;
use crate::model::switch::{Decision, Verdict};
use crate::sys::store::LogEntry;

/// How long before the end of a login people are told.
const LOGIN_ENDS: SignedDuration = SignedDuration::from_hours(5 * 24);

/// "Every account is exhausted" in words that say when the first window resets: for the log, and for people once a
/// reset.
pub fn exhausted<'a>(env: &Env, decision: &Decision, words: &'a str) -> Option<LogEntry<'a>> {
    let Verdict::Exhausted { until, .. } = &decision.verdict else { return None };
    let key = until.map_or_else(|| env.now.strftime("%Y-%m-%dT%H").to_string(), |until| until.to_string());
    Some(LogEntry {
        command: "quota-check",
        what: "found every account exhausted",
        why: words,
        event: Some(Telling::new(Kind::Exhausted, key)),
        ..LogEntry::default()
    })
}

/// Tells of logins that need a person, each once: one that can be used meanwhile and ends in turn is another.
pub fn of_logins(env: &Env, found: &Found) {
    for known in found.accounts.iter().filter(|known| !known.view.disabled) {
        let (name, login) = (known.record.name.as_str(), &known.view.login);
        let over = match (login, known.view.trouble) {
            (Login::Valid { .. }, Some((Trouble::Login, _))) => Some(Trouble::Login.as_str()),
            (Login::Valid { .. }, _) => None,
            (gone, _) => Some(gone.as_str()),
        };
        let Some(since) = since(env, known, over.is_some()) else { continue };
        let (kind, why, key) = match (login, over) {
            (_, Some(why)) => (Kind::LoginExpired, why.to_owned(), since),
            (Login::Valid { ends: Some(ends) }, None) if ends.duration_since(env.now) < LOGIN_ENDS => {
                (Kind::LoginEnding, format!("it ends at {}", local(*ends, &env.zone)), ends.to_string())
            }
            _ => continue,
        };
        let what = if kind == Kind::LoginEnding { "a login ends soon" } else { "a login cannot be used" };
        env.tell(&LogEntry {
            command: "quota-check",
            what,
            why: &format!("{why}; `claude-failover account login {name}`"),
            account: Some(name),
            event: Some(Telling::new(kind, key)),
            ..LogEntry::default()
        });
    }
}

/// Since when a login cannot be used, as text: kept in the account's record until it can be used again. Of a record
/// that cannot be used, when the login last changed: what stays the same as well. `None` if it cannot be kept now: told
/// without it, every look would tell of it.
fn since(env: &Env, known: &Known, is_over: bool) -> Option<String> {
    let name = &known.record.name;
    if env.store.account(name).is_err() {
        return Some(known.login.changed.map(|at| at.to_string()).unwrap_or_default());
    }
    let kept = known.record.unusable_since;
    if kept.is_some() != is_over {
        let since = is_over.then_some(env.now);
        let write = || env.store.lock()?.update_account(name, |r| r.unusable_since = since);
        if let Err(e) = write() {
            log::warn!("nobody is told of the login of `{name}` yet: {e:#}");
            return None;
        }
    }
    Some(kept.unwrap_or(env.now).to_string())
}
