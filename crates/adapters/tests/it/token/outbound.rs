//! A token cannot make us ask anybody anything: keys come from memory or not at all.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use domain::ports::tokens::{TokenRejected, TokenVerifier};
use serde_json::json;

use super::{KID, another_key, claims, header, published_key, tokens, with};

#[test]
fn no_token_makes_us_connect_anywhere() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/keys.json", listener.local_addr().unwrap());
    let (tokens, _) = tokens();
    for key in [published_key(), another_key()] {
        for name in ["jku", "x5u", "url", "jwk", "iss"] {
            for value in [json!(url), json!({ "jku": url }), json!([url])] {
                let token = key.mint(with(header(), name, value), claims());
                assert_eq!(tokens.verify(&token), Err(TokenRejected::Invalid), "{name}");
            }
        }
        for kid in [url.clone(), format!("{KID}@{url}"), format!("../{url}")] {
            let token = key.mint(with(header(), "kid", kid), claims());
            assert_eq!(tokens.verify(&token), Err(TokenRejected::Invalid));
        }
    }
    let deadline = Instant::now() + Duration::from_millis(200);
    while Instant::now() < deadline {
        let called = listener.accept().map(|(_, from)| from).map_err(|error| error.kind());
        assert_eq!(called, Err(ErrorKind::WouldBlock), "somebody asked for keys");
        thread::yield_now();
    }
}
