//! A switch: sessions moved to another account as a journaled transaction. The plan is on disk before the
//! first session is touched, every step before its effect and after it; whoever finds the journal of a run
//! that was killed carries it on.

mod session;
mod target;

pub use session::look_at;
pub use target::{check, next};

use anyhow::{Result, anyhow};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use self::session::Came;
use super::{assign, gather};
use crate::env::Env;
use crate::error::Mark;
use crate::model::account_record::AccountRecord;
use crate::model::journal::{JOURNAL_VERSION, Journal, Move, Noted, Stage};
use crate::model::name::{AccountName, SessionName};
use crate::model::notify::{Kind as EventKind, Telling};
use crate::model::session::{Kind, SessionRecord, State, ToMove};
use crate::model::switch::Past;
use crate::sys::store::{Active, LogEntry, MEMORY_VERSION};
use crate::sys::tmux::Tmux;
use crate::sys::{atomic, clock};

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The account that is left.
    pub from: AccountName,
    /// The account that they go to.
    pub to: AccountName,
    /// The sessions.
    pub sessions: Vec<SessionRecord>,
    /// Why.
    pub why: String,
    /// Whether the sessions stand still anyway.
    pub urgent: bool,
    /// Whether a person asked for it.
    pub by_person: bool,
    /// Whether new sessions start there afterwards.
    pub activates: bool,
}

/// How many past switches the decision remembers.
const REMEMBERED: usize = 50;

/// The journal, shared by the sessions that are moved at once.
pub(super) struct Log<'a> {
    env: &'a Env,
    journal: Mutex<Journal>,
}

impl Log<'_> {
    fn read<T>(&self, look: impl FnOnce(&Journal) -> T) -> T {
        look(&self.journal.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the journal and writes it.
    fn write(&self, change: impl FnOnce(&mut Journal)) -> Result<()> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut journal);
        self.env.store.lock()?.write_journal(&journal)
    }

    fn of(&self, session: &SessionName) -> Result<Move> {
        let found = self.read(|j| j.moves.iter().find(|m| m.session == *session).cloned());
        found.ok_or_else(|| anyhow!("session `{session}` is not in the journal"))
    }

    /// Brings a session to a stage, with the reason, which is also a line of the history.
    fn stage(&self, session: &SessionName, stage: Stage, why: &str, more: impl FnOnce(&mut Move)) -> Result<()> {
        let now = clock::now();
        self.write(|journal| {
            let what = format!("{}: {why}", stage.as_str());
            journal.steps.push(Noted { at: now, session: Some(session.clone()), what });
            if let Some(m) = journal.moves.iter_mut().find(|m| m.session == *session) {
                (m.stage, m.since) = (stage, now);
                why.clone_into(&mut m.why);
                more(m);
            }
        })
    }
}

/// Puts the plan on disk. Nothing else is done yet.
///
/// # Errors
/// If a switch is under way, or the journal cannot be written.
pub fn begin(env: &Env, wish: &Wish) -> Result<Journal> {
    let now = clock::now();
    let mut sessions: Vec<&SessionRecord> = wish.sessions.iter().collect();
    sessions.sort_by_key(|r| (turn(r), r.name.clone()));
    // Named twice on a command line, it is moved once.
    sessions.dedup_by(|a, b| a.name == b.name);
    let on = |r: &SessionRecord| r.account.clone().unwrap_or_else(|| wish.from.clone());
    let journal = Journal {
        version: JOURNAL_VERSION,
        id: now.strftime("%Y%m%dT%H%M%S%.3fZ").to_string().replace('.', "-"),
        begun: now,
        by_person: wish.by_person,
        why: wish.why.clone(),
        urgent: wish.urgent,
        from: wish.from.clone(),
        to: wish.to.clone(),
        dead: Vec::new(),
        back: false,
        faults: Vec::new(),
        activates: wish.activates,
        moves: sessions.iter().map(|r| Move::new(r.name.clone(), on(r), now)).collect(),
        ended: None,
        steps: vec![Noted {
            at: now,
            session: None,
            what: format!("from `{}` to `{}`: {}", wish.from, wish.to, wish.why),
        }],
    };
    let mut locked = env.store.lock()?;
    if let Some(other) = env.store.journal()? {
        return Err(anyhow!("a switch to `{}` is under way since {}", other.to, other.begun))
            .hint("`claude-failover watch` carries it on");
    }
    locked.write_journal(&journal)?;
    drop(locked);
    env.note(&LogEntry {
        command: "switch",
        what: "began a switch",
        why: &wish.why,
        account: Some(wish.to.as_str()),
        ..LogEntry::default()
    });
    Ok(journal)
}

/// The order of sessions: first one that will show at once whether the account works, last those whose
/// turn has to end.
fn turn(record: &SessionRecord) -> u8 {
    match (record.note.state, record.kind) {
        (State::Limited, Kind::Pool) => 0,
        (State::Limited, _) => 1,
        (State::Idle, Kind::Pool) => 2,
        (State::Idle, _) => 3,
        // It died there, and may do so elsewhere: no account is judged by it.
        (State::Dead, _) => 5,
        _ => 4,
    }
}

/// Carries a journal to its end.
///
/// # Errors
/// If a step cannot be written. What was done stays in the journal, and the next run goes on.
pub fn carry_on(env: &Env, tmux: &Tmux, journal: Journal) -> Result<Journal> {
    let log = Log { env, journal: Mutex::new(journal) };
    let watch = clock::Stopwatch::start();
    let drain: Duration = env.config.switch.drain_timeout.try_into().unwrap_or_default();
    let mut told = HashSet::new();
    let mut waiting: HashSet<SessionName> = HashSet::new();
    let begun = log.read(|j| j.begun);
    loop {
        let (to, urgent, all) =
            log.read(|j| (j.to.clone(), j.urgent, j.open().map(|m| m.session.clone()).collect::<Vec<_>>()));
        if all.is_empty() {
            break;
        }
        let mut batch: Vec<&SessionName> = all.iter().filter(|name| !waiting.contains(name)).collect();
        if batch.is_empty() {
            // Only sessions are left whose turn goes on.
            waiting.clear();
            clock::pause(Duration::from_millis(200));
            continue;
        }
        // A first one shows whether the account works; then a few at once.
        let proved =
            log.read(|j| j.back || j.moves.iter().any(|m| m.stage == Stage::Done && m.on.as_ref() == Some(&to)));
        batch.truncate(if proved { usize::MAX } else { 1 });
        let limit = if urgent { drain.min(URGENT_DRAIN) } else { drain };
        // Killed and carried on, it waits no longer in all than it would have.
        let age: Duration = clock::now().duration_since(begun).try_into().unwrap_or_default();
        let late = watch.elapsed().max(age) >= limit;
        let came =
            several(&batch, env.config.switch.ramp as usize, |name| session::one(env, tmux, &log, name, late));
        let mut dead = None;
        for (name, came) in came {
            match came {
                Ok(Came::Over) => {}
                Ok(Came::NotYet(why)) => {
                    if told.insert(name.clone()) {
                        env.out.note(&format!("waiting for `{name}`: {why}"));
                    }
                    waiting.insert(name.clone());
                }
                Ok(Came::TargetDead(why)) => dead = Some(why),
                // One that cannot be moved keeps none of the others back, unless nothing can be written.
                Err(e) => {
                    let why = crate::error::messages_of(&e).join(": ");
                    log.stage(name, Stage::Failed, &why, |_| {})?;
                }
            }
        }
        if let Some(why) = dead {
            turn_elsewhere(env, &log, &why)?;
        }
    }
    let journal = log.journal.into_inner().unwrap_or_else(PoisonError::into_inner);
    finish(env, journal)
}

/// Takes sessions along, so many at once, until all are through or one of them has shown that the account
/// does not work.
fn several<'n>(
    names: &[&'n SessionName],
    at_once: usize,
    one: impl Fn(&SessionName) -> Result<Came> + Sync,
) -> Vec<(&'n SessionName, Result<Came>)> {
    let (next, dead, came) = (AtomicUsize::new(0), AtomicBool::new(false), Mutex::new(Vec::new()));
    let work = || {
        while !dead.load(Ordering::Relaxed)
            && let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed))
        {
            // A fault of ours in one session is told and keeps none of the others back.
            let how = catch_unwind(AssertUnwindSafe(|| one(name)));
            let how = how.unwrap_or_else(|_| Err(anyhow!("a move panicked")));
            dead.fetch_or(matches!(how, Ok(Came::TargetDead(_))), Ordering::Relaxed);
            came.lock().unwrap_or_else(PoisonError::into_inner).push((*name, how));
        }
    };
    std::thread::scope(|scope| (0..at_once.min(names.len())).for_each(|_| drop(scope.spawn(work))));
    came.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// How long a session whose account has stopped working is waited for: its turn ends by itself.
const URGENT_DRAIN: Duration = Duration::from_secs(3);

/// The account that they go to does not work: on to the next one, or back.
fn turn_elsewhere(env: &Env, log: &Log<'_>, why: &str) -> Result<()> {
    let journal = log.read(Clone::clone);
    let dead = journal.to.clone();
    let next = target::next(env, &journal)?;
    // What nothing else speaks against would be tried again at the next look.
    if let Some(account) = env.config.account(&dead)
        && gather::recorded(env, account, &[]).is_ok_and(|k| k.view.obstacles(clock::now()).is_empty())
    {
        env.store.lock()?.update_account(&dead, |r| assign::count_failure(r, why))?;
    }
    env.note(&LogEntry {
        command: "switch",
        what: "found that an account does not work",
        why,
        account: Some(dead.as_str()),
        event: Some(Telling::new(EventKind::AccountRefused, &journal.id)),
        ..LogEntry::default()
    });
    log.write(|j| j.turn_to(&dead, why, next.as_ref(), clock::now()))
}

/// The end of a switch: the active account, the links, the memory, the history. Each may be done twice.
/// What cannot be noted is told, and keeps no later run from its work.
fn finish(env: &Env, mut journal: Journal) -> Result<Journal> {
    let now = clock::now();
    journal.ended = Some(now);
    for m in &journal.moves {
        if let Err(e) = remember_move(env, &journal, m) {
            log::warn!("`{}`: {e:#}", m.session);
        }
    }
    let mut faults = Vec::new();
    if journal.activates && journal.to != journal.from {
        let active = Active {
            version: MEMORY_VERSION,
            account: journal.to.clone(),
            configured: env.config.active_account.clone(),
            since: now,
        };
        env.store.lock()?.write_active(&active)?;
        if !journal.by_person {
            let left = |r: &mut AccountRecord| r.left = Some(now);
            faults.extend(env.store.lock()?.update_account(&journal.from, left).err());
        }
    }
    if let (true, Some(link), Some(account)) =
        (journal.activates, &env.config.switch.link, env.config.account(&journal.to))
    {
        faults.extend(atomic::point_link(link, &account.home).err());
    }
    faults.extend(remember_switch(env, &journal).err());
    for fault in faults {
        let what = format!("not done: {fault:#}");
        log::warn!("{what}");
        journal.steps.push(Noted { at: now, session: None, what: what.clone() });
        journal.faults.push(what);
    }
    journal.steps.push(Noted { at: now, session: None, what: "over".to_owned() });
    let why = told(&journal);
    let entry = LogEntry {
        command: "switch",
        what: if journal.back { "gave a switch up" } else { "ended a switch" },
        why: &why,
        account: Some(journal.to.as_str()),
        event: Some(Telling::new(kind(&journal), &journal.id)),
        ..LogEntry::default()
    };
    let mut locked = env.store.lock()?;
    env.post(&mut locked, &entry);
    locked.file_journal(&journal)?;
    drop(locked);
    env.note(&entry);
    env.store.kick("dispatch");
    Ok(journal)
}

/// What people are told of a switch that is over.
fn kind(journal: &Journal) -> EventKind {
    let behind = journal.moves.iter().any(|m| matches!(m.stage, Stage::Deferred | Stage::Failed));
    match (journal.back, behind || !journal.faults.is_empty(), journal.activates) {
        (true, _, _) => EventKind::SwitchRolledBack,
        (_, true, _) => EventKind::SwitchPartial,
        (_, _, true) => EventKind::SwitchDone,
        (_, _, false) => EventKind::SwitchMoved,
    }
}

/// A switch that is over, in a line: why it was made, and what it could not do.
fn told(journal: &Journal) -> String {
    let behind = journal.moves.iter().filter(|m| matches!(m.stage, Stage::Deferred | Stage::Failed));
    let mut parts = vec![journal.why.clone()];
    parts.extend(journal.dead.iter().map(|d| format!("`{}` does not work: {}", d.account, d.why)));
    parts.extend(behind.map(|m| format!("`{}` is {}: {}", m.session, m.stage.as_str(), m.why)));
    parts.extend(journal.faults.iter().cloned());
    parts.join("; ")
}

/// What a session still has to do, in its own record.
fn remember_move(env: &Env, journal: &Journal, m: &Move) -> Result<()> {
    let mut locked = env.store.lock()?;
    let Some(record) = env.store.session(&m.session)? else { return Ok(()) };
    let wanted = record.lease.is_some() || record.kind == Kind::Dedicated;
    let failed = m.stage == Stage::Failed && wanted && !journal.is_home(m);
    let to_move = (m.stage == Stage::Deferred || failed).then(|| ToMove {
        why: m.why.clone(),
        to: (!journal.activates && journal.to != env.active()).then(|| journal.to.clone()),
        carry_on: m.checkpoint.as_ref().is_some_and(|c| c.carry_on),
        failed,
        since: clock::now(),
    });
    if to_move != record.to_move {
        locked.update_session(&m.session, |r| r.to_move = to_move)?;
    }
    Ok(())
}

/// What the decision remembers: switches of the active account, and those that came back.
fn remember_switch(env: &Env, journal: &Journal) -> Result<()> {
    let mut locked = env.store.lock()?;
    let before = env.store.memory()?;
    let mut memory = before.clone();
    if journal.back {
        memory.came_back = Some(clock::now());
    }
    // A run that was killed behind this has noted it already.
    if journal.activates && journal.to != journal.from && !memory.past.iter().any(|p| p.at == journal.begun) {
        memory.weak = None;
        memory.past.push(Past {
            at: journal.begun,
            from: journal.from.clone(),
            to: journal.to.clone(),
            by_person: journal.by_person,
            why: journal.why.clone(),
        });
        let surplus = memory.past.len().saturating_sub(REMEMBERED);
        memory.past.drain(..surplus);
    }
    if memory == before { Ok(()) } else { locked.write_memory(&memory) }
}
