//! Ways to write one word so that a shell reads it as the same, or as the same file.

use crate::generate::{Dice, quoted};

/// A word as written, with what must stand in front of the command for it.
pub struct Written {
    /// Commands that end in a separator; or nothing.
    pub before: String,
    /// The word.
    pub word: String,
}

/// A way: its name, and what it makes of a word; nothing where it does not apply. The number is fresh: for names.
pub type Way = (&'static str, fn(&str, usize, &mut Dice) -> Option<Written>);

fn just(word: String) -> Option<Written> {
    Some(Written { before: String::new(), word })
}

fn with(before: String, word: String) -> Option<Written> {
    Some(Written { before, word })
}

/// Every character by `f`.
fn each(word: &str, f: impl Fn(char) -> String) -> String {
    word.chars().map(f).collect()
}

/// The two halves of a word, both with something in them.
fn halves<'a>(word: &'a str, dice: &mut Dice) -> Option<(&'a str, &'a str)> {
    let ends: Vec<usize> = word.char_indices().map(|(i, _)| i).skip(1).collect();
    if ends.is_empty() { None } else { Some(word.split_at(ends[dice.below(ends.len())])) }
}

fn is_path(word: &str) -> bool {
    word.starts_with('/') && word.len() > 1
}

/// All ways.
pub const WAYS: &[Way] = &[
    ("single-quotes", |w, _, _| just(format!("'{w}'"))),
    ("double-quotes", |w, _, _| just(format!("\"{w}\""))),
    ("quotes-inside", |w, _, d| halves(w, d).and_then(|(a, b)| just(format!("{a}''{b}")))),
    ("quotes-around-part", |w, _, d| halves(w, d).and_then(|(a, b)| just(format!("\"{a}\"{b}")))),
    ("backslash", |w, _, d| halves(w, d).and_then(|(a, b)| just(format!("{a}\\{b}")))),
    ("backslash-each", |w, _, _| just(each(w, |c| format!("\\{c}")))),
    ("line-continuation", |w, _, d| halves(w, d).and_then(|(a, b)| just(format!("{a}\\\n{b}")))),
    ("ansi-c-hex", |w, _, _| just(format!("$'{}'", each(w, |c| format!("\\x{:02x}", u32::from(c)))))),
    ("ansi-c-octal", |w, _, _| just(format!("$'{}'", each(w, |c| format!("\\{:03o}", u32::from(c)))))),
    ("ansi-c-unicode", |w, _, _| just(format!("$'{}'", each(w, |c| format!("\\u{:04x}", u32::from(c)))))),
    ("ansi-c-part", |w, _, d| {
        let (a, b) = halves(w, d)?;
        just(format!("$'{}'{b}", each(a, |c| format!("\\x{:x}", u32::from(c)))))
    }),
    ("locale-quotes", |w, _, _| just(format!("$\"{w}\""))),
    ("empty-substitution", |w, _, d| halves(w, d).and_then(|(a, b)| just(format!("{a}$(){b}")))),
    ("empty-variable", |w, n, d| halves(w, d).and_then(|(a, b)| just(format!("{a}${{unset{n}}}{b}")))),
    ("empty-at", |w, _, d| halves(w, d).and_then(|(a, b)| just(format!("{a}$@{b}")))),
    ("variable", |w, n, _| with(format!("v{n}={w}; "), format!("$v{n}"))),
    ("variable-quoted", |w, n, _| with(format!("v{n}='{w}'; "), format!("\"$v{n}\""))),
    ("variable-braces", |w, n, _| with(format!("v{n}={w}\n"), format!("${{v{n}}}"))),
    ("variable-part", |w, n, d| {
        let (a, b) = halves(w, d)?;
        with(format!("v{n}={a}; "), format!("${{v{n}}}{b}"))
    }),
    ("variable-two", |w, n, d| {
        let (a, b) = halves(w, d)?;
        with(format!("v{n}={a} u{n}={b}; "), format!("$v{n}$u{n}"))
    }),
    ("variable-appended", |w, n, d| {
        let (a, b) = halves(w, d)?;
        with(format!("v{n}={a}; v{n}+={b}; "), format!("\"$v{n}\""))
    }),
    ("variable-of-variable", |w, n, _| with(format!("u{n}={w}; v{n}=$u{n}; "), format!("$v{n}"))),
    ("variable-exported", |w, n, _| with(format!("export v{n}={w}; "), format!("$v{n}"))),
    ("variable-declared", |w, n, _| with(format!("declare v{n}={w}; "), format!("$v{n}"))),
    ("variable-readonly", |w, n, _| with(format!("readonly v{n}={w}; "), format!("$v{n}"))),
    ("variable-in-group", |w, n, _| with(format!("{{ v{n}={w}; }}; "), format!("$v{n}"))),
    ("variable-in-branch", |w, n, _| with(format!("if true; then v{n}={w}; fi; "), format!("$v{n}"))),
    ("variable-and", |w, n, _| with(format!("true && v{n}={w}; "), format!("$v{n}"))),
    ("variable-by-function", |w, n, _| with(format!("f{n}() {{ v{n}={w}; }}; f{n}; "), format!("$v{n}"))),
    ("variable-reassigned", |w, n, _| with(format!("v{n}=echo; v{n}={w}; "), format!("$v{n}"))),
    ("variable-dead-assignment", |w, n, _| with(format!("v{n}={w}; (v{n}=echo); "), format!("$v{n}"))),
    ("variable-not-taken", |w, n, _| with(format!("v{n}={w}; false && v{n}=echo; "), format!("$v{n}"))),
    ("variable-prefix-only", |w, n, _| with(format!("v{n}={w}; v{n}=echo true; "), format!("$v{n}"))),
    ("default", |w, n, _| just(format!("${{unset{n}:-{w}}}"))),
    ("default-assigned", |w, n, _| with(format!(": ${{v{n}:={w}}}; "), format!("$v{n}"))),
    ("default-inline-assigned", |w, n, _| just(format!("${{v{n}:={w}}}"))),
    ("alternative", |w, _, _| just(format!("${{HOME:+{w}}}"))),
    ("alternative-error", |w, n, _| with(format!("v{n}={w}; "), format!("${{v{n}:?}}"))),
    ("indirect", |w, n, _| with(format!("v{n}={w}; u{n}=v{n}; "), format!("${{!u{n}}}"))),
    ("nameref", |w, n, _| with(format!("v{n}={w}; declare -n r{n}=v{n}; "), format!("$r{n}"))),
    ("array", |w, n, _| with(format!("a{n}=(x {w}); "), format!("${{a{n}[1]}}"))),
    ("array-whole", |w, n, _| with(format!("a{n}=({w}); "), format!("\"${{a{n}[@]}}\""))),
    ("array-element", |w, n, _| with(format!("a{n}[3]={w}; "), format!("${{a{n}[3]}}"))),
    ("array-last", |w, n, _| with(format!("a{n}=(x {w}); "), format!("${{a{n}[-1]}}"))),
    ("map", |w, n, _| with(format!("declare -A m{n}=([k]={w}); "), format!("${{m{n}[k]}}"))),
    ("prefix-cut", |w, n, _| with(format!("v{n}=QQ{w}; "), format!("${{v{n}#QQ}}"))),
    ("suffix-cut", |w, n, _| with(format!("v{n}={w}QQ; "), format!("${{v{n}%Q*Q}}"))),
    ("suffix-cut-nothing", |w, n, _| with(format!("v{n}={w}; "), format!("${{v{n}%QQ}}"))),
    ("substring", |w, n, _| with(format!("v{n}=QQ{w}QQ; "), format!("${{v{n}:2:{}}}", w.chars().count()))),
    ("replaced", |w, n, d| {
        let (a, b) = halves(w, d)?;
        with(format!("v{n}={a}QQ{b}; "), format!("${{v{n}/QQ/}}"))
    }),
    ("replaced-all", |w, n, _| with(format!("v{n}={}; ", each(w, |c| format!("{c}Q"))), format!("${{v{n}//Q}}"))),
    ("lower-case", |w, n, _| {
        (w.to_lowercase() == w).then_some(())?;
        with(format!("v{n}={}; ", w.to_uppercase()), format!("${{v{n},,}}"))
    }),
    ("lower-case-declared", |w, n, _| {
        (w.to_lowercase() == w).then_some(())?;
        with(format!("declare -l v{n}={}; ", w.to_uppercase()), format!("$v{n}"))
    }),
    ("transformed", |w, n, _| {
        with(format!("v{n}='{}'; ", each(w, |c| format!("\\x{:x}", u32::from(c)))), format!("${{v{n}@E}}"))
    }),
    ("echoed", |w, _, _| just(format!("$(echo {w})"))),
    ("echoed-quoted", |w, _, _| just(format!("\"$(echo '{w}')\""))),
    ("echoed-backticks", |w, _, _| just(format!("`echo {w}`"))),
    ("echoed-part", |w, _, d| halves(w, d).and_then(|(a, b)| just(format!("$(echo {a}){b}")))),
    ("echoed-nested", |w, _, _| just(format!("$(echo $(printf '%s' {w}))"))),
    ("printed", |w, _, _| just(format!("$(printf %s {w})"))),
    ("printed-octal", |w, _, _| just(format!("$(printf '{}')", each(w, |c| format!("\\{:03o}", u32::from(c)))))),
    ("echoed-hex", |w, _, _| just(format!("$(echo -e '{}')", each(w, |c| format!("\\x{:x}", u32::from(c)))))),
    ("reversed", |w, _, _| just(format!("$(rev <<< {})", w.chars().rev().collect::<String>()))),
    ("translated", |w, _, _| {
        (w.chars().all(|c| c != 'Q') && w.contains('r')).then_some(())?;
        just(format!("$(echo {} | tr Q r)", w.replace('r', "Q")))
    }),
    ("read-from-here-string", |w, _, _| just(format!("$(cat <<< {w})"))),
    ("read-from-here-document", |w, _, _| just(format!("$(cat <<'X'\n{w}\nX\n)"))),
    ("read-from-file", |w, n, _| with(format!("echo {w} > /tmp/w{n}; "), format!("$(< /tmp/w{n})"))),
    ("read-builtin", |w, n, _| with(format!("read -r v{n} <<< {w}; "), format!("$v{n}"))),
    ("read-builtin-array", |w, n, _| with(format!("read -ra a{n} <<< 'x {w}'; "), format!("${{a{n}[1]}}"))),
    ("read-from-process", |w, n, _| with(format!("read -r v{n} < <(echo {w}); "), format!("$v{n}"))),
    ("mapfile", |w, n, _| with(format!("mapfile -t a{n} <<< {w}; "), format!("${{a{n}[0]}}"))),
    ("printf-v", |w, n, _| with(format!("printf -v v{n} %s {w}; "), format!("$v{n}"))),
    ("printf-v-escapes", |w, n, _| {
        let text = each(w, |c| format!("\\x{:x}", u32::from(c)));
        with(format!("printf -v v{n} '{text}'; "), format!("$v{n}"))
    }),
    ("assigned-substitution", |w, n, _| with(format!("v{n}=$(echo {w}); "), format!("$v{n}"))),
    ("assigned-backticks", |w, n, _| with(format!("v{n}=`echo {w}`; "), format!("\"$v{n}\""))),
    ("positional", |w, _, _| with(format!("set -- {w}; "), "$1".to_owned())),
    ("positional-second", |w, _, _| with(format!("set -- x {w}; "), "\"${2}\"".to_owned())),
    ("positional-shifted", |w, _, _| with(format!("set -- x {w}; shift; "), "$1".to_owned())),
    ("last-argument", |w, _, _| with(format!(": {w}; "), "$_".to_owned())),
    ("regex-match", |w, _, _| with(format!("[[ x{w} =~ x(.*) ]]; "), "${BASH_REMATCH[1]}".to_owned())),
    ("loop-variable", |w, n, _| with(format!("for v{n} in x {w}; do :; done; "), format!("$v{n}"))),
    ("eval-assigned", |w, n, _| with(format!("eval v{n}={w}; "), format!("$v{n}"))),
    ("let-through-arithmetic", |w, n, _| with(format!("a{n}=({w} x); i{n}=1; "), format!("${{a{n}[i{n}-1]}}"))),
    ("brace-one", |w, _, d| halves(w, d).and_then(|(a, b)| just(format!("{a}{{{b},QQ}}")))),
    ("program-path", |w, _, d| {
        let plain = w.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.');
        (plain && crate::machine::STAND_INS.contains(&w)).then_some(())?;
        let dirs = [
            "/bin/",
            "/usr/bin/",
            "/usr/bin/../bin/",
            "//bin//",
            "../../../bin/",
            "/proc/self/root/bin/",
            "~/../../bin/",
        ];
        just(format!("{}{w}", dirs[d.below(dirs.len())]))
    }),
    ("program-glob", |w, _, d| {
        (crate::machine::STAND_INS.contains(&w) && w.len() > 1).then_some(())?;
        let (a, b) = halves(w, d)?;
        let rest: String = b.chars().skip(1).collect();
        just(format!("/usr/bin/{a}[{}]{rest}", b.chars().next()?))
    }),
    ("program-found", |w, _, _| {
        crate::machine::STAND_INS.contains(&w).then_some(())?;
        just(format!("$(command -v {w})"))
    }),
    ("program-linked", |w, n, _| {
        crate::machine::STAND_INS.contains(&w).then_some(())?;
        with(format!("ln -s /bin/{w} /tmp/p{n}; "), format!("/tmp/p{n}"))
    }),
    ("path-slashes", |w, _, _| is_path(w).then(|| w.replace('/', "//")).and_then(just)),
    ("path-trailing", |w, _, _| is_path(w).then(|| format!("{w}/")).and_then(just)),
    ("path-dot", |w, _, _| is_path(w).then(|| format!("/.{w}/.")).and_then(just)),
    ("path-climb", |w, _, _| is_path(w).then(|| format!("/tmp/..{w}")).and_then(just)),
    ("path-relative", |w, _, _| is_path(w).then(|| format!("../../..{w}")).and_then(just)),
    ("path-proc-root", |w, _, _| is_path(w).then(|| format!("/proc/self/root{w}")).and_then(just)),
    ("path-proc-cwd", |w, _, _| is_path(w).then(|| format!("/proc/self/cwd/../../..{w}")).and_then(just)),
    ("path-pwd", |w, _, _| is_path(w).then(|| format!("$PWD/../../..{w}")).and_then(just)),
    ("path-substituted-directory", |w, _, _| is_path(w).then(|| format!("$(dirname {w}/x)")).and_then(just)),
    ("path-linked", |w, n, _| {
        is_path(w).then_some(())?;
        with(format!("ln -s / /tmp/l{n}; "), format!("/tmp/l{n}{w}"))
    }),
    ("path-linked-here", |w, n, _| {
        is_path(w).then_some(())?;
        with(format!("ln -s / l{n}; "), format!("l{n}{w}"))
    }),
    ("path-linked-chain", |w, n, _| {
        is_path(w).then_some(())?;
        with(format!("ln -s / l{n}; ln -s l{n} k{n}; "), format!("k{n}{w}"))
    }),
    ("path-glob-question", |w, _, _| {
        is_path(w).then_some(())?;
        let (dir, name) = w.rsplit_once('/')?;
        (name.len() > 1).then(|| format!("{dir}/?{}", name.chars().skip(1).collect::<String>())).and_then(just)
    }),
    ("path-glob-star", |w, _, _| {
        is_path(w).then_some(())?;
        let (dir, name) = w.rsplit_once('/')?;
        let keep = name.len().div_ceil(2);
        name.is_char_boundary(keep).then(|| format!("{dir}/{}*", &name[..keep])).and_then(just)
    }),
    ("path-glob-class", |w, _, _| {
        is_path(w).then_some(())?;
        let (dir, name) = w.rsplit_once('/')?;
        let last = name.chars().last().filter(char::is_ascii_alphanumeric)?;
        just(format!("{dir}/{}[{last}]", &name[..name.len() - 1]))
    }),
    ("path-home", |w, _, d| {
        let rest = w.strip_prefix("/home/u")?;
        (rest.is_empty() || rest.starts_with('/')).then_some(())?;
        let homes = [
            "~",
            "$HOME",
            "\"$HOME\"",
            "${HOME}",
            "${HOME%/}",
            "\"${HOME:?}\"",
            "~u",
            "~+/..",
            "$(echo ~)",
            "$(cd; pwd)",
        ];
        just(format!("{}{rest}", homes[d.below(homes.len())]))
    }),
    ("option-cluster-apart", |w, _, _| {
        let letters = w.strip_prefix('-').filter(|l| l.len() == 2 && l.chars().all(char::is_alphabetic))?;
        just(each(letters, |c| format!("-{c} ")).trim_end().to_owned())
    }),
    ("option-cluster-turned", |w, _, _| {
        let letters = w.strip_prefix('-').filter(|l| l.len() == 2 && l.chars().all(char::is_alphabetic))?;
        just(format!("-{}", letters.chars().rev().collect::<String>()))
    }),
    ("option-long", |w, _, d| {
        let long = match w {
            "-rf" | "-fr" => ["--recursive --force", "--recurs --for", "-R --forc"][d.below(3)],
            "-r" => ["--recursive", "--rec", "-R", "-dr"][d.below(4)],
            "--force" => "--forc",
            "--delete" => "--delet",
            "--hard" => "--har",
            "--mirror" => "--mirro",
            _ => return None,
        };
        just(long.to_owned())
    }),
    ("option-unsplit-variable", |w, n, _| {
        w.starts_with('-').then_some(())?;
        with(format!("v{n}='{w} '; "), format!("$v{n}"))
    }),
    ("quoted-by-library", |w, _, _| just(quoted(w))),
];
