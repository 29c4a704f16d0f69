"""Hooks for Schemathesis: they add credentials, and valid codes and tokens, to its requests."""

import base64
import hashlib
import itertools
import json
import os
import re
import time

import requests
import schemathesis
from schemathesis import GenerationMode

SERVER = os.environ["SERVER_URL"]
SANDBOX = os.environ["WECHAT_SANDBOX_URL"]
UNAUTHENTICATED = "UNAUTHENTICATED" in os.environ
SERVICE, KEY = "backend", "development-key-of-the-back-end-0001"

PUSH_TOKEN = os.environ["MENSHEN_APPS__MAIN__PUSH_TOKEN"]
APP_ID = "wx5e8d6c0a4b2f1e37"

http = requests.Session()
http.trust_env = False
counter = itertools.count(1)
openids = {}
# User and session of each member, by the value of the Authorization header.
members = {}


def post(url, body):
    response = http.post(url, json=body, timeout=30)
    response.raise_for_status()
    return response.json()


def new_user():
    """Creates a WeChat user. Each request gets its own, because WeChat limits the logins of a user."""
    # The server already stores the phone numbers of the run without credentials.
    user = {"phone": f"{138 if UNAUTHENTICATED else 139}{next(counter):08}"}
    user = post(f"{SANDBOX}/_sandbox/users", user)
    openids[user["user"]] = user["openids"][APP_ID]
    return user["user"]


def code(kind, user):
    return post(f"{SANDBOX}/_sandbox/codes/{kind}", {"user": user})["code"]


def log_in(user):
    return post(f"{SERVER}/login", {"code": code("login", user)})["data"]


ADMIN_PASSWORD = "a long password of an administrator"
ADMIN_HEADERS = {"X-Requested-With": "XMLHttpRequest"}


def accept(invitation):
    """Accepts an invitation: sets the administrator's password."""
    return post(f"{SERVER}/admin/api/invitation", {**invitation, "password": ADMIN_PASSWORD})


def sign_in(name):
    """Signs in an administrator; returns the cookie."""
    credentials = {"name": name, "password": ADMIN_PASSWORD}
    response = http.post(f"{SERVER}/admin/api/session", json=credentials, timeout=30)
    response.raise_for_status()
    http.cookies.clear()
    return response.headers["Set-Cookie"].split(";")[0]


def invite():
    """Invites an administrator; returns the open invitation and the administrator's id."""
    name = f"admin{next(counter)}"
    headers = {**ADMIN_HEADERS, "Cookie": FIRST_ADMIN_COOKIE}
    body = {"name": name, "role": "admin"}
    response = http.post(f"{SERVER}/admin/api/admins", json=body, headers=headers, timeout=30)
    response.raise_for_status()
    data = response.json()["data"]
    return {"name": name, "code": data["code"]}, data["admin"]["adminId"]


def new_admin():
    """Creates an administrator; returns the name."""
    invitation, _ = invite()
    accept(invitation)
    return invitation["name"]


def sign_in_first_admin():
    """Signs in the first administrator, invited on the command line; returns the cookie."""
    accept({"name": "boss", "code": os.environ["ADMIN_INVITATION"]})
    return sign_in("boss")


FIRST_ADMIN_COOKIE = None if UNAUTHENTICATED else sign_in_first_admin()


# Routes that end the session of the request.
SESSION_ENDING = {("DELETE", "/admin/api/session"), ("PUT", "/admin/api/password")}


@schemathesis.auth(refresh_interval=None)
class Credentials:
    """Credentials of a request, according to the security scheme of its route.

    Members log in for each request, because many requests end the session. Service accounts use the bearer
    scheme and HTTP Basic alternately, where both are accepted. Administrators have the role `admin`.
    """

    def get(self, case, ctx):
        alternatives = [] if UNAUTHENTICATED else case.operation.definition.raw.get("security", [])
        schemes = [next(iter(alternative)) for alternative in alternatives]
        return schemes[next(counter) % len(schemes)] if schemes else None

    def set(self, case, scheme, ctx):
        if scheme == "adminCookie":
            ends_session = (case.operation.method.upper(), case.operation.path) in SESSION_ENDING
            case.headers["Cookie"] = sign_in(new_admin()) if ends_session else FIRST_ADMIN_COOKIE
            case.headers.update(ADMIN_HEADERS)
            return
        if scheme == "memberToken":
            user = new_user()
            token = log_in(user)["token"]
            value = f"Bearer {token}"
            members[value] = user, session_of(token)
        elif scheme == "serviceKey":
            value = f"Bearer {KEY}"
        else:
            value = requests.auth._basic_auth_str(SERVICE, KEY)
        case.headers["Authorization"] = value


def session_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=="))["sid"]


# Valid values for fields whose generated values are only well-formed: the server would reject those.
VALID_VALUES = {
    "code": lambda user: code("login", user),
    "phoneCode": lambda user: code("phone", user),
    "app": lambda user: "main",
    "refreshToken": lambda user: log_in(user)["refreshToken"],
    "token": lambda user: log_in(user)["token"],
    "openid": lambda user: log_in(user) and openids[user],
}


def sign(query):
    """Signs a message push like WeChat."""
    query["timestamp"] = str(int(time.time()))
    query["nonce"] = str(next(counter))
    signed = "".join(sorted([PUSH_TOKEN, query["timestamp"], query["nonce"]]))
    query["signature"] = hashlib.sha1(signed.encode()).hexdigest()
    # Only encrypted messages have it.
    query.pop("msg_signature", None)


def make_path_canonical(case):
    """Replaces path parameters that would be escaped: such paths are not found, with and without credentials."""
    for name, value in (case.path_parameters or {}).items():
        if not re.fullmatch(r"[A-Za-z0-9_-]+", str(value)):
            case.path_parameters[name] = "main"


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Replaces values that are valid according to the schema, but that the server would reject."""
    if UNAUTHENTICATED:
        make_path_canonical(case)
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if case.operation.path.startswith("/admin/"):
        # Without credentials, the resources that the request refers to cannot be created.
        return None if UNAUTHENTICATED else prepare_admin_request(case)
    member = members.get((case.headers or {}).get("Authorization"))
    user, session = member or (new_user(), None)
    for part in (case.query, case.body):
        if isinstance(part, dict):
            for name in VALID_VALUES.keys() & part.keys():
                if isinstance(part[name], str):
                    part[name] = VALID_VALUES[name](user)
    if case.operation.path == "/me/phone":
        # The server cannot decrypt generated data. With a phone code in the request, it ignores them.
        case.body["phoneCode"] = code("phone", user)
    if session and "id" in (case.path_parameters or {}):
        case.path_parameters["id"] = session
    if "app" in (case.path_parameters or {}):
        case.path_parameters["app"] = "main"
        sign(case.query)


SECRET = "fedcba9876543210fedcba9876543210"


def new_app():
    """Returns an unused name and app id."""
    number = next(counter)
    return {"name": f"app{number}", "appId": f"wx{number:016x}"}


def create_app(path, method):
    """Creates an app in the state that the request requires; returns its name."""

    def call(verb, path, body=None):
        headers = {**ADMIN_HEADERS, "Cookie": FIRST_ADMIN_COOKIE}
        url = f"{SERVER}/admin/api/apps{path}"
        http.request(verb, url, json=body, headers=headers, timeout=30).raise_for_status()

    app = new_app()
    call("POST", "", {**app, "secret": SECRET})
    if method == "DELETE" and "/secret" in path:
        call("POST", f"/{app['name']}/secret", {"secret": SECRET})
    elif method == "DELETE" and path.endswith("{app}"):
        call("POST", f"/{app['name']}/disable")
    return app["name"]


def prepare_admin_request(case):
    """Creates the resources that an administrator's request refers to."""
    path, body = case.operation.path, case.body
    if path == "/admin/api/apps" and case.method == "POST":
        body.update(new_app())
    if "app" in (case.path_parameters or {}):
        case.path_parameters["app"] = create_app(path, case.method)
        return
    if path == "/admin/api/session" and case.method == "POST":
        body.update(name=new_admin(), password=ADMIN_PASSWORD)
    elif path == "/admin/api/invitation":
        body.update(invite()[0])
    elif path == "/admin/api/password":
        body["current"] = ADMIN_PASSWORD
    elif path == "/admin/api/admins" and case.method == "POST":
        # The name must not be in use.
        body["name"] = f"admin{next(counter)}"
    elif path == "/admin/api/admins/{id}":
        case.path_parameters["id"] = invite()[1]
    elif "id" in (case.path_parameters or {}):
        user = new_user()
        login = {"code": code("login", user), "phoneCode": code("phone", user)}
        member = post(f"{SERVER}/login", login)["data"]
        case.path_parameters["id"] = member["memberId"]
        if "session" in case.path_parameters:
            case.path_parameters["session"] = session_of(member["token"])
