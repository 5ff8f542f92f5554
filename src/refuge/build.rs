//! How the program is linked.

use std::env::{var, var_os};
use std::path::PathBuf;
use std::process::{Command, Stdio};

const FOLD: &str = "-Wl,--icf=all";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| var(name).is_ok_and(|found| found == value);
    // Functions whose code came out the same are one, in a release, where the linker knows how: usually the one
    // that comes with the compiler does.
    if is("TARGET", "x86_64-unknown-linux-gnu") && is("PROFILE", "release") && folds() {
        println!("cargo::rustc-link-arg-bins={FOLD}");
    }
}

/// Whether a program can be linked so, with the flags that all are compiled with.
fn folds() -> bool {
    let (Some(compiler), Some(folder)) = (var_os("RUSTC"), var_os("OUT_DIR")) else { return false };
    let flags = var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let program = PathBuf::from(folder).join("folded.rs");
    if std::fs::write(&program, "fn main() {}").is_err() {
        return false;
    }
    let mut linking = Command::new(compiler);
    linking.args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()));
    linking.arg("-Clink-arg=".to_owned() + FOLD).arg("-o").arg(program.with_extension("out"));
    linking.arg(program).stdout(Stdio::null()).stderr(Stdio::null());
    linking.status().is_ok_and(|status| status.success())
}
