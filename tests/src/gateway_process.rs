//! The gateway as a process: started, asked, killed without warning, started again.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{Client, Team, VENDOR_KEY, Vendor, until};

/// The operator's key in [`config`].
pub const ADMIN_KEY: &str = "operators-own-key-8d6f2b";

/// A configuration for tests: this vendor, limits out of the way, any port, and every request paid for,
/// however often it is the same. `change` is laid over it.
pub fn config(vendor: &Vendor, change: &Value) -> Value {
    config_at(&vendor.url(), change)
}

/// As [`config`], with the vendor at that address.
pub fn config_at(vendor: &str, change: &Value) -> Value {
    let zekron = json!({
        "type": "zekron",
        "base_url": vendor,
        "accounts": { "main": {
            "key": VENDOR_KEY,
            "limits": { "requests_per_minute": 100_000, "concurrent": 8, "work_seconds": 2 },
        } },
    });
    config_of(&json!({ "zekron": zekron }), change)
}

/// As [`config`], with these providers.
pub(crate) fn config_of(providers: &Value, change: &Value) -> Value {
    let mut config = json!({
        "server": { "listen": "127.0.0.1:0", "shutdown_grace": "1s" },
        "admin": { "key": ADMIN_KEY },
        "storage": { "durability": "process" },
        "cache": { "enabled": false },
        "providers": providers,
    });
    merge(&mut config, change);
    config
}

pub(crate) fn merge(into: &mut Value, change: &Value) {
    match (into, change) {
        (Value::Object(into), Value::Object(change)) => {
            for (key, value) in change {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, change) => into.clone_from(change),
    }
}

/// How a gateway is run: the program, and what stands in its environment.
#[derive(Debug, Clone)]
pub struct Run {
    program: PathBuf,
    environment: Vec<(String, String)>,
}

impl Run {
    /// This program, with hardly an environment.
    pub fn of(program: impl Into<PathBuf>) -> Self {
        let run = Self { program: program.into(), environment: Vec::new() };
        let path = std::env::var_os("PATH").unwrap_or_default();
        run.env("PATH", &path.to_string_lossy())
    }

    /// With a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A command of it in that folder.
    pub fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(folder).env_clear().stdin(Stdio::null()).kill_on_drop(true);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it to its end.
    pub async fn cli(&self, folder: &Path, arguments: &[&str]) -> Output {
        self.command(folder).args(arguments).output().await.expect("it runs")
    }

    /// Starts a gateway with this configuration, in a new folder.
    pub async fn gateway(self, config: &Value) -> Gateway {
        let folder = tempfile::tempdir().expect("a folder");
        // JSON is YAML.
        fs::write(folder.path().join("gateway.yaml"), config.to_string()).expect("it is written");
        Gateway::start(self, folder, &["serve", "--config", "gateway.yaml"]).await
    }
}

/// A running gateway. Its end is the process's, without farewell.
#[derive(Debug)]
pub struct Gateway {
    run: Run,
    arguments: Vec<String>,
    folder: TempDir,
    starts: u32,
    child: Child,
    url: String,
}

impl Gateway {
    /// Starts it in that folder and waits until it is ready.
    pub async fn start(run: Run, folder: TempDir, arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        let child = spawn(&run, folder.path(), &arguments, 1);
        let mut gateway = Self { run, arguments, folder, starts: 1, child, url: String::new() };
        gateway.ready().await;
        gateway
    }

    /// `kill -9`.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("it can be killed");
    }

    /// Stops it as an operator does, so that it keeps what it learned.
    pub async fn stop(&mut self) {
        let pid = self.pid().to_string();
        let done = Command::new("kill").args(["-TERM", &pid]).status().await.expect("it runs");
        assert!(done.success());
        self.child.wait().await.expect("it ends");
    }

    /// Kills it and hands its folder over.
    pub async fn end(mut self) -> TempDir {
        self.kill().await;
        self.folder
    }

    /// Starts it again, in the same folder.
    pub async fn start_again(&mut self) {
        self.starts += 1;
        self.child = spawn(&self.run, self.folder.path(), &self.arguments, self.starts);
        self.ready().await;
    }

    /// `kill -9`, and started again.
    pub async fn kill_and_restart(&mut self) {
        self.kill().await;
        self.start_again().await;
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Where it listens now.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A caller without a key.
    pub fn anyone(&self) -> Client {
        Client::new(&self.url)
    }

    /// The operator.
    pub fn admin(&self) -> Client {
        self.anyone().with_key(ADMIN_KEY)
    }

    /// A new team with a key.
    pub async fn team(&self, name: &str) -> Team {
        Team::create(&self.admin(), name).await
    }

    /// The same with more of a team's fields (`budget`, `limits`, `weight`).
    pub async fn team_with(&self, name: &str, more: &Value) -> Team {
        Team::create_with(&self.admin(), name, more).await
    }

    /// A team as it calls now, after a restart.
    pub fn again(&self, team: &Team) -> Team {
        Team { client: self.anyone().with_key(&team.key), ..team.clone() }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A metric's value, among those that have these labels; none where there is no such line, or where
    /// it is no whole number.
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Option<i64> {
        self.metric_text(name, labels).await?.parse().ok()
    }

    /// The same as it is written.
    pub async fn metric_text(&self, name: &str, labels: &[(&str, &str)]) -> Option<String> {
        let all = self.anyone().get("/metrics").await.expect(200).text();
        let wanted: Vec<String> = labels.iter().map(|(k, v)| format!("{k}=\"{v}\"")).collect();
        let mut lines = all.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
        let line = lines.find(|line| wanted.iter().all(|label| line.contains(label.as_str())))?;
        Some(line.rsplit_once(' ')?.1.to_owned())
    }

    /// An account of a provider, as operators see it.
    pub async fn account(&self, provider: &str) -> Value {
        let all = self.admin().get("/admin/v1/accounts").await.expect(200).json();
        let mut rows = all["data"].as_array().into_iter().flatten();
        let found = rows.find(|account| account["provider"] == provider);
        found.unwrap_or_else(|| panic!("no account of {provider}: {all}")).clone()
    }

    /// What it wrote to standard output since its latest start.
    pub fn printed(&self) -> String {
        read(&self.folder.path().join(format!("stdout.{}", self.starts)))
    }

    /// What it logged, over all starts.
    pub fn logged(&self) -> String {
        (1..=self.starts).map(|n| read(&self.folder.path().join(format!("stderr.{n}")))).collect()
    }

    /// The command line, against this gateway.
    pub async fn cli(&self, key: &str, arguments: &[&str]) -> Output {
        let run = self.run.clone().env("ATELIER_URL", &self.url).env("ATELIER_KEY", key);
        run.cli(self.folder.path(), arguments).await
    }

    async fn ready(&mut self) {
        self.url = until("the gateway's address", || {
            let ended = self.child.try_wait().ok().flatten();
            let printed = self.printed();
            assert!(ended.is_none(), "it ended ({ended:?}): {printed}{}", self.logged());
            let found = address(&printed);
            async move { found }
        })
        .await;
        let client = self.anyone();
        until("readiness", || async {
            let answer = client.try_send("GET", "/readyz", &[], "").await;
            answer.is_ok_and(|answer| answer.status == 200).then_some(())
        })
        .await;
    }
}

fn spawn(run: &Run, folder: &Path, arguments: &[String], start: u32) -> Child {
    let file = |name: &str| File::create(folder.join(format!("{name}.{start}"))).expect("a file");
    let mut command = run.command(folder);
    command.args(arguments.iter().map(OsStr::new));
    command.stdout(file("stdout")).stderr(file("stderr"));
    command.spawn().expect("it starts")
}

/// The first address of loopback with a port, if the line that it stands in is whole.
fn address(printed: &str) -> Option<String> {
    const PREFIX: &str = "http://127.0.0.1:";
    let whole = &printed[..=printed.rfind('\n')?];
    let at = whole.find(PREFIX)?;
    let port: String =
        whole[at + PREFIX.len()..].chars().take_while(char::is_ascii_digit).collect();
    (!port.is_empty()).then(|| format!("{PREFIX}{port}"))
}

fn read(file: &Path) -> String {
    fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
