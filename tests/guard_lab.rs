//! The guard's lab: it refuses wherever something of the host is in reach, and a slice of its proof.
//!
//! These tests need user namespaces. A machine that forbids them to ordinary users fails here, on purpose: whoever
//! knows that and wants the rest sets `GUARD_LAB=none`, which is said on stderr.

use super::common::bin;
use std::io::Write;
use std::process::{Command, Output, Stdio};

fn without_lab() -> bool {
    let none = std::env::var("GUARD_LAB").is_ok_and(|v| v == "none");
    if none {
        eprintln!("NOT PROVED: GUARD_LAB=none leaves the guard's sealed root out");
    }
    none
}

/// Starts a program that must not run the harmless command that it is sent.
fn started(program: &mut Command) -> Output {
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .current_dir("/")
        .spawn()
        .unwrap();
    let request = br#"{"text":"frob","shell":"bash"}"#;
    let mut frame = u32::try_from(request.len()).unwrap().to_le_bytes().to_vec();
    frame.extend(request);
    // A refusal closes the pipe early.
    let _ = child.stdin.take().unwrap().write_all(&frame);
    child.wait_with_output().unwrap()
}

fn refuses(program: &mut Command, expected: &[&str]) {
    let output = started(program);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(98), "{program:?}: {said}");
    assert_eq!(output.stdout, b"", "{program:?} ran something: {said}");
    assert!(said.contains("nothing was run"), "{program:?}: {said}");
    for text in expected {
        assert!(said.contains(text), "{program:?}: {text} is not in: {said}");
    }
}

#[test]
fn the_inside_refuses_on_the_host() {
    let all = [
        "nothing is known about the host",
        "a mount is not its own",
        "the root is not in memory",
        "uid map",
        "the processes are not its own",
        "new privileges can be gained",
    ];
    refuses(&mut Command::new(bin("guard-lab-inside")), &all);
}

#[test]
fn it_refuses_wherever_something_of_the_host_is_left() {
    if without_lab() {
        return;
    }
    bin("guard-lab-inside");
    let cases: &[(&str, &[&str])] = &[
        ("facts", &["nothing is known about the host"]),
        ("proc", &["its own root or /proc is not mounted"]),
        ("bind=/var/tmp", &["a mount is not its own", "a file of the host is in reach", "/var/tmp"]),
        ("bind=/etc", &["a mount is not its own", "a file of the host is in reach", "/etc/passwd"]),
        ("file-bind", &["a mount is not its own", "/mnt/x"]),
        ("old-root", &["a mount is not its own", "/old"]),
        ("old-root-as-root", &["a mount is not its own", "nothing is known", "not in memory"]),
        ("network", &["a network is in reach"]),
        // Without processes of its own it does not even get a /proc.
        ("processes", &["/proc: EPERM"]),
        ("root-inside", &["the user inside is root", "capabilities are left"]),
        ("privileges", &["new privileges can be gained"]),
    ];
    for (leave, expected) in cases {
        refuses(Command::new(bin("guard-lab")).args(["outer", "--leave", leave]), expected);
    }
    if nix::unistd::geteuid().is_root() {
        refuses(Command::new(bin("guard-lab")).args(["outer", "--leave", "root"]), &["may be root"]);
    }
    let text = format!("exec 9</etc/hostname; exec {} outer --leave descriptors", bin("guard-lab").display());
    refuses(Command::new("sh").args(["-c", &text]), &["a descriptor is no pipe: "]);
}

#[test]
fn a_sealed_root_runs_what_it_is_given() {
    if without_lab() {
        return;
    }
    bin("guard-lab-inside");
    let output = started(Command::new(bin("guard-lab")).arg("outer"));
    let said = String::from_utf8_lossy(&output.stdout);
    let why = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{why}");
    assert!(said.contains(r#""sealed":true"#) && said.contains(r#""argv":["frob"]"#), "{said}{why}");
}
