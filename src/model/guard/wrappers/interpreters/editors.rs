//! Editors that run commands of theirs, as [`super::table`] has interpreters.

use super::table::{Bare, Interpreter, row};
use crate::model::guard::options::Grammar;

/// Editors.
pub(super) static EDITORS: &[Interpreter] = &[
    row(
        &[
            "vim",
            "vi",
            "nvim",
            "gvim",
            "view",
            "rvim",
            "rview",
            "vimdiff",
            "ex",
            "exim",
            "evim",
            "vim.basic",
            "vim.tiny",
            "vim.nox",
            "elvis",
            "nvi",
        ],
        "vim",
        Grammar::mix(
            "AbCdDefEghHlLmMnNoOpqRsvVxXyZ",
            &[
                "c=",
                "cmd=",
                "S=",
                "u=",
                "U=",
                "i=",
                "t=",
                "T=",
                "w=",
                "W=",
                "r?",
                "remote-expr=",
                "remote-send=",
                "remote",
                "servername=",
                "startuptime=",
                "listen=",
                "headless",
                "noplugin",
                "clean",
                "nofork",
                "not-a-term",
                "version",
                "help",
            ],
        ),
        &["c", "cmd", "remote-expr", "remote-send"],
        Bare::Data,
    )
    .unless(&["version", "help"]),
    row(&["ed", "red"], "ed", Grammar::mix("GrslEv", &["p=", "quiet", "silent"]), &[], Bare::Input),
    row(
        &["emacs", "emacs-nox", "xemacs", "emacs-gtk"],
        "emacs",
        Grammar::mix(
            "qQDt:",
            &[
                "eval,execute=",
                "f,funcall=",
                "l,load=",
                "script=",
                "x=",
                "L,directory=",
                "d,display=",
                "chdir=",
                "init-directory=",
                "u,user=",
                "insert=",
                "visit=",
                "file=",
                "batch",
                "nw,no-window-system",
                "no-init-file",
                "quick",
                "no-site-file",
                "version",
            ],
        )
        .with_one_dash(),
        &["eval", "f"],
        Bare::Data,
    )
    .unless(&["version"]),
    row(
        &["emacsclient"],
        "emacs",
        Grammar::mix(
            "cnqtu",
            &["e,eval", "a,alternate-editor=", "s,socket-name=", "f,server-file=", "d,display=", "F=", "T="],
        ),
        &[],
        Bare::Data,
    ),
];
