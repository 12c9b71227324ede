//! The Claude Code client from outside: how it is started, what it leaves on disk.
//!
//! Facts about the client were measured with 2.1.197 and 2.1.330.

use anyhow::{Context, Result, anyhow};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::process::ProcessId;
use super::store::Store;
use super::{atomic, files, home, login, process};
use crate::config::{Account, Client, Config};
use crate::error::{Mark, hinted};
use crate::model::account::{AccountKind, Login};
use crate::model::delivery::is_ours;
use crate::model::deploy::entry;
use crate::model::doctor::machine::LOCALE;
use crate::model::event::ClientFile;
use crate::model::front_matter::Tokens;
use crate::model::name::SessionName;
use crate::model::session::Lease;

/// The hook events that a session reports to us.
const EVENTS: [&str; 11] = [
    "SessionStart",
    "SessionEnd",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "Stop",
    "StopFailure",
    "SubagentStop",
    "PermissionRequest",
    "Notification",
];

/// The variables by which a client tells whose it is, to the agent's own calls and to us.
/// The variable that names a session to its client.
pub const SESSION_VAR: &str = "CLAUDE_FAILOVER_SESSION";
/// The variable that names our state directory to it.
pub const STATE_VAR: &str = "CLAUDE_FAILOVER_STATE_DIR";

/// What a client is started with.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// The client's part of the configuration.
    pub client: &'a Client,
    /// `HOME` of the session.
    pub home: &'a Path,
    /// The account: its home, its kind, its own variables.
    pub account: &'a Account,
    /// The session.
    pub session: &'a SessionName,
    /// The model, if one is asked for.
    pub model: Option<&'a str>,
    /// The conversation.
    pub conversation: &'a str,
    /// Whether it exists already.
    pub resume: bool,
    /// The first prompt.
    pub prompt: Option<&'a str>,
    /// The settings overlay.
    pub overlay: &'a Path,
    /// This program and its configuration, for the agent's own calls.
    pub program: &'a Path,
    /// See `program`.
    pub config: &'a Path,
    /// See `program`.
    pub state: &'a Path,
}

/// Puts the token into the environment from its file, and becomes the client: a secret never stands in an
/// argument list, and the process stays the same.
const WITH_TOKEN: &str = "\
{ read -r CLAUDE_CODE_OAUTH_TOKEN <\"$1\" || [ -n \"$CLAUDE_CODE_OAUTH_TOKEN\" ]; } || exit 1; \
export CLAUDE_CODE_OAUTH_TOKEN; shift; exec \"$@\"";

/// The command line of a client: `env -i` gives it exactly the environment that it should have,
/// and `exec`s it, so that the pane's process is the client itself.
#[must_use]
pub fn argv(start: &Start<'_>, program: &Path) -> Vec<String> {
    let mut argv = vec!["/usr/bin/env".to_owned(), "-i".to_owned()];
    argv.extend(environment(start).into_iter().map(|(k, v)| format!("{k}={v}")));
    if let (AccountKind::Token, Some(file)) = (start.account.kind, &start.account.token_file) {
        argv.extend(["/bin/sh", "-c", WITH_TOKEN, "sh"].map(str::to_owned));
        argv.push(file.display().to_string());
    }
    argv.push(program.display().to_string());
    argv.extend(start.client.args.iter().cloned());
    argv.extend(["--settings".to_owned(), start.overlay.display().to_string()]);
    if let Some(model) = start.model {
        argv.extend(["--model".to_owned(), model.to_owned()]);
    }
    let flag = if start.resume { "--resume" } else { "--session-id" };
    argv.extend([flag.to_owned(), start.conversation.to_owned()]);
    if let Some(prompt) = start.prompt {
        argv.extend(["--".to_owned(), prompt.to_owned()]);
    }
    argv
}

/// The whole environment of a session. Nothing is inherited: a key or a token of the caller would
/// override the account's login, and `CLAUDE_CODE_CHILD_SESSION` would keep it from being saved.
fn environment(start: &Start<'_>) -> BTreeMap<String, String> {
    let text = |path: &Path| path.display().to_string();
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten().map(|u| u.name);
    let user = user.unwrap_or_else(|| nix::unistd::geteuid().to_string());
    let mut env: BTreeMap<String, String> = [
        ("PATH", start.client.path.clone()),
        ("HOME", text(start.home)),
        ("SHELL", text(&start.client.shell)),
        ("USER", user.clone()),
        ("LOGNAME", user),
        ("TERM", "xterm-256color".to_owned()),
        ("LANG", LOCALE.to_owned()),
        ("CLAUDE_CONFIG_DIR", text(&start.account.home)),
        // A newer client offers another screen at its start, and the offer eats the first prompt.
        ("CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN", "1".to_owned()),
        // Grey suggestions in the composer would look like a person's draft.
        ("CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION", "false".to_owned()),
        ("CLAUDE_FAILOVER", text(start.program)),
        ("CLAUDE_FAILOVER_CONFIG", text(start.config)),
        (STATE_VAR, text(start.state)),
        (SESSION_VAR, start.session.to_string()),
    ]
    .into_iter()
    .map(|(k, v)| (k.to_owned(), v))
    .collect();
    if let Some(base) = &start.client.api_base {
        env.insert("ANTHROPIC_BASE_URL".to_owned(), base.clone());
    }
    env.extend(start.client.env.clone());
    env.extend(start.account.env.clone());
    env
}

/// The settings overlay of a session: our event hooks and status line, and the answers to dialogs
/// that settings can answer. It is read once and kept in memory by the client. `guard` is the command line
/// of the guard's own entry before each tool call.
#[must_use]
pub fn overlay(
    program: &Path,
    state: &Path,
    session: &SessionName,
    account: &Account,
    guard: Option<&str>,
) -> String {
    let args = |command: &str| {
        [command, "--state-dir", &state.display().to_string(), "--session", session.as_str()]
            .map(str::to_owned)
            .to_vec()
    };
    // `args` = started without a shell. Hooks time out on their own; this bound is for a disk that hangs.
    let hook =
        json!({ "hooks": [{ "type": "command", "command": program, "args": args("event"), "timeout": 5 }] });
    let mut hooks: Map<String, Value> = EVENTS.iter().map(|e| ((*e).to_owned(), json!([hook]))).collect();
    if let (Some(command), Some(before)) = (guard, hooks.get_mut("PreToolUse").and_then(Value::as_array_mut)) {
        before.push(entry::group(command));
    }
    let mut line = vec![program.display().to_string()];
    line.extend(args("statusline"));
    let line = shlex::try_join(line.iter().map(String::as_str)).unwrap_or_default();
    let mut settings = json!({
        "hooks": hooks,
        "statusLine": { "type": "command", "command": line },
        "skipDangerousModePermissionPrompt": true,
        "editorMode": "normal",
    });
    if let (AccountKind::ApiKey, Some(file)) = (account.kind, &account.token_file) {
        // A key in the environment would have to be approved in a dialog.
        let file = file.display().to_string();
        settings["apiKeyHelper"] = shlex::try_join(["cat", "--", &file]).unwrap_or_default().into();
    }
    format!("{settings:#}\n")
}

/// Answers the dialogs of a first start in the account's home: onboarding, trust in the folder,
/// the question whether to resume from a summary. Writes only what is missing.
///
/// # Errors
/// If the home is missing, or its `.claude.json` is not JSON: the client would replace it.
pub fn seed_home(home: &Path, cwd: &Path) -> Result<()> {
    if !home.is_dir() {
        return Err(anyhow!("the account's home does not exist: `{}`", home.display()))
            .hint("`claude-failover account add NAME` makes it, `account login NAME` logs in");
    }
    let path = home.join(".claude.json");
    // Written through a link, or the link would be replaced by a file.
    let path = path.canonicalize().unwrap_or(path);
    if seeded(&path, cwd)?.is_none() {
        return Ok(());
    }
    // The client's own lock on this file is a directory beside it. Under it the file is read once
    // more: what the client has written meanwhile is kept.
    let _held = home::lock_client_file(&path);
    match seeded(&path, cwd)? {
        Some(text) => atomic::write(&path, text.as_bytes()),
        None => Ok(()),
    }
}

/// The text of a `.claude.json` with what is missing of the answers; `None` if nothing is.
fn seeded(path: &Path, cwd: &Path) -> Result<Option<String>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => "{}".to_owned(),
        Err(e) => return Err(e).with_context(|| format!("could not read `{}`", path.display())),
    };
    let mut root: Map<String, Value> = serde_json::from_str(&text)
        .map_err(|e| anyhow!("not JSON: {e}: `{}:{}`", path.display(), e.line()))
        .hint("the client keeps copies in `backups/` beside it")?;
    let before = root.clone();
    root.insert("hasCompletedOnboarding".to_owned(), true.into());
    root.insert("resumeReturnDismissed".to_owned(), true.into());
    let projects = root.entry("projects").or_insert_with(|| json!({}));
    for place in trust_roots(cwd) {
        if let Some(projects) = projects.as_object_mut() {
            let entry = projects.entry(place.display().to_string()).or_insert_with(|| json!({}));
            if let Some(entry) = entry.as_object_mut() {
                entry.insert("hasTrustDialogAccepted".to_owned(), true.into());
            }
        }
    }
    if root == before { Ok(None) } else { Ok(Some(serde_json::to_string_pretty(&root)?)) }
}

/// The folders under which the client looks for trust: the checkout, and for a worktree the main
/// checkout; without git the folder itself.
#[must_use]
pub fn trust_roots(cwd: &Path) -> Vec<PathBuf> {
    let real = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
    let mut roots = vec![real.clone()];
    let Some(top) = real.ancestors().find(|d| d.join(".git").exists()) else { return roots };
    roots.push(top.to_owned());
    let git = top.join(".git");
    if let Ok(text) = std::fs::read_to_string(&git)
        && let Some(dir) = text.trim().strip_prefix("gitdir:")
    {
        let dir = top.join(dir.trim());
        let common = std::fs::read_to_string(dir.join("commondir")).unwrap_or_default();
        if let Ok(main) = dir.join(common.trim()).canonicalize()
            && main.ends_with(".git")
        {
            roots.extend(main.parent().map(Path::to_owned));
        }
    }
    roots.dedup();
    roots
}

/// The client's state file, if it belongs to this very process: a crash leaves it behind, and pids
/// are used again.
#[must_use]
pub fn state_file(account_home: &Path, pid: i32, start: u64) -> Option<ClientFile> {
    let path = account_home.join("sessions").join(format!("{pid}.json"));
    read_state(&path).filter(|f| f.pid == pid && f.start == start)
}

fn read_state(path: &Path) -> Option<ClientFile> {
    let mut text = String::new();
    files::open_plain(path).ok()??.take(64 << 10).read_to_string(&mut text).ok()?;
    ClientFile::parse(&text)
}

/// The live client of an account's home that is at a conversation, whoever has started it.
#[must_use]
pub fn client_of(account_home: &Path, conversation: &str) -> Option<i32> {
    let entries = std::fs::read_dir(account_home.join("sessions")).ok()?;
    let states = entries.flatten().filter_map(|entry| read_state(&entry.path()));
    let mut at_it = states.filter(|file| file.conversation == conversation);
    at_it.find(|file| ProcessId { pid: file.pid, start: file.start }.is_alive()).map(|file| file.pid)
}

/// Whether a process was launched by us for a session: its environment says so. A person's own tmux
/// session may have the name of one of ours.
#[must_use]
pub fn is_of_session(pid: i32, session: &SessionName, state: &Path) -> bool {
    let Ok(environ) = std::fs::read(format!("/proc/{pid}/environ")) else { return false };
    let has = |wanted: String| environ.split(|b| *b == 0).any(|entry| entry == wanted.as_bytes());
    has(format!("{SESSION_VAR}={session}")) && has(format!("{STATE_VAR}={}", state.display()))
}

/// What the client says to `--version`, in the environment of a session: whatever it writes at its start, it
/// writes into the home of an account.
///
/// # Errors
/// Why it says nothing.
pub fn said_version(program: &Path, path: &str, home: &Path, account_home: &Path) -> Result<String, String> {
    let variables: [(&str, &std::ffi::OsStr); 5] = [
        ("PATH", path.as_ref()),
        ("HOME", home.as_os_str()),
        ("LANG", LOCALE.as_ref()),
        ("CLAUDE_CONFIG_DIR", account_home.as_os_str()),
        ("DISABLE_AUTOUPDATER", "1".as_ref()),
    ];
    let limit = std::time::Duration::from_secs(15);
    match process::feed(program, &["--version"], &variables, Path::new("/"), "", limit) {
        Ok(said) if said.status == 0 => Ok(said.stdout.trim().to_owned()),
        Ok(said) => {
            let first = said.stderr.lines().chain(said.stdout.lines()).next().unwrap_or("it said nothing");
            Err(format!("status {}: {}", said.status, crate::model::name::shown(first)))
        }
        Err(e) => Err(e.to_string()),
    }
}

/// Whether any process was launched by us for a session; `None` if the processes cannot be listed.
#[must_use]
pub fn has_client(session: &SessionName, state: &Path) -> Option<bool> {
    let pids = std::fs::read_dir("/proc").ok()?.flatten();
    let mut pids = pids.filter_map(|e| e.file_name().to_str().and_then(|n| n.parse::<i32>().ok()));
    Some(pids.any(|pid| is_of_session(pid, session, state)))
}

/// Whether a client of this home is refreshing its login right now: a kill in that moment loses the
/// login, since the old token is spent and the new one not written. The client marks it by a
/// directory that it touches every five seconds; one untouched for a minute is a crash's.
#[must_use]
pub fn is_refreshing(account_home: &Path) -> bool {
    let mut beside = account_home.as_os_str().to_owned();
    beside.push(".lock");
    [account_home.join(".oauth_refresh.lock"), beside.into()]
        .iter()
        .filter_map(|lock| lock.metadata().ok()?.modified().ok())
        .any(|touched| {
            let age = jiff::Timestamp::try_from(touched).map(|t| super::clock::now().duration_since(t));
            age.is_ok_and(|age| age.as_secs().abs() < 60)
        })
}

/// The transcript of a conversation: where a hook said it is, else where its id is found. The
/// name of the folder is the client's business and is never computed.
///
/// # Errors
/// If the projects folder cannot be listed, which is not "there is none".
pub fn transcript(account_home: &Path, told: Option<&str>, conversation: &str) -> Result<Option<PathBuf>> {
    let name = format!("{conversation}.jsonl");
    if let Some(path) = told.map(PathBuf::from)
        && path.is_absolute()
        && path.file_name().is_some_and(|n| n.to_str() == Some(&name))
        && path.is_file()
    {
        return Ok(Some(path));
    }
    let dir = account_home.join("projects");
    let is_link = dir.symlink_metadata().is_ok();
    if !dir.is_dir() && (told.is_some() || is_link) {
        // It had a transcript, or a tree: what is missing is a disk that is not mounted.
        return Err(anyhow!("the transcripts cannot be reached: `{}`", dir.display()));
    }
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(|| format!("could not list `{}`", dir.display())),
    };
    Ok(entries.flatten().map(|e| e.path().join(&name)).find(|p| p.is_file()))
}

/// Whether a transcript holds our prompt of this sending as something the user said.
///
/// # Errors
/// If the file cannot be read.
pub fn holds_prompt(transcript: &Path, lease: &Lease) -> Result<bool> {
    const NEAR: u64 = 1 << 20;
    let mut file = std::fs::File::open(transcript)?;
    let size = file.metadata()?.len();
    // What stood there before the sending was of an earlier one; the prompt is the first that comes.
    file.seek(SeekFrom::Start(lease.transcript_from.min(size)))?;
    let mut bytes = Vec::new();
    file.take(NEAR).read_to_end(&mut bytes)?;
    Ok(bytes.split(|b| *b == b'\n').any(|line| {
        // The last line of the part may be torn; it then simply does not parse.
        serde_json::from_slice::<Value>(line).is_ok_and(|v| {
            let said = v.pointer("/message/content").and_then(Value::as_str).unwrap_or_default();
            v["type"] == "user" && is_ours(said, lease)
        })
    }))
}

/// What a conversation has cost since a moment, by its transcript.
///
/// # Errors
/// If the file cannot be read.
pub fn tokens(transcript: &Path, since: jiff::Timestamp) -> Result<Tokens> {
    let mut sum = Tokens::default();
    let mut last_id = String::new();
    let reader = BufReader::new(std::fs::File::open(transcript)?);
    for line in reader.split(b'\n') {
        let Ok(value) = serde_json::from_slice::<Value>(&line?) else { continue };
        let at = value["timestamp"].as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok());
        if value["type"] != "assistant" || at.is_none_or(|t| t < since) {
            continue;
        }
        // One message is written as one line a content block, each with the same usage.
        let id = value["message"]["id"].as_str().unwrap_or_default();
        if !id.is_empty() && id == last_id {
            continue;
        }
        id.clone_into(&mut last_id);
        let count = |key: &str| value["message"]["usage"][key].as_u64().unwrap_or(0);
        sum.input += count("input_tokens") + count("cache_creation_input_tokens");
        sum.output += count("output_tokens");
        sum.cache_read += count("cache_read_input_tokens");
    }
    Ok(sum)
}

/// Prepares everything that a launch needs on disk except the record.
///
/// # Errors
/// If the client is not installed, the directory is gone, the account's token cannot be used, or the home
/// cannot be prepared.
pub fn prepare(store: &Store, config: &Config, account: &Account, cwd: &Path) -> Result<PathBuf> {
    let client = &config.client;
    let program = super::paths::find_program(&client.program, &client.path)
        .ok_or_else(|| anyhow!("the client is not installed: `{}`", client.program.display()))
        .hint("install it, or set `client.program` to its absolute path")?;
    if !cwd.is_dir() {
        // tmux would silently start it in the home instead.
        return Err(anyhow!("the directory is gone: `{}`", cwd.display()));
    }
    // One at a time for each home: two launches would lose one another's trust entry.
    let _held = store.home_lock(&account.name)?;
    check_token(account)?;
    if account.home.is_dir() {
        let shadowed = home::make_missing_links(&account.home, &home::tree(config))?;
        // Who has one account moves nothing to another.
        if shadowed.contains(&"projects") && config.accounts.len() > 1 {
            log::warn!(
                "account `{}` keeps its conversations to itself: see `claude-failover account check`",
                account.name
            );
        }
    }
    seed_home(&account.home, cwd)?;
    Ok(program)
}

/// A client that finds no token asks for a login, in a dialog that nobody sees.
fn check_token(account: &Account) -> Result<()> {
    let Some(file) = &account.token_file else { return Ok(()) };
    let shown = file.display();
    match login::look(account, super::clock::now()).login {
        Login::Unreadable => Err(hinted(
            anyhow!("others can read the token of account `{}`, or we cannot: `{shown}`", account.name),
            format!("chmod 600 {shown}"),
        )),
        login if login.is_usable() => Ok(()),
        _ => Err(hinted(
            anyhow!("the token of account `{}` is missing: `{shown}`", account.name),
            "write it into that file, mode 0600",
        )),
    }
}

/// The overlay's text for a session of this store.
#[must_use]
pub fn overlay_for(
    store: &Store,
    program: &Path,
    session: &SessionName,
    account: &Account,
    guard: Option<&str>,
) -> String {
    overlay(program, store.root(), session, account, guard)
}

#[cfg(test)]
mod tests;
