"""What the dashboard asks for."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from urllib.request import urlopen

import pytest

from harness.api import Api
from harness.phone import Phone
from harness.waiting import LIMIT_SECONDS, wait_for

ALL = ("send", "read", "text", "devices", "metrics", "pair", "resend", "inbox", "webhooks", "opt_outs", "keys", "sending")


@pytest.fixture(scope="session")
def build():
    """The pure parts run under sanitizers in the tests of the store."""
    return "release"


@pytest.fixture(scope="module")
def gateway(module_gateway):
    gateway = module_gateway(KEY_DAILY_MESSAGES=10000).make_database()
    return gateway.start()


@pytest.fixture(scope="module")
def api(gateway):
    api = Api(gateway.url, gateway.make_key(*ALL))
    yield api
    api.close()


def codes(overview):
    return [alert["code"] for alert in overview["alerts"]]


def test_the_overview_says_what_to_do_first_and_what_waits(module_gateway):
    gateway = module_gateway(DAILY_MESSAGES=20).make_database().start()
    api = Api(gateway.url, gateway.make_key(*ALL))
    overview = api.request("GET", "/api/overview").json()
    assert codes(overview) == ["no_device"] and overview["devices"]["any"] is False
    assert overview["today"]["accepted"] == 0 and overview["today"]["limit"] == 20
    for _ in range(16):
        api.send()
    overview = api.request("GET", "/api/overview").json()
    assert codes(overview) == ["messages_waiting", "daily_limit_near", "no_device"]
    assert overview["waiting"] == [{"reason": "no_device", "count": 16, "detail": overview["waiting"][0]["detail"]}]
    assert overview["messages"]["queued"] == 16 and overview["today"]["accepted"] == 16
    reader = Api(gateway.url, gateway.make_key("read"))
    overview = reader.request("GET", "/api/overview").json()
    assert overview["devices"] is None and codes(overview) == ["messages_waiting", "daily_limit_near"]
    reader.close()
    api.close()


def test_the_statistics_count_the_minutes(gateway, api):
    def accepted():
        return sum(minute["accepted"] for minute in api.request("GET", "/api/statistics").json()["minutes"])

    before = accepted()
    api.send()
    assert accepted() == before + 1
    phone = Phone(gateway, "phone-of-the-dashboard")
    message = phone.receive_sms()["message_id"]
    phone.report(message, "sent")
    phone.report(message, "delivered")
    wait_for(lambda: api.request("GET", "/api/statistics?minutes=2").json()["sent_to_delivered_seconds"]["count"] == 1,
             "the delivery is counted")
    statistics = api.request("GET", "/api/statistics?minutes=360").json()
    assert statistics["queued_to_sent_seconds"]["count"] >= 1 and len(statistics["minutes"]) == 360
    assert not any(minute["estimated"] for minute in statistics["minutes"])
    phone.close()
    for wrong in (0, 361, "x"):
        assert api.request("GET", f"/api/statistics?minutes={wrong}").status_code == 422


# ---- Signing in ----

OWN = {"X-Sms-Gateway": "dashboard"}


class Browser:
    """Keeps the cookie, and sends what the gateway's own page sends."""

    addresses = itertools.count(1)

    def __init__(self, gateway):
        self.api = Api(gateway.url, source=f"127.0.7.{next(self.addresses)}")  # each may try a few times a minute
        self.cookie = None

    def ask(self, method, path, own=True, headers=None, cookie=None, **arguments):
        cookie = cookie or self.cookie
        sent = (OWN if own else {}) | ({"Cookie": cookie} if cookie else {}) | (headers or {})
        answer = self.api.request(method, path, headers=sent, **arguments)
        if "Set-Cookie" in answer.headers:
            self.set_cookie = answer.headers["Set-Cookie"]
            self.cookie = self.set_cookie.split(";")[0]
        return answer

    def sign_in(self, link):
        return self.ask("POST", "/api/session", json={"token": link})

    def code(self, *arguments, **options):
        answer = self.ask(*arguments, **options)
        return answer.status_code, answer.json().get("code")


def new_link(gateway, *options):
    status, output, errors = gateway.command("dashboard", *options)
    assert status == 0, errors
    url, token = output.strip().split("/#sign-in=")
    assert url.startswith("http://") and token.startswith("sgl_")
    return token


@pytest.fixture
def browser(gateway):
    browser = Browser(gateway)
    yield browser
    browser.api.close()


def test_a_link_signs_one_browser_in(gateway, browser):
    assert browser.ask("GET", "/api/session").json()["required"] is True
    assert browser.code("GET", "/api/sms") == (401, "api_key_required")
    link = new_link(gateway, "--scopes", "read,send", "--hours", "2")
    answer = browser.sign_in(link)
    assert answer.status_code == 201 and answer.json()["scopes"] == ["send", "read"]
    secret = browser.cookie.split("=")[1]
    assert browser.set_cookie == f"sms_gateway_session={secret}; Path=/; Max-Age=7200; HttpOnly; SameSite=Strict"
    session = browser.ask("GET", "/api/session").json()
    assert session["signed_in"] and session["session_id"] == secret[4:16]
    assert browser.ask("GET", "/api/sms").status_code == 200
    assert browser.code("GET", "/api/devices") == (403, "scope_missing")
    assert browser.code("GET", "/api/keys") == (403, "scope_missing")
    other = Browser(gateway)  # a browser that comes second
    assert other.code("POST", "/api/session", json={"token": link}) == (401, "sign_in_link_invalid")
    assert other.cookie is None
    other.api.close()
    kept = gateway.database.read_bytes() + gateway.database.with_name(gateway.database.name + "-wal").read_bytes()
    logs = "".join(path.read_text() for path in gateway.folder.rglob("*.log"))
    for text in (link, secret):
        assert text.encode() not in kept and text not in logs


def test_of_two_that_use_a_link_at_once_one_is_signed_in(gateway):
    link = new_link(gateway)
    browsers = [Browser(gateway) for _ in range(6)]
    with ThreadPoolExecutor(len(browsers)) as pool:
        statuses = list(pool.map(lambda browser: browser.sign_in(link).status_code, browsers))
    assert sorted(statuses) == [201] + [401] * (len(browsers) - 1)
    for browser in browsers:
        browser.api.close()


def test_a_cookie_counts_only_for_the_gateways_own_page(gateway, browser):
    browser.sign_in(new_link(gateway))
    refused = (403, "csrf_refused")
    assert browser.code("GET", "/api/sms", own=False) == refused
    assert browser.code("GET", "/api/sms", headers={"X-Sms-Gateway": "yes"}) == refused
    for site in ("cross-site", "same-site", "none"):
        assert browser.code("GET", "/api/sms", headers={"Sec-Fetch-Site": site}) == refused
        assert browser.code("DELETE", "/api/session", headers={"Sec-Fetch-Site": site}) == refused
    assert browser.code("POST", "/api/sending/pause", headers={"Origin": "https://evil.example"}, json={}) == refused
    own = gateway.url.split("://")[1]
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": f"http://{own}"}):
        assert browser.ask("GET", "/api/sms", headers=headers).status_code == 200
    assert browser.ask("GET", "/api/session", own=False).json()["signed_in"] is False
    assert browser.code("POST", "/api/session", own=False, json={"token": new_link(gateway)}) == refused
    assert browser.code("GET", "/api/sms", cookie=f"{browser.cookie}; {browser.cookie}")[0] == 401
    assert browser.ask("GET", "/api/sms", cookie=f"a=b; {browser.cookie}; c=d").status_code == 200


def test_a_header_wins_over_a_cookie_and_neither_is_the_other(gateway, browser):
    browser.sign_in(new_link(gateway))
    key, secret = gateway.make_key("devices"), browser.cookie.split("=")[1]
    assert browser.code("GET", "/api/sms", headers={"Authorization": f"Bearer {key}"}) == (403, "scope_missing")
    assert browser.code("GET", "/api/sms", headers={"Authorization": "Basic eDp5"}) == (401, "api_key_required")
    assert browser.ask("GET", "/api/devices", own=False, headers={"Authorization": f"Bearer {key}"}).status_code == 200
    link = new_link(gateway)
    for wrong in (secret, link):
        assert browser.code("GET", "/api/sms", headers={"Authorization": f"Bearer {wrong}"}) == (401, "api_key_invalid")
    for wrong in (key, link, secret[:-1], "", "x" * 500):
        assert browser.code("GET", "/api/sms", cookie=f"sms_gateway_session={wrong}")[0] == 401
    assert browser.code("GET", "/api/sms", cookie=f"sms_gateway_session={key}") == (401, "session_invalid")
    assert browser.code("POST", "/api/session", json={"token": key}) == (401, "sign_in_link_invalid")


def test_a_session_ends_at_once(gateway, browser, api):
    browser.sign_in(new_link(gateway))
    ticket = browser.ask("POST", "/api/events/ticket").json()["ticket"]
    stream = urlopen(f"{gateway.url}/api/events?ticket={ticket}", timeout=LIMIT_SECONDS)
    session = browser.ask("GET", "/api/session").json()["session_id"]
    assert browser.ask("GET", "/api/sms").status_code == 200
    status, _, errors = gateway.keys_command("revoke", session)
    assert status == 0, errors
    assert browser.code("GET", "/api/sms") == (401, "session_invalid")
    assert browser.ask("GET", "/api/session").json()["signed_in"] is False
    assert "Max-Age=0" in browser.set_cookie
    assert b"has been revoked" in stream.read()  # to its end
    browser.sign_in(new_link(gateway))
    old = browser.cookie
    assert browser.ask("DELETE", "/api/session").json()["signed_in"] is False
    assert browser.cookie == "sms_gateway_session="
    assert browser.code("GET", "/api/sms", cookie=old) == (401, "session_invalid")
    assert browser.ask("DELETE", "/api/session").status_code == 200
    kinds = {key["kind"]: key["state"] for key in api.request("GET", "/api/keys").json()["keys"] if key["key_id"] == session}
    assert kinds == {"session": "revoked"}


def test_signing_in_is_limited_and_never_goes_over_a_network_in_plain_text(gateway):
    browser = Browser(gateway)
    codes = [browser.code("POST", "/api/session", json={"token": "sgl_wrong"})[0] for _ in range(8)]
    assert codes[0] == 401 and codes[-1] == 429
    assert browser.ask("GET", "/api/session").status_code == 200
    browser.api.close()
    browser = Browser(gateway)
    assert browser.code("POST", "/api/session", headers={"Host": "gateway.lan:8000"}, json={"token": new_link(gateway)}) \
        == (403, "sign_in_needs_tls")
    browser.api.close()


def test_behind_tls_the_cookie_is_the_hosts_alone(module_gateway):
    gateway = module_gateway(PUBLIC_URL="https://sms.example.org").make_database().start()
    status, output, _ = gateway.command("dashboard", "--minutes", "5", "--json")
    link = json.loads(output)
    assert status == 0 and link["url"].startswith("https://sms.example.org/#sign-in=sgl_")
    browser = Browser(gateway)
    browser.sign_in(link["url"].split("=")[1])
    assert browser.set_cookie.startswith("__Host-sms_gateway_session=sgs_") and browser.set_cookie.endswith("; Secure")
    assert browser.ask("GET", "/api/sms", headers={"Origin": "https://sms.example.org"}).status_code == 200
    assert browser.code("GET", "/api/sms", cookie=browser.cookie.removeprefix("__Host-")) == (401, "api_key_required")
    browser.api.close()


# ---- Keys and limits ----

def test_keys_are_listed_and_revoked_but_not_made(gateway, browser, api):
    browser.sign_in(new_link(gateway, "--label", "desk"))
    key = gateway.make_key("read")
    reader = Api(gateway.url, key)
    assert reader.request("GET", "/api/sms").status_code == 200
    keys = browser.ask("GET", "/api/keys").json()["keys"]
    assert [(entry["kind"], entry["label"]) for entry in keys if entry["current"]] == [("session", "desk")]
    assert browser.ask("DELETE", f"/api/keys/{key[4:16]}").status_code == 200
    assert reader.request("GET", "/api/sms").json()["code"] == "api_key_revoked"
    for wrong in (key[4:16], "nothing", "x" * 60):
        assert browser.code("DELETE", f"/api/keys/{wrong}") == (404, "key_not_found")
    assert browser.code("POST", "/api/keys", json={})[0] == 405
    reader.close()


def test_limits_are_shown_and_sending_is_paused_and_resumed(gateway, browser):
    browser.sign_in(new_link(gateway))
    limits = browser.ask("GET", "/api/limits").json()
    assert {"MAX_MESSAGE_SEGMENTS", "DEVICE_WINDOW"} - {setting["name"] for setting in limits["settings"]} == {"DEVICE_WINDOW"}
    assert limits["key"] == {"accepted": 0, "limit": 10000}
    paused = browser.ask("POST", "/api/sending/pause", json={"reason": "a test"}).json()
    assert (paused["paused"], paused["reason"], paused["changed"]) == (True, "a test", True)
    alerts = browser.ask("GET", "/api/overview").json()["alerts"]
    assert alerts[0]["code"] == "sending_paused" and "a test" in alerts[0]["detail"]
    assert browser.ask("POST", "/api/sending/pause", json={}).json()["changed"] is False
    resumed = browser.ask("POST", "/api/sending/resume", json={}).json()
    assert (resumed["paused"], resumed["reason"], resumed["changed"]) == (False, None, True)
    for word, body in (("pause", {"reason": "x" * 201}), ("pause", {"reason": "\u202e"}), ("resume", {"reason": "x"})):
        assert browser.ask("POST", f"/api/sending/{word}", json=body).status_code == 422
    assert browser.code("POST", "/api/sending/pause", data="{}", headers={"Content-Type": "text/plain"})[0] == 415


# ---- Conversations ----

def test_each_number_has_its_last_sms_of_both_directions(module_gateway):
    gateway = module_gateway().make_database().start()
    api = Api(gateway.url, gateway.make_key(*ALL))
    assert api.get("/api/conversations").json() == {"conversations": [], "count": 0, "next": None}
    numbers = [f"+1555000000{i}" for i in range(5)]
    for number in numbers * 2:
        api.send(number, f"for {number}")
    phone = Phone(gateway, "phone")
    phone.send({"type": "sms_received", "received_id": "1", "from": numbers[2], "message": "an answer"})
    wait_for(lambda: api.get("/api/inbox").json()["count"] == 1, "the SMS is stored")
    found, path = [], "/api/conversations?limit=2"
    while path:
        page = api.get(path).json()
        found += page["conversations"]
        path = page["next"]
    first = {}
    for conversation in found:
        first.setdefault(conversation["phone_number"], conversation)
    assert list(first) == [numbers[2], numbers[4], numbers[3], numbers[1], numbers[0]]
    assert (first[numbers[2]]["direction"], first[numbers[2]]["text"]) == ("in", "an answer")
    assert (first[numbers[0]]["direction"], first[numbers[0]]["text"]) == ("out", f"for {numbers[0]}")
    assert found == sorted(found, key=lambda conversation: conversation["id"], reverse=True)
    phone.close()
    api.close()
    for scopes, texts in ((("inbox",), ["an answer"]), (("inbox", "read"), ["an answer"] + [None] * 4)):
        api = Api(gateway.url, gateway.make_key(*scopes))
        assert [entry["text"] for entry in api.get("/api/conversations").json()["conversations"]] == texts
        api.close()
