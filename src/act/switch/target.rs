//! The account that sessions go to: looked at fully before anything is touched, and chosen anew when it
//! turns out dead.

use anyhow::{Context, Result, anyhow};

use crate::act::gather::{self, How};
use crate::config::Account;
use crate::env::Env;
use crate::error::Mark;
use crate::model::journal::Journal;
use crate::model::name::AccountName;
use crate::model::session::SessionRecord;
use crate::model::switch::decide;
use crate::sys::{claude, clock};

/// Whether an account can take these sessions: its home, its login, their conversations seen from there.
/// Everything that a launch will write into the home is written now.
///
/// # Errors
/// Says what keeps it from taking them; nothing was touched.
pub fn check(env: &Env, account: &Account, sessions: &[SessionRecord]) -> Result<()> {
    let known = gather::recorded(env, account, sessions)?;
    // A pause after failed launches is a reason not to move there too.
    if let Some(why) = known.view.obstacles(clock::now()).first() {
        return Err(anyhow!("account `{}`: {why}", account.name))
            .hint(format!("claude-failover account check {}", account.name));
    }
    for record in sessions {
        let Some(cwd) = &record.cwd else { continue };
        if !cwd.is_dir() {
            continue; // that session is left where it is, and says so
        }
        claude::prepare(&env.store, &env.config, account, cwd)
            .with_context(|| format!("account `{}` cannot be prepared", account.name))?;
    }
    // One conversation that cannot be seen is that session's own; all of them are the account's links.
    let unseen: Vec<_> = sessions.iter().map(|record| sees(env, account, record)).collect();
    if !unseen.is_empty() && unseen.iter().all(Result::is_err) {
        return unseen.into_iter().collect();
    }
    Ok(())
}

/// Whether the conversation of a session can be seen from an account's home.
///
/// # Errors
/// If it cannot although it has a transcript.
pub(super) fn sees(env: &Env, account: &Account, record: &SessionRecord) -> Result<()> {
    let Some(conversation) = record.conversation.as_deref() else { return Ok(()) };
    if crate::act::look::transcript(env, record)?.is_none() {
        return Ok(());
    }
    if claude::transcript(&account.home, None, conversation)?.is_none() {
        return Err(anyhow!(
            "the conversation of `{}` cannot be seen from account `{}`: `{}`",
            record.name,
            account.name,
            account.home.join("projects").display()
        ))
        .hint(format!("`claude-failover account check {}` tells which link is wrong", account.name));
    }
    Ok(())
}

/// The account to go on to, now that the present target does not work.
///
/// # Errors
/// If the state cannot be read.
pub fn next(env: &Env, journal: &Journal) -> Result<Option<AccountName>> {
    let sessions = env.store.sessions()?;
    // The sessions that were started there have reported why: that is in the records now.
    let found = gather::all(env, &sessions, How { store: true, forecast_all: false })?;
    let is_out = |name: &AccountName| *name == journal.to || journal.dead.iter().any(|d| d.account == *name);
    let views: Vec<_> = found.views().into_iter().filter(|v| !is_out(&v.name)).collect();
    let memory = env.store.memory()?;
    let decision = decide(clock::now(), &views, &journal.from, &memory, &env.config.quota.policy, &[]);
    for name in decision.candidates() {
        let Some(account) = env.config.account(name) else { continue };
        let moved = |r: &&SessionRecord| journal.moves.iter().any(|m| m.session == r.name);
        let moved: Vec<SessionRecord> = sessions.records.iter().filter(moved).cloned().collect();
        match check(env, account, &moved) {
            Ok(()) => return Ok(Some(name.clone())),
            Err(e) => log::warn!("{e:#}"),
        }
    }
    Ok(None)
}
