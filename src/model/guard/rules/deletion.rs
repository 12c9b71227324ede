//! Deletion of what the system, a home or the operator cannot do without.

use super::on_paths::Seen;
use crate::model::guard::changes::Change;
use crate::model::guard::paths::Last;
use crate::model::guard::paths::absolute::Absolute;
use crate::model::guard::paths::places::{Depth, Kind};
use crate::model::guard::policy::Effect;
use crate::model::guard::value::Value;
use crate::model::guard::verdict::Rule;

/// Programs at which text that cannot be parsed is blocked.
const VERBS: &[&str] = &["rm", "rmdir", "unlink", "shred", "truncate", "find", "rsync", "mv", "srm", "trash-put"];

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "fs.delete-system",
        effect: Effect::Block,
        title: "deletes, empties or moves away something of the system",
        instead: "Delete below the project or a temporary directory, by a relative path: `rm -rf ./build`, \
                  `rm -rf /tmp/work`. What belongs to the system is the operator's to remove.",
        verbs: VERBS,
        finds: &[
            "rm -rf /",
            "rm -rf /usr/share",
            "rm -r /etc/nginx",
            "rm -fR -- /var/lib/x",
            "rm --recur --forc /opt",
            "/bin/rm -rf /*",
            "rm /etc -r -f",
            "rm /etc/hosts",
            "rm -rf //etc//",
            "rm -rf /tmp/../etc",
            "rm -rf /./usr/.",
            "rm -rf /tmp",
            "rm -rf /var/tmp",
            "rm -rf /home/v/project",
            "rm -rf /e*",
            "rm -rf /???/nginx",
            "rm -rf /[e]tc",
            "rm -rf /srv",
            "rm -rf /home",
            "unlink /usr/bin/env",
            "shred -u /var/log/syslog",
            "truncate -s 0 /etc/hosts",
            "find / -delete",
            "find /var -name '*.log' -delete",
            "find /usr -type f -delete",
            "rsync -a --delete empty/ /opt/",
            "rsync -a --del empty/ host:/var/www/",
            "mv /etc/nginx /tmp/gone",
            "mv -t /tmp /usr/local/bin",
            ": > /etc/passwd",
            "cp /dev/null /etc/hosts",
            "cp /dev/?ull /etc/hosts",
            "cp $PWD/../../../dev/null /etc/hosts",
            "tee /etc/hosts < /dev/null",
            "(echo x) > /etc/hosts",
            "cd / && rm -rf etc",
            "cd /etc; rm -rf *",
            "rm -rf /proc/self/root/etc",
            "rm -rf /{etc,usr}",
            "git -C /etc clean -fdx",
            "f() { rm -rf \"$D\"; }; D=/etc f",
            "find / -name core -exec rm -f {} \\;",
            "ls /etc | sed 's,^,/etc/,' | xargs rm -f",
            "ls /opt | awk '{print \"/opt/\"$1}' | xargs rm -rf",
            "ed -s <<< '!rm -rf /usr'",
            "awk -v d=/usr 'BEGIN { system(\"rm -rf \" d) }'",
            "php -r 'array_map(\"unlink\", glob(\"/etc/*\"));'",
            "xargs -a /dev/stdin rm -rf <<< /usr",
            "docker run --rm -v /:/host alpine rm -rf /host/etc",
            "docker run -v /usr:/data -w /data alpine rm -rf share",
            "docker run -v /usr:/data/usr alpine rm -rf /data",
            "docker run -v /usr:/data/usr alpine sh -c \"cd /data && rm -rf *\"",
            "docker run --mount type=bind,source=/,target=/host alpine find /host/etc -delete",
            "docker run -v /:/host --entrypoint /bin/rm alpine -rf /host/usr",
            "docker run -v /:/host alpine sh -c \"ln -s /host /h; rm -rf /h/etc\"",
            "docker run -v ../../..:/w alpine rm -rf /w/etc",
            "docker exec web rm -rf /etc",
            "podman run --volume=/etc:/e:rw busybox rm -rf /e/nginx",
            "nerdctl run -v /:/host some-image",
            "docker run -d -v /etc:/etc some-image",
            "docker run -i -v /:/host alpine sh < script.sh",
            "docker run -v /:/host alpine \"$CMD\" -x",
            "mkfifo p; sh < p & echo \"rm -rf /usr\" > p",
            "mkfifo -m 600 /tmp/p && (cat /tmp/p | sh & echo \"rm -rf /usr\" > /tmp/p)",
        ],
        passes: &[
            "rm -rf /var/tmp/b1",
            "rm -rf /tmp/*",
            "rm -rf ./usr",
            "rm -rf etc",
            "rm -rf ./build node_modules target",
            "rm -f build/a.o",
            "rm -rf -- -odd",
            "rm --help",
            "find /etc -name '*.conf'",
            "find /tmp -mtime +7 -delete",
            "find . -name '*.pyc' -delete",
            "find build -type f -delete",
            "rsync -a --delete src/ /tmp/copy/",
            "rsync -an --delete src/ /opt/",
            "rsync -a /etc/nginx/ ./nginx/",
            "mv build old-build",
            "cp -r /usr/share/doc .",
            "ls -R /usr > list.txt",
            "echo done > /dev/null",
            "truncate -s 1M image.raw",
            "rmdir /opt/empty",
            "git clean -fdx",
            "cd /tmp && rm -rf *",
            "ls dist | sed 's,^,dist/,' | xargs rm -f",
            "awk '{print \"/etc/\"$1}' names > paths",
            "find / -name core",
            "docker run -v \"$PWD\":/src image npm test",
            "docker run --rm -v \"$PWD\":/usr/src/app -w /usr/src/app node:20 sh -c \"rm -rf dist && npm ci\"",
            "docker run -v \"$PWD\":/usr/src/app node rm -rf /usr/src/app/dist",
            "docker exec web rm -rf node_modules",
            "docker exec -w /app web sh -c \"rm -rf dist\"",
            "docker run -v /:/host:ro some-image",
            "docker run -v /:/host:ro alpine rm -rf /host/etc",
            "docker run --mount type=bind,src=/,dst=/host,readonly exporter --path.rootfs=/host",
            "docker run -v /etc/localtime:/etc/localtime:ro -v data:/var/lib/data -v /var/run/docker.sock:/s image",
            "docker run -v /:/host alpine ls /host/etc",
            "docker run -d -v /var/lib/grafana:/var/lib/grafana grafana",
            "mkfifo p; cat p & echo \"rm -rf /usr\" > p",
        ],
    },
    Rule {
        id: "fs.delete-home",
        effect: Effect::Block,
        title: "deletes or moves away a home, or what stands directly in it",
        instead: "Delete deeper: `rm -rf ~/.cache/go-build`, or below the project: `rm -rf ./dist`. A single file in \
                  the home goes with a plain `rm ~/notes.txt`.",
        verbs: VERBS,
        finds: &[
            "rm -rf ~",
            "rm -rf ~/",
            "rm -rf ~/.",
            "rm -rf \"$HOME\"",
            "rm -rf $HOME/Documents",
            "rm -rf ${HOME:?}/Documents",
            "rm -r ~/.config",
            "rm -rf ~/*",
            "rm -rf ~/.*",
            "rm -rf ~/project/../Documents",
            "rm -rf /home/u",
            "rm -rf ../../u/Documents",
            "cd ~ && rm -rf Documents",
            "cd ..; rm -rf *",
            "rm -rf ~/Documents/*",
            "rm -rf ~/D*",
            "find ~ -delete",
            "find ~/Documents -type f -delete",
            "find ~ -mindepth 1 -delete",
            "mv ~/Documents /tmp/gone",
            "rsync -a --delete empty/ ~/",
            "rsync -r --delete-after /tmp/empty/ ~/Documents",
            "git -C ~ clean -fdx",
            "rm -rf \"$(printenv HOME)\"",
            "docker run --rm -v $HOME:/h alpine sh -c \"rm -rf /h/*\"",
            "docker run -v ~/:/h -w /h alpine rm -rf Documents",
            "docker run -it -v \"$HOME\":/work ubuntu",
            "docker container run --mount=type=bind,src=/home,dst=/x alpine find /x -delete",
            "trash-put ~/Documents",
            "rm -rf /home/u/project",
        ],
        passes: &[
            "rm -rf ~/.cache/go-build",
            "rm -rf ~/.cache/*",
            "rm -rf ~/project/build",
            "rm -rf ~/Documents/thesis/out",
            "rm ~/notes.txt",
            "rm -rf ./*",
            "rm -rf *",
            "rm -rf build/*",
            "rm -rf ../project/dist",
            "find ~ -name '*.pyc'",
            "find ~/project -name '*.orig' -delete",
            "find . -type f -name '*.tmp' -delete",
            "mv ~/notes.txt .",
            "mv ~/Downloads/a.zip .",
            "rsync -a ~/Documents/ /tmp/copy/",
            "du -sh ~/*",
            "ls -la ~",
            "rm -rf \"$HOME\"/project/target",
        ],
    },
    Rule {
        id: "fs.delete-unresolved",
        effect: Effect::Block,
        title: "deletes a path that is protected if what is not known in it turns out to be empty",
        instead: "Name the directory, or let the shell stop where it is empty: `rm -rf \"$PWD/build\"`, \
                  `rm -rf \"${out:?}\"/*`.",
        verbs: VERBS,
        finds: &[
            "rm -r \"$OUT\"/*",
            "docker run -v \"$D/\":/d alpine sh -c \"rm -rf /d/*\"",
            "rm -rf $OUT/",
            "rm -rf \"$OUT/\"",
            "rm -rf \"$OUT\"/etc",
            "rm -rf \"$OUT/usr/lib\"",
            "rm -rf \"$A/$B\"",
            "rm -rf /home/$NAME",
            "rm -rf ~/\"$X\"",
            "rm -rf $(cat dir)/*",
            "rm -rf \"$(cat dir)/\"",
            "cd \"$D\" && rm -rf *",
            "find \"$D/\" -delete",
            "mv \"$D\"/* /tmp/gone",
            "rsync -a --delete empty/ \"$D/\"",
            "rm -rf \"$OUT\"/../..",
            "rm -f \"$OUT\"/*",
            "rm -rf /$X",
            "cd \"$D\" && rm -rf \"$PWD\"/*",
        ],
        passes: &[
            "rm -rf \"$OUT\"",
            "rm -rf \"${OUT:?}\"/*",
            "rm -rf -- ${OUT:?not set}/",
            "rm -rf $OUT",
            "rm -rf \"$OUT\"/build",
            "rm -rf \"$OUT\"/*.o",
            "rm -rf /tmp/\"$X\"",
            "rm -rf /var/tmp/$X/cache",
            "rm -rf ./\"$X\"",
            "rm -rf \"$PWD/$X\"",
            "rm -rf build/$X",
            "rm -rf ~/.cache/\"$X\"",
            "rm -f \"$DIR/$FILE\"",
            "cd \"$D\" && rm -rf build",
            "cp -r \"$A/$B\" out",
            "ls \"$X\"/*",
            "mv \"$A/$B.txt\" out",
            "rsync -a \"$SRC\"/ out/",
        ],
    },
];

/// Holds a change against the rules.
pub fn judge(seen: &mut Seen<'_>) {
    let change = seen.change;
    let (path, last, would) = match change {
        Change::Delete { path, .. } => (path, Last::Kept, "delete"),
        Change::Move { path } => (path, Last::Kept, "move away"),
        Change::Empty { path } => (path, Last::Followed, "empty"),
        Change::Hand { path } => (path, Last::Followed, "give what runs in it"),
        _ => return,
    };
    for at in seen.locate(path, last).iter() {
        let depth = match change {
            Change::Delete { recursive: true, .. } | Change::Hand { .. } => Depth::Everything,
            Change::Move { .. } if is_tree(seen, at) => Depth::Everything,
            _ => Depth::Alone,
        };
        let Some(found) = seen.paths.protected_place(at, depth) else { continue };
        if matches!(change, Change::Empty { .. }) && !is_system_file(at, found.kind, found.unresolved) {
            continue;
        }
        if matches!(change, Change::Hand { .. }) && (found.unresolved || !is_whole(at, found.kind)) {
            continue;
        }
        let rule = match found.kind {
            _ if found.unresolved => "fs.delete-unresolved",
            kind if kind.is_home() => "fs.delete-home",
            _ => "fs.delete-system",
        };
        seen.report(rule, would, path, at, found.kind.words());
    }
}

/// The root, a home, or a directory of the system as a whole: who is given that may do anything.
fn is_whole(at: &Absolute, kind: Kind) -> bool {
    match kind {
        Kind::Root | Kind::AboveHome | Kind::Home | Kind::Operator => true,
        Kind::System => at.names.len() == 1,
        _ => false,
    }
}

/// A file of the system that would be opened for writing: nothing to delete in `/dev` or `/`.
fn is_system_file(at: &Absolute, kind: Kind, unresolved: bool) -> bool {
    at.here && !unresolved && !at.open && at.names.len() > 1 && matches!(kind, Kind::System | Kind::Operator)
}

/// Whether what is moved may be a directory. Where the disk says nothing, a name with an ending is a file's.
fn is_tree(seen: &Seen<'_>, at: &Absolute) -> bool {
    if seen.paths.is_dir(at) == Some(true) {
        return true;
    }
    let Some(path) = at.path() else { return !at.open };
    if at.here && seen.paths.context.world.small_file(&path).is_some() {
        return false;
    }
    let name = at.names.last().and_then(Value::known).unwrap_or_default();
    !name.get(1..).is_some_and(|rest| rest.contains('.'))
}
