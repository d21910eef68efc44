//! All the vendors there are, for whoever wants the whole street or one house of it by name.

use std::{io, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    clock::{Clock, SystemClock},
    generor::{self, Generor},
    running::{Placement, Running},
    zekron::{self, Zekron},
    zsky::{self, Zsky},
};

/// The settings of every vendor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VendorsSettings {
    /// Zekron's.
    pub zekron: zekron::Settings,
    /// ZSky's.
    pub zsky: zsky::Settings,
    /// Generor's.
    pub generor: generor::Settings,
}

/// The names by which [`Vendors::start_one`] knows the vendors, in the order of their ports.
pub const NAMES: [&str; 3] = ["zekron", "zsky", "generor"];

/// How far from the port base the ports of each vendor begin.
const OFFSETS: [u16; 3] = [0, 2, 5];

/// The running vendors. Dropping them stops them.
#[derive(Debug)]
pub struct Vendors {
    running: Vec<Running>,
}

impl Vendors {
    /// Starts every vendor. From `port_base` P Zekron has its API on P and its control on P+1; ZSky its API on P+2, its
    /// control on P+3 and its results on P+4; Generor its API on P+5 and its control on P+6; P+7 is kept. Without it all
    /// ports are free ones. Each keeps its state in a folder of its own under `state_dir`.
    pub async fn start(
        port_base: Option<u16>,
        state_dir: Option<PathBuf>,
        settings: VendorsSettings,
    ) -> io::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut running = Vec::with_capacity(NAMES.len());
        for (name, offset) in NAMES.into_iter().zip(OFFSETS) {
            let mut placement = Placement { clock: Arc::clone(&clock), ..Placement::default() };
            if let Some(base) = port_base {
                if base.checked_add(7).is_none() {
                    return Err(invalid("the port base leaves no room for eight ports"));
                }
                placement = placement.on_ports(base.saturating_add(offset));
            }
            placement.state_dir = state_dir.as_ref().map(|folder| folder.join(name));
            running.push(Self::start_one(name, placement, settings.clone()).await?);
        }
        Ok(Self { running })
    }

    /// Starts one vendor, by its name.
    pub async fn start_one(
        name: &str,
        placement: Placement,
        settings: VendorsSettings,
    ) -> io::Result<Running> {
        match name {
            "zekron" => Zekron::start(settings.zekron, placement).await,
            "zsky" => Zsky::start(settings.zsky, placement).await,
            "generor" => Generor::start(settings.generor, placement).await,
            _ => Err(invalid(&format!("there is no simulated vendor {name:?}"))),
        }
    }

    /// The running vendors, in the order of their ports.
    pub fn running(&self) -> &[Running] {
        &self.running
    }

    /// The running vendor of that name.
    pub fn get(&self, name: &str) -> Option<&Running> {
        self.running.iter().find(|running| running.vendor() == name)
    }

    /// Stops them all, and waits until every task has ended.
    pub async fn shutdown(self) {
        for running in self.running {
            running.shutdown().await;
        }
    }
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
