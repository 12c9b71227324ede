//! `account add`.

use anyhow::{Context, Result, anyhow, bail};
use std::path::{Path, PathBuf};

use crate::config::Account;
use crate::env::Env;
use crate::error::{Exit, Mark, hinted};
use crate::model::home::plan::{How, Step, plan_link, plan_place};
use crate::model::home::{Place, snippet};
use crate::model::name::AccountName;
use crate::model::refusal::Refusal;
use crate::model::report::{Item, Report};
use crate::sys::home::{self, CLIENT_FILE};
use crate::sys::store::LogEntry;
use crate::sys::{atomic, paths};

/// Prepare the home of an account
///
/// Makes the directory, links what all accounts share, and answers the dialogs of a first start. It can be
/// run again at any time. The login is the client's own: `account login` starts it. The configuration is
/// yours: what to put into it is printed.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    name: AccountName,
    /// Its home (default: the one in the configuration; with `--adopt`, `~/.claude`)
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Take over a home that was in use: it stays where it is, its conversations move into the tree
    /// that all accounts share. Prints the plan only, unless `--yes` is given
    #[arg(long)]
    adopt: bool,
    /// Even if that tree holds other conversations: puts them together, deletes nothing
    #[arg(long, requires = "adopt")]
    merge: bool,
    /// Carry the plan of `--adopt` out
    #[arg(long, requires = "adopt")]
    yes: bool,
    /// Print what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Prepares a home.
///
/// # Errors
/// If something is in the way, a client uses the home, or a step fails.
pub fn add(env: &Env, args: &Add) -> Result<Exit> {
    let configured = env.config.account(&args.name);
    let home = choose(env, args, configured)?;
    let dry_run = args.dry_run || (args.adopt && !args.yes);
    let mut report = Report { command: "account add".into(), dry_run, ..Report::default() };
    // A launch on this account prepares the same home.
    let _held = if dry_run { None } else { Some(env.store.home_lock(&args.name)?) };
    let theme = theme(env);
    let steps = plan(env, args, &home, theme.as_deref(), &mut report)?;
    undisturbed(env, args, &home, &steps)?;
    if !dry_run {
        atomic::sweep_home(&home);
    }
    for step in &steps {
        let (would, done) = step.verbs();
        let subject = step.subject().display();
        if dry_run {
            report.actions.push(Item::new(subject, would, step.how()));
            continue;
        }
        home::apply(step, &home, theme.as_deref())
            .with_context(|| format!("could not prepare the home of account `{}`", args.name))
            .hint("what is done stays done: run the same command again")?;
        env.note(&LogEntry {
            command: "account add",
            what: done,
            why: &format!("`{subject}`: {}", step.how()),
            account: Some(args.name.as_str()),
            ..LogEntry::default()
        });
        report.actions.push(Item::new(subject, done, step.how()));
    }
    if steps.is_empty() {
        report.summary = format!("nothing to do: `{}` is ready", home.display());
    }
    tell(env, args, &home, configured.is_some(), &report)
}

fn tell(env: &Env, args: &Add, home: &Path, configured: bool, report: &Report) -> Result<Exit> {
    let snippet = (!configured).then(|| snippet(&args.name, &home.display().to_string()));
    if env.out.json {
        let mut value = serde_json::to_value(report)?;
        value["version"] = 1.into();
        value["home"] = home.display().to_string().into();
        value["snippet"] = snippet.into();
        env.out.object(&value);
        return Ok(report.exit());
    }
    env.out.report(report);
    if let Some(snippet) = snippet {
        env.out.note("put this into the configuration:");
        env.out.text(&snippet);
    }
    if args.adopt && !args.yes && !args.dry_run && !report.actions.is_empty() {
        env.out.note("nothing was changed: repeat it with `--yes` to carry this out");
    }
    Ok(report.exit())
}

/// The home that is meant.
fn choose(env: &Env, args: &Add, configured: Option<&Account>) -> Result<PathBuf> {
    let home = match (&args.home, configured) {
        (Some(home), _) => paths::absolute_path(home)?,
        (None, Some(account)) => account.home.clone(),
        (None, None) if args.adopt => env.config.home.join(".claude"),
        (None, None) => {
            return Err(anyhow!("account `{}` is not in the configuration, and no home is given", args.name))
                .hint("name it with `--home`");
        }
    };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if let Some(account) = configured.filter(|a| real(&a.home) != real(&home)) {
        return Err(anyhow!(
            "account `{}` has another home in the configuration: `{}`",
            args.name,
            account.home.display()
        ))
        .hint("leave `--home` out, or choose another name");
    }
    if let Some(other) = env.config.accounts.iter().find(|a| a.name != args.name && real(&a.home) == real(&home)) {
        bail!("account `{}` has this home: `{}`", other.name, home.display());
    }
    if args.adopt && home.symlink_metadata().is_ok_and(|m| m.file_type().is_symlink()) {
        return Err(anyhow!("the home is a link: `{}`", home.display()))
            .hint(format!("name the directory itself: `--home {}`", real(&home).display()));
    }
    if env.config.switch.link.as_ref() == Some(&home) {
        return Err(anyhow!("`switch.link` of the configuration is to be a link there: `{}`", home.display()))
            .hint("take it out, or give the account another home");
    }
    Ok(home)
}

/// What has to be done, all of it decided before the first step.
fn plan(env: &Env, args: &Add, home: &Path, theme: Option<&str>, report: &mut Report) -> Result<Vec<Step>> {
    let refused = |r: Refusal| {
        let hint = r.hint.clone();
        hinted(r, hint)
    };
    let place = home::place(home);
    if args.adopt && place == Place::Missing {
        return Err(anyhow!("there is nothing to adopt: `{}`", home.display()))
            .hint("`claude-failover account add` without `--adopt` makes a new home");
    }
    let mut steps = plan_place(home, &place).map_err(refused)?;
    let (tree, how) = (home::tree(&env.config), How { adopt: args.adopt, merge: args.merge });
    for link in home::links(home, &tree) {
        let parked = tree.parked(&args.name).join(link.name);
        steps.extend(plan_link(&link, &parked, how).map_err(refused)?);
    }
    let from = if args.adopt { home::outside(home) } else { None };
    let merged = home::identity(home, from.as_deref(), theme)?;
    for server in &merged.left {
        let hint = "add it there by hand: `claude mcp add` with CLAUDE_CONFIG_DIR set to the home";
        let why = "its settings look as if they held a secret, which is not copied";
        report.waiting.push(Item::new(format!("MCP server `{server}`"), "leave", why).hint(Some(hint.to_owned())));
    }
    if let Some(from) = &from
        && let (Some(inside), Some(outside)) = (uuid(&merged.root), uuid(&home::object(from)?))
        && inside != outside
    {
        let why = format!("says another login than `{}`; it stays as it is", from.display());
        let hint = format!("see which is right: `CLAUDE_CONFIG_DIR={} claude auth status`", home.display());
        report.waiting.push(Item::new(home.join(CLIENT_FILE).display(), "leave", why).hint(Some(hint)));
    }
    if !merged.added.is_empty() {
        steps.push(Step::Seed { path: home.join(CLIENT_FILE), keys: merged.added, from });
    }
    Ok(steps)
}

fn uuid(root: &serde_json::Map<String, serde_json::Value>) -> Option<&str> {
    root.get("oauthAccount")?.get("accountUuid")?.as_str()
}

/// Nothing is moved or put in another's place while a client has it open.
fn undisturbed(env: &Env, args: &Add, home: &Path, steps: &[Step]) -> Result<()> {
    if !args.adopt && !steps.iter().any(Step::disturbs) {
        return Ok(());
    }
    let mut live = home::live(home, &args.name, &env.store)?;
    if steps.iter().any(|s| matches!(s, Step::Merge { .. })) {
        // Both halves may be in use.
        for account in env.config.accounts.iter().filter(|a| a.name != args.name) {
            live.extend(home::live(&account.home, &account.name, &env.store)?);
        }
    }
    if steps.is_empty() || live.is_empty() {
        return Ok(());
    }
    live.sort();
    Err(anyhow!("{} uses the home: `{}`", live.join(", "), home.display()))
        .hint("end it first: /exit in the session, or `claude-failover stop` for one of the pool")
}

/// The theme that the operator has chosen elsewhere: one dialog less.
fn theme(env: &Env) -> Option<String> {
    let outside = env.config.home.join(CLIENT_FILE);
    let files = env.config.accounts.iter().map(|a| a.home.join(CLIENT_FILE));
    std::iter::once(outside)
        .chain(files)
        .find_map(|path| home::object(&path).ok()?.get("theme")?.as_str().map(str::to_owned))
}
