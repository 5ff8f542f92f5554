//! What a process costs, from Linux's /proc.

use std::fs;
use std::time::Duration;

use crate::Outcome;

/// A process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pid: u32,
}

impl Process {
    pub(crate) fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// Processor time it has used so far, of all its threads.
    pub(crate) fn processor_time(&self) -> Outcome<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // Its name, in parentheses, may hold anything; what follows is words.
        let (_, rest) = stat.rsplit_once(')').ok_or("an unknown form of /proc/PID/stat")?;
        let mut words = rest.split_whitespace().skip(11);
        let mut ticks = || -> Outcome<u64> { Ok(words.next().ok_or("too few words")?.parse()?) };
        let ticks = ticks()? + ticks()?;
        Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
    }

    /// Memory of it that is resident now.
    pub(crate) fn resident_mebibytes(&self) -> Outcome<f64> {
        self.status_mebibytes("VmRSS:")
    }

    /// The most that was ever resident.
    pub(crate) fn highest_mebibytes(&self) -> Outcome<f64> {
        self.status_mebibytes("VmHWM:")
    }

    fn status_mebibytes(&self, name: &str) -> Outcome<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()).ok_or("no memory")?;
        Ok(kibibytes.parse::<f64>()? / 1024.0)
    }

    /// Files, sockets and other handles that it holds open.
    pub(crate) fn open_handles(&self) -> Outcome<u64> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.pid))?.count() as u64)
    }
}

/// The process of this machine that listens on this TCP port, where it can be seen.
pub(crate) fn listening_on(port: u16) -> Option<u32> {
    let sockets =
        ["/proc/net/tcp", "/proc/net/tcp6"].iter().filter_map(|file| fs::read_to_string(file).ok());
    let links: Vec<String> = sockets.flat_map(|text| listeners(&text, port)).collect();
    let processes = fs::read_dir("/proc").ok()?.map_while(Result::ok);
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.into_iter().find(|pid| {
        let files =
            fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().map_while(Result::ok);
        files
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|link| link.to_str().is_some_and(|link| links.iter().any(|wanted| wanted == link)))
    })
}

/// Names of the sockets that listen on `port`, in a table of /proc/net (see proc(5)).
fn listeners(table: &str, port: u16) -> Vec<String> {
    const LISTENS: &str = "0A";
    let end = format!(":{port:04X}");
    let socket = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let listens = words.get(1)?.ends_with(&end) && *words.get(3)? == LISTENS;
        listens.then(|| words.get(9).map(|inode| format!("socket:[{inode}]"))).flatten()
    };
    table.lines().filter_map(socket).collect()
}
