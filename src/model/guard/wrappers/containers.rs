//! Programs that run another one in a container.

use std::rc::Rc;

use super::{Inner, commands, shells, words};
use crate::model::guard::mounts;
use crate::model::guard::options::{self, Grammar};
use crate::model::guard::reading::{Call, Mount, Place};
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

/// A container that a line starts, or goes into.
pub(in crate::model::guard) struct Started<'a> {
    parsed: options::Parsed,
    words: &'a [Value],
    /// Whether it is one that runs already.
    runs: bool,
}

impl Started<'_> {
    /// What it sees of this machine.
    pub fn mounts(&self, call: &Call) -> Vec<Mount> {
        let volumes = ["v", "device"].into_iter().flat_map(|name| self.parsed.values(name));
        let mounts = self.parsed.values("mount").filter_map(|value| mounts::mount(value, call));
        volumes.filter_map(|value| mounts::volume(value, call)).chain(mounts).collect()
    }

    /// Whether nothing is known of what would run in it: what its image says, or a shell that reads what the line
    /// does not show.
    pub fn runs_anything(&self, call: &Call) -> bool {
        if self.runs {
            return false;
        }
        let command = self.parsed.operands.get(1..).unwrap_or_default();
        let entry = self.parsed.value("entrypoint");
        let first = command.first().or(entry);
        match first.map(Value::known) {
            None => true,
            Some(None) => entry.is_none(),
            Some(Some(word)) => {
                let name = word.rsplit('/').next().unwrap_or_default();
                let alone =
                    command.iter().skip(1).all(|w| w.known().is_some_and(|w| w.starts_with('-') && w != "-c"));
                shells::reader(name).is_some() && alone && call.stdin.text.is_none()
            }
        }
    }

    /// The program that an image is named after: mostly the one that its words are for.
    fn named_after(&self) -> Option<&str> {
        let image = self.parsed.operands.first()?.known()?.rsplit('/').next()?;
        image.split([':', '@']).next().filter(|name| !name.is_empty())
    }

    fn inner(&self, call: &Call) -> Vec<Inner> {
        let dir = self.parsed.value("w");
        let place = Place::Container(self.mounts(call).into());
        let mut starts = commands(&self.parsed, self.words, 1);
        if starts.is_empty() && self.parsed.has("entrypoint") {
            starts.push(&[]);
        }
        let run = |argv: Vec<Value>| Inner::argv(argv).with(dir, &[]).at(place.clone());
        let mut found = Vec::new();
        for command in starts {
            let mut argv = self.parsed.value("entrypoint").map(words::split).unwrap_or_default();
            if let Some(name) = self.named_after().filter(|_| !self.runs && argv.is_empty()) {
                found.push(run(std::iter::once(Value::from(name)).chain(command.iter().cloned()).collect()));
            }
            argv.extend_from_slice(command);
            found.push(run(argv));
        }
        found
    }
}

fn container(program: &str, call: &Call) -> Vec<Inner> {
    started(program, call).map(|started| started.inner(call)).unwrap_or_default()
}

/// The container of a line of docker's or one of its kin's.
pub(in crate::model::guard) fn started<'a>(program: &str, call: &'a Call) -> Option<Started<'a>> {
    let mut words = call.args();
    let mut compose = program.ends_with("-compose");
    // `docker compose exec`, `docker container run`: three words at most.
    for _ in 0..3 {
        let parsed = options::read(&CONTAINER, words);
        let at = parsed.operands_at.first()?;
        let rest = words.get(at + 1..).unwrap_or_default();
        match words.get(*at).and_then(Value::known) {
            Some(verb @ ("exec" | "run" | "create")) => {
                let parsed = options::read(&CONTAINER_RUN, rest);
                return Some(Started { parsed, words: rest, runs: verb == "exec" });
            }
            Some("compose") if !compose => compose = true,
            Some("container") => {}
            _ => return None,
        }
        words = rest;
    }
    None
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
    if command.is_empty() {
        Vec::new()
    } else {
        vec![Inner::argv(command.to_vec()).at(Place::Container(Rc::default()))]
    }
}
