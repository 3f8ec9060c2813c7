"""Webhooks in the REST API: created, changed, tested, and what is said about wrong requests."""

import json
import re

import pytest

from harness.api import Api
from harness.gateway import ROOT

URL = "https://receiver.example/hook"


@pytest.fixture(scope="module")
def gateway(module_gateway):
    return module_gateway(WEBHOOK_ADDRESSES="192.168.7.0/24").start()


def create(gateway, **members):
    answer = gateway.api.request("POST", "/api/webhooks", json={"url": URL} | members)
    assert answer.status_code == 201, answer.text
    return answer.json()


def path_of(webhook, rest=""):
    return f"/api/webhooks/{webhook['webhook_id']}{rest}"


def test_a_webhook_lives(gateway):
    answer = gateway.api.request("POST", "/api/webhooks", json={"url": URL, "types": ["message.sent", "inbox.*"], "device_group": "berlin",
                                                     "description": "Bücher ☕"})
    created = answer.json()
    assert answer.status_code == 201 and answer.headers["Location"] == path_of(created)
    assert answer.headers["Cache-Control"] == "no-store"
    assert created["types"] == ["message.sent", "inbox.received"] and created["enabled"] is True
    secret = created.pop("secret")
    assert gateway.api.get(path_of(created)).json() == created
    assert created in gateway.api.get("/api/webhooks").json()["webhooks"]

    changed = gateway.api.request("PATCH", path_of(created), json={"types": None, "enabled": False, "device_group": None}).json()
    assert (changed["types"], changed["enabled"], changed["device_group"]) == (["*"], False, None)
    assert (changed["url"], changed["description"]) == (created["url"], created["description"])
    assert gateway.api.request("PATCH", path_of(created), json={}).status_code == 200

    rotated = gateway.api.request("POST", path_of(created, "/secret")).json()
    assert rotated["secret"] != secret and rotated["old_secret_until"] > rotated["updated_at"]
    shown = gateway.api.get("/api/webhooks").text + gateway.api.get(path_of(created)).text
    assert secret not in shown and rotated["secret"] not in shown
    log = gateway.api_fcgi.log()
    assert created["webhook_id"] in log and not [word for word in (secret, rotated["secret"], "receiver.example") if word in log]

    assert gateway.api.request("DELETE", path_of(created)).json() == {"webhook_id": created["webhook_id"], "deleted": True}
    for answer in (gateway.api.get(path_of(created)), gateway.api.request("DELETE", path_of(created)),
                   gateway.api.request("PATCH", path_of(created), json={}), gateway.api.request("POST", path_of(created, "/secret")),
                   gateway.api.request("POST", path_of(created, "/test")), gateway.api.get(path_of(created, "/deliveries")),
                   gateway.api.request("POST", path_of(created, "/redeliver"), json={"event_id": 1}), gateway.api.get("/api/webhooks/" + "x" * 90)):
        assert (answer.status_code, answer.json()["code"]) == (404, "webhook_not_found")


WRONG = [
    ({}, "/url", "is required"),
    ({"url": "http://receiver.example"}, "/url", "must begin with https://"),
    ({"url": "https://169.254.169.254/latest"}, "/url", "link-local"),
    ({"url": "https://localhost"}, "/url", "WEBHOOK_ADDRESSES"),
    ({"url": "https://u:p@receiver.example"}, "/url", "must not have a user"),
    ({"url": "https://receiver.example/" + "x" * 3000}, "/url", "at most 2048"),
    ({"url": 1}, "/url", "must be a string"),
    ({"url": URL, "types": ["message.read"]}, "/types", "each must be a type"),
    ({"url": URL, "types": ["webhook.test"]}, "/types", "each must be a type"),
    ({"url": URL, "types": []}, "/types", "null for all"),
    ({"url": URL, "types": "message.sent"}, "/types", "must be an array"),
    ({"url": URL, "device_group": "a b"}, "/device_group", "1 to 32"),
    ({"url": URL, "with_text": "yes"}, "/with_text", "must be true or false"),
    ({"url": URL, "enabled": None}, "/enabled", "must be true or false"),
    ({"url": URL, "description": "x" * 257}, "/description", "at most 256"),
    ({"url": URL, "description": "a\nb"}, "/description", "control characters"),
    ({"url": URL, "description": "\u202eevil"}, "/description", "direction"),
    ({"url": URL, "events": ["message.sent"]}, "/events", "types"),
]


def test_what_is_wrong_with_a_webhook_is_said(gateway):
    for body, pointer, says in WRONG:
        answer = gateway.api.request("POST", "/api/webhooks", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), body
        error, = [error for error in answer.json()["errors"] if error["code"] != "required" or not body.get("events")]
        assert error["pointer"] == pointer and says in error["detail"], error


def test_a_setting_lists_addresses_that_are_not_public(gateway):
    create(gateway, url="https://192.168.7.20:8443/")
    assert gateway.api.request("POST", "/api/webhooks", json={"url": "https://192.168.8.20/"}).status_code == 422


def test_a_test_waits_for_its_sender(gateway):
    webhook, other = create(gateway), create(gateway)
    tests = [gateway.api.request("POST", path_of(webhook, "/test")).json() for _ in range(3)]
    ids = [test["event_id"] for test in tests]
    assert ids == sorted(set(ids))
    listed = gateway.api.get(path_of(webhook, "/deliveries?state=waiting&limit=2")).json()
    assert [delivery["event_id"] for delivery in listed["deliveries"]] == ids[:0:-1]
    assert {delivery["type"] for delivery in listed["deliveries"]} == {"webhook.test"}
    assert listed["deliveries"][0]["sent_as"] == tests[-1]["sent_as"]
    rest = gateway.api.get(listed["next"]).json()
    assert ([delivery["event_id"] for delivery in rest["deliveries"]], rest["next"]) == (ids[:1], None)
    assert gateway.api.get(path_of(webhook, "/deliveries?state=delivered")).json()["count"] == 0
    assert gateway.api.get(path_of(other, "/deliveries")).json()["count"] == 0

    gateway.api.request("PATCH", path_of(webhook), json={"enabled": False})
    answer = gateway.api.request("POST", path_of(webhook, "/test"))
    assert (answer.status_code, answer.json()["code"]) == (409, "webhook_disabled")
    answer = gateway.api.request("POST", path_of(other, "/redeliver"), json={"event_id": ids[0]})
    assert (answer.status_code, answer.json()["code"]) == (404, "event_not_found")
    assert gateway.api.request("POST", path_of(webhook, "/redeliver"), json={"event_id": ids[0]}).json()["from_event_id"] == ids[0]
    since = listed["deliveries"][0]["timestamp"]
    assert gateway.api.request("POST", path_of(webhook, "/redeliver"), json={"since": since}).json()["from_event_id"] in ids
    assert gateway.api.request("POST", path_of(webhook, "/redeliver"), json={"since": "2100-01-01T00:00:00Z"}).json()["from_event_id"] is None


WRONG_ABOUT_DELIVERIES = [
    ("/redeliver", {}, "/event_id"), ("/redeliver", {"event_id": 0}, "/event_id"), ("/redeliver", {"event_id": "1"}, "/event_id"),
    ("/redeliver", {"since": "yesterday"}, "/since"), ("/redeliver", {"event_id": 1, "since": "2026-01-01T00:00:00Z"}, "/since"),
    ("/deliveries?state=new", None, "state"), ("/deliveries?limit=0", None, "limit"), ("/deliveries?cursor=1", None, "cursor"),
    ("/deliveries?page=2", None, "page"),
]


def test_what_is_wrong_with_a_request_about_deliveries_is_said(gateway):
    for rest, body, place in WRONG_ABOUT_DELIVERIES:
        path = "/api/webhooks/wh_000000000000" + rest
        answer = gateway.api.get(path) if body is None else gateway.api.request("POST", path, json=body)
        assert answer.status_code == 422, rest
        error, = answer.json()["errors"]
        assert place in (error.get("pointer"), error.get("parameter")), error


def test_texts_need_their_scope(module_gateway):
    gateway = module_gateway(API_KEYS="required").start()
    keys = {scopes: Api(gateway.url, gateway.make_key(*scopes)) for scopes in (("webhooks",), ("webhooks", "text"), ("read", "text"))}
    alone, with_text, reader = keys.values()
    refused = alone.request("POST", "/api/webhooks", json={"url": URL, "with_text": True})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    webhook = with_text.request("POST", "/api/webhooks", json={"url": URL, "with_text": True}).json()
    for change, status in (({"url": "https://other.example/"}, 403), ({"with_text": True}, 403), ({"enabled": False}, 200),
                           ({"with_text": False}, 200), ({"url": "https://other.example/"}, 200)):
        assert alone.request("PATCH", path_of(webhook), json=change).status_code == status, change
    assert reader.get("/api/webhooks").status_code == 403


def test_the_receiver_of_the_page_verifies_signatures(monkeypatch):
    page = (ROOT / "api-fcgi/API.md").read_text().split("### Receive")[1]
    names = {}
    exec(re.search(r"```python\n(.*?)```", page, re.S).group(1), names)
    # The vector of the Standard Webhooks reference libraries.
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    headers = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
               "webhook-signature": "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}
    monkeypatch.setattr("time.time", lambda: 1614265330)
    assert names["verify"](secret, headers, body)
    assert not names["verify"](secret, headers, body + b" ")
    assert not names["verify"](secret, headers | {"webhook-timestamp": "1614265331"}, body)
    monkeypatch.setattr("time.time", lambda: 1614265330 + 301)
    assert not names["verify"](secret, headers, body)


def test_the_tool_does_what_the_api_does(gateway):
    def run(*arguments, expected=0):
        status, output, errors = gateway.command("webhooks", *arguments)
        assert status == expected, (arguments, output, errors)
        return output if expected == 0 else errors

    created = json.loads(run("create", URL, "--types", "message.sent,device.*", "--description", "shop", "--with-text", "yes", "--json"))
    id = created["webhook_id"]
    assert gateway.api.get(f"/api/webhooks/{id}").json() == {name: value for name, value in created.items() if name != "secret"}
    assert run("create", URL).strip().startswith("whsec_")
    assert json.loads(run("list", "--json")) == gateway.api.get("/api/webhooks").json()
    changed = json.loads(run("change", id, "--types", "*", "--enabled", "no", "--description", "", "--json"))
    assert (changed["types"], changed["enabled"], changed["description"], changed["with_text"]) == (["*"], False, None, True)
    assert "--enabled yes" in run("test", id, expected=1)
    run("change", id, "--enabled", "yes")
    event = json.loads(run("test", id, "--json"))["event_id"]
    assert json.loads(run("deliveries", id, "--state", "waiting", "--json"))["deliveries"][0]["event_id"] == event
    assert str(event) in run("deliveries", id) and URL in run("list") and "description" not in run("show", id)
    assert json.loads(run("redeliver", id, "--event", str(event), "--json"))["from_event_id"] == event
    assert "Nothing" in run("redeliver", id, "--since", "2100-01-01T00:00:00Z")
    assert run("rotate", id).strip() != created["secret"]
    assert "old secret until" in run("show", id)
    for wrong in (("create", "http://receiver.example"), ("create", URL, "--types", "message.read"), ("create", URL, "--with-text", "maybe"),
                  ("change", id, "--description", "a\nb"), ("redeliver", id), ("redeliver", id, "--since", "monday"),
                  ("deliveries", id, "--state", "new"), ("show", "wh_" + "x" * 20)):
        run(*wrong, expected=2)
    assert json.loads(run("delete", id, "--json")) == {"webhook_id": id, "deleted": True}
    for action in ("show", "change", "test", "rotate", "deliveries", "delete"):
        assert "webhooks list" in run(action, id, expected=1)
