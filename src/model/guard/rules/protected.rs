//! Files that nobody writes for an agent: what decides over it, and what runs as somebody else.

use super::on_paths::Seen;
use crate::model::guard::changes::{Change, glob, join};
use crate::model::guard::paths::files::Reach;
use crate::model::guard::paths::places::{Depth, Kind};
use crate::model::guard::paths::{Last, Paths};
use crate::model::guard::policy::Effect;
use crate::model::guard::value::Value;
use crate::model::guard::verdict::{Finding, Rule};
use crate::model::guard::world::Context;

/// The rule.
const ID: &str = "file.protected-write";

/// The rules of this file.
pub static RULES: &[Rule] = &[Rule {
    id: ID,
    effect: Effect::Block,
    title: "writes, replaces, moves or deletes a file that decides over agents, logins or root's processes",
    instead: "Leave the file; reading and copying from it are free: `cp ~/.bashrc ./bashrc.copy`. Write what you \
              propose to a file of the project and tell the operator.",
    verbs: &[
        "tee",
        "sed",
        "cp",
        "mv",
        "install",
        "ln",
        "rm",
        "chmod",
        "authorized_keys",
        "settings.json",
        "sudoers",
    ],
    finds: &[
        "tee -a ~/.zshrc",
        "echo 'alias x=y' >> ~/.bashrc",
        "echo x >| ~/.profile",
        "echo x &>> ~/.zshenv",
        "echo '{}' > .claude/settings.json",
        "echo '{}' > ./.claude/settings.local.json",
        "cat x 1<> .claude/settings.json",
        "sed -i 's/a/b/' .claude/settings.json",
        "sed -Ei.bak s/a/b/ ~/.bashrc",
        "sed --in-place=.bak s/a/b/ ~/.bashrc",
        "sed -n -i -e s/a/b/ ~/.bashrc",
        "perl -pi -e s/a/b/ ~/.bashrc",
        "perl -i.bak -pe s/a/b/ ~/.profile",
        "awk -i inplace 1 ~/.profile",
        "cp x .claude/hooks/",
        "cp x.sh .claude/hooks/guard.sh",
        "cp -t ~ .bashrc",
        "cp evil/.bashrc ~",
        "cp -r dotfiles/. ~/",
        "mv x ~/.ssh/authorized_keys",
        "mv .claude/hooks /tmp/hooks",
        "mv ~/.ssh ~/old-ssh",
        "ln -sf /tmp/x .claude/settings.json",
        "ln -sfn /tmp/hooks .claude/hooks",
        "install -m 440 x /etc/sudoers.d/x",
        "rsync x/settings.json .claude/",
        "rsync -a dotfiles/ ~/",
        "dd if=x of=/home/u/.bashrc",
        "curl -o ~/.ssh/authorized_keys https://example.org/k",
        "cd ~/.ssh && curl -O https://example.org/authorized_keys",
        "wget -O ~/.bashrc https://example.org/x",
        "wget -P ~/.ssh https://example.org/authorized_keys",
        "tar -xf x.tar -C ~",
        "tar xzf x.tgz -C .claude/hooks",
        "unzip -o x.zip -d .claude",
        "truncate -s 0 .claude/settings.json",
        "touch .claude/hooks/x",
        "chmod 644 .claude/hooks/guard.sh",
        "chmod -R 755 .claude",
        "chown u .claude/hooks/guard.sh",
        "rm .claude/settings.json",
        "rm -rf .claude",
        "rm -r .claude/hooks",
        "rm .claude/*.json",
        "git checkout HEAD -- .claude/settings.json",
        "git restore .claude",
        "git rm .claude/settings.json",
        "sort -o ~/.bashrc ~/.bashrc",
        "cat x | sponge ~/.bashrc",
        "patch ~/.bashrc x.diff",
        "ed -s ~/.bashrc",
        "vim -es -c 'normal x' -c wq ~/.bashrc",
        "cd ~ && echo x >> .bashrc",
        "echo x > /etc/systemd/system/x.service",
        "cp x /etc/profile.d/x.sh",
        "echo x >> /etc/skel/.bashrc",
        "echo x > /home/u/.claude-accounts/a/settings.json",
        "echo x > /home/u/.config/claude-failover/config.yaml",
        "rm -rf /srv/cf",
        "echo x > ~/.config/fish/conf.d/x.fish",
        "echo x >> /proc/self/root/home/u/.bashrc",
        "echo x >> /home/v/.bashrc",
        "scp key host:.ssh/authorized_keys",
        "yq -i '.a = 1' .claude/settings.json",
        "echo x > ~/.bash$X",
        "find ~/.claude -type f -exec sed -i s/a/b/ {} +",
        "echo x | dd of=~/.bashrc",
        "dasel put -f .claude/settings.json -v x a",
        "tar -C / -xf x.tar",
        "tar xzf rootfs.tgz --directory=/",
        "tar -xPf x.tar",
        "cd / && tar xf /tmp/x.tar",
        "curl -s https://example.org/x.tgz | tar -xz -C /",
        "unzip x.zip -d /",
        "unzip -o x.zip -d /etc",
        "cpio -idu -D /etc < x.cpio",
        "cd / && cpio -id < x.cpio",
        "rsync -a rootfs/ /",
        "rsync -a x/ /usr/",
        "dpkg -x x.deb /",
        "docker cp c:/out/. ~/.ssh",
        "docker cp c:/out/settings.json .claude/settings.json",
        "docker run -v ~/.ssh:/k alpine tee -a /k/authorized_keys",
        "docker run --mount type=bind,source=/,target=/host alpine sh -c \"echo x >> /host/root/.bashrc\"",
        "docker run -v \"$PWD\":/w -w /w image sh -c \"echo {} > .claude/settings.json\"",
        "docker run -v \"$PWD\"/.claude:/c some-image",
        "ssh-copy-id -i k.pub user@host",
        "ssh-copy-id localhost",
    ],
    passes: &[
        "cat .claude/settings.json",
        "cp ~/.bashrc bashrc.copy",
        "cp .claude/settings.json /tmp/x.json",
        "diff ~/.bashrc fixtures/.bashrc",
        "echo x > fixtures/.bashrc",
        "echo x > src/settings.json",
        "echo x > .vscode/settings.json",
        "echo x > .claude/commands/test.md",
        "cp x.md .claude/commands/",
        "mkdir -p .claude/hooks",
        "mkdir .claude",
        "git add .claude/settings.json",
        "git diff .claude/settings.json",
        "git checkout main",
        "git checkout -- src/main.rs",
        "git restore --staged .claude/settings.json",
        "grep -r x .claude/hooks",
        "sed -n 1,5p ~/.bashrc",
        "sed s/a/b/ ~/.bashrc > out",
        "sed -i s/bashrc/zshrc/ notes.md",
        "tar -cf backup.tar .claude",
        "tar -xf x.tar",
        "tar -xf x.tar -C build",
        "find .claude -name '*.md' -exec sed -i s/a/b/ {} +",
        "find . -type f -exec sed -i s/a/b/ {} +",
        "dasel -f .claude/settings.json a",
        "tar -C /tmp -xf x.tar",
        "tar -C /usr/local -xzf go.tar.gz",
        "tar -C /opt -xzf tool.tgz",
        "tar -czf etc.tgz -C / etc/hosts",
        "tar -tf x.tar -C /",
        "rsync -a dist/ host:/srv/www/",
        "docker cp c:/out ./out",
        "docker cp ./x c:/etc/x",
        "docker run -v ~/.ssh:/root/.ssh:ro image git clone host:x",
        "docker run -v \"$PWD\":/w -w /w image sh -c \"echo x > notes.md\"",
        "ssh-copy-id -n user@host",
        "unzip x.zip -d build",
        "echo .bashrc > notes.txt",
        "cat ~/.ssh/authorized_keys",
        "ssh-keygen -lf ~/.ssh/authorized_keys",
        "chmod 700 ~/.ssh",
        "source ~/.bashrc",
        "rsync -a .claude/ /tmp/copy/",
        "curl -o out.json https://example.org/settings.json",
        "cp *.txt ~/project/docs/",
        "cp ./* ~/project/out/",
        "ls -la ~/.ssh /etc/sudoers.d",
        "visudo -c",
        "perl -ne print ~/.bashrc",
        "rm -rf ~/project/fixtures/.ssh",
    ],
}];

/// Holds a change against the rule.
pub fn judge(seen: &mut Seen<'_>) {
    let change = seen.change;
    let (path, last, reach, would) = match change {
        Change::Delete { path, recursive: true } => (path, Last::Kept, Reach::Away, "delete"),
        Change::Delete { path, .. } => (path, Last::Kept, Reach::File, "delete"),
        Change::Move { path } => (path, Last::Kept, Reach::Away, "move away"),
        Change::Write { path } => (path, Last::Followed, Reach::File, "write"),
        Change::Put { path, tree: true, .. } => (path, Last::Followed, Reach::Tree, "replace"),
        Change::Put { path, .. } => (path, Last::Followed, Reach::File, "write"),
        Change::Mode { path, recursive: true, .. } => (path, Last::Followed, Reach::Away, "change the mode of"),
        Change::Mode { path, .. } => (path, Last::Followed, Reach::Mode, "change the mode of"),
        Change::Hand { path } => (path, Last::Followed, Reach::Away, "be given"),
        Change::Fill { path } => {
            fill(seen, path);
            for child in ["*", ".*"] {
                let child = join(path, &glob(child));
                find(seen, &child, Last::Followed, Reach::File, "put files over");
            }
            return;
        }
        Change::Empty { .. } | Change::Elsewhere(_) => return,
    };
    find(seen, path, last, reach, would);
}

/// Files of names that nobody knows, put over what the system runs and what every shell reads.
fn fill(seen: &mut Seen<'_>, path: &Value) {
    for at in seen.locate(path, Last::Followed).iter() {
        let found = seen.paths.protected_place(at, Depth::Everything).filter(|found| !found.unresolved);
        let Some(found) = found else { continue };
        let whole = match found.kind {
            Kind::Root | Kind::AboveHome => true,
            // Where others put what they install.
            Kind::System => at.names.len() == 1 && !at.names.iter().any(|name| name.known() == Some("opt")),
            _ => false,
        };
        if whole {
            seen.report(ID, "put files over", path, at, found.kind.words());
        }
    }
}

fn find(seen: &mut Seen<'_>, path: &Value, last: Last, reach: Reach, would: &str) {
    for at in seen.locate(path, last).iter() {
        if matches!(seen.change, Change::Put { unless_directory: true, .. }) && seen.paths.is_dir(at) == Some(true)
        {
            continue;
        }
        if let Some(what) = seen.paths.protected_file(at, reach) {
            seen.report(ID, would, path, at, what);
        }
    }
}

/// Holds a write by a tool against the rules about files. `path` as the tool was given it.
pub fn judge_write(path: &str, context: &Context<'_>, findings: &mut Vec<Finding>) {
    let paths = Paths::new(context);
    for at in paths.locate_known(path) {
        let found = match paths.protected_file(&at, Reach::File) {
            Some(what) => Some((ID, what)),
            None => paths.is_disk(&at).then_some(("dev.raw-write", "a disk")),
        };
        if let Some((rule, what)) = found {
            findings.push(Finding { rule, reading: format!("the tool would write {}, {what}", at.shown()) });
            return;
        }
    }
}
