//! One session's way through a switch: seen at rest, its checkpoint taken, its client ended, the new one
//! started with the same conversation, and proved to be at work.

use anyhow::{Result, anyhow, bail};
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use super::{Log, target};
use crate::act::checkpoint::before_a_move;
use crate::act::launch::{self, Spec, new_conversation};
use crate::act::look::{self, PERSON_TYPES, Scene};
use crate::act::stop;
use crate::act::{arm, deliver};
use crate::env::Env;
use crate::error::cause_of;
use crate::model::delivery::{blocking_screen, is_ours};
use crate::model::event::ClientStatus;
use crate::model::journal::{Move, Resumption, Stage};
use crate::model::moving::{CARRY_ON, Proof, Ready, Sight, is_at_work, proof, ready, stands_still};
use crate::model::name::{AccountName, SessionName};
use crate::model::observe::PaneView;
use crate::model::session::{Kind, Phase, SessionRecord, State};
use crate::sys::process::ProcessId;
use crate::sys::store::SessionLock;
use crate::sys::tmux::{Tmux, TmuxError};
use crate::sys::{claude, clock, events};

/// How a step of a session ended.
#[derive(Debug)]
pub(super) enum Came {
    /// Nothing more happens to it in this switch.
    Over,
    /// Its turn goes on.
    NotYet(String),
    /// The account that it was moved to does not work.
    TargetDead(String),
}

/// Starts on the same account before it is given up there.
const STARTS: u32 = 2;

/// Takes a session as far as it goes now.
pub(super) fn one(env: &Env, tmux: &Tmux, log: &Log<'_>, name: &SessionName, late: bool) -> Result<Came> {
    let over = |stage, why: &str| log.stage(name, stage, why, |_| {}).map(|()| Came::Over);
    let held = match env.store.wait_session_lock(name, "switch") {
        Ok(held) => held,
        Err(e) => return over(Stage::Deferred, &crate::error::messages_of(&e).join(": ")),
    };
    loop {
        let m = log.of(name)?;
        match m.stage {
            Stage::Planned => match sight(env, tmux, log, name, late)? {
                (Ready::Go, Some(record)) => {
                    // What is wrong with this session alone is found before its client is ended.
                    let taken = target(env, log, &m)
                        .and_then(|account| target::sees(env, account, &record))
                        .and_then(|()| checkpoint(env, tmux, &record));
                    let checkpoint = match taken {
                        Ok(checkpoint) => checkpoint,
                        Err(e) => return over(Stage::Deferred, &crate::error::messages_of(&e).join(": ")),
                    };
                    let why = format!("it is {}", record.note.state);
                    log.stage(name, Stage::Stopping, &why, |m| m.checkpoint = Some(checkpoint))?;
                }
                (Ready::Wait(why), _) => return Ok(Came::NotYet(why)),
                (Ready::Skip(why), _) => return over(Stage::Skipped, &why),
                (Ready::Defer(why), _) => return over(Stage::Deferred, &why),
                (Ready::Go, None) => return over(Stage::Skipped, "nothing is known of it"),
            },
            Stage::Stopping => {
                if let Err(e) = end(env, tmux, log, &held) {
                    return over(Stage::Deferred, &crate::error::messages_of(&e).join(": "));
                }
            }
            Stage::Launching => {
                if let Some(came) = begin(env, tmux, log, &held, &m)? {
                    return Ok(came);
                }
            }
            Stage::Verifying => {
                if let Some(came) = verify(env, tmux, log, &m)? {
                    return Ok(came);
                }
            }
            Stage::Done | Stage::Skipped | Stage::Deferred | Stage::Failed => return Ok(Came::Over),
        }
    }
}

fn target<'e>(env: &'e Env, log: &Log<'_>, m: &Move) -> Result<&'e crate::config::Account> {
    let to = log.read(|j| j.target(m).clone());
    env.config.account(&to).ok_or_else(|| anyhow!("no account `{to}` in the configuration"))
}

/// A look at a session that has not been touched yet.
fn sight(
    env: &Env,
    tmux: &Tmux,
    log: &Log<'_>,
    name: &SessionName,
    late: bool,
) -> Result<(Ready, Option<SessionRecord>)> {
    let m = log.of(name)?;
    let (to, urgent) = log.read(|j| (j.target(&m).clone(), j.urgent));
    let Some(record) = env.store.session(name)? else {
        return Ok((Ready::Skip("nothing is known of it".to_owned()), None));
    };
    let there = record.account.as_ref() == Some(&to);
    if there && m.from != to {
        return Ok((Ready::Skip(format!("it is on `{to}` already")), None));
    }
    let (ready, record) = look_at(env, tmux, &record, late, urgent);
    // One that is only started anew where it is may have gone on by itself.
    if there && ready == Ready::Go && !stands_still(&record) {
        return Ok((Ready::Skip("it goes on already".to_owned()), None));
    }
    Ok((ready, Some(record)))
}

/// Whether a session could be moved now, and its record as the look has left it.
pub fn look_at(
    env: &Env,
    tmux: &Tmux,
    record: &SessionRecord,
    late: bool,
    urgent: bool,
) -> (Ready, SessionRecord) {
    let scene = Scene::of(tmux);
    let (record, seen) = look::at(env, tmux, &scene, record);
    let typed = scene.tmux.as_ref().ok().and_then(|s| s.typed(&record.name));
    let at_rest = matches!(record.note.state, State::Idle | State::Limited | State::Stalled);
    let draft = match scene.pane(&record).filter(|p| !p.dead && at_rest) {
        Some(pane) => tmux.composer(&pane.id).ok().flatten().is_some_and(|text| {
            let ours = record.lease.as_ref().is_some_and(|l| is_ours(&text, l));
            !text.is_empty() && !ours
        }),
        None => false,
    };
    let sight = Sight {
        foreign: matches!(seen.pane, PaneView::Foreign(_)),
        draft,
        busy: seen.file.as_ref().is_some_and(|f| f.status != ClientStatus::Idle),
        typing: typed.is_some_and(|at| scene.now.duration_since(at).unsigned_abs() < PERSON_TYPES),
        late,
        urgent,
        record: &record,
    };
    (ready(&sight), record)
}

fn checkpoint(env: &Env, tmux: &Tmux, record: &SessionRecord) -> Result<Resumption> {
    let cwd = record.cwd.clone();
    if let Some(gone) = cwd.as_ref().filter(|cwd| !cwd.is_dir()) {
        bail!("its directory is gone: `{}`", gone.display());
    }
    if let (Some(account), Some(cwd)) = (record.account.as_ref().and_then(|a| env.config.account(a)), &cwd)
        && let Some(why) = arm::refusal(env, account, cwd)
    {
        // It is left where it runs: there it could not be brought up again.
        bail!(why);
    }
    Ok(Resumption {
        saved_as: before_a_move(env, tmux, record),
        at: clock::now(),
        kind: record.kind,
        cwd: cwd.ok_or_else(|| anyhow!("no directory is known for session `{}`", record.name))?,
        project: record.project.clone(),
        model: record.model.clone(),
        conversation: record.conversation.clone(),
        has_transcript: look::transcript(env, record)?.is_some(),
        task: record.lease.as_ref().map(|l| l.task.clone()),
        state: record.note.state,
        carry_on: is_at_work(record) || record.to_move.as_ref().is_some_and(|t| t.carry_on),
        prompt: record.digest.prompt.as_ref().map(|p| p.text.clone()).unwrap_or_default(),
    })
}

/// Ends the old client and proves that it is gone.
fn end(env: &Env, tmux: &Tmux, log: &Log<'_>, held: &SessionLock) -> Result<()> {
    let name = held.name();
    let moved = log.read(|j| j.moved(name));
    let moved = moved.ok_or_else(|| anyhow!("session `{name}` has no checkpoint"))?;
    let record = env.store.session(name)?.ok_or_else(|| anyhow!("nothing is known of session `{name}`"))?;
    stop::leave(env, tmux, held, &moved, &record, "it is moved to another account")?;
    let transcript = look::transcript(env, &record).ok().flatten();
    let length = transcript.and_then(|path| path.metadata().ok()).map_or(0, |meta| meta.len());
    log.stage(name, Stage::Launching, "its client has ended", |m| m.transcript_from = length)
}

/// Starts the new client, or finds the one that a killed run has started.
fn begin(env: &Env, tmux: &Tmux, log: &Log<'_>, held: &SessionLock, m: &Move) -> Result<Option<Came>> {
    let name = &m.session;
    let to = log.read(|j| j.target(m).clone());
    let cp = m.checkpoint.as_ref().ok_or_else(|| anyhow!("session `{name}` has no checkpoint"))?;
    if m.on.as_ref() == Some(&to) && is_up(env, tmux, name, &to)? {
        log.stage(name, Stage::Verifying, "its new client runs", |_| {})?;
        return Ok(None);
    }
    if m.starts >= STARTS {
        return given_up(env, log, m).map(Some);
    }
    // A person has ended its task, and with it the session, since a run was killed here.
    let record = env.store.session(name)?;
    let task = record.as_ref().and_then(|r| r.lease.as_ref()).map(|l| &l.task);
    if cp.kind == Kind::Pool && cp.task.is_some() && task != cp.task.as_ref() {
        log.stage(name, Stage::Skipped, "its task was taken away", |_| {})?;
        return Ok(Some(Came::Over));
    }
    log.stage(name, Stage::Launching, &format!("on `{to}`"), |m| m.on = Some(to.clone()))?;
    match start(env, tmux, held, cp, &to) {
        Ok(()) => log.stage(name, Stage::Verifying, "its new client runs", |_| {})?,
        Err(e) => {
            let why = crate::error::messages_of(&e).join(": ");
            match cause_of::<TmuxError>(&e) {
                // A person has launched it meanwhile, where it was.
                Some(TmuxError::Taken { ours: true, .. }) => {
                    log.stage(name, Stage::Stopping, &why, |m| m.starts += 1)?;
                }
                Some(_) => {
                    log.stage(name, Stage::Failed, &why, |_| {})?;
                    return Ok(Some(Came::Over));
                }
                None => log.stage(name, Stage::Launching, &why, |m| m.starts += 1)?,
            }
        }
    }
    Ok(None)
}

/// Whether the client that was started for this move runs; its process is put into the record if the run
/// that started it was killed before it could.
fn is_up(env: &Env, tmux: &Tmux, name: &SessionName, to: &AccountName) -> Result<bool> {
    let Some(stored) = env.store.session(name)? else { return Ok(false) };
    if stored.account.as_ref() != Some(to) {
        return Ok(false);
    }
    let (record, seen) = look::at(env, tmux, &Scene::of(tmux), &stored);
    let up = seen.process.is_some() && !matches!(record.note.state, State::Dead);
    if up && record.client != stored.client {
        env.store.lock()?.update_session(name, |r| r.client.clone_from(&record.client))?;
    }
    Ok(up)
}

/// The new client did not come up: its own fault, or that of the account if nobody has come up there.
fn given_up(env: &Env, log: &Log<'_>, m: &Move) -> Result<Came> {
    let (to, home) = log.read(|j| (j.target(m).clone(), j.is_home(m)));
    let others = log.read(|j| j.moves.iter().any(|o| o.stage == Stage::Done && o.on.as_ref() == Some(&to)));
    let record = env.store.session(&m.session)?;
    let gone = m.checkpoint.as_ref().is_some_and(|c| !c.cwd.is_dir());
    let unseen = match (record, env.config.account(&to)) {
        (Some(record), Some(account)) => target::sees(env, account, &record).is_err(),
        _ => true,
    };
    // One alone may be at fault itself, as long as another one can show more.
    let second = log.read(|j| j.moves.iter().any(|o| o.stage == Stage::Failed && o.on.as_ref() == Some(&to)));
    let more = log.read(|j| j.moves.iter().any(|o| o.stage == Stage::Planned));
    if others || home || gone || unseen || (more && !second) {
        let why = format!("it does not come up on `{to}`: {}", m.why);
        log.stage(&m.session, Stage::Failed, &why, |_| {})?;
        return Ok(Came::Over);
    }
    Ok(Came::TargetDead(format!("`{}` does not come up: {}", m.session, m.why)))
}

fn start(env: &Env, tmux: &Tmux, held: &SessionLock, cp: &Resumption, to: &AccountName) -> Result<()> {
    let name = held.name();
    let record = env.store.session(name)?.ok_or_else(|| anyhow!("nothing is known of session `{name}`"))?;
    let account = env.config.account(to).ok_or_else(|| anyhow!("no account `{to}` in the configuration"))?;
    // What has come of a conversation since the checkpoint counts: it may have got its transcript.
    let told = record.digest.transcript.as_deref();
    let transcript = match &cp.conversation {
        Some(id) => claude::transcript(&account.home, told, id)?,
        None => None,
    };
    if transcript.is_none() && cp.has_transcript {
        bail!("its conversation cannot be seen from account `{to}`");
    }
    let spec = Spec {
        session: name.clone(),
        kind: cp.kind,
        cwd: cp.cwd.clone(),
        project: cp.project.clone(),
        account: to.clone(),
        model: cp.model.clone(),
        conversation: match (&cp.conversation, &transcript) {
            (Some(id), Some(_)) => id.clone(),
            _ => new_conversation(),
        },
        resume: transcript.is_some(),
        prompt: None,
        why: format!("it is moved to account `{to}`"),
    };
    match record.lease.as_ref().filter(|l| l.phase != Phase::Claimed) {
        Some(lease) => {
            let arrived = || transcript.as_ref().is_some_and(|t| claude::holds_prompt(t, lease).unwrap_or(false));
            let begun = lease.begun || lease.phase == Phase::Confirmed || arrived();
            if begun && transcript.is_none() {
                bail!("its conversation is gone");
            }
            let lease = env.store.lock()?.update_session(name, |r| {
                if let Some(lease) = &mut r.lease {
                    lease.begun = begun;
                    lease.carry_on = begun;
                }
                r.lease.clone()
            })?;
            match lease {
                Some(lease) => drop(deliver::launch(env, tmux, held, &spec, &lease)?),
                None => drop(launch::start(env, tmux, held, &spec)?),
            }
        }
        None => {
            let prompt = (cp.carry_on && spec.resume && record.lease.is_none()).then(|| CARRY_ON.to_owned());
            launch::start(env, tmux, held, &Spec { prompt, ..spec })?;
        }
    }
    Ok(())
}

/// Waits until the new client shows whether it works.
fn verify(env: &Env, tmux: &Tmux, log: &Log<'_>, m: &Move) -> Result<Option<Came>> {
    let name = &m.session;
    let (to, back) = log.read(|j| (j.target(m).clone(), j.is_home(m)));
    let Some(record) = env.store.session(name)? else { bail!("nothing is known of session `{name}`") };
    let process = record.client.as_ref().map(|c| ProcessId { pid: c.pid, start: c.start });
    let prompted = m.checkpoint.as_ref().is_some_and(|c| c.carry_on && c.has_transcript) || record.lease.is_some();
    let transcript = look::transcript(env, &record).ok().flatten();
    let mut digest = record.digest.clone();
    let mut length = m.transcript_from;
    let mut look = || {
        let _ = events::fold(&env.store, name, &mut digest);
        let started = digest.start.as_ref().is_some_and(|s| s.seq > record.launch_mark);
        if started && !prompted {
            return Some(Proof::Works("it has reported its start".to_owned()));
        }
        let asked = digest.prompt.as_ref().is_some_and(|p| p.seq > record.launch_mark);
        // Read only when it has grown.
        let answered = transcript.as_ref().filter(|_| asked).is_some_and(|path| {
            let now = path.metadata().map_or(0, |meta| meta.len());
            std::mem::replace(&mut length, now) != now && has_answer(path, m.transcript_from)
        });
        match proof(&record, &digest, answered) {
            Proof::Nothing => {}
            Proof::Works(_) if !asked => {}
            told => return Some(told),
        }
        let alive = process.as_ref().is_some_and(ProcessId::is_alive);
        (!alive).then_some(Proof::Nothing)
    };
    let limit: Duration = env.config.switch.verify_timeout.try_into().unwrap_or_default();
    let told = clock::wait_for(limit, Duration::from_millis(15), &mut look);
    let alive = process.as_ref().is_some_and(ProcessId::is_alive);
    let done = |why: &str| {
        log.stage(name, Stage::Done, why, |_| {})?;
        Ok(Some(Came::Over))
    };
    match told {
        Some(Proof::Works(why)) => done(&why),
        Some(Proof::TurnFails(why)) => done(&format!("its first turn failed: {why}; `watch` carries on")),
        // Back where they came from: there is nowhere else to go.
        Some(Proof::AccountFails(why)) if back => done(&why),
        Some(Proof::AccountFails(why)) => Ok(Some(Came::TargetDead(why))),
        _ if !alive => {
            let said = tmux.snapshot().ok().and_then(|s| s.pane(name, None).cloned());
            let why =
                said.map_or_else(|| "the client ended at once".to_owned(), |p| launch::ended_at_once(tmux, &p));
            log.stage(name, Stage::Launching, &why, |m| m.starts += 1)?;
            Ok(None)
        }
        _ => {
            let pane = tmux.snapshot().ok().and_then(|s| s.pane(name, process.map(|p| p.pid)).cloned());
            match pane.and_then(|p| tmux.capture(&p.id).ok()).and_then(|s| blocking_screen(&s)) {
                Some(what) if !back => Ok(Some(Came::TargetDead(format!("the client on `{to}` {what}")))),
                Some(what) => done(&format!("the client {what}")),
                None => done("it runs and has not answered yet"),
            }
        }
    }
}

/// Whether a transcript holds an answer that is no error, behind a place.
fn has_answer(path: &std::path::Path, from: u64) -> bool {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.min(length)))?;
        let mut bytes = Vec::new();
        file.take(1 << 20).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().unwrap_or_default().split(|b| *b == b'\n').any(|line| {
        serde_json::from_slice::<serde_json::Value>(line).is_ok_and(|v| {
            // A resumed client writes answers of its own making before the first real one.
            let synthetic = v.pointer("/message/model").is_some_and(|m| m == "<synthetic>");
            v["type"] == "assistant" && v["isApiErrorMessage"] != true && v["isSidechain"] != true && !synthetic
        })
    })
}
