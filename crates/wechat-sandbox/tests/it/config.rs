//! Configuration, start and stop of a sandbox.

use std::time::Duration;

use ureq::http::Method;
use wechat_sandbox::config::{Config, NewUser};
use wechat_sandbox::{Sandbox, StartError};

use crate::harness::{Harness, call};

#[test]
fn example_file_equals_the_defaults() {
    let example = Config::from_toml(include_str!("../../sandbox.example.toml")).unwrap();
    let listen = Some("127.0.0.1:2021".parse().unwrap());
    assert_eq!(example, Config { listen, ..Config::default() });
}

#[test]
fn unknown_keys_are_rejected() {
    for text in ["limit = true", "[[apps]]\nid = \"x\"", "[[users]]\nname = \"x\"", "limits = 1"] {
        assert!(Config::from_toml(text).is_err(), "{text}");
    }
    assert_eq!(Config::from_toml("").unwrap(), Config::default());
}

#[tokio::test]
async fn contradictory_configuration_fails_to_start() {
    let mut twice = Config::default();
    twice.apps.push(twice.apps[0].clone());
    let mut phone = Config::default();
    phone.users.push(NewUser { phone: Some("none".into()), ..NewUser::default() });
    let mut key = Config::default();
    key.apps[0].encoding_aes_key = Some("short".into());
    for config in [twice, phone, key] {
        assert!(matches!(Sandbox::start(config).await, Err(StartError::Config(_))));
    }
}

#[tokio::test]
async fn address_in_use_fails_to_start() {
    let harness = Harness::start().await;
    let config = Config { listen: Some(harness.sandbox.address()), ..Config::default() };
    let Err(error) = Sandbox::start(config).await else { panic!("the sandbox started") };
    assert!(error.to_string().starts_with("cannot listen on 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn stop_releases_the_address() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let address = sandbox.address();
    let url = format!("{}/", sandbox.base_url());
    assert!(call(Method::GET, url.clone(), None, Duration::from_secs(5)).await.is_ok());
    sandbox.stop().await;
    assert!(call(Method::GET, url, None, Duration::from_secs(5)).await.is_err());
    Sandbox::start(Config { listen: Some(address), ..Config::default() }).await.unwrap();
}

#[tokio::test]
async fn drop_stops_the_sandbox() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let url = format!("{}/", sandbox.base_url());
    drop(sandbox);
    assert!(call(Method::GET, url, None, Duration::from_secs(5)).await.is_err());
}
