//! nginx as a proxy in front of the vendor: its own defaults, and connections kept open to the vendor.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{Result, Setup, process};

/// A running nginx.
#[derive(Debug)]
pub(crate) struct Nginx {
    pub(crate) url: String,
    pub(crate) pids: Vec<u32>,
    child: Child,
    folder: TempDir,
}

impl Nginx {
    /// Starts one in front of `upstream`.
    pub(crate) async fn start(setup: &Setup, upstream: &str) -> Result<Self> {
        // It spools large answers to files that it deletes at once, and ext4 is slow to make new files near
        // deleted ones: on one disk nginx's habit would be counted against the gateway. In memory it is
        // cheaper for nginx, if anything.
        let memory = Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? };
        // nginx cannot pick a port by itself.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let file = folder.path().join("nginx.conf");
        let address = upstream.trim_start_matches("http://");
        fs::write(&file, configuration(folder.path(), port, address))?;
        let child = Command::new(&setup.nginx)
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let parent = child.id().ok_or("nginx ended at once")?;
        let mut nginx =
            Self { url: format!("http://127.0.0.1:{port}"), pids: Vec::new(), child, folder };
        let end = Instant::now() + Duration::from_secs(10);
        while nginx.pids.len() < 2
            || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err()
        {
            if Instant::now() > end {
                return Err("nginx does not start".into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            nginx.pids = process::family(parent)?;
        }
        Ok(nginx)
    }

    /// A file that it serves under `/files/`.
    pub(crate) fn keep(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let folder = self.folder.path().join("files");
        fs::create_dir_all(&folder)?;
        // Started by root its workers are nobody, and the folder is its owner's.
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755))?;
        Ok(fs::write(folder.join(name), bytes)?)
    }

    /// Ends it with its workers, and hands its folder over.
    pub(crate) async fn stop(mut self) -> Result<TempDir> {
        if let Some(pid) = self.child.id() {
            // Killed, the parent would leave its workers behind.
            Command::new("kill").arg(pid.to_string()).status().await?;
        }
        self.child.wait().await?;
        Ok(self.folder)
    }
}

fn configuration(folder: &Path, port: u16, upstream: &str) -> String {
    let folder = folder.display();
    format!(
        "daemon off;
worker_processes auto;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000;
  upstream vendor {{ server {upstream}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location /files/ {{
      root {folder};
      sendfile on;
    }}
    location / {{
      proxy_pass http://vendor;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
    }}
  }}
}}
"
    )
}
