//! How the program is linked: so that it starts fast, since a hook of it runs before every tool call.

fn main() {
    #[expect(clippy::disallowed_methods, reason = "how cargo speaks to a build script")]
    let target = |what: &str| std::env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    println!("cargo::rerun-if-changed=build.rs");
    if target("OS") != "linux" || target("ENV") != "gnu" {
        return;
    }
    // At a fixed address there are no 17,000 pointers to be relocated in 70 pages at each start: a third of a
    // floor. Stack, heap and libraries still move.
    println!("cargo::rustc-link-arg-bins=-no-pie");
    // The unwinder from the archive: one library less to be found, mapped and bound.
    println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
}
