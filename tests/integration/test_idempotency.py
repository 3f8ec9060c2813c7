"""Requests with an Idempotency-Key: each creates one message, whatever breaks, and has one answer."""

import json
import threading
import uuid

import pytest

from harness.api import Api
from harness.raw_http import JSON, ask_raw, head
from harness.waiting import wait_for

NUMBER = "+4915112345678"
BODY = b'{"phone_number": "+4915112345678", "message": "Your code is 4711."}'


def post(gateway, key, body=BODY, api=None, path="/api/send-sms"):
    headers = {"Content-Type": "application/json"} | ({} if key is None else {"Idempotency-Key": key})
    return (api or gateway.api).request("POST", path, data=body, headers=headers)


def new_key():
    return str(uuid.uuid4())


def is_replay(answer):
    return answer.headers.get("Idempotency-Replayed") == "true"


def assert_replay(answer, first):
    """Byte by byte; only what belongs to the exchange differs."""
    assert is_replay(answer), answer.headers
    assert (answer.status_code, answer.content) == (first.status_code, first.content)
    for name in ("Location", "Content-Type"):
        assert answer.headers[name] == first.headers[name]
    assert answer.headers["X-Request-Id"] != first.headers["X-Request-Id"]


def count(gateway, *answers):
    """How many of the messages of these answers there are."""
    ids = {uuid.UUID(answer.json()["message_id"]).bytes for answer in answers}
    return gateway.count_messages(f"id IN ({', '.join('?' * len(ids))})", *ids)


# ---- The header ----


@pytest.mark.parametrize("key", [
    "a", "x" * 255, "8e03978e-40d5-43dd-bc93-6894a57f9324", "order 4711: shipped?", "it's", 'say "hi"', "a,b;c=d", "~!\\"])
def test_a_key_of_printable_characters_is_taken(gateway, key):
    key = (key + new_key())[-255:] if len(key) < 255 else key
    first, again = post(gateway, key), post(gateway, key)
    assert (first.status_code, is_replay(first)) == (202, False)
    assert_replay(again, first)


@pytest.mark.parametrize("quoted, key", [('"{}"', "{}"), (r'"\"{}"', '\\"{}'), (r'"a\\{}"', "a\\{}")])
def test_the_quotes_of_a_string_are_not_part_of_the_key(gateway, quoted, key):
    name = new_key()
    first = post(gateway, quoted.format(name))
    assert first.status_code == 202
    if not key.startswith('\\"'):  # a bare key may not begin with a quote
        assert_replay(post(gateway, key.format(name)), first)
    assert_replay(post(gateway, quoted.format(name)), first)


BAD = {b"": "empty", b'""': "empty", b"x" * 256: "longer", b'"' + b"x" * 256 + b'"': "longer",
       b"a\tb": "this one has a tab (U+0009)", b"a\x01b": "a control character (U+0001)", b"a\x7f": "(U+007F)", "schl\u00fcssel".encode(): "U+00FC.",
       b"\xe9t\xe9": "a byte that is not UTF-8.", '"schl\u00fcssel"'.encode(): "U+00FC.", b'"abc': "RFC 9651", b'"abc"; a=b': "RFC 9651", b'"abc" ""': "RFC 9651",
       rb'"a\b"': "RFC 9651", b'"abc\\': "RFC 9651", b'"': "RFC 9651"}


@pytest.mark.parametrize("key", BAD)
def test_another_key_is_refused_with_a_sentence(gateway, key):
    answer = ask_raw(gateway, head("POST", "/api/send-sms", JSON, f"Content-Length: {len(BODY)}",
                                   "Idempotency-Key: " + key.decode("latin-1")) + BODY)
    assert (answer.status, answer.code) == (400, "idempotency_key_invalid"), answer
    assert "1 to 255 printable ASCII characters" in answer.json()["detail"] and BAD[key] in answer.json()["detail"]


def test_two_keys_are_refused(gateway):
    answer = ask_raw(gateway, head("POST", "/api/send-sms", JSON, f"Content-Length: {len(BODY)}",
                                   "Idempotency-Key: a", "Idempotency-Key: b") + BODY)
    assert (answer.status, answer.code) == (400, "malformed_request")
    assert "Idempotency-Key" in answer.json()["detail"]


# ---- Sent again ----


def test_without_a_key_every_request_creates(gateway):
    answers = [post(gateway, None) for _ in range(2)]
    assert count(gateway, *answers) == 2
    assert not any(is_replay(answer) for answer in answers)


@pytest.mark.parametrize("body", [
    b'{"phone_number": "+4915112345678", "message": "another text"}', BODY + b" ", BODY.replace(b": ", b":"),
    b'{"message": "Your code is 4711.", "phone_number": "+4915112345678"}'])
def test_another_body_is_refused_and_the_first_stays(gateway, body):
    key = new_key()
    first, other = post(gateway, key), post(gateway, key, body)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert "Nothing was changed" in other.json()["detail"] and "Idempotency-Replayed" not in other.headers
    assert_replay(post(gateway, key), first)


@pytest.mark.parametrize("text", ["a \"quote\", a \\ and a / and ünïcode € 😀", "\n\t", "x" * 1000, '"phone_number":"","message":null'])
def test_any_text_comes_back_as_it_was(gateway, text):
    for options in ({}, {"reference": "order 4711", "priority": "high", "ttl_seconds": 3600}):
        key, body = new_key(), json.dumps({"phone_number": "+49 (0) 1511 2345678", "message": text} | options).encode()
        first = post(gateway, key, body)
        assert first.json()["message"] == text and first.json()["phone_number"] == "+4915112345678"
        assert_replay(post(gateway, key, body), first)


def test_64_at_once_create_one_message(gateway):
    key, answers = new_key(), []
    barrier = threading.Barrier(64)

    def send():
        api = Api(gateway.url, gateway.api.key)
        barrier.wait()
        answers.append(post(gateway, key, api=api))
        api.close()

    threads = [threading.Thread(target=send) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {202} and len(answers) == 64
    assert len({(answer.content, answer.headers["Location"]) for answer in answers}) == 1
    assert sum(not is_replay(answer) for answer in answers) == 1
    assert count(gateway, *answers) == 1
    request_id = bytes.fromhex(next(answer for answer in answers if not is_replay(answer)).headers["X-Request-Id"])
    assert gateway.query("SELECT count(*) FROM message WHERE request_id = ?", request_id) == [(1,)]


def test_an_invalid_request_leaves_its_key_free(gateway):
    key = new_key()
    refused = post(gateway, key, b'{"phone_number": "0151", "message": "x"}')
    assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed")
    assert post(gateway, key, b"{").status_code == 400
    first = post(gateway, key)
    assert (first.status_code, is_replay(first)) == (202, False)


def test_other_requests_ignore_the_header(gateway):
    key = new_key()
    answers = [gateway.api.request("POST", "/api/pairings", json={}, headers={"Idempotency-Key": key}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201], answers[0].text
    assert answers[0].json()["code"] != answers[1].json()["code"] and not is_replay(answers[1])
    assert gateway.api.get("/api/sms?limit=1", headers={"Idempotency-Key": ""}).status_code == 200


# ---- API keys, limits ----


def test_keys_of_different_api_keys_have_nothing_to_do_with_each_other(make_gateway):
    gateway = make_gateway(KEY_REQUESTS_PER_MINUTE=20).start()
    one, other = (Api(gateway.url, gateway.make_key("send")) for _ in range(2))
    first = post(gateway, "a", api=one)
    of_other = post(gateway, "a", BODY + b" ", api=other)
    assert not is_replay(first) and not is_replay(of_other) and count(gateway, first, of_other) == 2
    assert_replay(post(gateway, "a", api=one), first)
    assert_replay(post(gateway, "a", BODY + b" ", api=other), of_other)
    # A replay is a request of its key.
    remaining = [answer.headers["RateLimit"] for answer in (post(gateway, "a", api=one) for _ in range(3))]
    assert len(set(remaining)) == 3
    while (answer := post(gateway, "a", api=one)).status_code == 202:
        assert is_replay(answer)
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")


def test_replays_count_for_no_limit_of_messages_and_outlive_a_pause(make_gateway):
    gateway = make_gateway(RECIPIENT_DAILY_MESSAGES=2, KEY_DAILY_MESSAGES=2).start()
    first = post(gateway, "a")
    for _ in range(5):
        assert_replay(post(gateway, "a"), first)
    second = post(gateway, "b")
    refused = post(gateway, "c")
    assert (refused.status_code, refused.json()["code"]) == (429, "key_cap_reached")
    assert gateway.command("sending", "pause", "test")[0] == 0
    assert_replay(post(gateway, "b"), second)
    refused = post(gateway, "c")
    assert (refused.status_code, refused.json()["code"]) == (503, "sending_paused")
    assert gateway.count_messages("1") == 2 and gateway.query("SELECT count(*) FROM idempotency") == [(2,)]


# ---- What becomes of the message and of the gateway ----


def test_a_message_that_is_gone_is_not_sent_again(make_gateway):
    gateway = make_gateway().start()
    first = post(gateway, "a")
    message_id = first.json()["message_id"]
    assert gateway.api.request("DELETE", first.headers["Location"]).json()["status"] == "cancelled"
    assert_replay(post(gateway, "a"), first)
    assert gateway.command("messages", "erase", message_id)[0] == 0
    # Nothing of it is kept in the answer: who repeats the request has the number and the text.
    location, kept = gateway.query("SELECT location, answer FROM idempotency")[0]
    assert message_id in location and NUMBER.encode() not in kept and b"4711" not in kept
    assert_replay(post(gateway, "a"), first)
    assert gateway.count_messages("1") == 0


def test_a_request_that_is_no_longer_valid_still_has_its_answer(make_gateway):
    gateway = make_gateway().start()
    first = post(gateway, "a")
    gateway.api_fcgi.stop()
    gateway.api_fcgi.environment["DENIED_PREFIXES"] = "+49"
    gateway.api_fcgi.start()
    assert_replay(post(gateway, "a"), first)
    for key, body in (("b", BODY), ("a", BODY + b" ")):
        refused = post(gateway, key, body)
        assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed")
        assert refused.json()["errors"][0]["code"] == "destination_not_allowed"
    assert gateway.count_messages("1") == 1


def test_a_replay_is_counted_and_logged_without_the_key(make_gateway):
    gateway = make_gateway(LOG_LEVEL="info").start()
    first = post(gateway, "secret-name")
    assert_replay(post(gateway, "secret-name"), first)
    log = gateway.api_fcgi.log()
    assert f'msg="answer replayed" location={first.headers["Location"]}' in log
    assert log.count('msg="message accepted"') == 1 and "secret-name" not in log
    metrics = gateway.api.get("/metrics").text
    assert "\nsms_gateway_answers_replayed_total 1\n" in metrics and "\nsms_gateway_messages_accepted_total 1\n" in metrics


def test_keys_hold_through_restarts_of_both_processes(make_gateway):
    gateway = make_gateway().start()
    first = post(gateway, "a")
    for end in ("stop", "kill"):
        for process in (gateway.api_fcgi, gateway.ws_broker):
            getattr(process, end)()
            process.start()
        wait_for(lambda: gateway.api.get("/readyz").status_code == 200, "the gateway to be ready")
        assert_replay(post(gateway, "a"), first)
    assert gateway.count_messages("1") == 1
