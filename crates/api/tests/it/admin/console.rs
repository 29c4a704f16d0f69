//! Files of the administration console and their headers.

use salvo::http::Method;

use crate::call::{Call, get};
use crate::harness::TestApp;

const FILES: [(&str, &str); 4] = [
    ("/admin", "text/html; charset=utf-8"),
    ("/admin/console.js", "text/javascript; charset=utf-8"),
    ("/admin/console.css", "text/css; charset=utf-8"),
    ("/admin/icon.svg", "image/svg+xml"),
];

#[tokio::test]
async fn console_files_have_security_headers() {
    let app = TestApp::new();
    for (path, kind) in FILES {
        let answer = get(path).send(&app).await;
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
async fn console_content_security_policy_allows_only_own_files() {
    let app = TestApp::new();
    for (path, _) in FILES {
        let answer = get(path).send(&app).await;
        let policy = answer.header("content-security-policy");
        let directive = |name: &str| {
            let mut parts = policy.split("; ").filter_map(|part| part.split_once(' '));
            parts.find(|part| part.0 == name).map(|part| part.1)
        };
        for name in ["default-src", "base-uri", "form-action", "frame-ancestors", "trusted-types"] {
            assert_eq!(directive(name), Some("'none'"), "{path} {name}");
        }
        for name in ["script-src", "style-src", "connect-src"] {
            assert_eq!(directive(name), Some("'self'"), "{path} {name}");
        }
        assert_eq!(directive("require-trusted-types-for"), Some("'script'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
    }
}

#[tokio::test]
async fn console_page_references_existing_files() {
    let app = TestApp::new();
    let page = get("/admin").send(&app).await.body;
    for (path, _) in &FILES[1..] {
        assert!(page.contains(&format!("\"{path}\"")), "{path}");
    }
    let references = page.matches("src=\"").count() + page.matches("href=\"").count();
    assert_eq!(references, FILES.len() - 1, "no other references");
    assert_eq!(
        page.matches("<script").count(),
        page.matches("<script type=\"module\" src=").count()
    );
    assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" on"));
}

#[tokio::test]
async fn console_files_are_revalidated_by_etag() {
    let app = TestApp::new();
    let mut tags = Vec::new();
    for (path, _) in FILES {
        let first = get(path).send(&app).await;
        let tag = first.header("etag").to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
            let again = get(path).header("if-none-match", &known).send(&app).await;
            assert_eq!((again.status, again.body.as_str()), (304, ""), "{path} {known}");
            assert_eq!(again.header("etag"), tag);
            assert!(again.headers.contains_key("content-security-policy"), "{path}");
        }
        let changed = get(path).header("if-none-match", "\"0000000000000000\"").send(&app).await;
        assert_eq!((changed.status, changed.body), (200, first.body), "{path}");
        tags.push(tag);
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), FILES.len(), "every file has its own tag");
}

#[tokio::test]
async fn unknown_console_paths_return_envelope() {
    let app = TestApp::new();
    for path in ["/admin/nothing", "/admin/console.js/x", "/admin/index.html", "/admin/api"] {
        assert_eq!(get(path).send(&app).await.failure(), (404, "not_found".into()), "{path}");
    }
    let posted = Call::new(Method::POST, "/admin").send(&app).await;
    assert_eq!(posted.failure(), (405, "invalid_request".into()));
    let guarded = get("/admin/api/session").send(&app).await;
    assert_eq!(guarded.failure(), (401, "unauthenticated".into()));
}
