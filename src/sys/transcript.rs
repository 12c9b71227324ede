//! The end of a client's transcript. However long it is, only so much of its end is read.

use anyhow::{Context, Result};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::model::checkpoint::tail::Tail;

/// What is read first, and what is read where one record is longer than that, in bytes.
const PIECES: [u64; 3] = [64 << 10, 512 << 10, 4 << 20];

/// Its length in bytes.
///
/// # Errors
/// If it cannot be looked at, or is no plain file.
pub fn size(path: &Path) -> Result<u64> {
    let meta = path.metadata().with_context(|| format!("could not look at `{}`", path.display()))?;
    anyhow::ensure!(meta.is_file(), "not a regular file: `{}`", path.display());
    Ok(meta.len())
}

/// What the part before a length tells, read from behind.
///
/// # Errors
/// If the file cannot be read.
pub fn tail(path: &Path, size: u64) -> Result<Tail> {
    let mut file = std::fs::File::open(path).with_context(|| format!("could not open `{}`", path.display()))?;
    let mut told = Tail::default();
    for piece in PIECES {
        let from = size.saturating_sub(piece);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from))
            .and_then(|_| (&mut file).take(size - from).read_to_end(&mut bytes))
            .with_context(|| format!("could not read `{}`", path.display()))?;
        told = Tail::read(&bytes);
        // One record is told by the smallest piece nearly always; the rest is worth one more look, not the last.
        let is_enough = told.is_complete() || (told.last.is_some() && piece > PIECES[0]);
        if is_enough || from == 0 {
            break;
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_the_end_is_read_and_a_long_record_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.jsonl");
        let mut file = std::fs::File::create(&path).unwrap();
        file.set_len(1 << 30).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        let long = "x".repeat(700 << 10);
        write!(
            file,
            "\n{{\"type\":\"assistant\",\"message\":{{\"content\":[{{\"type\":\"text\",\"text\":\"words\"}},\
             {{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"Write\",\"input\":{{\"content\":\"{long}\"}}}}]}}}}\n"
        )
        .unwrap();
        let told = tail(&path, size(&path).unwrap()).unwrap();
        assert_eq!((told.tool.unwrap().name.as_str(), told.said.as_str()), ("Write", "words"));
        // What was appended since its length was taken does not count.
        writeln!(file, "{{\"type\":\"system\"}}").unwrap();
        let told = tail(&path, size(&path).unwrap() - 18).unwrap();
        assert_eq!(told.last.unwrap().kind, "assistant");
        assert!(size(dir.path()).is_err() && tail(&dir.path().join("none"), 5).is_err());
    }
}
