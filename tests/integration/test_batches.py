"""POST /api/batches; GET and DELETE /api/batches/{batch_id}."""

import json
import sqlite3
import uuid

import pytest

UNKNOWN_ID = "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1"
MOST = 10000


@pytest.fixture(scope="module")
def served(module_gateway):
    """A gateway without limits and without a phone."""
    return module_gateway(RECIPIENT_DAILY_MESSAGES=0, DAILY_MESSAGES=0, KEY_DAILY_MESSAGES=0,
                          PAUSE_AFTER_MESSAGES=0).start()


def create(gateway, body, **options):
    return gateway.api.request("POST", "/api/batches", json=body, **options)


def messages(count):
    return [{"phone_number": f"+4915112{number:06d}", "message": f"text {number}"} for number in range(count)]


def stored(gateway):
    database = sqlite3.connect(gateway.database, timeout=60)
    [(count,)] = database.execute("SELECT count(*) FROM message").fetchall()
    database.close()
    return count


def batch_of(gateway, batch_id):
    answer = gateway.api.request("GET", f"/api/batches/{batch_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_batch_is_created_counted_listed_and_cancelled(served):
    answer = create(served, {"messages": messages(450)})
    assert answer.status_code == 202, answer.text
    batch = answer.json()
    assert answer.headers["Location"] == f"/api/batches/{batch['batch_id']}"
    assert (batch["count"], batch["duplicates"], batch["segments"]) == (450, 0, 450)
    assert len(set(batch["message_ids"])) == 450
    got = batch_of(served, batch["batch_id"])
    assert (got["count"], got["deleted"], got["finished"]) == (450, 0, False)
    assert {status: count for status, count in got["statuses"].items() if count} == {"queued": 450}
    page = served.api.request("GET", got["messages"] + "&limit=1000").json()
    assert [message["message_id"] for message in page["messages"]] == batch["message_ids"][::-1]
    assert page["messages"][-1]["message"] == "text 0"
    for _ in range(2):
        answer = served.api.request("DELETE", f"/api/batches/{batch['batch_id']}")
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"batch_id": batch["batch_id"], "cancelled": 450, "asked": 0, "too_late": 0}
    got = batch_of(served, batch["batch_id"])
    assert (got["finished"], got["statuses"]["cancelled"]) == (True, 450)


def test_defaults_and_variables_fill_what_a_message_lacks(served):
    body = {"defaults": {"message": "{{Dear}} {name} {x}", "reference": "r1", "ttl_seconds": 600, "variables": {"x": "X", "name": "you"}},
            "messages": [{"phone_number": "+4915112345678", "variables": {"name": "Ada {x}"}},
                         {"phone_number": "+49 1511 2345678"},
                         {"phone_number": "+4915112345679", "message": "own", "reference": "r2", "expires_at": "2099-01-01T00:00:00Z"}]}
    del body["messages"][2]["expires_at"]
    answer = create(served, body)
    assert answer.status_code == 202, answer.text
    assert answer.json()["duplicates"] == 1
    got = [served.api.request("GET", f"/api/sms/{id}").json() for id in answer.json()["message_ids"]]
    assert [one["message"] for one in got] == ["{Dear} Ada {x} X", "{Dear} you X", "own"]
    assert [one["options"]["reference"] for one in got] == ["r1", "r1", "r2"]


NUMBER = {"phone_number": "+4915112345678"}

BAD = [
    ({}, "/messages", "required"),
    ({"messages": []}, "/messages", "out_of_range"),
    ({"messages": {}}, "/messages", "wrong_type"),
    ({"messages": messages(MOST + 1)}, "/messages", "out_of_range"),
    ({"messages": messages(MOST - 1) + [{"phone_number": "+49", "message": "x"}]}, f"/messages/{MOST - 1}/phone_number",
     "invalid_phone_number"),
    ({"messages": [1]}, "/messages/0", "wrong_type"),
    ({"messages": [NUMBER]}, "/messages/0/message", "required"),
    ({"messages": [{"message": "x"}]}, "/messages/0/phone_number", "required"),
    ({"messages": [{**NUMBER, "message": "x", "text": "x"}]}, "/messages/0/text", "unknown_field"),
    ({"default": {}, "messages": messages(1)}, "/default", "unknown_field"),
    ({"defaults": [], "messages": messages(1)}, "/defaults", "wrong_type"),
    ({"messages": [{**NUMBER, "message": "Hello {name}"}]}, "/messages/0/message", "invalid_value"),
    ({"messages": [{**NUMBER, "message": "Hello {"}]}, "/messages/0/message", "invalid_value"),
    ({"messages": [{**NUMBER, "message": "Hello }"}]}, "/messages/0/message", "invalid_value"),
    ({"messages": [{**NUMBER, "message": "{a}", "variables": {"a": 1}}]}, "/messages/0/variables", "wrong_type"),
    ({"messages": [{**NUMBER, "message": "x", "variables": []}]}, "/messages/0/variables", "wrong_type"),
    ({"defaults": {"variables": 1}, "messages": messages(1)}, "/defaults/variables", "wrong_type"),
    ({"messages": [{**NUMBER, "message": "{a}", "variables": {"a": "x" * 5000}}]}, "/messages/0/message", "message_too_long"),
]


@pytest.mark.parametrize("body, pointer, code", BAD)
def test_one_error_refuses_the_whole_batch(served, body, pointer, code):
    before = stored(served)
    answer = create(served, body)
    assert answer.status_code == 422, answer.text
    assert (pointer, code) in {(error["pointer"], error["code"]) for error in answer.json()["errors"]}, answer.text
    assert stored(served) == before


def test_errors_beyond_the_first_are_counted(served):
    answer = create(served, {"messages": [{"phone_number": "+49", "message": "x"}] * 100})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 20
    assert "100" in answer.json()["detail"]


def test_the_largest_batch_is_accepted_and_a_larger_body_is_not(served):
    answer = create(served, {"messages": messages(MOST)})
    assert answer.status_code == 202, answer.text
    assert batch_of(served, answer.json()["batch_id"])["statuses"]["queued"] == MOST
    large = {"messages": [{**NUMBER, "message": "x" * 1000}] * 9000}
    assert len(json.dumps(large)) > 8388608
    answer = create(served, large)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert "MAX_BATCH_BODY_BYTES" in answer.json()["detail"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("batch_id", [UNKNOWN_ID, "x"])
def test_a_batch_that_is_not_there_is_not_found(served, method, batch_id):
    answer = served.api.request(method, f"/api/batches/{batch_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "batch_not_found")


def test_a_request_with_a_key_creates_one_batch(served):
    headers = {"Idempotency-Key": f'"{uuid.uuid4()}"'}
    before = stored(served)
    answers = [create(served, {"messages": messages(30)}, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert {answer.text for answer in answers} == {answers[0].text}
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, "true", "true"]
    assert stored(served) == before + 30
    answer = create(served, {"messages": messages(31)}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_a_batch_over_a_limit_is_refused_whole(make_gateway):
    gateway = make_gateway(RECIPIENT_DAILY_MESSAGES=2, DAILY_MESSAGES=60, PAUSE_AFTER_MESSAGES=50).start()
    for count, code, row in ((51, "burst_cap_reached", 50), (61, "daily_cap_reached", 60)):
        answer = create(gateway, {"messages": messages(count)})
        assert (answer.status_code, answer.json()["code"]) == (429, code), answer.text
        assert answer.json()["errors"][0]["pointer"] == f"/messages/{row}"
    answer = create(gateway, {"messages": [{**NUMBER, "message": "x"}] * 3})
    assert (answer.status_code, answer.json()["code"]) == (429, "recipient_cap_reached")
    assert answer.json()["errors"][0]["pointer"] == "/messages/2"
    assert stored(gateway) == 0
    assert create(gateway, {"messages": messages(50)}).status_code == 202
