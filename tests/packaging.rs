//! What is installed and packed. The program packed is the one of this build: what is packed, where and how is the
//! same for it, and an optimised one would take minutes.

use crate::common::{Said, World, bin, tree};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a target of the Makefile with this build's program.
fn make(w: &World, args: &[&str]) -> Said {
    let mut make = w.fenced("make".as_ref());
    make.arg("-s").args(args).arg(format!("PROGRAM={}", bin("claude-failover").display()));
    Said::of(&make.env_clear().envs(&w.env).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap())
}

fn files(dir: &Path) -> BTreeSet<PathBuf> {
    tree(dir).into_keys().map(|path| path.strip_prefix(dir).unwrap().to_owned()).collect()
}

#[test]
fn make_install_puts_everything_in_place_and_uninstall_removes_just_that() {
    let w = World::bare();
    let root = w.path("a root");
    let destination = format!("DESTDIR={}", root.display());
    let do_it = |target: &str| {
        let said = make(&w, &[target, &destination, "PREFIX=/usr/local"]);
        assert_eq!(said.code, 0, "{said:?}");
        said
    };
    // Somebody else's, beside ours; and an empty directory that was there.
    for foreign in ["lib/systemd/user/claude-failover-mine.service", "share/man/man1/other.1"] {
        w.write(&format!("a root/usr/local/{foreign}"), "x");
    }
    std::fs::create_dir_all(root.join("usr/local/bin")).unwrap();
    let before = tree(&root);
    let foreign_later = root.join("usr/local/share/doc/claude-failover/notes");

    do_it("install");
    let installed = files(&root.join("usr/local"));
    for path in [
        "bin/claude-failover",
        "share/man/man1/claude-failover.1",
        "share/man/man1/claude-failover-task-add.1",
        "share/bash-completion/completions/claude-failover",
        "share/zsh/site-functions/_claude-failover",
        "share/fish/vendor_completions.d/claude-failover.fish",
        "share/doc/claude-failover/README.md",
        "share/doc/claude-failover/examples/config.yaml",
        "share/doc/claude-failover/examples/launch-agent.sh",
        "lib/systemd/user/claude-failover-watch.timer",
    ] {
        assert!(installed.contains(Path::new(path)), "{path} is missing in {installed:#?}");
    }
    let unit = w.read("a root/usr/local/lib/systemd/user/claude-failover-watch.service");
    assert!(unit.contains("\nExecStart=/usr/local/bin/claude-failover "), "{unit}");
    let run = w.fenced(&root.join("usr/local/bin/claude-failover")).arg("--version").output().unwrap();
    assert!(run.status.success());

    // Again, over what an earlier version has left: its file goes, the list is as before.
    let list = "a root/usr/local/share/claude-failover/installed";
    let listed = w.read(list);
    w.write(list, format!("{listed}share/man/man1/claude-failover-of-old.1\n"));
    w.write("a root/usr/local/share/man/man1/claude-failover-of-old.1", "x");
    do_it("install");
    assert_eq!(files(&root.join("usr/local")), installed);
    let sorted = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(sorted(&w.read(list)), sorted(&listed));

    std::fs::write(&foreign_later, "x").unwrap();
    do_it("uninstall");
    assert_eq!(
        files(&root),
        [
            before.keys().map(|p| p.strip_prefix(&root).unwrap().to_owned()).collect::<Vec<_>>(),
            vec![foreign_later.strip_prefix(&root).unwrap().to_owned()]
        ]
        .concat()
        .into_iter()
        .collect()
    );
    std::fs::remove_file(&foreign_later).unwrap();
    assert!(root.join("usr/local/bin").is_dir(), "it was there before");
    assert!(!root.join("usr/local/share/man/man1/claude-failover.1").exists());
    assert!(!root.join("usr/local/share/zsh").exists() && !root.join("usr/local/share/claude-failover").exists());
    assert!(do_it("uninstall").err.contains("nothing is installed"));
    assert_eq!(tree(&root), before);
}

/// What is done with the package in a Debian that has only what it depends on.
const IN_CLEAN_ROOT: &str = r#"
set -eu
list() { find / -xdev \( -path /proc -o -path /var/lib/dpkg -o -path /var/log -o -path /var/cache/man -o -path /root \) -prune -o -print | sort; }
list >/root/before
dpkg --force-unsafe-io --install /root/claude-failover.deb >&2
echo "version: $(claude-failover --version)"
claude-failover doctor --help | grep -q '^Usage: claude-failover doctor'
echo "page: $(man -w claude-failover-task-add)"
MANPAGER=cat man claude-failover | grep -q 'EXIT STATUS'
whatis claude-failover-switch >&2
# Its own checks: no file was changed, none is missing.
dpkg --verify claude-failover
echo "units: $(ls /usr/lib/systemd/user/claude-failover-*.timer | wc -l)"
bash -n /usr/share/bash-completion/completions/claude-failover
dpkg --purge claude-failover >&2
list >/root/after
diff /root/before /root/after
echo 'nothing is left'
"#;

#[test]
fn the_debian_package_is_accepted_installed_run_and_removed() {
    let w = World::bare();
    let out = w.path("out dir");
    let said = make(&w, &["deb", &format!("DEB_DIR={}", out.display()), "COMPRESSION=gzip"]);
    // It has gone past lintian, or it would have failed.
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!said.err.contains("not checked"), "lintian: `make test-tools`: {said:?}");
    let version = env!("CARGO_PKG_VERSION");
    let package = PathBuf::from(said.out.lines().last().unwrap());
    let name = package.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with(&format!("claude-failover_{version}-1_")), "{name}");

    let field = |name: &str| {
        let output = Command::new("dpkg-deb").arg("--field").arg(&package).arg(name).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let depends = field("Depends");
    assert!(depends.contains("libc6 (>= ") && depends.contains("tmux (>= 3.2)"), "{depends}");

    let root = w.path("root");
    std::fs::create_dir(&root).unwrap();
    let tar = concat!(env!("CARGO_MANIFEST_DIR"), "/.debian-root.tar");
    let unpacked =
        Command::new("tar").args(["--extract", "--file", tar, "--directory"]).arg(&root).status().unwrap();
    assert!(unpacked.success(), "{tar}: `make .debian-root.tar` makes it");
    std::fs::copy(&package, root.join("root/claude-failover.deb")).unwrap();
    // Mounts and processes of its own; both end with it.
    let mut inside = Command::new("unshare");
    inside.args(["--mount", "--pid", "--fork", "--kill-child"]);
    inside.arg(format!("--mount-proc={}", root.join("proc").display())).arg("chroot").arg(&root);
    inside.args(["/bin/sh", "-c", IN_CLEAN_ROOT]).env_clear().env("HOME", "/root");
    let said = Said::of(&inside.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output().unwrap());
    assert_eq!(said.code, 0, "{}\n{}\n(it needs root)", said.out, said.err);
    assert!(said.out.contains(&format!("version: claude-failover {version}\n")), "{}", said.out);
    assert!(said.out.contains("page: /usr/share/man/man1/claude-failover-task-add.1.gz\n"), "{}", said.out);
    assert!(!said.out.contains("units: 0") && said.out.ends_with("nothing is left\n"), "{}", said.out);
}
