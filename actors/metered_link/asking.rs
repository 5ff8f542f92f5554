//! Asking NetworkManager by `busctl`, and what its answer means. When it is asked is not decided here.
//!
//! Source: <https://networkmanager.dev/docs/api/latest/gdbus-org.freedesktop.NetworkManager.html>, property
//! `Metered`; <https://networkmanager.dev/docs/api/latest/nm-dbus-types.html#NMMetered>

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use super::LinkMeter;

/// The program; it is looked for as a shell would.
const PROGRAM: &str = "busctl";
/// What it is asked.
const QUESTION: [&str; 6] = [
    "--system",
    "get-property",
    "org.freedesktop.NetworkManager",
    "/org/freedesktop/NetworkManager",
    "org.freedesktop.NetworkManager",
    "Metered",
];
/// How long it may take.
const DEADLINE: Duration = Duration::from_secs(2);
/// Of its answer more is not read; it has four characters.
const MOST_BYTES: u64 = 256;

/// What the system says of the link now; [`LinkMeter::Unmetered`] where nobody tells; `None` where who knows it
/// does not answer in time.
pub(super) async fn ask() -> Option<LinkMeter> {
    match tokio::time::timeout(DEADLINE, answer()).await {
        Ok(Ok(answer)) => Some(meter_of(&answer).unwrap_or(LinkMeter::Unmetered)),
        Ok(Err(error)) => {
            tracing::debug!(%error, "nobody tells whether the link is metered");
            Some(LinkMeter::Unmetered)
        }
        Err(_) => {
            tracing::debug!("whether the link is metered was not told in time");
            None
        }
    }
}

/// What the program says. Dropping the future ends it.
async fn answer() -> std::io::Result<String> {
    let mut child = Command::new(PROGRAM)
        .args(QUESTION)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut bytes = Vec::new();
    if let Some(said) = child.stdout.take() {
        said.take(MOST_BYTES).read_to_end(&mut bytes).await?;
    }
    child.wait().await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads `u <number>`, the number being 0 for unknown, 1 yes, 2 no, 3 probably, 4 probably not; `None` for
/// anything else.
fn meter_of(answer: &str) -> Option<LinkMeter> {
    match answer.trim_ascii().strip_prefix("u ")?.trim_ascii() {
        "1" | "3" => Some(LinkMeter::Metered),
        "0" | "2" | "4" => Some(LinkMeter::Unmetered),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_of_the_link_is_read() {
        for (answer, meter) in [
            ("u 1\n", Some(LinkMeter::Metered)),
            ("u 3\n", Some(LinkMeter::Metered)),
            ("u 0\n", Some(LinkMeter::Unmetered)),
            ("u 2\n", Some(LinkMeter::Unmetered)),
            ("u 4", Some(LinkMeter::Unmetered)),
            ("u 5\n", None),
            ("u 11\n", None),
            ("u 1\nu 2\n", None),
            ("b true\n", None),
            ("u\n", None),
            ("", None),
        ] {
            assert_eq!(meter_of(answer), meter, "{answer:?}");
        }
    }
}
