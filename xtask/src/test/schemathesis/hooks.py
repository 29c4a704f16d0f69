"""Whom Schemathesis calls as, and with which codes and tokens."""

import base64
import hashlib
import itertools
import json
import os
import time

import requests
import schemathesis
from schemathesis import GenerationMode

SERVER = os.environ["SERVER_URL"]
SANDBOX = os.environ["WECHAT_SANDBOX_URL"]
AS_NOBODY = "AS_NOBODY" in os.environ
SERVICE, KEY = "backend", "development-key-of-the-back-end-0001"

PUSH_TOKEN = os.environ["MENSHEN_APPS__MAIN__PUSH_TOKEN"]
APP_ID = "wx5e8d6c0a4b2f1e37"

http = requests.Session()
http.trust_env = False
turns = itertools.count(1)
openids = {}
# The user behind a member's request, and the session, by what the request shows.
members = {}


def posted(url, body):
    answer = http.post(url, json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()


def newcomer():
    """A user of WeChat whom nobody has seen yet: WeChat counts the logins of each."""
    # The server still knows the numbers of those who came when nobody called.
    user = {"phone": f"{138 if AS_NOBODY else 139}{next(turns):08}"}
    user = posted(f"{SANDBOX}/_sandbox/users", user)
    openids[user["user"]] = user["openids"][APP_ID]
    return user["user"]


def code(kind, user):
    return posted(f"{SANDBOX}/_sandbox/codes/{kind}", {"user": user})["code"]


def log_in(user):
    return posted(f"{SERVER}/login", {"code": code("login", user)})["data"]


ADMIN_PASSWORD = "a long password of an administrator"
ADMIN_HEADERS = {"X-Requested-With": "XMLHttpRequest"}


def accept(invitation):
    """The administrator of an invitation chooses their password."""
    return posted(f"{SERVER}/admin/api/invitation", {**invitation, "password": ADMIN_PASSWORD})


def sign_in(name):
    """The cookie of an administrator."""
    credentials = {"name": name, "password": ADMIN_PASSWORD}
    answer = http.post(f"{SERVER}/admin/api/session", json=credentials, timeout=30)
    answer.raise_for_status()
    http.cookies.clear()
    return answer.headers["Set-Cookie"].split(";")[0]


def invited():
    """Somebody who was invited, and has not accepted it yet."""
    name = f"admin{next(turns)}"
    headers = {**ADMIN_HEADERS, "Cookie": BOSS}
    body = {"name": name, "role": "admin"}
    answer = http.post(f"{SERVER}/admin/api/admins", json=body, headers=headers, timeout=30)
    answer.raise_for_status()
    data = answer.json()["data"]
    return {"name": name, "code": data["code"]}, data["admin"]["adminId"]


def hired():
    """An administrator of whom nobody else knows."""
    invitation, _ = invited()
    accept(invitation)
    return invitation["name"]


def boss():
    """The cookie of the first administrator, who was invited by the operator."""
    accept({"name": "boss", "code": os.environ["ADMIN_INVITATION"]})
    return sign_in("boss")


BOSS = None if AS_NOBODY else boss()


# What ends the session it is called in.
LEAVING = {("DELETE", "/admin/api/session"), ("PUT", "/admin/api/password")}


@schemathesis.auth(refresh_interval=None)
class Callers:
    """A member who has just logged in, since many requests end the session; a service, by bearer and by
    HTTP Basic in turns where both are understood; or an administrator who may everything."""

    def get(self, case, ctx):
        demanded = [] if AS_NOBODY else case.operation.definition.raw.get("security", [])
        schemes = [next(iter(demand)) for demand in demanded]
        return schemes[next(turns) % len(schemes)] if schemes else None

    def set(self, case, scheme, ctx):
        if scheme == "adminCookie":
            leaving = (case.operation.method.upper(), case.operation.path) in LEAVING
            case.headers["Cookie"] = sign_in(hired()) if leaving else BOSS
            case.headers.update(ADMIN_HEADERS)
            return
        if scheme == "memberToken":
            user = newcomer()
            token = log_in(user)["token"]
            shown = f"Bearer {token}"
            members[shown] = user, session_of(token)
        elif scheme == "serviceKey":
            shown = f"Bearer {KEY}"
        else:
            shown = requests.auth._basic_auth_str(SERVICE, KEY)
        case.headers["Authorization"] = shown


def session_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=="))["sid"]


# What a text that is merely well-formed is replaced by: nobody has issued it, so it would be refused.
GOOD = {
    "code": lambda user: code("login", user),
    "phoneCode": lambda user: code("phone", user),
    "app": lambda user: "main",
    "refreshToken": lambda user: log_in(user)["refreshToken"],
    "token": lambda user: log_in(user)["token"],
    "openid": lambda user: log_in(user) and openids[user],
}


def sign(query):
    """As WeChat signs what it pushes."""
    query["timestamp"] = str(int(time.time()))
    query["nonce"] = str(next(turns))
    signed = "".join(sorted([PUSH_TOKEN, query["timestamp"], query["nonce"]]))
    query["signature"] = hashlib.sha1(signed.encode()).hexdigest()
    # Of encrypted messages only.
    query.pop("msg_signature", None)


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Makes requests good that have no fault but what no schema can tell."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if case.operation.path.startswith("/admin/"):
        # Nobody can invite those whom the request would be about.
        return None if AS_NOBODY else administer(case)
    member = members.get((case.headers or {}).get("Authorization"))
    user, session = member or (newcomer(), None)
    for part in (case.query, case.body):
        if isinstance(part, dict):
            for name in GOOD.keys() & part.keys():
                if isinstance(part[name], str):
                    part[name] = GOOD[name](user)
    if case.operation.path == "/me/phone":
        # Only WeChat's own data would decrypt; with a code beside them, as from the button, they do not
        # count.
        case.body["phoneCode"] = code("phone", user)
    if session and "id" in (case.path_parameters or {}):
        case.path_parameters["id"] = session
    if "app" in (case.path_parameters or {}):
        case.path_parameters["app"] = "main"
        sign(case.query)


SECRET = "fedcba9876543210fedcba9876543210"


def called():
    """A name and an app id that no app has yet."""
    turn = next(turns)
    return {"name": f"app{turn}", "appId": f"wx{turn:016x}"}


def manage(path, method):
    """An app that can be shown, changed, or removed as the request has it."""
    def order(verb, address, body=None):
        headers = {**ADMIN_HEADERS, "Cookie": BOSS}
        url = f"{SERVER}/admin/api/apps{address}"
        http.request(verb, url, json=body, headers=headers, timeout=30).raise_for_status()

    app = called()
    order("POST", "", {**app, "secret": SECRET})
    if method == "DELETE" and "/secret" in path:
        order("POST", f"/{app['name']}/secret", {"secret": SECRET})
    elif method == "DELETE" and path.endswith("{app}"):
        order("POST", f"/{app['name']}/disable")
    return app["name"]


def administer(case):
    """Makes an administrator's request good: it is about somebody who is there."""
    path, body = case.operation.path, case.body
    if path == "/admin/api/apps" and case.method == "POST":
        body.update(called())
    if "app" in (case.path_parameters or {}):
        case.path_parameters["app"] = manage(path, case.method)
        return
    if path == "/admin/api/session" and case.method == "POST":
        body.update(name=hired(), password=ADMIN_PASSWORD)
    elif path == "/admin/api/invitation":
        body.update(invited()[0])
    elif path == "/admin/api/password":
        body["current"] = ADMIN_PASSWORD
    elif path == "/admin/api/admins" and case.method == "POST":
        # Nobody invites themselves.
        body["name"] = f"admin{next(turns)}"
    elif path == "/admin/api/admins/{id}":
        case.path_parameters["id"] = invited()[1]
    elif "id" in (case.path_parameters or {}):
        user = newcomer()
        login = {"code": code("login", user), "phoneCode": code("phone", user)}
        member = posted(f"{SERVER}/login", login)["data"]
        case.path_parameters["id"] = member["memberId"]
        if "session" in case.path_parameters:
            case.path_parameters["session"] = session_of(member["token"])
