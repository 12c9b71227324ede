//! Taking a checkpoint: what can be seen of a session at this moment, kept if it says anything new.
//!
//! Nothing of the session is touched. Of a transcript only the end is read, a working tree is looked at by one
//! child with a limit of time and once however many sessions share it, all screens come with one call to tmux.

use anyhow::Result;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::look;
use crate::env::Env;
use crate::model::checkpoint::retention::Rule;
use crate::model::checkpoint::{Checkpoint, CheckpointId, Context, Git, Transcript};
use crate::model::redact::redact;
use crate::model::session::SessionRecord;
use crate::sys::tmux::{Pane, Tmux};
use crate::sys::{clock, git, transcript};

/// How long git may take for a look at one working tree.
const GIT: Duration = Duration::from_secs(2);

/// … while a session waits to be moved.
const GIT_IN_SWITCH: Duration = Duration::from_millis(500);

/// How much of a line of the screen is kept, in characters.
const SCREEN_LINE: usize = 200;

/// A session as it is looked at.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Its record, as the look has left it.
    pub record: &'a SessionRecord,
    /// Its pane.
    pub pane: Option<&'a Pane>,
}

/// What came of a look.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What was seen. Its name is that under which it was or would be kept.
    pub checkpoint: Checkpoint,
    /// The last one before it, if it says nothing that that one does not: then it is not kept.
    pub same_as: Option<CheckpointId>,
}

/// Looks at sessions, in the order given; nothing is written.
#[must_use]
pub fn look_at(env: &Env, tmux: &Tmux, subjects: &[Subject<'_>], by: &str, in_switch: bool) -> Vec<Taken> {
    let begun: Vec<(Checkpoint, Option<Checkpoint>)> = subjects
        .iter()
        .map(|subject| {
            let outline = outline(env, subject.record, by);
            let before = last(env, subject.record);
            (outline, before)
        })
        .collect();
    let is_quiet = |(now, before): &(Checkpoint, Option<Checkpoint>)| {
        before.as_ref().is_some_and(|before| now.is_quiet_since(before))
    };
    let mut screens = screens(tmux, subjects.iter().zip(&begun).filter(|(_, b)| !is_quiet(b)).map(|(s, _)| s));
    let mut trees = Trees { env, limit: if in_switch { GIT_IN_SWITCH } else { GIT }, seen: HashMap::new() };
    begun
        .into_iter()
        .zip(subjects)
        .map(|(both, subject)| {
            let quiet = is_quiet(&both);
            let (mut checkpoint, before) = both;
            if !quiet {
                fill(env, &mut checkpoint, subject, screens.remove(subject.record.name.as_str()), &mut trees);
            }
            let same_as = before.filter(|before| quiet || checkpoint.says_the_same_as(before)).map(|b| b.id);
            Taken { checkpoint, same_as }
        })
        .collect()
}

/// Keeps a checkpoint, and lets go of what has expired.
///
/// # Errors
/// If a step fails.
pub fn keep(env: &Env, checkpoint: &Checkpoint) -> Result<CheckpointId> {
    env.store.lock()?.write_checkpoint(checkpoint, rule(env), &env.zone)
}

/// What is kept of each session.
#[must_use]
pub fn rule(env: &Env) -> Rule {
    Rule { newest: env.config.checkpoint.keep, days: env.config.checkpoint.keep_days }
}

/// The checkpoint of a session that is about to be moved: its name. Whatever keeps it from being taken does not
/// keep the session from being moved; the journal has what that needs.
#[must_use]
pub fn before_a_move(env: &Env, tmux: &Tmux, record: &SessionRecord) -> Option<CheckpointId> {
    let scene = look::Scene::of(tmux);
    let subject = Subject { record, pane: scene.pane(record) };
    let taken = look_at(env, tmux, &[subject], "switch", true).pop()?;
    if let Some(same) = taken.same_as {
        return Some(same);
    }
    keep(env, &taken.checkpoint)
        .inspect_err(|e| log::warn!("no checkpoint of `{}` before its move: {e:#}", record.name))
        .ok()
}

/// What needs neither tmux nor a child.
fn outline(env: &Env, record: &SessionRecord, by: &str) -> Checkpoint {
    let mut made = Checkpoint::outline(record, &env.config.client.args, by, clock::now());
    let found = look::transcript(env, record)
        .and_then(|path| path.map(|path| transcript::size(&path).map(|size| (path, size))).transpose());
    match found {
        Ok(found) => made.transcript = found.map(|(path, size)| Transcript { path, size, last: None }),
        Err(e) => made.unseen.push(format!("its transcript: {e:#}")),
    }
    made.context = context(&env.store.statusline_path(&record.name));
    made
}

fn last(env: &Env, record: &SessionRecord) -> Option<Checkpoint> {
    let read = || -> Result<Option<Checkpoint>> {
        match env.store.checkpoints(&record.name)?.last() {
            Some(id) => env.store.checkpoint(&record.name, id),
            None => Ok(None),
        }
    };
    read().unwrap_or_else(|e| {
        // It stays where it is, and the next one is whole.
        log::warn!("{e:#}");
        None
    })
}

/// The largest status line that is read, in bytes.
const STATUS_LINE: u64 = 1 << 20;

/// How full the context of a session is, by its newest status line.
pub fn context(path: &Path) -> Option<Context> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(STATUS_LINE).read_to_string(&mut text).ok()?;
    Context::read(&serde_json::from_str(&text).ok()?)
}

/// The screens of sessions by name, with one call to tmux.
fn screens<'a>(tmux: &Tmux, subjects: impl Iterator<Item = &'a Subject<'a>>) -> HashMap<String, String> {
    let panes: Vec<(&str, &Pane)> = subjects.filter_map(|s| Some((s.record.name.as_str(), s.pane?))).collect();
    let ids: Vec<_> = panes.iter().map(|(_, pane)| &pane.id).collect();
    let seen = tmux.captures(&ids).unwrap_or_else(|e| {
        log::warn!("no screen was seen: {e}");
        Vec::new()
    });
    panes.iter().zip(seen).filter_map(|((name, _), screen)| Some(((*name).to_owned(), screen?))).collect()
}

fn fill(env: &Env, made: &mut Checkpoint, subject: &Subject<'_>, screen: Option<String>, trees: &mut Trees<'_>) {
    if let Some(found) = &mut made.transcript {
        match transcript::tail(&found.path, found.size) {
            Ok(tail) => {
                found.last = tail.last;
                made.said = tail.said;
                // Only the name is known otherwise.
                made.tool = tail.tool.or_else(|| made.tool.take());
            }
            Err(e) => made.unseen.push(format!("the end of its transcript: {e:#}")),
        }
    }
    match screen {
        Some(screen) => made.pane = last_lines(&screen, env.config.checkpoint.pane_lines),
        None if subject.pane.is_some() => made.unseen.push("its screen".to_owned()),
        None => {}
    }
    made.git = made.cwd.as_deref().and_then(|cwd| trees.of(cwd));
}

/// The last lines of a screen, without the empty ones below.
fn last_lines(screen: &str, most: usize) -> Vec<String> {
    let lines: Vec<&str> = screen.trim_end().lines().collect();
    let from = lines.len().saturating_sub(most);
    lines.get(from..).unwrap_or_default().iter().map(|line| redact(line.trim_end(), SCREEN_LINE)).collect()
}

/// The working trees of this run: each is looked at once.
struct Trees<'a> {
    env: &'a Env,
    limit: Duration,
    seen: HashMap<PathBuf, Git>,
}

impl Trees<'_> {
    fn of(&mut self, cwd: &Path) -> Option<Git> {
        let repository = git::repository(cwd)?;
        let config = &self.env.config;
        let look = || git::status(&repository, &config.home, &config.client.path, self.limit);
        Some(self.seen.entry(repository.top.clone()).or_insert_with(look).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_screen_without_secrets() {
        let screen = "one\n\ntwo  \nexport API_TOKEN=abc\n\n\n";
        assert_eq!(last_lines(screen, 3), ["", "two", "export API_TOKEN=***"]);
        assert_eq!(last_lines(screen, 9).len(), 4);
        assert_eq!(last_lines(screen, 0), Vec::<String>::new());
        assert_eq!(last_lines("\n\n", 3), Vec::<String>::new());
    }
}
