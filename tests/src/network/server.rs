//! Real servers in the target's namespace, gone with the value.

use super::spawn_in;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tcpconf_target::testing::{Place, TARGET};

/// How long a server may take to listen.
const READY: Duration = Duration::from_secs(10);

/// A running server.
#[derive(Debug)]
pub struct Server {
    children: Vec<Child>,
    folder: tempfile::TempDir,
}

impl Server {
    /// nginx on this port of both addresses of the target.
    ///
    /// # Panics
    /// When it does not start to listen.
    pub fn nginx(place: &Place, port: u16) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let prefix = folder.path().display();
        let [v4, v6] = TARGET;
        // One process, so that ending it ends all of it.
        let text = format!(
            "daemon off; master_process off; pid {prefix}/pid; error_log {prefix}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{\n\
               access_log off;\n\
               client_body_temp_path {prefix}/body; proxy_temp_path {prefix}/proxy;\n\
               fastcgi_temp_path {prefix}/fastcgi; uwsgi_temp_path {prefix}/uwsgi;\n\
               scgi_temp_path {prefix}/scgi;\n\
               server {{ listen {v4}:{port}; listen [{v6}]:{port}; return 200 'ok'; }}\n\
             }}\n"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, text).expect("our own folder");
        let mut command = quiet("nginx");
        command.arg("-e").arg(folder.path().join("error.log"));
        command.arg("-p").arg(folder.path()).arg("-c").arg(&file);
        Self::ready(place, vec![command], port, folder)
    }

    /// Python's `http.server` on this port of both addresses of the target: its backlog is 5.
    ///
    /// # Panics
    /// When it does not start to listen.
    pub fn python(place: &Place, port: u16) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let commands = TARGET.map(|address| {
            let mut command = quiet("python3");
            let port = port.to_string();
            command.args(["-m", "http.server", "--bind", address, &port]);
            command.current_dir(folder.path());
            command
        });
        Self::ready(place, commands.into(), port, folder)
    }

    /// A file of so many octets, where the server offers its folder ([`Server::python`]).
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn offer(&self, name: &str, octets: usize) {
        let file = self.folder.path().join(name);
        std::fs::write(file, vec![b'x'; octets]).expect("our own folder");
    }

    fn ready(place: &Place, commands: Vec<Command>, port: u16, folder: tempfile::TempDir) -> Self {
        let children = commands.into_iter().map(|c| spawn_in(place, c)).collect();
        // From here on a panic ends the children too.
        let mut server = Self { children, folder };
        for address in TARGET {
            let ip = address.parse().expect("the addresses are right");
            let address = SocketAddr::new(ip, port);
            let began = Instant::now();
            while place.run(move || TcpStream::connect(address)).is_err() {
                for child in &mut server.children {
                    let ended = child.try_wait().expect("our own child");
                    assert!(ended.is_none(), "the server for {address} ended: {ended:?}");
                }
                assert!(began.elapsed() < READY, "nothing listens on {address}");
                sleep(Duration::from_millis(20));
            }
        }
        server
    }
}

fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{path}:/usr/sbin"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended by itself.
            let _ended = child.kill();
            let _reaped = child.wait();
        }
    }
}
