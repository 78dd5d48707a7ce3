//! The adapter that native tests of kernels run on.
//!
//! A machine with a GPU uses it. A Linux machine without one uses SwiftShader, a Vulkan driver in software that lies
//! beside Chromium: the same adapter as the browser tests', through the system's Vulkan loader.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{apt, step};
use crate::process::{capture, command};

/// What a Vulkan loader reads to know its drivers; the second name is the newer one.
const DRIVER_VARIABLES: [&str; 2] = ["VK_ICD_FILENAMES", "VK_DRIVER_FILES"];
/// Read by `tests/browser`, whose default is SwiftShader: the same everywhere.
const BROWSER_ADAPTER: &str = "MINIONS_ADAPTER";
/// Where a Vulkan loader looks for drivers.
const DRIVER_FOLDERS: [&str; 2] = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
const SWIFTSHADER: &str = "vk_swiftshader_icd.json";
/// Where browsers' packages put their files, for those whose command is a script elsewhere.
const BROWSER_FOLDERS: [&str; 4] =
    ["/usr/lib/chromium", "/usr/lib/chromium-browser", "/opt/google/chrome", "/opt/microsoft/msedge"];

/// An adapter and how tests are told of it.
#[derive(Debug)]
pub struct Adapter {
    /// For people.
    pub name: String,
    /// Whether it is a GPU, as far as can be seen from outside.
    pub is_hardware: bool,
    /// Environment of the tests.
    pub variables: Vec<(&'static str, OsString)>,
}

/// Chooses the adapter, and installs the Vulkan loader if SwiftShader needs it.
pub fn ensure(browser: &Path) -> Result<Adapter> {
    let adapter = |name: &str, is_hardware| Adapter { name: name.to_owned(), is_hardware, variables: Vec::new() };
    if let Some(variable) = DRIVER_VARIABLES.into_iter().find(|name| env::var_os(name).is_some()) {
        return Ok(adapter(&format!("as {variable} says"), false));
    }
    if !cfg!(target_os = "linux") || has_gpu() {
        return Ok(adapter("this machine's GPU", true));
    }
    let Some(driver) = swiftshader(browser) else {
        return Ok(adapter("whatever the system has: there is no GPU, and no SwiftShader beside the browser", false));
    };
    if !has_vulkan_loader() && apt::is_usable() {
        step("the Vulkan loader by apt-get", || apt::install("libvulkan1"))?;
    }
    if !has_vulkan_loader() {
        return Ok(adapter("none: install libvulkan1, Vulkan's loader, for SwiftShader", false));
    }
    let mut adapter = adapter(&format!("SwiftShader ({})", driver.display()), false);
    adapter.variables.extend(DRIVER_VARIABLES.map(|variable| (variable, driver.clone().into())));
    Ok(adapter)
}

/// The adapter of the browser where it is not a test's: the machine's GPU if it has one, unless told otherwise.
pub fn for_browser(adapter: &Adapter) -> Option<(&'static str, &'static str)> {
    let is_told = env::var_os(BROWSER_ADAPTER).is_some();
    (adapter.is_hardware && !is_told).then_some((BROWSER_ADAPTER, "hardware"))
}

/// A device and a Vulkan driver: containers may have either one without the other.
fn has_gpu() -> bool {
    let files = |folder: &str| fs::read_dir(folder).into_iter().flatten().flatten();
    let has_device = files("/dev/dri").any(|file| file.file_name().to_string_lossy().starts_with("renderD"))
        || ["/dev/nvidia0", "/dev/dxg"].iter().any(|device| Path::new(device).exists());
    let has_driver = DRIVER_FOLDERS.iter().any(|folder| files(folder).next().is_some());
    has_device && has_driver
}

fn swiftshader(browser: &Path) -> Option<PathBuf> {
    let beside = fs::canonicalize(browser).ok().and_then(|path| path.parent().map(Path::to_path_buf));
    let folders = beside.into_iter().chain(BROWSER_FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(SWIFTSHADER)).find(|driver| driver.is_file())
}

fn has_vulkan_loader() -> bool {
    // ldconfig is often outside a plain user's PATH.
    ["ldconfig", "/sbin/ldconfig"]
        .iter()
        .filter_map(|program| capture(command(program).arg("-p")).ok())
        .any(|libraries| libraries.contains("libvulkan.so.1"))
}
