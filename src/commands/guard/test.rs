//! `guard test`: a table of commands with the verdicts that are expected, judged line by line.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};

use super::{Bench, explain};
use crate::env::Global;
use crate::error::{Exit, Mark};
use crate::model::guard::{judge_shell, judge_write};
use crate::output::{BAD, Output, cut, styled};
use crate::sys::paths;

/// Judge every command of a file and say which verdicts are not those expected
///
/// One command a line, behind what is expected of it: `allow: git status`, `block: …`, `warn: …`, or with the
/// rule that must be among those found: `block git.push-force: …`. A command of several lines stands below
/// `allow: |`, indented. `write: PATH` in place of a command is a write by a file tool: `block write: ~/.bashrc`.
/// `cwd: DIR` holds for the lines below it. A line that begins with `{` is one JSON object with `expect`,
/// `command` or `write`, and optionally `rule` and `cwd`. Empty lines and those that begin with `#` are skipped.
/// Nothing is run. Exits with 1 if any verdict differs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The table
    file: PathBuf,
    /// The project whose policy holds
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// Where the commands would run, up to the first `cwd:`; the current directory if absent
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
}

/// The largest table, in bytes.
const MAX_TABLE: u64 = 16 << 20;

/// What is expected of one command.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    /// From 1.
    line: usize,
    expect: String,
    rule: Option<String>,
    input: Input,
    cwd: Option<PathBuf>,
}

#[derive(Debug, PartialEq, Eq)]
enum Input {
    Command(String),
    Write(String),
}

pub fn run(global: &Global, out: Output, args: &Args) -> Result<Exit> {
    let bench = Bench::new(global, out, args.project.as_deref())?;
    let text = read(&args.file)?;
    let rows = parse(&text, &args.file.display().to_string())?;
    let start = paths::absolute_path(args.cwd.as_deref().unwrap_or_else(|| Path::new(".")))?;
    let mut wrong = Vec::new();
    for row in &rows {
        let cwd = row.cwd.as_ref().map_or_else(|| start.clone(), |dir| start.join(dir));
        let context = bench.context(&cwd);
        let (verdict, input) = match &row.input {
            Input::Command(text) => (judge_shell(text, &context), text),
            Input::Write(path) => (judge_write(path, &context), path),
        };
        let found: Vec<&str> = verdict.findings.iter().map(|(_, f)| f.rule).collect();
        let got = explain::word(&verdict);
        if got != row.expect || row.rule.as_deref().is_some_and(|rule| !found.contains(&rule)) {
            wrong.push((row, got, found.into_iter().map(str::to_owned).collect::<Vec<_>>(), input));
        }
    }
    let exit = if wrong.is_empty() { Exit::Done } else { Exit::Failed };
    if out.json {
        let one = |(row, got, rules, input): &(&Row, &str, Vec<String>, &String)| {
            json!({
                "line": row.line, "expected": row.expect, "expected_rule": row.rule, "got": got, "rules": rules,
                "input": input,
            })
        };
        out.object(&json!({
            "version": 1, "file": args.file, "judged": rows.len(), "wrong": wrong.iter().map(one).collect::<Vec<_>>(),
        }));
        return Ok(exit);
    }
    let mut text = String::new();
    for (row, got, rules, input) in &wrong {
        let by = if rules.is_empty() { String::new() } else { format!(" by {}", rules.join(", ")) };
        let rule = row.rule.as_ref().map(|rule| format!(" {rule}")).unwrap_or_default();
        text.push_str(&format!(
            "{}:{}: {}: expected {}{rule}, got {got}{by}: {}\n",
            args.file.display(),
            row.line,
            styled(BAD, "wrong"),
            row.expect,
            cut(input, 120)
        ));
    }
    if !out.quiet {
        text.push_str(&format!("{} judged, {} not as expected\n", rows.len(), wrong.len()));
    }
    out.text(&text);
    Ok(exit)
}

fn read(file: &Path) -> Result<String> {
    let meta = file.metadata().with_context(|| format!("could not read `{}`", file.display()))?;
    if !meta.is_file() {
        bail!("not a file: `{}`", file.display());
    }
    if meta.len() > MAX_TABLE {
        bail!("larger than 16 MiB: `{}`", file.display());
    }
    std::fs::read_to_string(file).with_context(|| format!("could not read `{}`", file.display()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonRow {
    expect: String,
    rule: Option<String>,
    command: Option<String>,
    write: Option<String>,
    cwd: Option<PathBuf>,
}

/// Reads a table.
///
/// # Errors
/// With file and line, if a line is not one of the forms.
fn parse(text: &str, file: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut cwd: Option<PathBuf> = None;
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    while let Some(text) = lines.get(at) {
        at += 1;
        let line = at;
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        let form = "write `block: COMMAND`, `warn: …` or `allow: …`, with a rule before the colon if you like";
        let wrong = |what: String| Err::<(), _>(anyhow::anyhow!("{file}:{line}: {what}")).hint(form);
        if text.starts_with('{') {
            match serde_json::from_str::<JsonRow>(text) {
                Ok(row) => {
                    let input = match (row.command, row.write) {
                        (Some(command), None) => Input::Command(command),
                        (None, Some(path)) => Input::Write(path),
                        _ => {
                            wrong("either `command` or `write`".to_owned())?;
                            continue;
                        }
                    };
                    check(&row.expect).or_else(wrong)?;
                    rows.push(Row {
                        line,
                        expect: row.expect,
                        rule: row.rule,
                        input,
                        cwd: row.cwd.or_else(|| cwd.clone()),
                    });
                }
                Err(e) => wrong(format!("not a JSON object of a table: {e}"))?,
            }
            continue;
        }
        let Some((head, body)) = text.split_once(':') else {
            wrong("no colon".to_owned())?;
            continue;
        };
        let words: Vec<&str> = head.split_whitespace().collect();
        let mut body = body.trim().to_owned();
        if words == ["cwd"] {
            cwd = Some(PathBuf::from(body));
            continue;
        }
        if body == "|" {
            let block: Vec<&str> = lines
                .iter()
                .skip(at)
                .take_while(|l| l.trim().is_empty() || l.starts_with([' ', '\t']))
                .copied()
                .collect();
            at += block.len();
            body = unindented(&block);
        }
        let (expect, rule, is_write) = match words[..] {
            [expect] => (expect, None, false),
            [expect, "write"] => (expect, None, true),
            [expect, rule] => (expect, Some(rule.to_owned()), false),
            [expect, rule, "write"] => (expect, Some(rule.to_owned()), true),
            _ => {
                wrong(format!("not what is expected of a command: `{}`", cut(head, 40)))?;
                continue;
            }
        };
        check(expect).or_else(wrong)?;
        let input = if is_write { Input::Write(body) } else { Input::Command(body) };
        rows.push(Row { line, expect: expect.to_owned(), rule, input, cwd: cwd.clone() });
    }
    Ok(rows)
}

fn check(expect: &str) -> std::result::Result<(), String> {
    match expect {
        "block" | "warn" | "allow" => Ok(()),
        other => Err(format!("not what is expected of a command: `{}`", cut(other, 40))),
    }
}

/// Lines without the indentation of the first one, and without empty ones at the end.
fn unindented(lines: &[&str]) -> String {
    let blank = |c: char| c == ' ' || c == '\t';
    let first = lines.iter().find(|line| !line.trim().is_empty()).copied().unwrap_or_default();
    let indent = first.get(..first.len() - first.trim_start_matches(blank).len()).unwrap_or_default();
    let cut = |line: &&str| line.strip_prefix(indent).unwrap_or_else(|| line.trim_start_matches(blank)).to_owned();
    lines.iter().map(cut).collect::<Vec<_>>().join("\n").trim_end_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Row> {
        parse(text, "t").unwrap()
    }

    #[test]
    fn every_form_of_a_line_is_read() {
        let found = rows(
            "# a comment\n\nallow: git status: x\nblock fs.x: a b\n  \ncwd: /w\nwarn: |\n  a\n    b\n\n  c\n\nallow write: ~/x\n\
             block file.y write: /z\n{\"expect\":\"block\",\"rule\":\"r\",\"command\":\"a\\nb\"}\n\
             {\"expect\":\"allow\",\"write\":\"p\",\"cwd\":\"/v\"}\n",
        );
        let short: Vec<_> = found
            .iter()
            .map(|r| {
                let input = match &r.input {
                    Input::Command(text) => text.clone(),
                    Input::Write(path) => format!("> {path}"),
                };
                let cwd = r.cwd.as_ref().map(|p| p.display().to_string()).unwrap_or_default();
                format!("{} {} {} {} {input}", r.line, r.expect, r.rule.as_deref().unwrap_or("-"), cwd)
            })
            .collect();
        assert_eq!(
            short,
            [
                "3 allow -  git status: x",
                "4 block fs.x  a b",
                "7 warn - /w a\n  b\n\nc",
                "13 allow - /w > ~/x",
                "14 block file.y /w > /z",
                "15 block r /w a\nb",
                "16 allow - /v > p",
            ]
        );
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, want) in [
            ("x", "t:1: no colon"),
            ("\nmaybe: x", "t:2: not what is expected of a command: `maybe`"),
            ("block a b c: x", "t:1: not what is expected of a command: `block a b c`"),
            ("{\"expect\":\"block\"}", "t:1: either `command` or `write`"),
            ("{\"expect\":\"no\",\"command\":\"x\"}", "t:1: not what is expected of a command: `no`"),
            ("{\"expect\"", "t:1: not a JSON object of a table"),
            (
                "{\"expct\":\"block\",\"command\":\"x\"}",
                "t:1: not a JSON object of a table: unknown field `expct`",
            ),
        ] {
            let error = parse(text, "t").unwrap_err().to_string();
            assert!(error.starts_with(want), "{text}: {error}");
        }
    }
}
