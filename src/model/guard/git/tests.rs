use super::config::{Entry, parse, words};
use super::*;
use crate::model::guard::reading::{Call, Dir};
use crate::model::guard::world::Context;
use crate::model::guard::world::made_up::MadeUp;
use crate::model::guard::{judge_shell, reader};

fn calls(line: &str, context: &Context<'_>) -> Vec<Call> {
    reader::read(line, context).unwrap().calls
}

fn first(line: &str, context: &Context<'_>) -> Call {
    calls(line, context).remove(0)
}

fn last(line: &str, context: &Context<'_>) -> Call {
    calls(line, context).pop().unwrap()
}

#[test]
fn a_call_is_taken_apart() {
    let world = MadeUp::new();
    let context = world.context();
    for (line, sub, args, dir) in [
        ("git push -f", "push", "-f", "/home/u/project"),
        ("git -C .. push -f", "push", "-f", "/home/u"),
        ("git -C a -C ../b -p status", "status", "", "/home/u/project/b"),
        ("git -C /x -C y --no-pager log -1", "log", "-1", "/x/y"),
        ("git -c a.b=c -c d=e push", "push", "", "/home/u/project"),
        ("git --config-env a=B push", "push", "", "/home/u/project"),
        ("git --exec-path=/x push", "push", "", "/home/u/project"),
        ("git --namespace n push x", "push", "x", "/home/u/project"),
        ("git $OPTIONS push x", "push", "x", "/home/u/project"),
        ("git $SUB -f x", "$SUB", "-f x", "/home/u/project"),
        ("/usr/lib/git-core/git-push -f", "push", "-f", "/home/u/project"),
    ] {
        let command = command(&last(line, &context), &context).unwrap();
        assert_eq!(command.subcommand.to_string(), sub, "{line}");
        let shown: Vec<String> = command.args.iter().map(ToString::to_string).collect();
        assert_eq!(shown.join(" "), args, "{line}");
        assert_eq!(command.dir, Dir::Known(dir.into()), "{line}");
    }
    for line in ["git", "git --version", "git -C x", "gitk push", "echo git push"] {
        assert_eq!(command(&last(line, &context), &context), None, "{line}");
    }
    assert_eq!(command(&last("git -C $D push", &context), &context).unwrap().dir, Dir::Unknown);
}

fn world_with_repositories() -> MadeUp {
    let mut world = MadeUp::new();
    for (path, text) in [
        ("/home/u/tree/.git", "gitdir: /home/u/onmain/.git/worktrees/tree\n"),
        ("/home/u/onmain/.git/worktrees/tree/HEAD", "ref: refs/heads/master\n"),
        ("/home/u/onmain/.git/worktrees/tree/commondir", "../..\n"),
        ("/home/u/onmain/.git/config", "[alias]\n\tpf = push --force\n"),
        ("/home/u/onmain/README.md", "x"),
        ("/home/u/onmain/sub/.git", "gitdir: ../.git/modules/sub"),
        ("/home/u/onmain/.git/modules/sub/HEAD", "ref: refs/heads/topic\n"),
        ("/srv/bare.git/HEAD", "ref: refs/heads/main\n"),
        ("/srv/bare.git/config", "[core]\nbare = true\n"),
        ("/srv/new/.git/HEAD", "ref: refs/heads/.invalid\n"),
        ("/srv/odd/.git/HEAD", "nonsense"),
        ("/home/u/onmain/packed/x", "x"),
        ("/home/u/onmain/.git/packed-refs", "# pack-refs\nabc refs/heads/packed\n"),
    ] {
        world.files.insert(path.into(), text.into());
    }
    world.links.insert("/srv/old/.git/HEAD".into(), "refs/heads/main".into());
    world
}

#[test]
fn the_branch_is_read_from_files_and_from_the_line() {
    let world = world_with_repositories();
    let branch = |name: &str| Head::Branch(name.into());
    for (line, want) in [
        ("git reset", branch("feature/a")),
        ("git -C /home/u/onmain reset", branch("main")),
        ("git -C /home/u/onmain/deep/er reset", branch("main")),
        ("git -C /home/u/tree reset", branch("master")),
        ("git -C /home/u/onmain/sub reset", branch("topic")),
        ("git -C /srv/bare.git reset", branch("main")),
        ("git -C /srv/old reset", branch("main")),
        ("git -C /srv/new reset", Head::Unreadable),
        ("git -C /srv/odd reset", Head::Unreadable),
        ("git -C /srv reset", Head::Unreadable),
        ("git -C $D reset", Head::Unreadable),
        ("git -C $D --git-dir=/home/u/onmain/.git reset", branch("main")),
        ("git --git-dir=$D reset", Head::Unreadable),
        ("git --git-dir /home/u/tree/.git reset", branch("master")),
        ("git -C /home/u/detached reset", Head::Detached),
        ("git checkout main; git reset", branch("main")),
        ("git checkout -b new; git reset", branch("new")),
        ("git checkout -b main origin/x; git reset", branch("main")),
        ("git switch --create new; git reset", branch("new")),
        ("git switch --force-create=new; git reset", branch("new")),
        ("git checkout --orphan gh; git reset", branch("gh")),
        ("git checkout --detach main; git reset", Head::Detached),
        ("git checkout $B; git reset", Head::Unreadable),
        ("git checkout -; git reset", Head::Unreadable),
        ("git checkout -t origin/topic; git reset", branch("topic")),
        ("git symbolic-ref HEAD refs/heads/main; git reset", branch("main")),
        ("git branch -m other; git reset", branch("other")),
        ("git branch -m a b; git reset", branch("feature/a")),
        ("git -C /home/u/onmain checkout x; git reset", branch("feature/a")),
        ("git -C /home/u/onmain checkout README.md; git -C /home/u/onmain reset", branch("main")),
        ("git -C /home/u/onmain checkout .; git -C /home/u/onmain reset", branch("main")),
        ("git -C /home/u/onmain checkout HEAD a; git -C /home/u/onmain reset", branch("main")),
        ("git -C /home/u/onmain checkout a -- b; git -C /home/u/onmain reset", branch("main")),
        ("git -C /home/u/onmain checkout packed; git -C /home/u/onmain reset", branch("packed")),
        ("git clone https://x.test/r.git; git -C r reset", Head::Unreadable),
        ("git clone https://x.test/r d; git -C d/e reset", Head::Unreadable),
        ("git clone https://x.test/r; git reset", branch("feature/a")),
        ("git init; git reset", Head::Unreadable),
        ("git worktree add ../w main; git -C ../w reset", Head::Unreadable),
        ("gh pr checkout 7; git reset", Head::Detached),
        ("ln -s / /tmp/l; git -C /tmp/l/home/u/onmain reset", branch("main")),
        ("git -C /proc/self/root/home -C u/onmain reset", branch("main")),
        ("ln -s /home/u /tmp/l; timeout 5 git -C /tmp/l/onmain reset", branch("main")),
        ("git -C /?ome -C u/onmain reset", branch("main")),
        ("cd /h*/u/onmain && git reset", branch("main")),
    ] {
        let context = world.context();
        let mut before = calls(line, &context);
        let this = command(&before.pop().unwrap(), &context).unwrap();
        assert_eq!(head_before(&this, &before, &context), want, "{line}");
    }
}

#[test]
fn configuration_is_read() {
    let entries = parse(
        "\u{feff}# top\n[Alias] ; why\n\tPF = push --force # all\n bare\n q = \"a # b\" c  \n\
         long = one \\\n two\n e = \"x\\\"y\\\\z\\tw\"\r\n[alias \"New\"]command=status\n[remote \"Or.igin\"]\n\
         url = a;b\n[include]path=~/x\n[broken\nk = v\n[ok]\na=1",
    );
    let shown: Vec<String> = entries.iter().map(|e| format!("{}={}", e.name, e.value)).collect();
    assert_eq!(
        shown,
        [
            "alias.pf=push --force",
            "alias.q=a # b c",
            "alias.long=one  two",
            "alias.e=x\"y\\z\tw",
            "alias.New.command=status",
            "remote.Or.igin.url=a",
            "include.path=~/x",
            "broken.k=v",
            "ok.a=1",
        ]
    );
    assert_eq!(words("push '--force' \"a b\" c\\ d ''"), ["push", "--force", "a b", "c d", ""]);
    assert_eq!(parse(""), Vec::<Entry>::new());
    for text in ["[", "[a", "[a \"", "=", "a", "[a]b=\\", "[a]b=\"", "\\", "[a]é=1\nü"] {
        parse(text);
    }
}

#[test]
fn aliases_are_looked_up() {
    let mut world = world_with_repositories();
    for (path, text) in [
        (
            "/home/u/project/.git/config",
            "[alias]\n l = log --oneline\n two = pf -v\n loop = loop2\n loop2 = loop\n",
        ),
        (
            "/home/u/.gitconfig",
            "[alias]\n pf = push -f\n sh = \"!git push --force origin\"\n l = status\n\
             push = status\n [include]\n path = more\n [includeIf \"gitdir:~/w/\"]\n path = /home/u/work\n",
        ),
        ("/home/u/more", "[alias]\n inc = reset --hard\n[include]\npath=more\n"),
        ("/home/u/work", "[alias]\n w = -c x.y=z push\n"),
        ("/home/u/.config/git/config", "[alias]\n x = fetch\n"),
        ("/etc/gitconfig", "[alias]\n sys = gc\n pf = gc\n"),
        ("/home/v/.gitconfig", "[alias]\n other = push\n"),
    ] {
        world.files.insert(path.into(), text.into());
    }
    let context = world.context();
    let shown = |line: &str| match alias(&first(line, &context), &context) {
        Some(Alias::Git { argv }) => argv.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        Some(Alias::Shell { text, args, dir }) => format!("{text} | {args:?} | {dir:?}"),
        None => String::new(),
    };
    for (line, want) in [
        ("git pf origin topic", "git push -f origin topic"),
        ("git PF", "git push -f"),
        ("git l -1", "git log --oneline -1"),
        ("git two x", "git push -f -v x"),
        ("git loop", ""),
        ("git inc", "git reset --hard"),
        ("git w a", "git -c x.y=z push a"),
        ("git x", "git fetch"),
        ("git sys", "git gc"),
        ("git -C /home/u/onmain pf", "git -C /home/u/onmain push --force"),
        ("git -C /home/u/tree pf", "git -C /home/u/tree push --force"),
        ("git -C $D pf", "git -C $D push -f"),
        ("HOME=/home/v git other", "git push"),
        ("git other", ""),
        ("git push", ""),
        ("git $X", ""),
        ("echo pf", ""),
    ] {
        let call = first(line, &context);
        let got = match alias(&call, &context) {
            Some(Alias::Git { argv }) => argv.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Some(Alias::Shell { .. }) => "shell".into(),
            None => String::new(),
        };
        assert_eq!(got, want, "{line}");
    }
    assert_eq!(
        shown("git sh a"),
        format!(
            "git push --force origin \"$@\" | {:?} | Some(\"/home/u/project\")",
            [crate::model::guard::value::Value::from("git push --force origin"), "a".into()]
        )
    );
    let mut call = last("git x1", &context);
    call.env = vec![
        ("GIT_CONFIG_COUNT".into(), "1".into()),
        ("GIT_CONFIG_KEY_0".into(), "alias.x1".into()),
        ("GIT_CONFIG_VALUE_0".into(), "push -f".into()),
    ];
    assert!(matches!(alias(&call, &context), Some(Alias::Git { .. })));
}

#[test]
fn what_may_be_an_alias_is_blocked_only_where_no_configuration_can_be_read() {
    let world = MadeUp::new();
    let context = world.context();
    let rules = |line: &str| -> Vec<&'static str> {
        judge_shell(line, &context).findings.iter().map(|(_, f)| f.rule).collect()
    };
    assert_eq!(rules("git -C $D pf --force"), ["git.push-force"]);
    assert_eq!(rules("git -C $D undo-all --hard"), ["git.reset-hard"]);
    assert_eq!(rules("git -C $D lfs fetch --force"), Vec::<&str>::new());
    assert_eq!(rules("git pf --force"), Vec::<&str>::new());
    assert_eq!(rules("git $SUB --force"), ["git.push-force"]);
    assert_eq!(rules("git $SUB origin"), Vec::<&str>::new());
}
