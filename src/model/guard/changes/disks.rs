//! Programs that write to disks: file systems, partition tables, encryption, wiping.

use super::{Asked, Change, Program, known_words};
use crate::model::guard::options::Grammar;
use crate::model::guard::value::Value;

/// Programs that make a file system or swap space: the rule `dev.mkfs` is about them.
pub const MAKERS: &[&str] =
    &["mkfs", "mkfs.*", "mke2fs", "mkswap", "mkdosfs", "mkntfs", "mkexfatfs", "mkreiserfs", "mkudffs", "newfs"];

/// See [`super::Program`].
pub static PROGRAMS: &[Program] = &[
    // Their options differ from one file system to the other; a device is an operand in all of them.
    Program { names: MAKERS, grammar: Grammar::stop("", &[]), does: every_word },
    Program {
        names: &[
            "blkdiscard",
            "pvcreate",
            "pvremove",
            "vgcreate",
            "zerofree",
            "nwipe",
            "cfdisk",
            "gdisk",
            "partclone.*",
        ],
        grammar: Grammar::stop("", &[]),
        does: every_word,
    },
    Program {
        names: &["wipefs"],
        grammar: Grammar::mix(
            "fiJnpqVh",
            &[
                "a,all",
                "o,offset=",
                "t,types=",
                "O,output=",
                "lock?",
                "n,no-act",
                "backup?",
                "force",
                "help",
                "version",
            ],
        ),
        does: |asked, all| {
            if (asked.has("a") || asked.has("o")) && !asked.has("n") {
                every_operand(asked, all);
            }
        },
    },
    Program {
        names: &["badblocks"],
        grammar: Grammar::mix("fnsvBX", &["w", "b=", "c=", "e=", "d=", "i=", "o=", "p=", "t="]),
        does: |asked, all| {
            if asked.has("w") {
                every_operand(asked, all);
            }
        },
    },
    Program {
        names: &["fdisk", "sfdisk"],
        grammar: Grammar::mix(
            "bBfnqux",
            &[
                "l,list",
                "d,dump",
                "J,json",
                "s,show-size,getsz",
                "T,list-types",
                "V,verify",
                "F,list-free",
                "g,show-geometry",
                "x,list-details",
                "o,output=",
                "t,type=",
                "C=",
                "H=",
                "S=",
                "N,partno=",
                "w,wipe=",
                "W,wipe-partitions=",
                "color?",
                "n,no-act",
                "help",
                "version",
                "h",
                "v",
            ],
        ),
        does: |asked, all| {
            let reads = ["l", "d", "J", "s", "T", "V", "F", "g", "x", "n", "h", "v"];
            if !reads.iter().any(|o| asked.has(o)) {
                every_operand(asked, all);
            }
        },
    },
    Program {
        names: &["sgdisk"],
        grammar: Grammar::mix(
            "pvFfEDOLP",
            &["p,print", "v,verify", "i,info=", "b,backup=", "P,pretend", "h,help", "V,version", "L,list-types"],
        ),
        does: |asked, all| {
            // All other options change the table: they are none of the grammar's.
            if !asked.parsed.strange.is_empty() && !asked.has("P") && !asked.has("h") {
                every_word(asked, all);
            }
        },
    },
    Program {
        names: &["parted"],
        grammar: Grammar::stop("lmsi", &["a,align=", "list", "script", "help", "version", "h", "v"]),
        does: parted,
    },
    Program {
        names: &["cryptsetup"],
        grammar: Grammar::mix(
            "qvyr",
            &[
                "c,cipher=",
                "h,hash=",
                "s,key-size=",
                "d,key-file=",
                "t,timeout=",
                "type=",
                "label=",
                "pbkdf=",
                "i,iter-time=",
                "S,key-slot=",
                "help",
                "version",
                "batch-mode",
            ],
        ),
        does: |asked, all| {
            let verb = asked.operands().first().and_then(Value::known).unwrap_or_default();
            if ["luksFormat", "erase", "luksErase", "reencrypt", "luksHeaderRestore", "luksKillSlot"]
                .contains(&verb)
            {
                every_operand(asked, all);
            }
        },
    },
    Program {
        names: &["mdadm"],
        grammar: Grammar::stop("", &[]),
        does: |asked, all| {
            if known_words(asked.call).any(|w| {
                ["-C", "--create", "--zero-superblock"].contains(&w)
                    || (w.starts_with("--cr") && "--create".starts_with(w))
            }) {
                every_word(asked, all);
            }
        },
    },
    Program {
        names: &["hdparm"],
        grammar: Grammar::stop("", &[]),
        does: |asked, all| {
            const DESTROYS: &[&str] = &[
                "--security-erase",
                "--security-set-pass",
                "--write-sector",
                "--repair-sector",
                "--trim-sector-ranges",
                "--make-bad-sector",
                "--fwdownload",
                "--sanitize-",
                "--dco-restore",
            ];
            if known_words(asked.call).any(|w| DESTROYS.iter().any(|d| w.starts_with(d))) {
                every_word(asked, all);
            }
        },
    },
    Program {
        names: &["nvme"],
        grammar: Grammar::stop("", &[]),
        does: |asked, all| {
            const DESTROYS: &[&str] = &[
                "format",
                "sanitize",
                "write",
                "write-zeroes",
                "write-uncor",
                "dsm",
                "delete-ns",
                "fw-commit",
                "security-send",
                "attach-ns",
                "detach-ns",
            ];
            if known_words(asked.call).next().is_some_and(|verb| DESTROYS.contains(&verb)) {
                every_word(asked, all);
            }
        },
    },
    Program {
        names: &["zpool"],
        grammar: Grammar::stop("", &[]),
        does: |asked, all| {
            const DESTROYS: &[&str] = &["create", "labelclear", "add", "attach", "replace"];
            if known_words(asked.call).next().is_some_and(|verb| DESTROYS.contains(&verb)) {
                every_word(asked, all);
            }
        },
    },
];

fn write(path: &Value) -> Change {
    Change::Write { path: path.clone() }
}

fn every_operand(asked: &Asked<'_>, all: &mut Vec<Change>) {
    all.extend(asked.operands().iter().map(write));
}

/// Words that begin with a slash, an unknown part or a name; options and their values are no paths of devices.
fn every_word(asked: &Asked<'_>, all: &mut Vec<Change>) {
    if known_words(asked.call).any(|w| matches!(w, "--help" | "--version" | "-V" | "-h")) {
        return;
    }
    all.extend(asked.call.args().iter().filter(|w| !w.starts_with("-")).map(write));
}

fn parted(asked: &Asked<'_>, all: &mut Vec<Change>) {
    const CHANGES: &[&str] = &[
        "mklabel",
        "mktable",
        "mkpart",
        "rm",
        "resizepart",
        "rescue",
        "set",
        "toggle",
        "name",
        "disk_set",
        "disk_toggle",
        "move",
        "resize",
        "cp",
        "mkfs",
        "mkpartfs",
    ];
    let words: Vec<&str> = known_words(asked.call).flat_map(str::split_whitespace).collect();
    if words.iter().any(|w| CHANGES.contains(w)) {
        every_operand(asked, all);
    }
}
