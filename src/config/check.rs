//! What the types cannot say: paths that exist, names that are used once, values that fit together.

use jiff::SignedDuration;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};

use super::accounts;
use super::control;
use super::guard;
use super::janitor;
use super::line::line_of;
use super::notify;
use super::schema::{Raw, RawCheckpoint, RawClient, RawTmux, Time};
use super::{
    Account, Checkpoint, Client, Config, Dedicated, Dispatch, LoadInputs, Pool, Project, Tmux, TmuxSocket, Watch,
};
use crate::model::front_matter::is_model;
use crate::model::name::{AccountName, BadName, ProjectName, SessionName, shown};

/// The largest limit of a task's size, in bytes: a whole task is held in memory and becomes a line of an archive.
const MAX_TASK_BYTES: u64 = 16 << 20;

/// Something that is wrong, with the place of it: keys and indices joined by dots.
#[derive(Debug)]
pub struct Fault {
    at: String,
    message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the file is right and the disk is not: a directory that is not there (yet, or any more).
    pub absent: bool,
}

impl Fault {
    /// The message with file and line.
    pub fn line(&self, text: &str, file: &str) -> String {
        let line = line_of(text, &self.at).unwrap_or(1);
        format!("{file}:{line}: {}: {}", self.at, self.message)
    }
}

pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, at: impl Into<String>, message: impl fmt::Display) {
        self.0.push(Fault { at: at.into(), message: message.to_string(), hint: None, absent: false });
    }

    pub(super) fn hinted(&mut self, at: impl Into<String>, message: impl fmt::Display, hint: &str) {
        let hint = Some(hint.to_owned());
        self.0.push(Fault { at: at.into(), message: message.to_string(), hint, absent: false });
    }

    pub(super) fn name<T>(&mut self, at: &str, made: Result<T, BadName>) -> Option<T> {
        made.map_err(|e| self.add(at, e)).ok()
    }

    fn model(&mut self, at: &str, model: Option<String>) -> Option<String> {
        let model = model?;
        if !is_model(&model) {
            self.add(at, format!("not a model name: `{}`", shown(&model)));
        }
        Some(model)
    }

    /// A path that must be absolute, `~/` meaning the home.
    pub(super) fn path(&mut self, at: &str, text: &str, home: &Path) -> Option<PathBuf> {
        let path = match text.strip_prefix("~/") {
            Some(rest) => home.join(rest),
            None if text == "~" => home.to_owned(),
            None => PathBuf::from(text),
        };
        if path.is_absolute() {
            return Some(path);
        }
        let what = if text.is_empty() {
            "missing".to_owned()
        } else {
            format!("not an absolute path: `{}`", shown(text))
        };
        self.hinted(at, what, "write the whole path, or one that begins with `~/`");
        None
    }

    fn directory(&mut self, at: &str, text: &str, home: &Path) -> Option<PathBuf> {
        let path = self.path(at, text, home)?;
        if !path.is_dir() {
            let message = format!("no such directory: `{}`", path.display());
            self.absent(at, message, "make it, or take it out of the configuration");
        }
        Some(path)
    }

    /// The file is right and the disk is not: a fault for `config check` alone.
    fn absent(&mut self, at: &str, message: String, hint: &str) {
        self.0.push(Fault { at: at.to_owned(), message, hint: Some(hint.to_owned()), absent: true });
    }

    pub(super) fn fraction(&mut self, at: &str, value: Option<f64>) {
        if value.is_some_and(|v| !(0.0..=1.0).contains(&v)) {
            self.add(at, "must be a fraction from 0 to 1");
        }
    }
}

/// Whether a name stands for the second time; says where it stood first.
pub(super) fn repeated<'a>(
    seen: &mut HashMap<String, String>,
    key: String,
    at: &'a str,
) -> Option<(String, &'a str)> {
    seen.insert(key, at.to_owned()).map(|first| (first, at))
}

/// Flags that would switch our hooks off, choose another conversation, or are ours to set.
const REFUSED_ARGS: [&str; 14] = [
    "--bare",
    "--safe-mode",
    "--setting-sources",
    "--settings",
    "--session-id",
    "--resume",
    "--continue",
    "-c",
    "-r",
    "-p",
    "--print",
    "--fork-session",
    "--",
    "--model",
];
/// A secret never belongs into the configuration, and these two would switch hooks off.
const REFUSED_ENV: [&str; 6] = [
    "ANTHROPIC_API_KEY",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_CODE_SIMPLE",
    "CLAUDE_CODE_SAFE_MODE",
];

/// Fills in defaults and checks everything; the configuration is usable if there is no fault.
pub fn resolve(
    raw: Raw,
    source: Option<&Path>,
    inputs: &LoadInputs<'_>,
    text: &str,
) -> (Option<Config>, Vec<Fault>) {
    let mut f = Faults(Vec::new());
    let home = raw.home.as_deref().and_then(|t| f.path("home", t, inputs.home));
    let home = home.unwrap_or_else(|| inputs.home.to_owned());
    let mut warnings = Vec::new();
    unused(&raw, text, &mut warnings);

    let state_dir = raw.state_dir.as_deref().and_then(|t| f.path("state_dir", t, &home));
    if let Some(dir) = &state_dir
        && !raw.allow_volatile_state
        && ["/tmp", "/var/tmp"].iter().any(|tmp| dir.starts_with(tmp))
    {
        let hint = "choose another place, or set `allow_volatile_state: true` for a try";
        f.hinted("state_dir", format!("the system empties it: `{}`", dir.display()), hint);
    }

    let runtime_dir = raw.runtime_dir.as_deref().and_then(|t| f.path("runtime_dir", t, &home));
    let accounts = accounts::accounts(&raw, &home, &mut f);
    let active = match &raw.active_account {
        Some(name) => {
            let known = accounts.iter().find(|a| a.name.as_str() == name);
            if known.is_none() {
                f.add("active_account", format!("no account of this name: `{}`", shown(name)));
            }
            known
        }
        None => accounts.iter().min_by_key(|a| a.priority),
    }
    .map(|a| a.name.clone());

    let projects_dir = match (&raw.projects_dir, &raw.dispatcher.projects_dir) {
        (Some(_), Some(_)) => {
            f.add("dispatcher.projects_dir", "the same as `projects_dir`: give one of them");
            None
        }
        (Some(t), None) => f.directory("projects_dir", t, &home),
        (None, Some(t)) => f.directory("dispatcher.projects_dir", t, &home),
        (None, None) => None,
    };
    let projects = projects(&raw, &home, &accounts, &mut f);
    let pool = pool(&raw, &home, &mut f);
    let dedicated = dedicated(&raw, &home, &accounts, &pool, &mut f);

    let d = &raw.dispatcher;
    let dispatch = Dispatch {
        ramp: d.ramp.unwrap_or(4),
        cooldown: time(d.cooldown, SignedDuration::ZERO),
        max_attempts: d.max_attempts.unwrap_or(3),
        reuse_sessions: d.reuse_sessions.unwrap_or(true),
        max_task_bytes: d.max_task_bytes.map_or(1 << 20, |s| s.0),
        interval: positive("dispatcher.interval", d.interval, SignedDuration::from_mins(1), &mut f),
    };
    if dispatch.max_task_bytes > MAX_TASK_BYTES {
        f.add("dispatcher.max_task_bytes", "must be at most 16MiB");
    }
    if dispatch.ramp == 0 {
        f.add("dispatcher.ramp", "must be at least 1");
    }
    if !(1..=100).contains(&dispatch.max_attempts) {
        f.add("dispatcher.max_attempts", "must be a number from 1 to 100");
    }
    let w = &raw.watcher;
    let watch = Watch {
        stall_after: positive("watcher.idle_timeout", w.idle_timeout, SignedDuration::from_mins(60), &mut f),
        done_signal_dir: w.done_signal_dir.as_deref().and_then(|t| f.path("watcher.done_signal_dir", t, &home)),
        max_resumes: w.max_resumes.unwrap_or(5),
        dedicated_resume: w.dedicated_resume.unwrap_or(true),
        interval: positive("watcher.interval", w.interval, SignedDuration::from_secs(30), &mut f),
    };
    let quota = accounts::quota(&raw, &mut f);
    let switch = accounts::switch(&raw.switch, &home, &mut f);
    let checkpoint = checkpoint(&raw.checkpoint, &mut f);
    let notify = notify::targets(&raw.notifications, &home, text, &mut f, &mut warnings);
    let janitor = janitor::janitor(&raw.janitor, &mut f);
    let control = control::control(&raw.control, &home, runtime_dir.as_deref(), &mut f);
    let client = client(raw.client, &home, &mut f);
    let tmux = tmux(&raw.tmux, &home, runtime_dir.as_deref(), &mut f);
    let global = guard::policy("guard", &raw.guard, &home, &mut f);
    let mut closed = guard::closed(source, state_dir.as_deref(), inputs.home, &accounts);
    closed.extend(notify.secrets().map(|path| (path.to_owned(), "the secret of a notification target")));
    if let Some(super::SecretSource::File(path)) = &control.token {
        closed.push((path.clone(), "the token of `control`"));
    }
    guard::exceptions("guard", &global, &closed, &mut f);
    for (n, project) in raw.projects.iter().enumerate() {
        let at = format!("projects.{n}.guard");
        if let Some(own) = &project.guard {
            // Its faults are told already.
            let policy = guard::policy(&at, own, &home, &mut Faults(Vec::new()));
            guard::exceptions(&at, &policy, &closed, &mut f);
        }
    }

    let config = active.map(|active_account| Config {
        source: source.map(Path::to_owned),
        home,
        state_dir,
        allow_volatile_state: raw.allow_volatile_state,
        runtime_dir,
        active_account,
        accounts,
        projects,
        projects_dir,
        dedicated,
        pool,
        client,
        tmux,
        dispatch,
        watch,
        quota,
        switch,
        checkpoint,
        notify,
        control,
        janitor,
        guard_deploy: raw.guard.deploy.unwrap_or(true),
        guard: global,
        warnings,
        absent: Vec::new(),
    });
    (config, f.0)
}

fn time(given: Option<Time>, default: SignedDuration) -> SignedDuration {
    given.map_or(default, |t| t.0)
}

pub(super) fn positive(at: &str, given: Option<Time>, default: SignedDuration, f: &mut Faults) -> SignedDuration {
    let time = time(given, default);
    if time.is_zero() {
        f.add(at, "must be longer than nothing");
    }
    time
}

/// Keys of the earlier daemon that are read and have no effect here.
fn unused(raw: &Raw, text: &str, warnings: &mut Vec<String>) {
    let mut add = |at: &str, why: &str| {
        let line = line_of(text, at).unwrap_or(1);
        warnings.push(format!("line {line}: {at} has no effect: {why}"));
    };
    for (n, account) in raw.accounts.iter().enumerate() {
        if account.limits.is_some() {
            add(&format!("accounts.{n}.limits"), "usage windows are percentages that the client reports");
        }
    }
    if raw.checkpoint.dir.is_some() {
        add("checkpoint.dir", "checkpoints lie in the state directory");
    }
    let m = &raw.mcp_http;
    if m.listen.is_some() || m.bearer_token_env.is_some() || m.enable_trigger.is_some() {
        add("mcp_http", "it is called `control` here; see its section in `examples/config.yaml`");
    }
}

fn checkpoint(raw: &RawCheckpoint, f: &mut Faults) -> Checkpoint {
    let mut number = |key: &str, given: Option<u32>, default: u32, range: std::ops::RangeInclusive<u32>| {
        let value = given.unwrap_or(default);
        if !range.contains(&value) {
            f.add(
                format!("checkpoint.{key}"),
                format!("must be a number from {} to {}", range.start(), range.end()),
            );
        }
        value as usize
    };
    Checkpoint {
        // Of none there would be nothing to restore from.
        keep: number("keep", raw.keep, 20, 1..=1000),
        keep_days: number("keep_days", raw.keep_days, 14, 0..=366),
        pane_lines: number("pane_lines", raw.pane_lines, 30, 0..=200),
        interval: positive("checkpoint.interval", raw.interval, SignedDuration::from_mins(5), f),
    }
}

fn pin(at: &str, name: Option<&String>, accounts: &[Account], f: &mut Faults) -> Option<AccountName> {
    let name = name?;
    let found = accounts.iter().find(|a| a.name.as_str() == name).map(|a| a.name.clone());
    if found.is_none() {
        f.add(at, format!("no account of this name: `{}`", shown(name)));
    }
    found
}

fn projects(raw: &Raw, home: &Path, accounts: &[Account], f: &mut Faults) -> Vec<Project> {
    let (mut names, mut paths, mut all) = (HashMap::new(), HashMap::new(), Vec::new());
    for (n, project) in raw.projects.iter().enumerate() {
        let key = |k: &str| format!("projects.{n}.{k}");
        let Some(path) = f.directory(&key("path"), &project.path, home) else { continue };
        let last = || path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let at = if project.name.is_some() { key("name") } else { key("path") };
        let Some(name) = f.name(&at, ProjectName::new(project.name.clone().unwrap_or_else(last))) else {
            continue;
        };
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        if repeated(&mut paths, real.display().to_string(), &key("path")).is_some() {
            f.add(key("path"), format!("project `{}` is listed twice", path.display()));
        } else if repeated(&mut names, name.to_string(), &at).is_some() {
            f.hinted(&at, format!("two projects are named `{name}`"), "give one of them a `name`");
        }
        let max_sessions = project.max_sessions.unwrap_or(1);
        if max_sessions == 0 {
            f.add(key("max_sessions"), "must be at least 1");
        }
        all.push(Project {
            max_sessions,
            model: f.model(&key("model"), project.model.clone()),
            account: pin(&key("account"), project.account.as_ref(), accounts, f),
            guard_deploy: project.guard.as_ref().and_then(|own| own.deploy).unwrap_or(true),
            guard: project.guard.as_ref().map(|own| guard::policy(&key("guard"), own, home, f)),
            name,
            path,
        });
    }
    all
}

fn pool(raw: &Raw, home: &Path, f: &mut Faults) -> Pool {
    let a = &raw.pool.autonomous;
    let max = a.max.unwrap_or_else(|| a.min.unwrap_or(0));
    let pool = Pool {
        prefix: a.prefix.clone().unwrap_or_else(|| "ccl-auto-".to_owned()),
        start_index: a.start_index.unwrap_or(0),
        min: a.min.unwrap_or(0),
        max,
        shared_projects_dir: raw
            .pool
            .shared_projects_dir
            .as_deref()
            .and_then(|t| f.path("pool.shared_projects_dir", t, home)),
    };
    if pool.max > 1000 {
        f.add("pool.autonomous.max", "more than 1000 sessions");
    }
    if pool.min > pool.max {
        f.add("pool.autonomous.min", format!("more than `max` ({})", pool.max));
    }
    match SessionName::new(format!("{}0", pool.prefix)) {
        Err(e) => f.add("pool.autonomous.prefix", e),
        // tmux itself numbers sessions so: a person's would be taken for ours.
        Ok(_) if pool.prefix.bytes().all(|b| b.is_ascii_digit()) => {
            f.add("pool.autonomous.prefix", "needs a letter: tmux itself gives sessions numbers as names");
        }
        Ok(_) => {}
    }
    pool
}

fn dedicated(raw: &Raw, home: &Path, accounts: &[Account], pool: &Pool, f: &mut Faults) -> Vec<Dedicated> {
    let mut names: HashMap<String, String> = if pool.max <= 1000 {
        pool.names().into_iter().map(|n| (n.to_string(), "pool".to_owned())).collect()
    } else {
        HashMap::new()
    };
    let mut all = Vec::new();
    for (n, session) in raw.pool.dedicated.iter().enumerate() {
        let key = |k: &str| format!("pool.dedicated.{n}.{k}");
        let name = f.name(&key("name"), SessionName::new(session.name.clone()));
        let project = f.directory(&key("project"), &session.project, home);
        let (Some(name), Some(project)) = (name, project) else { continue };
        match repeated(&mut names, name.to_string(), &key("name")) {
            Some((first, _)) if first == "pool" => {
                f.hinted(
                    key("name"),
                    format!("session `{name}` is one of the pool"),
                    "change the name or `pool.autonomous.prefix`",
                );
            }
            Some(_) => f.add(key("name"), format!("session `{name}` is listed twice")),
            None => {}
        }
        all.push(Dedicated {
            account: pin(&key("account"), session.account.as_ref(), accounts, f),
            model: f.model(&key("model"), session.model.clone()),
            name,
            project,
        });
    }
    all
}

/// Whether a text is an address with a name and a password in it.
pub(super) fn has_userinfo(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().is_some_and(|host| host.contains('@')))
}

/// Variables of a session's environment: no secret, nothing that is ours to set.
pub(super) fn variables(section: &str, env: &BTreeMap<String, String>, f: &mut Faults) {
    for (key, value) in env {
        let at = format!("{section}.{key}");
        if REFUSED_ENV.contains(&key.as_str()) {
            f.hinted(&at, "cannot be set here", "logins live in the account's home; secrets never in this file");
        }
        // What is set here stands in a command line for a moment, and in tmux's record of it for ever.
        let upper = key.to_uppercase();
        let named =
            ["_TOKEN", "_KEY", "SECRET", "PASSW", "CREDENTIAL", "_HEADERS"].iter().any(|p| upper.contains(p));
        let secret = named || has_userinfo(value);
        if secret && !REFUSED_ENV.contains(&key.as_str()) {
            f.hinted(&at, "looks like a secret", "let the client read it from a file of its own, such as ~/.aws");
        }
        if key.starts_with("LD_") || key.starts_with("CLAUDE_FAILOVER_") {
            f.add(&at, "cannot be set here: it is set by us, or changes what the programs do");
        }
        let fits = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !fits || value.contains('\0') {
            f.add(&at, "not the name of a variable");
        }
    }
}

fn client(raw: RawClient, home: &Path, f: &mut Faults) -> Client {
    for (n, arg) in raw.args.iter().flatten().enumerate() {
        let flag = arg.split('=').next().unwrap_or(arg);
        if REFUSED_ARGS.contains(&flag) {
            let why = "it is set by us, or would switch our hooks off";
            let what = format!("cannot be given: `{flag}`: {why}");
            f.hinted(
                format!("client.args.{n}"),
                what,
                "models have keys of their own: `client.model`, `projects[].model`",
            );
        }
    }
    variables("client.env", &raw.env, f);
    if let Some(url) = &raw.api_base
        && !(url.starts_with("http://") || url.starts_with("https://"))
    {
        f.add("client.api_base", format!("not an http or https address: `{}`", shown(url)));
    }
    if raw.api_base.as_deref().is_some_and(has_userinfo) {
        f.add("client.api_base", "holds a password, which would stand in a command line");
    }
    let minute = SignedDuration::from_secs(60);
    Client {
        program: program("client.program", raw.program.as_deref(), "claude", home, f),
        args: raw.args.unwrap_or_else(|| vec!["--dangerously-skip-permissions".to_owned()]),
        env: raw.env,
        path: raw.path.unwrap_or_else(|| format!("{}/.local/bin:/usr/local/bin:/usr/bin:/bin", home.display())),
        shell: raw
            .shell
            .as_deref()
            .and_then(|t| f.path("client.shell", t, home))
            .unwrap_or_else(|| "/bin/sh".into()),
        api_base: raw.api_base,
        model: f.model("client.model", raw.model.or_else(|| Some("sonnet".to_owned()))),
        model_critical: f.model("client.model_critical", raw.model_critical.or_else(|| Some("opus".to_owned()))),
        ready_timeout: positive("client.ready_timeout", raw.ready_timeout, minute, f),
        stop_timeout: positive("client.stop_timeout", raw.stop_timeout, SignedDuration::from_secs(10), f),
    }
}

/// A program: a bare name is looked up in `PATH`, everything else must be absolute.
pub(super) fn program(at: &str, given: Option<&str>, default: &str, home: &Path, f: &mut Faults) -> PathBuf {
    match given {
        None => PathBuf::from(default),
        Some(name) if !name.is_empty() && !name.contains('/') => PathBuf::from(name),
        Some(text) => f.path(at, text, home).unwrap_or_default(),
    }
}

fn tmux(raw: &RawTmux, home: &Path, runtime: Option<&Path>, f: &mut Faults) -> Tmux {
    let socket = match raw.socket.as_deref() {
        None => TmuxSocket::Name("claude-failover".to_owned()),
        Some(text) if text.contains('/') => {
            TmuxSocket::Path(f.path("tmux.socket", text, home).unwrap_or_default())
        }
        Some(name) => {
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) {
                f.add("tmux.socket", "a name of letters, digits, `.`, `_`, `-`, or an absolute path");
            }
            TmuxSocket::Name(name.to_owned())
        }
    };
    let socket = match (socket, runtime) {
        (TmuxSocket::Name(name), Some(dir)) => TmuxSocket::Path(dir.join(format!("tmux-{name}.sock"))),
        (socket, _) => socket,
    };
    let (columns, rows) = (raw.columns.unwrap_or(200), raw.rows.unwrap_or(50));
    if columns < 80 || rows < 20 {
        f.add("tmux.columns", "smaller than 80 columns by 20 rows: the client's screen would be cut");
    }
    Tmux {
        program: program("tmux.program", raw.program.as_deref(), "tmux", home, f),
        socket,
        config: raw.config.as_deref().and_then(|t| f.path("tmux.config", t, home)),
        columns,
        rows,
        timeout: positive("tmux.timeout", raw.timeout, SignedDuration::from_secs(10), f),
    }
}
