//! Places to put a command in so that a shell still runs it.

use crate::generate::{Dice, base64, quoted};

/// A place for a whole line: its name, and the line around it.
pub type Place = (&'static str, fn(&str, usize, &mut Dice) -> String);

/// A place for the written fields of a simple command.
pub type FieldPlace = (&'static str, fn(&[String], usize, &mut Dice) -> Option<Around>);

/// What becomes of a simple command.
pub enum Around {
    /// Still a simple command.
    Fields(Vec<String>),
    /// A line.
    Line(String),
}

fn front(words: &str, fields: &[String]) -> Option<Around> {
    Some(Around::Fields(words.split(' ').map(str::to_owned).chain(fields.iter().cloned()).collect()))
}

fn line(text: String) -> Option<Around> {
    Some(Around::Line(text))
}

fn behind(fields: &[String], words: &str) -> Option<Around> {
    line(format!("{} {words}", fields.join(" ")))
}

/// Places for a simple command: wrappers, arrays, loops over its fields.
pub const FIELD_PLACES: &[FieldPlace] = &[
    ("env", |f, _, _| front("env", f)),
    ("env-i", |f, _, _| front("env -i PATH=/bin:/usr/bin HOME=/home/u", f)),
    ("env-assignment", |f, _, _| front("env X=1 -u Y", f)),
    ("env-directory", |f, _, _| front("env -C /tmp", f)),
    ("env-split", |f, _, _| line(format!("env -S {}", quoted(&f.join(" "))))),
    ("env-split-joined", |f, _, _| line(format!("env --split-string={}", quoted(&f.join(" "))))),
    ("nice", |f, _, d| front(["nice", "nice -n 5", "nice -5", "nice --adjustment=3"][d.below(4)], f)),
    ("timeout", |f, _, d| {
        front(["timeout 5", "timeout -s KILL 5", "timeout -k 1 5s", "timeout --foreground 5"][d.below(4)], f)
    }),
    ("nohup", |f, _, _| front("nohup", f)),
    ("setsid", |f, _, d| front(["setsid -w", "setsid --wait", "setsid"][d.below(3)], f)),
    ("stdbuf", |f, _, d| front(["stdbuf -o0", "stdbuf -oL -e 0", "stdbuf --output=L"][d.below(3)], f)),
    ("ionice", |f, _, d| front(["ionice -c3", "ionice -c 2 -n 7"][d.below(2)], f)),
    ("command", |f, _, d| front(["command", "command -p", "command --", "builtin command"][d.below(4)], f)),
    ("exec", |f, _, d| front(["exec", "exec -a x", "exec -c -a x", "exec -l"][d.below(4)], f)),
    ("flock", |f, _, d| front(["flock /tmp/lock", "flock -n /tmp/lock", "flock -w 1 /tmp/lock"][d.below(3)], f)),
    ("flock-c", |f, _, _| line(format!("flock /tmp/lock -c {}", quoted(&f.join(" "))))),
    ("xargs-empty", |f, _, _| line(format!("xargs {} < /dev/null", f.join(" ")))),
    ("xargs-options", |f, _, d| {
        let options =
            ["-n 9", "-0", "-P 2 -n 5", "-d '\\n'", "-t", "-I{}", "--max-args=3", "-a /dev/null"][d.below(8)];
        line(format!("echo /tmp/q | xargs {options} {}", f.join(" ")))
    }),
    ("xargs-last-field", |f, _, _| {
        let (last, rest) = f.split_last()?;
        line(format!("echo {last} | xargs {}", rest.join(" ")))
    }),
    ("xargs-last-field-zero", |f, _, _| {
        let (last, rest) = f.split_last()?;
        line(format!("printf '%s\\0' {last} | xargs -0 {}", rest.join(" ")))
    }),
    ("xargs-replaced", |f, _, _| {
        let (last, rest) = f.split_last()?;
        line(format!("echo {last} | xargs -I% {} %", rest.join(" ")))
    }),
    ("xargs-whole", |f, _, _| line(format!("printf '%s\\n' {} | xargs -d '\\n' env", f.join(" ")))),
    ("find-exec", |f, _, d| {
        let end = ["\\;", "';'", "{} +", "\";\""][d.below(4)];
        let verb = ["-exec", "-execdir"][d.below(2)];
        line(format!("find /tmp -maxdepth 0 {verb} {} {end}", f.join(" ")))
    }),
    ("find-exec-operand", |f, _, _| {
        let (last, rest) = f.split_last()?;
        (rest.len() > 1).then_some(())?;
        line(format!("find {last} -maxdepth 0 -exec {} {{}} \\;", rest.join(" ")))
    }),
    ("find-exec-shell", |f, _, _| line(format!("find . -maxdepth 0 -exec sh -c {} \\;", quoted(&f.join(" "))))),
    ("assignment-in-front", |f, _, _| front("X=1", f)),
    ("redirection-in-front", |f, _, d| {
        front(["</dev/null", "2>&1", ">/dev/null", "{fd}>/dev/null", "2>/dev/null"][d.below(5)], f)
    }),
    ("redirection-between", |f, _, _| {
        let (first, rest) = f.split_first()?;
        Some(Around::Fields(
            [first.clone(), "2>/dev/null".to_owned()].into_iter().chain(rest.iter().cloned()).collect(),
        ))
    }),
    ("redirection-behind", |f, _, d| {
        behind(f, [">/dev/null 2>&1", "&>/dev/null", "2>&1 | cat", "<<< x"][d.below(4)])
    }),
    ("ifs-between", |f, _, _| line(f.join("${IFS}"))),
    ("ifs-plain-between", |f, _, _| line(f.join("$IFS$9"))),
    ("tabs-between", |f, _, _| line(f.join("\t"))),
    ("continuations-between", |f, _, _| line(f.join(" \\\n "))),
    ("braces", |f, _, _| {
        f.iter().all(|w| !w.contains([' ', ',', '{', '\n'])).then(|| Around::Line(format!("{{{}}}", f.join(","))))
    }),
    ("array-run", |f, n, _| line(format!("a{n}=({}); \"${{a{n}[@]}}\"", f.join(" ")))),
    ("array-run-unquoted", |f, n, _| line(format!("a{n}=({}); ${{a{n}[*]}}", f.join(" ")))),
    ("array-run-appended", |f, n, _| {
        let (first, rest) = f.split_first()?;
        line(format!("a{n}=({first}); a{n}+=({}); \"${{a{n}[@]}}\"", rest.join(" ")))
    }),
    ("array-of-arguments", |f, n, _| {
        let (first, rest) = f.split_first()?;
        line(format!("a{n}=({}); {first} \"${{a{n}[@]}}\"", rest.join(" ")))
    }),
    ("array-slice", |f, n, _| line(format!("a{n}=(x {}); \"${{a{n}[@]:1}}\"", f.join(" ")))),
    ("mapfile-run", |f, n, _| {
        line(format!("mapfile -t a{n} < <(printf '%s\\n' {}); \"${{a{n}[@]}}\"", f.join(" ")))
    }),
    ("positionals-run", |f, _, d| {
        line(format!("set -- {}; {}", f.join(" "), ["\"$@\"", "$@", "$*", "\"${@}\"", "${@:1}"][d.below(5)]))
    }),
    ("variable-run", |f, n, _| line(format!("v{n}={}; $v{n}", quoted(&f.join(" "))))),
    ("variable-of-arguments", |f, n, _| {
        let (first, rest) = f.split_first()?;
        line(format!("v{n}={}; {first} $v{n}", quoted(&rest.join(" "))))
    }),
    ("variable-split-by-ifs", |f, n, _| line(format!("v{n}={}; IFS=,; $v{n}", quoted(&f.join(","))))),
    ("substitution-run", |f, _, _| line(format!("$(echo {})", f.join(" ")))),
    ("backticks-run", |f, _, _| line(format!("`echo {}`", f.join(" ")))),
    ("substitution-of-arguments", |f, _, _| {
        let (first, rest) = f.split_first()?;
        line(format!("{first} $(echo {})", rest.join(" ")))
    }),
    ("here-document-of-arguments", |f, _, _| {
        let (first, rest) = f.split_first()?;
        line(format!("{first} $(cat <<X\n{}\nX\n)", rest.join("\n")))
    }),
    ("function-of-arguments", |f, n, _| line(format!("f{n}() {{ \"$@\"; }}; f{n} {}", f.join(" ")))),
    ("function-of-operands", |f, n, _| {
        let (first, rest) = f.split_first()?;
        line(format!("f{n}() {{ {first} \"$@\"; }}; f{n} {}", rest.join(" ")))
    }),
    ("function-second-argument", |f, n, _| {
        let (last, rest) = f.split_last()?;
        line(format!("f{n}() {{ local x=$2; {} \"$x\"; }}; f{n} a {last}", rest.join(" ")))
    }),
    ("function-named-harmless", |f, _, _| line(format!("ls() {{ command {}; }}; ls -la", f.join(" ")))),
    ("alias-of-program", |f, _, _| {
        let (first, rest) = f.split_first()?;
        line(format!("shopt -s expand_aliases\nalias zz={}\nzz {}", quoted(first), rest.join(" ")))
    }),
    ("shell-positionals", |f, _, d| {
        let text = ["\"$@\"", "exec \"$@\"", "$*", "eval \"$*\"", "f() { \"$@\"; }; f \"$@\""][d.below(5)];
        line(format!("bash -c {} _ {}", quoted(text), f.join(" ")))
    }),
    ("shell-positional-zero", |f, _, _| line(format!("sh -c '\"$0\" \"$@\"' {}", f.join(" ")))),
    ("shell-last-positional", |f, _, _| {
        let (last, rest) = f.split_last()?;
        line(format!("bash -c {} _ {last}", quoted(&format!("{} \"$1\"", rest.join(" ")))))
    }),
    ("shell-input-positionals", |f, _, _| line(format!("bash -s -- {} <<< '\"$@\"'", f.join(" ")))),
    ("loop-over-last-field", |f, n, _| {
        let (last, rest) = f.split_last()?;
        line(format!("for v{n} in {last}; do {} \"$v{n}\"; done", rest.join(" ")))
    }),
    ("loop-over-program", |f, n, _| {
        let (first, rest) = f.split_first()?;
        line(format!("for v{n} in {first}; do $v{n} {}; done", rest.join(" ")))
    }),
    ("loop-gathers", |f, n, _| {
        line(format!("a{n}=(); for w in {}; do a{n}+=(\"$w\"); done; \"${{a{n}[@]}}\"", f.join(" ")))
    }),
    ("read-loop-last-field", |f, n, _| {
        let (last, rest) = f.split_last()?;
        line(format!("echo {last} | while read -r v{n}; do {} \"$v{n}\"; done", rest.join(" ")))
    }),
    ("read-loop-here-string", |f, n, _| {
        let (last, rest) = f.split_last()?;
        line(format!("while read -r v{n}; do {} $v{n}; done <<< {last}", rest.join(" ")))
    }),
    ("read-program-and-rest", |f, _, _| line(format!("read -r a b <<< {}; $a $b", quoted(&f.join(" "))))),
    ("case-variable", |f, n, _| {
        let (first, rest) = f.split_first()?;
        line(format!("case x in x) v{n}={first};; *) v{n}=echo;; esac; $v{n} {}", rest.join(" ")))
    }),
    ("directory-first", |f, _, d| {
        let (last, rest) = f.split_last()?;
        let (dir, name) = last.rsplit_once('/').filter(|(_, name)| !name.is_empty() && last.starts_with('/'))?;
        let dir = if dir.is_empty() { "/" } else { dir };
        let rest = rest.join(" ");
        line(match d.below(12) {
            0 => format!("cd {dir} && {rest} {name}"),
            1 => format!("cd {dir}; {rest} {name}"),
            2 => format!("(cd {dir}; {rest} ./{name})"),
            3 => format!("pushd {dir} >/dev/null; {rest} {name}; popd"),
            4 => format!("cd {dir} || exit 1\n{rest} {name}"),
            5 => format!("cd /tmp; cd {dir}; cd -; cd - && {rest} {name}"),
            6 => format!("d={dir}; cd \"$d\" && {rest} {name}"),
            7 => format!("cd $(echo {dir}) && {rest} {name}"),
            8 => format!("env -C {dir} {rest} {name}"),
            9 => format!("cd -P -- {dir} && {rest} {name}"),
            10 => format!("f() {{ cd {dir}; }}; f; {rest} {name}"),
            _ => format!("bash -c 'cd {dir}; {rest} {name}'"),
        })
    }),
    ("perl-arguments", |f, _, _| line(format!("perl -e 'exec @ARGV' {}", f.join(" ")))),
];

/// Places for any line.
pub const PLACES: &[Place] = &[
    ("group", |l, _, _| format!("{{ {l}\n}}")),
    ("subshell", |l, _, _| format!("({l}\n)")),
    ("subshell-twice", |l, _, _| format!("( ( {l}\n) )")),
    ("negated", |l, _, d| format!("{} {{ {l}\n}}", ["!", "! !"][d.below(2)])),
    ("timed", |l, _, d| format!("{} {{ {l}\n}}", ["time", "time -p", "! time"][d.below(3)])),
    ("after-and", |l, _, _| format!("true && {{ {l}\n}}")),
    ("after-or", |l, _, _| format!("false || {{ {l}\n}}")),
    ("after-test", |l, _, d| {
        format!("{} && {{ {l}\n}}", ["[ 1 = 1 ]", "[[ -d / ]]", "test -e /", "(( 1 ))"][d.below(4)])
    }),
    ("after-separator", |l, _, d| {
        format!("{}{l}", ["true; ", "true\n", "ls & ", "\n\n\t", "echo a\n\n"][d.below(5)])
    }),
    ("before-separator", |l, _, d| format!("{l}{}", ["\ntrue", "\n", "\n\n", "\nexit 0"][d.below(4)])),
    ("background", |l, _, _| format!("{{ {l}\n}} & wait")),
    ("pipe-into", |l, _, _| format!("{{ {l}\n}} | cat")),
    ("pipe-from", |l, _, _| format!("echo x | {{ {l}\n}}")),
    ("pipe-both", |l, _, _| format!("true |& {{ {l}\n}} |& cat")),
    ("if-then", |l, _, _| format!("if true; then {l}\nfi")),
    ("if-condition", |l, _, _| format!("if {l}\nthen :; fi")),
    ("if-else", |l, _, _| format!("if false; then :; elif false; then :; else {l}\nfi")),
    ("while-condition", |l, _, _| format!("while {l}\ndo break; done")),
    ("while-body", |l, _, _| format!("while :; do {l}\nbreak; done")),
    ("until-body", |l, _, _| format!("until false; do {l}\nbreak; done")),
    ("for-body", |l, _, _| format!("for i in 1; do {l}\ndone")),
    ("for-arithmetic", |l, _, _| format!("for ((i=0; i<1; i++)); do {l}\ndone")),
    ("for-braces", |l, _, _| format!("for i in 1; {{ {l}\n}}")),
    ("for-word", |l, _, _| format!("for i in $({l}\n); do :; done")),
    ("select-body", |l, _, _| format!("select i in a; do {l}\nbreak; done <<< 1")),
    ("case-body", |l, _, d| {
        let pattern = ["x", "(x", "[a-z]", "*", "y|x"][d.below(5)];
        format!("case x in {pattern}) {l}\n;; esac")
    }),
    ("case-falls-through", |l, _, _| format!("case x in x) ;& y) {l}\n;; esac")),
    ("case-word", |l, _, _| format!("case $({l}\n) in *) ;; esac")),
    ("function", |l, n, _| format!("g{n}() {{ {l}\n}}; g{n}")),
    ("function-keyword", |l, n, _| format!("function g{n} {{ {l}\n}}\ng{n}")),
    ("function-subshell", |l, n, _| format!("g{n}() ( {l}\n); g{n}")),
    ("function-redirected", |l, n, _| format!("g{n}() {{ {l}\n}} >/dev/null; g{n} x")),
    ("function-later", |l, n, _| format!("h{n}() {{ g{n}; }}; g{n}() {{ {l}\n}}; h{n}")),
    ("function-by-variable", |l, n, _| format!("g{n}() {{ {l}\n}}; x=g{n}; $x")),
    ("function-exported", |l, n, _| format!("g{n}() {{ {l}\n}}; export -f g{n}; bash -c g{n}")),
    ("coproc", |l, _, d| format!("coproc {}{{ {l}\n}}; wait", ["", "NAME "][d.below(2)])),
    ("eval", |l, _, d| {
        format!("{} {}", ["eval", "eval --", "command eval", "builtin eval"][d.below(4)], quoted(l))
    }),
    ("eval-double-quotes", |l, _, _| {
        let inner = l.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$").replace('`', "\\`");
        format!("eval \"{inner}\"")
    }),
    ("eval-variable", |l, n, _| format!("e{n}={}; eval \"$e{n}\"", quoted(l))),
    ("eval-substitution", |l, _, _| format!("eval \"$(echo {})\"", quoted(l))),
    ("eval-here-document", |l, _, _| format!("eval \"$(cat <<'EVALX'\n{l}\nEVALX\n)\"")),
    ("shell-c", |l, _, d| {
        let shells = [
            "bash -c",
            "sh -c",
            "bash -ec",
            "bash -o pipefail -c",
            "/bin/bash -xc",
            "bash --norc -c",
            "env bash -c",
            "exec sh -c",
            "bash -O extglob -c",
            "bash -c --",
            "dash -c",
            "$SHELL -c",
            "${SHELL} -c",
            "command bash -c",
            "nice sh -c",
            "timeout 5 bash -c",
        ];
        format!("{} {}", shells[d.below(shells.len())], quoted(l))
    }),
    ("shell-c-shell-c", |l, _, _| format!("bash -c {}", quoted(&format!("sh -c {}", quoted(l))))),
    ("shell-c-variable", |l, n, _| format!("e{n}={}; bash -c \"$e{n}\"", quoted(l))),
    ("shell-c-exported", |l, n, _| format!("export e{n}={}; bash -c 'eval \"$e{n}\"'", quoted(l))),
    ("shell-c-environment", |l, n, _| format!("e{n}={} bash -c 'eval \"$e{n}\"'", quoted(l))),
    ("shell-c-positional", |l, _, _| format!("bash -c 'eval \"$1\"' _ {}", quoted(l))),
    ("shell-c-substitution", |l, _, _| format!("bash -c \"$(printf '%s' {})\"", quoted(l))),
    ("shell-here-string", |l, _, d| {
        format!(
            "{} <<< {}",
            ["bash", "sh", "bash -s", "bash -", "bash /dev/stdin", "source /dev/stdin", ". /dev/fd/0"][d.below(7)],
            quoted(l)
        )
    }),
    ("shell-here-document", |l, _, d| {
        let end = ["'SHX'", "\"SHX\"", "\\SHX", "S'H'X"][d.below(4)];
        format!("{} <<{end}\n{l}\nSHX", ["bash", "sh", "bash -s x", "bash -x"][d.below(4)])
    }),
    ("shell-here-document-tabs", |l, _, _| format!("bash <<-'SHX'\n\t{}\n\tSHX", l.replace('\n', "\n\t"))),
    ("shell-here-document-piped", |l, _, _| format!("cat <<'SHX' | bash\n{l}\nSHX")),
    ("shell-here-document-descriptor", |l, _, _| format!("exec 5<<'SHX'\n{l}\nSHX\nbash <&5")),
    ("shell-pipe", |l, _, d| {
        let writer = ["echo", "printf '%s\\n'", "echo -n", "cat <<<"][d.below(4)];
        let reader = [
            "bash",
            "sh",
            "sh -",
            "bash -s",
            "(bash)",
            "{ sh; }",
            "tee /tmp/t | sh",
            "cat | bash",
            "xargs -0 bash -c",
            "bash /dev/stdin",
            "nice bash",
            "while read -r l; do eval \"$l\"; done",
            "(cat; echo) | bash",
        ];
        format!("{writer} {} | {}", quoted(l), reader[d.below(reader.len())])
    }),
    ("shell-process-substitution", |l, _, d| {
        format!("{} <(echo {})", ["bash", "source", ".", "sh"][d.below(4)], quoted(l))
    }),
    ("shell-file", |l, n, d| {
        let run = [
            "bash /tmp/s",
            "source /tmp/s",
            ". /tmp/s",
            "sh < /tmp/s",
            "bash -c \"$(cat /tmp/s)\"",
            "cat /tmp/s | bash",
            "eval \"$(< /tmp/s)\"",
        ][d.below(7)];
        let run = run.replace("/tmp/s", &format!("/tmp/s{n}"));
        format!("echo {} > /tmp/s{n}; {run}", quoted(l))
    }),
    ("shell-file-here-document", |l, n, _| format!("cat > /tmp/s{n} <<'SHX'\n{l}\nSHX\nbash /tmp/s{n}")),
    ("shell-bash-env", |l, n, _| format!("echo {} > /tmp/s{n}; BASH_ENV=/tmp/s{n} bash -c :", quoted(l))),
    ("trap-exit", |l, _, d| format!("trap {} {}", quoted(l), ["EXIT", "0", "exit"][d.below(3)])),
    ("trap-debug", |l, _, _| format!("trap {} RETURN; f() {{ :; }}; declare -ft f; f", quoted(l))),
    ("trap-signal", |l, _, _| format!("trap {} USR1; kill -USR1 $$", quoted(l))),
    ("trap-error", |l, _, _| format!("trap {} ERR; false", quoted(l))),
    ("alias", |l, _, _| format!("shopt -s expand_aliases\nalias zz={}\nzz", quoted(l))),
    ("alias-of-program-name", |l, _, _| format!("shopt -s expand_aliases\nalias ls={}\nls", quoted(l))),
    ("xargs-shell", |l, _, d| {
        format!(
            "xargs {} < /dev/null",
            ["bash -c", "sh -c", "-n1 bash -c"][d.below(3)].to_owned() + " " + &quoted(l)
        )
    }),
    ("xargs-shell-replaced", |l, _, _| format!("echo x | xargs -I{{}} bash -c {}", quoted(l))),
    ("in-substitution", |l, _, d| format!("{} $({l}\n)", ["echo", ":", "x=1 :", "printf x"][d.below(4)])),
    ("in-quoted-substitution", |l, _, _| format!("echo \"a $({l}\n) b\"")),
    ("in-backticks", |l, _, _| format!("echo `{}`", l.replace('\\', "\\\\").replace('`', "\\`"))),
    ("in-assignment", |l, _, d| {
        format!("{}=$({l}\n)", ["x", "export x", "local_x", "declare x", "x+"][d.below(5)])
    }),
    ("in-default", |l, _, d| {
        format!(
            ": {}",
            ["${unsetx:-$(@)}", "\"${unsetx:=$(@)}\"", "${HOME:+$(@)}", "${unsetx-$(@)}"][d.below(4)]
                .replace('@', &format!("{l}\n"))
        )
    }),
    ("in-replacement", |l, _, _| format!("x=a; : ${{x/a/$({l}\n)}}")),
    ("in-pattern-cut", |l, _, _| format!("x=a; : ${{x#$({l}\n)}}")),
    ("in-subscript", |l, _, _| format!("a=(1); : ${{a[$({l}\necho 0)]}}")),
    ("in-array", |l, _, _| format!("a=($({l}\n))")),
    ("in-arithmetic", |l, _, d| {
        let inner = format!("{l}\necho 1");
        ["echo $(( $(@) + 1 ))", "(( $(@) ))", "echo $[ $(@) ]", "let x=$(@)", "a[$(@)]=1", "x=abc; : ${x:$(@)}"]
            [d.below(6)]
        .replace('@', &inner)
    }),
    ("in-test", |l, _, d| {
        ["[[ -n $(@) ]]", "[ -n \"$(@)\" ]", "[[ x == $(@) ]]", "[[ x =~ $(@) ]]", "test -z $(@)"][d.below(5)]
            .replace('@', &format!("{l}\n"))
    }),
    ("in-redirection", |l, _, d| {
        let inner = format!("{l}\necho /dev/null");
        [": > $(@)", ": < \"$(@)\"", "cat <<< $(@)", "{ :; } > $(@)"][d.below(4)].replace('@', &inner)
    }),
    ("in-here-document", |l, _, d| {
        format!("{} <<HDX\ntext $({l}\n)\nHDX", ["cat", "cat > /tmp/h", ": "][d.below(3)])
    }),
    ("in-here-document-backticks", |l, _, _| {
        format!("cat <<HDX\n`{}`\nHDX", l.replace('\\', "\\\\").replace('`', "\\`"))
    }),
    ("behind-here-document", |l, _, d| {
        format!(
            "cat <<{}; {}\ntext\nHDX",
            ["HDX", "'HDX'", "-HDX"][d.below(3)],
            l.replace('\n', "; ").trim_end_matches("; ")
        )
    }),
    ("after-here-document", |l, _, d| {
        format!("cat <<{}\nit's text (\nHDX\n{l}", ["HDX", "'HDX'", "-HDX"][d.below(3)])
    }),
    ("after-two-here-documents", |l, _, _| format!("cat <<A <<'B'\nit's\nA\n$(x\nB\n{l}")),
    ("after-quoted-marker", |l, _, _| format!("echo \"<<EOF\"\n{l}")),
    ("in-process-substitution", |l, _, d| format!("{}<({l}\n)", ["cat ", ": ", "cat < ", "x="][d.below(4)])),
    ("in-output-process", |l, _, d| format!("{} >({l}\n)", ["echo x >", "tee", ": 2>"][d.below(3)])),
    ("after-comment", |l, _, d| {
        format!("{}\n{l}", ["# it's a comment", ": # x", "echo a#b # (", "#"][d.below(4)])
    }),
    ("behind-hash-in-word", |l, _, _| format!("echo a#b; {l}")),
    ("after-continuation", |l, _, _| format!("true && \\\n{l}")),
    ("options-set", |l, _, d| {
        format!(
            "{}\n{l}",
            ["set -e", "set -euo pipefail", "shopt -s extglob", "set +H", "shopt -s globstar nullglob"]
                [d.below(5)]
        )
    }),
    ("awk-system", |l, _, _| {
        let inner = l.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("awk {}", quoted(&format!("BEGIN {{ system(\"{inner}\") }}")))
    }),
    ("perl-system", |l, _, _| {
        let inner = l.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$").replace('@', "\\@");
        format!("perl -e {}", quoted(&format!("system(\"{inner}\")")))
    }),
    ("sed-e", |l, _, _| format!("echo x | sed {}", quoted(&format!("1e {}", l.replace('\n', "; "))))),
    ("git-alias", |l, _, _| format!("git -c alias.zz={} zz", quoted(&format!("!{l}")))),
    ("decoded", |l, _, d| {
        let text = base64(l.as_bytes());
        [
            "echo @ | base64 -d | bash",
            "base64 -d <<< @ | sh",
            "bash -c \"$(echo @ | base64 -d)\"",
            "eval \"$(base64 --decode <<< @)\"",
            "bash <(echo @ | base64 -d)",
            "source <(base64 -d <<< @)",
            "echo @ | base64 -di | { bash; }",
            "x=$(base64 -d <<< @); eval \"$x\"",
            "bash <<< \"$(base64 -d <<< @)\"",
        ][d.below(9)]
        .replace('@', &text)
    }),
    ("decoded-hex", |l, _, _| {
        let hex: String = l.bytes().map(|b| format!("{b:02x}")).collect();
        format!("echo {hex} | xxd -r -p | bash")
    }),
    ("printed-octal-to-shell", |l, _, _| {
        let octal: String = l.bytes().map(|b| format!("\\{b:03o}")).collect();
        format!("printf '{octal}' | sh")
    }),
    ("echoed-hex-to-shell", |l, _, _| {
        let hex: String = l.bytes().map(|b| format!("\\x{b:02x}")).collect();
        format!("echo -e '{hex}' | bash")
    }),
    ("ansi-c-to-eval", |l, _, _| {
        let hex: String = l.bytes().map(|b| format!("\\x{b:02x}")).collect();
        format!("eval $'{hex}'")
    }),
    ("reversed-to-shell", |l, _, _| {
        let text: String = l.replace('\n', "; ").chars().rev().collect();
        format!("rev <<< {} | bash", quoted(&text))
    }),
    ("syntax-error-behind", |l, _, _| format!("{l}\nfi")),
    ("padding-in-front", |l, _, _| format!("{}\n{l}", "echo x; ".repeat(200))),
    ("nested-deep", |l, _, d| {
        let deep = 2 + d.below(6);
        format!("{}{l}\n{}", "{ ( ".repeat(deep), ") ; } ".repeat(deep))
    }),
];
