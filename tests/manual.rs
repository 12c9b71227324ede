//! The pages of the manual, as the programs that show them see them.

use crate::common::{Said, World};
use std::path::PathBuf;

fn pages(w: &World) -> Vec<PathBuf> {
    let said = w.cf_env(&["man", "man1"], &[("SOURCE_DATE_EPOCH", "1764028800")]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "", ""));
    let mut pages: Vec<_> = std::fs::read_dir(w.path("man1")).unwrap().map(|e| e.unwrap().path()).collect();
    pages.sort();
    pages
}

fn run(w: &World, program: &str, args: &[&str], pages: &[PathBuf]) -> Said {
    let mut command = w.fenced(program.as_ref());
    Said::of(&command.args(args).args(pages).env_clear().envs(&w.env).env("MANWIDTH", "80").output().unwrap())
}

#[test]
fn every_command_has_a_page_without_a_fault() {
    use clap::CommandFactory;
    let w = World::bare();
    let pages = pages(&w);
    fn named(command: &clap::Command, above: &str, names: &mut Vec<String>) {
        let name = format!("{above}{}", command.get_name());
        command.get_subcommands().filter(|c| !c.is_hide_set()).for_each(|c| named(c, &format!("{name}-"), names));
        names.push(format!("{name}.1"));
    }
    let mut names = Vec::new();
    named(&claude_failover::cli::Cli::command(), "", &mut names);
    names.sort();
    let written: Vec<_> = pages.iter().map(|p| p.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(written, names);
    let mandoc = run(&w, "mandoc", &["-T", "lint", "-W", "warning"], &pages);
    assert_eq!((mandoc.code, mandoc.out.as_str(), mandoc.err.as_str()), (0, "", ""));
    let groff = run(&w, "groff", &["-man", "-ww", "-T", "utf8", "-z"], &pages);
    assert_eq!((groff.code, groff.err.as_str()), (0, ""));
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap();
        let name = page.file_stem().unwrap().to_str().unwrap().replace('-', "\\-");
        // What whatis(1) and apropos(1) show.
        assert!(text.contains(&format!(".SH NAME\n{name} \\- ")), "{}", page.display());
        assert!(text.contains("EXIT STATUS"), "{}", page.display());
        // No page sends its reader to one that is not there.
        for found in text.replace('\\', "").split([' ', ',', '\n']).filter_map(|word| word.strip_suffix("(1)")) {
            let is_ours = found.starts_with("claude-failover");
            assert!(!is_ours || w.path(&format!("man1/{found}.1")).exists(), "{}: {found}", page.display());
        }
    }
}

#[test]
fn a_person_reads_the_page() {
    let w = World::bare();
    pages(&w);
    let said = run(&w, "man", &["-l"], &[w.path("man1/claude-failover-task-add.1")]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    for words in ["claude-failover task add [OPTIONS] [FILE]", "--depends-on <TASK>", "2025-11-25", "FILES"] {
        assert!(said.out.contains(words), "{words} is missing in:\n{}", said.out);
    }
    assert!(!said.out.contains('`') && !said.out.contains('‘'), "{}", said.out);
    let top = w.ok(&["man"]);
    assert!(top.contains(".SH ENVIRONMENT") && top.contains("CLAUDE_FAILOVER_CONFIG"), "{top}");
    assert_eq!(w.json(&["man"])["pages"][0]["name"], "claude-failover.1");
}
