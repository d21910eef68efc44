//! Secrets stay: in no log, no answer, no metric, and not in clear in the data folder.

use std::{fs, path::Path};

use serde_json::json;
use tests::{ADMIN_KEY, Client, VENDOR_KEY, Vendor, config, quick};

use crate::{image, run};

fn contains(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

/// Remembers all of an answer.
fn hear(told: &mut Vec<Vec<u8>>, reply: tests::Reply) {
    told.push(format!("{:?}", reply.headers).into_bytes());
    told.push(reply.body.to_vec());
}

/// Every file below a folder.
fn files(folder: &Path, visit: &mut impl FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, visit);
        } else {
            visit(&path, &fs::read(&path).expect("a readable file"));
        }
    }
}

#[tokio::test]
async fn no_secret_leaves_by_any_door() {
    let vendor = Vendor::start(quick()).await;
    // As talkative as it can be.
    let mut gateway = run().env("RUST_LOG", "trace").gateway(&config(&vendor, &json!({}))).await;
    let team = gateway.team("a").await;
    let secrets = [VENDOR_KEY, ADMIN_KEY, team.key.as_str()];
    let mut told = Vec::new();

    // Good work, bad work, refused work, and a vendor that says the key is wrong.
    hear(&mut told, team.client.post("/v1/images/generations", &json!({ "prompt": "x" })).await);
    for kind in ["status_500_html", "reset_after", "malformed_json", "blocked"] {
        vendor.fault_on_generate(kind, json!({})).await;
        let body = json!({ "prompt": kind });
        hear(&mut told, team.client.post("/v1/images/generations", &body).await);
    }
    vendor.fault_on_generate("unauthorised", json!({})).await;
    hear(&mut told, team.client.post("/v1/images/generations", &json!({ "prompt": "z" })).await);
    hear(&mut told, team.client.post("/v1/generations", &json!({ "key": team.key })).await);
    hear(&mut told, team.client.post("/v1/estimates", &image("x")).await);
    for client in [&gateway.admin(), &team.client, &gateway.anyone()] {
        visit(client, &mut told).await;
    }
    gateway.kill_and_restart().await;
    visit(&gateway.admin(), &mut told).await;

    for secret in secrets {
        assert!(!told.iter().any(|body| contains(body, secret)), "an answer tells {secret}");
        assert!(!contains(gateway.logged().as_bytes(), secret), "the log tells {secret}");
        assert!(!contains(gateway.printed().as_bytes(), secret), "the output tells {secret}");
    }
    let mut seen = 0;
    files(&gateway.folder().join("data"), &mut |path, bytes| {
        seen += 1;
        for secret in secrets {
            assert!(!contains(bytes, secret), "{} holds {secret}", path.display());
        }
    });
    assert!(seen > 1, "the data folder was looked at");
}

async fn visit(client: &Client, told: &mut Vec<Vec<u8>>) {
    for path in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/v1/models",
        "/v1/generations",
        "/v1/usage",
        "/admin/v1/teams",
        "/admin/v1/keys",
        "/admin/v1/ledger",
        "/admin/v1/accounts",
        "/admin/v1/models",
        "/admin/v1/routing",
        "/nowhere",
    ] {
        hear(told, client.get(path).await);
    }
}

#[tokio::test]
async fn metrics_carry_no_prompt_and_no_id_of_a_generation() {
    let (_vendor, gateway) = crate::house(json!({})).await;
    let team = gateway.team("a").await;
    let made = team.generate(&image("the unmistakable prompt")).await;
    let metrics = gateway.anyone().get("/metrics").await.expect(200).text();
    let id = made["id"].as_str().expect("an id");
    assert!(metrics.contains("atelier_generations_total"), "{metrics}");
    assert!(!metrics.contains("unmistakable") && !metrics.contains(id), "{metrics}");
}

#[tokio::test]
async fn check_shows_no_secret_and_names_what_is_wrong() {
    let vendor = Vendor::start(quick()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gateway.yaml");
    let write = |text: String| fs::write(&file, text).expect("it is written");
    write(config(&vendor, &json!({})).to_string());
    let checked = run().cli(folder.path(), &["check"]).await;
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    for secret in [VENDOR_KEY, ADMIN_KEY] {
        assert!(!contains(&checked.stdout, secret) && !contains(&checked.stderr, secret));
    }
    // The secret stands where something else belongs.
    let wrong = json!({ "storage": { "durability": "${SECRET}" }, "sever": {} });
    write(config(&vendor, &wrong).to_string());
    let secret = "a-secret-in-the-wrong-place";
    let checked = run().env("SECRET", secret).cli(folder.path(), &["check"]).await;
    assert_eq!(checked.status.code(), Some(2), "{checked:?}");
    let said = [checked.stdout, checked.stderr].concat();
    for part in ["gateway.yaml", "storage.durability", "sever", "server"] {
        assert!(contains(&said, part), "{part}: {}", String::from_utf8_lossy(&said));
    }
    for secret in [VENDOR_KEY, ADMIN_KEY, secret] {
        assert!(!contains(&said, secret), "{}", String::from_utf8_lossy(&said));
    }
}
