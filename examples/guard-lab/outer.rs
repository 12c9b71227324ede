//! The way into the sealed root: `guard-lab outer [--leave WHAT]`.
//!
//! 1. Everything that the root will hold is read into memory ([`Root::read`]), and the facts about the host are
//!    gathered by which the inside recognises it.
//! 2. A process that is root becomes an ordinary user; then new user, mount, process, network, IPC and name
//!    namespaces.
//! 3. The first process of the new namespaces mounts a file system in memory, writes the root there, mounts a `/proc`
//!    of its own that shows processes only, makes it the root (`pivot_root`), and lets go of the old one.
//! 4. It gives up the right to gain privileges and becomes `guard-lab-inside`, which loses every capability thereby,
//!    has no descriptor but three pipes, and looks itself whether all that is so before it runs anything.
//!
//! `--leave` leaves one of these out: the tests show by it that the inside then refuses. It cannot make anything run
//! that would not otherwise.

use crate::root::Root;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Uid, chdir, fork, getuid, pivot_root, setgroups, setresgid, setresuid};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who a root becomes: nobody's number.
const NOBODY: u32 = 64_242;
/// Who that is inside.
const INSIDE: u32 = 1000;

type Result<T> = std::result::Result<T, String>;

fn told<T, E: std::fmt::Display>(what: &str, result: std::result::Result<T, E>) -> Result<T> {
    result.map_err(|e| format!("{what}: {e}"))
}

/// Enters; comes back only with the reason why not, or the exit code of what ran inside.
pub fn enter(inside: &Path, leave: Option<&str>) -> Result<i32> {
    let left = |what: &str| leave == Some(what);
    let root = told("what the root shall hold cannot be read", Root::read(inside))?;
    let facts = host_facts(inside);
    // A directory of the host that the tests leave in reach.
    let shown = leave.and_then(|l| l.strip_prefix("bind=")).map(PathBuf::from);
    let mut outside = getuid().as_raw();
    if outside == 0 && !left("root") {
        told("groups", setgroups(&[]))?;
        let gid = Gid::from_raw(NOBODY);
        told("group", setresgid(gid, gid, gid))?;
        let uid = Uid::from_raw(NOBODY);
        told("user", setresuid(uid, uid, uid))?;
        // Else the map below would belong to root.
        told("dumpable", nix::sys::prctl::set_dumpable(true))?;
        outside = NOBODY;
    }
    let group = nix::unistd::getgid().as_raw();
    let mut namespaces = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    if left("network") {
        namespaces.remove(CloneFlags::CLONE_NEWNET);
    }
    if left("processes") {
        namespaces.remove(CloneFlags::CLONE_NEWPID);
    }
    told("this machine does not let an ordinary user make namespaces (unshare)", unshare(namespaces))?;
    told("setgroups", std::fs::write("/proc/self/setgroups", "deny"))?;
    let inner = if left("root-inside") { 0 } else { INSIDE };
    told("user map", std::fs::write("/proc/self/uid_map", format!("{inner} {outside} 1")))?;
    told("group map", std::fs::write("/proc/self/gid_map", format!("{inner} {group} 1")))?;
    // SAFETY: one thread.
    match told("fork", unsafe { fork() })? {
        ForkResult::Parent { child } => loop {
            match waitpid(child, None) {
                Ok(WaitStatus::Exited(_, code)) => return Ok(code),
                Ok(WaitStatus::Signaled(_, signal, _)) => return Err(format!("the inside was ended by {signal}")),
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(e) => return Err(e.to_string()),
            }
        },
        ForkResult::Child => {
            let why = first_process(&root, &facts, leave, shown.as_deref());
            Err(why.err().unwrap_or_default())
        }
    }
}

/// The first process of the namespaces.
fn first_process(root: &Root, facts: &str, leave: Option<&str>, shown: Option<&Path>) -> Result<()> {
    let left = |what: &str| leave == Some(what);
    // What we were started with besides the three pipes; /proc is looked at before it changes.
    let descriptors: Vec<i32> = std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2)
        .collect();
    told("parent's death", nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL))?;
    let none = None::<&str>;
    told("private mounts", mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none))?;
    let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    told("a root in memory", mount(Some("guard-lab"), "/tmp", Some("tmpfs"), plain, Some("mode=755,size=256m")))?;
    let new = Path::new("/tmp");
    told("the root's files", root.write(new, if left("facts") { "" } else { facts }))?;
    for dir in ["proc", "old", "tmp", "var/tmp"] {
        told(dir, std::fs::create_dir_all(new.join(dir)))?;
    }
    if !left("proc") {
        let kind = Some("proc");
        let flags = plain | MsFlags::MS_NOEXEC;
        told("/proc", mount(kind, &new.join("proc"), kind, flags, Some("subset=pid")))?;
    }
    if let Some(host) = shown {
        told(
            "bind",
            mount(Some(host), &new.join(host.strip_prefix("/").unwrap_or(host)), none, MsFlags::MS_BIND, none),
        )?;
    }
    if left("file-bind") {
        told("bind", mount(Some("/etc/hostname"), &new.join("mnt/x"), none, MsFlags::MS_BIND, none))?;
    }
    told("the new root", chdir(new))?;
    if left("old-root-as-root") {
        // No new root at all.
        told("the old root", chdir("/"))?;
    } else {
        told("pivot_root", pivot_root(".", "old"))?;
        told("the new root", chdir("/"))?;
        if !left("old-root") {
            told("the old root", umount2("/old", MntFlags::MNT_DETACH))?;
            told("the old root's directory", std::fs::remove_dir("/old"))?;
        }
    }
    if !left("descriptors") {
        close_at_exec(&descriptors);
    }
    if !left("privileges") {
        told("no new privileges", nix::sys::prctl::set_no_new_privs())?;
    }
    let program = if left("old-root-as-root") { "/tmp/.lab/guard-lab-inside" } else { "/.lab/guard-lab-inside" };
    Err(format!("{program}: {}", Command::new(program).env_clear().exec()))
}

fn close_at_exec(descriptors: &[i32]) {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    for fd in descriptors {
        // SAFETY: nothing else in this process owns them by now; a closed one is an error that does no harm.
        let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(*fd) };
        let _ = fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    }
}

/// What the inside must not find: see `inside/seal.rs`.
fn host_facts(inside: &Path) -> String {
    let mut facts = String::new();
    for line in std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default().lines() {
        if let Some(device) = line.split(' ').nth(2) {
            facts += &format!("device {device}\n");
        }
    }
    let top = std::fs::read_dir("/").into_iter().flatten().flatten().map(|e| e.path());
    let more = ["/", "/etc/passwd", "/etc/hostname", "/var/tmp", "/usr/bin", "/proc/1", "/root", "/home"];
    let near = [inside.to_owned(), std::env::current_dir().unwrap_or_default()];
    for path in top.chain(more.map(PathBuf::from)).chain(near) {
        if let Ok(meta) = std::fs::metadata(&path) {
            facts += &format!("file {} {} {}\n", meta.dev(), meta.ino(), path.display());
        }
    }
    facts
}
