"""Limits: how much is accepted, for which recipients, how much a phone is given, and the pause."""

import re
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from harness.api import Api
from harness.gateway import NO_LIMITS
from harness.phone import AssuredPhone, Phone, WorkingPhone
from harness.phone_sim import PhoneSim
from harness.waiting import LIMIT_SECONDS, wait_for

CLIENTS = 16
DAY = 86400


def post(api, number="+491511234567", text="text", **arguments):
    return api.request("POST", "/api/send-sms", json={"phone_number": number, "message": text},
                       **arguments)


def codes_of(gateway, count, key="", number=lambda i: f"+49151{i:08}"):
    """What `count` requests of 16 clients at once are answered: a list of "accepted" or the code."""
    def client(first):
        api = Api(gateway.url, key or gateway.api_key())
        try:
            answers = [post(api, number(i)) for i in range(first, count, CLIENTS)]
        finally:
            api.close()
        return ["accepted" if answer.status_code == 202 else answer.json()["code"]
                for answer in answers]

    with ThreadPoolExecutor(CLIENTS) as pool:
        return sum(pool.map(client, range(CLIENTS)), [])


def accepted_counts(gateway, kind):
    """Of the newest day: name -> count."""
    return dict(gateway.query("SELECT name, count FROM accepted WHERE kind = ? AND period ="
                              " (SELECT max(period) FROM accepted WHERE kind = ?)", kind, kind))


def check_until_midnight(answer):
    """The answer may be read long after it was made."""
    left = DAY - time.time() % DAY
    assert left - 1 < int(answer.headers["Retry-After"]) < left + LIMIT_SECONDS


# ---- Caps of a day ----


@pytest.mark.parametrize("cap, kind, code", [
    ("RECIPIENT_DAILY_MESSAGES", 2, "recipient_cap_reached"),
    ("KEY_DAILY_MESSAGES", 1, "key_cap_reached"), ("DAILY_MESSAGES", 0, "daily_cap_reached")])
def test_a_cap_is_exact_with_many_clients(make_gateway, cap, kind, code):
    gateway = make_gateway(**{cap: 100}, API_KEYS="required").start()
    key = gateway.make_key()
    same = kind == 2
    answers = codes_of(gateway, 20 * CLIENTS, key,
                       (lambda i: "+491511234567") if same else (lambda i: f"+49151{i:08}"))
    assert answers.count("accepted") == 100 and answers.count(code) == 20 * CLIENTS - 100
    assert gateway.counts() == (100, 100, 100)
    assert list(accepted_counts(gateway, kind).values()) == [100]

    api = Api(gateway.url, key)
    answer = post(api)
    assert answer.status_code == 429 and answer.json()["code"] == code
    check_until_midnight(answer)
    assert cap in answer.json()["detail"] and "100" in answer.json()["detail"]
    if kind == 2:  # others get theirs
        assert post(api, "+491511234568").status_code == 202
    if kind == 1:
        assert post(Api(gateway.url, gateway.make_key())).status_code == 202
    # What is refused for another reason counts nowhere.
    assert post(api, "nobody").status_code == 422
    assert sum(accepted_counts(gateway, kind).values()) == (101 if kind else 100)
    api.close()


@pytest.mark.parametrize("cap", ["RECIPIENT_DAILY_MESSAGES", "DAILY_MESSAGES"])
def test_a_cap_holds_over_a_kill(make_gateway, cap):
    gateway = make_gateway(**{cap: 300}).start()
    number = "+491511234567"

    def client(_):
        accepted = 0
        api = Api(gateway.url)
        while True:
            answer = api.client.request("POST", "/api/send-sms", headers=gateway.authorization(),
                                        json={"phone_number": number, "message": "text"})
            if answer.status_code == 429:
                api.close()
                return accepted
            assert answer.status_code in (202, 502, 503), answer.text
            accepted += answer.status_code == 202

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(client, i) for i in range(CLIENTS)]
        wait_for(lambda: gateway.database.exists() and gateway.count_messages("TRUE") > 100,
                 "a third to be accepted")
        gateway.api_fcgi.kill()
        gateway.api_fcgi.start()
        accepted = sum(work.result() for work in clients)
    stored = gateway.count_messages("TRUE")
    assert accepted <= stored == 300  # some were stored, and the answer was lost
    assert accepted >= 300 - CLIENTS
    kind = 2 if cap == "RECIPIENT_DAILY_MESSAGES" else 0
    assert list(accepted_counts(gateway, kind).values()) == [300]


def test_a_key_has_limits_of_its_own(make_gateway):
    gateway = make_gateway(API_KEYS="required", KEY_DAILY_MESSAGES=2).start()
    status, key, errors = gateway.keys_command(
        "create", "few", "--daily-messages", "1", "--requests-per-minute", "3")
    assert status == 0, errors
    api = Api(gateway.url, key.strip())
    assert [post(api).status_code for _ in range(2)] == [202, 429]
    answer = post(api)
    assert answer.json()["code"] == "key_cap_reached"
    assert answer.headers["RateLimit"].startswith('"key";r=0;')
    assert post(api).json()["code"] == "rate_limited"
    api.close()

    _, key, _ = gateway.keys_command("create", "as many as it likes", "--daily-messages", "0")
    assert codes_of(gateway, 2 * CLIENTS, key.strip()) == ["accepted"] * 2 * CLIENTS
    assert codes_of(gateway, CLIENTS, gateway.make_key()).count("accepted") == 2
    rows = {line.split()[-1]: line.split() for line in gateway.keys_command("list")[1].splitlines()}
    assert rows["few"][5:7] == ["3", "1"]
    assert " ".join(rows["likes"]).count("setting no limit") == 1
    assert " ".join(rows["test"]).count("setting setting") == 1
    with pytest.raises(sqlite3.IntegrityError, match="made once"):
        sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS).execute("UPDATE api_key SET daily_messages = 0")


# ---- The rate of a key ----


def test_the_rate_of_a_key(make_gateway):
    gateway = make_gateway(API_KEYS="required", KEY_REQUESTS_PER_MINUTE=60).start()
    key = gateway.make_key()

    def ask(_):
        answer = requests.get(f"{gateway.url}/api/sms?limit=1", timeout=LIMIT_SECONDS,
                              headers={"Authorization": f"Bearer {key}"})
        return answer.status_code

    start = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        statuses = list(pool.map(ask, range(200)))
    most = 60 + 1 + int(time.monotonic() - start)
    assert 60 <= statuses.count(200) <= most and statuses.count(429) == 200 - statuses.count(200)

    api = Api(gateway.url, key)
    (answer,) = wait_for(  # a refusal counts as false
        lambda: (found := api.get("/api/sms")).status_code == 429 and [found], "a 429")
    assert answer.json()["code"] == "rate_limited" and "60" in answer.json()["detail"]
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["RateLimit-Policy"] == '"key";q=60;w=60'
    assert answer.headers["RateLimit"] == '"key";r=0;t=1'
    # Who waits as long as it was told is served again, and another key was never concerned.
    assert wait_for(lambda: api.get("/api/devices").status_code == 200, "the rate to allow one")
    other = Api(gateway.url, gateway.make_key("send"))
    answer = other.get("/api/sms")  # its scope is missing, and it counts
    assert answer.status_code == 403 and answer.headers["RateLimit"] == '"key";r=59;t=1'
    answer = post(other)
    assert answer.status_code == 202 and answer.headers["RateLimit"] == '"key";r=58;t=2'
    answer = post(other, "wrong")
    assert answer.status_code == 422 and answer.headers["RateLimit"] == '"key";r=57;t=3'
    answer = other.get("/livez")  # no key is needed, so none counts
    assert "RateLimit" not in answer.headers
    api.close()
    other.close()


def test_without_a_limit_no_header_says_one(make_gateway):
    gateway = make_gateway(API_KEYS="required").start()
    api = Api(gateway.url, gateway.make_key())
    answer = post(api)
    assert answer.status_code == 202
    assert not [name for name in answer.headers if name.lower().startswith("ratelimit")]
    api.close()


# ---- Destinations ----


@pytest.mark.parametrize("allowed, denied, good, bad", [
    (None, None, ["+491511234567", "+18005550100"],
     {"DENIED_PREFIXES": ["+881612345678", "+87812345678", "+97912345678", "+80812345678"]}),
    ("+49, +4366", "+49900", ["+491511234567", "+436641234567"],
     {"ALLOWED_PREFIXES": ["+431234567", "+18005550100", "+881612345678"],
      "DENIED_PREFIXES": ["+4990012345", "+49 (900) 123-45"]}),
    ("", "", ["+881612345678", "+97912345678"], {}),
])
def test_destinations(make_gateway, allowed, denied, good, bad):
    settings = {name: value for name, value in
                (("ALLOWED_PREFIXES", allowed), ("DENIED_PREFIXES", denied)) if value is not None}
    gateway = make_gateway(**settings).start()
    for number in good:
        assert post(gateway.api, number).status_code == 202
    for setting, numbers in bad.items():
        for number in numbers:
            answer = post(gateway.api, number)
            assert answer.status_code == 422 and answer.json()["code"] == "validation_failed"
            (error,) = answer.json()["errors"]
            assert error["pointer"] == "/phone_number"
            assert error["code"] == "destination_not_allowed" and setting in error["detail"]
    assert gateway.count_messages("TRUE") == len(good)


def test_invalid_prefixes_stop_the_start(make_gateway):
    gateway = make_gateway()
    gateway.api_fcgi.environment["ALLOWED_PREFIXES"] = "+43 0049"
    with pytest.raises(AssertionError, match='ALLOWED_PREFIXES must be prefixes such as "[^"]+", and'
                                             ' contains "0049"'):
        gateway.api_fcgi.start()
    assert gateway.api_fcgi.wait() == 2


# ---- Pausing ----


def paused_metric(gateway):
    text = gateway.api.get("/metrics").text
    return re.search(r"^sms_gateway_sending_paused (\d)$", text, re.M).group(1)


def test_too_many_at_once_pause_sending(make_gateway):
    gateway = make_gateway(PAUSE_AFTER_MESSAGES=50).start()
    answers = codes_of(gateway, 6 * CLIENTS)
    assert answers.count("accepted") == 51  # one more than that many
    assert answers.count("sending_paused") == 6 * CLIENTS - 51
    lines = [line for line in gateway.api_fcgi.log().splitlines() if "sending is paused" in line]
    assert len(lines) == 1 and "level=error" in lines[0], lines
    assert paused_metric(gateway) == "1" and gateway.api.get("/readyz").status_code == 200

    phone = Phone(gateway, "phone")
    assert phone.is_silent()
    answer = post(gateway.api)
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "60"
    gateway.api_fcgi.kill()  # it is in the database
    gateway.api_fcgi.start()
    gateway.api.send_refused(503, "sending_paused")
    status, told, errors = gateway.command("sending", "status")
    assert status == 0 and re.match(r"Sending has been paused since 20\S+Z: .*PAUSE_AFTER_MESSAGES", told)
    assert phone.is_silent() and gateway.count_messages("status <> 0") == 0

    status, told, errors = gateway.command("sending", "resume")
    assert (status, told, errors) == (0, "Sending is resumed.\n", "")
    for _ in range(8):
        phone.receive_sms()
    assert paused_metric(gateway) == "0"
    assert codes_of(gateway, 4 * CLIENTS).count("accepted") == 51  # the count begins anew
    phone.close()


def test_pausing_by_hand(make_gateway):
    gateway = make_gateway(SWEEP_INTERVAL_SECONDS=3600).start()  # the doorbell alone brings messages
    assured, basic = AssuredPhone(gateway, "assured"), WorkingPhone(gateway, "basic")
    assert gateway.command("sending", "status") == (0, "Sending is not paused.\n", "")
    ids = [gateway.api.send()["message_id"] for _ in range(2)]
    taken = assured.receive_offer()
    for message_id in set(ids) - {taken[0]}:
        gateway.api.wait_status(message_id, "sent")

    assert gateway.command("sending", "pause", "the SIM is empty") == (0, "Sending is paused.\n", "")
    status, told, _ = gateway.command("sending", "status")
    assert status == 0 and told.endswith(": the SIM is empty.\n")
    assert gateway.command("sending", "pause")[1] == "Sending was already paused.\n"
    gateway.api.send_refused(503, "sending_paused")
    # What a phone has goes on, up to its report.
    assured.answer("ack", *taken)
    assured.expect("release", *taken)
    assured.report(*taken, "sent")
    gateway.api.wait_status(taken[0], "sent")
    assert gateway.api.request("DELETE", f"/api/sms/{taken[0]}").status_code == 409

    assert gateway.command("sending", "resume")[1] == "Sending is resumed.\n"
    assert gateway.command("sending", "resume")[1] == "Sending was already active.\n"
    ids = [gateway.api.send()["message_id"] for _ in range(2)]
    assured.take()
    assured.close()
    basic.close()


def test_queued_messages_go_out_at_once_when_sending_resumes(make_gateway):
    gateway = make_gateway(SWEEP_INTERVAL_SECONDS=3600).start()
    message_id = gateway.api.send()["message_id"]
    gateway.command("sending", "pause")
    phone = Phone(gateway, "phone")
    assert phone.is_silent()
    gateway.command("sending", "resume")
    assert phone.receive_sms()["message_id"] == message_id
    phone.close()


@pytest.mark.parametrize("arguments, told", [
    ([], "usage:"), (["status", "x"], "no argument"), (["resume", "x"], "no argument"),
    (["pause", "a", "b"], "one argument"), (["stop"], "actions are status, pause and resume"),
    (["pause", "x" * 201], "at most 200 bytes"), (["pause", b"\xff"], "UTF-8"),
    (["pause", "--scopes", "x"], "no option --scopes"),
])
def test_a_wrong_use_of_sending_says_what_to_change(gateway, arguments, told):
    status, printed, errors = gateway.command("sending", *arguments)
    assert status == 2 and told in errors and not printed


# ---- What phones are given ----


def test_a_phone_gets_a_burst_and_then_its_pace(make_gateway):
    # 10 in any 10 s: without a burst, the first ten would take nine seconds
    gateway = make_gateway(DEVICE_SEGMENTS_BURST=10, DEVICE_SEGMENTS_PER_MINUTE=60,
                           DEVICE_WINDOW=100).start()
    for _ in range(15):
        gateway.api.send()
    phone = PhoneSim(gateway, 1, "--send-ms", "1", "--report-ms", "1")
    wait_for(lambda: gateway.count_messages("status = 5") == 15, "all to be delivered")
    phone.stop()
    times = sorted(row[0] for row in gateway.query(
        "SELECT at_ms FROM message_event WHERE status = 2"))
    assert len(times) == 15
    assert times[9] - times[0] < 5000  # the burst
    for first, next_one in zip(times, times[10:]):
        assert next_one - first >= 9990, times  # and never more than that in its time
    assert times[14] - times[0] < 20000


def test_a_reconnected_phone_gets_no_new_burst(make_gateway):
    gateway = make_gateway(DEVICE_SEGMENTS_BURST=5, DEVICE_SEGMENTS_PER_MINUTE=1,
                           DEVICE_WINDOW=100).start()
    for _ in range(20):
        gateway.api.send()
    for attempt in range(3):
        phone = WorkingPhone(gateway, "phone")
        if attempt == 0:
            wait_for(lambda: len(phone.received) == 5, "the burst")
        phone.catch_up()
        assert len(phone.received) == (5 if attempt == 0 else 0)
        phone.close()
        if attempt == 1:
            gateway.ws_broker.kill()
            gateway.ws_broker.start()
    other = WorkingPhone(gateway, "other")
    wait_for(lambda: len(other.received) == 5, "another phone's burst")
    other.close()


def test_segments_that_a_phone_refuses_are_refunded(make_gateway):
    gateway = make_gateway(DEVICE_DAILY_SEGMENTS=1).start()
    phone = AssuredPhone(gateway, "phone")
    message_id = gateway.api.send()["message_id"]
    offered = phone.receive_offer()
    assert gateway.query("SELECT in_day FROM device_use") == [(1,)]
    phone.drop()
    gateway.api.wait_status(message_id, "queued")
    assert gateway.query("SELECT in_day FROM device_use") == [(0,)]
    phone = AssuredPhone(gateway, "phone", journal=phone.journal)
    assert phone.take() == (message_id, offered[1] + 1)
    assert gateway.query("SELECT in_day FROM device_use") == [(1,)]
    phone.close()


def test_a_message_that_no_phone_may_send_on_one_day_is_too_long(make_gateway):
    gateway = make_gateway(DEVICE_DAILY_SEGMENTS=2).start()
    assert post(gateway.api, text="x" * 306).status_code == 202
    answer = post(gateway.api, text="x" * 307)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "message_too_long"
    assert "the limit is 2" in answer.json()["errors"][0]["detail"]


# ---- Settings ----


def test_disabled_limits_count_nothing(make_gateway):
    gateway = make_gateway(API_KEYS="required").start()
    assert set(NO_LIMITS.items()) <= set(gateway.environment.items())
    phone = WorkingPhone(gateway, "phone")
    codes = codes_of(gateway, 3 * CLIENTS, gateway.make_key(), lambda i: "+491511234567")
    assert codes == ["accepted"] * 3 * CLIENTS
    wait_for(lambda: gateway.count_messages("status = 4") == 3 * CLIENTS, "all to be sent")
    assert gateway.query("SELECT (SELECT count(*) FROM accepted),"
                         " (SELECT count(*) FROM device_use)") == [(0, 0)]
    phone.close()


def test_the_default_limits(make_gateway):
    gateway = make_gateway()
    for name in NO_LIMITS:
        del gateway.environment[name]
    gateway.start()
    phone = WorkingPhone(gateway, "phone")
    codes = codes_of(gateway, 2 * CLIENTS, number=lambda i: "+491511234567")
    assert codes.count("accepted") == 20 and codes.count("recipient_cap_reached") == 12
    for i in range(15):
        gateway.api.send(f"+1{i:010}")
    wait_for(lambda: len(phone.received) == 30, "a burst")
    phone.catch_up()
    assert len(phone.received) == 30 and gateway.count_messages("status = 0") == 5
    phone.close()
