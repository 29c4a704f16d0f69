//! nginx as a load balancer in front of several instances.

use anyhow::Result;
use xshell::Shell;

use super::find;
use crate::apt;

/// Installs nginx if it is missing.
pub(crate) fn ensure(sh: &Shell) -> Result<()> {
    apt::ensure(sh, "nginx", &["nginx-light"], || find("nginx").is_some())
}
