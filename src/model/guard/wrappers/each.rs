//! Programs that run another one for each of some items: xargs, parallel, find, fd.

use super::{Inner, commands, join, words};
use crate::model::guard::options::{self, Grammar};
use crate::model::guard::reading::{Call, Place};
use crate::model::guard::value::{Part, Taint, Value};

/// The most items that are read one by one; with more of them, the item is taken for unknown as well.
const MAX_ITEMS: usize = 64;

/// How their lines are read.
pub(super) fn reader(name: &str) -> Option<fn(&str, &Call) -> Vec<Inner>> {
    Some(match name {
        "xargs" | "gxargs" => |_, call| xargs(call),
        "parallel" | "sem" => |_, call| parallel(call),
        "find" | "gfind" | "bfs" => |_, call| find(call),
        "fd" | "fdfind" => |_, call| fd(call),
        _ => return None,
    })
}

/// GNU and BSD.
const XARGS: Grammar = Grammar::stop(
    "E:J:R:S:prtxo",
    &[
        "0,null",
        "a,arg-file=",
        "d,delimiter=",
        "e,eof?",
        "I=",
        "i,replace?",
        "l?",
        "L=",
        "max-lines?",
        "n,max-args=",
        "P,max-procs=",
        "s,max-chars=",
        "interactive",
        "no-run-if-empty",
        "verbose",
        "exit",
        "open-tty",
        "process-slot-var=",
        "show-limits",
    ],
);

fn xargs(call: &Call) -> Vec<Inner> {
    let parsed = options::read(&XARGS, call.args());
    let marker = match parsed.value("I").or(parsed.value("J")) {
        Some(marker) => Some(marker.known().unwrap_or("{}").to_owned()),
        None if parsed.has("i") => Some(parsed.value("i").and_then(Value::known).unwrap_or("{}").to_owned()),
        None => None,
    };
    let nothing = Value::default();
    let (input, taint) = match parsed.value("a").map(Value::known) {
        Some(Some("/dev/null")) => (Some(&nothing), Taint::NONE),
        Some(_) => (None, Taint::NONE),
        None => (call.stdin.text.as_ref(), call.stdin.taint),
    };
    let unseen = Value::unknown(marker.as_deref().unwrap_or("{}"), taint, false);
    let items = input.map(|text| {
        if parsed.has("0") {
            return words::pieces(text, '\0');
        }
        match parsed.value("d").map(|d| d.known().unwrap_or("\n")) {
            Some(mark) => words::pieces(text, delimiter(mark)),
            None if marker.is_some() => words::pieces(text, '\n'),
            None => words::split(text),
        }
    });
    let mut found = Vec::new();
    for command in commands(&parsed, call.args(), 0) {
        let Some(marker) = &marker else {
            let mut argv = command.to_vec();
            match &items {
                Some(items) => argv.extend(items.iter().cloned()),
                // What is downloaded must be seen where it arrives: `xargs sh -c`.
                None if taint.any() => argv.push(unseen.clone()),
                None => {}
            }
            let all_seen = items.as_ref().is_some_and(|items| !items.iter().any(Value::has_unknown));
            found.push(more(Inner::argv(argv), !all_seen));
            continue;
        };
        let filled = |item: &Value| {
            let argv = command.iter().map(|word| words::replace(word, marker, item)).collect();
            Inner::argv(argv)
        };
        match &items {
            Some(items) => {
                found.extend(items.iter().take(MAX_ITEMS).map(filled));
                if items.len() > MAX_ITEMS {
                    found.push(filled(&unseen));
                }
            }
            None => found.push(filled(&unseen)),
        }
    }
    found
}

fn more(inner: Inner, unseen: bool) -> Inner {
    match inner {
        Inner::Argv { argv, env, dir, place, .. } => Inner::Argv { argv, env, dir, place, more_operands: unseen },
        other => other,
    }
}

fn delimiter(written: &str) -> char {
    match written {
        "\\n" => '\n',
        "\\0" => '\0',
        "\\t" => '\t',
        other => other.chars().next().unwrap_or('\n'),
    }
}

/// GNU parallel; those without a value that are not here do no harm.
const PARALLEL: Grammar = Grammar::stop(
    "0kuqXmvtrxp",
    &[
        "j,P,jobs,max-procs=",
        "a,arg-file=",
        "S,sshlogin=",
        "sshloginfile,slf=",
        "I=",
        "i,replace?",
        "n,N,max-replace-args,max-args=",
        "L=",
        "l,max-lines?",
        "s,max-chars=",
        "d,delimiter=",
        "C,colsep=",
        "E=",
        "e,eof?",
        "U=",
        "rpl=",
        "joblog,jl=",
        "results,res=",
        "tmpdir=",
        "tempdir=",
        "tagstring=",
        "timeout=",
        "delay=",
        "retries=",
        "load=",
        "memfree=",
        "memsuspend=",
        "nice=",
        "halt=",
        "halt-on-error=",
        "workdir,wd=",
        "env=",
        "block=",
        "recstart=",
        "recend=",
        "shellquote",
        "dry-run,dryrun",
        "id=",
        "profile,J=",
        "basefile,bf=",
        "return=",
        "transferfile,tf=",
        "shebang",
        "semaphorename=",
        "semaphoretimeout,st=",
        "arg-sep=",
        "arg-file-sep=",
        "limit=",
        "filter=",
        "compress-program=",
        "decompress-program=",
        "no-notice",
        "will-cite",
        "keep-order",
        "null",
        "bar",
        "eta",
        "progress",
        "pipe",
        "pipepart",
        "tag",
        "ungroup",
        "line-buffer,lb",
        "quote",
        "verbose",
        "fg",
        "bg",
        "wait",
        "version",
        "help",
        "citation",
    ],
);

/// The markers of its template besides `{}`.
const MARKERS: &[&str] = &["{}", "{.}", "{/}", "{//}", "{/.}", "{1}", "{2}", "{3}", "{1.}", "{1/}"];

fn parallel(call: &Call) -> Vec<Inner> {
    let args = call.args();
    let parsed = options::read(&PARALLEL, args);
    if ["dry-run", "version", "help", "citation", "shellquote"].iter().any(|name| parsed.has(name)) {
        return Vec::new();
    }
    let place = if parsed.has("S") || parsed.has("sshloginfile") { Place::Elsewhere } else { Place::Here };
    let own = parsed.value("I").and_then(Value::known).unwrap_or("{}");
    let input = || match &call.stdin.text {
        Some(text) if !parsed.has("a") => words::pieces(text, '\n'),
        _ => vec![Value::unknown("{}", call.stdin.taint, false)],
    };
    let starts = commands(&parsed, args, 0);
    if starts.is_empty() {
        return vec![Inner::input().at(place.clone())];
    }
    let mut found = Vec::new();
    for words in starts {
        let colons = |word: &Value| matches!(word.known(), Some(":::" | ":::+" | "::::" | "::::+"));
        let end = words.iter().position(colons).unwrap_or(words.len());
        let (template, sources) = words.split_at(end);
        let mut items = Vec::new();
        let mut files = false;
        for word in sources {
            if colons(word) {
                files = word.starts_with("::::");
            } else if files {
                items.push(Value::unknown("{}", Taint::NONE, false));
            } else {
                items.push(word.clone());
            }
        }
        let items = if sources.is_empty() { input() } else { items };
        if template.is_empty() {
            found.extend(items.into_iter().map(|item| Inner::shell(item).at(place.clone())));
            continue;
        }
        let marked = template.iter().any(|w| words::holds(w, own) || MARKERS.iter().any(|m| words::holds(w, m)));
        let filled = |item: &Value| {
            let item = words::quote(item);
            let mut text = join(template);
            for marker in MARKERS.iter().copied().chain([own]) {
                text = words::replace(&text, marker, &item);
            }
            if !marked {
                text.push_text(" ");
                text.append(&item);
            }
            Inner::shell(text).at(place.clone())
        };
        found.extend(items.iter().take(MAX_ITEMS).map(filled));
        if items.len() > MAX_ITEMS {
            found.push(filled(&Value::unknown("{}", Taint::NONE, false)));
        }
    }
    found
}

/// What stands in the place of `{}`: a path at or below one of the roots.
struct Matched<'a> {
    words: &'a [Value],
    roots: Vec<Value>,
}

impl<'a> Matched<'a> {
    fn of(words: &'a [Value]) -> Self {
        let begins = |w: &Value| {
            let known = w.known_start();
            known.starts_with('-') && known != "-" || matches!(w.known(), Some("(" | ")" | "!" | ","))
        };
        let mut at = 0;
        while let Some(word) = words.get(at) {
            match word.known() {
                Some("-H" | "-L" | "-P") => at += 1,
                Some("-D" | "-f") => at += 2,
                Some(o) if o.starts_with("-O") => at += 1,
                Some("--") => {
                    at += 1;
                    break;
                }
                _ => break,
            }
        }
        let rest = words.get(at..).unwrap_or_default();
        let end = rest.iter().position(begins).unwrap_or(rest.len());
        let (roots, words) = rest.split_at(end);
        let mut roots = roots.to_vec();
        if words.iter().any(|w| w.known() == Some("-files0-from")) {
            roots.push(Value::unknown("{}", Taint::NONE, false));
        }
        if roots.is_empty() {
            roots.push(Value::from("."));
        }
        Matched { words, roots }
    }

    /// Whether the roots themselves are found, for certain: nothing else is, or nothing is tested.
    fn finds_root(&self) -> bool {
        let known: Vec<&str> = self.words.iter().map_while(Value::known).collect();
        known.windows(2).any(|pair| pair == ["-maxdepth", "0"])
            || matches!(known.first(), Some(&("-exec" | "-ok")))
    }

    /// What is found below a root, from `base`. A root that is wholly unknown stays so: an empty one is no `/`.
    fn below(&self, root: &Value, base: &Value) -> Value {
        let mut path = base.clone();
        let unknown = Part::Unknown(crate::model::guard::value::Unknown {
            written: "{}".to_owned(),
            taint: Taint::NONE,
            splits: false,
            filled: false,
        });
        let known_end = matches!(path.parts().last(), Some(Part::Text(_)));
        if known_end && !matches!(path.parts().last(), Some(Part::Text(text)) if text.ends_with('/')) {
            path.push_text("/");
        }
        // Below the root every name at the top is one of the system's.
        if root.known() == Some("/") && self.name_below(root).is_some() {
            path.push(Part::Glob("*".to_owned()));
            path.push_text("/");
        } else {
            path.push(unknown);
        }
        if let Some(name) = self.name_below(root) {
            name.parts().iter().for_each(|part| path.push(part.clone()));
        }
        path
    }

    /// The end of each path that is found, where the root itself cannot be found: from `-name`, `-mindepth`.
    fn name_below(&self, root: &Value) -> Option<Value> {
        let test = |name: &str| {
            let at = self.words.iter().position(|w| w.known() == Some(name))?;
            self.words.get(at + 1).and_then(Value::known)
        };
        // Behind `-o`, `!`, `,` a test need not hold.
        let plain = !self.words.iter().any(|w| matches!(w.known(), Some("-o" | "-or" | "!" | "-not" | ",")));
        let deep = test("-mindepth").and_then(|n| n.parse::<u32>().ok()).is_some_and(|n| n > 0);
        if let Some(pattern) = test("-name").filter(|p| plain && !p.is_empty() && !p.contains(['\\', '/'])) {
            let mut name = Value::default();
            if pattern.contains(['*', '?', '[']) {
                name.push(Part::Glob(pattern.to_owned()));
            } else {
                name.push_text(pattern);
            }
            let known = root.known().map(|root| root.trim_end_matches('/'));
            let last = known.map(|root| root.rsplit('/').next().unwrap_or_default());
            // `.`, `..` and what is a link to elsewhere are found under their written name.
            if deep || last.is_some_and(|last| !name.could_be(if last.is_empty() { "/" } else { last })) {
                return Some(name);
            }
        }
        if deep {
            let mut any = Value::default();
            any.push(Part::Glob("*".to_owned()));
            return Some(any);
        }
        None
    }
}

fn find(call: &Call) -> Vec<Inner> {
    let matched = Matched::of(call.args());
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(word) = matched.words.get(at) {
        at += 1;
        let in_dir = match word.known() {
            Some("-exec" | "-ok") => false,
            Some("-execdir" | "-okdir") => true,
            _ => continue,
        };
        let rest = matched.words.get(at..).unwrap_or_default();
        let ends = |i: usize, w: &Value| {
            w.known() == Some(";")
                || w.known() == Some("+")
                    && i.checked_sub(1).and_then(|i| rest.get(i)).is_some_and(|w| w.known() == Some("{}"))
        };
        let end = rest.iter().enumerate().position(|(i, w)| ends(i, w)).unwrap_or(rest.len());
        at += end;
        let command = rest.get(..end).unwrap_or_default();
        if command.is_empty() {
            continue;
        }
        for root in matched.roots.iter().take(MAX_ITEMS) {
            let base = if in_dir { Value::from(".") } else { root.clone() };
            let item = matched.below(root, &base);
            let argv = command.iter().map(|word| words::replace(word, "{}", &item)).collect();
            found.push(Inner::argv(argv).with(in_dir.then_some(root), &[]));
            if matched.finds_root() && !in_dir {
                let argv = command.iter().map(|word| words::replace(word, "{}", root)).collect();
                found.push(Inner::argv(argv));
            }
        }
        if matched.roots.len() > MAX_ITEMS {
            // Too many to go one by one: all of them as operands of one call.
            let all = matched.roots.iter().map(|root| matched.below(root, root));
            let argv = command.iter().flat_map(|word| match word.known() {
                Some("{}") => all.clone().collect(),
                _ => vec![words::replace(word, "{}", &Value::unknown("{}", Taint::NONE, false))],
            });
            found.push(Inner::argv(argv.collect()));
        }
    }
    found
}

const FD: Grammar = Grammar::mix(
    "HIuslLpiFgaq0h1V",
    &[
        "x,exec?",
        "X,exec-batch?",
        "d,max-depth,maxdepth=",
        "min-depth=",
        "exact-depth=",
        "E,exclude=",
        "t,type=",
        "e,extension=",
        "S,size=",
        "o,owner=",
        "changed-within,change-newer-than,newer,changed-after=",
        "changed-before,change-older-than,older=",
        "c,color=",
        "j,threads=",
        "batch-size=",
        "max-results=",
        "C,base-directory=",
        "search-path=",
        "path-separator=",
        "ignore-file=",
        "and=",
        "format=",
        "gen-completions?",
    ],
);

/// `fd [PATTERN [PATH …]] -x CMD [ARG …] [\;]`
fn fd(call: &Call) -> Vec<Inner> {
    let args = call.args();
    let parsed = options::read(&FD, args);
    let Some(exec) = parsed.options.iter().find(|o| o.name == "x" || o.name == "X") else { return Vec::new() };
    let before = options::read(&FD, args.get(..exec.at).unwrap_or_default());
    let mut roots: Vec<Value> =
        before.operands.iter().skip(1).chain(before.values("search-path")).cloned().collect();
    if roots.is_empty() {
        roots.push(Value::from("."));
    }
    let dir = before.value("C");
    let mut command: Vec<Value> = exec.values.clone();
    let rest = args.get(exec.end..).unwrap_or_default();
    command.extend(rest.iter().take_while(|word| word.known() != Some(";")).cloned());
    if command.is_empty() {
        return Vec::new();
    }
    let marks = ["{}", "{/}", "{//}", "{.}", "{/.}"];
    let marked = command.iter().any(|word| marks.iter().any(|mark| words::holds(word, mark)));
    let run = |root: &Value| {
        let mut item = root.clone();
        item.push_text("/");
        item.append(&Value::unknown("{}", Taint::NONE, false));
        // What is found is never the root itself.
        item.push(Part::Glob("*".to_owned()));
        let fill = |word: &Value| marks.iter().fold(word.clone(), |word, mark| words::replace(&word, mark, &item));
        let mut argv: Vec<Value> = command.iter().map(fill).collect();
        if !marked {
            argv.push(item.clone());
        }
        Inner::argv(argv).with(dir, &[])
    };
    let mut found: Vec<Inner> = roots.iter().take(MAX_ITEMS).map(run).collect();
    if roots.len() > MAX_ITEMS {
        found.push(run(&Value::unknown("{}", Taint::NONE, false)));
    }
    found
}
