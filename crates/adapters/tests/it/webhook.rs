//! Webhook delivery over HTTP.

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
const OCCURRED_AT: Timestamp = Timestamp::from_unix_millis(1_795_168_800_007);
const SENT_AT: Timestamp = Timestamp::from_unix_millis(1_795_168_861_999);

fn event(kind: EventKind) -> DomainEvent {
    let [id, member] = [1, 2].map(Uuid::from_u128);
    DomainEvent { id, at: OCCURRED_AT, kind, member: MemberId(member), merged_member: None }
}

fn webhook(url: &str) -> Webhook {
    let secrets = ["MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u", "bmJtbGtqaWhnZmVkY2JhOTg3NjU0MzIx"]
        .map(|secret| WebhookSecret::parse(&format!("whsec_{secret}")).unwrap());
    Webhook::new(WebhookUrl::parse(url, true).unwrap(), Arc::new(secrets)).unwrap()
}

async fn deliver(upstream: &Upstream) -> Result<(), DeliveryError> {
    let url = format!("{}/hooks?key=canary", upstream.url());
    webhook(&url).deliver(&event(EventKind::Banned), SENT_AT).await
}

/// Response with this status line and these headers.
fn http(head: &str) -> Reply {
    Reply::Raw(format!("HTTP/1.1 {head}\r\n\r\n").into())
}

#[tokio::test]
async fn event_is_one_signed_request_with_ids_only() {
    let upstream = Upstream::always(|| body("")).await;
    deliver(&upstream).await.unwrap();
    let merged = DomainEvent {
        merged_member: Some(MemberId(Uuid::from_u128(3))),
        ..event(EventKind::Merged)
    };
    webhook(&upstream.url()).deliver(&merged, SENT_AT).await.unwrap();
    let [banned, merged] = <[_; 2]>::try_from(upstream.requests()).unwrap();
    assert_eq!(banned.head.lines().next(), Some("POST /hooks?key=canary HTTP/1.1"));
    let headers: Vec<&str> = banned.head.lines().skip(1).collect();
    for expected in [
        "content-type: application/json",
        "webhook-id: 00000000-0000-0000-0000-000000000001",
        "webhook-timestamp: 1795168861",
        // Computed with Python's hmac.
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
async fn only_success_status_counts_as_delivered() {
    for (head, delivered) in [
        ("200 OK\r\ncontent-length: 0", true),
        ("202 Accepted\r\ncontent-length: 9", true),
        ("204 No Content", true),
        ("301 Moved\r\nlocation: /elsewhere\r\ncontent-length: 0", false),
        ("307 Elsewhere\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0", false),
        ("304 Not Modified", false),
        ("400 Bad Request\r\ncontent-length: 0", false),
        ("410 Gone\r\ncontent-length: 0", false),
        ("429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0", false),
        ("500 Oops\r\ncontent-length: 0", false),
        ("599 Whatever\r\ncontent-length: 0", false),
        ("nonsense", false),
    ] {
        let upstream = Upstream::always(move || http(head)).await;
        let result = deliver(&upstream).await;
        assert_eq!(result.is_ok(), delivered, "{head}: {result:?}");
        assert_eq!(upstream.requests().len(), 1, "{head}: sent once, without following redirects");
    }
}

#[tokio::test]
async fn hanging_receiver_times_out_and_errors_hide_the_url() {
    let upstream = Upstream::always(|| Reply::Drip(b"HTTP/1.1 200".into(), b" ".into())).await;
    let started = Instant::now();
    let hung = deliver(&upstream).await.unwrap_err();
    assert!(
        started.elapsed() < DELIVERY_TIMEOUT + Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    let unreachable = webhook("http://127.0.0.1:9/canary");
    let event = event(EventKind::Banned);
    let refused = unreachable.deliver(&event, SENT_AT).await.unwrap_err();
    for error in [hung, refused] {
        let text = format!("{error:?}");
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn check_reachable_sends_no_event() {
    let upstream = Upstream::always(|| http("405 Method Not Allowed")).await;
    webhook(&upstream.url()).check_reachable().await.unwrap();
    let request = &upstream.requests()[0];
    assert!(request.head.starts_with("HEAD / ") && request.body.is_empty(), "{request:?}");
    assert!(webhook("http://127.0.0.1:9/").check_reachable().await.is_err());
}
