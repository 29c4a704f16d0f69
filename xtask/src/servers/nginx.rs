//! nginx, as a balancer before several instances.

use anyhow::Result;
use xshell::Shell;

use super::find;
use crate::apt;

/// Makes sure that it is there.
pub(crate) fn ensure(sh: &Shell) -> Result<()> {
    apt::ensure(sh, "nginx", &["nginx-light"], || find("nginx").is_some())
}
