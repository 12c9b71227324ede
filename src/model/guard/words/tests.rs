use super::*;

fn shown(raw: &str) -> String {
    let mut out = String::new();
    for piece in pieces(raw).unwrap() {
        out.push_str(&match piece {
            Piece::Text { text, quoted: true } => format!("'{text}'"),
            Piece::Text { text, .. } => format!("{text}_"),
            Piece::Parameter(p) => format!(
                "<{}{}{}{}|{}|{}>",
                if p.length {
                    "#"
                } else if p.indirect {
                    "!"
                } else {
                    ""
                },
                p.name,
                p.subscript.map(|s| format!("[{s}]")).unwrap_or_default(),
                if p.quoted { "\"" } else { "" },
                p.operator,
                p.argument
            ),
            Piece::Command { text, quoted } => format!("${}({text})", if quoted { "\"" } else { "" }),
            Piece::Arithmetic { text } => format!("(({text}))"),
            Piece::Process { text, reads } => format!("{}({text})", if reads { "<" } else { ">" }),
            Piece::Pattern(text) => format!("/{text}/"),
        });
    }
    out
}

#[test]
fn a_word_comes_apart() {
    for (raw, want) in [
        (r#""a b"'c'\ d$X"${HOME:?}/x""#, r#"'a bc 'd_<X||>''<HOME"|:?|>'/x'"#),
        ("${x:-$(echo \"$y\")}", "<x|:-|$(echo \"$y\")>"),
        (r"$'\x41'b", "'A'b_"),
        ("\"`ls \\`pwd\\``\"", "''$\"(ls `pwd`)"),
        ("$((1+$(f x)))", "((1+$(f x)))"),
        ("$((a) b)", "$((a) b)"),
        ("$( (a) )", "$( (a) )"),
        ("$[1+2]", "((1+2))"),
        ("${a[$(id)]}${#a[@]}${!v}", "<a[$(id)]||><#a[@]||><!v||>"),
        ("${x//a\\/b/c}", "<x|//|a\\/b/c>"),
        ("<(a b)c", "<(a b)c_"),
        ("a@(b|c)d", "a_/@(b|c)/d_"),
        ("$(case x in a) b;; esac)c", "$(case x in a) b;; esac)c_"),
        ("$1$@$?$", "<1||><@||><?||>$_"),
        ("${#}", "<#||>"),
        ("\"a\\\nb\\q\"", "'ab\\q'"),
        ("${x#\"}\"}y", "<x|#|\"}\">y_"),
        ("\"${x:-it's}\"", "''<x\"|:-|it's>"),
    ] {
        assert_eq!(shown(raw), want, "{raw}");
    }
    assert!(pieces("'a").is_err() && pieces("\"a").is_err() && pieces("$(a").is_err() && pieces("`a").is_err());
}
