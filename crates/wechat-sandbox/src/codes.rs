//! Codes that the client obtains and the server redeems: good for five minutes, and once.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::state::Moment;

/// WeChat: both the login code and the phone code live five minutes.
const LIFE: Duration = Duration::from_mins(5);

/// The codes of one kind that were handed out, and what each stands for.
pub(crate) struct Codes<T> {
    issued: HashMap<String, Issued<T>>,
    /// In the order of issue, which is the order of expiry, so that dead codes can be forgotten.
    order: VecDeque<String>,
}

/// A code that was handed out and has not expired.
pub(crate) struct Issued<T> {
    pub(crate) about: T,
    pub(crate) spent: bool,
    expires: Moment,
}

impl<T> Codes<T> {
    pub(crate) fn new() -> Self {
        Self { issued: HashMap::new(), order: VecDeque::new() }
    }

    /// Hands out a code. Codes that expired are forgotten here, so memory is bounded by the codes
    /// of five minutes.
    pub(crate) fn issue(&mut self, code: String, about: T, now: Moment) -> String {
        while let Some(oldest) = self.order.front() {
            if self.issued.get(oldest).is_some_and(|issued| now < issued.expires) {
                break;
            }
            self.issued.remove(oldest);
            self.order.pop_front();
        }
        self.order.push_back(code.clone());
        let issued = Issued { about, spent: false, expires: now.saturating_add(LIFE) };
        self.issued.insert(code.clone(), issued);
        code
    }

    /// The code, spent or not; none if it is unknown or expired, which WeChat does not tell apart.
    pub(crate) fn find(&mut self, code: &str, now: Moment) -> Option<&mut Issued<T>> {
        self.issued.get_mut(code).filter(|issued| now < issued.expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_lives_five_minutes() {
        let mut codes = Codes::new();
        codes.issue("c".into(), (), Moment::ZERO);
        assert!(codes.find("c", LIFE.saturating_sub(Duration::from_millis(1))).is_some());
        assert!(codes.find("c", LIFE).is_none());
    }

    #[test]
    fn expired_codes_are_forgotten() {
        let mut codes = Codes::new();
        codes.issue("old".into(), (), Moment::ZERO);
        codes.issue("new".into(), (), Duration::from_mins(6));
        assert_eq!((codes.issued.len(), codes.order.len()), (1, 1));
    }
}
