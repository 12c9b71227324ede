//! Tools that the guard does not know by name (a matcher that was widened, an MCP server): fields that read
//! like a command are judged as shell text, fields that read like a path as a write where the tool writes.

use super::Ask;
use super::fields::{Field, Shape};

/// Fields that hold a command, as [`folded`].
const COMMANDS: [&str; 10] = [
    "command",
    "cmd",
    "script",
    "shellcommand",
    "shellscript",
    "commandline",
    "commands",
    "bash",
    "shell",
    "exec",
];
/// Fields that hold the words behind a command.
const ARGUMENTS: [&str; 4] = ["args", "arguments", "argv", "params"];
/// Fields that hold a path.
const PATHS: [&str; 17] = [
    "filepath",
    "path",
    "paths",
    "notebookpath",
    "targetfile",
    "targetpath",
    "destination",
    "destinationpath",
    "dest",
    "file",
    "files",
    "filename",
    "outputpath",
    "outputfile",
    "savepath",
    "newpath",
    "directory",
];
/// Fields that hold the path that something is moved away from; copying from it is reading.
const ORIGINS: [&str; 4] = ["source", "sourcepath", "oldpath", "from"];
/// Fields that only a tool that writes has.
const WRITES: [&str; 14] = [
    "content",
    "contents",
    "newstring",
    "newstr",
    "newtext",
    "newsource",
    "newcontent",
    "filetext",
    "oldstring",
    "oldstr",
    "edits",
    "patch",
    "replacement",
    "insertline",
];
/// Words in the name of a tool that writes.
const WRITING: [&str; 27] = [
    "write",
    "edit",
    "create",
    "update",
    "delete",
    "remove",
    "move",
    "rename",
    "copy",
    "save",
    "append",
    "patch",
    "replace",
    "insert",
    "put",
    "modify",
    "touch",
    "truncate",
    "mkdir",
    "chmod",
    "apply",
    "overwrite",
    "unlink",
    "download",
    "rm",
    "mv",
    "cp",
];
/// Words in the name of a tool that reads, which may search for a `content`.
const READING: [&str; 12] =
    ["read", "get", "list", "search", "find", "view", "show", "grep", "glob", "cat", "stat", "query"];
/// Words in the name of a tool that moves.
const MOVING: [&str; 3] = ["move", "rename", "mv"];
/// Words in the name of a tool that deletes.
const DELETING: [&str; 6] = ["delete", "remove", "unlink", "rmdir", "rm", "trash"];

/// A name without case and separators: `filePath`, `file_path` and `FILE-PATH` are one.
fn folded(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).take(64).map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether a field's strings may have to be judged.
pub fn is_asked(name: &str) -> bool {
    let name = folded(name);
    let name = name.as_str();
    [&COMMANDS[..], &ARGUMENTS, &PATHS, &ORIGINS].iter().any(|list| list.contains(&name))
}

/// What a tool's name says that it does.
#[derive(Clone, Copy)]
struct Manner {
    writes: bool,
    reads: bool,
    moves: bool,
    deletes: bool,
}

impl Manner {
    fn of(tool: &str) -> Self {
        // `mcp__files__write_file`: the server's name says nothing about the tool.
        let name = tool.rsplit("__").next().unwrap_or(tool);
        let mut words = vec![String::new()];
        let mut was_lower = false;
        for c in name.chars().take(200) {
            let splits = !c.is_alphanumeric() || (c.is_uppercase() && was_lower);
            if splits {
                words.push(String::new());
            }
            if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
                word.push(c.to_ascii_lowercase());
            }
            was_lower = c.is_lowercase();
        }
        let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        let deletes = any(&DELETING);
        Manner { writes: deletes || any(&WRITING), reads: any(&READING), moves: any(&MOVING), deletes }
    }
}

/// What is to be judged of an unknown tool's input.
pub fn asks(tool: &str, fields: &[Field]) -> Vec<Ask> {
    let mut asks = Vec::new();
    group(Manner::of(tool), fields, &mut asks);
    asks
}

/// Fields side by side. Nested at most as deep as they were read.
fn group(manner: Manner, fields: &[Field], asks: &mut Vec<Ask>) {
    let names: Vec<String> = fields.iter().map(|f| folded(&f.name)).collect();
    let all = |list: &'static [&'static str]| {
        fields.iter().zip(&names).filter(move |(_, name)| list.contains(&name.as_str())).map(|(field, _)| field)
    };
    let arguments = || all(&ARGUMENTS).find_map(|f| strings(f)).unwrap_or_default();
    let mut views = false;
    for field in all(&COMMANDS) {
        match &field.shape {
            Shape::Text(text) => {
                views |= text == "view";
                let words: String = arguments().iter().map(|word| format!(" {}", quoted(word))).collect();
                asks.push(Ask::Shell(format!("{text}{words}")));
            }
            // Words of one command, or one command an element: both are read.
            Shape::List(list) => {
                let words: Vec<String> = list.iter().map(|word| quoted(word)).collect();
                asks.push(Ask::Shell(words.join(" ")));
                if list.iter().any(|text| text.contains(' ')) {
                    asks.extend(list.iter().cloned().map(Ask::Shell));
                }
            }
            Shape::Inner(_) | Shape::Other => {}
        }
    }
    let by_field = names.iter().any(|name| WRITES.contains(&name.as_str()));
    if manner.writes || (by_field && !manner.reads) {
        // An editor with several verbs, one of which reads.
        let origins = all(&ORIGINS).filter(|_| manner.moves || manner.deletes);
        let paths = all(&PATHS).filter(|_| !views || by_field).chain(origins);
        for path in paths.filter_map(strings).flatten() {
            if manner.deletes {
                asks.push(Ask::Shell(format!("rm -r -- {}", quoted(path))));
            }
            asks.push(Ask::Write(path.clone()));
        }
    }
    for field in fields {
        if let Shape::Inner(inner) = &field.shape {
            // The outer fields say whether it writes: `{path: …, edits: [{new_text: …}]}`.
            let manner = Manner { writes: manner.writes || (by_field && !manner.reads), ..manner };
            group(manner, inner, asks);
        }
    }
}

fn strings(field: &Field) -> Option<&[String]> {
    match &field.shape {
        Shape::Text(text) => Some(std::slice::from_ref(text)),
        Shape::List(list) => Some(list),
        Shape::Inner(_) | Shape::Other => None,
    }
}

/// A word as the shell would have to be given it; a tilde in front stays one.
fn quoted(word: &str) -> String {
    let whole = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    match word.strip_prefix('~') {
        Some("") => "~".to_owned(),
        Some(rest) if rest.starts_with('/') => format!("~/{}", whole(rest.trim_start_matches('/'))),
        _ => whole(word),
    }
}
