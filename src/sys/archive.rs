//! The archive of a project on disk: gzip members of JSON lines, and beside each archive the ids in it.
//!
//! An addition writes the whole archive anew (old members copied as they are, one new member), reads the new
//! member back, and takes the old one's place by a rename. Whoever removes a task's own file does so after that:
//! a run that is killed in between leaves the task in both, which the next one sees by id and content.
//! The list of ids is made of the archive alone, and is not believed where it does not fit it.

mod reader;

pub use reader::{Ids, all, end_of, find};

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::files::{self, open_plain};
use super::{atomic, lock, queue};
use crate::model::archive::{ARCHIVE_VERSION, Archived, FULL, Shelf, folder};
use crate::model::front_matter::OutcomeResult;
use crate::model::janitor::Seen;
use crate::model::name::{ProjectName, TaskId};
use crate::model::task::Attempt;
use reader::{Lines, files_of, ids_path, index_fits};

/// The folder of a project's archive.
#[must_use]
pub fn folder_of(project: &Path) -> PathBuf {
    project.join(queue::FOLDER).join("archive")
}

/// Of which task a line of an archive is.
#[derive(Debug, Deserialize)]
struct Key {
    task: TaskId,
}

/// What tells an archived task from others. The sum is made of the text: that which stands there may be anything.
#[derive(Debug, Deserialize)]
struct Whole {
    version: u32,
    file: String,
    text: String,
}

/// The archive of a project, which nobody else writes while this value lives.
#[derive(Debug)]
pub struct Writer {
    project: PathBuf,
    dir: PathBuf,
    _held: lock::Held,
}

/// One shelf of it, looked through.
#[derive(Debug)]
pub struct Open {
    shelf: Shelf,
    part: u32,
    /// What is on it and still has a file of its own: left by a run that was killed.
    doubled: HashSet<(String, String)>,
    /// Files of it that cannot be read to their end; they stay as they are.
    pub damaged: Vec<String>,
}

impl Writer {
    /// Takes the right to write to the archive of a project. Two state directories may share the project, so it is
    /// a lock beside the archive.
    ///
    /// # Errors
    /// If another janitor is at it, or it lies outside of the project.
    pub fn open(project: &Path) -> Result<Self> {
        let dir = folder_of(project);
        atomic::ensure_dir(&dir)?;
        ensure!(files::is_inside(&dir, project), "the archive lies outside of the project: `{}`", dir.display());
        let held = lock::attempt(&dir.join(".lock"), "`janitor`").context("somebody else writes the archive")?;
        Ok(Self { project: project.to_owned(), dir, _held: held })
    }

    /// Looks a shelf through.
    ///
    /// # Errors
    /// If its files cannot be listed.
    pub fn shelf(&self, shelf: &Shelf) -> Result<Open> {
        let folder = self.project.join(queue::FOLDER).join(folder(shelf.state));
        let mut parts: Vec<(u32, String)> =
            files_of(&self.dir)?.into_iter().filter_map(|name| Some((shelf.part(&name)?, name))).collect();
        parts.sort();
        let mut open = Open { shelf: shelf.clone(), part: 1, doubled: HashSet::new(), damaged: Vec::new() };
        for (part, name) in parts {
            let path = self.dir.join(&name);
            let full = path.metadata().is_ok_and(|m| m.len() >= FULL);
            let mut doubled = Vec::new();
            let whole = Lines::<Whole>::open(&path)?.all(|line| {
                let known = line.ok().filter(|line| line.version <= ARCHIVE_VERSION);
                let is_known = known.is_some();
                let still = |line: &Whole| folder.join(&line.file).symlink_metadata().is_ok();
                doubled.extend(known.filter(still).map(|l| (l.file, hex(&Sha256::digest(&l.text)))));
                is_known
            });
            open.part = if full || !whole { part + 1 } else { part };
            if whole {
                open.doubled.extend(doubled);
            } else {
                // What is added behind the damage would not be read, and what stands before it is no safe copy.
                open.damaged.push(name);
            }
        }
        Ok(open)
    }

    /// Adds tasks to a shelf, each read when its turn comes; those that are on it already are passed over. How
    /// many were added.
    ///
    /// # Errors
    /// If a step fails; the archive is then as before.
    pub fn add(&self, open: &mut Open, tasks: impl Iterator<Item = Archived>) -> Result<usize> {
        let doubled = &open.doubled;
        let is_new = |t: &Archived| !doubled.contains(&(t.file.clone(), t.sha256.clone()));
        let mut tasks = tasks.filter(is_new).peekable();
        if tasks.peek().is_none() {
            return Ok(0);
        }
        let path = self.dir.join(open.shelf.file(open.part));
        let mut count = 0;
        atomic::compose(&path, 0o600, |file| {
            if let Some(mut old) = open_plain(&path)? {
                io::copy(&mut old, file)?;
            }
            let start = file.stream_position()?;
            let mut out = Summed::over(GzEncoder::new(BufWriter::new(&mut *file), Compression::default()));
            for task in tasks {
                // In one piece: the serializer writes a few bytes at a time.
                let mut line = serde_json::to_vec(&task)?;
                line.push(b'\n');
                ensure!(line.len() as u64 <= reader::LINE, "task `{}` is too long to be read back", task.task);
                out.write_all(&line)?;
                count += 1;
            }
            let (encoder, written) = out.done();
            encoder.finish()?.flush()?;
            // What is about to become the only copy is read once more.
            file.seek(SeekFrom::Start(start))?;
            let mut sum = Summed::over(io::sink());
            io::copy(&mut GzDecoder::new(BufReader::new(&mut *file)), &mut sum)?;
            ensure!(sum.done().1 == written, "what was written is not what can be read");
            Ok(())
        })?;
        if path.metadata().is_ok_and(|m| m.len() >= FULL) {
            open.part += 1;
        }
        Ok(count)
    }

    /// Brings the lists of ids up to date where they do not fit their archives.
    ///
    /// # Errors
    /// If a step fails; the archives are then read themselves.
    pub fn index(&self) -> Result<()> {
        for name in files_of(&self.dir)? {
            let path = self.dir.join(&name);
            let Ok(meta) = path.metadata() else { continue };
            if index_fits(&path, meta.len()) {
                continue;
            }
            atomic::compose(&ids_path(&path), 0o600, |file| {
                let mut out = BufWriter::new(file);
                writeln!(out, "{}", reader::head(meta.len()))?;
                // A damaged archive has the ids up to where it is damaged.
                for key in Lines::<Key>::open(&path)?.map_while(Result::ok) {
                    writeln!(out, "{}", key.task)?;
                }
                Ok(out.flush()?)
            })?;
        }
        Ok(())
    }
}

/// A finished task's file, to be archived. The caller has looked at it before; it must not have changed since.
///
/// # Errors
/// Says why it cannot be archived.
pub fn read_ended(
    seen: &Seen,
    limit: u64,
    project: &ProjectName,
    task: &TaskId,
    state: OutcomeResult,
    attempts: Vec<Attempt>,
) -> Result<Archived, String> {
    let failed = |e: &io::Error| format!("it cannot be read: {e}");
    let Some(mut file) = open_plain(&seen.path).map_err(|e| failed(&e))? else { return Err("gone".into()) };
    let meta = file.metadata().map_err(|e| failed(&e))?;
    if files::seen(&seen.path, &meta).mark != seen.mark {
        return Err("it has changed since the plan".into());
    }
    if meta.len() > limit {
        return Err(format!("it is larger than {} MiB", limit >> 20));
    }
    let mut bytes = Vec::new();
    (&mut file).take(limit).read_to_end(&mut bytes).map_err(|e| failed(&e))?;
    let sha256 = hex(&Sha256::digest(&bytes));
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    Ok(Archived {
        version: ARCHIVE_VERSION,
        task: task.clone(),
        project: project.clone(),
        state,
        file: seen.name(),
        modified: seen.written,
        mode: meta.mode() & 0o7777,
        sha256,
        attempts,
        text,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A writer that knows the sum of what went through it.
struct Summed<W> {
    inner: W,
    sum: Sha256,
}

impl<W: Write> Summed<W> {
    fn over(inner: W) -> Self {
        Self { inner, sum: Sha256::new() }
    }

    fn done(self) -> (W, String) {
        (self.inner, hex(&self.sum.finalize()))
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.sum.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests;
