//! Log of the calls that the WeChat API received, with their answers.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::wechat_api::answer::Answer;
use crate::wechat_api::call::Call;

/// Call that the WeChat API received. It includes secrets, because the sandbox is a test tool.
#[derive(Clone, Debug, Serialize)]
pub struct LoggedCall {
    /// Sequence number since the first start or the last reset, from 1.
    pub number: u64,
    /// Time of the call on the sandbox's clock, in Unix seconds.
    pub time: f64,
    /// HTTP method.
    pub method: String,
    /// Path, for example `/sns/jscode2session`.
    pub path: String,
    /// Path and query as received, percent-encoded.
    pub url: String,
    /// Query parameters, decoded.
    #[serde(serialize_with = "as_map")]
    pub query: Vec<(String, String)>,
    /// Headers with names in lower case.
    #[serde(serialize_with = "as_map")]
    pub headers: Vec<(String, String)>,
    /// Body of the request.
    pub body: String,
    /// HTTP status of the answer. Absent while the call is pending and after a dropped connection.
    pub status: Option<u16>,
    /// Body of the answer.
    pub answer: Option<String>,
    /// True if an injected fault applied to the call.
    pub fault: bool,
    /// True if a fault closed the connection without an answer.
    pub dropped: bool,
}

impl LoggedCall {
    /// Query parameter by name.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Header by name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Log of the last calls, limited by the capacity.
pub(crate) struct Log {
    capacity: usize,
    /// Number of entries that were removed, the index of the oldest entry kept.
    first: u64,
    entries: VecDeque<Entry>,
}

struct Entry {
    time: Timestamp,
    call: Arc<Call>,
    fault: bool,
    outcome: Outcome,
}

enum Outcome {
    Pending,
    Answered(Answer),
    Dropped,
}

/// Id of an entry, to add its answer later.
#[derive(Clone, Copy)]
pub(crate) struct EntryId(u64);

impl Log {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, first: 0, entries: VecDeque::new() }
    }

    /// Adds a call.
    pub(crate) fn open(&mut self, time: Timestamp, call: Arc<Call>, fault: bool) -> EntryId {
        self.entries.push_back(Entry { time, call, fault, outcome: Outcome::Pending });
        while self.entries.len() > self.capacity {
            self.entries.pop_front();
            self.first += 1;
        }
        EntryId(self.first + self.entries.len() as u64 - 1)
    }

    /// Adds the answer to a call; none if the connection was dropped.
    pub(crate) fn close(&mut self, id: EntryId, answer: Option<&Answer>) {
        let index = id.0.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| self.entries.get_mut(index)) {
            entry.outcome = answer.cloned().map_or(Outcome::Dropped, Outcome::Answered);
        }
    }

    /// Lists the calls after this number, oldest first; of one path, or all.
    pub(crate) fn entries(&self, path: Option<&str>, after: u64) -> Vec<LoggedCall> {
        let skipped = usize::try_from(after.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let numbered = (self.first + 1..).zip(&self.entries).skip(skipped);
        let selected =
            numbered.filter(|(_, entry)| path.is_none_or(|path| entry.call.path == path));
        selected.map(|(number, entry)| entry.view(number)).collect()
    }

    /// Removes all entries.
    pub(crate) fn clear(&mut self) {
        self.first += self.entries.len() as u64;
        self.entries.clear();
    }
}

impl Entry {
    fn view(&self, number: u64) -> LoggedCall {
        let (status, answer) = match &self.outcome {
            Outcome::Answered(answer) => (Some(answer.status.as_u16()), Some(lossy(&answer.body))),
            Outcome::Pending | Outcome::Dropped => (None, None),
        };
        let header = |(name, value): (&salvo::http::HeaderName, &salvo::http::HeaderValue)| {
            (name.to_string(), lossy(value.as_bytes()))
        };
        LoggedCall {
            number,
            time: self.time.as_secs_f64(),
            method: self.call.method.to_string(),
            path: self.call.path.clone(),
            url: self.call.url.clone(),
            query: self.call.params.clone(),
            headers: self.call.headers.iter().map(header).collect(),
            body: lossy(&self.call.body),
            status,
            answer,
            fault: self.fault,
            dropped: matches!(self.outcome, Outcome::Dropped),
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn as_map<S: serde::Serializer>(pairs: &[(String, String)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pairs.iter().map(|(key, value)| (key, value)))
}
