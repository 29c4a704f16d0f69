//! Login codes and phone codes: valid once, for five minutes.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::clock::Timestamp;

/// Lifetime of login codes and phone codes in WeChat's documentation.
const CODE_TTL: Duration = Duration::from_mins(5);

/// Issued codes of one kind, each with the data behind it.
pub(crate) struct Codes<T> {
    issued: HashMap<String, IssuedCode<T>>,
    /// Codes in the order of issue, which is the order of expiry, for the removal of expired ones.
    order: VecDeque<String>,
}

/// Issued code.
pub(crate) struct IssuedCode<T> {
    pub(crate) data: T,
    pub(crate) is_redeemed: bool,
    expires_at: Timestamp,
}

impl<T> Codes<T> {
    pub(crate) fn new() -> Self {
        Self { issued: HashMap::new(), order: VecDeque::new() }
    }

    /// Issues a code. Expired codes are removed first, so memory is bounded by the codes of five
    /// minutes.
    pub(crate) fn issue(&mut self, code: String, data: T, now: Timestamp) -> String {
        while let Some(oldest) = self.order.front() {
            if self.issued.get(oldest).is_some_and(|issued| now < issued.expires_at) {
                break;
            }
            self.issued.remove(oldest);
            self.order.pop_front();
        }
        self.order.push_back(code.clone());
        let expires_at = now.saturating_add(CODE_TTL);
        self.issued.insert(code.clone(), IssuedCode { data, is_redeemed: false, expires_at });
        code
    }

    /// Finds a code, redeemed or not. Unknown and expired codes are both absent: WeChat does not
    /// distinguish them.
    pub(crate) fn find(&mut self, code: &str, now: Timestamp) -> Option<&mut IssuedCode<T>> {
        self.issued.get_mut(code).filter(|issued| now < issued.expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_expires_after_five_minutes() {
        let mut codes = Codes::new();
        codes.issue("c".into(), (), Timestamp::ZERO);
        assert!(codes.find("c", CODE_TTL.saturating_sub(Duration::from_millis(1))).is_some());
        assert!(codes.find("c", CODE_TTL).is_none());
    }

    #[test]
    fn expired_codes_are_removed_on_issue() {
        let mut codes = Codes::new();
        codes.issue("old".into(), (), Timestamp::ZERO);
        codes.issue("new".into(), (), Duration::from_mins(6));
        assert_eq!(codes.issued.len(), 1);
        assert_eq!(codes.order.len(), 1);
    }
}
