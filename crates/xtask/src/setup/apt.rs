//! Debian's packages, where there are any: used only for what a test machine without a desktop lacks.

use anyhow::{Result, bail};

use crate::process::{capture, command, which};

/// Whether packages can be installed without asking anyone: Debian or a child of it, and we are root.
pub fn is_usable() -> bool {
    let is_root = || capture(command("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    which("apt-get").is_some() && is_root()
}

/// Installs one package. The lists of a fresh machine are empty, so a failure is tried again after fetching them.
pub fn install(package: &str) -> Result<()> {
    if try_install(package).is_ok() {
        return Ok(());
    }
    // One unreachable third-party source fails this command although Debian's own lists arrived.
    let update = capture(command("apt-get").args(["update", "-q"]));
    match (try_install(package), update) {
        (Ok(_), _) => Ok(()),
        (Err(install), Ok(_)) => Err(install),
        (Err(install), Err(update)) => bail!("{install:#}\n{update:#}"),
    }
}

fn try_install(package: &str) -> Result<String> {
    let mut apt = command("apt-get");
    apt.args(["install", "-y", "-q", "--no-install-recommends", package]);
    capture(apt.env("DEBIAN_FRONTEND", "noninteractive"))
}

/// The address of the mirror that this machine's own sources name.
pub fn mirror() -> Result<String> {
    let mut targets = command("apt-get");
    targets.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]);
    if let Some(uri) = capture(&mut targets).ok().as_deref().and_then(main_archive) {
        return Ok(uri);
    }
    // Before the first `apt-get update` there are no targets, but apt knows what it would fetch.
    let planned = capture(command("apt-get").args(["update", "--print-uris"]))?;
    let releases = planned.lines().filter_map(|line| line.trim_start_matches('\'').split("/dists/").next());
    match main_archive(&releases.collect::<Vec<_>>().join("\n")) {
        Some(uri) => Ok(uri),
        None => bail!("apt-get names no Debian mirror"),
    }
}

/// The main archive among the addresses of a machine's sources: not the security one, not a third party's.
fn main_archive(addresses: &str) -> Option<String> {
    let mut addresses = addresses.lines().map(|line| line.trim().trim_end_matches('/'));
    addresses.find(|address| address.ends_with("/debian")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_archive_is_neither_security_nor_a_third_party() {
        let addresses =
            "https://vendor.example/apt\nhttp://mirror.example/debian-security/\nhttp://mirror.example/debian/\n";
        assert_eq!(main_archive(addresses).as_deref(), Some("http://mirror.example/debian"));
        assert_eq!(main_archive("http://archive.example/ubuntu/"), None);
    }
}
