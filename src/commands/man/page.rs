//! One page of the manual: what clap knows of a command, and the sections that it does not.

use anyhow::Result;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::EXIT_CODES;

/// A page.
pub(super) struct Page {
    /// Its file: `claude-failover-task-add.1`.
    pub(super) file: String,
    /// Its source, for man(7).
    pub(super) text: String,
}

const TOP: &str = "claude-failover";

/// Exit codes of commands that have their own.
const OWN_EXIT_CODES: [(&str, &str); 3] = [
    ("guard", "As a hook it knows two: 0, the call may run, and 2, it may not; whatever goes wrong is 2."),
    ("event", "As a hook it always exits with 0."),
    ("statusline", "It always exits with 0."),
];

const ENVIRONMENT: [(&str, &str); 5] = [
    ("CLAUDE_FAILOVER_CONFIG", "The configuration file, where --config is not given."),
    ("CLAUDE_FAILOVER_STATE_DIR", "The state directory, where --state-dir is not given."),
    ("STATE_DIRECTORY", "The state directory, as systemd sets it for a unit; goes before the configuration's."),
    ("XDG_CONFIG_HOME, XDG_STATE_HOME", "Where the files below lie, if not in ~/.config and ~/.local/state."),
    ("NO_COLOR", "Set to anything: no colours."),
];

/// Files, by the command that is about them.
const FILES: [(&str, &str, &str); 8] = [
    ("", "~/.config/claude-failover/config.yaml", "The configuration; claude-failover init writes one."),
    ("", "/etc/claude-failover/config.yaml", "The configuration of users who have none."),
    ("", "~/.local/state/claude-failover/", "The state directory, private to its user: one file a thing."),
    ("", "PROJECT/.agent-queue/", "The queue of a project: inbox, done, failed."),
    ("task", "PROJECT/.agent-queue/inbox/ID.md", "A task that waits: a Markdown file, its name the id."),
    ("task", "PROJECT/.agent-queue/inbox/ID.md.dispatched", "A task that a session has."),
    ("task", "PROJECT/.agent-queue/done/ID.md, PROJECT/.agent-queue/failed/ID.md", "A task that has ended."),
    ("timers", "~/.config/systemd/user/claude-failover-*", "The units that timers install writes."),
];

/// Pages to read with one; the page above is always among them.
const RELATED: [(&str, &[&str]); 12] = [
    ("", &["tmux(1)", "systemd.timer(5)", "loginctl(1)"]),
    ("account", &["claude-failover-switch(1)"]),
    ("checkpoint", &["claude-failover-switch(1)"]),
    ("deploy-hook", &["claude-failover-guard(1)"]),
    ("dispatch", &["claude-failover-task(1)", "claude-failover-watch(1)", "claude-failover-explain(1)"]),
    ("guard", &["claude-failover-deploy-hook(1)"]),
    ("log", &["claude-failover-explain(1)", "journalctl(1)"]),
    ("quota-check", &["claude-failover-switch(1)"]),
    ("status", &["claude-failover-doctor(1)", "claude-failover-explain(1)", "claude-failover-log(1)"]),
    ("switch", &["claude-failover-quota-check(1)", "claude-failover-account(1)"]),
    ("timers", &["systemctl(1)", "systemd.timer(5)", "crontab(5)"]),
    ("watch", &["claude-failover-dispatch(1)"]),
];

/// The pages of all commands that the help lists, the program's own first.
///
/// # Errors
/// None that can be met: the text is made in memory.
pub(super) fn all(command: clap::Command, date: &str) -> Result<Vec<Page>> {
    fn add(command: &clap::Command, above: &str, date: &str, pages: &mut Vec<Page>) -> Result<()> {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        pages.push(Page { file: format!("{name}.1"), text: text(command, &name, above, date)? });
        command.get_subcommands().filter(|c| !c.is_hide_set()).try_for_each(|c| add(c, &name, date, pages))
    }
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, "", date, &mut pages)?;
    Ok(pages)
}

fn text(command: &clap::Command, name: &str, above: &str, date: &str) -> Result<String> {
    let source = format!("{TOP} {}", env!("CARGO_PKG_VERSION"));
    // The usage of `--help`: shorter than a list of all options.
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim().to_owned();
    let man = Man::new(command.clone().override_usage(usage))
        .title(name.to_uppercase())
        .date(date)
        .source(source)
        .manual("User Commands");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.get_subcommands().any(|c| !c.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    // `claude-failover-task-add` is of `task`.
    let of = name.strip_prefix(TOP).unwrap_or_default().trim_start_matches('-');
    let concerns = |key: &str| key == of || (!key.is_empty() && above == format!("{TOP}-{key}"));
    let mut more = Roff::new();
    more.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_CODES {
        entry(&mut more, &code.to_string(), meaning);
    }
    for (_, own) in OWN_EXIT_CODES.iter().filter(|(key, _)| *key == of) {
        more.control("PP", []).text([roman(*own)]);
    }
    if of.is_empty() {
        more.control("SH", ["ENVIRONMENT"]);
        ENVIRONMENT.iter().for_each(|(name, meaning)| entry(&mut more, name, meaning));
    }
    let files: Vec<_> = FILES.iter().filter(|(key, _, _)| concerns(key)).collect();
    if !files.is_empty() {
        more.control("SH", ["FILES"]);
        files.iter().for_each(|(_, path, meaning)| entry(&mut more, path, meaning));
    }
    more.control("SH", ["SEE ALSO"]);
    let top = (!of.is_empty()).then(|| format!("{TOP}(1)"));
    let parent = (!above.is_empty() && above != TOP).then(|| format!("{above}(1)"));
    let related =
        RELATED.iter().filter(|(key, _)| *key == of).flat_map(|(_, pages)| pages.iter().map(ToString::to_string));
    let also: Vec<String> = top.into_iter().chain(parent).chain(related).collect();
    more.text([roman(also.join(", "))]);
    more.to_writer(&mut page)?;
    Ok(set(&String::from_utf8_lossy(&page)))
}

fn entry(roff: &mut Roff, what: &str, meaning: &str) {
    roff.control("TP", []).text([bold(what)]).text([roman(meaning)]);
}

/// The page as groff and mandoc take it without a warning. Words in backticks are set in bold: a backtick would be
/// printed as an opening quote.
fn set(page: &str) -> String {
    // Each section that was made alone begins with the definition of the apostrophe.
    let of_preamble = |line: &str| line.contains(".ds Aq ");
    let (preamble, body): (Vec<&str>, Vec<&str>) = page.lines().partition(|line| of_preamble(line));
    let mut out: String = preamble.iter().take(2).map(|line| format!("{line}\n")).collect();
    for line in body {
        let line = line.trim_end();
        let mut is_open = false;
        for (i, part) in line.split('`').enumerate() {
            if i > 0 {
                is_open = !is_open;
                out.push_str(if is_open { r"\fB" } else { r"\fR" });
            }
            part.chars().for_each(|c| match c.is_ascii() {
                true => out.push(c),
                false => out.push_str(&format!(r"\[u{:04X}]", u32::from(c))),
            });
        }
        if is_open {
            out.push_str(r"\fR");
        }
        out.push('\n');
    }
    out
}
