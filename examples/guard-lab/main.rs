//! The proofs of the guard: what bash really does with a command, beside what the guard reads.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a program of the developers"
)]

mod outer;
mod root;
mod sealed;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)).cloned();
    let code = match args.first().map(String::as_str) {
        Some("outer") => sealed::outer(value("--leave").as_deref()),
        Some("frob") => {
            let mut root = sealed::Sealed::new().unwrap();
            for text in &args[1..] {
                println!("{:?}", root.run(text, "bash"));
            }
            let start = std::time::Instant::now();
            for _ in 0..200 {
                root.run("frob a b", "bash").unwrap();
            }
            println!("200 in {:?}", start.elapsed());
            0
        }
        _ => 2,
    };
    std::process::exit(code);
}
