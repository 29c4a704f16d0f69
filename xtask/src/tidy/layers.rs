//! Check of the dependencies between crates, from `cargo metadata`: the layers of
//! `docs/explanations/architecture.md`.

use std::process::Command;

use serde_json::Value;

use crate::cargo;

use super::assert_none;

/// A crate of the workspace, and its allowed dependencies in the workspace.
struct Layer {
    name: &'static str,
    uses: &'static [&'static str],
    /// Further allowed dependencies of its tests.
    tests_use: &'static [&'static str],
    reason: &'static str,
}

const LAYERS: [Layer; 9] = [
    Layer {
        name: "domain",
        uses: &[],
        tests_use: &["testkit"],
        reason: "the domain must not depend on technology",
    },
    Layer {
        name: "adapters",
        uses: &["domain"],
        tests_use: &["migration", "testkit", "wechat-sandbox"],
        reason: "an adapter may depend only on its port and its technology",
    },
    Layer {
        name: "api",
        uses: &["domain"],
        tests_use: &["testkit"],
        reason: "the API must not depend on the database or the provider",
    },
    Layer {
        name: "migration",
        uses: &[],
        tests_use: &["testkit"],
        reason: "a migration must not change with the code",
    },
    Layer {
        name: "server",
        uses: &["adapters", "api", "domain", "migration"],
        tests_use: &["testkit", "wechat-sandbox"],
        reason: "the program must not contain fakes",
    },
    Layer {
        name: "bench",
        uses: &[],
        tests_use: &[],
        reason: "the baseline must not share code with the server",
    },
    Layer {
        name: "testkit",
        uses: &["domain"],
        tests_use: &[],
        reason: "a contract suite must not depend on an adapter",
    },
    Layer {
        name: "wechat-sandbox",
        uses: &[],
        tests_use: &[],
        reason: "the sandbox would share the errors of shared code",
    },
    Layer {
        name: "xtask",
        uses: &[],
        tests_use: &[],
        reason: "tasks must run without compiling the other crates",
    },
];

/// A third-party crate that only some crates may depend on, also in their tests.
struct Restricted {
    name: &'static str,
    users: &'static [&'static str],
}

const RESTRICTED: [Restricted; 28] = [
    Restricted { name: "aes", users: &["adapters", "wechat-sandbox"] },
    Restricted { name: "argon2", users: &["adapters"] },
    Restricted { name: "cbc", users: &["adapters", "wechat-sandbox"] },
    Restricted {
        name: "clap",
        users: &["bench", "migration", "server", "wechat-sandbox", "xtask"],
    },
    Restricted { name: "figment", users: &["server"] },
    Restricted { name: "hdrhistogram", users: &["bench"] },
    Restricted { name: "httpdate", users: &["adapters"] },
    Restricted { name: "hyper", users: &["bench"] },
    Restricted { name: "hyper-util", users: &["bench"] },
    Restricted { name: "ipnet", users: &["api"] },
    Restricted { name: "jsonwebtoken", users: &["adapters"] },
    Restricted { name: "opentelemetry", users: &["api", "server"] },
    Restricted { name: "opentelemetry-otlp", users: &["server"] },
    Restricted { name: "opentelemetry-proto", users: &["server"] },
    Restricted { name: "opentelemetry_sdk", users: &["server"] },
    Restricted { name: "prometheus-client", users: &["adapters", "api", "server"] },
    Restricted { name: "prost", users: &["server"] },
    Restricted { name: "redis", users: &["adapters"] },
    Restricted { name: "reqwest", users: &["adapters"] },
    Restricted { name: "roxmltree", users: &["adapters"] },
    Restricted { name: "salvo", users: &["api", "wechat-sandbox"] },
    Restricted { name: "sea-orm", users: &["adapters", "bench", "testkit"] },
    Restricted { name: "sea-orm-codegen", users: &["migration"] },
    Restricted { name: "sea-orm-migration", users: &["migration"] },
    Restricted { name: "sqlx", users: &["adapters"] },
    Restricted { name: "tracing-opentelemetry", users: &["api", "server"] },
    Restricted { name: "tracing-subscriber", users: &["server"] },
    Restricted { name: "xshell", users: &["xtask"] },
];

/// Crates that all tests may depend on: tests capture the log, send HTTP requests and query the
/// database.
const ALLOWED_IN_TESTS: [&str; 3] = ["reqwest", "sea-orm", "tracing-subscriber"];

/// Third-party crates that the domain may depend on: no serialization, no ORM, no HTTP, no runtime
/// (of tokio, only `sync`).
const DOMAIN_DEPENDENCIES: [&str; 10] = [
    "async-trait",
    "mockall",
    "secrecy",
    "strum",
    "thiserror",
    "time",
    "tokio",
    "tracing",
    "uuid",
    "zeroize",
];

/// Further crates that the domain's tests may depend on.
const DOMAIN_TEST_DEPENDENCIES: [&str; 2] = ["insta", "proptest"];

/// Finds forbidden dependencies in the output of `cargo metadata --no-deps`, and crates that are not in
/// the table.
fn offenders(metadata: &Value) -> Vec<String> {
    let packages = list(metadata, "packages");
    let workspace: Vec<&str> = packages.iter().map(name).collect();
    let mut offenders = Vec::new();
    for package in packages {
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == name(package)) else {
            offenders.push(format!("{} is not in the table of layers: add it", name(package)));
            continue;
        };
        for dependency in list(package, "dependencies") {
            let in_tests = dependency["kind"] == "dev";
            let to = name(dependency);
            let violation = if workspace.contains(&to) {
                check_internal(layer, to, in_tests)
            } else {
                check_external(layer, to, in_tests).or_else(|| check_runtime(layer, dependency))
            };
            if let Some(reason) = violation {
                let tests = if in_tests { " (in its tests)" } else { "" };
                offenders.push(format!("{} -> {to}{tests}: {reason}", layer.name));
            }
        }
    }
    offenders
}

fn check_internal(layer: &Layer, to: &str, in_tests: bool) -> Option<String> {
    let is_allowed = layer.uses.contains(&to) || in_tests && layer.tests_use.contains(&to);
    (!is_allowed).then(|| layer.reason.to_owned())
}

fn check_external(layer: &Layer, to: &str, in_tests: bool) -> Option<String> {
    if in_tests && ALLOWED_IN_TESTS.contains(&to) {
        return None;
    }
    if let Some(restricted) = RESTRICTED.iter().find(|restricted| restricted.name == to)
        && !restricted.users.contains(&layer.name)
    {
        return Some(format!(
            "only {} may use it: {}",
            restricted.users.join(" and "),
            layer.reason
        ));
    }
    let is_domain = layer.name == "domain";
    let is_allowed =
        DOMAIN_DEPENDENCIES.contains(&to) || in_tests && DOMAIN_TEST_DEPENDENCIES.contains(&to);
    (is_domain && !is_allowed)
        .then(|| format!("it is not an allowed dependency of the domain: {}", layer.reason))
}

/// Checks that the domain uses only `tokio::sync`, which works with any runtime.
fn check_runtime(layer: &Layer, dependency: &Value) -> Option<String> {
    let has_runtime = list(dependency, "features").iter().any(|feature| feature != "sync");
    let is_tokio = name(dependency) == "tokio" && dependency["kind"].is_null();
    (layer.name == "domain" && is_tokio && has_runtime)
        .then(|| format!("only the feature `sync` is allowed: {}", layer.reason))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap_or_default()
}

mod tests {
    use serde_json::json;

    use super::*;

    fn metadata() -> Value {
        let output = Command::new("cargo")
            .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
            .current_dir(cargo::root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Returns the metadata with `dependency` planted into the crate `from`.
    fn planted(from: &str, dependency: &Value) -> Value {
        let mut metadata = metadata();
        let packages = metadata["packages"].as_array_mut().unwrap();
        let package = packages.iter_mut().find(|package| name(package) == from).unwrap();
        package["dependencies"].as_array_mut().unwrap().push(dependency.clone());
        metadata
    }

    #[test]
    fn crates_have_only_allowed_dependencies() {
        assert_none(&offenders(&metadata()));
    }

    #[test]
    fn every_layer_is_a_crate() {
        let metadata = metadata();
        let crates: Vec<&str> = list(&metadata, "packages").iter().map(name).collect();
        for layer in LAYERS {
            assert!(crates.contains(&layer.name), "no crate is named {}", layer.name);
        }
    }

    #[test]
    fn forbidden_dependency_is_named_with_the_reason() {
        for (from, to, kind, offender) in [
            (
                "api",
                "sea-orm",
                Value::Null,
                "api -> sea-orm: only adapters and bench and testkit may use it",
            ),
            ("api", "adapters", Value::Null, "api -> adapters: the API must not depend"),
            ("api", "adapters", json!("dev"), "api -> adapters (in its tests): the API must not"),
            ("domain", "salvo", json!("dev"), "domain -> salvo (in its tests): only api and"),
            ("domain", "serde", Value::Null, "domain -> serde: it is not an allowed dependency"),
            (
                "server",
                "testkit",
                Value::Null,
                "server -> testkit: the program must not contain fakes",
            ),
            ("xtask", "domain", json!("build"), "xtask -> domain: tasks must run without"),
        ] {
            let found = offenders(&planted(from, &json!({ "name": to, "kind": kind })));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(offender), "{found:?}");
        }
    }

    #[test]
    fn domain_uses_no_runtime() {
        let tokio = json!({ "name": "tokio", "kind": null, "features": ["sync", "rt"] });
        let found = offenders(&planted("domain", &tokio));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("domain -> tokio: only the feature `sync` is allowed"));
    }

    #[test]
    fn crate_outside_the_table_is_named() {
        let found = offenders(&json!({ "packages": [{ "name": "common", "dependencies": [] }] }));
        assert_eq!(found, ["common is not in the table of layers: add it"]);
    }
}
