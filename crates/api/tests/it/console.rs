//! The console's page: what it is served with, and that it is whole.

use salvo::http::Method;

use crate::call::{Call, get};
use crate::house::House;

const FILES: [(&str, &str); 4] = [
    ("/admin", "text/html; charset=utf-8"),
    ("/admin/console.js", "text/javascript; charset=utf-8"),
    ("/admin/console.css", "text/css; charset=utf-8"),
    ("/admin/icon.svg", "image/svg+xml"),
];

#[tokio::test]
async fn every_file_comes_with_what_keeps_strangers_out_of_it() {
    let house = House::new();
    for (path, kind) in FILES {
        let answer = get(path).send(&house).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.body.is_empty(), "{path}");
        for (name, value) in [
            ("content-type", kind),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-cache"),
        ] {
            assert_eq!(answer.header(name), value, "{path}");
        }
    }
}

#[tokio::test]
async fn nothing_but_its_own_files_runs_or_is_asked() {
    let house = House::new();
    for (path, _) in FILES {
        let answer = get(path).send(&house).await;
        let policy = answer.header("content-security-policy");
        let of = |name: &str| {
            let mut parts = policy.split("; ").filter_map(|part| part.split_once(' '));
            parts.find(|part| part.0 == name).map(|part| part.1)
        };
        for name in ["default-src", "base-uri", "form-action", "frame-ancestors", "trusted-types"] {
            assert_eq!(of(name), Some("'none'"), "{path} {name}");
        }
        for name in ["script-src", "style-src", "connect-src"] {
            assert_eq!(of(name), Some("'self'"), "{path} {name}");
        }
        assert_eq!(of("require-trusted-types-for"), Some("'script'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
    }
}

#[tokio::test]
async fn the_page_names_the_files_that_are_there_and_has_no_script_of_its_own() {
    let house = House::new();
    let page = get("/admin").send(&house).await.body;
    for (path, _) in &FILES[1..] {
        assert!(page.contains(&format!("\"{path}\"")), "{path}");
    }
    let named = page.matches("src=\"").count() + page.matches("href=\"").count();
    assert_eq!(named, FILES.len() - 1, "it names nothing else");
    assert_eq!(
        page.matches("<script").count(),
        page.matches("<script type=\"module\" src=").count()
    );
    assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" on"));
}

#[tokio::test]
async fn a_file_that_is_known_is_not_sent_again() {
    let house = House::new();
    let mut tags = Vec::new();
    for (path, _) in FILES {
        let first = get(path).send(&house).await;
        let tag = first.header("etag").to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
            let again = get(path).header("if-none-match", &known).send(&house).await;
            assert_eq!((again.status, again.body.as_str()), (304, ""), "{path} {known}");
            assert_eq!(again.header("etag"), tag);
            assert!(again.headers.contains_key("content-security-policy"), "{path}");
        }
        let changed = get(path).header("if-none-match", "\"0000000000000000\"").send(&house).await;
        assert_eq!((changed.status, changed.body), (200, first.body), "{path}");
        tags.push(tag);
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), FILES.len(), "each has a tag of its own");
}

#[tokio::test]
async fn whatever_else_is_asked_for_there_is_an_envelope() {
    let house = House::new();
    for path in ["/admin/nothing", "/admin/console.js/x", "/admin/index.html", "/admin/api"] {
        assert_eq!(get(path).send(&house).await.failure(), (404, "not_found".into()), "{path}");
    }
    let posted = Call::new(Method::POST, "/admin").send(&house).await;
    assert_eq!(posted.failure(), (405, "invalid_request".into()));
    let guarded = get("/admin/api/session").send(&house).await;
    assert_eq!(guarded.failure(), (401, "unauthenticated".into()));
}
