"""The mobile API: what SMSGate's app asks, in its own words. An app without a stream takes what is due by itself."""

import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import re
import socket
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.app_reader import check_readable
from harness.smsgate_app import App, code, element
from harness.waiting import LIMIT_SECONDS

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
FIELDS = {"id", "message", "textMessage", "phoneNumbers", "withDeliveryReport", "isEncrypted", "priority",
          "validUntil", "state", "createdAt"}
SIMS = [{"slotIndex": 0, "simNumber": 1, "phoneNumber": "*********5678", "carrierName": "****"}]


@pytest.fixture(scope="module")
def gateway(module_gateway):
    return module_gateway().start()


@contextlib.contextmanager
def changed(gateway):
    """The database, for a change that time makes."""
    with contextlib.closing(sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS)) as database, database:
        yield database


@pytest.fixture
def make_app(gateway):
    made = []

    def make(version="1.75.0"):
        app = App(gateway, version)
        made.append(app)
        return app.take(app.register(f"Bearer {code(gateway)}", simCards=SIMS))

    yield make
    for app in made:
        app.client.close()


# ---- Registration ----


@pytest.mark.parametrize("base", ["/api/mobile/v1", "/mobile/v1", "/api/mobile/v1/"])
@pytest.mark.parametrize("scheme, version", [("Bearer", "1.75.0"), ("Basic", "1.60.0"), ("Code", "1.68.0")])
def test_a_code_registers_a_phone_by_any_of_the_three_tabs(gateway, base, scheme, version):
    app, secret = App(gateway, version, base), code(gateway)
    if scheme == "Code":
        secret = gateway.api.request("POST", "/api/pairings", json={"digits": True}).json()["code"].replace("-", "")
        assert re.fullmatch(r"\d{16}", secret)
    if scheme == "Basic":
        secret = base64.b64encode(f"anyone:{secret}".encode()).decode()
    more = {"simCards": SIMS, "pushToken": None} if version > "1.65" else {"unknown": {"a": [1]}}
    first = app.register(f"{scheme} {secret}", **more)
    assert (first.status_code, first.headers["Content-Type"]) == (201, "application/json"), first.text
    assert re.fullmatch(r"fp4eea-[0-9a-f]{6}", first.json()["id"]) and first.json()["token"].startswith("sgm_")
    assert set(first.json()) == {"id", "token", "login"}
    assert app.register(f"{scheme} {secret}", **more).json() == first.json()  # its answer was lost
    device = gateway.api.request("GET", f"/api/devices/{first.json()['id']}").json()
    assert device["device_name"] == "Fairphone/FP4eea"


def test_the_tool_says_what_to_type_into_the_app(gateway):
    status, output, _ = gateway.command("devices", "pair", "--smsgate", "kitchen")
    [url], [secret] = re.findall(r"API URL {4,}(\S+)", output), re.findall(r"[Cc]ode +((?:\d{4}-){3}\d{4})", output)
    assert status == 0 and url.endswith("/api/mobile/v1")
    assert App(gateway).register(f"Code {secret}").json()["id"] == "kitchen"


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer K7QM-3XTN-0V9B-AH2E", "Code 1234567890123456",
                                           "Basic !!!", "Basic eDp5", "Bearer sgd_x"])
def test_without_a_code_nothing_is_registered(gateway, authorization):
    answer = App(gateway).register(authorization)
    assert answer.status_code == 401 and set(answer.json()) == {"message"}


def test_a_code_opens_nothing_after_its_minute(gateway, make_app):
    app, secret = App(gateway), code(gateway)
    assert app.register(f"Bearer {secret}").status_code == 201
    with changed(gateway) as database:
        database.execute("UPDATE pairing SET expires_at_ms = 1 WHERE device_id IS NOT NULL")
    assert app.register(f"Bearer {secret}").status_code == 401


def test_a_token_opens_the_mobile_api_alone(gateway, make_app):
    app = make_app()
    assert app.ask("PATCH", "/device", {"id": app.id}).status_code == 204
    assert app.ask("PATCH", "/device", {"id": app.id, "pushToken": "x", "simCards": SIMS}).status_code == 204
    for authorization in ("", "Bearer dead"):
        answer = app.ask("GET", "/device", authorization=authorization)
        assert (answer.status_code, answer.json()) == (200, {"externalIp": app.client.source[0]})
    assert app.ask("GET", "/user/code").status_code == app.ask("PATCH", "/user/password", {}).status_code == 501
    key = gateway.authorization()["Authorization"]
    for authorization in ("Bearer dead", key, f"Bearer {gateway.device_token('other')}", ""):
        for method, path in (("PATCH", "/device"), ("GET", "/message"), ("PATCH", "/messages"), ("GET", "/webhooks"),
                             ("GET", "/settings")):
            answer = app.ask(method, path, [] if method == "PATCH" else None, authorization)
            assert (answer.status_code, set(answer.json())) == (401, {"message"}), (authorization, path)
    assert app.client.request("GET", "/api/sms", headers={"Authorization": f"Bearer {app.token}"}).status_code == 401
    assert gateway.api.request("DELETE", f"/api/devices/{app.id}").status_code == 200
    assert app.ask("PATCH", "/device", {"id": app.id}).status_code == 401
    assert app.ask("GET", "/message").status_code == 401


# ---- Listing ----


def in_days(days):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + days * 86400))


def test_what_is_listed_is_the_phones_until_it_reports(gateway, make_app):
    app, other = make_app(), make_app()
    for path in ("/message", "/messages", "/message?order=lifo", "/message?order=fifo&unknown=1"):
        assert app.messages(path) == []
    message_id = app.send()
    [listed] = app.messages()
    assert set(listed) == FIELDS
    assert listed["id"] == f"{message_id.replace('-', '')}-1"
    assert listed["textMessage"] == {"text": "Your code is 4711"} and listed["message"] == "Your code is 4711"
    assert listed["phoneNumbers"] == ["+1234567890"] and listed["state"] == "Pending"
    assert listed["withDeliveryReport"] is True and listed["isEncrypted"] is False and listed["priority"] == 0
    assert DATE.fullmatch(listed["validUntil"]) and DATE.fullmatch(listed["createdAt"])
    message = gateway.api.message(message_id)
    assert message["status"] == "accepted"
    assert listed["createdAt"] == message["updated_at"] > message["created_at"]  # not that of the POST: the app forgets by it
    assert app.messages() == [listed]
    assert other.messages() == []
    app.report(element(listed["id"], "Pending"))
    assert app.messages() == [] and app.status(message_id) == "accepted"


def test_what_a_client_asks_for_is_listed(gateway, make_app):
    app = make_app()
    app.send(priority="high", delivery_report=False, sim=1, expires_at=in_days(20))
    app.send(send_at=in_days(1), expires_at=in_days(2))
    [listed] = app.messages()
    assert set(listed) == FIELDS | {"simNumber"}
    assert 0 < listed["priority"] < 100 and listed["simNumber"] == 1 and listed["withDeliveryReport"] is False
    assert listed["validUntil"] < in_days(4)  # after three days it is `unknown`


def test_a_phone_that_may_send_twice_has_one_at_a_time(make_app):
    app = make_app("1.68.0")
    ids = [app.send(), app.send()]
    [first] = app.messages()
    app.report(element(first["id"], "Pending"))
    assert app.messages() == []
    app.report(element(first["id"], "Processed"))
    [second] = app.messages()
    assert {first["id"], second["id"]} == {f"{id.replace('-', '')}-1" for id in ids}


def test_nothing_more_is_listed_while_sending_is_paused(gateway, make_app):
    app = make_app()
    kept = app.send()
    [listed] = app.messages()
    assert gateway.command("sending", "pause", "a test")[0] == 0
    try:
        assert app.messages() == [listed]
        app.report(element(listed["id"], "Sent"))
        assert app.status(kept) == "sent"
    finally:
        assert gateway.command("sending", "resume")[0] == 0


def test_every_answer_is_read_as_the_app_reads_it(gateway):
    app = App(gateway)
    registered = app.register(f"Bearer {code(gateway)}", simCards=SIMS)
    answers = [("registered", registered.text), ("address", app.take(registered).ask("GET", "/device").text)]
    answers += [(name, app.ask("GET", f"/{name}").text) for name in ("webhooks", "settings", "messages")]
    for text, options in (("\u00fc\U0001f600 \"=<\n", {}), ("high", {"priority": "high", "sim": 1, "delivery_report": False}),
                          ("low", {"priority": "low", "expires_at": in_days(1)})):
        message = app.send(text, **options)
    answers.append(("messages", app.ask("GET", "/messages").text))
    assert gateway.api.request("DELETE", f"/api/sms/{message}").status_code == 202
    answers.append(("messages", app.ask("GET", "/message?order=fifo").text))
    assert '"Cancelling"' in answers[-1][1]
    check_readable(answers)
    app.client.close()


# ---- Reports ----


@pytest.mark.parametrize("error, text, status", [
    ("Send result: RESULT_ERROR_NO_SERVICE (code 4)", "short", "queued"),
    ("Send result: RESULT_ERROR_NO_SERVICE (code 4)", "x" * 300, "failed"),
    ("Send result: RESULT_ERROR_GENERIC_FAILURE (code 1)", "short", "failed"),
    ("Send result: RESULT_ERROR_NULL_PDU (code 3)", "short", "failed"),
    ("Can't send message: SIM 2 not found", "short", "queued"),
    ("sendSMS: x", "short", "failed"), ("TTL expired", "short", "queued"),
    ("Delivery result: 64", "short", "failed"), (None, "short", "failed")], ids=itertools.count())
def test_a_failure_is_what_its_text_proves(gateway, make_app, error, text, status):
    app = make_app()
    message_id = app.send(text)
    [listed] = app.messages()
    app.report(element(listed["id"], "Failed", error))
    assert app.status(message_id) == status
    if status == "queued":
        with changed(gateway) as database:
            database.execute("UPDATE message SET retry_at_ms = 1, due_at_ms = 1 WHERE lane = '~'")
        [again] = app.messages()
        assert again["id"] == listed["id"][:-1] + "2"
        app.report(element(listed["id"], "Sent"))  # of the attempt before
        assert app.status(message_id) == "accepted"


def test_an_app_whose_clock_is_ahead_ends_no_message_that_is_in_time(gateway, make_app):
    """The app is told a time for each, also without a deadline. Another phone's clock may be right."""
    app, other = make_app(), make_app()
    ended, later = app.send(ttl_seconds=30), app.send(expires_at=in_days(1))
    kept = gateway.api.send("+4915112345678")["message_id"]
    app.report(*(element(listed["id"], "Failed", "TTL expired") for listed in app.messages()))
    assert [app.status(message_id) for message_id in (ended, later, kept)] == ["expired", "queued", "queued"]
    assert gateway.api.request("GET", f"/api/devices/{app.id}").json()["last_error"]["code"] == "expired"
    with changed(gateway) as database:
        database.execute("UPDATE message SET retry_at_ms = 1, due_at_ms = 1 WHERE lane = '~'")
    assert [listed["id"][:32] for listed in other.messages()] == [kept.replace("-", "")]


def test_a_try_that_failed_beside_one_that_was_sent_proves_nothing(make_app):
    """The first report, that it was sent, was lost: `states` still has it."""
    app = make_app()
    message_id = app.send()
    [listed] = app.messages()
    app.report(element(listed["id"], "Failed", "Send result: RESULT_ERROR_NO_SERVICE (code 4)",
                       states={state: "2026-11-28T13:00:02.114+01:00" for state in ("Pending", "Sent", "Failed")}))
    assert app.status(message_id) == "failed"


def test_a_report_counts_as_others_write_it(gateway, make_app):
    """A state in other letters, and a time of a state that it was not in."""
    app = make_app()
    for state, status in (("SENT", "sent"), ("delivered", "delivered")):
        message_id = app.send()
        [listed] = app.messages()
        app.report(element(listed["id"], state))
        assert app.status(message_id) == status
    message_id = app.send()
    [listed] = app.messages()
    app.report(element(listed["id"], "Failed", "Can't send message: no permission", states={"Sent": None, "Delivered": None}))
    assert app.status(message_id) == "queued"
    gateway.api.request("DELETE", f"/api/sms/{message_id}")


def test_reports_come_in_any_order_and_twice(make_app):
    app = make_app()
    for order in itertools.permutations(["Processed", "Sent", "Delivered"]):
        message_id = app.send()
        [listed] = app.messages()
        for state in order:
            app.report(element(listed["id"], state), element(listed["id"], state))
        assert app.status(message_id) == "delivered"
    message_id = app.send()
    [listed] = app.messages()
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda state: app.report(element(listed["id"], state)), ["Sent", "Delivered"]))
    assert app.status(message_id) == "delivered"


def test_a_report_about_nothing_of_the_phone_changes_nothing(make_app):
    app, other = make_app(), make_app()
    message_id, foreign = app.send(), other.send()
    [mine], [theirs] = app.messages(), other.messages()
    plain = message_id.replace("-", "")
    app.report(element(theirs["id"], "Sent"), element(f"{plain}-2", "Sent"), element(message_id, "Sent"),
               element(f"{plain}-0", "Sent"), element("x", "Sent"), element("0" * 32 + "-1", "Sent"), 7, None, {},
               element(mine["id"], "Unknown"), {"id": mine["id"]}, {"id": None, "state": 1})
    assert (app.status(message_id), other.status(foreign)) == ("accepted", "accepted")
    app.report(element(theirs["id"], "Sent"),
               element(mine["id"], "Sent", states={"Sent": "1999-01-01T00:00:00+01:00"}))
    assert (app.status(message_id), other.status(foreign)) == ("sent", "accepted")
    assert app.gateway.api.request("GET", f"/api/sms/{message_id}").json()["updated_at"] > "2020"
    for body, status in (({}, 400), ("x", 400), ([], 204)):
        assert app.ask("PATCH", "/message", body).status_code == status
    broken = app.client.request("PATCH", "/api/mobile/v1/message", data=b"[{",
                                headers={"Authorization": f"Bearer {app.token}", "Content-Type": "application/json"})
    assert (broken.status_code, set(broken.json())) == (400, {"message"})


# ---- Cancel ----


@pytest.mark.parametrize("version", ["1.67.0", "1.66.2", "1.60.0"])
def test_only_an_app_that_understands_is_asked_to_cancel(gateway, make_app, version):
    app = make_app(version)
    message_id = app.send()
    [listed] = app.messages()
    answer = gateway.api.request("DELETE", f"/api/sms/{message_id}")
    if version < "1.67":
        assert answer.status_code == 409
        assert app.messages() == [listed]
        return
    assert answer.status_code == 202
    assert app.messages() == [listed | {"state": "Cancelling"}]
    app.report(element(listed["id"], "Cancelled"))
    assert app.messages() == [] and app.status(message_id) == "cancelled"
    app.report(element(listed["id"], "Sent"))
    assert app.status(message_id) == "sent"


# ---- Setting the app up, and what it posts ----


def test_the_app_is_told_only_of_events_that_it_knows(make_app):
    known = {"1.38.0": {"sms:received", "system:ping"}, "1.75.0": {"sms:received", "system:ping", "sms:data-received",
                                                                   "mms:received", "app:started"}}
    for version, events in known.items():
        app = make_app(version)
        hooks = app.ask("GET", "/webhooks").json()
        assert {hook["event"] for hook in hooks} == events
        assert len({hook["id"] for hook in hooks}) == len(hooks) and len({hook["url"] for hook in hooks}) == 1
        assert app.ask("GET", "/webhooks").json() == hooks
        settings = app.ask("GET", "/settings").json()
        assert all(isinstance(section, dict) and None not in section.values() for section in settings.values())
        assert settings["gateway"] == {"notification_channel": "SSE_ONLY"}
        assert settings["messages"] == {"processing_order": "FIFO"} and len(settings["webhooks"]["signing_key"]) == 32
        [(fetched,)] = app.gateway.query("SELECT fetched FROM polled_device WHERE device_id = ?", app.id)
        assert fetched == 3


def post(app, path, envelope, key="", at=None):
    body, at = json.dumps(envelope).encode(), str(at or int(time.time()))
    signature = hmac.new(key.encode(), body + at.encode(), hashlib.sha256).hexdigest()
    return app.client.request("POST", path, data=body, headers={
        "Content-Type": "application/json", "X-Timestamp": at, "X-Signature": signature, "User-Agent": app.agent})


def sms(envelope_id, event="sms:received", **payload):
    return {"id": envelope_id, "webhookId": "sgw-received", "event": event, "deviceId": "x", "payload": {
        "messageId": "9f3c01ab", "message": "STOP \U0001f600", "sender": "+4915199887766", "recipient": "+49151000",
        "simNumber": 1, "receivedAt": "2026-11-28T13:05:11.000+01:00"} | payload}


def test_an_sms_that_the_app_posts_is_in_the_inbox_once(gateway, make_app):
    app = make_app()
    path = hook_path(app)
    key = app.ask("GET", "/settings").json()["webhooks"]["signing_key"]
    for envelope, at in (("one", None), ("one", 1764335825), ("two", None)):  # again, and again under another id
        answer = post(app, path, sms(envelope), key, at)
        assert (answer.status_code, answer.text) == (204, "")
    [stored] = gateway.api.request("GET", "/api/inbox", params={"device_id": app.id}).json()["incoming"]
    assert (stored["message"], stored["from"], stored["sim"]) == ("STOP \U0001f600", "+4915199887766", 1)
    assert stored["received_at"] == "2026-11-28T12:05:11.000Z"
    assert post(app, path, sms("three", "mms:received", subject="Photos", size=123456), key).status_code == 204
    assert post(app, path, sms("four", "sms:data-received", data="AQID"), key).status_code == 204
    assert post(app, path, sms("five", "sms:unknown"), key).status_code == 204
    stored = gateway.api.request("GET", "/api/inbox", params={"device_id": app.id}).json()["incoming"]
    assert [(sms["kind"], sms["message"]) for sms in stored] == [
        ("data", "[data SMS] AQID"), ("mms", "[MMS, 123456 bytes] Photos"), ("sms", "STOP \U0001f600")]
    for wanted, types in (("", ["DATA_SMS", "MMS", "SMS"]), ("&type=MMS", ["MMS"]), ("&type=DATA_SMS", ["DATA_SMS"]), ("&type=SMS", ["SMS"]),
                          ("&type=MMS_DOWNLOADED", [])):
        listed = app.client.request("GET", f"/api/3rdparty/v1/inbox?deviceId={app.id}{wanted}", headers=gateway.authorization())
        assert [sms["type"] for sms in listed.json()] == types
        assert listed.headers.get("X-Total-Count") == str(len(types))
    assert "signature=valid" in gateway.api_fcgi.log()
    assert post(app, path[:-1] + ("0" if path[-1] != "0" else "1"), sms("six"), key).status_code == 404
    assert post(app, path, sms("seven", message="x" * 70000), key).status_code == 413
    assert post(app, path, [1], key).status_code == 400
    gateway.api.request("DELETE", f"/api/devices/{app.id}")
    assert post(app, path, sms("eight"), key).status_code == 404


def test_two_sms_with_one_text_are_two(gateway, make_app):
    """The app dates an SMS to the second: a sender may write to both SIMs of a phone in one. Without a date, the app's own id counts."""
    app = make_app()
    path = hook_path(app)
    both = [sms("one"), sms("two", simNumber=2), sms("three", simNumber=2)]  # the third is the second again
    dateless = [sms(envelope, receivedAt=at) for envelope in ("four", "four", "five") for at in (None, 1764335825, "soon")]
    assert {post(app, path, envelope).status_code for envelope in both + dateless} == {204}
    stored = gateway.api.request("GET", "/api/inbox", params={"device_id": app.id}).json()["incoming"]
    assert [sms["sim"] for sms in stored if sms["received_at"]] == [2, 1]
    assert len([sms for sms in stored if not sms["received_at"]]) == 4


@pytest.mark.parametrize("at, stored", [
    ("2026-11-28T13:05:11.123456+01:00", "2026-11-28T12:05:11.123Z"), ("2026-11-28T12:05:11.123456789Z", "2026-11-28T12:05:11.123Z"),
    ("2026-11-28T12:05:11Z", "2026-11-28T12:05:11.000Z"), ("2026-11-28T13:05:11.5+01:00", "2026-11-28T12:05:11.500Z"),
    ("2026-11-28 12:05:11", None), ("", None), (1764335825, None)], ids=itertools.count())
def test_a_date_of_an_sms_is_read_or_unknown(gateway, make_app, at, stored):
    app = make_app()
    assert post(app, hook_path(app), sms("one", receivedAt=at)).status_code == 204
    [found] = gateway.api.request("GET", "/api/inbox", params={"device_id": app.id}).json()["incoming"]
    assert found.get("received_at") == stored


def hook_path(app):
    url = app.ask("GET", "/webhooks").json()[0]["url"]
    return url[url.index("/api/"):]


def ping(level):
    checks = {"battery:level": {"observedValue": level}, "battery:charging": {"observedValue": 3},
              "connection:transport": {"observedValue": 4}}
    return {"id": f"p{level}", "event": "system:ping", "payload": {"health": {"checks": checks}}}


def test_a_body_of_ten_megabytes_is_refused_and_the_phone_goes_on(gateway, make_app):
    app = make_app()
    body = b'[{"id": "' + b"x" * 10_000_000 + b'"}]'
    headers = {"Authorization": f"Bearer {app.token}", "Content-Type": "application/json"}
    for method, path in (("PATCH", "/api/mobile/v1/message"), ("PATCH", "/mobile/v1/device"), ("POST", "/api/mobile/v1/device"),
                         ("POST", hook_path(app))):
        answer = app.client.request(method, path, data=body, headers=headers)
        assert (answer.status_code, set(answer.json())) == (413, {"message"}), (method, path)
        assert app.messages() == []


def test_ten_thousand_pings_at_once_are_answered(gateway, make_app, build):
    """After a long absence; meanwhile another phone is served. Each connection asks before it has read its answers."""
    count = 10_000 if build == "release" else 1_000
    app, other = make_app(), make_app()
    body = json.dumps(ping(50)).encode()
    request = (f"POST {hook_path(app)} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
               f"Content-Length: {len(body)}\r\n\r\n").encode() + body

    def ask(count=count // 20):
        with contextlib.closing(socket.create_connection(("127.0.0.1", gateway.port), LIMIT_SECONDS)) as connection:
            threading.Thread(target=connection.sendall, args=(request * count,), daemon=True).start()
            answers = b""
            while answers.count(b"HTTP/1.1 ") < count or not answers.endswith(b"\r\n\r\n"):
                part = connection.recv(1 << 16)
                assert part, f"{answers.count(b'HTTP/1.1 ')} answers of {count}"
                answers += part
            return answers.count(b"HTTP/1.1 204 ")

    with ThreadPoolExecutor(20) as threads:
        answered = [threads.submit(ask) for _ in range(20)]
        message_id = other.send()
        assert [listed["id"][:32] for listed in other.messages()] == [message_id.replace("-", "")]
        assert sum(one.result() for one in answered) == count
    assert gateway.api.request("GET", f"/api/devices/{app.id}").json()["battery_level"] == 50


def test_pings_tell_of_the_battery(gateway, make_app):
    app = make_app()
    path = hook_path(app)
    for level in (50, 42):
        assert post(app, path, ping(level)).status_code == 204
    assert post(app, path, {"id": "s", "event": "app:started", "payload": {
        "simCards": SIMS + [{"simNumber": 2, "phoneNumber": "+491510000"}]}}).status_code == 204
    device = gateway.api.request("GET", f"/api/devices/{app.id}").json()
    assert (device["battery_level"], device["charging"]) == (42, True)
    assert [sim["slot"] for sim in device["sims"]] == [1, 2]
    for level, shown in ((0.87, 87), ("41.0", 41), ("full", 41), (None, 41), ([], 41), (-1, 41), (1e300, 41), (101, 41), (1, 41), (0.5, 50), (1.0, 50), (99.9, 99)):
        assert post(app, path, ping(level)).status_code == 204
        assert gateway.api.request("GET", f"/api/devices/{app.id}").json()["battery_level"] == shown, level
    for health in ([], "x", {"checks": []}, {"checks": {"battery:level": 7}}, {"checks": {"battery:level": None}}):
        assert post(app, path, {"event": "system:ping", "payload": {"health": health}}).status_code == 204
