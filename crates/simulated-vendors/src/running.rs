//! A vendor that runs, wherever it was started: its addresses, and its end.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use tokio::net::TcpListener;

use crate::{
    backstage::Vendor,
    clock::{Clock, SystemClock},
    control::Control,
    server::{self, Service, Tasks},
};

/// Where a vendor is put: its addresses (free ports of loopback unless said otherwise), the folder where its state
/// survives a killed process (memory alone when absent), and the clock that it follows.
#[derive(Debug, Clone)]
pub struct Placement {
    /// The vendor's own API.
    pub api: SocketAddr,
    /// The control port.
    pub control: SocketAddr,
    /// Where results lie, for a vendor that keeps them on a host of their own.
    pub results: SocketAddr,
    /// The folder of its state.
    pub state_dir: Option<PathBuf>,
    /// The clock that its own follows.
    pub clock: Arc<dyn Clock>,
}

impl Default for Placement {
    fn default() -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            api: free,
            control: free,
            results: free,
            state_dir: None,
            clock: Arc::new(SystemClock),
        }
    }
}

impl Placement {
    /// The same, with its state in that folder.
    #[must_use]
    pub fn in_folder(self, state_dir: impl Into<PathBuf>) -> Self {
        Self { state_dir: Some(state_dir.into()), ..self }
    }

    /// The same, on ports of loopback: the API on the first, its control on the next, and results on the third for a
    /// vendor that has another host for them.
    #[must_use]
    pub fn on_ports(self, api: u16) -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            api: loopback(api),
            control: loopback(api.saturating_add(1)),
            results: loopback(api.saturating_add(2)),
            ..self
        }
    }
}

/// A running vendor. Dropping it stops everything: no charge is made after the drop.
#[derive(Debug)]
pub struct Running {
    api: SocketAddr,
    control: SocketAddr,
    vendor: Arc<dyn Vendor>,
    tasks: Tasks,
}

/// Both ports of a vendor, bound but not yet served: a vendor needs its own address in its answers.
#[derive(Debug)]
pub(crate) struct Bound {
    api: TcpListener,
    control: TcpListener,
}

impl Bound {
    pub(crate) async fn at(placement: &Placement) -> io::Result<Self> {
        let api = TcpListener::bind(placement.api).await?;
        let control = TcpListener::bind(placement.control).await?;
        Ok(Self { api, control })
    }

    pub(crate) fn base_url(&self) -> io::Result<String> {
        Ok(format!("http://{}", self.api.local_addr()?))
    }

    pub(crate) fn run<V: Vendor + Service>(
        self,
        vendor: Arc<V>,
        tasks: Tasks,
    ) -> io::Result<Running> {
        let (api, control) = (self.api.local_addr()?, self.control.local_addr()?);
        drop(tasks.spawn(server::serve(self.api, Arc::clone(&vendor), tasks.clone())));
        let controls = Arc::new(Control(Arc::clone(&vendor)));
        drop(tasks.spawn(server::serve(self.control, controls, tasks.clone())));
        Ok(Running { api, control, vendor, tasks })
    }
}

impl Running {
    /// Which vendor this is.
    pub fn vendor(&self) -> &'static str {
        self.vendor.name()
    }

    /// The base address of the vendor's API as its page gives it, with a path where the page has one, without a slash
    /// at its end.
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.api, self.vendor.base_path())
    }

    /// The base address of the control port.
    pub fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }

    /// Stops, and waits until every task has ended.
    pub async fn shutdown(self) {
        let tasks = self.tasks.clone();
        drop(self);
        tasks.tracker.close();
        tasks.tracker.wait().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.stop.cancel();
        // Tasks end when they are next polled; the books must be shut before that, for whoever opens them next.
        self.vendor.close_books();
    }
}
