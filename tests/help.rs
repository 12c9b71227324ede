//! Help, exit codes, configuration check.

use crate::common::World;

#[test]
fn every_command_has_help_and_the_exit_codes_are_in_it() {
    use clap::CommandFactory;
    claude_failover::cli::Cli::command().debug_assert();
    let w = World::bare();
    let help = w.ok(&["--help"]);
    for code in
        ["0  done", "1  failed", "2  wrong usage", "3  part", "4  a lock", "5  the answer", "6  the configuration"]
    {
        assert!(help.contains(code), "{code} is missing in:\n{help}");
    }
    fn of_each(w: &World, above: &[String], command: &clap::Command) {
        for command in command.get_subcommands() {
            let words: Vec<String> = above.iter().cloned().chain([command.get_name().to_owned()]).collect();
            let args: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
            let help = w.ok(&args);
            assert!(help.contains("Usage: claude-failover") && help.contains("Exit codes:"), "{help}");
            of_each(w, &words, command);
        }
    }
    of_each(&w, &[], &claude_failover::cli::Cli::command());
}

#[test]
fn readme_names_every_command_and_no_other() {
    use clap::CommandFactory;
    let readme = include_str!("../README.md");
    for command in claude_failover::cli::Cli::command().get_subcommands().filter(|c| !c.is_hide_set()) {
        assert!(
            readme.contains(&format!("| `{}", command.get_name())),
            "`{}` is not in the README",
            command.get_name()
        );
    }
}

#[test]
fn config_check_prints_what_results_or_what_is_wrong() {
    let w = World::new();
    let said = w.ok(&["config", "check"]);
    assert!(said.contains("active_account: main") && said.contains("idle_timeout: 1h"), "{said}");
    assert_eq!(w.json(&["config", "check"])["version"], 1);
    w.write("config.yaml", "accounts: []\nwacther: {}\n");
    let said = w.cf(&["config", "check"]);
    assert_eq!(said.code, 6);
    assert!(said.err.contains("config.yaml:2: unknown field `wacther`"), "{said:?}");
    assert!(said.err.contains("hint: did you mean `watcher`?"), "{said:?}");
    std::fs::remove_file(w.path("config.yaml")).unwrap();
    assert_eq!(w.cf(&["status"]).code, 6);
}
