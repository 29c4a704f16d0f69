//! Where log events go: to standard output, one line each.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::Config;

/// Installs the subscriber the configuration asks for; events before this call are lost.
pub fn init(config: &Config) {
    let filter = EnvFilter::new(&config.log_filter);
    // Colours are for eyes, not for files.
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(io::stdout().is_terminal());
    if config.log_json {
        builder.json().flatten_event(true).with_span_list(false).init();
    } else {
        builder.init();
    }
}
