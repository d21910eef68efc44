//! A simulated vendor in a process of its own, so that its work is not counted as anybody else's.

use std::process::Stdio;

use serde_json::Value;
use tests::Client;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::{Result, Setup};

/// A running vendor.
#[derive(Debug)]
pub(crate) struct VendorProcess {
    pub(crate) url: String,
    control: Client,
    // Killed when dropped.
    child: Child,
}

impl VendorProcess {
    /// Starts the vendors and takes the one with this name; the others idle beside it.
    pub(crate) async fn start(setup: &Setup, name: &str) -> Result<Self> {
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
        let address = |what: &str| {
            let url = addresses[name][what].as_str().map(str::to_owned);
            url.ok_or("the vendors tell no addresses")
        };
        let control = Client::new(address("control_url")?);
        Ok(Self { url: address("url")?, control, child })
    }

    pub(crate) fn pid(&self) -> Result<u32> {
        Ok(self.child.id().ok_or("the vendor ended")?)
    }

    /// Changes settings.
    pub(crate) async fn set(&self, change: Value) -> Result<()> {
        let json = [("content-type", "application/json")];
        let answer = self.control.try_send("PUT", "/settings", &json, change.to_string()).await?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text().into()) }
    }

    /// Its books without the single charges.
    pub(crate) async fn books(&self) -> Result<Value> {
        self.look(&format!("/books?since={}", u64::MAX)).await
    }

    /// What the control port tells.
    pub(crate) async fn look(&self, path: &str) -> Result<Value> {
        let answer = self.control.try_send("GET", path, &[], "").await;
        Ok(answer.map_err(|error| format!("the vendor's control port: {error}"))?.json())
    }
}
