//! Programs that run another one elsewhere: on another machine, in a container, in another root; and runners of
//! projects and environments, which take a subcommand first.

use super::{Inner, assignments, commands, join, shells, words};
use crate::model::guard::options::{self, Grammar};
use crate::model::guard::reading::{Call, Place};
use crate::model::guard::value::Value;

/// How their lines are read.
pub(super) fn reader(name: &str) -> Option<fn(&str, &Call) -> Vec<Inner>> {
    Some(match name {
        "ssh" | "autossh" | "slogin" | "dbclient" => |_, call| ssh(call.args()),
        "mosh" | "et" => |_, call| mosh(call.args()),
        "chroot" | "gchroot" | "arch-chroot" | "systemd-nspawn" | "bwrap" => new_root,
        "lxc-attach" | "lxc-execute" => |_, call| behind_dashes(call.args(), 0, Place::Elsewhere),
        "docker" | "podman" | "nerdctl" | "docker-compose" | "podman-compose" | "lima" | "finch" => container,
        "kubectl" | "oc" | "k3s" | "microk8s" | "k" | "kubectl.exe" => |_, call| kubectl(call.args()),
        _ if SUBCOMMANDS.binary_search_by(|row| row.program.cmp(name)).is_ok() => subcommand,
        "setarch" => |_, call| setarch(call.args()),
        "busybox" | "toybox" => |_, call| match call.args() {
            [first, ..] if first.starts_with("-") => Vec::new(),
            [] => Vec::new(),
            argv => vec![Inner::argv(argv.to_vec())],
        },
        _ => return None,
    })
}

const SSH: Grammar = Grammar::stop("46AaCfGgKkMNnqsTtVvXxYyB:b:c:D:E:e:F:I:i:J:L:l:m:O:o:P:p:Q:R:S:W:w:", &[]);

/// Settings of ssh that are commands for the shell of this machine.
const SSH_COMMANDS: &[&str] = &["proxycommand", "localcommand", "knownhostscommand"];

/// Options may stand behind the host as well.
fn ssh(words: &[Value]) -> Vec<Inner> {
    let mut found = Vec::new();
    let mut rest = words;
    let mut host = false;
    let mut quiet = false;
    loop {
        let parsed = options::read(&SSH, rest);
        found.extend(parsed.values("o").filter_map(ssh_setting));
        quiet |= ["N", "G", "V", "Q", "O", "W", "s"].iter().any(|name| parsed.has(name));
        let starts = commands(&parsed, rest, 0);
        let Some((last, unknown)) = starts.split_last() else { break };
        if host {
            found.push(Inner::shell(join(last)).at(Place::Elsewhere));
            return found;
        }
        for words in unknown {
            found.extend(
                words.get(1..).filter(|w| !w.is_empty()).map(|w| Inner::shell(join(w)).at(Place::Elsewhere)),
            );
        }
        host = true;
        rest = last.get(1..).unwrap_or_default();
        if rest.first().is_some_and(|word| !word.starts_with("-")) {
            found.push(Inner::shell(join(rest)).at(Place::Elsewhere));
            return found;
        }
    }
    if host && !quiet {
        found.push(Inner::input().at(Place::Elsewhere));
    }
    found
}

/// A value of `-o`: `ProxyCommand=…` or `ProxyCommand …`.
pub(super) fn ssh_setting(value: &Value) -> Option<Inner> {
    let (name, text) = value.split_once('=').or_else(|| value.split_once(' '))?;
    SSH_COMMANDS.contains(&name.trim().to_ascii_lowercase().as_str()).then(|| Inner::shell(text))
}

/// `mosh [OPTION …] HOST [--] CMD …`
fn mosh(words: &[Value]) -> Vec<Inner> {
    let grammar =
        Grammar::stop("46an", &["ssh=", "client=", "server=", "predict=", "p,port=", "bind-server=", "c="]);
    let parsed = options::read(&grammar, words);
    let mut found: Vec<Inner> =
        ["ssh", "client"].into_iter().flat_map(|n| parsed.values(n)).cloned().map(Inner::shell).collect();
    for command in commands(&parsed, words, 1) {
        let command = command.iter().skip_while(|w| w.known() == Some("--")).cloned().collect();
        found.push(Inner::argv(command).at(Place::Elsewhere));
    }
    found
}

const CHROOT: Grammar = Grammar::stop("Nhru:", &["userspec=", "groups=", "skip-chdir"]);

const NSPAWN: Grammar = Grammar::stop(
    "qxbaPU",
    &[
        "D,directory=",
        "template=",
        "i,image=",
        "root-hash=",
        "pivot-root=",
        "chdir=",
        "E,setenv=",
        "u,user=",
        "kill-signal=",
        "M,machine=",
        "hostname=",
        "uuid=",
        "S,slice=",
        "property=",
        "private-users=",
        "network-interface=",
        "network-macvlan=",
        "network-bridge=",
        "network-zone=",
        "network-namespace-path=",
        "p,port=",
        "capability=",
        "drop-capability=",
        "system-call-filter=",
        "rlimit=",
        "resolv-conf=",
        "timezone=",
        "link-journal=",
        "bind=",
        "bind-ro=",
        "tmpfs=",
        "overlay=",
        "console=",
        "volatile?",
        "as-pid2",
        "boot",
        "ephemeral",
        "read-only",
        "quiet",
        "private-network",
        "network-veth",
        "Z=",
        "L=",
    ],
);

/// What it binds is of this machine, so its command runs here.
const BWRAP: Grammar = Grammar::stop(
    "",
    &[
        "args=",
        "argv0=",
        "userns=",
        "userns2=",
        "pidns=",
        "uid=",
        "gid=",
        "hostname=",
        "chdir=",
        "setenv==",
        "unsetenv=",
        "lock-file=",
        "sync-fd=",
        "bind==",
        "bind-try==",
        "bind-fd==",
        "dev-bind==",
        "dev-bind-try==",
        "ro-bind==",
        "ro-bind-try==",
        "ro-bind-fd==",
        "ro-bind-data==",
        "bind-data==",
        "overlay-src=",
        "overlay===",
        "tmp-overlay=",
        "ro-overlay=",
        "remount-ro=",
        "exec-label=",
        "file-label=",
        "proc=",
        "dev=",
        "tmpfs=",
        "mqueue=",
        "dir=",
        "file==",
        "symlink==",
        "chmod==",
        "perms=",
        "size=",
        "seccomp=",
        "add-seccomp-fd=",
        "block-fd=",
        "userns-block-fd=",
        "info-fd=",
        "json-status-fd=",
        "cap-add=",
        "cap-drop=",
        "level-prefix",
        "new-session",
        "die-with-parent",
        "as-pid-1",
        "share-net",
        "clearenv",
        "unshare-all",
    ],
);

fn new_root(program: &str, call: &Call) -> Vec<Inner> {
    let (grammar, skip, place) = match program {
        "systemd-nspawn" => (&NSPAWN, 0, Place::Elsewhere),
        "bwrap" => (&BWRAP, 0, Place::Here),
        _ => (&CHROOT, 1, Place::Elsewhere),
    };
    let parsed = options::read(grammar, call.args());
    let dir = parsed.value("chdir");
    let run: Vec<Inner> = commands(&parsed, call.args(), skip)
        .into_iter()
        .map(|command| Inner::argv(command.to_vec()).with(dir, &[]).at(place))
        .collect();
    if run.is_empty() && skip == 1 && !call.args().is_empty() { vec![Inner::input().at(place)] } else { run }
}

/// docker and its kin, in front of the subcommand; compose's own too.
const CONTAINER: Grammar = Grammar::stop(
    "Dv",
    &[
        "c,context=",
        "H,host=",
        "l,log-level=",
        "config=",
        "tlscacert=",
        "tlscert=",
        "tlskey=",
        "n,namespace=",
        "a,address=",
        "root=",
        "connection=",
        "url=",
        "f,file=",
        "p,project-name=",
        "profile=",
        "env-file=",
        "project-directory=",
        "ansi=",
        "parallel=",
        "progress=",
        "cgroup-manager=",
        "storage-driver=",
        "storage-opt=",
        "runroot=",
        "r,remote",
    ],
);

/// `exec` and `run` together: no option means one thing here and another there.
const CONTAINER_RUN: Grammar = Grammar::stop(
    "diPtTq",
    &[
        "e,env=",
        "env-file=",
        "u,user=",
        "w,workdir=",
        "detach-keys=",
        "index=",
        "entrypoint=",
        "a,attach=",
        "add-host=",
        "annotation=",
        "blkio-weight=",
        "blkio-weight-device=",
        "cap-add=",
        "cap-drop=",
        "cgroup-parent=",
        "cgroupns=",
        "cidfile=",
        "conmon-pidfile=",
        "cpu-period=",
        "cpu-quota=",
        "cpu-rt-period=",
        "cpu-rt-runtime=",
        "c,cpu-shares=",
        "cpus=",
        "cpuset-cpus=",
        "cpuset-mems=",
        "device=",
        "device-cgroup-rule=",
        "device-read-bps=",
        "device-read-iops=",
        "device-write-bps=",
        "device-write-iops=",
        "dns=",
        "dns-option=",
        "dns-search=",
        "domainname=",
        "expose=",
        "gpus=",
        "group-add=",
        "h,hostname=",
        "health-cmd=",
        "health-interval=",
        "health-retries=",
        "health-start-period=",
        "health-timeout=",
        "ip=",
        "ip6=",
        "ipc=",
        "isolation=",
        "l,label=",
        "label-file=",
        "link=",
        "log-driver=",
        "log-opt=",
        "mac-address=",
        "m,memory=",
        "memory-reservation=",
        "memory-swap=",
        "memory-swappiness=",
        "mount=",
        "name=",
        "network,net=",
        "network-alias=",
        "oom-score-adj=",
        "pid=",
        "pids-limit=",
        "platform=",
        "pod=",
        "p,publish=",
        "pull=",
        "requires=",
        "restart=",
        "runtime=",
        "secret=",
        "security-opt=",
        "shm-size=",
        "stop-signal=",
        "stop-timeout=",
        "storage-opt=",
        "sysctl=",
        "systemd=",
        "tmpfs=",
        "tz=",
        "ulimit=",
        "umask=",
        "userns=",
        "uts=",
        "v,volume=",
        "volume-driver=",
        "volumes-from=",
        "rm",
        "detach",
        "interactive",
        "tty",
        "privileged",
        "init",
        "no-healthcheck",
        "read-only",
        "publish-all",
        "sig-proxy",
        "disable-content-trust",
        "quiet",
        "no-deps",
        "service-ports",
        "use-aliases",
        "build",
        "replace",
    ],
);

fn container(program: &str, call: &Call) -> Vec<Inner> {
    let mut words = call.args();
    let mut compose = program.ends_with("-compose");
    // `docker compose exec`, `docker container run`: three words at most.
    for _ in 0..3 {
        let parsed = options::read(&CONTAINER, words);
        let Some(at) = parsed.operands_at.first() else { return Vec::new() };
        let rest = words.get(at + 1..).unwrap_or_default();
        match words.get(*at).and_then(Value::known) {
            Some("exec" | "run" | "create") => {
                let parsed = options::read(&CONTAINER_RUN, rest);
                return in_container(&parsed, rest);
            }
            Some("compose") if !compose => compose = true,
            Some("container") => {}
            _ => return Vec::new(),
        }
        words = rest;
    }
    Vec::new()
}

fn in_container(parsed: &options::Parsed, words: &[Value]) -> Vec<Inner> {
    let dir = parsed.value("w");
    let mut starts = commands(parsed, words, 1);
    if starts.is_empty() && parsed.has("entrypoint") {
        starts.push(&[]);
    }
    let run = |command: &[Value]| {
        let mut argv: Vec<Value> = Vec::new();
        if let Some(entry) = parsed.value("entrypoint") {
            argv.extend(words::split(entry));
        }
        argv.extend_from_slice(command);
        Inner::argv(argv).with(dir, &[]).at(Place::Elsewhere)
    };
    starts.into_iter().map(run).collect()
}

const KUBECTL: Grammar = Grammar::mix(
    "itqh",
    &[
        "c,container=",
        "f,filename=",
        "n,namespace=",
        "context=",
        "cluster=",
        "kubeconfig=",
        "s,server=",
        "user=",
        "token=",
        "as=",
        "as-group=",
        "l,selector=",
        "v=",
        "request-timeout=",
        "pod-running-timeout=",
        "image=",
        "restart=",
        "overrides=",
        "env=",
        "labels=",
        "port=",
        "target=",
        "profile=",
        "copy-to=",
        "command",
        "rm",
        "stdin",
        "tty",
        "quiet",
    ],
);

/// `kubectl exec POD [--] CMD …`, `kubectl run NAME --image=I -- CMD …`, `kubectl debug`
fn kubectl(words: &[Value]) -> Vec<Inner> {
    let end = words.iter().position(|word| word.known() == Some("--"));
    let (front, behind) = words.split_at(end.unwrap_or(words.len()));
    let parsed = options::read(&KUBECTL, front);
    let verb = parsed.operands.iter().position(|w| matches!(w.known(), Some("exec" | "run" | "debug")));
    let Some(verb) = verb.filter(|at| *at <= 1) else { return Vec::new() };
    let command = match behind.split_first() {
        Some((_, command)) => command,
        // The old form: what stands behind the pod, options of the command's included.
        None => parsed.operands_at.get(verb + 2).and_then(|at| words.get(*at..)).unwrap_or_default(),
    };
    if command.is_empty() { Vec::new() } else { vec![Inner::argv(command.to_vec()).at(Place::Elsewhere)] }
}

/// What stands behind `--`, or behind so many operands where there is none.
fn behind_dashes(words: &[Value], skip: usize, place: Place) -> Vec<Inner> {
    let command = match words.iter().position(|word| word.known() == Some("--")) {
        Some(at) => words.get(at + 1..),
        None => words.get(skip..),
    };
    let command = command.unwrap_or_default();
    if command.is_empty() { Vec::new() } else { vec![Inner::argv(command.to_vec()).at(place)] }
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
    place: Place,
}

const fn runs(
    program: &'static str,
    verbs: &'static [&'static str],
    skip: usize,
    rows: &'static [&'static str],
) -> Subcommand {
    Subcommand { program, verbs, grammar: Grammar::stop("", rows), skip, texts: &[], place: Place::Here }
}

impl Subcommand {
    const fn texts(self, texts: &'static [&'static str]) -> Self {
        Subcommand { texts, ..self }
    }

    const fn elsewhere(self) -> Self {
        Subcommand { place: Place::Elsewhere, ..self }
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
    let texts = row.texts.iter().flat_map(|name| parsed.values(name));
    let mut run: Vec<Inner> = texts.map(|text| Inner::shell(text.clone()).at(row.place)).collect();
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
            run.push(Inner::argv(command.to_vec()).with(dir, &env).at(row.place));
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

/// `setarch [ARCH] [OPTION …] [CMD …]`
fn setarch(words: &[Value]) -> Vec<Inner> {
    let grammar = Grammar::stop("BFILRSTXZ34v", &["uname-2.6", "list", "show?", "p,pid="]);
    let rest = match words.split_first() {
        Some((first, rest)) if !first.starts_with("-") => rest,
        _ => words,
    };
    let parsed = options::read(&grammar, rest);
    let run = |command: &[Value]| Inner::argv(command.to_vec());
    let found: Vec<Inner> = commands(&parsed, rest, 0).into_iter().map(run).collect();
    if found.is_empty() && !parsed.has("list") { shells::read(&[], Place::Here) } else { found }
}
