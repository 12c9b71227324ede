//! Languages of lines: sed, awk's outputs, vim's commands, make's recipes.

use super::tokens::Token;
use super::{Same, field};
use crate::model::guard::value::Value;

/// sed: `w file`, `e command`, and what `s` does behind its last delimiter.
pub(super) fn sed(text: &str, same: &mut Same) {
    for line in text.split('\n') {
        let mut rest = line;
        while !rest.is_empty() {
            rest = sed_command(rest, same);
        }
    }
}

/// One command; what stands behind it.
fn sed_command<'a>(text: &'a str, same: &mut Same) -> &'a str {
    let text = without_address(text.trim_start_matches([' ', '\t', ';', '{', '}']));
    let Some(verb) = text.chars().next() else { return "" };
    let behind = text.get(verb.len_utf8()..).unwrap_or_default();
    match verb {
        'w' | 'W' => {
            same.shell.extend(write_to(behind));
            ""
        }
        'e' => {
            let command = behind.trim();
            same.shell.extend(Some(command.to_owned()).filter(|c| !c.is_empty()));
            // sed takes one level of backslashes off such a text before the shell gets it.
            same.shell.extend(Some(unescaped(command)).filter(|c| c != command));
            ""
        }
        'a' | 'i' | 'c' | 'r' | 'R' | '#' => "",
        's' | 'y' => {
            let Some(delimiter) = behind.chars().next() else { return "" };
            let inside = behind.get(delimiter.len_utf8()..).unwrap_or_default();
            let Some((_, inside)) = until(inside, delimiter) else { return "" };
            let Some((replacement, flags)) = until(inside, delimiter) else { return "" };
            let end = flags.find([';', '}']).unwrap_or(flags.len());
            let (own, next) = flags.split_at(end);
            if verb == 's' {
                let letters: String = own.chars().take_while(|c| !c.is_whitespace() && *c != 'w').collect();
                if letters.contains('e') {
                    same.shell.push(replacement.to_owned());
                }
                if let Some(file) = own.find('w').and_then(|at| flags.get(at + 1..)) {
                    same.shell.extend(write_to(file));
                    return "";
                }
            }
            next
        }
        _ => behind.split_once(';').map_or("", |(_, next)| next),
    }
}

fn unescaped(text: &str) -> String {
    let mut chars = text.chars();
    std::iter::from_fn(|| chars.next().map(|c| if c == '\\' { chars.next().unwrap_or(c) } else { c })).collect()
}

fn write_to(file: &str) -> Option<String> {
    let file = file.trim();
    (!file.is_empty()).then(|| format!(": > {}", field(&Value::from(file))))
}

/// The text before an unescaped delimiter, and behind it.
fn until(text: &str, delimiter: char) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (i, c) in text.char_indices() {
        if !escaped && c == delimiter {
            return Some((text.get(..i)?, text.get(i + c.len_utf8()..)?));
        }
        escaped = !escaped && c == '\\';
    }
    None
}

/// `1,$`, `/re/`, `\,re,`, `!` in front of a command.
fn without_address(text: &str) -> &str {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || ",$!~+ \t".contains(c));
        let delimiter = match rest.chars().next() {
            Some('/') => '/',
            Some('\\') => rest.chars().nth(1).unwrap_or('/'),
            _ => return rest,
        };
        let from = rest.find(delimiter).map_or(rest.len(), |at| at + delimiter.len_utf8());
        match rest.get(from..).and_then(|inside| until(inside, delimiter)) {
            Some((_, behind)) => rest = behind.trim_start_matches(['I', 'M']),
            None => return "",
        }
    }
}

/// awk: `print > "file"`, `print | "command"`, `"command" | getline`.
pub(super) fn awk(tokens: &[Token], same: &mut Same) {
    const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "/bin/sh", "/bin/bash"];
    let known = |token: &Token| match token {
        Token::Text(text) => text.known().map(str::to_owned),
        _ => None,
    };
    let mut fed = false;
    for window in tokens.windows(2) {
        match window {
            [Token::Sign('>'), Token::Text(file)] if file.starts_with("/") => {
                same.shell.push(format!(": > {}", field(file)));
            }
            [Token::Sign('|' | '&'), Token::Text(command)] => {
                let command = command.if_empty().into_owned();
                if SHELLS.contains(&command.trim()) {
                    if !std::mem::replace(&mut fed, true) {
                        same.shell.extend(tokens.iter().filter_map(known));
                    }
                } else {
                    same.shell.push(command);
                }
            }
            [Token::Text(command), Token::Sign('|')] => same.shell.extend(command.known().map(str::to_owned)),
            _ => {}
        }
    }
}

/// vim and ed: `!command`, `r !command`, `w file`, `saveas file`.
pub(super) fn vim(text: &str, same: &mut Same) {
    for line in text.split(['\n', '\r']) {
        let mut line = line.trim_start_matches([' ', '\t', ':']);
        for prefix in ["silent! ", "silent ", "sil! ", "sil ", "exe ", "execute ", "normal ", "%"] {
            line = line.strip_prefix(prefix).unwrap_or(line).trim_start_matches([' ', ':', '\'', '"', '%']);
        }
        let verb_end = line.find(|c: char| !c.is_alphabetic()).unwrap_or(line.len());
        let (verb, behind) = line.split_at(verb_end);
        if verb.is_empty() || matches!(verb, "r" | "read" | "w" | "write") {
            // `w !command` runs it, `w! file` is a file that is written for all that.
            let command = behind.trim_start().strip_prefix('!');
            let runs = |c: &&str| verb.is_empty() || behind.starts_with(' ') || !c.starts_with(' ');
            if let Some(command) = command.filter(runs) {
                same.shell.push(command.trim_end_matches(['\'', '"']).to_owned());
                continue;
            }
        }
        let saves = matches!(verb, "w" | "wr" | "write" | "wq" | "x" | "sav" | "saveas" | "up" | "update");
        let file = behind.trim_start_matches(['!', ' ']).split(['|', ' ']).next().unwrap_or_default();
        if saves && !file.is_empty() {
            same.shell.push(format!(": > {}", field(&Value::from(file))));
        }
        for (name, language) in [
            ("py3", "python"),
            ("python3", "python"),
            ("py", "python"),
            ("lua", "lua"),
            ("perl", "perl"),
            ("ruby", "ruby"),
        ] {
            if verb == name || (verb == "py" && name == "py3" && behind.starts_with('3')) {
                same.others.push((language, behind.trim_start_matches('3').trim().to_owned()));
                break;
            }
        }
    }
}

/// make: recipes, `$(shell …)`, `X != command`.
pub(super) fn make(text: &str, same: &mut Same) {
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once("$(shell ") {
        let mut depth = 1_usize;
        let end = behind.find(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let (command, next) = behind.split_at(end.unwrap_or(behind.len()));
        same.shell.push(command.to_owned());
        rest = next;
    }
    for line in text.replace("\\\n", " ").split('\n') {
        let recipe = match line.strip_prefix('\t') {
            Some(recipe) => Some(recipe),
            None => line
                .split_once(" != ")
                .or_else(|| line.split_once(':').and_then(|(_, behind)| behind.split_once(';')))
                .map(|(_, command)| command),
        };
        if let Some(recipe) = recipe {
            let recipe = recipe.trim_start_matches(['@', '-', '+', ' ', '\t']).replace("$$", "$");
            same.shell.push(variables(&recipe));
        }
    }
}

/// `$(NAME)` is a variable in a recipe, not a command.
fn variables(recipe: &str) -> String {
    let mut out = String::new();
    let mut rest = recipe;
    while let Some((before, behind)) = rest.split_once("$(") {
        out.push_str(before);
        let end = behind.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(behind.len());
        let (name, next) = behind.split_at(end);
        match next.strip_prefix(')') {
            Some(next) if !name.is_empty() => {
                out.push_str(&format!("${{{name}}}"));
                rest = next;
            }
            _ => {
                out.push_str("$(");
                rest = behind;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Emacs Lisp: the strings of a text that runs or deletes something.
pub(super) fn emacs(text: &str, tokens: &[Token], same: &mut Same) {
    let strings = || {
        tokens.iter().filter_map(|t| match t {
            Token::Text(text) => text.known(),
            _ => None,
        })
    };
    if ["shell-command", "call-process", "start-process", "async-shell"].iter().any(|name| text.contains(name)) {
        same.shell.push(strings().map(str::to_owned).collect::<Vec<_>>().join(" "));
        same.shell.extend(strings().map(str::to_owned));
    }
    for (name, command) in
        [("delete-file", "rm -f --"), ("delete-directory", "rm -rf --"), ("write-region", ": >")]
    {
        if text.contains(name) {
            let paths = strings().filter(|s| s.starts_with(['/', '~']));
            same.shell.extend(paths.map(|path| format!("{command} {}", field(&Value::from(path)))));
        }
    }
}
