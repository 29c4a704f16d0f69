//! Webhooks on the wire: what is sent, and what counts as taken.

use std::sync::Arc;
use std::time::{Duration, Instant};

use adapters::webhook::signature::WebhookSecret;
use adapters::webhook::{Webhook, WebhookUrl};
use domain::model::event::{DomainEvent, EventKind};
use domain::model::member::MemberId;
use domain::model::timestamp::Timestamp;
use domain::ports::event_sink::{DELIVERY_TIMEOUT, DeliveryError, EventSink};
use uuid::Uuid;

use crate::wechat::upstream::{Reply, Upstream, body};

/// 2026-11-20T10:00:00.007Z.
const HAPPENED: Timestamp = Timestamp::from_unix_millis(1_795_168_800_007);
const SENT: Timestamp = Timestamp::from_unix_millis(1_795_168_861_999);

fn event(kind: EventKind) -> DomainEvent {
    let [id, member] = [1, 2].map(Uuid::from_u128);
    DomainEvent { id, at: HAPPENED, kind, member: MemberId(member), merged_member: None }
}

fn webhook(url: &str) -> Webhook {
    let secrets = ["MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u", "bmJtbGtqaWhnZmVkY2JhOTg3NjU0MzIx"]
        .map(|secret| WebhookSecret::parse(&format!("whsec_{secret}")).unwrap());
    Webhook::new(WebhookUrl::parse(url, true).unwrap(), Arc::new(secrets)).unwrap()
}

async fn receive(upstream: &Upstream) -> Result<(), DeliveryError> {
    let url = format!("{}/hooks?key=canary", upstream.url());
    webhook(&url).deliver(&event(EventKind::Banned), SENT).await
}

/// An answer with this status line and these headers.
fn http(head: &str) -> Reply {
    Reply::Raw(format!("HTTP/1.1 {head}\r\n\r\n").into())
}

#[tokio::test]
async fn an_event_is_one_signed_request_of_ids() {
    let upstream = Upstream::always(|| body("")).await;
    receive(&upstream).await.unwrap();
    let merged = DomainEvent {
        merged_member: Some(MemberId(Uuid::from_u128(3))),
        ..event(EventKind::Merged)
    };
    webhook(&upstream.url()).deliver(&merged, SENT).await.unwrap();
    let [banned, merged] = <[_; 2]>::try_from(upstream.requests()).unwrap();
    assert_eq!(banned.head.lines().next(), Some("POST /hooks?key=canary HTTP/1.1"));
    let headers: Vec<&str> = banned.head.lines().skip(1).collect();
    for expected in [
        "content-type: application/json",
        "webhook-id: 00000000-0000-0000-0000-000000000001",
        "webhook-timestamp: 1795168861",
        // Made with Python's hmac.
        "webhook-signature: v1,/3eGQAAUGt+2tJnfyxu2HqhaRTuEgXFTy38x/uKbEYA= v1,+gNhPVmv4tNfQBYdD/daISmlraCsBmTRyjqd3FZ8P7s=",
        concat!("user-agent: menshen/", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(headers.contains(&expected), "{expected} in {headers:?}");
    }
    assert_eq!(
        banned.body,
        r#"{"type":"member.banned","timestamp":"2026-11-20T10:00:00.007Z","data":{"memberId":"00000000-0000-0000-0000-000000000002"}}"#
    );
    let data = r#""data":{"memberId":"00000000-0000-0000-0000-000000000002","mergedMemberId":"00000000-0000-0000-0000-000000000003"}}"#;
    assert!(merged.body.ends_with(data), "{}", merged.body);
}

#[tokio::test]
async fn only_a_success_counts_as_taken() {
    for (head, taken) in [
        ("200 OK\r\ncontent-length: 0", true),
        ("202 Accepted\r\ncontent-length: 9", true),
        ("204 No Content", true),
        ("301 Moved\r\nlocation: /elsewhere\r\ncontent-length: 0", false),
        ("307 Elsewhere\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0", false),
        ("304 Not Modified", false),
        ("400 Bad Request\r\ncontent-length: 0", false),
        ("410 Gone\r\ncontent-length: 0", false),
        ("429 Too Many RequestContext\r\nretry-after: 1\r\ncontent-length: 0", false),
        ("500 Oops\r\ncontent-length: 0", false),
        ("599 Whatever\r\ncontent-length: 0", false),
        ("nonsense", false),
    ] {
        let upstream = Upstream::always(move || http(head)).await;
        let received = receive(&upstream).await;
        assert_eq!(received.is_ok(), taken, "{head}: {received:?}");
        assert_eq!(upstream.requests().len(), 1, "{head}: once, and nowhere else");
    }
}

#[tokio::test]
async fn whoever_does_not_answer_is_given_up_in_time_and_no_error_tells_the_url() {
    let upstream = Upstream::always(|| Reply::Drip(b"HTTP/1.1 200".into(), b" ".into())).await;
    let begun = Instant::now();
    let hung = receive(&upstream).await.unwrap_err();
    assert!(begun.elapsed() < DELIVERY_TIMEOUT + Duration::from_secs(2), "{:?}", begun.elapsed());
    let (nobody, event) = (webhook("http://127.0.0.1:9/canary"), event(EventKind::Banned));
    let refused = nobody.deliver(&event, SENT).await.unwrap_err();
    for error in [hung, refused] {
        let told = format!("{error:?}");
        assert!(!told.contains("canary"), "{told}");
    }
}

#[tokio::test]
async fn whether_somebody_answers_is_seen_without_an_event() {
    let upstream = Upstream::always(|| http("405 Method Not Allowed")).await;
    webhook(&upstream.url()).reach().await.unwrap();
    let asked = &upstream.requests()[0];
    assert!(asked.head.starts_with("HEAD / ") && asked.body.is_empty(), "{asked:?}");
    assert!(webhook("http://127.0.0.1:9/").reach().await.is_err());
}
