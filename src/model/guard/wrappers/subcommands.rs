//! Runners of projects and environments, which take a subcommand first.

use super::{Inner, assignments, commands};
use crate::model::guard::options::{self, Grammar};
use crate::model::guard::reading::{Call, Place};
use crate::model::guard::value::Value;

/// How their lines are read.
pub(super) fn reader(name: &str) -> Option<fn(&str, &Call) -> Vec<Inner>> {
    SUBCOMMANDS.binary_search_by(|row| row.program.cmp(name)).is_ok().then_some(subcommand)
}

/// A program with a subcommand that runs a program.
struct Subcommand {
    program: &'static str,
    /// The subcommands, each a word or two.
    verbs: &'static [&'static str],
    /// Options in front of the subcommand and behind it, together.
    grammar: Grammar,
    /// Operands of its own in front of the command.
    skip: usize,
    /// Options whose value is shell text.
    texts: &'static [&'static str],
    elsewhere: bool,
}

const fn runs(
    program: &'static str,
    verbs: &'static [&'static str],
    skip: usize,
    rows: &'static [&'static str],
) -> Subcommand {
    Subcommand { program, verbs, grammar: Grammar::stop("", rows), skip, texts: &[], elsewhere: false }
}

impl Subcommand {
    const fn texts(self, texts: &'static [&'static str]) -> Self {
        Subcommand { texts, ..self }
    }

    const fn elsewhere(self) -> Self {
        Subcommand { elsewhere: true, ..self }
    }
}

/// Sorted by program. An empty verb: the command stands behind the options at once.
static SUBCOMMANDS: &[Subcommand] = &[
    runs("asdf", &["exec"], 0, &[]),
    runs("aws-vault", &["exec"], 1, &["d,duration=", "region=", "t,mfa-token=", "backend=", "prompt="]),
    runs("bundle", &["exec"], 0, &["gemfile="]),
    runs("bundler", &["exec"], 0, &["gemfile="]),
    runs("chamber", &["exec"], 1, &["b,backend=", "r,retries="]),
    runs("conda", &["run"], 0, &["n,name=", "p,prefix=", "cwd=", "live-stream,no-capture-output", "v"]),
    runs("direnv", &["exec"], 1, &[]),
    runs("distrobox", &["enter"], 0, &["n,name=", "a,additional-flags="]).elsewhere(),
    runs("distrobox-enter", &[""], 0, &["n,name=", "a,additional-flags=", "e"]).elsewhere(),
    runs(
        "doppler",
        &["run"],
        0,
        &["p,project=", "c,config=", "t,token=", "command=", "scope=", "mount=", "name-transformer="],
    )
    .texts(&["command"]),
    runs(
        "flatpak",
        &["run"],
        1,
        &["command=", "cwd=", "branch=", "arch=", "env=", "filesystem=", "share=", "socket="],
    ),
    runs("guix", &["shell", "environment"], 0, &["ad-hoc", "m,manifest=", "C,container", "N,network"]),
    runs("hatch", &["run", "env run"], 0, &["e,env=", "p,project=", "data-dir=", "config="]),
    runs("heroku", &["run", "local:run"], 0, &["a,app=", "s,size=", "e,env="]).elsewhere(),
    runs("incus", &["exec"], 1, &["cwd=", "env=", "group=", "user=", "mode=", "t", "T", "n", "project="])
        .elsewhere(),
    runs("infisical", &["run"], 0, &["env=", "path=", "projectId=", "token=", "command="]).texts(&["command"]),
    runs(
        "ip",
        &["netns exec", "vrf exec"],
        1,
        &["n,netns=", "f,family=", "b,batch=", "4", "6", "d", "s", "o", "j", "p"],
    ),
    runs("lxc", &["exec"], 1, &["cwd=", "env=", "group=", "user=", "mode=", "t", "T", "n", "project="])
        .elsewhere(),
    runs("machinectl", &["shell"], 1, &["uid=", "E,setenv=", "H,host=", "M,machine="]).elsewhere(),
    runs("mamba", &["run"], 0, &["n,name=", "p,prefix=", "cwd=", "a,attach="]),
    runs("micromamba", &["run"], 0, &["n,name=", "p,prefix=", "cwd=", "a,attach=", "r,root-prefix="]),
    runs("mise", &["exec", "x"], 0, &["c,command=", "j,jobs=", "C,cd=", "E,env="]).texts(&["c"]),
    runs("nix", &["develop", "shell", "run"], 0, &["c,command=", "f,file=", "expr=", "I=", "inputs-from="])
        .texts(&["c"]),
    runs(
        "nix-shell",
        &[""],
        0,
        &["run=", "command=", "p,packages", "I=", "A,attr=", "arg==", "argstr==", "E,expr=", "keep=", "i="],
    )
    .texts(&["run", "command"]),
    runs(
        "npm",
        &["exec", "x", "explore"],
        0,
        &["c,call=", "p,package=", "w,workspace=", "prefix=", "y,yes", "shell="],
    )
    .texts(&["c"]),
    runs(
        "npx",
        &[""],
        0,
        &["c,call=", "p,package=", "w,workspace=", "prefix=", "y,yes", "q", "no-install", "shell="],
    )
    .texts(&["c"]),
    runs("op", &["run"], 0, &["env-file=", "account=", "session=", "no-masking"]),
    runs("pdm", &["run"], 0, &["p,project=", "c,config=", "s,site-packages"]),
    runs(
        "perf",
        &["record", "stat", "trace", "mem record", "kvm stat", "sched record", "lock record", "c2c record"],
        0,
        &[
            "e,event=",
            "F,freq=",
            "c,count=",
            "o,output=",
            "p,pid=",
            "t,tid=",
            "C,cpu=",
            "m,mmap-pages=",
            "r,repeat=",
            "I,interval-print=",
            "D,delay=",
            "x,field-separator=",
            "G,cgroup=",
            "call-graph=",
            "u,uid=",
            "j,branch-filter=",
            "k,clockid=",
            "M,metrics=",
            "pre=",
            "post=",
            "filter=",
            "a",
            "A",
            "d",
            "g",
            "n",
            "q",
            "v",
            "s",
            "S",
            "T",
            "i",
            "B",
            "W",
            "R",
            "N",
            "P",
        ],
    )
    .texts(&["pre", "post"]),
    runs("pipenv", &["run"], 0, &["python=", "pypi-mirror="]),
    runs("pixi", &["run", "exec"], 0, &["e,environment=", "manifest-path=", "s,spec=", "c,channel="]),
    runs("pnpm", &["exec", "dlx"], 0, &["C,dir=", "F,filter=", "c,shell-mode", "package=", "r", "w"]),
    runs("poetry", &["run"], 0, &["C,directory=", "P,project="]),
    runs("pyenv", &["exec"], 0, &[]),
    runs("rbenv", &["exec"], 0, &[]),
    runs("rye", &["run"], 0, &["pyproject="]),
    runs("scl", &["enable", "run"], 1, &[]),
    runs("toolbox", &["run"], 0, &["c,container=", "d,distro=", "r,release="]).elsewhere(),
    runs(
        "uv",
        &["run", "tool run"],
        0,
        &[
            "p,python=",
            "with=",
            "with-requirements=",
            "with-editable=",
            "extra=",
            "group=",
            "only-group=",
            "no-group=",
            "env-file=",
            "directory=",
            "project=",
            "package=",
            "cache-dir=",
            "config-file=",
            "i,index-url=",
            "index=",
            "default-index=",
            "extra-index-url=",
            "f,find-links=",
            "P,upgrade-package=",
            "refresh-package=",
            "C,config-setting=",
            "color=",
            "m,module=",
            "s,script",
            "w",
            "q",
            "v",
            "n",
            "from=",
        ],
    ),
    runs("uvx", &[""], 0, &["from=", "with=", "p,python=", "index=", "q", "v"]),
    runs("vagrant", &["ssh"], 0, &["c,command=", "p,plain"]).texts(&["c"]).elsewhere(),
    runs("wsl", &[""], 0, &["d,distribution=", "u,user=", "e,exec", "cd=", "shell-type="]).elsewhere(),
    runs("yarn", &["exec", "dlx"], 0, &["cwd=", "package=", "p,packages=", "q"]),
];

fn subcommand(program: &str, call: &Call) -> Vec<Inner> {
    let found = SUBCOMMANDS.binary_search_by(|row| row.program.cmp(program)).ok();
    let Some(row) = found.and_then(|at| SUBCOMMANDS.get(at)) else { return Vec::new() };
    let words = call.args();
    let rest = row.verbs.iter().find_map(|verb| behind_verb(&row.grammar, words, verb));
    let Some(rest) = rest else { return Vec::new() };
    let parsed = options::read(&row.grammar, rest);
    let place = if row.elsewhere { Place::Elsewhere } else { Place::Here };
    let texts = row.texts.iter().flat_map(|name| parsed.values(name));
    let mut run: Vec<Inner> = texts.map(|text| Inner::shell(text.clone()).at(place.clone())).collect();
    if let (Some(command), "flatpak") = (parsed.value("command"), program) {
        let mut argv = vec![command.clone()];
        argv.extend(parsed.operands.iter().skip(1).cloned());
        return vec![Inner::argv(argv).with(parsed.value("cwd"), &[])];
    }
    if program == "scl"
        && let [text] = parsed.operands.get(1..).unwrap_or_default()
    {
        run.push(Inner::shell(text.clone()));
        return run;
    }
    // `nix develop -c CMD ARG …`: what stands behind the value belongs to it.
    if program == "nix" {
        let Some(at) = parsed.options.iter().find(|o| o.name == "c") else { return Vec::new() };
        let mut argv = at.values.clone();
        argv.extend(rest.get(at.end..).unwrap_or_default().iter().cloned());
        return vec![Inner::argv(argv)];
    }
    if program == "nix-shell" {
        return run;
    }
    for command in commands(&parsed, rest, row.skip) {
        let command = match command.split_first() {
            Some((first, behind)) if first.known() == Some("--") => behind,
            _ => command,
        };
        // Packages or tools may stand before the dashes: `mise exec node@20 -- cmd`.
        let dashes = command.iter().position(|w| w.known() == Some("--"));
        let behind =
            dashes.and_then(|at| command.get(at + 1..)).filter(|_| matches!(program, "mise" | "guix" | "npm"));
        let (env, command) = assignments(behind.unwrap_or(command));
        if !command.is_empty() {
            let dir = parsed.value("cwd").or(parsed.value("directory"));
            run.push(Inner::argv(command.to_vec()).with(dir, &env).at(place.clone()));
        }
    }
    run
}

/// The words behind a verb of one or two words, options before it left out.
fn behind_verb<'a>(grammar: &Grammar, words: &'a [Value], verb: &str) -> Option<&'a [Value]> {
    let mut rest = words;
    for part in verb.split_whitespace() {
        let at = *options::read(grammar, rest).operands_at.first()?;
        if rest.get(at)?.known() != Some(part) {
            return None;
        }
        rest = rest.get(at + 1..)?;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_that_is_searched_is_sorted() {
        assert!(SUBCOMMANDS.is_sorted_by_key(|row| row.program));
    }
}
