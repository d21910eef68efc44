//! `atelier vendors`: the simulated vendors alone.

use serde_json::{Map, Value, json};
use simulated_vendors::{Vendors, VendorsSettings};

use super::{Session, args::VendorsArgs, failure::Failure, output, serve};

/// Runs them until the process is told to end.
pub(super) async fn run(session: &Session<'_>, args: VendorsArgs) -> Result<(), Failure> {
    let vendors = Vendors::start(args.port_base, args.state, VendorsSettings::default())
        .await
        .map_err(|error| Failure::failed(format!("the vendors cannot be started: {error}")))?;
    if session.json {
        let urls = vendors.running().iter().map(|vendor| {
            let urls = json!({ "url": vendor.base_url(), "control_url": vendor.control_url() });
            (vendor.vendor().to_owned(), urls)
        });
        output::json(&Value::Object(urls.collect::<Map<_, _>>()));
    } else {
        for vendor in vendors.running() {
            output::line(format_args!(
                "{}  {}  control {}",
                vendor.vendor(),
                vendor.base_url(),
                vendor.control_url()
            ));
        }
    }
    serve::told_to_end().await?;
    vendors.shutdown().await;
    Ok(())
}
