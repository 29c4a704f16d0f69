//! The menshen program: configuration and wiring.
