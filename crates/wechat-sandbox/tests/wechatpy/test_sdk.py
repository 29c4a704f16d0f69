"""Conformance tests: the independent SDK wechatpy against the sandbox.

They need a running sandbox: WECHAT_SANDBOX_URL=http://127.0.0.1:2021 python -m pytest -q
The SDK is unchanged except for the host that it calls.
"""

import hashlib
import hmac
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from wechatpy import WeChatClient, parse_message
from wechatpy.crypto import WeChatCrypto, WeChatWxaCrypto
from wechatpy.exceptions import APILimitedException, WeChatClientException
from wechatpy.utils import check_signature, check_wxa_signature

URL = os.environ["WECHAT_SANDBOX_URL"].rstrip("/")
WECHAT = "https://api.weixin.qq.com"
APP_ID = "wx5e8d6c0a4b2f1e37"
SECRET = "0123456789abcdef0123456789abcdef"
PUSH_TOKEN = "sandboxpushtoken"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


class SandboxAdapter(requests.adapters.HTTPAdapter):
    """Redirects requests from WeChat to the sandbox."""

    def send(self, request, **kwargs):
        request.url = request.url.replace(WECHAT, URL, 1)
        return super().send(request, **kwargs)


class ControlApi:
    """Client of the sandbox's control API."""

    def __init__(self):
        self.http = requests.Session()
        self.http.trust_env = False

    def __call__(self, route, **body):
        answer = self.http.post(f"{URL}/_sandbox/{route}", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def log(self):
        return self.http.get(f"{URL}/_sandbox/log", timeout=30).json()


@pytest.fixture
def sandbox():
    control = ControlApi()
    control("reset")
    return control


def make_client(secret=SECRET):
    client = WeChatClient(APP_ID, secret, timeout=30)
    client._http.mount(WECHAT, SandboxAdapter())
    client._http.trust_env = False
    return client


@pytest.fixture
def client(sandbox):
    return make_client()


def login(sandbox, client, user="alice"):
    return client.wxa.code_to_session(sandbox("codes/login", user=user)["code"])


def errcode_of(call, *args, **kwargs):
    with pytest.raises(WeChatClientException) as error:
        call(*args, **kwargs)
    return error.value.errcode


def test_access_token_is_fetched_once_and_cached(sandbox, client):
    token = client.access_token
    assert len(token) >= 136
    assert client.access_token == token
    assert client.expires_at - time.time() > 7000
    assert client.get("get_api_domain_ip")["ip_list"]
    assert [call["path"] for call in sandbox.log()].count("/cgi-bin/token") == 1


def test_wrong_secret_is_rejected(sandbox):
    assert errcode_of(make_client(secret="x" * 32).fetch_access_token) == 40001


def test_login_code_is_exchanged_for_a_session(sandbox, client):
    code = sandbox("codes/login", user="alice")["code"]
    session = client.wxa.code_to_session(code)
    assert len(session["openid"]) == 28 and session["openid"].startswith("o")
    assert len(session["session_key"]) == 24
    assert len(session["unionid"]) == 28
    assert "errcode" not in session
    assert errcode_of(client.wxa.code_to_session, code) == 40163
    assert errcode_of(client.wxa.code_to_session, "0" * 32) == 40029


def test_login_code_expires_after_five_minutes(sandbox, client):
    code = sandbox("codes/login", user="alice")["code"]
    sandbox("clock", advance_seconds=300)
    assert errcode_of(client.wxa.code_to_session, code) == 40029


def test_phone_code_is_exchanged_for_a_phone_number(sandbox, client):
    code = sandbox("codes/phone", user="alice")["code"]
    info = client.wxa.get_phone_number(code)["phone_info"]
    assert info["phoneNumber"] == info["purePhoneNumber"] == "13800138000"
    assert info["countryCode"] == "86"
    assert info["watermark"]["appid"] == APP_ID
    assert errcode_of(client.wxa.get_phone_number, code) == 40029


@pytest.mark.parametrize("fault", ["expired", "superseded", "malformed"])
def test_sdk_recovers_from_an_invalid_token(sandbox, client, fault):
    if fault == "expired":
        client.fetch_access_token()
        sandbox("clock", advance_seconds=7200)
    elif fault == "superseded":
        client.fetch_access_token()
        make_client().fetch_access_token()
        sandbox("clock", advance_seconds=300)
    else:
        client.session.set(client.access_token_key, "malformed token")
    code = sandbox("codes/phone", user="alice")["code"]
    assert client.wxa.get_phone_number(code)["errcode"] == 0


def test_session_key_is_checked_and_reset(sandbox, client):
    session = login(sandbox, client)

    def call(endpoint, key):
        signature = hmac.new(key.encode(), b"", hashlib.sha256).hexdigest()
        params = {"openid": session["openid"], "signature": signature, "sig_method": "hmac_sha256"}
        return client.get(f"{WECHAT}/wxa/{endpoint}", params=params)

    old = session["session_key"]
    assert call("checksession", old)["errmsg"] == "ok"
    new = call("resetusersessionkey", old)["session_key"]
    assert call("checksession", new)["errcode"] == 0
    assert errcode_of(call, "checksession", old) == 87009


def test_risky_text_is_rejected(sandbox, client):
    assert client.wxa.check_text_security("你好")["errcode"] == 0
    risky = "特3456书yuuo莞6543李zxcz蒜7782法fgnv级"
    assert errcode_of(client.wxa.check_text_security, risky) == 87014


def test_encrypted_data_decrypts(sandbox, client):
    session = login(sandbox, client)
    encrypted = sandbox("encrypt", user="alice")
    crypto = WeChatWxaCrypto(session["session_key"], encrypted["iv"], APP_ID)
    assert crypto.decrypt_message(encrypted["encryptedData"])["nickName"] == "Alice"
    check_wxa_signature(session["session_key"], encrypted["rawData"], encrypted["signature"])

    encrypted = sandbox("encrypt", user="alice", kind="phone")
    crypto = WeChatWxaCrypto(session["session_key"], encrypted["iv"], APP_ID)
    assert crypto.decrypt_message(encrypted["encryptedData"])["phoneNumber"] == "13800138000"


def test_limits_and_outages_raise_the_errors_of_the_sdk(sandbox, client):
    sandbox("faults", path="/cgi-bin/get_api_domain_ip", errcode=45009)
    with pytest.raises(APILimitedException):
        client.get("get_api_domain_ip")
    sandbox("faults", path="/sns/jscode2session", errcode=-1)
    assert errcode_of(client.wxa.code_to_session, "0" * 32) == -1
    sandbox("faults", path="/sns/jscode2session", drop=True)
    with pytest.raises(requests.ConnectionError):
        client.wxa.code_to_session("0" * 32)
    sandbox("faults", path="/sns/jscode2session", status=502)
    assert errcode_of(client.wxa.code_to_session, "0" * 32) is None
    assert client.post("clear_quota", data={"appid": APP_ID})["errcode"] == 0


@pytest.fixture
def receiver():
    """Server that receives pushes: answers a URL check with its echostr, a push with success."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def handle_call(self):
            query = dict(parse_qsl(urlsplit(self.path).query))
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            received.append((query, body.decode()))
            answer = query.get("echostr", "success").encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = handle_call

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/push", received
    server.shutdown()
    server.server_close()


def test_push_url_is_checked(sandbox, receiver):
    url, received = receiver
    assert sandbox("push/check", url=url)["passed"]
    query, _ = received[0]
    check_signature(PUSH_TOKEN, query["signature"], query["timestamp"], query["nonce"])


@pytest.mark.parametrize("message_format", ["xml", "json"])
def test_encrypted_push_decrypts(sandbox, receiver, message_format):
    url, received = receiver
    fields = {"RevokeInfo": "8"}
    event = "user_authorization_revoke"
    request = {"url": url, "event": event, "user": "bob", "fields": fields}
    report = sandbox("push", format=message_format, **request)
    assert report["delivered"]
    query, body = received[0]
    crypto = WeChatCrypto(PUSH_TOKEN, AES_KEY, APP_ID)
    encrypted = body if message_format == "xml" else json.loads(body)
    decrypted = crypto.decrypt_message(
        encrypted, query["msg_signature"], query["timestamp"], query["nonce"]
    )
    if message_format == "xml":
        message = parse_message(decrypted)
        assert message.type == "unknown" and message._data["Event"] == event
        assert message._data["RevokeInfo"] == "8"
    else:
        assert json.loads(decrypted)["Event"] == event
