//! The simulated vendor in a process of its own.

use std::process::Stdio;

use serde_json::{Value, json};
use tests::Client;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::{Result, Setup};

/// The gateway's key at the vendor.
pub(crate) const GATEWAYS_KEY: &str = "zk_gateway_of_the_bench";
/// The key that goes through nginx.
pub(crate) const NGINX_KEY: &str = "zk_nginx_of_the_bench";

/// A running vendor.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) url: String,
    control: Client,
    // Killed when dropped.
    _child: Child,
}

impl Upstream {
    pub(crate) async fn start(setup: &Setup) -> Result<Self> {
        let mut child = Command::new(&setup.atelier)
            .args(["vendors", "--json"])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let output = child.stdout.take().ok_or("the vendors' output is lost")?;
        let mut lines = BufReader::new(output).lines();
        let mut told = String::new();
        let addresses: Value = loop {
            told += &lines.next_line().await?.ok_or("the vendors tell no addresses")?;
            if let Ok(addresses) = serde_json::from_str(&told) {
                break addresses;
            }
        };
        let address = |name: &str| {
            let url = addresses["zekron"][name].as_str().map(str::to_owned);
            url.ok_or("the vendors tell no addresses")
        };
        let control = Client::new(address("control_url")?);
        let upstream = Self { url: address("url")?, control, _child: child };
        upstream
            .set(json!({
                "latency_ms": { "min": 0, "max": 0 },
                "limits": { "per_minute": 1_000_000_000, "concurrent": 1_000_000 },
                "starting_balance_micros": 1_000_000_000_000_u64,
            }))
            .await?;
        Ok(upstream)
    }

    /// Changes settings.
    pub(crate) async fn set(&self, change: Value) -> Result<()> {
        let json = [("content-type", "application/json")];
        let answer = self.control.try_send("PUT", "/settings", &json, change.to_string()).await?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text().into()) }
    }

    /// How many charges a key has had, and what they came to in micro-dollars.
    pub(crate) async fn spent(&self, key: &str) -> Result<(u64, i64)> {
        // Of the charges only the sums are wanted.
        let path = format!("/books?since={}", u64::MAX);
        let books = self.control.try_send("GET", &path, &[], "").await?.json();
        // The books show the beginning of a key only; ours differ in it.
        let beginning = key.get(..6).unwrap_or(key);
        let ours = |standing: &&Value| {
            standing["key"].as_str().is_some_and(|shown| shown.starts_with(beginning))
        };
        let standing = books["keys"].as_array().into_iter().flatten().find(ours);
        let number = |name: &str| standing.and_then(|s| s[name].as_u64()).unwrap_or(0);
        Ok((number("charges"), i64::try_from(number("spent_micros"))?))
    }
}
