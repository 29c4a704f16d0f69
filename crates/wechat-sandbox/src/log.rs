//! The log: every call the WeChat face received, and what was answered.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use crate::face::answer::Answer;
use crate::face::call::Call;
use crate::state::Moment;

/// A call that the WeChat face received. It shows secrets: this is a test tool.
#[derive(Clone, Debug, Serialize)]
pub struct Logged {
    /// Its place among all calls since the first start or the last reset, from 1.
    pub number: u64,
    /// When it came, on the sandbox's clock, in Unix seconds.
    pub time: f64,
    /// `GET`, `POST`, ….
    pub method: String,
    /// The path, like `/sns/jscode2session`.
    pub path: String,
    /// The path and query as they came over the wire, still percent-encoded.
    pub url: String,
    /// The query's parameters, decoded.
    #[serde(serialize_with = "as_map")]
    pub query: Vec<(String, String)>,
    /// The headers, names in lower case.
    #[serde(serialize_with = "as_map")]
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// The HTTP status that was answered; none when nothing was answered (yet).
    pub status: Option<u16>,
    /// The body that was answered.
    pub answer: Option<String>,
    /// Whether an ordered fault struck this call.
    pub fault: bool,
    /// Whether the connection was closed without an answer, by order.
    pub dropped: bool,
}

impl Logged {
    /// A parameter of the query.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header; its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The last calls, as many as the capacity allows.
pub(crate) struct Log {
    capacity: usize,
    /// The number of the oldest entry kept.
    first: u64,
    entries: VecDeque<Entry>,
}

struct Entry {
    time: Moment,
    call: Arc<Call>,
    fault: bool,
    end: End,
}

enum End {
    Pending,
    Answered(Answer),
    Dropped,
}

/// Names an entry, so that its answer can be noted when there is one.
#[derive(Clone, Copy)]
pub(crate) struct Ticket(u64);

impl Log {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, first: 0, entries: VecDeque::new() }
    }

    /// Notes that a call came.
    pub(crate) fn open(&mut self, time: Moment, call: Arc<Call>, fault: bool) -> Ticket {
        self.entries.push_back(Entry { time, call, fault, end: End::Pending });
        while self.entries.len() > self.capacity {
            self.entries.pop_front();
            self.first += 1;
        }
        Ticket(self.first + self.entries.len() as u64 - 1)
    }

    /// Notes what became of it; nothing when the connection was dropped.
    pub(crate) fn close(&mut self, ticket: Ticket, answer: Option<&Answer>) {
        let index = ticket.0.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| self.entries.get_mut(index)) {
            entry.end = answer.cloned().map_or(End::Dropped, End::Answered);
        }
    }

    /// The entries kept, oldest first, after the one of this number; of one path, or all.
    pub(crate) fn entries(&self, path: Option<&str>, after: u64) -> Vec<Logged> {
        let skipped = usize::try_from(after.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let numbered = (self.first + 1..).zip(&self.entries).skip(skipped);
        let chosen = numbered.filter(|(_, entry)| path.is_none_or(|path| entry.call.path == path));
        chosen.map(|(number, entry)| entry.read(number)).collect()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.first += self.entries.len() as u64;
        self.entries.clear();
    }
}

impl Entry {
    fn read(&self, number: u64) -> Logged {
        let (status, answer) = match &self.end {
            End::Answered(answer) => (Some(answer.status.as_u16()), Some(lossy(&answer.body))),
            End::Pending | End::Dropped => (None, None),
        };
        let header = |(name, value): (&salvo::http::HeaderName, &salvo::http::HeaderValue)| {
            (name.to_string(), lossy(value.as_bytes()))
        };
        Logged {
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
            dropped: matches!(self.end, End::Dropped),
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn as_map<S: serde::Serializer>(pairs: &[(String, String)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pairs.iter().map(|(key, value)| (key, value)))
}
