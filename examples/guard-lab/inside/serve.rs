//! Process 1 of the sealed root: takes shell texts, runs each in a shell of its own, and tells what was called and
//! what changed. Frames both ways: four bytes of length, little-endian, then JSON.

use crate::seal;
use crate::stand_in::LOG;
use crate::tree::Tree;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, alarm, getpid, setsid};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Seconds on the clock that a command and everything that it started may take.
const DEADLINE: u32 = 1;

extern "C" fn nothing(_: i32) {}

/// Serves until the other end is closed.
pub fn serve() {
    limits();
    // Without SA_RESTART, so that the alarm ends a wait.
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGALRM, &action) }.expect("a handler for the alarm");
    let mut tree = Tree::note();
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    send(&mut output, &json!({"sealed": true}));
    while let Some(request) = receive(&mut input) {
        // Nothing inside can break the seal; that is looked at all the same, each time.
        let refusals = seal::refusals(&seal::Facts::gather());
        assert!(refusals.is_empty(), "the seal is broken: {refusals:?}");
        let answer = run(&request, &mut tree);
        send(&mut output, &answer);
    }
}

/// Limits that everything below inherits; those on time are set for each command.
fn limits() {
    let set = |what, most| setrlimit(what, most, most).expect("a limit");
    set(Resource::RLIMIT_NPROC, 64);
    set(Resource::RLIMIT_AS, 1 << 30);
    set(Resource::RLIMIT_FSIZE, 4 << 20);
    set(Resource::RLIMIT_NOFILE, 128);
    set(Resource::RLIMIT_CORE, 0);
    set(Resource::RLIMIT_MEMLOCK, 0);
    set(Resource::RLIMIT_MSGQUEUE, 0);
    // A second line behind the root: nothing but what is below it may be opened at all. Kernels without Landlock
    // have the first line only.
    use landlock::{ABI, Access, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, path_beneath_rules};
    let all = AccessFs::from_all(ABI::V3);
    Ruleset::default()
        .handle_access(all)
        .and_then(Ruleset::create)
        .and_then(|set| set.add_rules(path_beneath_rules(["/"], all)))
        .and_then(landlock::RulesetCreated::restrict_self)
        .expect("Landlock refused the rules");
}

fn run(request: &Value, tree: &mut Tree) -> Value {
    let field = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
    File::create(LOG).expect("the log");
    let out = File::create("/.lab/out").expect("a file for the output");
    let shell = if field("shell") == "sh" { "/bin/sh" } else { "/bin/bash" };
    let mut command = Command::new(shell);
    command
        .args(["-c", field("text")])
        .env_clear()
        .envs([
            ("HOME", "/home/u"),
            ("USER", "u"),
            ("LOGNAME", "u"),
            ("SHELL", "/bin/bash"),
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
            ("LC_ALL", "C"),
        ])
        .current_dir("/home/u/project")
        .stdin(File::open("/.lab/empty").map_or_else(|_| Stdio::null(), Stdio::from))
        .stdout(out.try_clone().map_or_else(|_| Stdio::null(), Stdio::from))
        .stderr(out);
    // SAFETY: two system calls.
    unsafe {
        command.pre_exec(|| {
            setsid()?;
            setrlimit(Resource::RLIMIT_CPU, 2, 2)?;
            Ok(())
        });
    }
    alarm::set(DEADLINE);
    let child = command.spawn().map(|c| c.id().cast_signed());
    let mut status = None;
    let mut late = child.is_err();
    // Whatever was left in the background comes to us when its parent has ended.
    loop {
        match waitpid(None, None) {
            Ok(WaitStatus::Exited(pid, code)) if Ok(pid.as_raw()) == child.as_ref().copied().map_err(|_| ()) => {
                status = Some(code);
            }
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => {
                late = true;
                break;
            }
            Err(_) => break,
        }
    }
    alarm::cancel();
    if late {
        end_all();
    }
    let mut said = Vec::new();
    let _ = File::open("/.lab/out").and_then(|f| f.take(400).read_to_end(&mut said));
    let said = String::from_utf8_lossy(&said).into_owned();
    let calls: Vec<Value> = std::fs::read_to_string(LOG)
        .unwrap_or_default()
        .lines()
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect();
    let changes: Vec<Value> = tree.restore().into_iter().map(|(what, path)| json!([what, path])).collect();
    json!({"status": status, "late": late, "said": said, "calls": calls, "changes": changes})
}

/// Ends every process but this one.
fn end_all() {
    // Process 1 reaches its own processes only; as any other, `kill -1` would reach the host's.
    assert_eq!(getpid(), Pid::from_raw(1), "not process 1");
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    while waitpid(None, None).is_ok() {}
}

fn receive(input: &mut impl Read) -> Option<Value> {
    let mut length = [0; 4];
    input.read_exact(&mut length).ok()?;
    let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
    input.read_exact(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn send(output: &mut impl Write, value: &Value) {
    let bytes = value.to_string().into_bytes();
    let length = u32::try_from(bytes.len()).expect("a small answer");
    output.write_all(&length.to_le_bytes()).and_then(|()| output.write_all(&bytes)).expect("the other end");
    output.flush().expect("the other end");
}
