//! The official OpenAI SDKs, base URL and key changed.
//!
//! They lie where `ATELIER_TEST_TOOLS` says (`make test` sets it), or are installed beside the build.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::json;
use tests::{Gateway, Vendor, config, pictures, quick};
use tokio::process::Command;

use crate::run;

pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the workspace").to_owned()
}

/// The folder of the SDKs; made where nobody said that it is there.
pub(crate) async fn tools() -> PathBuf {
    if let Some(folder) = std::env::var_os("ATELIER_TEST_TOOLS") {
        return folder.into();
    }
    let folder = root().join("target/test-tools");
    fs::create_dir_all(&folder).expect("a folder");
    // Tests run side by side, installations do not.
    let lock = File::create(folder.join("lock")).expect("a file");
    lock.lock().expect("a turn");
    let mut prepare = Command::new(root().join("tests/tools/prepare.sh"));
    let done = prepare.arg(&folder).current_dir(root()).status().await.expect("it runs");
    assert!(done.success(), "the SDKs cannot be installed");
    folder
}

/// Runs a script with the base URL, the key and a picture.
async fn drive(mut command: Command, script: &str) {
    let settings = simulated_vendors::zekron::Settings { picture_bytes: None, ..quick() };
    let vendor = Vendor::start(settings).await;
    let gateway: Gateway = run().gateway(&config(&vendor, &json!({}))).await;
    let team = gateway.team("sdk").await;
    let picture = gateway.folder().join("picture.png");
    fs::write(&picture, pictures::picture(image::ImageFormat::Png)).expect("it is written");
    command.args([gateway.url(), &team.key]).arg(picture).stdin(Stdio::null());
    let output = command.output().await.expect("it runs");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{script}: {}{}\n{}",
        said(&output.stdout),
        said(&output.stderr),
        gateway.logged()
    );
}

#[tokio::test]
async fn the_python_sdk() {
    let tools = tools().await;
    let mut python = Command::new(tools.join("venv/bin/python"));
    python.arg(root().join("tests/tools/sdk.py"));
    drive(python, "sdk.py").await;
}

#[tokio::test]
async fn the_node_sdk() {
    let tools = tools().await;
    let mut node = Command::new("node");
    node.arg(root().join("tests/tools/sdk.mjs")).arg(tools.join("node"));
    drive(node, "sdk.mjs").await;
}
