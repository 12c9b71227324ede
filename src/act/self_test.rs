//! Proof that an entry blocks: its command line, as the client would run it, with a call that must not run
//! and one that may.
//!
//! What was proved is remembered by the programs' metadata, the script and the command line: an unchanged
//! deployment is not run again, so a switch of many sessions does not pay for it.

use anyhow::{Result, anyhow};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::deploy::programs;
use crate::env::Env;
use crate::error::Mark;
use crate::model::deploy::record::mark;
use crate::model::guard::tool_call::SELF_TEST;
use crate::sys::{deployed, process};

/// One entry to prove.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Whose it is, for messages.
    pub what: String,
    /// Its command line, as it stands in the settings.
    pub command: String,
    /// The script that it calls, if it calls one.
    pub script: Option<PathBuf>,
}

/// How long one run may take. Longer than the entry's own limits.
const LIMIT: Duration = Duration::from_secs(12);

/// A call as the client hands it over.
fn call(cwd: &Path, command: &str) -> String {
    serde_json::json!({
        "session_id": SELF_TEST, "hook_event_name": "PreToolUse", "tool_use_id": SELF_TEST,
        "cwd": cwd, "permission_mode": "bypassPermissions",
        "tool_name": "Bash", "tool_input": { "command": command, "description": "self-test of the guard" },
    })
    .to_string()
}

/// What must not run: data, handed to the guard and to nothing else.
const MUST_BLOCK: &str = "rm -rf ~";

/// What blocks under every policy: not a call at all.
const NO_CALL: &str = "{\"tool_name\":";

/// What may run.
const MUST_PASS: &str = "ls -la";

/// Proves that each entry blocks what it must and lets pass what it may.
///
/// # Errors
/// Says which entry failed, and how.
pub fn prove(env: &Env, entries: &[Entry], cwd: &Path) -> Result<()> {
    let keys: Vec<String> = entries.iter().map(|entry| key(env, entry)).collect::<Result<_>>()?;
    let open: Vec<(&Entry, &String)> =
        entries.iter().zip(&keys).filter(|(_, key)| !env.store.is_proved(key)).collect();
    if open.is_empty() {
        return Ok(());
    }
    let failed = std::thread::scope(|scope| {
        let running: Vec<_> = open.iter().map(|(entry, _)| scope.spawn(|| run(env, entry, cwd))).collect();
        let panicked = |_| Err(anyhow!("a self-test panicked"));
        running.into_iter().find_map(|r| r.join().unwrap_or_else(panicked).err())
    });
    if let Some(e) = failed {
        return Err(e).hint("claude-failover deploy-hook --check");
    }
    let new: Vec<String> = open.into_iter().map(|(_, key)| key.clone()).collect();
    env.store.lock()?.keep_proofs(&new)
}

/// What a proof rests on.
fn key(env: &Env, entry: &Entry) -> Result<String> {
    let (program, timeout) = programs(env)?;
    let script = match &entry.script {
        Some(path) => (deployed::stamp(path).seen, deployed::text(path)?),
        None => (None, None),
    };
    let all = format!(
        "{:?} {:?} {:?} {script:?} {}",
        deployed::stamp(&program).seen,
        deployed::stamp(&timeout).seen,
        deployed::stamp(Path::new("/bin/sh")).seen,
        entry.command
    );
    Ok(mark(all.as_bytes()))
}

/// Runs an entry as the client does: by a shell, with the session's variables. Nothing is remembered.
///
/// # Errors
/// Says how it failed.
pub fn run(env: &Env, entry: &Entry, cwd: &Path) -> Result<()> {
    let once = |input: &str| -> Result<process::Said> {
        let client = &env.config.client;
        let variables: [(&str, &OsStr); 5] = [
            ("PATH", client.path.as_ref()),
            ("HOME", env.config.home.as_os_str()),
            ("LANG", "C.UTF-8".as_ref()),
            ("CLAUDECODE", "1".as_ref()),
            ("CLAUDE_PROJECT_DIR", cwd.as_os_str()),
        ];
        let args = ["-c", entry.command.as_str()];
        process::feed(Path::new("/bin/sh"), &args, &variables, cwd, input, LIMIT)
            .map_err(|e| anyhow!("{} could not be tested: {e}", entry.what))
    };
    let said = |said: &process::Said| {
        let first = said.stderr.lines().next().unwrap_or("it said nothing");
        crate::output::cut(first, 200)
    };
    let pass = once(&call(cwd, MUST_PASS))?;
    if pass.status != 0 {
        return Err(anyhow!(
            "{} does not let an ordinary call pass (status {}): {}",
            entry.what,
            pass.status,
            said(&pass)
        ));
    }
    let mut block = once(&call(cwd, MUST_BLOCK))?;
    if block.status == 0 {
        // The operator may have taken that rule back; what is no call at all is blocked all the same.
        block = once(NO_CALL)?;
        if block.status == 2 {
            log::warn!("{} lets a deletion of the home pass: the policy takes `fs.delete-home` back", entry.what);
        }
    }
    if block.status != 2 {
        return Err(anyhow!("{} does not block (status {}): {}", entry.what, block.status, said(&block)));
    }
    Ok(())
}
