//! The binary as a shell sees it: what it prints, what it writes, and its exit codes.
#![expect(clippy::unwrap_used, reason = "a test ends where its helpers cannot go on")]

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

/// A command in a folder of its own, without this process's environment.
fn atelier(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atelier"));
    command.current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    atelier(folder).args(arguments).output().unwrap()
}

#[track_caller]
fn assert_exit(output: &Output, code: i32, words: &str) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    assert!(out.contains(words) || err.contains(words), "{words:?} is not in\n{out}\n{err}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A gateway that runs in a folder until it is dropped.
struct Serving {
    child: Child,
    told: Value,
}

impl Serving {
    fn start(folder: &Path) -> Self {
        let mut child = atelier(folder)
            .arg("--json")
            .env("ATELIER__SERVER__LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { child, told: serde_json::from_str(&line).unwrap() }
    }

    fn told(&self, field: &str) -> &str {
        self.told[field].as_str().unwrap()
    }

    /// Asks it to end, and returns its exit code.
    fn end(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended; a test that failed must not leave it behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A gateway of one answer.
fn answering(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut seen = Vec::new();
        while !seen.windows(4).any(|end| end == b"\r\n\r\n") {
            let mut piece = [0; 1024];
            let read = connection.read(&mut piece).unwrap();
            seen.extend_from_slice(&piece[..read]);
        }
        let length = body.len();
        write!(connection, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
    });
    format!("http://{address}")
}

#[test]
fn a_first_picture_needs_one_command() {
    let folder = TempDir::new().unwrap();
    let made = run(folder.path(), ["generate", "a red fox", "--format", "png"]);
    assert_exit(&made, 0, "a-red-fox.png");
    assert!(text(&made.stdout).contains("$0.000000 at zsky/image"), "{}", text(&made.stdout));
    assert_eq!(text(&made.stderr), "", "nothing but the result off a terminal");
    let picture = std::fs::read(folder.path().join("a-red-fox.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));

    let again = run(
        folder.path(),
        ["generate", "x", "--json", "--count", "2", "-o", "two.webp", "--format", "webp"],
    );
    assert_exit(&again, 0, "gen_");
    let generation: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(generation["status"], "completed");
    for name in ["two-1.webp", "two-2.webp"] {
        assert_eq!(&std::fs::read(folder.path().join(name)).unwrap()[8..12], b"WEBP");
    }
}

#[test]
fn estimates_are_a_table_or_json() {
    let folder = TempDir::new().unwrap();
    assert_exit(&run(folder.path(), ["estimate", "a fox"]), 0, "zekron/zekron-image-1");
    let json = run(folder.path(), ["estimate", "a fox", "--json"]);
    let quotes: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(quotes["data"][0]["usable"], true);
    assert!(!folder.path().join("data/assets").read_dir().is_ok_and(|mut f| f.next().is_some()));
}

#[test]
fn check_tells_file_key_and_reason() {
    let folder = TempDir::new().unwrap();
    assert_exit(&run(folder.path(), ["check"]), 0, "the defaults are good");
    assert!(folder.path().read_dir().unwrap().next().is_none(), "check makes nothing");

    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, "server: { lisen: 127.0.0.1:1 }\nadmin: { key: hunter2 }").unwrap();
    let wrong = run(folder.path(), ["check"]);
    assert_exit(
        &wrong,
        2,
        "gateway.yaml: server.lisen: this key is unknown; the nearest is `server.l",
    );
    std::fs::write(&file, "models: { a: { kind: image, candidates: [zekron/nothing] } }").unwrap();
    assert_exit(&run(folder.path(), ["check"]), 2, "zekron has no such model");
    assert_exit(&run(folder.path(), ["serve"]), 2, "zekron has no such model");
    assert!(!folder.path().join("data").exists(), "a wrong configuration leaves nothing behind");
    std::fs::write(&file, "admin: { key: hunter2 }").unwrap();
    let good = run(folder.path(), ["check", "--json"]);
    assert_exit(&good, 0, "storage.encryption_key");
    assert!(!text(&good.stdout).contains("hunter2"));
    assert_exit(&run(folder.path(), ["check", "--config", "none.yaml"]), 2, "none.yaml");
}

#[test]
fn wrong_usage_is_2() {
    let folder = TempDir::new().unwrap();
    assert_exit(&run(folder.path(), ["paint"]), 2, "paint");
    assert_exit(&run(folder.path(), ["generate", "x", "--size", "0x9"]), 2, "1024x1024");
    assert_exit(&run(folder.path(), ["generate", "x", "--model", "none"]), 2, "model_not_found");
    assert_exit(&run(folder.path(), ["teams", "list"]), 2, "ATELIER_KEY");
    assert_exit(&run(folder.path(), ["--help"]), 0, "estimate");
}

#[test]
fn a_gateway_that_is_not_there_is_1() {
    let folder = TempDir::new().unwrap();
    // Bound and not listening any more: nobody else is given the port within this test.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_exit(&run(folder.path(), ["generate", "x", "--url", &url]), 1, "nobody answers");
}

#[test]
fn a_refusal_is_3() {
    let folder = TempDir::new().unwrap();
    for (status, body, words) in [
        (
            "429 Too Many Requests",
            r#"{"error":{"message":"slow down","code":"rate_limit_exceeded"}}"#,
            "slow down",
        ),
        (
            "402 Payment Required",
            r#"{"error":{"message":"all spent","code":"budget_exceeded"}}"#,
            "all spent",
        ),
        ("451 Unavailable For Legal Reasons", "", "451"),
        ("201 Created", r#"{"id":"gen_1","status":"blocked"}"#, "safety"),
    ] {
        let url = answering(status, body);
        let refused = run(folder.path(), ["generate", "x", "--url", &url, "--key", "atl_x"]);
        assert_exit(&refused, 3, words);
    }
}

#[test]
fn a_served_gateway_is_administered_and_ends_in_order() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let serving = Serving::start(folder);
    let (url, admin) = (serving.told("url"), serving.told("admin_key"));
    let team_key = serving.told("team_key");

    assert_exit(&run(folder, ["generate", "x"]), 1, "another atelier");
    let wrong = run(folder, ["generate", "x", "--url", url, "--key", "atl_wrong"]);
    assert_exit(&wrong, 4, "invalid_api_key");
    let forbidden = run(folder, ["teams", "list", "--url", url, "--key", team_key]);
    assert_exit(&forbidden, 4, "forbidden");

    let administer = |arguments: &[&str]| {
        let output = atelier(folder)
            .args(arguments)
            .arg("--json")
            .env("ATELIER_URL", url)
            .env("ATELIER_KEY", admin)
            .output()
            .unwrap();
        assert_exit(&output, 0, "");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let team = administer(&["teams", "create", "crew"]);
    let team = team["id"].as_str().unwrap();
    let key = administer(&["keys", "create", "--team", team, "--scope", "read"]);
    let (key_id, key) = (key["id"].as_str().unwrap(), key["key"].as_str().unwrap());
    let scoped = run(folder, ["generate", "x", "--url", url, "--key", key]);
    assert_exit(&scoped, 4, "scope");
    assert_eq!(administer(&["keys", "list", "--team", team])[0]["id"], key_id);
    administer(&["keys", "revoke", key_id]);
    let revoked = run(folder, ["estimate", "x", "--url", url, "--key", key]);
    assert_exit(&revoked, 4, "invalid_api_key");
    administer(&["teams", "revoke", team]);
    assert_eq!(administer(&["teams", "list"]).as_array().unwrap().len(), 2);

    let (url, team_key) = (url.to_owned(), team_key.to_owned());
    let made = run(folder, ["generate", "a fox", "--url", &url, "--key", &team_key]);
    assert_exit(&made, 0, "a-fox.");
    assert_eq!(serving.end(), Some(0));

    let later = Serving::start(folder);
    assert!(later.told["admin_key"].is_null() && later.told["team_key"].is_null());
    let still = run(folder, ["estimate", "x", "--url", later.told("url"), "--key", &team_key]);
    assert_exit(&still, 0, "zekron");
}

#[test]
fn the_simulated_vendors_run_alone() {
    let folder = TempDir::new().unwrap();
    let mut child = atelier(folder.path())
        .args(["vendors", "--json", "--state", "state"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    let vendor = told["zekron"]["url"].as_str().unwrap();
    let file = folder.path().join("gateway.yaml");
    let text = format!(
        "providers: {{ zekron: {{ base_url: '{vendor}', accounts: {{ main: {{ key: zk_x }} }} }} }}"
    );
    std::fs::write(file, text).unwrap();
    assert_exit(&run(folder.path(), ["generate", "an owl"]), 0, "an-owl.jpg");
    assert!(folder.path().join("state").exists());
    assert!(!folder.path().join("data/simulated").exists());
    assert!(
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
