//! Export of personal data from memory, in the tables and columns of the database.

use domain::model::member::MemberId;
use domain::model::member::avatar::Avatar;
use domain::model::member::personal_data::{ExportedTable, ExportedValue};
use domain::model::member::phone::PhoneNumber;

use crate::memory::state::State;

impl State {
    pub(super) fn export_member(&self, id: MemberId) -> Vec<ExportedTable> {
        let number = |name: &str, number: i64| (name.to_owned(), ExportedValue::Integer(number));
        let text = |name: &str, text: &str| (name.to_owned(), ExportedValue::Text(text.to_owned()));
        let members = self.members.get(&id).into_iter().map(|member| {
            let phone = member.phone.as_ref().map(PhoneNumber::e164);
            vec![
                text("id", &id.0.to_string()),
                text("nickname", member.nickname.as_str()),
                text("avatar", member.avatar.as_ref().map_or("", Avatar::as_str)),
                number("gender", member.gender.code().into()),
                ("phone".to_owned(), phone.map_or(ExportedValue::Null, ExportedValue::Text)),
                text("remark", member.remark.as_deref().unwrap_or_default()),
                number("created_at", member.created_at.unix_millis()),
            ]
        });
        let identities = self.identities.iter().filter(|(owner, _)| *owner == id);
        let identities = identities.map(|(_, subject)| {
            vec![text("namespace", &subject.namespace), text("value", &subject.value)]
        });
        let sessions = self.sessions_of(id).into_iter().map(|session| {
            vec![text("id", &session.id.0.to_string()), text("app", session.app.as_str())]
        });
        let events = self.audit.iter().filter(|event| event.member == Some(id));
        let events = events.map(|event| vec![text("id", &event.id.to_string())]);
        let deliveries = self.outbox.iter().map(|queued| &queued.delivery.event);
        let deliveries = deliveries.filter(|event| event.member == id);
        let deliveries = deliveries.map(|event| vec![text("event_id", &event.id.to_string())]);
        let table = |table: &str, rows: Vec<_>| ExportedTable { table: table.to_owned(), rows };
        vec![
            table("member", members.collect()),
            table("identity", identities.collect()),
            table("session", sessions.collect()),
            table("audit_event", events.collect()),
            table("outbox", deliveries.collect()),
        ]
    }
}
