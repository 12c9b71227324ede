//! The hook events of a session: appended by `event`, folded into its record by whoever looks.

use anyhow::{Context, Result};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::atomic;
use super::store::{Locked, Store};
use crate::model::event::{Digest, Event};
use crate::model::janitor::EVENTS_ROTATE_AT;
use crate::model::name::SessionName;
use crate::model::session::SessionRecord;

/// The most that one look reads; the rest comes with the next one.
const MAX_READ: u64 = 8 << 20;

/// Folds in what was appended since the last look. Opens nothing if nothing was.
///
/// # Errors
/// If the file is there and cannot be read.
pub fn fold(store: &Store, name: &SessionName, digest: &mut Digest) -> Result<()> {
    let path = store.events_path(name);
    let (size, file) = match path.metadata() {
        Ok(meta) => (meta.len(), meta.ino()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e).with_context(|| format!("could not look at `{}`", path.display())),
    };
    if size < digest.offset || file != digest.file {
        // Rotated, or shorter after a power cut: what is there now is new.
        (digest.offset, digest.file) = (0, file);
    }
    read(&path, size, digest)
}

/// Begins a new event file when the old one has grown large; one old file is kept. A hook that has
/// just opened the old one may lose its line: evidence, never the only record.
///
/// The record is written before the rename: once the file has another name nobody reads what was not folded in.
///
/// # Errors
/// If it cannot be read, the record not be written, or the file not be renamed.
pub fn rotate(locked: &mut Locked<'_>, record: &mut SessionRecord) -> Result<()> {
    let path = locked.store().events_path(&record.name);
    if path.metadata().map_or(0, |meta| meta.len()) < EVENTS_ROTATE_AT {
        return Ok(());
    }
    // One look reads a part; what is left behind the last is a line that was never ended.
    loop {
        let before = (record.digest.file, record.digest.offset);
        fold(locked.store(), &record.name, &mut record.digest)?;
        if before == (record.digest.file, record.digest.offset) {
            break;
        }
    }
    locked.write_session(record)?;
    atomic::replace(&path, &path.with_extension("jsonl.old"))
}

fn read(path: &Path, size: u64, digest: &mut Digest) -> Result<()> {
    if size == digest.offset {
        return Ok(());
    }
    let mut file = std::fs::File::open(path).with_context(|| format!("could not open `{}`", path.display()))?;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(digest.offset))
        .and_then(|_| file.take(MAX_READ).read_to_end(&mut bytes))
        .with_context(|| format!("could not read `{}`", path.display()))?;
    // A line without its newline is still being written; if it never ends, the next one begins
    // with a newline and ends it.
    let Some(end) = bytes.iter().rposition(|b| *b == b'\n') else {
        if bytes.len() as u64 == MAX_READ {
            digest.offset += MAX_READ; // eight megabytes without a newline are no event
        }
        return Ok(());
    };
    for line in bytes[..end].split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        match serde_json::from_slice::<Event>(line) {
            Ok(event) => digest.fold(&event),
            Err(e) => log::debug!("a line that is no event in `{}`: {e}", path.display()),
        }
    }
    digest.offset += end as u64 + 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::Kind;

    #[test]
    fn all_of_a_large_file_is_in_the_record_before_it_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let mut record = SessionRecord::new(SessionName::new("a").unwrap(), Kind::Pool);
        let path = store.events_path(&record.name);
        let filler =
            format!("{{\"at\":\"2026-01-01T00:00:00Z\",\"event\":\"x\",\"text\":\"{}\"}}\n", "y".repeat(9_000));
        let last = "{\"at\":\"2026-01-01T00:00:09Z\",\"event\":\"Stop\"}\n";
        let lines = EVENTS_ROTATE_AT / filler.len() as u64 + 1;
        std::fs::write(&path, filler.repeat(lines as usize) + last + "{\"half").unwrap();
        rotate(&mut store.lock().unwrap(), &mut record).unwrap();
        assert!(!path.exists() && path.with_extension("jsonl.old").exists());
        let written = store.session(&record.name).unwrap().unwrap();
        assert_eq!((written.digest.count, written.digest.stop.is_some()), (lines + 1, true));
        std::fs::write(&path, last).unwrap();
        fold(&store, &record.name, &mut record.digest).unwrap();
        assert_eq!(record.digest.count, lines + 2);
    }

    #[test]
    fn torn_and_foreign_lines_are_skipped_and_nothing_is_read_twice() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let name = SessionName::new("a").unwrap();
        let path = store.events_path(&name);
        let stop = |second: u8| format!("{{\"at\":\"2026-01-01T00:00:0{second}Z\",\"event\":\"Stop\"}}\n");
        std::fs::write(&path, format!("{}{{\"torn\n\nnot json\n\u{0}\n{}", stop(1), "{\"half")).unwrap();
        let mut digest = Digest::default();
        fold(&store, &name, &mut digest).unwrap();
        assert_eq!(digest.stop.as_ref().unwrap().at.to_string(), "2026-01-01T00:00:01Z");
        let offset = digest.offset;
        fold(&store, &name, &mut digest).unwrap();
        assert_eq!(digest.offset, offset);
        std::fs::write(&path, stop(2)).unwrap();
        fold(&store, &name, &mut digest).unwrap();
        assert_eq!(digest.stop.unwrap().at.to_string(), "2026-01-01T00:00:02Z");
    }
}
