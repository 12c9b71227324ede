//! What people are told of accounts: that none has anything left, and that a login needs them.

use jiff::SignedDuration;

use crate::act::gather::Found;
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

/// Tells of logins that need a person, each once: a login that is made later and ends in turn is another.
pub fn of_logins(env: &Env, found: &Found) {
    for known in found.accounts.iter().filter(|known| !known.view.disabled) {
        let (name, login) = (known.record.name.as_str(), &known.view.login);
        let since = known.login.changed.map(|at| at.to_string()).unwrap_or_default();
        let (kind, why, key) = match (login, known.view.trouble) {
            (Login::Valid { .. }, Some((Trouble::Login, _))) => {
                (Kind::LoginExpired, Trouble::Login.as_str().to_owned(), format!("refused {since}"))
            }
            (Login::Valid { ends: Some(ends) }, _) if ends.duration_since(env.now) < LOGIN_ENDS => {
                (Kind::LoginEnding, format!("it ends at {}", local(*ends, &env.zone)), ends.to_string())
            }
            (Login::Valid { .. }, _) => continue,
            (gone, _) => (Kind::LoginExpired, gone.as_str().to_owned(), format!("{} {since}", gone.as_str())),
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
