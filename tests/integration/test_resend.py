"""POST /api/sms/{message_id}/resend, and `sms-gateway messages resend`."""

import sqlite3

import pytest

from harness.api import Api
from harness.phone import Phone
from harness.raw_http import ask, ask_raw, head
from harness.waiting import LIMIT_SECONDS

UNKNOWN_ID = "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1"
NUMBER = "+491511234567"


@pytest.fixture(scope="module")
def served(module_gateway):
    """A gateway without limits for a recipient and without a phone."""
    return module_gateway(RECIPIENT_DAILY_MESSAGES=0).start()


def cancelled(gateway, message="a text"):
    message_id = gateway.api.send(NUMBER, message)["message_id"]
    assert gateway.api.request("DELETE", f"/api/sms/{message_id}").status_code == 200
    return message_id


def become(gateway, message_id, status):
    """As if a device, or time, had ended the message."""
    database = sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS)
    key = bytes.fromhex(message_id.replace("-", ""))
    [(before,)] = database.execute("SELECT status FROM message WHERE id = ?", (key,))
    database.execute("UPDATE message SET status = ?, event_count = event_count + 1, device_id = 'gone', lane = NULL,"
                     " phase = ? WHERE id = ?",
                     (status, (status > 0) + (status > 3), key))
    database.execute("UPDATE last_event SET id = id + 1")
    database.execute("INSERT INTO message_event (id, message_seq, number, status, attempt, at_ms) SELECT last_event.id, seq,"
                     " event_count, status, attempt, updated_at_ms FROM message, last_event WHERE message.id = ?", (key,))
    for changed, delta in ((before, -1), (status, 1)):
        database.execute("UPDATE message_count SET count = count + ? WHERE status = ?", (delta, changed))
    database.commit()
    database.close()


UNKNOWN = 9


def resend(gateway, message_id, body=None, api=None):
    """The answer; without a body nothing is sent as one."""
    return (api or gateway.api).request("POST", f"/api/sms/{message_id}/resend", **({} if body is None else {"json": body}))


def refused(answer, code, status=409):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return answer.json()


# ---- What is resent ----


@pytest.mark.parametrize("body", [None, {}, {"again": False}, {"accept_duplicate": True, "again": True}])
def test_a_cancelled_message_is_sent_again_as_a_new_one(served, body):
    old = cancelled(served, "Grüße €")
    before = served.api.message(old)
    assert before["resent_as"] is None
    answer = resend(served, old, body)
    assert answer.status_code == 202, answer.text
    new = answer.json()
    assert answer.headers["Location"] == f"/api/sms/{new['message_id']}" != f"/api/sms/{old}"
    assert (new["status"], new["phone_number"], new["message"], new["resent_as"]) == ("queued", NUMBER, "Grüße €", None)
    assert new["request_id"] == answer.headers["X-Request-Id"] != before["request_id"]
    assert served.api.message(new["message_id"]) | {"waiting_for": None} == new
    assert served.api.message(old) == before | {"resent_as": new["message_id"]}
    [listed] = [message for message in served.api.get("/api/sms?limit=10").json()["messages"]
                if message["message_id"] == old]
    assert listed["resent_as"] == new["message_id"]
    served.api.request("DELETE", f"/api/sms/{new['message_id']}")


def test_a_resent_message_is_delivered_and_the_failed_one_stays_failed(make_gateway):
    gateway = make_gateway().start()
    phone = Phone(gateway, "phone")
    old = gateway.api.send()["message_id"]
    phone.receive_sms()
    phone.report(old, "failed", error_code="no_service")
    gateway.api.wait_status(old, "failed")
    new = resend(gateway, old).json()["message_id"]
    assert phone.receive_sms()["message_id"] == new  # the broker was told
    phone.report(new, "delivered")
    gateway.api.wait_status(new, "delivered")
    assert gateway.api.message(old)["status"] == "failed"
    refused(resend(gateway, new, {"again": True}), "not_resendable")
    phone.close()


def test_a_message_is_resent_once_unless_again(served):
    old = cancelled(served)
    first = resend(served, old).json()["message_id"]
    problem = refused(resend(served, old), "already_resent")
    assert problem["message_id"] == first and first in problem["detail"] and "again" in problem["detail"]
    second = resend(served, old, {"again": True}).json()["message_id"]
    assert served.api.message(old)["resent_as"] == second != first
    assert served.command("messages", "resend", old)[2] == \
        f"sms-gateway messages: {old} was already resent, as {second}; use --again to resend it once more\n"
    for message_id in (first, second):
        served.api.request("DELETE", f"/api/sms/{message_id}")


def test_of_an_unknown_message_the_client_must_accept_a_duplicate(served):
    old = served.api.send()["message_id"]
    become(served, old, UNKNOWN)
    for body in (None, {}, {"again": True}, {"accept_duplicate": False}):
        problem = refused(resend(served, old, body), "may_have_been_sent")
        assert "twice" in problem["detail"] and "accept_duplicate" in problem["detail"]
    assert "--accept-duplicate" in served.command("messages", "resend", old)[2]
    assert served.api.message(old)["resent_as"] is None
    new = resend(served, old, {"accept_duplicate": True}).json()["message_id"]
    assert served.api.message(old)["resent_as"] == new
    served.api.request("DELETE", f"/api/sms/{new}")


def test_a_message_that_may_still_be_sent_is_not_resent(served):
    waiting = served.api.send()["message_id"]
    refused(resend(served, waiting, {"again": True, "accept_duplicate": True}), "not_resendable")
    assert "only a failed" in served.command("messages", "resend", waiting)[2]
    served.api.request("DELETE", f"/api/sms/{waiting}")


def test_a_message_without_its_text_is_not_resent(served):
    old = cancelled(served)
    key = bytes.fromhex(old.replace("-", ""))
    database = sqlite3.connect(served.database, timeout=LIMIT_SECONDS)
    database.execute("UPDATE message SET text = '' WHERE id = ?", (key,))
    database.commit()
    database.close()
    refused(resend(served, old), "text_deleted")
    assert "TEXT_RETENTION_DAYS" in served.command("messages", "resend", old)[2]
    assert served.command("messages", "erase", old)[0] == 0
    assert old in refused(resend(served, old), "message_not_found", 404)["detail"]


# ---- What is refused ----


@pytest.mark.parametrize("message_id", [UNKNOWN_ID, "x", UNKNOWN_ID + "0", "%FF"])
def test_an_id_that_no_message_has_is_not_found(served, message_id):
    answer = ask(served, "POST", f"/api/sms/{message_id}/resend")
    assert (answer.status, answer.code) == (404, "message_not_found")


@pytest.mark.parametrize("body, pointer, words", [
    ({"again": "true"}, "/again", "without quotes"), ({"again": 1}, "/again", "not a number"),
    ({"again": None}, "/again", "not null"), ({"accept_duplicate": []}, "/accept_duplicate", "not an array"),
    ({"accept_duplicates": True}, "/accept_duplicates", "did you mean accept_duplicate?"),
    ({"force": True}, "/force", "did you mean again?"), ({"message": "x"}, "/message", "remove it"),
    ([], "", "must be an object"),
])
def test_a_wrong_body_is_explained(served, body, pointer, words):
    old = cancelled(served)
    [error] = refused(resend(served, old, body), "validation_failed", 422)["errors"]
    assert error["pointer"] == pointer and words in error["detail"]
    assert served.api.message(old)["resent_as"] is None


@pytest.mark.parametrize("data, content_type, status", [
    ("{", "application/json", 400), ("again=true", "application/x-www-form-urlencoded", 415), ("{}", "", 415)])
def test_a_body_that_is_there_must_be_json(served, data, content_type, status):
    old = cancelled(served)
    answer = served.api.request("POST", f"/api/sms/{old}/resend", data=data, headers={"Content-Type": content_type})
    assert answer.status_code == status
    assert served.api.message(old)["resent_as"] is None


def test_an_empty_body_of_any_kind_is_no_body(served):
    old = cancelled(served)
    answer = served.api.request("POST", f"/api/sms/{old}/resend", data="", headers={"Content-Type": "application/json"})
    assert answer.status_code == 202
    served.api.request("DELETE", f"/api/sms/{answer.json()['message_id']}")
    raw = ask_raw(served, head("POST", f"/api/sms/{cancelled(served)}/resend"))  # without Content-Length
    assert raw.status == 202


def test_the_path_is_exact(served):
    old = cancelled(served)
    for path in (f"/api/sms/{old}/resend/", f"/api/sms/{old}/resent", f"/api/sms/{old}/resend/x"):
        assert ask(served, "POST", path).code == "not_found"
    assert served.api.request("POST", f"/api/sms/{old}/resend?again=true").status_code == 422


# ---- Sent again with its idempotency key ----


def test_a_resend_that_is_sent_again_creates_one_message(served):
    old = cancelled(served)

    def ask_again(body, key="resend-1", path=old):
        return served.api.request("POST", f"/api/sms/{path}/resend", json=body, headers={"Idempotency-Key": key})

    first = ask_again({})
    again = [ask_again({}) for _ in range(2)]
    assert first.status_code == 202 and "Idempotency-Replayed" not in first.headers
    for answer in again:
        assert (answer.status_code, answer.content) == (202, first.content)
        assert answer.headers["Idempotency-Replayed"] == "true" and answer.headers["Location"] == first.headers["Location"]
    assert served.api.message(old)["resent_as"] == first.json()["message_id"]
    assert served.api.message(first.json()["message_id"]) | {"waiting_for": None} == first.json()
    refused(ask_again({"again": True}), "idempotency_key_reused", 422)
    refused(ask_again({}, path=cancelled(served)), "idempotency_key_reused", 422)
    refused(ask_again({}, key="resend-2"), "already_resent")
    second = ask_again({"again": True}, key="resend-2")  # what was refused has left its key free
    assert second.status_code == 202 and second.json()["message_id"] != first.json()["message_id"]
    for answer in (first, second):
        served.api.request("DELETE", f"/api/sms/{answer.json()['message_id']}")
    assert ask_again({}).content == first.content
    # Also when the first message is erased; and the second, but then nothing of the content is there.
    assert served.command("messages", "erase", old)[0] == 0
    assert ask_again({}).content == first.content
    refused(ask_again({}, key="resend-3"), "message_not_found", 404)
    for answer in (first, second):
        assert served.command("messages", "erase", answer.json()["message_id"])[0] == 0
    last = ask_again({})
    assert (last.status_code, last.headers["Location"]) == (202, first.headers["Location"])
    assert last.json() == first.json() | {"phone_number": "", "message": None}


# ---- Who may, and how much ----


def test_the_answer_has_the_text_only_for_who_may_read_texts(make_gateway):
    gateway = make_gateway(API_KEYS="required").make_database()
    keys = {scopes: gateway.make_key(*scopes) for scopes in (("resend",), ("resend", "text"), ("send", "read", "text"))}
    gateway.start()
    sender = Api(gateway.url, keys["send", "read", "text"])
    old = sender.send(message="the code is 4711")["message_id"]
    sender.request("DELETE", f"/api/sms/{old}")
    assert sender.request("POST", f"/api/sms/{old}/resend").status_code == 403
    for scopes, text in ((("resend",), None), (("resend", "text"), "the code is 4711")):
        api = Api(gateway.url, keys[scopes])
        twice = [api.request("POST", f"/api/sms/{old}/resend", json={"again": True}, headers={"Idempotency-Key": "x"})
                 for _ in range(2)]
        new = twice[0].json()
        assert new["message"] == text and twice[1].content == twice[0].content
        assert sender.message(new["message_id"])["message"] == "the code is 4711"
        api.close()
    sender.close()


def test_a_resent_message_counts_for_the_limits(make_gateway):
    gateway = make_gateway(API_KEYS="required", RECIPIENT_DAILY_MESSAGES=4, KEY_DAILY_MESSAGES=2).make_database()
    send, again = (Api(gateway.url, gateway.make_key(*scopes)) for scopes in (("send",), ("resend",)))
    gateway.start()
    old = send.send(NUMBER)["message_id"]
    send.request("DELETE", f"/api/sms/{old}")

    def ended(api):
        answer = resend(gateway, old, {"again": True}, api)
        return answer.status_code, answer.json().get("code"), int(answer.headers.get("Retry-After", 0)) > 0

    assert [ended(again) for _ in range(3)] == [(202, None, False)] * 2 + [(429, "key_cap_reached", True)]
    assert gateway.command("messages", "resend", old, "--again")[0] == 0
    other = Api(gateway.url, gateway.make_key("resend", label="other"))
    assert ended(other) == (429, "recipient_cap_reached", True)
    status, _, errors = gateway.command("messages", "resend", old, "--again")
    assert status == 1 and "The daily limit of this recipient is reached" in errors
    assert gateway.command("sending", "pause", "a test")[0] == 0
    assert ended(other) == (503, "sending_paused", True)
    for api in (send, again, other):
        api.close()


def test_what_has_been_forbidden_since_is_not_resent(make_gateway):
    gateway = make_gateway(MAX_MESSAGE_SEGMENTS=3).start()
    abroad, long = (cancelled(gateway), cancelled(gateway, "a" * 400))
    gateway.stop()
    gateway.environment |= {"DENIED_PREFIXES": "+49151", "MAX_MESSAGE_SEGMENTS": "2"}
    gateway.start()
    assert "DENIED_PREFIXES" in refused(resend(gateway, abroad), "destination_not_allowed", 422)["detail"]
    assert "DENIED_PREFIXES" in gateway.command("messages", "resend", abroad)[2]
    gateway.stop()
    gateway.environment |= {"DENIED_PREFIXES": ""}
    gateway.start()
    assert "limit is 2" in refused(resend(gateway, long), "message_too_long", 422)["detail"]
    assert "limit is 2" in gateway.command("messages", "resend", long)[2]
    assert resend(gateway, abroad).status_code == 202


def test_the_tool_resends_as_the_api_does(served):
    old = cancelled(served)
    status, printed, errors = served.command("messages", "resend", old, "--json")
    assert (status, errors) == (0, "")
    new = served.api.message(old)["resent_as"]
    assert f'"message_id":"{new}"' in printed.replace(" ", "")
    assert served.api.message(new)["request_id"] is None
    again = served.command("messages", "resend", old, "--again")
    assert again == (0, f"Resent as {served.api.message(old)['resent_as']}.\n", "")
    for message_id in (new, served.api.message(old)["resent_as"]):
        served.api.request("DELETE", f"/api/sms/{message_id}")
    assert served.command("messages", "resend", UNKNOWN_ID) == \
        (1, "", f"sms-gateway messages: there is no message with the id {UNKNOWN_ID}\n")
    assert served.command("messages", "resend", "x")[0] == 2
