//! First light: one command and one line, and a stranger has a picture, paid for once, on the books.

use std::{fs, path::Path, process::Output};

use serde_json::{Value, json};
use tests::{Gateway, pictures, until};

use crate::{house, run, text};

/// A gateway as a stranger starts it: an empty folder, no configuration. The port alone is not the
/// default, because tests share a machine.
async fn stranger() -> Gateway {
    let folder = tempfile::tempdir().expect("a folder");
    let run = run().env("ATELIER__SERVER__LISTEN", "127.0.0.1:0");
    Gateway::start(run, folder, &["serve"]).await
}

/// The words of a text that begin so.
fn words<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(move |c| !inside(c)).filter(move |word| word.starts_with(prefix) && word.len() > 30)
}

/// The printed command: its line, with those that a backslash continues it on.
fn curl_line(printed: &str) -> String {
    let lines = printed.lines().map(str::trim).skip_while(|line| !line.starts_with("curl "));
    let mut command = String::new();
    for line in lines {
        match line.strip_suffix('\\') {
            Some(part) => command.push_str(part),
            None => return command + line,
        }
    }
    panic!("no curl line: {printed}")
}

async fn sh(folder: &Path, command: &str) -> Output {
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-c", command]).current_dir(folder);
    shell.output().await.expect("a shell")
}

/// A picture that the command printed, wrote or linked to.
fn picture(folder: &Path, output: &Output) -> Vec<u8> {
    let mut found: Vec<Vec<u8>> = fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .filter_map(|entry| fs::read(entry.path()).ok())
        .collect();
    found.push(output.stdout.clone());
    let known = |bytes: &Vec<u8>| image::guess_format(bytes).is_ok();
    found.into_iter().find(known).unwrap_or_else(|| panic!("no picture: {}", text(&output.stdout)))
}

#[tokio::test]
async fn the_printed_line_yields_a_picture() {
    let mut gateway = stranger().await;
    until("the curl line", || async { gateway.printed().contains("curl ").then_some(()) }).await;
    let printed = gateway.printed();
    let folder = tempfile::tempdir().expect("a folder");
    let output = sh(folder.path(), &curl_line(&printed)).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (_, width, height) = pictures::decoded(&picture(folder.path(), &output));
    assert!(width >= 512 && height >= 512);

    // Keys are told once, and still good after a restart.
    let team_key = words(&printed, "atl_").next().expect("the demo team's key").to_owned();
    assert!(printed.contains("adm_"), "the admin key is told: {printed}");
    gateway.kill_and_restart().await;
    let again = gateway.printed();
    assert!(!again.contains("atl_") && !again.contains("adm_"), "told again: {again}");
    assert!(!gateway.logged().contains(&team_key));
    let client = gateway.anyone().with_key(&team_key);
    let list = client.get("/v1/generations").await.expect(200).json();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1), "{list}");
    let usage = client.get("/v1/usage").await.expect(200).json();
    assert_eq!(usage["charged_usd"], list["data"][0]["cost"]["charged_usd"], "paid once");
}

#[tokio::test]
async fn a_picture_by_the_command_line_from_a_running_gateway() {
    let (vendor, gateway) = house(json!({})).await;
    vendor.set(json!({ "picture_bytes": null })).await;
    let team = gateway.team("a").await;
    let made = ["generate", "a lighthouse", "-o", "light.png", "--size", "512x512"];
    let output = gateway.cli(&team.key, &made).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let bytes = fs::read(gateway.folder().join("light.png")).expect("the file");
    // The file's name says which format is wanted.
    assert_eq!(pictures::decoded(&bytes), (image::ImageFormat::Png, 512, 512));

    let output =
        gateway.cli(&team.key, &["generate", "two of them", "--count", "2", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("nothing but JSON");
    assert_eq!(told["outputs"].as_array().map(Vec::len), Some(2), "{told}");

    let output = gateway.cli(&team.key, &["estimate", "a lighthouse", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("nothing but JSON");
    assert_eq!(told["data"][0]["provider"], "zekron", "{told}");
    let output = gateway.cli(&team.key, &["estimate", "a lighthouse"]).await;
    assert!(text(&output.stdout).contains("zekron-image-1"), "a table: {}", text(&output.stdout));

    assert_eq!(vendor.charges().await.len(), 3);
}

#[tokio::test]
async fn exit_codes_tell_what_happened() {
    let (vendor, gateway) = house(json!({})).await;
    let team = gateway.team("a").await;
    let code =
        async |key: &str, arguments: &[&str]| gateway.cli(key, arguments).await.status.code();
    assert_eq!(code(&team.key, &["generate"]).await, Some(2), "no prompt");
    assert_eq!(code(&team.key, &["generate", "x", "--size", "huge"]).await, Some(2), "no size");
    assert_eq!(code(&team.key, &["paint", "x"]).await, Some(2), "no such verb");
    assert_eq!(code("atl_wrong", &["generate", "x"]).await, Some(4), "a wrong key");
    vendor.fault_on_generate("blocked", json!({})).await;
    assert_eq!(code(&team.key, &["generate", "x"]).await, Some(3), "refused for safety");
    vendor.fault_on_generate("unpaid", json!({})).await;
    assert_eq!(code(&team.key, &["generate", "x"]).await, Some(1), "the vendor is not paid");
}

#[tokio::test]
async fn a_picture_by_the_command_line_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run().cli(folder.path(), &["generate", "a lighthouse", "-o", "light.webp"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let bytes = fs::read(folder.path().join("light.webp")).expect("the file");
    assert_eq!(pictures::decoded(&bytes).0, image::ImageFormat::WebP);
    assert!(!text(&output.stdout).contains('\u{1b}'), "no colours where no terminal is");
    let output = run().cli(folder.path(), &["estimate", "a lighthouse", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice::<Value>(&output.stdout).expect("nothing but JSON");
}

#[tokio::test]
async fn check_tells_good_from_bad() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = async |yaml: &str| {
        fs::write(folder.path().join("gateway.yaml"), yaml).expect("it is written");
        let output = run().cli(folder.path(), &["check"]).await;
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    assert_eq!(check("").await.0, Some(0), "an empty file runs");
    for (yaml, parts) in [
        ("sever: {}", &["gateway.yaml", "sever", "server"][..]),
        ("server: { listen: here }", &["server.listen", "here"]),
        ("cache: { ttl: 5 moons }", &["cache.ttl"]),
        ("admin: { key: '${NOT_SET}' }", &["admin.key", "NOT_SET"]),
        ("server: [", &["gateway.yaml"]),
    ] {
        let (code, said) = check(yaml).await;
        assert_eq!(code, Some(2), "{yaml}: {said}");
        for part in parts {
            assert!(said.contains(part), "{yaml}: {said}");
        }
    }
    let output = run().cli(folder.path(), &["check", "--config", "none.yaml"]).await;
    assert_eq!(output.status.code(), Some(2));
    let output = run().cli(folder.path(), &["serve"]).await;
    assert_eq!(output.status.code(), Some(2), "a wrong configuration does not start");
}
