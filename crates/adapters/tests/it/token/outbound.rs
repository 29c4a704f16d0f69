//! Verification of tokens makes no network calls: keys come from memory only.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use domain::ports::tokens::{TokenRejected, TokenVerifier};
use serde_json::json;

use super::{KID, another_key, claims, header, published_key, tokens, with};

#[test]
fn token_verification_makes_no_network_calls() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/keys.json", listener.local_addr().unwrap());
    let (tokens, _) = tokens();
    for key in [published_key(), another_key()] {
        for name in ["jku", "x5u", "url", "jwk", "iss"] {
            for value in [json!(url), json!({ "jku": url }), json!([url])] {
                let token = key.sign_token(with(header(), name, value), claims());
                assert_eq!(tokens.verify(&token), Err(TokenRejected::Invalid), "{name}");
            }
        }
        for kid in [url.clone(), format!("{KID}@{url}"), format!("../{url}")] {
            let token = key.sign_token(with(header(), "kid", kid), claims());
            assert_eq!(tokens.verify(&token), Err(TokenRejected::Invalid));
        }
    }
    let deadline = Instant::now() + Duration::from_millis(200);
    while Instant::now() < deadline {
        let accepted = listener.accept().map(|(_, from)| from).map_err(|error| error.kind());
        assert_eq!(accepted, Err(ErrorKind::WouldBlock), "the verifier tried to fetch keys");
        thread::yield_now();
    }
}
