//! Which crate may name which: the layers of `docs/explanations/architecture.md` over `cargo metadata`.

use std::process::Command;

use serde_json::Value;

use crate::cargo;

use super::assert_none;

/// A crate of this workspace, and which of our own crates it may name.
struct Layer {
    name: &'static str,
    uses: &'static [&'static str],
    /// What its tests may name besides.
    tests_use: &'static [&'static str],
    because: &'static str,
}

const LAYERS: [Layer; 9] = [
    Layer {
        name: "domain",
        uses: &[],
        tests_use: &["testkit"],
        because: "the rules must not know who carries them out",
    },
    Layer {
        name: "adapters",
        uses: &["domain"],
        tests_use: &["migration", "testkit", "wechat-sandbox"],
        because: "an adapter knows its port and its technology, nothing else of ours",
    },
    Layer {
        name: "api",
        uses: &["domain"],
        tests_use: &["testkit"],
        because: "HTTP must not know where members are kept or who verifies a code",
    },
    Layer {
        name: "migration",
        uses: &[],
        tests_use: &["testkit"],
        because: "a migration must mean the same after the code has moved on",
    },
    Layer {
        name: "server",
        uses: &["adapters", "api", "domain", "migration"],
        tests_use: &["testkit", "wechat-sandbox"],
        because: "the program ships no fakes",
    },
    Layer {
        name: "bench",
        uses: &[],
        tests_use: &[],
        because: "what the program is held against must not share its work",
    },
    Layer {
        name: "testkit",
        uses: &["domain"],
        tests_use: &[],
        because: "a contract suite that knows an adapter is no contract",
    },
    Layer {
        name: "wechat-sandbox",
        uses: &[],
        tests_use: &[],
        because: "an offline WeChat that shares our code would share our mistakes",
    },
    Layer {
        name: "xtask",
        uses: &[],
        tests_use: &[],
        because: "every task would wait for our crates to compile, and could not mend them",
    },
];

/// A crate of others that only some of ours may name, in their tests too.
struct Owned {
    name: &'static str,
    by: &'static [&'static str],
}

const OWNED: [Owned; 28] = [
    Owned { name: "aes", by: &["adapters", "wechat-sandbox"] },
    Owned { name: "argon2", by: &["adapters"] },
    Owned { name: "cbc", by: &["adapters", "wechat-sandbox"] },
    Owned { name: "clap", by: &["bench", "migration", "server", "wechat-sandbox", "xtask"] },
    Owned { name: "figment", by: &["server"] },
    Owned { name: "hdrhistogram", by: &["bench"] },
    Owned { name: "httpdate", by: &["adapters"] },
    Owned { name: "hyper", by: &["bench"] },
    Owned { name: "hyper-util", by: &["bench"] },
    Owned { name: "ipnet", by: &["api"] },
    Owned { name: "jsonwebtoken", by: &["adapters"] },
    Owned { name: "opentelemetry", by: &["api", "server"] },
    Owned { name: "opentelemetry-otlp", by: &["server"] },
    Owned { name: "opentelemetry-proto", by: &["server"] },
    Owned { name: "opentelemetry_sdk", by: &["server"] },
    Owned { name: "prometheus-client", by: &["adapters", "api", "server"] },
    Owned { name: "prost", by: &["server"] },
    Owned { name: "redis", by: &["adapters"] },
    Owned { name: "reqwest", by: &["adapters"] },
    Owned { name: "roxmltree", by: &["adapters"] },
    Owned { name: "salvo", by: &["api", "wechat-sandbox"] },
    Owned { name: "sea-orm", by: &["adapters", "bench", "testkit"] },
    Owned { name: "sea-orm-codegen", by: &["migration"] },
    Owned { name: "sea-orm-migration", by: &["migration"] },
    Owned { name: "sqlx", by: &["adapters"] },
    Owned { name: "tracing-opentelemetry", by: &["api", "server"] },
    Owned { name: "tracing-subscriber", by: &["server"] },
    Owned { name: "xshell", by: &["xtask"] },
];

/// What any test may name for all that: one that reads the log installs it, one that plays the phone
/// speaks HTTP, one that counts what was left behind opens the database.
const ANY_TEST_MAY: [&str; 3] = ["reqwest", "sea-orm", "tracing-subscriber"];

/// All that the domain may name of others: no serde, no ORM, no HTTP, no runtime (of tokio, `sync`).
const DOMAIN_MAY: [&str; 9] = [
    "async-trait",
    "mockall",
    "secrecy",
    "thiserror",
    "time",
    "tokio",
    "tracing",
    "uuid",
    "zeroize",
];

/// All that the domain's tests may name besides.
const DOMAIN_TESTS_MAY: [&str; 2] = ["insta", "proptest"];

/// The crates of `metadata` (`cargo metadata --no-deps`) that name what they may not, and those
/// that the table above does not know.
fn offenders(metadata: &Value) -> Vec<String> {
    let packages = list(metadata, "packages");
    let ours: Vec<&str> = packages.iter().map(name).collect();
    let mut offenders = Vec::new();
    for package in packages {
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == name(package)) else {
            offenders
                .push(format!("{} has no place in the table of layers: add it", name(package)));
            continue;
        };
        for dependency in list(package, "dependencies") {
            let in_tests = dependency["kind"] == "dev";
            let to = name(dependency);
            let verdict = if ours.contains(&to) {
                refuse_ours(layer, to, in_tests)
            } else {
                refuse_theirs(layer, to, in_tests).or_else(|| refuse_runtime(layer, dependency))
            };
            if let Some(why) = verdict {
                let tests = if in_tests { " (in its tests)" } else { "" };
                offenders.push(format!("{} -> {to}{tests}: {why}", layer.name));
            }
        }
    }
    offenders
}

fn refuse_ours(layer: &Layer, to: &str, in_tests: bool) -> Option<String> {
    let allowed = layer.uses.contains(&to) || in_tests && layer.tests_use.contains(&to);
    (!allowed).then(|| layer.because.to_owned())
}

fn refuse_theirs(layer: &Layer, to: &str, in_tests: bool) -> Option<String> {
    if in_tests && ANY_TEST_MAY.contains(&to) {
        return None;
    }
    if let Some(owned) = OWNED.iter().find(|owned| owned.name == to)
        && !owned.by.contains(&layer.name)
    {
        return Some(format!("only {} may name it: {}", owned.by.join(" and "), layer.because));
    }
    let strict = layer.name == "domain";
    let allowed = DOMAIN_MAY.contains(&to) || in_tests && DOMAIN_TESTS_MAY.contains(&to);
    (strict && !allowed).then(|| format!("it is not on the domain's short list: {}", layer.because))
}

/// Of tokio the rules may have what waits, which works under any runtime, and not what runs.
fn refuse_runtime(layer: &Layer, dependency: &Value) -> Option<String> {
    let more = list(dependency, "features").iter().any(|feature| feature != "sync");
    let runs = name(dependency) == "tokio" && dependency["kind"].is_null() && more;
    (runs && layer.name == "domain")
        .then(|| format!("of tokio it may have `sync` only: {}", layer.because))
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

    /// The workspace with `dependency` planted into the crate `from`.
    fn planted(from: &str, dependency: &Value) -> Value {
        let mut metadata = metadata();
        let packages = metadata["packages"].as_array_mut().unwrap();
        let package = packages.iter_mut().find(|package| name(package) == from).unwrap();
        package["dependencies"].as_array_mut().unwrap().push(dependency.clone());
        metadata
    }

    #[test]
    fn crates_depend_only_as_allowed() {
        assert_none(&offenders(&metadata()));
    }

    #[test]
    fn every_layer_is_a_crate() {
        let metadata = metadata();
        let crates: Vec<&str> = list(&metadata, "packages").iter().map(name).collect();
        for layer in LAYERS {
            assert!(crates.contains(&layer.name), "no crate is called {}", layer.name);
        }
    }

    #[test]
    fn a_crossed_layer_is_named_with_the_reason() {
        for (from, to, kind, offender) in [
            (
                "api",
                "sea-orm",
                Value::Null,
                "api -> sea-orm: only adapters and bench and testkit may name it",
            ),
            ("api", "adapters", Value::Null, "api -> adapters: HTTP must not know"),
            ("api", "adapters", json!("dev"), "api -> adapters (in its tests): HTTP must not"),
            ("domain", "salvo", json!("dev"), "domain -> salvo (in its tests): only api and"),
            ("domain", "serde", Value::Null, "domain -> serde: it is not on the domain's short"),
            ("server", "testkit", Value::Null, "server -> testkit: the program ships no fakes"),
            ("xtask", "domain", json!("build"), "xtask -> domain: every task would wait"),
        ] {
            let found = offenders(&planted(from, &json!({ "name": to, "kind": kind })));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(offender), "{found:?}");
        }
    }

    #[test]
    fn the_domain_has_no_runtime() {
        let tokio = json!({ "name": "tokio", "kind": null, "features": ["sync", "rt"] });
        let found = offenders(&planted("domain", &tokio));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("domain -> tokio: of tokio it may have `sync` only"));
    }

    #[test]
    fn a_crate_without_a_place_is_named() {
        let found = offenders(&json!({ "packages": [{ "name": "common", "dependencies": [] }] }));
        assert_eq!(found, ["common has no place in the table of layers: add it"]);
    }
}
