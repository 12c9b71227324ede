//! Where the fuzzing starts: `seeds DIR` writes `DIR/shell-text`, `DIR/tool-call` and the dictionary `DIR/words`.
//!
//! The texts are the rules' own examples, commands of the lab's generator, and texts that are made to be slow. Nothing
//! of it is committed: it follows the rules.

#[path = "../examples/guard-lab/base.rs"]
mod base;
#[path = "../examples/guard-lab/generate.rs"]
#[allow(dead_code, reason = "for the lab")]
mod generate;
#[path = "../src/model/guard/hostile.rs"]
mod hostile;
#[path = "../examples/guard-lab/machine.rs"]
#[allow(dead_code, reason = "the files are for the guard's world")]
mod machine;
#[path = "../examples/guard-lab/places.rs"]
mod places;
#[path = "../examples/guard-lab/words.rs"]
mod words;

use claude_failover::model::guard::rules;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{env, fs, io};

/// How many commands of the generator.
const GENERATED: u64 = 3000;

/// What has a meaning for a shell, or for a program that the guard reads the options of.
const SIGNS: &[&str] = &[
    "$(",
    "${",
    "$((",
    "))",
    "<(",
    ">(",
    "<<<",
    "<<'E'\n",
    "\nE\n",
    "<<-E\n",
    "&&",
    "||",
    ";;",
    ";&",
    "|&",
    "&>",
    ">>",
    "2>&1",
    ">|",
    "<>",
    "$'",
    "$\"",
    "\\x72",
    "\\155",
    "`",
    "\\\n",
    "{a,b}",
    "{1..9}",
    "@(",
    "*",
    "[a-z]",
    "~/",
    "~+",
    "/proc/self/root",
    "/dev/fd/0",
    "..",
    "if ",
    "; then ",
    "; fi",
    "else ",
    "elif ",
    "while ",
    "until ",
    "; do ",
    "; done",
    "for x in ",
    "select x in ",
    "for ((;;))",
    "case x in ",
    "esac",
    "function f ",
    "() { ",
    "; }",
    "coproc ",
    "time ",
    "! ",
    "[[ ",
    " ]]",
    "((",
    "x=",
    "x+=",
    "x=(",
    "x[0]=",
    "$x",
    "${x[@]}",
    "${!x}",
    "${#x}",
    "${x:-",
    "${x##",
    "${x//",
    "${x:1:2}",
    "${x^^}",
    "${x@Q}",
    "$@",
    "$*",
    "$1",
    "$_",
    "$HOME",
    "$PWD",
    "IFS=",
];

fn main() -> io::Result<()> {
    // Its flags ask for the engine's counters in this program too.
    use libfuzzer_sys as _;
    let dir = env::args_os().nth(1).ok_or_else(|| io::Error::other("usage: seeds DIR"))?;
    let dir = Path::new(&dir);
    let bases = base::all();
    let mut texts: BTreeSet<String> = rules::all()
        .flat_map(|rule| rule.finds.iter().chain(rule.passes))
        .map(|text| (*text).to_owned())
        .collect();
    texts.extend(bases.iter().map(|base| base.text.clone()));
    texts.extend((0..GENERATED).map(|index| generate::any(&bases, 1, index).text));
    // Short ones of these: what they are made of, for the fuzzing to repeat.
    texts.extend(hostile::SHAPES.iter().map(|shape| hostile::text(*shape, 4)));
    let texts: Vec<String> = texts.into_iter().filter(|text| text.len() < 4096).collect();
    write(&dir.join("shell-text"), texts.iter().cloned())?;
    write(&dir.join("tool-call"), texts.iter().enumerate().map(|(i, text)| call(i, text)))?;
    fs::write(dir.join("words"), dictionary(&texts))
}

fn write(dir: &Path, texts: impl Iterator<Item = String>) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    for (i, text) in texts.enumerate() {
        fs::write(dir.join(format!("seed-{i:05}")), text)?;
    }
    Ok(())
}

/// A text as a tool call, of several tools.
fn call(i: usize, text: &str) -> String {
    let text = quoted(text);
    let (tool, input) = match i % 8 {
        0 => ("Write", format!(r#""file_path":{text},"content":"x""#)),
        1 => ("Monitor", format!(r#""command":{text}"#)),
        2 => ("mcp__x__run", format!(r#""args":[{text},{{"cmd":{text}}}],"path":"/etc/x""#)),
        3 => ("NotebookEdit", format!(r#""notebook_path":{text},"new_source":"x""#)),
        _ => ("Bash", format!(r#""command":{text},"timeout":1000,"description":"x""#)),
    };
    format!(
        r#"{{"hook_event_name":"PreToolUse","tool_name":"{tool}","cwd":"/home/u/project","tool_use_id":"x","tool_input":{{{input}}}}}"#
    )
}

/// A text as a string of JSON.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}

/// The words that are in several texts, and the signs, as libFuzzer reads them.
fn dictionary(texts: &[String]) -> String {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for text in texts {
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_./".contains(c))) {
            *seen.entry(word).or_default() += 1;
        }
    }
    let words = seen.into_iter().filter(|(word, times)| *times > 4 && (2..20).contains(&word.len()));
    let entry = |word: &str| -> String {
        let bytes: String = word.bytes().map(|b| format!("\\x{b:02x}")).collect();
        format!("\"{bytes}\"\n")
    };
    SIGNS.iter().copied().chain(words.map(|(word, _)| word)).map(entry).collect()
}
