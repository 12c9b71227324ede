//! Programs that run another one as it stands: options, perhaps an operand of their own, then the command.

use super::{Inner, commands};
use crate::model::guard::options::{self, Grammar};
use crate::model::guard::value::Value;

/// A program that runs what stands behind its own options.
pub(super) struct Proxy {
    name: &'static str,
    grammar: Grammar,
    /// How many operands of its own stand in front of the command.
    skip: usize,
    /// Options with which it runs nothing (`taskset -p`).
    unless: &'static [&'static str],
    /// The option that names the working directory.
    dir: Option<&'static str>,
    /// The option whose value is shell text.
    shell: Option<&'static str>,
    /// A word that may stand in front of the command (`dotenv run`).
    word: Option<&'static str>,
}

const fn proxy(name: &'static str, short: &'static str, rows: &'static [&'static str]) -> Proxy {
    let grammar = Grammar::stop(short, rows);
    Proxy { name, grammar, skip: 0, unless: &[], dir: None, shell: None, word: None }
}

impl Proxy {
    const fn skip(self, skip: usize) -> Self {
        Proxy { skip, ..self }
    }

    const fn unless(self, unless: &'static [&'static str]) -> Self {
        Proxy { unless, ..self }
    }

    const fn dir(self, name: &'static str) -> Self {
        Proxy { dir: Some(name), ..self }
    }

    const fn shell(self, name: &'static str) -> Self {
        Proxy { shell: Some(name), ..self }
    }

    const fn word(self, word: &'static str) -> Self {
        Proxy { word: Some(word), ..self }
    }

    const fn one_dash(self) -> Self {
        Proxy { grammar: self.grammar.with_one_dash(), ..self }
    }

    /// What it runs, with these words behind its name.
    pub(super) fn read(&self, words: &[Value]) -> Vec<Inner> {
        let parsed = options::read(&self.grammar, words);
        if self.unless.iter().any(|name| parsed.has(name)) {
            return Vec::new();
        }
        let dir = self.dir.and_then(|name| parsed.value(name));
        let texts = self.shell.into_iter().flat_map(|name| parsed.values(name));
        let mut found: Vec<Inner> = texts.map(|text| Inner::shell(text.clone()).with(dir, &[])).collect();
        for command in commands(&parsed, words, self.skip) {
            let command = match command.split_first() {
                Some((first, rest)) if self.word.is_some() && first.known() == self.word => rest,
                _ => command,
            };
            let command = match command.split_first() {
                Some((first, rest)) if first.known() == Some("--") => rest,
                _ => command,
            };
            if !command.is_empty() {
                found.push(Inner::argv(command.to_vec()).with(dir, &[]));
            }
        }
        found
    }
}

/// The proxy of this name.
pub(super) fn find(name: &str) -> Option<&'static Proxy> {
    let at = PROXIES.binary_search_by(|proxy| proxy.name.cmp(name)).ok()?;
    PROXIES.get(at)
}

/// All of them, sorted by name. An option that a version knows beyond these is taken for one without a value.
#[rustfmt::skip]
static PROXIES: &[Proxy] = &[
    proxy("aa-exec", "dviFn", &["p,profile=", "n,namespace=", "i,immediate"]),
    proxy("alacritty", "qv", &["e,command", "working-directory=", "t,title=", "class=", "o,option=", "config-file=", "hold"]).dir("working-directory"),
    proxy("beesu", "", &[]),
    proxy("builtin", "", &[]),
    proxy("caffeinate", "disumt:w:", &[]),
    proxy("catatonit", "gPV", &[]),
    proxy("catchsegv", "", &[]),
    proxy("ccache", "", &["o,set-config=", "k,get-config=", "M,max-size=", "F,max-files=", "d,dir=", "config-path="]),
    proxy("cgexec", "g:", &["sticky"]),
    proxy("chpst", "vVP012u:U:b:e:/:n:l:L:m:d:o:p:f:c:r:t:", &[]),
    proxy("chronic", "ev", &[]),
    proxy("chrt", "bfiorRmaDP:T:vV", &["p,pid", "all-tasks", "batch", "deadline", "fifo", "idle", "other", "rr", "reset-on-fork", "sched-runtime=", "sched-period=", "sched-deadline=", "verbose", "max"]).skip(1).unless(&["p", "m", "max"]),
    proxy("command", "p", &["v", "V"]).unless(&["v", "V"]),
    proxy("cpulimit", "zvl:p:P:e:bqfc:", &["limit=", "pid=", "exe=", "path=", "lazy", "background", "foreground"]),
    proxy("daemon", "rfiEvVh", &["n,name=", "X,command=", "P,pidfiles=", "F,pidfile=", "u,user=", "R,chroot=", "D,chdir=", "m,umask=", "e,env=", "i,inherit", "U,unsafe", "S,safe", "c,core", "respawn", "a,acceptable=", "A,attempts=", "L,delay=", "M,limit=", "idiot", "foreground", "p,pty=", "B,bind", "l,errlog=", "b,dbglog=", "o,output=", "O,stdout=", "E,stderr="]).dir("D").shell("X"),
    proxy("daemonize", "av", &["c=", "e=", "o=", "p=", "l=", "u=", "E="]).dir("c"),
    proxy("dbus-launch", "", &["exit-with-session", "sh-syntax"]),
    proxy("dbus-run-session", "", &["dbus-daemon=", "config-file="]),
    proxy("distcc", "", &[]),
    proxy("dotenv", "", &["f,file=", "e=", "q,quote=", "o,override=", "i,overload", "t,template="]).word("run"),
    proxy("dotenvx", "qvd", &["f,env-file=", "e,env=", "o,overload", "convention=", "fk,env-keys-file="]).word("run"),
    proxy("dumb-init", "vcV", &["r,rewrite=", "single-child"]),
    proxy("eatmydata", "", &[]),
    proxy("envdir", "", &[]).skip(1),
    proxy("envuidgid", "", &[]).skip(1),
    proxy("exec", "cl", &["a="]),
    proxy("fakechroot", "bs:d:e:c:", &["lib=", "elfloader=", "config-dir=", "use-system-libs"]),
    proxy("fakeroot", "hv", &["l,lib=", "faked=", "s=", "i=", "u,unknown-is-real", "b="]),
    proxy("faketime", "mp:", &["f", "exclude-monotonic", "date-prog="]).skip(1),
    proxy("firejail", "", &[]),
    proxy("foot", "", &["D,working-directory=", "T,title=", "a,app-id=", "c,config=", "o,override=", "W=", "w=", "t,term=", "H,hold"]).dir("D"),
    proxy("gamemoderun", "", &[]),
    proxy("gksu", "lk", &["u,user=", "m,message=", "D,description="]),
    proxy("gksudo", "lk", &["u,user=", "m,message=", "D,description="]),
    proxy("gnome-terminal", "vhqx", &["working-directory=", "profile=", "title=", "zoom=", "geometry=", "window", "tab", "wait", "e,command="]).dir("working-directory").shell("e"),
    proxy("gosu", "", &[]).skip(1),
    proxy("gtime", "apqv", &["append", "f,format=", "o,output=", "portability", "quiet", "verbose"]),
    proxy("gtimeout", "fpv", &["k,kill-after=", "s,signal=", "foreground", "preserve-status", "verbose"]).skip(1),
    proxy("i386", "BFILRSTXZ34v", &["uname-2.6"]),
    proxy("i686", "BFILRSTXZ34v", &["uname-2.6"]),
    proxy("icecc", "", &[]),
    proxy("ifne", "n", &[]),
    proxy("ionice", "t", &["c,class=", "n,classdata=", "p,pid=", "P,pgid=", "u,uid=", "ignore"]).unless(&["p", "P", "u"]),
    proxy("kdesu", "", &["u=", "c=", "p=", "n", "t", "d"]).shell("c"),
    proxy("kdesudo", "", &["u=", "c=", "p=", "n", "t", "d"]).shell("c"),
    proxy("kitty", "1", &["d,directory=", "T,title=", "hold", "class=", "name=", "o,override=", "c,config=", "start-as=", "session="]).dir("d"),
    proxy("konsole", "", &["e", "workdir=", "p=", "profile=", "hold", "new-tab"]).dir("workdir"),
    proxy("lckdo", "wWeEsxq", &[]).skip(1),
    proxy("linux32", "BFILRSTXZ34v", &["uname-2.6"]),
    proxy("linux64", "BFILRSTXZ34v", &["uname-2.6"]),
    proxy("ltrace", "bcCfhiLrStTVa:A:D:e:F:l:n:o:p:s:u:w:x:X:", &["output=", "config=", "library=", "indent=", "align=", "where=", "demangle", "no-signals"]),
    proxy("mangohud", "", &["dlsym"]),
    proxy("memusage", "d", &["p,progname=", "png=", "data=", "unbuffered", "buffer=", "no-timer", "total", "title="]),
    proxy("multitime", "flqv", &["n=", "s=", "I=", "i=", "o=", "r=", "b="]),
    proxy("nice", "0123456789", &["n,adjustment="]),
    proxy("nocache", "", &["n="]),
    proxy("nocorrect", "", &[]),
    proxy("noglob", "", &[]),
    proxy("nohup", "", &[]),
    proxy("nsenter", "amnuipUCTFZ", &["t,target=", "all", "mount?", "net?", "uts?", "ipc?", "pid?", "user?", "cgroup?", "time?", "S,setuid=", "G,setgid=", "preserve-credentials", "keep-caps", "user-parent", "r,root?", "w,wd?", "W,wdns=", "no-fork", "env", "join-cgroup"]),
    proxy("numactl", "lbsHv", &["i,interleave=", "p,preferred=", "m,membind=", "N,cpunodebind=", "C,physcpubind=", "a,all", "localalloc", "balancing", "show", "hardware", "length=", "offset=", "shmmode=", "shmid=", "file=", "preferred-many=", "weighted-interleave="]).unless(&["s", "H"]),
    proxy("optirun", "", &[]),
    proxy("pgrphack", "", &[]),
    proxy("pidproxy", "", &[]).skip(1),
    proxy("prime-run", "", &[]),
    proxy("primusrun", "", &[]),
    proxy("prlimit", "v", &["p,pid=", "o,output=", "noheadings", "raw", "c,core?", "d,data?", "e,nice?", "f,fsize?", "i,sigpending?", "l,memlock?", "m,rss?", "n,nofile?", "q,msgqueue?", "r,rtprio?", "s,stack?", "t,cpu?", "u,nproc?", "v,as?", "x,locks?", "y,rttime?"]).unless(&["p"]),
    proxy("proot", "v:", &["r,rootfs=", "b,bind,m,mount=", "q,qemu=", "w,pwd,cwd=", "k,kernel-release=", "0,root-id", "i,change-id=", "R=", "S=", "link2symlink", "kill-on-exit"]).dir("w"),
    proxy("proxychains", "q", &["f="]),
    proxy("proxychains4", "q", &["f="]),
    proxy("retry", "v", &["t,times=", "d,delay=", "u,until=", "w,while=", "fail="]),
    proxy("rlwrap", "aciImnNoprRtvw", &["A,ansi-colour-aware?", "always-readline?", "b,break-chars=", "C,command-name=", "D,history-no-dupes=", "e,extra-char-after-completion=", "f,file=", "F,history-format=", "g,forget-matching=", "H,history-filename=", "l,logfile=", "O,only-cook=", "P,pre-given=", "q,quote-characters=", "s,histsize=", "S,substitute-prompt=", "U,mirror-arguments", "z,filter="]),
    proxy("run-one", "", &[]),
    proxy("run-one-constantly", "", &[]),
    proxy("run-this-one", "", &[]),
    proxy("runcon", "c", &["t,type=", "u,user=", "r,role=", "l,range=", "compute"]).skip(1),
    proxy("rxvt", "", &["e", "hold", "title=", "geometry=", "fn=", "fg=", "bg=", "name="]).one_dash(),
    proxy("s6-envdir", "IfnL:", &[]).skip(1),
    proxy("s6-setuidgid", "", &[]).skip(1),
    proxy("s6-softlimit", "hHvm:a:d:s:l:c:f:o:p:r:t:", &[]),
    proxy("sandbox", "XMSC", &["t=", "H=", "T=", "i=", "I=", "w=", "l=", "W=", "d="]),
    proxy("sccache", "", &[]),
    proxy("schedtool", "BDFIRNM:a:p:n:vr", &["e"]),
    proxy("setlock", "nNxX", &[]).skip(1),
    proxy("setpriv", "dh", &["reuid=", "regid=", "groups=", "init-groups", "inh-caps=", "bounding-set=", "ambient-caps=", "securebits=", "pdeathsig=", "selinux-label=", "apparmor-profile=", "nnp,no-new-privs", "reset-env", "clear-groups", "keep-groups", "ruid=", "euid=", "rgid=", "egid=", "ptracer=", "landlock-access=", "landlock-rule=", "seccomp-filter=", "dump"]).unless(&["d", "dump"]),
    proxy("setsid", "hV", &["c,ctty", "f,fork", "w,wait"]),
    proxy("setuidgid", "", &[]).skip(1),
    proxy("softlimit", "m:a:d:s:l:c:f:o:p:r:t:", &[]),
    proxy("sshpass", "evhV", &["f=", "d=", "p=", "P="]),
    proxy("stdbuf", "", &["i,input=", "o,output=", "e,error="]),
    proxy("su-exec", "", &[]).skip(1),
    proxy("systemd-cat", "h", &["t,identifier=", "p,priority=", "stderr-priority=", "level-prefix=", "namespace="]),
    proxy("systemd-inhibit", "", &["what=", "who=", "why=", "mode=", "list", "no-pager", "no-legend"]).unless(&["list"]),
    proxy("taskset", "ac", &["p,pid", "all-tasks", "cpu-list"]).skip(1).unless(&["p"]),
    proxy("time", "apqv", &["append", "f,format=", "o,output=", "portability", "quiet", "verbose"]),
    proxy("timelimit", "pq", &["s=", "S=", "t=", "T="]),
    proxy("timeout", "fpv", &["k,kill-after=", "s,signal=", "foreground", "preserve-status", "verbose"]).skip(1),
    proxy("tini", "svwgl", &["p=", "e="]),
    proxy("torify", "dqv", &[]),
    proxy("torsocks", "aiqdh", &["u,user=", "p,pass=", "isolate", "P,port=", "address=", "shell"]),
    proxy("trickle", "hVvs", &["d=", "u=", "w=", "t=", "l=", "n=", "p="]),
    proxy("ts", "fmdlkrwcpiuUEBgtOos", &["L=", "S=", "N=", "D=", "W="]),
    proxy("tsocks", "", &[]),
    proxy("tsp", "nfmdBEgkrwcpiVCqKth", &["L=", "S=", "N=", "D=", "W=", "O=", "U="]),
    proxy("unbuffer", "p", &[]),
    proxy("unshare", "muinpUCTfrcl", &["mount?", "uts?", "ipc?", "net?", "pid?", "user?", "cgroup?", "time?", "fork", "kill-child?", "mount-proc?", "mount-binfmt?", "map-user=", "map-group=", "map-root-user", "map-current-user", "map-auto", "map-users=", "map-groups=", "propagation=", "setgroups=", "R,root=", "w,wd=", "S,setuid=", "G,setgid=", "load-interp=", "monotonic=", "boottime=", "keep-caps"]).dir("w"),
    proxy("urxvt", "", &["e", "hold", "title=", "geometry=", "fn=", "fg=", "bg=", "name=", "cd="]).one_dash(),
    proxy("valgrind", "vhqd", &[]),
    proxy("vglrun", "sv", &["d=", "sp"]),
    proxy("watchexec", "cnpqrvNW1", &["w,watch=", "e,exts=", "f,filter=", "i,ignore=", "s,signal=", "d,debounce=", "delay-run=", "shell=", "E,env=", "stop-signal=", "stop-timeout=", "on-busy-update=", "project-origin=", "workdir=", "filter-file=", "poll=", "emit-events-to=", "color=", "o="]),
    proxy("with-contenv", "", &[]),
    proxy("with-lock-ex", "wfq", &[]).skip(1),
    proxy("x-terminal-emulator", "", &["e", "hold", "T=", "title=", "geometry="]).one_dash(),
    proxy("x86_64", "BFILRSTXZ34v", &["uname-2.6"]),
    proxy("xterm", "", &["e", "hold", "ls", "T=", "title=", "geometry=", "fa=", "fs=", "fg=", "bg=", "name=", "class="]).one_dash(),
    proxy("xvfb-run", "al", &["auto-servernum", "e,error-file=", "f,auth-file=", "n,server-num=", "listen-tcp", "p,xauth-protocol=", "s,server-args=", "w,wait="]),
];

#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PROXIES.iter().map(|proxy| proxy.name)
}
