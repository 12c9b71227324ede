//! What there is, one thing at a time, and whose it is.

use jiff::SignedDuration;
use jiff::civil::Date;
use std::collections::BTreeSet;
use std::path::Path;

use crate::config::Project;
use crate::env::Env;
use crate::model::checkpoint::CheckpointId;
use crate::model::checkpoint::retention::{self, Verdict};
use crate::model::front_matter::OutcomeResult;
use crate::model::janitor::{Events, Found, Known, Remains, Seen, Standing, Whereabouts, age};
use crate::model::name::{SessionName, TaskId, TaskRef, printable};
use crate::model::queue::Place;
use crate::model::session::SessionRecord;
use crate::sys::files::{self, Entry};
use crate::sys::store::Sessions;
use crate::sys::tmux::{Tmux, TmuxError};
use crate::sys::{archive, atomic, process, queue};

/// What holds for everything that is found.
#[derive(Debug)]
pub struct Scene {
    /// All projects.
    pub projects: Vec<Project>,
    /// All sessions.
    pub sessions: Sessions,
    /// The tmux sessions of ours, or why they cannot be seen.
    pub remains: Result<Vec<Remains>, TmuxError>,
    /// Whose is what.
    pub known: Known,
}

impl Scene {
    /// Looks.
    ///
    /// # Errors
    /// If the sessions cannot be listed.
    pub fn of(env: &Env, tmux: &Tmux) -> anyhow::Result<Self> {
        let remains = tmux.remains(env.store.root());
        // Behind the look at tmux: a session that is launched in between has its record already.
        let sessions = env.store.sessions()?;
        let known = known(env, &sessions, &remains);
        Ok(Self { projects: queue::projects(&env.config), sessions, remains, known })
    }
}

fn known(env: &Env, sessions: &Sessions, remains: &Result<Vec<Remains>, TmuxError>) -> Known {
    let mut known = Known::default();
    for record in &sessions.records {
        let standing = if record.is_live() { Standing::Live } else { Standing::AtRest };
        known.sessions.insert(record.name.to_string(), standing);
        known.leased.extend(record.lease.iter().map(|lease| lease.task.clone()));
    }
    for broken in &sessions.broken {
        known.sessions.insert(broken.name.clone(), Standing::Broken);
        known.unclear = Some(format!("the record of session `{}` is damaged", broken.name));
    }
    match remains {
        Err(e) => known.unclear = Some(e.to_string()),
        Ok(all) => {
            let stray = all.iter().find(|r| r.alive && !known.sessions.contains_key(r.session.as_str()));
            if let Some(stray) = stray {
                known.unclear = Some(format!("a client of ours in `{}` has no record", stray.session));
            }
        }
    }
    known.dedicated = env.config.dedicated.iter().map(|d| d.name.to_string()).collect();
    known.configured = env.config.pool.names().iter().map(ToString::to_string).collect();
    known.configured.extend(known.dedicated.iter().cloned());
    known.accounts = env.config.accounts.iter().map(|a| a.name.to_string()).collect();
    known
}

/// Everything that the plan is made of. Nothing of it is held: a directory is listed while it is decided.
pub fn found<'a>(env: &'a Env, scene: &'a Scene) -> impl Iterator<Item = Found> + 'a {
    let remains = scene.remains.iter().flatten().cloned().map(Found::Remains);
    let unseen = scene.remains.as_ref().err().map(|e| unknown("tmux", &format!("not seen: {e}")));
    scene
        .projects
        .iter()
        .flat_map(|project| of_queue(env, scene, project))
        .chain(scene.projects.iter().flat_map(|project| records(env, project)))
        .chain(of_state(env))
        .chain(expired_checkpoints(env))
        .chain(remains)
        .chain(unseen)
}

fn unknown(what: &str, why: &str) -> Found {
    Found::Unknown { what: what.to_owned(), why: printable(why) }
}

/// A path for people: whoever puts a file into a queue chooses its name.
fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// A temp file whose writer is gone.
fn temp(seen: Seen, pid: i32) -> Option<Found> {
    (!process::is_one_of_us(pid)).then_some(Found::Temp { seen })
}

/// A file that is neither a temp file of ours nor what it should be by its name.
fn temp_or(name: &str, seen: Seen, other: impl FnOnce(Seen) -> Option<Found>) -> Option<Found> {
    if let Some(pid) = atomic::durable_temp_writer(name) {
        return temp(seen, pid);
    }
    // Hidden ones are somebody's own business.
    if name.starts_with('.') { None } else { other(seen) }
}

fn of_queue<'a>(env: &'a Env, scene: &'a Scene, project: &'a Project) -> Box<dyn Iterator<Item = Found> + 'a> {
    let root = project.path.join(queue::FOLDER);
    if !root.is_dir() {
        return Box::new(std::iter::empty());
    }
    if !files::is_inside(&root, &project.path) {
        let why = "a queue outside of its project";
        return Box::new(std::iter::once(unknown(&shown(&root), why)));
    }
    let folders = ["", "inbox", "done", "failed", "archive"].map(|name| (name, root.join(name)));
    Box::new(folders.into_iter().flat_map(move |(name, dir)| -> Box<dyn Iterator<Item = Found> + 'a> {
        if !dir.exists() {
            return Box::new(std::iter::empty());
        }
        if !name.is_empty() && dir.is_symlink() {
            let why = "a symbolic link in a queue";
            return Box::new(std::iter::once(unknown(&shown(&dir), why)));
        }
        let entries = files::list(&dir);
        match name {
            "inbox" => Box::new(entries.filter_map(move |e| inbox(env, scene, project, e))),
            "done" => Box::new(entries.filter_map(move |e| ended(project, OutcomeResult::Done, e))),
            "failed" => Box::new(entries.filter_map(move |e| ended(project, OutcomeResult::Failed, e))),
            _ => Box::new(entries.filter_map(move |e| match e {
                Entry::File(name, seen) => temp_or(&name, seen, |_| None),
                Entry::Other(..) | Entry::Unseen(..) => None,
            })),
        }
    }))
}

fn inbox(env: &Env, scene: &Scene, project: &Project, entry: Entry) -> Option<Found> {
    // Inboxes belong to people: of what is not claimed nothing is ours, but for temp files.
    let Entry::File(name, seen) = entry else { return None };
    temp_or(&name, seen, |seen| {
        let stem = name.strip_suffix(".md.dispatched")?;
        let Ok(id) = TaskId::new(stem) else {
            return Some(unknown(&shown(&seen.path), "claimed by somebody else: no name of ours"));
        };
        let task = TaskRef { project: project.name.clone(), id };
        let twin = queue::Paths::of(&project.path).waiting(&task.id).symlink_metadata().is_ok();
        let busy = busy(env, scene, &task);
        let elsewhere = elsewhere(env, scene, project);
        Some(Found::Claimed { task, project: project.path.clone(), seen, twin, busy, elsewhere })
    })
}

/// A session that once had a task and that does something now, of which no task is known.
fn busy(env: &Env, scene: &Scene, task: &TaskRef) -> Option<SessionName> {
    let record = env.store.task(task).ok().flatten()?;
    let had = |session: &SessionRecord| record.attempts.iter().any(|a| a.session == session.name);
    scene.sessions.records.iter().find(|s| s.is_occupied() && had(s)).map(|s| s.name.clone())
}

/// How long the status of a project says something about who is at it: it is written when a task is claimed.
const STATUS_HOLDS: SignedDuration = SignedDuration::from_hours(24);

/// Who is at work by the status of a project, if nobody of ours is: another state directory may share it.
fn elsewhere(env: &Env, scene: &Scene, project: &Project) -> Option<String> {
    let status = queue::status(&project.path)?;
    let is_fresh = age(env.now, status.updated_at) <= STATUS_HOLDS;
    let is_ours = scene.known.sessions.contains_key(&status.session);
    (status.state == "working" && is_fresh && !is_ours).then(|| printable(&status.session))
}

fn ended(project: &Project, state: OutcomeResult, entry: Entry) -> Option<Found> {
    match entry {
        Entry::Other(what, why) | Entry::Unseen(what, why) => Some(unknown(&what, &why)),
        Entry::File(name, seen) => {
            temp_or(&name, seen, |seen| match name.strip_suffix(".md").and_then(|stem| TaskId::new(stem).ok()) {
                Some(id) => Some(Found::Ended { project: project.name.clone(), state, id, seen }),
                None => Some(unknown(&shown(&seen.path), "among finished tasks, and none")),
            })
        }
    }
}

/// Records of tasks. Where the task lies is looked at only for those that are old.
fn records<'a>(env: &'a Env, project: &'a Project) -> impl Iterator<Item = Found> + 'a {
    let rules = &env.config.janitor.rules;
    let keep = rules.archive_done_after.min(rules.archive_failed_after);
    let dir = env.store.root().join("tasks").join(project.name.as_str());
    let mut archived: Option<archive::Ids> = None;
    files::list(&dir).filter_map(move |entry| {
        let Entry::File(name, seen) = entry else { return None };
        let id = TaskId::new(name.strip_suffix(".json")?).ok()?;
        if age(env.now, seen.written) <= keep {
            return None;
        }
        let whereabouts = match queue::place(&project.path, &id) {
            Some(Place::Nowhere) => {
                let archived = archived.get_or_insert_with(|| archive::Ids::of(&project.path));
                if archived.has(&id) { Whereabouts::Archive } else { Whereabouts::Nowhere }
            }
            _ => Whereabouts::Queue,
        };
        Some(Found::Record { task: TaskRef { project: project.name.clone(), id }, seen, whereabouts })
    })
}

/// Checkpoints that nothing keeps, each with its page. What is kept is the business of their own retention alone; it
/// is applied whenever one is taken, so what is found here is of a session of which none is taken any more, of a rule
/// that was changed, or left by a kill.
fn expired_checkpoints(env: &Env) -> Vec<Found> {
    let of = |session: &SessionName| {
        let listed = files::list_whole(&env.store.root().join("checkpoints").join(session.as_str()));
        listed.map_or_else(
            |why| vec![unknown(&format!("checkpoints of {session}"), &why)],
            |l| expired(env, session, l),
        )
    };
    match env.store.checkpointed() {
        Ok(sessions) => sessions.iter().flat_map(of).collect(),
        Err(e) => vec![unknown("checkpoints", &crate::error::messages_of(&e).join(": "))],
    }
}

/// So long a page stays after it was written: a client that was told to read it may not have done so yet.
const PAGE_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// What expires of one listing. What has come since is not in it, and what is kept is decided by it alone.
fn expired(env: &Env, session: &SessionName, listed: Vec<Entry>) -> Vec<Found> {
    let kept = &env.config.checkpoint;
    let rule = retention::Rule { newest: kept.keep, days: kept.keep_days };
    let of_entry = |entry: Entry| {
        let Entry::File(name, seen) = entry else { return None };
        let (stem, is_page) = match name.strip_suffix(".md") {
            Some(stem) => (stem, true),
            None => (name.strip_suffix(".json")?, false),
        };
        Some((stem.parse::<CheckpointId>().ok()?, is_page, seen))
    };
    let listed: Vec<(CheckpointId, bool, Seen)> = listed.into_iter().filter_map(of_entry).collect();
    let ids: Vec<CheckpointId> =
        listed.iter().filter(|(_, is_page, _)| !is_page).map(|(id, ..)| id.clone()).collect();
    let kept: BTreeSet<CheckpointId> = retention::retention(&ids, rule, &env.zone, env.now)
        .into_iter()
        .filter(|(_, verdict)| *verdict != Verdict::Expired)
        .map(|(id, _)| id)
        .collect();
    let expires = |id: &CheckpointId, is_page: bool, seen: &Seen| {
        // A page alone has no checkpoint that could keep it.
        let is_of_today = is_page && age(env.now, seen.written) < PAGE_KEPT;
        !kept.contains(id) && !is_of_today
    };
    let gone = listed.into_iter().filter(|(id, is_page, seen)| expires(id, *is_page, seen));
    gone.map(|(.., seen)| Found::Checkpoint { session: session.clone(), seen }).collect()
}

/// A file of a directory that holds one file a thing.
type Read = fn(&str, Seen) -> Option<Found>;

fn of_state(env: &Env) -> impl Iterator<Item = Found> + '_ {
    let folders: [(&str, Read); 7] = [
        ("log", |name, seen| {
            let day = name.strip_suffix(".jsonl")?.parse::<Date>().ok()?;
            Some(Found::Log { day, seen })
        }),
        ("events", events),
        ("overlay", |name, seen| {
            let session = SessionName::new(name.strip_suffix(".json")?).ok()?;
            Some(Found::Overlay { session, seen })
        }),
        ("sessions", |name, seen| {
            let name = SessionName::new(name.strip_suffix(".json")?).ok()?;
            Some(Found::Session { name, seen })
        }),
        ("signals", |name, seen| Some(Found::Signals { account: name.strip_suffix(".jsonl")?.to_owned(), seen })),
        ("switch/history", |name, seen| Some(Found::Switch { id: name.strip_suffix(".json")?.to_owned(), seen })),
        ("kick", |name, seen| Some(Found::Kick { name: name.to_owned(), seen })),
    ];
    let root = env.store.root();
    let things = folders.into_iter().flat_map(move |(folder, read)| {
        files::list(&root.join(folder)).filter_map(move |entry| match entry {
            Entry::Other(what, why) | Entry::Unseen(what, why) => Some(unknown(&what, &why)),
            // Temp files are looked for in all of them at once.
            Entry::File(name, _) if name.starts_with('.') => None,
            Entry::File(name, seen) => {
                let path = shown(&seen.path);
                Some(read(&name, seen).unwrap_or_else(|| unknown(&path, "no file of ours by its name")))
            }
        })
    });
    // What was moved aside by hand is never touched.
    let kept = [root.join("quarantine"), root.join("lock")];
    let temps = files::below(root, |name| atomic::temp_writer(name).is_some())
        .filter(move |seen| !kept.iter().any(|dir| seen.path.starts_with(dir)))
        .filter_map(|seen| atomic::temp_writer(&seen.name()).and_then(|pid| temp(seen, pid)));
    things.chain(temps)
}

fn events(name: &str, seen: Seen) -> Option<Found> {
    let kinds =
        [(".statusline.json", Events::StatusLine), (".jsonl.old", Events::Rotated), (".jsonl", Events::Current)];
    let (stem, kind) = kinds.into_iter().find_map(|(suffix, kind)| Some((name.strip_suffix(suffix)?, kind)))?;
    Some(Found::Events { session: SessionName::new(stem).ok()?, kind, seen })
}
