"""GET and POST /api/batches; GET and DELETE /api/batches/{batch_id}."""

import contextlib
import json
import socket
import sqlite3
import uuid
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest

from harness.raw_http import head
from harness.waiting import LIMIT_SECONDS

UNKNOWN_ID = "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1"
MOST = 10000


@pytest.fixture(scope="module")
def served(module_gateway):
    """A gateway without limits and without a phone."""
    return module_gateway(RECIPIENT_DAILY_MESSAGES=0, DAILY_MESSAGES=0, KEY_DAILY_MESSAGES=0,
                          PAUSE_AFTER_MESSAGES=0).start()


def create(gateway, body, **options):
    return gateway.api.request("POST", "/api/batches", json=body, **options)


def create_csv(gateway, text, content_type="text/csv", headers=None, **defaults):
    body = text if isinstance(text, bytes) else text.encode()
    return gateway.api.request("POST", "/api/batches", data=body, params=defaults,
                               headers={"Content-Type": content_type} | (headers or {}))


def send(gateway, body, **options):
    return gateway.api.request("POST", "/api/send-sms", json=body, **options)


def messages_of(gateway, answer):
    assert answer.status_code == 202, answer.text
    return [gateway.api.message(message_id) for message_id in answer.json()["message_ids"]]


def places(answer):
    """Where its errors are, and their codes."""
    return [(*(error[name] for name in ("pointer", "parameter", "line", "column") if name in error), error["code"])
            for error in answer.json().get("errors", [])]


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


def test_an_array_in_place_of_the_object_is_told_where_it_belongs(served):
    [error] = create(served, messages(2)).json()["errors"]
    assert (error["pointer"], error["code"]) == ("", "wrong_type") and 'it is the value of "messages"' in error["detail"]
    [error] = create(served, {"messages": [{"phone_number": ["+1234567890", "+1234567891"], "message": "x"}]}).json()["errors"]
    assert error["pointer"] == "/messages/0/phone_number" and "each number has its own message" in error["detail"]


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
    ({"defaults": {"devices": 1}, "messages": messages(1)}, "/defaults/devices", "unknown_field"),
    ({"messages": [{**NUMBER, "message": "x", "ttl_seconds": 5, "expires_at": "2099-01-01T00:00:00Z"}]}, "/messages/0/ttl_seconds",
     "invalid_value"),
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


def test_the_counts_of_a_large_batch_run_one_at_a_time_for_a_key(served):
    """As lists do (slow_reads.h): a key that may only read would keep all workers from new messages."""
    batch_id = create(served, {"messages": messages(MOST)}).json()["batch_id"]
    authorization = f"Authorization: {served.authorization()['Authorization']}"
    request = head("GET", f"/api/batches/{batch_id}", authorization, "Connection: close")
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=LIMIT_SECONDS))
                   for _ in range(100)]
        for client in clients:
            client.sendall(request)
        answers = [stack.enter_context(client.makefile("rb")).read() for client in clients]
    statuses = Counter(int(answer.split()[1]) for answer in answers)
    assert set(statuses) == {200, 429} and statuses[200] >= 16, statuses
    assert all(b"of this key are waiting" in answer for answer in answers if b" 429 " in answer[:20])


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("batch_id", [UNKNOWN_ID, "x"])
def test_a_batch_that_is_not_there_is_not_found(served, method, batch_id):
    answer = served.api.request(method, f"/api/batches/{batch_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "batch_not_found")


def test_batches_are_listed_newest_first(served):
    ids = [create(served, {"messages": messages(count + 1)}).json()["batch_id"] for count in range(6)][::-1]
    listed, path = [], "/api/batches?limit=2"
    while path and len(listed) < 6:
        answer = served.api.request("GET", path)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["batches"]) == page["limit"] == 2
        listed += page["batches"]
        path = page.get("next")
        assert (answer.headers.get("Link") == f'<{path}>; rel="next"') == (path is not None)
    assert [batch["batch_id"] for batch in listed][:6] == ids
    assert listed[0] == batch_of(served, ids[0]) and listed[0]["count"] == 6
    for query, pointer in (("limit=101", "limit"), ("limit=0", "limit"), ("cursor=before-x", "cursor"), ("offset=1", "offset")):
        answer = served.api.request("GET", f"/api/batches?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, pointer), answer.text


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
    answer = send(gateway, {"phone_numbers": ["+4915112345678"] * 3, "message": "x"})
    assert (answer.status_code, places(answer)) == (429, [("/phone_numbers/2", "recipient_cap_reached")])
    answer = create_csv(gateway, table(GOOD_ROW, GOOD_ROW, '+4915112345679,"x\ny"', GOOD_ROW))
    assert (answer.status_code, places(answer)) == (429, [(6, "recipient_cap_reached")])
    assert stored(gateway) == 0
    assert create(gateway, {"messages": messages(50)}).status_code == 202


# ---- Errors in what all messages share ----

BAD_DEFAULTS = {"message": "{", "device_id": "nobody", "sim": 5, "send_at": "2026-02-30T00:00:00Z", "ttl_seconds": 0, "priority": "urgent",
                "reference": "", "delivery_report": 1, "transliterate": "yes"}


def test_an_error_in_the_defaults_is_listed_once(served):
    answer = create(served, {"defaults": BAD_DEFAULTS, "messages": [NUMBER, {"phone_number": "1"}] * 5})
    assert answer.status_code == 422
    found = [place for place, _ in places(answer)]
    assert sorted(found) == sorted([f"/defaults/{name}" for name in BAD_DEFAULTS] + [f"/messages/{row}/phone_number" for row in range(1, 10, 2)])
    answer = send(served, {"phone_numbers": [NUMBER["phone_number"], "1"], **BAD_DEFAULTS, "message": 1, "text": "x"})
    assert sorted(place for place, _ in places(answer)) == sorted(
        [f"/{name}" for name in BAD_DEFAULTS] + ["/phone_numbers/1", "/text"])
    rows = "".join(f"{number}\n" for number in ("+4915112345678", "1") * 2)
    answer = create_csv(served, "phone_number\n" + rows, **BAD_DEFAULTS, delivery_reports=1)
    bad = [(name,) for name in (*BAD_DEFAULTS, "delivery_reports")]
    assert sorted((place[:-1] for place in places(answer)), key=str) == sorted(bad + [(3, "phone_number"), (5, "phone_number")], key=str)


def test_a_members_own_takes_the_place_of_a_default_that_it_excludes(served):
    tomorrow = f"{datetime.now(timezone.utc) + timedelta(days=1):%Y-%m-%dT%H:%M:%S}.000Z"
    body = {"defaults": {"ttl_seconds": 600, "message": "x"}, "messages": [{**NUMBER, "expires_at": tomorrow}, NUMBER]}
    first, second = messages_of(served, create(served, body))
    assert first["options"]["expires_at"] == tomorrow > second["options"]["expires_at"]


# ---- Several numbers in one POST /api/send-sms ----

def test_one_text_goes_to_many_numbers(served):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    numbers = ["+4915112345678", "+49 1511 2345679", "+4915112345678"]
    body = {"phone_numbers": numbers, "message": "To {all}", "priority": "low", "reference": "r7"}
    answers = [send(served, body, headers=headers) for _ in range(2)]
    assert answers[0].text == answers[1].text and answers[1].headers["Idempotency-Replayed"] == "true"
    batch = answers[0].json()
    assert answers[0].headers["Location"] == f"/api/batches/{batch['batch_id']}"
    assert (batch["count"], batch["duplicates"]) == (3, 1)
    for message, number in zip(messages_of(served, answers[0]), numbers):
        assert (message["phone_number"], message["message"]) == (number.replace(" ", ""), "To {all}")
        assert (message["batch_id"], message["options"]["reference"], message["options"]["priority"]) == (batch["batch_id"], "r7", "low")
    assert send(served, {"phone_numbers": numbers[:1] * 1000, "message": "x"}).json()["duplicates"] == 999


@pytest.mark.parametrize("body, place, code", [
    ({"phone_numbers": []}, "/phone_numbers", "out_of_range"),
    ({"phone_numbers": ["+4915112345678"] * 1001}, "/phone_numbers", "out_of_range"),
    ({"phone_numbers": "+4915112345678"}, "/phone_numbers", "wrong_type"),
    ({"phone_numbers": ["+4915112345678", 4915112345678, "+49", None]}, "/phone_numbers/1", "wrong_type"),
    ({"phone_numbers": ["+4915112345678", "+49 0151 1", "+49"]}, "/phone_numbers/2", "invalid_phone_number"),
    ({"phone_numbers": ["+4915112345678"], **NUMBER}, "/phone_numbers", "invalid_value"),
    ({"phone_numbers": ["+4915112345678"], "variables": {}}, "/variables", "unknown_field"),
    ({"phone_numbers": ["+4915112345678"], "message": ""}, "/message", "empty_message"),
    ({"phone_number": ["+4915112345678"]}, "/phone_number", "wrong_type"),
])
def test_bad_numbers_are_named(served, body, place, code):
    answer = send(served, {"message": "x", **body})
    assert answer.status_code == 422, answer.text
    assert (place, code) in places(answer), answer.text


def test_a_missing_text_is_one_error(served):
    assert places(send(served, {"phone_numbers": ["+4915112345678"] * 3})) == [("/message", "required")]


# ---- CSV ----

def test_a_table_is_a_batch(served):
    text = ('phone_number;message;name;priority;ttl_seconds;delivery_report\r\n'
            '+4915112345678;"Hello {name};\r\n""{{hi}}""";Ada;low;600;FALSE\r\n'
            '+49 1511 2345679;;Grace "the" Great;;;\r\n')
    text = text.replace('Grace "the" Great', '"Grace ""the"" Great"')
    answer = create_csv(served, "\ufeff" + text + ";;;;;\r\n\r\n", "text/csv; charset=utf-8; header=present",
                        message="Dear {name}, it's 50 % off + more", priority="high", reference="r9")
    first, second = messages_of(served, answer)
    assert first["message"] == 'Hello Ada;\r\n"{hi}"'
    assert (first["options"]["priority"], first["options"]["delivery_report"]) == ("low", False)
    assert first["options"]["expires_at"] is not None and first["options"]["reference"] == "r9"
    assert second["message"] == 'Dear Grace "the" Great, it\'s 50 % off + more'
    assert second["options"]["priority"] == "high" and second["phone_number"] == "+4915112345679"
    assert answer.headers["Location"] == f"/api/batches/{first['batch_id']}"


def test_a_table_may_have_one_column_and_tabs(served):
    answer = create_csv(served, "phone_number\n+4915112345678\n+4915112345678", message="x")
    assert answer.json()["duplicates"] == 1
    answer = create_csv(served, "message\tphone_number\nto, you\t+4915112345678")
    assert messages_of(served, answer)[0]["message"] == "to, you"


HEADER = "phone_number,message"
GOOD_ROW = "+4915112345678,x"


def table(*rows):
    return "\n".join((HEADER, *rows, ""))


MALFORMED_TABLES = [
    (table(GOOD_ROW, '+4915112345678,"x').encode(), "Line 3 has a quote that is never closed."),
    (table(GOOD_ROW, '+4915112345678,"x\ny"z').encode(), 'Line 4 has the letter "z" after a closing quote'),
    (table(GOOD_ROW, '+4915112345678, "x, y"').encode(), "Line 3 has a quote inside a cell"),
    (table(GOOD_ROW, "+4915112345678,\u00e4").encode("latin-1"), "Line 3 is not valid UTF-8"),
    (table(GOOD_ROW, "+4915112345678,\0").encode(), "Line 3 has a NUL"),
    (table(GOOD_ROW).encode("utf-16"), "UTF-16"),
    (table(GOOD_ROW).encode("utf-16-le"), "UTF-16"),
    (b"PK\3\4 a workbook", "The body is a ZIP archive, as Excel's .xlsx files are; save it as CSV UTF-8."),
    (b"phone_number,message,message\n", "Line 1 has the column message twice"),
    (b"phone_number,message,\n", "Line 1 has no name for column 3"),
    (b"\nphone_number,message\n", "Line 1 must have the names of the columns"),
    (b"a," * 256 + b"a\n", "Line 1 has 257 columns; the limit is 256."),
]


@pytest.mark.parametrize("body, detail", MALFORMED_TABLES)
def test_what_is_no_table_is_refused_with_its_line(served, body, detail):
    answer = create_csv(served, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_csv"), answer.text
    assert detail in answer.json()["detail"] and "errors" not in answer.json()


BAD_TABLES = [
    (table(GOOD_ROW, "+4915112345678", GOOD_ROW + ",y", GOOD_ROW), {}, [(3, "invalid_value"), (4, "invalid_value")]),
    (table(GOOD_ROW, "", GOOD_ROW), {}, [(3, "invalid_value")]),
    (table(GOOD_ROW, '"+49\n",y', "+49,\u20ac"), {}, [(3, "phone_number", "invalid_phone_number"), (5, "phone_number", "invalid_phone_number")]),
    (table(GOOD_ROW, ",x", "+4915112345678,"), {}, [(3, "phone_number", "required"), (4, "message", "required")]),
    ("message\nx\nx\n", {}, [(1, "phone_number", "required")]),
    ("phone_number\n+4915112345678\n1\n", {}, [(1, "message", "required"), (3, "phone_number", "invalid_phone_number")]),
    ("phone,message\n+4915112345678,x\n", {}, [(1, "phone_number", "required")]),
    (table(), {}, [(1, "out_of_range")]),
    (table() + "\n,\n", {}, [(1, "out_of_range")]),
    ("phone_number+4915112345678", {"message": "x"}, [(1, "phone_number", "required"), (1, "out_of_range")]),
    (table("+4915112345678,{name}"), {}, [(2, "message", "invalid_value")]),
    ("phone_number,Name\n+4915112345678,Ada\n+4915112345678,Ada\n", {"message": "Hello {name}"}, [("message", "invalid_value")]),
    ("phone_number,name\n+4915112345678," + 5000 * "x", {"message": "Hello {name}"}, [(2, "message", "message_too_long")]),
    ("phone_number,sim,delivery_report,ttl_seconds\n+4915112345678,2x,yes,1.5\n+4915112345678,5,0,99999999999999999999\n",
     {"message": "x"},
     [(2, "sim", "wrong_type"), (2, "delivery_report", "wrong_type"), (2, "ttl_seconds", "wrong_type"),
      (3, "delivery_report", "wrong_type"), (3, "sim", "out_of_range"), (3, "ttl_seconds", "out_of_range")]),
    ("phone_number,TTL\n+4915112345678,5\n", {"message": "x"}, [(1, "TTL", "unknown_field")]),
    (table(GOOD_ROW), {"phone_number": "+4915112345678"}, [("phone_number", "unknown_field")]),
    (table(GOOD_ROW), {"prio": "low"}, [("prio", "unknown_field")]),
    ("{}", {}, [(1, "phone_number", "required"), (1, "message", "required"), (1, "out_of_range")]),
    (table(GOOD_ROW), {"priority": ["low", "high"]}, [("priority", "invalid_value")]),
    (table(GOOD_ROW), {"sim": "one"}, [("sim", "wrong_type")]),
    (table(*[GOOD_ROW] * (MOST + 1)), {}, [(MOST + 2, "out_of_range")]),
    (table(*[GOOD_ROW] * (MOST - 1), "+49,x"), {}, [(MOST + 1, "phone_number", "invalid_phone_number")]),
]


@pytest.mark.parametrize("text, defaults, expected", BAD_TABLES)
def test_one_bad_row_refuses_the_whole_table(served, text, defaults, expected):
    before = stored(served)
    answer = create_csv(served, text, **defaults)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), answer.text
    assert places(answer) == expected, answer.text
    assert stored(served) == before


def test_a_bad_table_says_what_to_change(served):
    for text, defaults, advice in (
            ("phone,message\n+4915112345678,x\n", {}, "is it the column phone? Rename it"),
            ("phone_number\n+4915112345678\n", {}, "add the column, or ?message= for all rows"),
            ("phone_number+4915112345678", {"message": "x"}, "curl needs --data-binary"),
            (table(GOOD_ROW + ",y"), {}, "has 3 cells for 2 columns; put a cell with a comma in quotes"),
            ("phone_number,TTL\n+4915112345678,5\n", {"message": "x"}, "is it ttl_seconds?")):
        assert advice in create_csv(served, text, **defaults).text


def test_a_column_that_looks_like_an_option_may_be_a_variable(served):
    answer = create_csv(served, "phone_number,ttl,city\n+4915112345678,5,Ulm\n", message="in {ttl} days")
    assert messages_of(served, answer)[0]["message"] == "in 5 days"


def test_the_largest_table_is_accepted_and_a_larger_one_is_not(served):
    answer = create_csv(served, table(*[f"+4915112{row:06d},text {row}" for row in range(MOST)]))
    assert answer.status_code == 202, answer.text
    assert batch_of(served, answer.json()["batch_id"])["statuses"]["queued"] == MOST
    answer = create_csv(served, table(*["+4915112345678," + 1000 * "x"] * 9000))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_key_belongs_to_the_table_and_its_parameters(served):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    answers = [create_csv(served, "phone_number\n+4915112345678\n", headers=headers, message="x") for _ in range(2)]
    assert answers[0].text == answers[1].text and answers[1].headers["Idempotency-Replayed"] == "true"
    answer = create_csv(served, "phone_number\n+4915112345678\n", headers=headers, message="y")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("path, content_type, advice", [
    ("/api/send-sms", "text/csv", "must be application/json, not text/csv"),
    ("/api/batches", "text/plain", "must be application/json or text/csv, not text/plain"),
    ("/api/batches", "text/csv; charset=windows-1252", "send the body in UTF-8"),
    ("/api/batches", "text/csvx", "not text/csvx"),
])
def test_another_media_type_is_refused(served, path, content_type, advice):
    answer = served.api.request("POST", path, data=table(GOOD_ROW).encode(), headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert advice in answer.json()["detail"]


def test_a_batch_of_json_has_no_parameters(served):
    answer = create(served, {"messages": messages(1)}, params={"priority": "low"})
    assert places(answer) == [("priority", "unknown_field")]
