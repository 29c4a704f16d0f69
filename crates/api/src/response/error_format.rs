//! Format of error bodies: the envelope, or the one of OAuth.

/// In which form a client is told of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorFormat {
    /// The envelope of the member API.
    Envelope,
    /// RFC 6749 section 5.2.
    OAuth,
}

impl ErrorFormat {
    /// What is spoken at this address.
    pub(crate) fn of(path: &str) -> Self {
        if path.starts_with("/oauth/") { Self::OAuth } else { Self::Envelope }
    }
}
