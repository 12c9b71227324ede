//! `account login`.

use anyhow::{Context, Result, anyhow};
use std::collections::BTreeMap;
use std::io::IsTerminal;

use super::account;
use crate::config::Account;
use crate::env::{Env, local};
use crate::error::{Exit, Mark};
use crate::model::account::{AccountKind, Login as State};
use crate::model::home::Place;
use crate::model::home::plan::plan_place;
use crate::model::name::AccountName;
use crate::model::report::{Item, Report};
use crate::sys::store::LogEntry;
use crate::sys::{home, login as seen, paths, process};

/// Log an account in, by the client's own login
///
/// Runs `claude auth login` on this terminal, with the account's home. The login is between you, the client
/// and the service: nothing of it goes through this program.
#[derive(Debug, clap::Args)]
pub struct Login {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub(super) name: AccountName,
    /// Print the command line instead, to run it elsewhere
    #[arg(long)]
    pub(super) print: bool,
}

/// What the client needs from the terminal and the desktop of whoever logs in.
const KEPT: [&str; 6] = ["TERM", "LANG", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_CONNECTION"];
/// What it needs to get out, where the configuration says so.
const WAY_OUT: [&str; 5] = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS"];

/// Runs the client's login.
///
/// # Errors
/// If the account has no such login, there is no terminal, or the client does not log in.
pub fn login(env: &Env, args: &Login) -> Result<Exit> {
    let account = account(env, &args.name)?;
    has_login(account)?;
    let client = &env.config.client;
    let program = paths::find_program(&client.program, &client.path)
        .ok_or_else(|| anyhow!("the client is not installed: `{}`", client.program.display()))
        .hint("install it, or set `client.program` to its absolute path")?;
    let variables = environment(env, account);
    if args.print {
        let mut words = vec!["env".to_owned(), "-i".to_owned()];
        words.extend(variables.iter().map(|(k, v)| format!("{k}={v}")));
        words.extend([program.display().to_string(), "auth".to_owned(), "login".to_owned()]);
        let line =
            shlex::try_join(words.iter().map(String::as_str)).context("could not print the command line")?;
        if env.out.json {
            env.out.object(&serde_json::json!({ "version": 1, "command": words, "line": line }));
        } else {
            env.out.text(&line);
        }
        return Ok(Exit::Done);
    }
    if !std::io::stdin().is_terminal() {
        return Err(anyhow!("a login needs a terminal"))
            .hint(format!("`claude-failover account login {} --print` prints the command line", account.name));
    }
    prepare(env, account)?;
    let live = home::live(&account.home, &account.name, &env.store)?;
    if !live.is_empty() {
        env.out.warn(&format!("{} uses this home, and will go on with the new login", live.join(", ")));
    }
    let status = process::foreground(&program, &["auth", "login"], &variables)?;
    let now = seen::look(account, crate::sys::clock::now()).login;
    if status != 0 || !now.is_usable() {
        return Err(anyhow!("the client's login ended with status {status}: {}", now.as_str()))
            .hint(format!("`claude-failover account check {}`", account.name));
    }
    env.note(&LogEntry {
        command: "account login",
        what: "the client's login was run",
        why: "a person asked for it",
        account: Some(account.name.as_str()),
        ..LogEntry::default()
    });
    let why = match now {
        State::Valid { ends: Some(ends) } => format!("until {}", local(ends, &env.zone)),
        _ => "its end is not known".to_owned(),
    };
    let mut report = Report { command: "account login".into(), ..Report::default() };
    report.actions.push(Item::new(&account.name, "logged in", why));
    env.out.report(&report);
    Ok(report.exit())
}

/// Other kinds have nothing to log in to.
fn has_login(account: &Account) -> Result<()> {
    let file = account.token_file.as_ref().map(|f| f.display().to_string()).unwrap_or_default();
    let hint = match account.kind {
        AccountKind::Subscription => return Ok(()),
        AccountKind::Token => {
            format!("run `claude setup-token` yourself, and write what it prints into `{file}`, mode 0600")
        }
        AccountKind::ApiKey => format!("write the key into `{file}`, mode 0600"),
        AccountKind::Cloud => "log in as the cloud wants it: `aws sso login`, `gcloud auth login`".to_owned(),
    };
    Err(anyhow!(
        "account `{}` is of kind `{}`, which has no login of its own",
        account.name,
        account.kind.as_str()
    ))
    .hint(hint)
}

/// The home must be there, closed and linked before the client first looks into it.
fn prepare(env: &Env, account: &Account) -> Result<()> {
    let _held = env.store.home_lock(&account.name)?;
    let place = home::place(&account.home);
    for step in plan_place(&account.home, &place).map_err(|r| crate::error::hinted(anyhow!("{r}"), r.hint))? {
        home::apply(&step, &account.home, None)?;
    }
    if home::place(&account.home) == (Place::Ours { mode: 0o700 }) {
        home::make_missing_links(&account.home, &home::tree(&env.config))?;
    }
    Ok(())
}

/// Just what a login needs. A key of whoever calls would be taken before it.
fn environment(env: &Env, account: &Account) -> BTreeMap<String, String> {
    let text = |path: &std::path::Path| path.display().to_string();
    let kept = KEPT.iter().filter_map(|k| Some(((*k).to_owned(), paths::var(k)?.into_string().ok()?)));
    let out = env.config.client.env.iter().filter(|(k, _)| WAY_OUT.contains(&k.as_str()));
    let mut variables: BTreeMap<String, String> = kept.collect();
    variables.extend(out.map(|(k, v)| (k.clone(), v.clone())));
    variables.insert("HOME".to_owned(), text(&env.config.home));
    variables.insert("PATH".to_owned(), env.config.client.path.clone());
    variables.insert("CLAUDE_CONFIG_DIR".to_owned(), text(&account.home));
    variables
}
