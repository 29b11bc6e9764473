//! The application side, run on the target host.

use clap::Args;
use std::net::SocketAddr;

#[derive(Clone, Debug, Args)]
pub(crate) struct AgentArgs {
    /// Wait for controllers here
    #[arg(long, value_name = "ADDR:PORT", required_unless_present_any = ["stdio", "autosar"])]
    pub(crate) listen: Option<SocketAddr>,
    /// Be an upper tester of the AUTOSAR Testability Protocol: udp:[ADDR:]PORT or tcp:[ADDR:]PORT, and what
    /// differs from its defaults behind commas (docs/agent.md)
    #[arg(long, value_name = "DOOR", conflicts_with_all = ["listen", "stdio"])]
    pub(crate) autosar: Option<String>,
    /// Serve one controller on standard input and output
    #[arg(long, conflicts_with_all = ["listen", "allow"])]
    pub(crate) stdio: bool,
    /// Who may control it; may be given several times [default: this host]
    #[arg(long, value_name = "CIDR")]
    pub(crate) allow: Vec<String>,
    /// Ports where the application may listen, and from where it may connect [default: all]
    #[arg(long, value_name = "LOW-HIGH")]
    pub(crate) ports: Option<String>,
    /// Whereto the application may connect, besides the controller's address; may be given several times
    #[arg(long, value_name = "CIDR")]
    pub(crate) connect: Vec<String>,
}
