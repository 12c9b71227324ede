//! Reading an archive: line by line, by id, or only whether an id is in it.

use anyhow::{Context, Result, anyhow, ensure};
use flate2::bufread::MultiGzDecoder;
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Read};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use super::{Key, folder_of};
use crate::model::archive::{ARCHIVE_VERSION, Archived, parse};
use crate::model::front_matter::OutcomeResult;
use crate::model::name::TaskId;
use crate::sys::files::open_plain;

/// The longest line that is read, in bytes.
pub(super) const LINE: u64 = 128 << 20;

/// The lines of an archive, one at a time. Ends with the first that cannot be read.
pub(super) struct Lines<T> {
    path: PathBuf,
    inner: Option<BufReader<MultiGzDecoder<BufReader<File>>>>,
    line: Vec<u8>,
    number: usize,
    kind: PhantomData<T>,
}

impl<T: DeserializeOwned> Lines<T> {
    /// Opens an archive; one that is not there has no lines.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = open_plain(path).with_context(|| format!("could not open `{}`", path.display()))?;
        let inner = file.map(|file| BufReader::new(MultiGzDecoder::new(BufReader::new(file))));
        Ok(Self { path: path.to_owned(), inner, line: Vec::new(), number: 0, kind: PhantomData })
    }

    fn read(&mut self) -> Result<Option<T>> {
        let Some(inner) = &mut self.inner else { return Ok(None) };
        self.line.clear();
        self.number += 1;
        let place = format!("`{}`, line {}", self.path.display(), self.number);
        let read = inner.by_ref().take(LINE).read_until(b'\n', &mut self.line);
        if read.with_context(|| format!("damaged archive: {place}"))? == 0 {
            return Ok(None);
        }
        ensure!(self.line.last() == Some(&b'\n'), "damaged archive: a line without an end: {place}");
        serde_json::from_slice(&self.line).map(Some).with_context(|| format!("damaged archive: {place}"))
    }
}

impl<T: DeserializeOwned> Iterator for Lines<T> {
    type Item = Result<T>;
    fn next(&mut self) -> Option<Result<T>> {
        let read = self.read().transpose();
        if !matches!(read, Some(Ok(_))) {
            self.inner = None;
        }
        read
    }
}

/// The archives in a folder, newest month first, what was carried out before what was given up.
pub(super) fn files_of(dir: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e).with_context(|| format!("could not list `{}`", dir.display())),
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|e| e.file_name().into_string().ok())
        .filter(|name| parse(name).is_some())
        .collect();
    let key = |name: &String| {
        parse(name).map(|(state, month, part)| (std::cmp::Reverse((month.to_owned(), part)), state))
    };
    names.sort_by_key(key);
    Ok(names)
}

/// Where the ids of an archive are listed.
pub(super) fn ids_path(archive: &Path) -> PathBuf {
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    archive.with_file_name(format!("{}.ids", name.trim_end_matches(".jsonl.gz")))
}

/// The first line of such a list: of what size the archive was of which it was made. An archive only grows.
pub(super) fn head(bytes: u64) -> String {
    format!("{{\"version\":1,\"bytes\":{bytes}}}")
}

fn index(archive: &Path, bytes: u64) -> Option<BufReader<File>> {
    let mut list = BufReader::new(open_plain(&ids_path(archive)).ok()??);
    let mut first = String::new();
    list.by_ref().take(80).read_line(&mut first).ok()?;
    (first.trim_end() == head(bytes)).then_some(list)
}

/// Whether the list of ids is of just this archive.
pub(super) fn index_fits(archive: &Path, bytes: u64) -> bool {
    index(archive, bytes).is_some()
}

/// Whether an archive has a task of this id. What cannot be read has none.
fn has(archive: &Path, id: &TaskId) -> bool {
    let bytes = archive.metadata().map_or(0, |m| m.len());
    match index(archive, bytes) {
        Some(list) => list.split(b'\n').map_while(std::io::Result::ok).any(|line| line == id.as_str().as_bytes()),
        None => {
            let keys = Lines::<Key>::open(archive).into_iter().flatten();
            keys.map_while(Result::ok).any(|key| key.task == *id)
        }
    }
}

/// The ids in all archives of a project, for many questions.
#[derive(Debug, Default)]
pub struct Ids(HashSet<u64>);

impl Ids {
    /// Reads them.
    #[must_use]
    pub fn of(project: &Path) -> Self {
        let dir = folder_of(project);
        let mut ids = HashSet::new();
        for path in files_of(&dir).unwrap_or_default().into_iter().map(|name| dir.join(name)) {
            let bytes = path.metadata().map_or(0, |m| m.len());
            if let Some(list) = index(&path, bytes) {
                let lines = list.lines().map_while(std::io::Result::ok);
                ids.extend(lines.filter_map(|line| Some(Self::hash(&TaskId::new(line).ok()?))));
                continue;
            }
            let keys = Lines::<Key>::open(&path).into_iter().flatten();
            ids.extend(keys.map_while(Result::ok).map(|key| Self::hash(&key.task)));
        }
        Self(ids)
    }

    fn hash(id: &TaskId) -> u64 {
        let mut hash = DefaultHasher::new();
        id.hash(&mut hash);
        hash.finish()
    }

    /// Whether a task of this id is in one.
    #[must_use]
    pub fn has(&self, id: &TaskId) -> bool {
        self.0.contains(&Self::hash(id))
    }
}

/// How a task ended that is in the archive of a project; `None` if it is not there.
#[must_use]
pub fn end_of(project: &Path, id: &TaskId) -> Option<OutcomeResult> {
    let dir = folder_of(project);
    let name = files_of(&dir).ok()?.into_iter().find(|name| has(&dir.join(name), id))?;
    parse(&name).map(|(state, ..)| state)
}

/// An archived task of this id, the newest if there are several, with the archive that has it.
///
/// # Errors
/// If the archive that has it cannot be read.
pub fn find(project: &Path, id: &TaskId) -> Result<Option<(PathBuf, Archived)>> {
    let dir = folder_of(project);
    for name in files_of(&dir)? {
        let path = dir.join(&name);
        if !has(&path, id) {
            continue;
        }
        let mut last = None;
        for task in Lines::<Archived>::open(&path)? {
            match task {
                Ok(task) if task.task == *id => last = Some(task),
                Ok(_) => {}
                Err(e) if last.is_none() => return Err(e),
                Err(_) => break,
            }
        }
        if let Some(task) = last {
            ensure_known(&task, &path)?;
            return Ok(Some((path, task)));
        }
    }
    Ok(None)
}

fn ensure_known(task: &Archived, path: &Path) -> Result<()> {
    ensure!(task.version <= ARCHIVE_VERSION, "archived by a newer version: `{}`", path.display());
    Ok(())
}

/// All archived tasks of a project, newest month first, each with its archive. One that cannot be read to its end
/// is told, and the others go on.
///
/// # Errors
/// If they cannot be listed, or the closure fails.
pub fn all(project: &Path, each: &mut dyn FnMut(&Path, Result<Archived>) -> Result<()>) -> Result<()> {
    let dir = folder_of(project);
    for name in files_of(&dir)? {
        let path = dir.join(name);
        match Lines::<Archived>::open(&path) {
            Ok(lines) => {
                for task in lines {
                    each(&path, task)?;
                }
            }
            Err(e) => each(&path, Err(anyhow!(e)))?,
        }
    }
    Ok(())
}
