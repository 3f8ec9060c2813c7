"""The options of POST /api/send-sms: what is taken, what is refused and why, and what becomes of it."""

import sqlite3
from datetime import datetime, timedelta, timezone

import pytest

from harness.phone import AssuredPhone, Phone
from harness.waiting import LIMIT_SECONDS, wait_for

NUMBER = "+491511234567"


@pytest.fixture(scope="module")
def served(module_gateway):
    """A gateway with two paired phones, of which none is connected; one of them is in a group."""
    gateway = module_gateway(DEVICE_TOKENS="required").start()
    gateway.tokens_of(["pixel-7", "fairphone"])
    put_into_group(gateway, "pixel-7", "berlin")
    return gateway


def put_into_group(gateway, device_id, group):
    database = sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS)
    with database:
        database.execute("INSERT INTO device_group (device_id, label) VALUES (?, ?)", (device_id, group))
        database.execute("UPDATE device SET group_count = group_count + 1, configured = 1 WHERE device_id = ?",
                         (device_id,))
    database.close()


def ahead(zone=timezone.utc, **duration):
    """That long from now, as RFC 3339."""
    return (datetime.now(zone) + timedelta(**duration)).isoformat(timespec="milliseconds")


def post(gateway, **options):
    return gateway.api.request("POST", "/api/send-sms",
                               json={"phone_number": NUMBER, "message": "a text"} | options)


def send(gateway, **options):
    answer = post(gateway, **options)
    assert answer.status_code == 202, answer.text
    return answer.json()


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


# ---- What is refused ----

BAD = [
    ("two targets", {"device_id": "pixel-7", "device_group": "berlin"},
     "/device_group", "invalid_value", "cannot be combined with device_id"),
    ("an unknown device", {"device_id": "nokia"}, "/device_id", "unknown_device", "no device that is paired"),
    ("a device id that is none", {"device_id": "a b"}, "/device_id", "invalid_value", "letters, digits"),
    ("an empty device id", {"device_id": ""}, "/device_id", "invalid_value", "letters, digits"),
    ("an unknown group", {"device_group": "paris"}, "/device_group", "unknown_group", "in the groups of no device"),
    ("a group of another case", {"device_group": "Berlin"}, "/device_group", "unknown_group", "no device"),
    ("a group that is none", {"device_group": "a b"}, "/device_group", "invalid_value", "letters, digits"),
    ("sim 0", {"sim": 0}, "/sim", "out_of_range", "between 1 and 4"),
    ("sim 5", {"sim": 5}, "/sim", "out_of_range", "between 1 and 4"),
    ("sim as a text", {"sim": "1"}, "/sim", "wrong_type", "without quotes"),
    ("half a sim", {"sim": 1.5}, "/sim", "wrong_type", "a whole number"),
    ("no sim", {"sim": None}, "/sim", "wrong_type", "an integer"),
    ("send_at in the past", {"send_at": ahead(minutes=-6)}, "/send_at", "out_of_range", "is past"),
    ("send_at in 1970", {"send_at": "1970-01-01T00:00:00Z"}, "/send_at", "out_of_range", "is past"),
    ("send_at in 36 days", {"send_at": ahead(days=36)}, "/send_at", "out_of_range", "at most 35 days ahead"),
    ("send_at without zone", {"send_at": ahead(hours=1)[:23]}, "/send_at", "invalid_value", "append Z"),
    ("30 February", {"send_at": "2027-02-30T10:00:00Z"}, "/send_at", "invalid_value", "its month does not have"),
    ("a leap second that is past", {"send_at": "2016-12-31T23:59:60Z"}, "/send_at", "out_of_range", "is past"),
    ("send_at as a number", {"send_at": 1795513500}, "/send_at", "wrong_type", "must be an RFC 3339 time such as \"2026-11-23T09:45:00Z\", not a number"),
    ("a deadline as a number", {"expires_at": 1795513500123}, "/expires_at", "wrong_type", "must be an RFC 3339 time such as"),
    ("send_at that is no text", {"send_at": True}, "/send_at", "wrong_type", "must be a string"),
    ("send_at in words", {"send_at": "tomorrow"}, "/send_at", "invalid_value", "RFC 3339"),
    ("two deadlines", {"expires_at": ahead(hours=1), "ttl_seconds": 60},
     "/ttl_seconds", "invalid_value", "cannot be combined with expires_at"),
    ("a deadline in the past", {"expires_at": ahead(seconds=-1)}, "/expires_at", "out_of_range", "is past"),
    ("a deadline in 36 days", {"expires_at": ahead(days=36)}, "/expires_at", "out_of_range", "35 days ahead"),
    ("a deadline before send_at", {"send_at": ahead(hours=2), "expires_at": ahead(hours=1)},
     "/expires_at", "out_of_range", "later than send_at"),
    ("a deadline without zone", {"expires_at": ahead(hours=1)[:23]}, "/expires_at", "invalid_value", "append Z"),
    ("a TTL of 0", {"ttl_seconds": 0}, "/ttl_seconds", "out_of_range", "between 1 and 3024000"),
    ("a TTL below 0", {"ttl_seconds": -5}, "/ttl_seconds", "out_of_range", "between 1 and 3024000"),
    ("a TTL of 35 days and a second", {"ttl_seconds": 3024001}, "/ttl_seconds", "out_of_range", "3024000"),
    ("half a second of TTL", {"ttl_seconds": 0.5}, "/ttl_seconds", "wrong_type", "a whole number"),
    ("a TTL as a text", {"ttl_seconds": "60"}, "/ttl_seconds", "wrong_type", "without quotes"),
    ("a TTL beyond all numbers", {"ttl_seconds": 10**30}, "/ttl_seconds", "wrong_type", "a whole number"),
    ("an unknown priority", {"priority": "urgent"}, "/priority", "invalid_value", "high, normal or low"),
    ("a priority in capitals", {"priority": "HIGH"}, "/priority", "invalid_value", "high, normal or low"),
    ("a priority as a number", {"priority": 1}, "/priority", "wrong_type", "must be a string"),
    ("an empty reference", {"reference": ""}, "/reference", "invalid_value", "leave it out"),
    ("a reference of 65 bytes", {"reference": "x" * 65}, "/reference", "invalid_value", "has 65 bytes"),
    ("a reference of 17 emoji", {"reference": "📦" * 17}, "/reference", "invalid_value", "has 68 bytes"),
    ("a line break in the reference", {"reference": "a\nb"}, "/reference", "invalid_value", "control character"),
    ("a number as the reference", {"reference": 4711}, "/reference", "wrong_type", "must be a string"),
    ("a report as a text", {"delivery_report": "false"}, "/delivery_report", "wrong_type", "without quotes"),
    ("a report as a number", {"delivery_report": 0}, "/delivery_report", "wrong_type", "true or false"),
]


@pytest.mark.parametrize("options,pointer,code,says", [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_option_is_refused_by_its_name_with_what_to_change(served, options, pointer, code, says):
    before = served.count_messages("true")
    answer = post(served, **options)
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code), error
    assert says in error["detail"]
    assert served.count_messages("true") == before


def test_all_that_is_wrong_is_told_at_once(served):
    answer = post(served, phone_number="1", sim=9, send_at="x", ttl_seconds=0, priority="", reference="",
                  delivery_report="")
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [
        "/phone_number", "/sim", "/send_at", "/ttl_seconds", "/priority", "/reference", "/delivery_report"]


@pytest.mark.parametrize("name,meant", [
    ("sendAt", "send_at"), ("scheduled_at", "send_at"), ("validUntil", "expires_at"), ("ttl", "ttl_seconds"),
    ("simNumber", "sim"), ("group", "device_group"), ("withDeliveryReport", "delivery_report"),
    ("client_ref", "reference")])
def test_the_names_of_other_services_are_understood_in_the_error(served, name, meant):
    [error] = post(served, **{name: "x"}).json()["errors"]
    assert (error["code"], meant in error["detail"]) == ("unknown_field", True), error


# ---- What is shown ----

SHOWN = [
    {"device_id": "pixel-7"}, {"device_group": "berlin"}, {"sim": 1}, {"sim": 4}, {"priority": "high"},
    {"priority": "low"}, {"reference": "order 4711 📦"}, {"reference": "x" * 64}, {"delivery_report": False},
    {"device_id": "fairphone", "sim": 2, "priority": "high", "reference": "all", "delivery_report": False},
]


@pytest.mark.parametrize("options", SHOWN, ids=str)
def test_what_was_asked_for_is_shown_everywhere_by_the_same_names(served, options):
    sent = send(served, **options)
    assert sent["options"] == options
    assert (sent["device_id"], sent["batch_id"]) == (None, None)
    assert served.api.message(sent["message_id"])["options"] == options
    [listed] = [message for message in served.api.get("/api/sms?limit=1").json()["messages"]]
    assert (listed["message_id"], listed["options"]) == (sent["message_id"], options)
    status, shown, _ = served.command("messages", "show", sent["message_id"], "--json")
    assert status == 0 and '"options"' in shown
    status, shown, _ = served.command("messages", "show", sent["message_id"])
    for value in options.values():
        assert value is False or str(value) in shown, shown


@pytest.mark.parametrize("options", [{}, {"priority": "normal"}, {"delivery_report": True}], ids=str)
def test_what_is_so_anyway_is_no_option(served, options):
    assert send(served, **options)["options"] is None


def test_times_are_shown_in_utc(served):
    send_at = ahead(timezone(timedelta(hours=5, minutes=30)), hours=3)
    for options, expires in (({}, None), ({"ttl_seconds": 90}, timedelta(seconds=90)),
                             ({"expires_at": ahead(days=35, hours=2)}, None)):
        shown = send(served, send_at=send_at, **options)["options"]
        assert moment(shown["send_at"]) == moment(send_at)
        if expires:
            assert moment(shown["expires_at"]) == moment(send_at) + expires
    shown = send(served, ttl_seconds=60)
    assert moment(shown["options"]["expires_at"]) - moment(shown["created_at"]) < timedelta(seconds=61)
    assert send(served, send_at=ahead(minutes=-4))["options"]["send_at"]


# ---- Filters ----


def listed(gateway, **filters):
    answer = gateway.api.get("/api/sms", params=filters)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["count"] == body["total"]
    return [message["message_id"] for message in body["messages"]]


def test_lists_are_filtered_by_reference_and_group(served):
    a, b = send(served, reference="filter/ä b+c"), send(served, reference="filter", device_group="berlin")
    newest = send(served, reference="filter", device_group="berlin")
    assert listed(served, reference="filter/ä b+c") == [a["message_id"]]
    assert listed(served, reference="filter") == [newest["message_id"], b["message_id"]]
    assert listed(served, reference="filte") == []
    assert listed(served, device_group="berlin", reference="filter", status="queued") == [
        newest["message_id"], b["message_id"]]
    assert listed(served, device_group="nowhere") == []
    assert listed(served, batch_id="019dbb26-71a3-7c1e-a2a6-0c2d52c3f9c1") == []
    page = served.api.get("/api/sms?reference=filter&limit=1").json()
    assert (page["total"], [message["message_id"] for message in page["messages"]]) == (2, [newest["message_id"]])
    page = served.api.get(page["next"]).json()
    assert [message["message_id"] for message in page["messages"]] == [b["message_id"]]
    status, shown, _ = served.command("messages", "list", "--reference", "filter", "--group", "berlin")
    assert status == 0 and b["message_id"] in shown and a["message_id"] not in shown


@pytest.mark.parametrize("filters,says", [
    ("reference=", "leave it out"), ("reference=" + "x" * 65, "65 bytes"), ("reference=a%0Ab", "control character"),
    ("batch_id=7", "a batch id"), ("batch_id=", "a batch id"), ("device_group=a%20b", "letters, digits"),
    ("batch_id=00000000-0000-0000-0000-000000000000", "a batch id"), ("device_group=", "letters, digits")])
def test_a_bad_filter_is_refused(served, filters, says):
    answer = served.api.get(f"/api/sms?{filters}")
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert error["parameter"] == filters.split("=")[0] and says in error["detail"]


@pytest.mark.parametrize("arguments", [
    ("--reference", ""), ("--reference", "a\tb"), ("--batch", "x"), ("--group", "a b")], ids=str)
def test_the_operators_tool_refuses_a_bad_filter(served, arguments):
    status, _, errors = served.command("messages", "list", *arguments)
    assert status == 2, errors
