//! The part of the state directory that is about accounts: their records and signals, which one is
//! active, what the decision remembers, the journal of a switch and those of the past.

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use super::{Locked, Store};
use crate::model::account_record::{ACCOUNT_VERSION, AccountRecord};
use crate::model::journal::{JOURNAL_VERSION, Journal};
use crate::model::name::AccountName;
use crate::model::quota::Signal;
use crate::model::switch::Memory;
use crate::sys::{atomic, state_file};

/// Which account new sessions start on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Active {
    /// Format version of the file.
    pub version: u32,
    /// The account.
    pub account: AccountName,
    /// What the configuration said then: where it says something else now, its change is newer.
    pub configured: AccountName,
    /// Since when.
    pub since: Timestamp,
}

/// Format version of `switch/active.json` and `switch/memory.json`.
pub const MEMORY_VERSION: u32 = 1;

/// What the decision remembers, as a file.
#[derive(Debug, Serialize, Deserialize)]
struct MemoryFile {
    version: u32,
    #[serde(flatten)]
    memory: Memory,
}

/// How much of the end of a history is read: half a day of a busy account.
const TAIL: u64 = 64 << 10;

/// A history longer than this is cut to its newer half.
const RING: u64 = 1 << 20;

impl Store {
    fn account_path(&self, name: &AccountName) -> PathBuf {
        self.root.join("accounts").join(format!("{name}.json"))
    }

    fn signals_path(&self, name: &AccountName) -> PathBuf {
        self.root.join("signals").join(format!("{name}.jsonl"))
    }

    fn switch_path(&self, name: &str) -> PathBuf {
        self.root.join("switch").join(format!("{name}.json"))
    }

    /// An account's record, if there is one.
    ///
    /// # Errors
    /// If its file cannot be used.
    pub fn account(&self, name: &AccountName) -> Result<Option<AccountRecord>> {
        state_file::read(&self.account_path(name), ACCOUNT_VERSION)
    }

    /// The accounts of which there are records, by the names of the files alone.
    #[must_use]
    pub fn account_names(&self) -> Vec<AccountName> {
        let names = state_file::list(&self.root.join("accounts")).unwrap_or_default();
        names.into_iter().filter_map(|name| AccountName::new(name).ok()).collect()
    }

    /// The newer signals of an account, oldest first. Lines that do not parse are left out: the first
    /// may be cut, the last torn.
    #[must_use]
    pub fn signals(&self, name: &AccountName) -> Vec<Signal> {
        self.newest_signals(name, TAIL)
    }

    /// All signals of an account that are kept, oldest first: for what shows its history.
    #[must_use]
    pub fn all_signals(&self, name: &AccountName) -> Vec<Signal> {
        self.newest_signals(name, RING)
    }

    fn newest_signals(&self, name: &AccountName, most: u64) -> Vec<Signal> {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = std::fs::File::open(self.signals_path(name))?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
            let mut bytes = Vec::new();
            file.take(most).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().unwrap_or_default();
        bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }

    /// Which account was made the active one, if that ever happened.
    ///
    /// # Errors
    /// If its file cannot be used.
    pub fn active(&self) -> Result<Option<Active>> {
        state_file::read(&self.switch_path("active"), MEMORY_VERSION)
    }

    /// What the decision remembers.
    ///
    /// # Errors
    /// If its file cannot be used.
    pub fn memory(&self) -> Result<Memory> {
        let file: Option<MemoryFile> = state_file::read(&self.switch_path("memory"), MEMORY_VERSION)?;
        Ok(file.map(|f| f.memory).unwrap_or_default())
    }

    /// The switch that is under way, or was when its run was killed.
    ///
    /// # Errors
    /// If its file cannot be used.
    pub fn journal(&self) -> Result<Option<Journal>> {
        state_file::read(&self.switch_path("current"), JOURNAL_VERSION)
    }

    /// Whether a switch is under way: the one look that others take, without opening anything.
    #[must_use]
    pub fn is_switching(&self) -> bool {
        self.switch_path("current").exists()
    }

    /// The names of past switches, oldest first.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn past_switches(&self) -> Result<Vec<String>> {
        state_file::list(&self.root.join("switch/history"))
    }

    /// A past switch.
    ///
    /// # Errors
    /// If its file cannot be used.
    pub fn past_switch(&self, id: &str) -> Result<Option<Journal>> {
        state_file::read(&self.switch_path(&format!("history/{id}")), JOURNAL_VERSION)
    }
}

impl Locked<'_> {
    /// Writes an account's record.
    ///
    /// # Errors
    /// If a step fails.
    pub fn write_account(&mut self, record: &AccountRecord) -> Result<()> {
        state_file::write(&self.store.account_path(&record.name), record, record.version, ACCOUNT_VERSION)
    }

    /// Changes an account's record, made if there is none: reads it afresh, writes it if it differs.
    ///
    /// # Errors
    /// If the record cannot be used.
    pub fn update_account<T>(
        &mut self,
        name: &AccountName,
        change: impl FnOnce(&mut AccountRecord) -> T,
    ) -> Result<T> {
        let before = self.store.account(name)?;
        let mut record = before.clone().unwrap_or_else(|| AccountRecord::new(name.clone()));
        let answer = change(&mut record);
        if before.as_ref() != Some(&record) {
            self.write_account(&record)?;
        }
        Ok(answer)
    }

    /// Adds signals to an account's history: evidence for the forecast, never the only record.
    pub fn add_signals(&mut self, name: &AccountName, signals: &[Signal]) {
        let path = self.store.signals_path(name);
        for signal in signals {
            let line = serde_json::to_string(signal).unwrap_or_default();
            if let Err(e) = atomic::append_line(&path, &line) {
                log::warn!("a signal of `{name}` is not in its history: {e:#}");
                return;
            }
        }
        if let Err(e) = cut_ring(&path) {
            log::warn!("the history of `{name}` cannot be cut: {e:#}");
        }
    }

    /// Makes an account the active one.
    ///
    /// # Errors
    /// If a step fails.
    pub fn write_active(&mut self, active: &Active) -> Result<()> {
        state_file::write(&self.store.switch_path("active"), active, active.version, MEMORY_VERSION)
    }

    /// Writes what the decision remembers.
    ///
    /// # Errors
    /// If a step fails.
    pub fn write_memory(&mut self, memory: &Memory) -> Result<()> {
        let file = MemoryFile { version: MEMORY_VERSION, memory: memory.clone() };
        state_file::write(&self.store.switch_path("memory"), &file, MEMORY_VERSION, MEMORY_VERSION)
    }

    /// Writes the journal of the switch under way.
    ///
    /// # Errors
    /// If a step fails.
    pub fn write_journal(&mut self, journal: &Journal) -> Result<()> {
        state_file::write(&self.store.switch_path("current"), journal, journal.version, JOURNAL_VERSION)
    }

    /// Puts the journal of a switch that is over to the others, in one rename; `janitor` removes the oldest.
    ///
    /// # Errors
    /// If a step fails.
    pub fn file_journal(&mut self, journal: &Journal) -> Result<()> {
        self.write_journal(journal)?;
        let to = self.store.switch_path(&format!("history/{}", journal.id));
        atomic::replace(&self.store.switch_path("current"), &to)
            .with_context(|| format!("could not file the journal of switch `{}`", journal.id))
    }
}

/// Keeps the newer half of a history that has become too long.
fn cut_ring(path: &std::path::Path) -> Result<()> {
    let length = path.metadata()?.len();
    if length <= RING {
        return Ok(());
    }
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(length - RING / 2))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let start = bytes.iter().position(|b| *b == b'\n').map_or(0, |n| n + 1);
    atomic::write(path, &bytes[start..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quota::{Source, Window};

    #[test]
    fn a_history_is_a_ring_and_garbage_in_it_is_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("state")).unwrap();
        let name = AccountName::new("a").unwrap();
        let signal = |n: i64| Signal {
            at: Timestamp::from_second(1_800_000_000 + n).unwrap(),
            source: Source::StatusLine,
            window: Some(Window::FiveHour),
            percent: Some(1.0),
            resets_at: None,
            hit: false,
            session: None,
        };
        let mut locked = store.lock().unwrap();
        locked.add_signals(&name, &[signal(0), signal(1)]);
        std::fs::write(store.signals_path(&name), [&b"torn {\n"[..], &vec![b'x'; 1 << 20], b"\n"].concat())
            .unwrap();
        locked.add_signals(&name, &[signal(2)]);
        assert!(store.signals_path(&name).metadata().unwrap().len() < RING);
        locked.add_signals(&name, &[signal(3)]);
        assert_eq!(store.signals(&name).len(), 2);
        assert!(store.signals(&AccountName::new("b").unwrap()).is_empty());
    }
}
