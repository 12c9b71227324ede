//! Programs that run another one in a container.

use super::{Inner, commands, words};
use crate::model::guard::options::{self, Grammar};
use crate::model::guard::reading::{Call, Place};
use crate::model::guard::value::Value;

/// How their lines are read.
pub(super) fn reader(name: &str) -> Option<fn(&str, &Call) -> Vec<Inner>> {
    Some(match name {
        "docker" | "podman" | "nerdctl" | "docker-compose" | "podman-compose" | "lima" | "finch" => container,
        "kubectl" | "oc" | "k3s" | "microk8s" | "k" | "kubectl.exe" => |_, call| kubectl(call.args()),
        _ => return None,
    })
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
