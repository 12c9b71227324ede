//! Completion, in the shells themselves.

use crate::common::{SOON, World, bin, tree, until};
use std::path::PathBuf;

/// The candidates for the last word of a line, with what is said of each.
fn candidates(w: &World, line: &str) -> Vec<(String, String)> {
    let words: Vec<&str> = line.split(' ').collect();
    let index = (words.len() - 1).to_string();
    let mut args = vec!["completions", "bash", "--word", &index, "--"];
    args.extend(&words);
    let said = w.cf(&args);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{line}");
    let pair = |line: &str| {
        let (value, help) = line.split_once('\t').unwrap_or((line, ""));
        (value.to_owned(), help.to_owned())
    };
    said.out.lines().filter(|l| !l.is_empty()).map(pair).collect()
}

fn values(w: &World, line: &str) -> Vec<String> {
    candidates(w, line).into_iter().map(|(value, _)| value).collect()
}

/// A world with names of every kind, and a second configuration beside the first.
fn named() -> World {
    let w = World::with_accounts();
    w.task("login", "x");
    w.task("schema", "x");
    w.task("web:schema", "x");
    w.task("web:design", "x");
    w.write("app/.agent-queue/done/old.md", "x");
    w.write("state/sessions/p-7.json", "{}");
    w.write("state/sessions/p-8.json", "{}");
    w.write("other/sessions/elsewhere.json", "{}");
    w.write("two.yaml", w.read("config.yaml").replace("name: spare", "name: reserve"));
    w
}

#[test]
fn names_are_those_that_there_are() {
    let w = named();
    assert_eq!(values(&w, "claude-failover explain session "), ["mine", "p-7", "p-8"]);
    assert_eq!(values(&w, "claude-failover stop "), ["p-7", "p-8"], "a dedicated session is never ended");
    assert_eq!(values(&w, "claude-failover switch --to "), ["main", "spare", "third"]);
    assert_eq!(values(&w, "claude-failover switch --to=s"), ["--to=spare"]);
    assert_eq!(values(&w, "claude-failover task add --project "), ["app", "web"]);
    assert_eq!(values(&w, "claude-failover log --about m"), ["mine", "main"]);
    // An id alone where it is enough.
    let all = ["login", "app:schema", "old", "design", "web:schema"];
    assert_eq!(values(&w, "claude-failover explain task "), all);
    assert_eq!(values(&w, "claude-failover task show app:s"), ["app:schema"]);
    assert_eq!(values(&w, "claude-failover task show -p web "), ["design", "schema"]);
    assert_eq!(
        values(&w, "claude-failover task add -p app --depends-on "),
        ["login", "schema", "old", "web:design", "web:schema"]
    );
    // What can still be done with it.
    assert_eq!(candidates(&w, "claude-failover task retry "), [("old".into(), "done".into())]);
    assert!(!values(&w, "claude-failover task cancel ").contains(&"old".to_owned()));
    assert_eq!(values(&w, "claude-failover task add --priority h"), ["high"]);
    assert_eq!(values(&w, "claude-failover guard rules git.push-f"), ["git.push-force"]);
    assert_eq!(values(&w, "claude-failover config check --config "), ["<files>"]);
    assert_eq!(values(&w, "claude-failover task add "), ["<files>"]);
    assert_eq!(values(&w, "claude-failover task add --depends-on=app:l"), ["--depends-on=app:login"]);
    // Options only for whoever begins one; commands that are hidden are not offered.
    assert!(values(&w, "claude-failover stop -").contains(&"--keep-task".to_owned()));
    let commands = values(&w, "claude-failover ");
    assert!(
        commands.contains(&"dispatch".to_owned()) && !commands.contains(&"statusline".to_owned()),
        "{commands:?}"
    );
}

#[test]
fn options_before_on_the_line_say_where_names_are_looked_up() {
    let w = named();
    let (two, other) = (w.path("two.yaml"), w.path("other"));
    let line = |start: &str| format!("claude-failover {start}");
    let names = ["main", "reserve", "third"];
    assert_eq!(values(&w, &line(&format!("--config {} switch --to ", two.display()))), names);
    assert_eq!(values(&w, &line(&format!("--config={} switch --to ", two.display()))), names);
    assert_eq!(values(&w, &line("switch --config ~/../two.yaml --to ")), names);
    let other = format!("--state-dir {} explain session e", other.display());
    assert_eq!(values(&w, &line(&other)), ["elsewhere"]);
}

#[test]
fn it_reads_only_and_never_fails() {
    let w = named();
    let before = tree(&w.path(""));
    for line in
        ["claude-failover nothing ", "", "claude-failover task show ':::", "claude-failover --config= stop "]
    {
        candidates(&w, line);
    }
    let far = w.cf(&["completions", "zsh", "--word", "99", "--", "claude-failover", "stop"]);
    assert_eq!((far.code, far.err.as_str()), (0, ""));
    let nowhere = w.path("nowhere").display().to_string();
    assert!(
        values(&w, &format!("claude-failover --state-dir {nowhere} stop ")).iter().all(|v| v.starts_with('-'))
    );
    assert_eq!(before, tree(&w.path("")));
    assert!(!w.path("nowhere").exists());
    // A configuration that is broken is what somebody is about to mend.
    w.write("config.yaml", "accounts: [\n");
    assert_eq!(values(&w, "claude-failover stop p"), ["p-7", "p-8"]);
    assert_eq!(w.cf_env(&["completions", "bash", "--word", "1", "--", "x", "st"], &[("HOME", "")]).code, 0);
}

/// A shell at a prompt of a terminal, with completion loaded as a person would.
struct Terminal<'w> {
    w: &'w World,
}

impl<'w> Terminal<'w> {
    fn start(w: &'w World, shell: &str, load: &str) -> Self {
        // Not by `-e`: tmux gives a session the PATH of whoever started it.
        let shell =
            format!("env PATH={}:/usr/bin:/bin {shell}", bin("claude-failover").parent().unwrap().display());
        let cwd = w.path("").display().to_string();
        let args = ["new-session", "-d", "-s", "sh", "-x", "180", "-y", "50", "-c", &cwd, &shell];
        let said = w.tmux(&args);
        assert_eq!(said.code, 0, "{said:?}");
        let terminal = Self { w };
        terminal.type_text(load);
        w.tmux(&["send-keys", "-t", "=sh:", "Enter"]);
        until("a prompt", SOON, || terminal.screen().lines().any(|line| line.trim_end() == "READY>"));
        terminal
    }

    fn type_text(&self, text: &str) {
        self.w.tmux(&["send-keys", "-t", "=sh:", "-l", text]);
    }

    fn screen(&self) -> String {
        self.w.tmux(&["capture-pane", "-p", "-J", "-t", "=sh:"]).out
    }

    /// What the line becomes when Tab is pressed at its end.
    fn becomes(&self, line: &str, expected: &str) {
        self.type_text(line);
        until(&format!("`{line}` on the screen"), SOON, || self.screen().contains(line));
        self.w.tmux(&["send-keys", "-t", "=sh:", "Tab"]);
        until(&format!("`{expected}`, not\n{}", self.screen()), SOON, || {
            self.screen().lines().any(|l| l.trim_end().ends_with(expected))
        });
        self.w.tmux(&["send-keys", "-t", "=sh:", "C-u", "C-l"]);
        until("an empty line", SOON, || self.screen().trim_end() == "READY>");
    }

    fn all(&self) {
        self.becomes("claude-failover --config=two.yaml switch --to res", "switch --to reserve");
        self.becomes("claude-failover --config two.yaml switch --to=res", "switch --to=reserve");
        self.becomes("claude-failover --state-dir other explain session e", "explain session elsewhere");
        self.becomes("claude-failover task show web:des", "task show web:design");
        self.becomes("claude-failover task add --depends-on=app:log", "--depends-on=app:login");
        self.becomes("claude-failover log --project w", "log --project web");
        self.becomes("claude-failover config check --config=tw", "--config=two.yaml");
        self.becomes("claude-failover checkp", "claude-failover checkpoint");
    }
}

#[test]
fn bash_completes_names_at_a_prompt() {
    let w = named();
    let load = "PS1='READY> '; source <(claude-failover completions bash); clear";
    let terminal = Terminal::start(&w, "bash --norc --noprofile -i", load);
    terminal.all();
    // Two that fit: what they have in common, then both.
    terminal.type_text("claude-failover stop ");
    w.tmux(&["send-keys", "-t", "=sh:", "Tab"]);
    until("the start of both", SOON, || terminal.screen().trim_end().ends_with("stop p-"));
    w.tmux(&["send-keys", "-t", "=sh:", "Tab", "Tab"]);
    until("both", SOON, || terminal.screen().contains("p-7  p-8"));
}

#[test]
fn zsh_completes_names_at_a_prompt() {
    let w = named();
    let load =
        "PROMPT='READY> '; autoload -U compinit; compinit -u -D; source <(claude-failover completions zsh); clear";
    Terminal::start(&w, "zsh -f -i", load).all();
}

#[test]
fn zsh_finds_the_file_that_is_installed_by_itself() {
    let w = named();
    w.write("fpath/_claude-failover", w.ok(&["completions", "zsh"]));
    let load = format!(
        "PROMPT='READY> '; fpath=({} $fpath); autoload -U compinit; compinit -u -D; clear",
        w.path("fpath").display()
    );
    // The very first Tab.
    Terminal::start(&w, "zsh -f -i", &load).becomes("claude-failover task show web:des", "task show web:design");
}

#[test]
fn fish_completes_names() {
    let w = named();
    let dir: PathBuf = w.path("home/.config/fish/completions");
    std::fs::create_dir_all(&dir).unwrap();
    w.write("home/.config/fish/completions/claude-failover.fish", w.ok(&["completions", "fish"]));
    // Asked, not typed: on a screen its suggestions look as if Tab had been pressed.
    let ask = |line: &str| {
        let mut fish = w.fenced("fish".as_ref());
        fish.args(["--command", &format!("complete --do-complete '{line}'")]);
        let path = format!("{}:/usr/bin:/bin", bin("claude-failover").parent().unwrap().display());
        let output = fish.env_clear().envs(&w.env).env("PATH", path).current_dir(w.path("")).output().unwrap();
        let said = crate::common::Said::of(&output);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{line}");
        said.out
    };
    assert_eq!(ask("claude-failover stop "), "p-7\tpool\np-8\tpool\n");
    assert_eq!(ask("claude-failover --config=two.yaml switch --to=res"), "--to=reserve\taccount\n");
    assert_eq!(ask("claude-failover --state-dir other explain session "), "mine\tdedicated\nelsewhere\tpool\n");
    assert_eq!(ask("claude-failover task show web:des"), "web:design\twaiting\n");
    assert_eq!(ask("claude-failover config check --config tw"), "two.yaml\n");
    assert_eq!(ask("claude-failover config check --config=tw"), "--config=two.yaml\n");
}
