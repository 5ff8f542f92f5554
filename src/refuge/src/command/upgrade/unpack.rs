//! What a tarball brings for a new version: the folder below `releases`, and nothing else. Configuration,
//! hooks and data of the running node stay as they are.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use tar::Archive;

use crate::exit::Failure;

/// Unpacks the version of a tarball below `root`; its name. It is made beside its place and moved there, so
/// that what is there is whole.
pub(super) fn unpack(tarball: &Path, root: &Path) -> Result<String, Failure> {
    let unreadable = |source| Failure::NoBackup { path: tarball.to_owned(), source };
    let releases = root.join("releases");
    let beside = releases.join(".unpacking");
    let told = |source| Failure::Directory { path: releases.clone(), source };
    let _ = fs::remove_dir_all(&beside);
    let mut archive = Archive::new(GzDecoder::new(File::open(tarball).map_err(unreadable)?));
    let (mut version, mut folders) = (None, BTreeSet::from([beside.clone()]));
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let path = entry.path().map_err(unreadable)?.into_owned();
        let Some((name, file)) = place(&path).filter(|_| entry.header().entry_type().is_file())
        else {
            continue;
        };
        let place = beside.join(file);
        let folder = place.parent().unwrap_or(&beside);
        fs::create_dir_all(folder).map_err(told)?;
        entry.unpack(&place).map_err(told)?;
        sync(&place).map_err(told)?;
        folders.extend(folder.ancestors().take_while(|one| *one != beside).map(Path::to_owned));
        version = Some(name);
    }
    let Some(version) = version else {
        let reason = format!("{} is no tarball of a release", tarball.display());
        return Err(Failure::Upgrade(reason));
    };
    let place = releases.join(&version);
    if place.exists() {
        fs::remove_dir_all(&beside).map_err(told)?;
        return Ok(version);
    }
    folders.iter().try_for_each(|folder| sync(folder)).map_err(told)?;
    fs::rename(&beside, &place).map_err(told)?;
    sync(&releases).map_err(told)?;
    Ok(version)
}

/// Has a file, or the names in a folder, on disk.
fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The version that a file of a tarball belongs to, and its path in that version's folder.
fn place(path: &Path) -> Option<(String, PathBuf)> {
    let mut parts = path.components();
    parts.next()?;
    if parts.next()? != Component::Normal("releases".as_ref()) {
        return None;
    }
    let version = parts.next()?.as_os_str().to_str()?.to_owned();
    let file: PathBuf = parts.as_path().to_owned();
    // Nothing climbs out of the folder, and the file that names the version to start is none of it.
    let stays = file.components().all(|part| matches!(part, Component::Normal(_)));
    (stays && !version.starts_with('.') && file.file_name().is_some()).then_some((version, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_a_version_are_taken() {
        let told = |path: &str| place(Path::new(path));
        let file = told("refuge/releases/1.2.0/refuge").unwrap();
        assert_eq!(file, ("1.2.0".to_owned(), PathBuf::from("refuge")));
        for path in [
            "refuge/etc/refuge.toml",
            "refuge/releases/start_erl.data",
            "refuge/releases/../etc/x",
            "refuge/releases/1.2.0/../../x",
            "refuge/releases/1.2.0",
        ] {
            assert_eq!(told(path), None, "{path}");
        }
    }
}
