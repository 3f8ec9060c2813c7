"""Programs written for SMSGate: what its third-party API takes and answers, by requests and by its client from npm."""

import base64
import datetime
import hashlib
import hmac
import json
import re
import subprocess

import pytest

from harness.app_reader import check_readable
from harness.gateway import ROOT
from harness.phone import AssuredPhone, Phone
from harness.smsgate_app import App, code, element
from harness.waiting import LIMIT_SECONDS, wait_for
from harness.webhook_receiver import OK, Receiver

BASE = "/api/3rdparty/v1"
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
HEALTH = {"status": "pass", "version": str, "releaseId": int, "checks": dict}


@pytest.fixture(scope="module")
def gateway(module_gateway):
    gateway = module_gateway(WEBHOOK_LOOPBACK="allowed", ENCRYPTED_MESSAGES="allowed").start()
    gateway.webhook_sender.start()
    return gateway


def basic(password, login="anyone"):
    return {"Authorization": "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()}


def ask(gateway, method, path, headers=None, base=BASE, **body):
    """An answer, whose errors have their form."""
    answer = gateway.api.client.request(method, base + path, headers=basic(gateway.api_key()) if headers is None else headers, **body)
    if answer.status_code >= 400 and not (path.startswith("/health")):
        assert answer.headers["Content-Type"] == "application/json", answer.text
        assert list(answer.json()) == ["message"] and answer.json()["message"], answer.text
    return answer


def post(gateway, **members):
    answer = ask(gateway, "POST", "/messages", json={"phoneNumbers": ["+491700000001"], "textMessage": {"text": "hello"}} | members)
    assert answer.status_code == 202, answer.text
    return answer.json()


def state_of(gateway, message):
    return ask(gateway, "GET", f"/messages/{message['id']}").json()


def cancel(gateway, message):
    return ask(gateway, "DELETE", f"/messages/{message['id']}")


def signature(key, request):
    return hmac.new(key, request.body + request.headers["x-timestamp"].encode(), hashlib.sha256).hexdigest()


# ---- What is taken, and what is refused ----

NUMBER = {"phoneNumbers": ["+491700000001"]}
ONE = NUMBER | {"textMessage": {"text": "hello"}}
SALT = base64.b64encode(bytes(16)).decode()
CIPHER = f"$aes-256-cbc/pbkdf2-sha1$i=75000${SALT}${SALT}"
TAKEN = [  # bodies that are accepted, and what the row of each then has
    (ONE, {}),
    (NUMBER | {"message": "hello"}, {}),
    (ONE | dict.fromkeys(("id", "ttl", "simNumber", "validUntil", "scheduleAt", "deviceId", "priority", "withDeliveryReport",
                          "isEncrypted", "message", "dataMessage")), {}),
    (ONE | {"unknown": 1, "id": "", "deviceId": "", "isEncrypted": False}, {}),
    (ONE | {"simNumber": 2, "withDeliveryReport": False, "priority": 127}, {"target_sim": 2, "no_report": 1, "priority": 1}),
    (ONE | {"priority": -1}, {"priority": 2}),
    (ONE | {"priority": 99, "ttl": 3600}, {"priority": None}),
    (ONE | {"scheduleAt": "2026-12-24T18:00:00+01:00"}, None),
    (ONE | {"validUntil": "2026-12-24T18:00:00.5Z"}, None),
    ({"phoneNumbers": ["+49 170 000-0001"], "message": "x" * 100}, {"phone_number": "+491700000001"}),
]
REFUSED = [  # bodies, and what the message says of them
    ({}, "phoneNumbers is required"),
    (NUMBER, "textMessage is required"),
    (ONE | {"message": "too"}, "textMessage/text cannot be combined with message"),
    (ONE | {"textMessage": {}}, "textMessage must be an object with a text"),
    (ONE | {"textMessage": "hello"}, "textMessage must be an object with a text"),
    (ONE | {"textMessage": {"text": 1}}, "textMessage/text must be a string"),
    (ONE | {"textMessage": {"text": ""}}, "textMessage/text"),
    (NUMBER | {"dataMessage": {"data": "AA==", "port": 53}}, "deviceId is required"),
    (NUMBER | {"dataMessage": {"data": "AA=="}}, "dataMessage must be an object with data"),
    (NUMBER | {"dataMessage": "AA=="}, "dataMessage must be an object with data"),
    (NUMBER | {"dataMessage": {"data": "AA=", "port": 53}}, "dataMessage/data must be Base64"),
    (NUMBER | {"dataMessage": {"data": "", "port": 53}}, "dataMessage/data must be Base64"),
    (NUMBER | {"dataMessage": {"data": base64.b64encode(bytes(134)).decode(), "port": 53}}, "of 1 to 133 bytes"),
    (NUMBER | {"dataMessage": {"data": "AA==", "port": 65536}}, "dataMessage/port must be between"),
    (ONE | {"dataMessage": {"data": "AA==", "port": 53}}, "dataMessage/data cannot be combined with textMessage/text"),
    (NUMBER | {"mmsMessage": {"subject": "x"}}, "mmsMessage is no content that a device"),
    (ONE | {"isEncrypted": True}, "textMessage/text must be encrypted as the app reads it"),
    (NUMBER | {"message": CIPHER, "isEncrypted": True}, "phoneNumbers/0 must be encrypted as the text is"),
    ({"phoneNumbers": [CIPHER], "message": CIPHER, "isEncrypted": True}, "deviceId is required"),
    ({"phoneNumbers": [CIPHER], "message": CIPHER[:-1], "isEncrypted": True}, "message must be encrypted"),
    (NUMBER | {"dataMessage": {"data": "AA==", "port": 53}, "isEncrypted": True}, "isEncrypted cannot be combined with dataMessage"),
    (ONE | {"phoneNumbers": []}, "phoneNumbers must be an array of 1 to 100"),
    (ONE | {"phoneNumbers": "+491700000001"}, "phoneNumbers must be an array of 1 to 100"),
    (ONE | {"phoneNumbers": ["+491700000001"] * 101}, "phoneNumbers must be an array of 1 to 100"),
    (ONE | {"phoneNumbers": ["+491700000001", "+49 170 0000001"]}, "phoneNumbers/1 is there more than once"),
    (ONE | {"phoneNumbers": ["+491700000001", "0170"]}, "phoneNumbers/1"),
    (ONE | {"phoneNumbers": [491700000001]}, "phoneNumbers/0 must be a string"),
    (ONE | {"id": "x" * 37}, "id must be 1 to 36 visible ASCII"),
    (ONE | {"id": "a/b"}, "id must be 1 to 36 visible ASCII"),
    (ONE | {"id": ".."}, "id must be 1 to 36 visible ASCII"),
    (ONE | {"id": 7}, "id must be a string"),
    (ONE | {"deviceId": "nobody"}, "deviceId names no device"),
    (ONE | {"deviceId": "a b"}, "deviceId must be 1 to 64"),
    (ONE | {"simNumber": 0}, "simNumber must be between"),
    (ONE | {"ttl": 4}, "ttl must be between 5"),
    (ONE | {"ttl": 3600, "validUntil": "2026-12-24T18:00:00Z"}, "validUntil cannot be combined with ttl"),
    (ONE | {"ttl": 60, "scheduleAt": "2026-12-24T18:00:00Z"}, "ttl"),
    (ONE | {"validUntil": "2020-01-01T00:00:00Z"}, "validUntil"),
    (ONE | {"validUntil": "tomorrow"}, "validUntil"),
    (ONE | {"scheduleAt": "2020-01-01T00:00:00Z"}, "scheduleAt"), (ONE | {"scheduleAt": 1795513500}, "scheduleAt must be an RFC 3339 time"),
    (ONE | {"priority": 128}, "priority must be between"),
    (ONE | {"withDeliveryReport": 1}, "withDeliveryReport must be true or false"),
    ([ONE], "the body must be an object"),
]


def in_days(days):
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days)).strftime("%Y-%m-%d")


def moved(body):
    """Its times in days that the gateway takes, whatever today is."""
    return json.loads(json.dumps(body).replace("2026-12-24", in_days(20)))


def test_what_a_program_may_post(gateway):
    for body, columns in TAKEN:
        answer = ask(gateway, "POST", "/messages", json=moved(body))
        assert answer.status_code == 202, (body, answer.text)
        found = answer.json()
        assert answer.headers["Location"] == f"{BASE}/messages/{found['id']}"
        assert found == state_of(gateway, found)
        assert (found["state"], found["isHashed"], found["isEncrypted"], found["deviceId"]) == ("Pending", False, False, "")
        assert found["recipients"] == [{"phoneNumber": "+491700000001", "state": "Pending"}]
        assert list(found["states"]) == ["Pending"] and TIME.fullmatch(found["states"]["Pending"])
        for column, value in (columns or {}).items():
            rows = gateway.query(f"SELECT m.{column} FROM message m JOIN batch b ON m.batch_id = b.id WHERE b.external_id = ?",
                                 found["id"])
            assert rows == [(value,)], (body, column)
        assert cancel(gateway, found).json()["state"] == "Cancelled"
    before = gateway.counts()
    for body, says in REFUSED:
        answer = ask(gateway, "POST", "/messages", json=moved(body) if isinstance(body, dict) else body)
        assert answer.status_code == 400 and says in answer.json()["message"], (body, answer.text)
    for data in ('{"phoneNumbers": ', "[]]", '{"a": 1, "a": 2}'):
        assert ask(gateway, "POST", "/messages", data=data, headers=basic(gateway.api_key()) | {
            "Content-Type": "application/json"}).status_code == 400
    assert gateway.counts() == before


def test_an_id_is_one_message(gateway):
    first = post(gateway, id="order-1001")
    again = ask(gateway, "POST", "/messages", json=ONE | {"id": "order-1001", "phoneNumbers": ["+491700000002"]})
    assert again.status_code == 409 and "order-1001" in again.json()["message"]
    assert state_of(gateway, first) == first
    # Its answer was lost, and what was allowed then is no more: 400 would say that it was not accepted.
    for late in ({"validUntil": "2026-01-01T12:00:00Z"}, {"scheduleAt": "2026-01-01T12:00:00Z"}, {"deviceId": "gone"}):
        assert ask(gateway, "POST", "/messages", json=ONE | late | {"id": "order-1002"}).status_code == 400
        again = ask(gateway, "POST", "/messages", json=ONE | late | {"id": "order-1001"})
        assert again.status_code == 409 and "order-1001" in again.json()["message"]
    cancel(gateway, first)
    assert ask(gateway, "GET", "/messages/none").status_code == ask(gateway, "DELETE", "/messages/none").status_code == 404
    # What others sent by our own API is none of a program's messages.
    batch = gateway.api.request("POST", "/api/batches", json={"messages": [{"phone_number": "+491700000001", "message": "x"}]}).json()
    assert ask(gateway, "GET", f"/messages/{batch['batch_id']}").status_code == 404
    gateway.api.request("DELETE", f"/api/batches/{batch['batch_id']}")


# ---- What becomes of a message ----

def test_one_message_to_three_numbers_is_three_rows(gateway):
    numbers = ["+491700000011", "+491700000012", "+491700000013"]
    phone = AssuredPhone(gateway, "three")
    try:
        message = post(gateway, id="three", phoneNumbers=numbers, deviceId="three")
        assert message["deviceId"] == "three"
        taken = [phone.receive_offer() for _ in numbers]
        for offer in taken:
            phone.answer("ack", *offer)
        for offer in taken:
            phone.expect("release", *offer)
        assert len({message_id for message_id, _ in taken}) == 3

        def see(*states):
            found = state_of(gateway, message)
            assert [recipient["phoneNumber"] for recipient in found["recipients"]] == numbers
            assert [recipient["state"] for recipient in found["recipients"]] == list(states), found
            return found

        found = see("Processed", "Processed", "Processed")
        assert found["state"] == "Processed" and list(found["states"]) == ["Pending", "Processed"]
        for status in ("sending", "sent"):
            phone.report(*taken[0], status)
        assert see("Sent", "Processed", "Processed")["state"] == "Processed"
        for status in ("sending", "sent", "delivered"):
            phone.report(*taken[1], status)
        phone.report(*taken[2], "sending")
        phone.report(*taken[2], "failed", error_code="no_credit", error_message="no credit")
        found = see("Sent", "Delivered", "Failed")
        assert found["state"] == "Sent" and list(found["states"]) == ["Pending", "Processed", "Sent"]
        assert all(TIME.fullmatch(time) for time in found["states"].values())
        assert found["recipients"][2]["error"] == "no credit"
        phone.report(*taken[0], "delivered")
        assert see("Delivered", "Delivered", "Failed")["state"] == "Sent"
        assert cancel(gateway, message).status_code == 409
    finally:
        phone.close()


def test_a_cancellation_is_asked_of_an_assured_device_and_too_late_for_a_basic_one(gateway):
    phone = AssuredPhone(gateway, "assured")
    message = post(gateway, deviceId="assured")
    taken = phone.take()
    asked = cancel(gateway, message)
    assert (asked.status_code, asked.json()["state"]) == (200, "Cancelling")
    assert asked.json()["recipients"][0]["state"] == "Cancelling"
    phone.expect("revoke", *taken)
    phone.report(*taken, "cancelled")
    assert state_of(gateway, message)["state"] == "Cancelled"
    assert cancel(gateway, message).status_code == 200  # again
    phone.close()
    phone = Phone(gateway, "basic")
    message = post(gateway, deviceId="basic")
    phone.receive_sms()
    assert cancel(gateway, message).status_code == 409
    assert state_of(gateway, message)["state"] == "Processed"
    phone.close()


def test_the_list_and_a_signing_key_of_the_operator(make_gateway):
    gateway = make_gateway(WEBHOOK_LOOPBACK="allowed", SMSGATE_SIGNING_KEY="k3y").start()
    gateway.webhook_sender.start()
    receiver = Receiver(hook=[OK])
    made = ask(gateway, "POST", "/webhooks", json={"url": receiver.url("hook"), "event": "sms:cancelled"})
    assert made.status_code == 201 and "signingKey" not in made.json()
    names = [f"list-{number}" for number in range(5)]
    for name in names:
        post(gateway, id=name, phoneNumbers=["+491700000001", "+491700000002"])
    gateway.api.send()  # is none of them
    refused = ask(gateway, "POST", "/messages", json={"phoneNumbers": [CIPHER], "message": CIPHER, "isEncrypted": True})
    assert refused.status_code == 400 and "ENCRYPTED_MESSAGES=allowed" in refused.json()["message"]
    cancel(gateway, {"id": "list-2"})
    request = receiver.wait_got("hook", 2)[0]
    assert request.headers["x-signature"] == signature(b"k3y", request)
    receiver.close()

    def see(query, wanted, total):
        answer = ask(gateway, "GET", f"/messages{query}")
        assert answer.status_code == 200, answer.text
        assert [found["id"] for found in answer.json()] == wanted, query
        assert answer.headers["X-Total-Count"] == str(total), query
        return answer.json()

    reverse = names[::-1]
    found = see("", reverse, 5)
    assert found[0] == state_of(gateway, found[0])
    see("?sort=created_at", names, 5)
    see("?sort=-created_at&limit=2&offset=1", reverse[1:3], 5)
    see("?state=Cancelled", ["list-2"], 1)
    see("?state=Pending&limit=1", ["list-4"], 4)
    see("?deviceId=none&whatever=1", [], 0)
    see("?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00%2B01:00", [], 0)
    for yes in ("true", "1", "True", "TRUE", "t"):  # as Python, PHP and Go write it, which SMSGate reads
        assert see(f"?limit=1&includeContent={yes}", ["list-4"], 5)[0]["textMessage"] == {"text": "hello"}
    for no in ("false", "0", "False", "f", ""):
        assert "textMessage" not in see(f"?limit=1&includeContent={no}", ["list-4"], 5)[0]
    see("?from=&to=&state=&deviceId=&limit=&offset=&sort=", reverse, 5)  # as forms and http_build_query write what was not chosen
    no_text = basic(gateway.make_key("read"))
    assert "textMessage" not in ask(gateway, "GET", "/messages?includeContent=true", headers=no_text).json()[0]
    for query in ("limit=0", "limit=101", "offset=-1", "state=Unknown", "sort=id", "from=now", "includeContent=2", "deviceId=a%20b"):
        answer = ask(gateway, "GET", f"/messages?{query}")
        assert answer.status_code == 400 and query.split("=")[0] in answer.json()["message"], answer.text


# ---- Keys ----

def test_keys(gateway):
    key = gateway.api_key()
    bearer = {"Authorization": f"Bearer {key}"}
    for headers in (bearer, basic(key), basic(key, login=""), basic(key, login="a b")):
        assert ask(gateway, "GET", "/devices", headers=headers).status_code == 200
    token = gateway.device_token("token")
    reader = gateway.make_key("read")
    for headers in ({}, basic("wrong"), basic(key[:-1]), basic(token), {"Authorization": f"Bearer {token}"},
                    {"Authorization": "Basic !"}, {"Authorization": "Basic " + base64.b64encode(key.encode()).decode()}):
        assert ask(gateway, "GET", "/devices", headers=headers).status_code == 401, headers
    for method, path in (("POST", "/messages"), ("DELETE", "/messages/none"), ("GET", "/devices"), ("DELETE", "/devices/none"),
                         ("GET", "/inbox"), ("GET", "/webhooks"), ("POST", "/webhooks"), ("PATCH", "/settings")):
        answer = ask(gateway, method, path, headers=basic(reader))
        assert answer.status_code == 403 and "scope" in answer.json()["message"], (method, path)
    assert ask(gateway, "GET", "/messages", headers=basic(reader)).status_code == 200
    # Without a key: health, and what is not there.
    for path in ("/health", "/health/ready", "/health/live", "/health/startup"):
        answer = ask(gateway, "GET", path, headers={})
        assert answer.status_code == 200 and [*answer.json()] == [*HEALTH], answer.text
    for method, path in (("POST", "/auth/token"), ("POST", "/auth/token/refresh"), ("DELETE", "/auth/token/x")):
        assert ask(gateway, method, path, headers={}).status_code == 501
    assert ask(gateway, "GET", "/logs").status_code == 501
    assert ask(gateway, "GET", "/nothing").status_code == 404
    assert ask(gateway, "PUT", "/messages").status_code == 405


def test_every_form_of_a_path(gateway):
    for base in (BASE, "/3rdparty/v1", "//3rdparty/v1"):
        for path in ("/message", "/messages", "/messages?"):
            answer = ask(gateway, "POST", path, base=base, json=ONE)
            assert answer.status_code == 202, (base, path)
            state = ask(gateway, "GET", f"/message/{answer.json()['id']}", base=base)
            assert state.json() == answer.json()
            assert ask(gateway, "DELETE", f"/message/{answer.json()['id']}", base=base).status_code == 200


# ---- Devices, inbox, settings ----

def test_devices_inbox_and_settings(gateway):
    phone = AssuredPhone(gateway, "kitchen", info={"device_name": "Kitchen"})
    phone.send({"type": "sms_received", "received_id": "r-1", "from": "+491700000099", "message": "STOPP?", "sim": 1})
    phone.receive_type("sms_received_ack")
    found = {device["id"]: device for device in ask(gateway, "GET", "/devices").json()}["kitchen"]
    assert found["name"] == "Kitchen"
    assert all(TIME.fullmatch(found[member]) for member in ("createdAt", "updatedAt", "lastSeen"))
    answer = ask(gateway, "GET", "/inbox?deviceId=kitchen&type=SMS&limit=1")
    sms, = answer.json()
    assert answer.headers["X-Total-Count"] == "1" and TIME.fullmatch(sms["createdAt"])
    assert (sms["type"], sms["sender"], sms["contentPreview"], sms["simNumber"]) == ("SMS", "+491700000099", "STOPP?", 1)
    assert ask(gateway, "GET", "/inbox?type=MMS").json() == []
    assert ask(gateway, "GET", "/inbox?type=Fax").status_code == 400
    for path in ("/inbox/export", "/inbox/refresh", "/messages/inbox/export"):
        for body in ({}, {"json": {"deviceId": "kitchen", "since": "2026-01-01T00:00:00Z"}}):
            answer = ask(gateway, "POST", path, **body)
            assert (answer.status_code, answer.content) == (202, b"")
    settings = ask(gateway, "GET", "/settings").json()
    for method in ("PUT", "PATCH"):
        wishes = {"ping": {"interval_seconds": 5}, "encryption": None, "webhooks": {"retry_count": 3, "signing_key": None}, "x": 1}
        answer = ask(gateway, method, "/settings", json=wishes)
        assert (answer.status_code, answer.json()) == (200, settings)
        answer = ask(gateway, method, "/settings", json={"webhooks": {"signing_key": "mine"}})
        assert answer.status_code == 400 and "SMSGATE_SIGNING_KEY" in answer.json()["message"]
        assert ask(gateway, method, "/settings", json={"encryption": {"passphrase": "mine"}}).status_code == 400
    assert ask(gateway, "DELETE", "/devices/kitchen").status_code == 204
    assert "kitchen" not in [device["id"] for device in ask(gateway, "GET", "/devices").json()]
    assert ask(gateway, "DELETE", "/devices/kitchen").status_code == 404
    phone.closed()


# ---- Webhooks ----

def test_webhooks_are_posted_and_signed_as_smsgate_does(gateway):
    receiver = Receiver(a=[OK], b=[OK], c=[OK])
    events = {"sms:sent": "a", "sms:delivered": "a", "sms:failed": "a", "sms:cancelled": "a", "sms:received": "a"}
    keys = {}
    for event, path in events.items():
        answer = ask(gateway, "POST", "/webhooks", json={"id": None, "url": receiver.url(path), "event": event, "deviceId": None})
        assert answer.status_code == 201, answer.text
        made = answer.json()
        keys[made["id"]] = made.pop("signingKey")
        assert made == {"id": made["id"], "deviceId": None, "url": receiver.url(path), "event": event}
        assert made in ask(gateway, "GET", "/webhooks").json()
    # The same id again is the same webhook, which goes elsewhere now; one of a single device.
    named = {"id": "mine", "url": receiver.url("b"), "event": "sms:sent", "deviceId": "other"}
    first = ask(gateway, "POST", "/webhooks", json=named).json()
    second = ask(gateway, "POST", "/webhooks", json=named | {"url": receiver.url("c"), "deviceId": "hooked"}).json()
    assert first["signingKey"] == second["signingKey"] and second["url"] == receiver.url("c")
    assert [hook["url"] for hook in ask(gateway, "GET", "/webhooks").json() if hook["id"] == "mine"] == [receiver.url("c")]
    ours = {hook["external_id"]: hook for hook in gateway.api.get("/api/webhooks").json()["webhooks"]}
    assert (ours["mine"]["format"], ours["mine"]["device_id"], ours["mine"]["types"]) == ("smsgate", "hooked", ["message.sent"])
    for body, says in (({}, "url is required"), ({"url": "http://example.org/", "event": "sms:sent"}, "url must be"),
                       ({"url": receiver.url("a"), "event": "mms:received"}, "event must be an event"),
                       ({"url": receiver.url("a"), "event": "sms:sent", "id": "a/b"}, "id must be")):
        answer = ask(gateway, "POST", "/webhooks", json=body)
        assert answer.status_code == 400 and says in answer.json()["message"], answer.text
    no_texts = basic(gateway.make_key("webhooks"))
    assert ask(gateway, "POST", "/webhooks", headers=no_texts,
               json={"url": receiver.url("a"), "event": "sms:received"}).status_code == 403

    phone = AssuredPhone(gateway, "hooked")
    message = post(gateway, id="hooked-1", deviceId="hooked", simNumber=None)
    taken = phone.take()
    for status in ("sending", "sent", "delivered"):
        phone.report(*taken, status)
    failed = post(gateway, id="hooked-2", deviceId="hooked")
    taken = phone.take()
    phone.report(*taken, "sending")
    phone.report(*taken, "failed", error_code="no_credit", error_message="no credit")
    phone.send({"type": "sms_received", "received_id": "h-1", "from": "+491700000099", "message": "hi"})
    phone.receive_type("sms_received_ack")
    cancelled = post(gateway, id="hooked-3", scheduleAt=in_days(3) + "T00:00:00Z")
    cancel(gateway, cancelled)
    wanted = {("sms:sent", message["id"]), ("sms:delivered", message["id"]), ("sms:failed", failed["id"]), ("sms:cancelled", cancelled["id"])}

    def got():
        return {(request.event["event"], request.event["payload"].get("messageId")): request for request in receiver.got("a")}

    wait_for(lambda: wanted <= got().keys() and any(event == "sms:received" for event, _ in got()), "the events")
    for request in receiver.got("a"):
        envelope = request.event
        assert list(envelope) == ["id", "webhookId", "event", "deviceId", "payload"]
        assert request.headers["x-signature"] == signature(keys[envelope["webhookId"]].encode(), request)
        assert "webhook-signature" not in request.headers
    payload = got()["sms:sent", "hooked-1"].event["payload"]
    assert payload == {"messageId": "hooked-1", "recipient": "+491700000001", "phoneNumber": "+491700000001", "simNumber": None,
                       "partsCount": 1, "sentAt": payload["sentAt"]} and TIME.fullmatch(payload["sentAt"])
    assert TIME.fullmatch(got()["sms:delivered", "hooked-1"].event["payload"]["deliveredAt"])
    assert got()["sms:failed", "hooked-2"].event["payload"]["reason"] == "no credit"
    received = next(request.event for (event, _), request in got().items() if event == "sms:received")
    assert (received["deviceId"], received["payload"]["message"], received["payload"]["sender"],
            received["payload"]["phoneNumber"]) == ("hooked", "hi", "+491700000099", "+491700000099")
    ids = [request.event["payload"]["messageId"] for request in receiver.wait_got("c", 1)]
    assert ids == ["hooked-1"] and receiver.got("b") == []
    assert ask(gateway, "DELETE", "/webhooks/mine").status_code == ask(gateway, "DELETE", "/webhooks/mine").status_code == 204
    for webhook_id in keys:
        assert ask(gateway, "DELETE", f"/webhooks/{webhook_id}").status_code == 204
    assert ask(gateway, "GET", "/webhooks").json() == []
    phone.close()
    receiver.close()


# ---- A program and a phone of SMSGate ----

def test_a_program_sends_through_the_app_and_neither_opens_the_other_api(gateway):
    app = App(gateway)
    app.take(app.register(f"Bearer {code(gateway)}"))
    numbers = ["+491700000021", "+491700000022", "+491700000023"]
    message = post(gateway, id="through-the-app", phoneNumbers=numbers, deviceId=app.id)
    found = {}

    def fetch():
        found.update({listed["id"]: listed["phoneNumbers"] for listed in app.messages()})
        return len(found) == len(numbers)

    wait_for(fetch, "the app to have all of them")
    assert sorted(found.values()) == [[number] for number in numbers]
    assert state_of(gateway, message)["state"] == "Processed"
    for wire_id, (number,) in found.items():
        app.report(element(wire_id, "Sent", recipients=[{"phoneNumber": number, "state": "Sent"}]))
    assert {recipient["state"] for recipient in state_of(gateway, message)["recipients"]} == {"Sent"}
    for answer in (ask(gateway, "GET", "/devices", headers={"Authorization": f"Bearer {app.token}"}),
                   ask(gateway, "GET", "/devices", headers=basic(app.token)),
                   app.ask("GET", "/message", authorization=f"Bearer {gateway.api_key()}")):
        assert answer.status_code == 401 and set(answer.json()) == {"message"}
    app.client.close()


def test_data_and_what_is_encrypted_are_sent_by_the_app_of_the_phone_that_is_named(gateway):
    app = App(gateway)
    app.take(app.register(f"Bearer {code(gateway)}"))
    gateway.device_token("no-app")
    data = {"textMessage": None, "dataMessage": {"data": "AQID", "port": 2948}}
    number = CIPHER.replace("75000", "300000")
    encrypted = {"phoneNumbers": [number], "textMessage": {"text": CIPHER}, "isEncrypted": True}
    for body in (data, encrypted):
        refused = ask(gateway, "POST", "/messages", json=ONE | body | {"deviceId": "no-app"})
        assert refused.status_code == 400 and "phone with SMSGate's app" in refused.json()["message"]
    posted = [post(gateway, deviceId=app.id, **body) for body in (data, encrypted)]
    assert [message["isEncrypted"] for message in posted] == [False, True]
    answer = app.ask("GET", "/message?order=fifo")
    check_readable([("messages", answer.text)])
    first, second = answer.json()
    assert first["dataMessage"] == {"data": "AQID", "port": 2948} and (first["message"], "textMessage" in first) == ("", False)
    assert (first["phoneNumbers"], first["isEncrypted"]) == (NUMBER["phoneNumbers"], False)
    assert (second["phoneNumbers"], second["isEncrypted"]) == ([number], True)
    assert second["message"] == second["textMessage"]["text"] == CIPHER
    for listed, message in zip((first, second), posted):
        app.report(element(listed["id"], "Sent", recipients=[{"phoneNumber": listed["phoneNumbers"][0], "state": "Sent"}]))
        assert state_of(gateway, message)["recipients"] == [{"phoneNumber": listed["phoneNumbers"][0], "state": "Sent"}]
    shown = ask(gateway, "GET", f"/messages?deviceId={app.id}&includeContent=true&sort=created_at").json()
    assert [message.get("dataMessage") or message["textMessage"] for message in shown] == [data["dataMessage"], {"text": CIPHER}]
    ours = gateway.api.get("/api/sms", params={"device_id": app.id}).json()["messages"][::-1]
    assert [(sms["phone_number"], sms["message"], sms["segments"], sms["encoding"]) for sms in ours] == [
        ("+491700000001", "AQID", 1, "8-bit"), ("encrypted", CIPHER, 1, "UCS-2")]
    assert [(sms["options"]["content"], sms["options"].get("data_port")) for sms in ours] == [("data", 2948), ("encrypted", None)]
    assert "encrypted" not in [one["phone_number"] for one in gateway.api.get("/api/conversations").json()["conversations"]]
    assert "data for port 2948" in gateway.command("messages", "show", ours[0]["message_id"])[1]
    app.client.close()


# ---- A client of others ----

def test_the_client_from_npm_makes_all_its_calls(gateway):
    gateway.device_token("npm-phone")
    result = subprocess.run(
        ["node", ROOT / "tests/harness/smsgate_client.mjs", ROOT / "build/lint-npm", gateway.url + BASE, gateway.api_key(),
         "npm-phone", "http://127.0.0.1:1/hook"], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    assert result.returncode == 0, result.stderr
    answers = json.loads(result.stdout)
    assert answers["getHealth"]["status"] == "pass"
    assert "npm-phone" in [device["id"] for device in answers["getDevices"]]
    assert answers["getState"] == answers["send"]
    for name in ("send", "sendUnchecked"):  # no phone of another test is to have them
        assert cancel(gateway, answers[name]).status_code == 200
    assert (answers["sendUnchecked"]["id"], answers["sendUnchecked"]["state"], answers["sendAgain"]) == ("npm-1", "Pending", 409)
    assert answers["registerWebhook"]["id"] in [hook["id"] for hook in answers["getWebhooks"]]
    assert answers["getSettings"] == answers["updateSettings"] == answers["patchSettings"]
    assert (answers["exportInbox"], answers["deleteWebhook"], answers["deleteDevice"], answers["getLogs"]) == (None, None, None, 501)
