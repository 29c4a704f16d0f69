//! Format of error bodies: the envelope, or the format of the OAuth RFCs.

/// Format of error bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorFormat {
    /// Envelope.
    Envelope,
    /// RFC 6749 section 5.2.
    OAuth,
}

impl ErrorFormat {
    /// Returns the format for a path. Other spellings of these paths reach no route.
    pub(crate) fn of(path: &str) -> Self {
        if path.starts_with("/oauth/") { Self::OAuth } else { Self::Envelope }
    }
}
