"""GET /api/inbox, GET /api/inbox/{incoming_id} and `sms-gateway inbox`: what phones received, page by page."""

import json
import sqlite3
from urllib.parse import urlencode

import pytest

from harness.api import Api, check_schema, description
from harness.phone import Phone

SENDERS = ("+4915112345678", "72000", "My Bank")
TEXTS = ("Hello", "", "Ja 👍", "x\x1b[2J")
UNKNOWN_ID = "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1"


class Inbox:
    """A gateway whose two phones received ten SMS, and these as its list must show them, newest first."""

    def __init__(self, gateway):
        self.gateway, self.api = gateway, gateway.api
        phones = [Phone(gateway, device_id) for device_id in ("phone-a", "phone-b")]
        for number in range(10):
            phone = phones[number % 2]
            phone.send({"type": "sms_received", "received_id": f"id-{number}", "from": SENDERS[number % 3], "sim": 1 + number % 4,
                        "message": TEXTS[number % 4], "to": "+491512222222", "received_at": 1772362800500 + number})
            assert phone.receive()["type"] == "sms_received_ack"
        for phone in phones:
            phone.close()
        self.incoming = self.list()["incoming"]

    def list(self, **parameters):
        answer = self.api.get("/api/inbox?" + urlencode(parameters))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def numbers(self, **parameters):
        return [int(sms["received_id"][3:]) for sms in self.list(**parameters)["incoming"]]

    def tool(self, *arguments):
        status, printed, errors = self.gateway.command("inbox", *arguments, "--json")
        assert status == 0, errors
        return json.loads(printed)


@pytest.fixture(scope="module")
def inbox(module_gateway):
    return Inbox(module_gateway().start())


def test_the_list_has_what_came_in(inbox):
    assert [sms["received_id"] for sms in inbox.incoming] == [f"id-{number}" for number in range(9, -1, -1)]
    newest = inbox.incoming[0]
    assert newest | {"incoming_id": None, "stored_at": None} == {
        "incoming_id": None, "from": "+4915112345678", "to": "+491512222222", "message": "", "segments": 0, "encoding": "GSM-7", "kind": "sms",
        "device_id": "phone-b", "sim": 2, "received_id": "id-9", "received_at": "2026-03-01T11:00:00.509Z", "stored_at": None}
    assert [sms["message"] for sms in inbox.incoming[:4]] == [TEXTS[number % 4] for number in (9, 8, 7, 6)]
    for sms in inbox.incoming:
        assert inbox.api.get(f"/api/inbox/{sms['incoming_id']}").json() == sms


def test_filters(inbox):
    third = inbox.incoming[7]["stored_at"]
    assert inbox.numbers(device_id="phone-a") == [8, 6, 4, 2, 0]
    assert inbox.numbers(**{"from": "My Bank"}) == [8, 5, 2]
    assert inbox.numbers(sim=4) == [7, 3]
    assert inbox.numbers(**{"from": "+49 151 1234 5678", "sim": 2}) == [9]
    assert [int(sms["received_id"][3:]) for sms in inbox.api.get("/api/inbox?from=+4915112345678").json()["incoming"]] == [9, 6, 3, 0]
    later = [number for number, sms in zip(range(9, -1, -1), inbox.incoming) if sms["stored_at"] >= third]
    assert inbox.numbers(stored_after=third) == later and 2 in later
    assert inbox.numbers(stored_before=third) == [number for number in range(9, -1, -1) if number not in later]


def test_pages(inbox):
    for first in "/api/inbox?limit=3&device_id=phone-a", "/api/inbox?limit=3&offset=0&device_id=phone-a":
        page = inbox.api.get(first).json()
        assert (page["count"], page["total"], page["previous"]) == (3, 5, None)
        following = inbox.api.get(page["next"])
        assert [sms["received_id"] for sms in following.json()["incoming"]] == ["id-2", "id-0"]
        assert following.json()["next"] is None
        assert following.links["prev"]["url"] == following.json()["previous"]
        assert inbox.api.get(following.json()["previous"]).json()["incoming"] == page["incoming"]


@pytest.mark.parametrize("query, parameter, words", [
    ("device_id=a%20b", "device_id", "letters, digits"), ("sim=5", "sim", "4"), ("from=", "from", "short code"),
    ("from=" + "x" * 65, "from", "1 to 64"), ("stored_after=noon", "stored_after", ""), ("limit=1001", "limit", "1000"),
    ("cursor=x", "cursor", "next"), ("sender=1", "sender", "did you mean from?"), ("since=1", "since", "stored_after"),
    ("offset=1&cursor=before-" + UNKNOWN_ID, "offset", "cursor"),
])
def test_a_bad_parameter_is_named(inbox, query, parameter, words):
    answer = inbox.api.get("/api/inbox?" + query)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["parameter"] == parameter and words in error["detail"]


def test_no_id_finds_nothing_else(inbox):
    message_id = inbox.api.send()["message_id"]
    for wrong in (UNKNOWN_ID, message_id, "id-1"):
        answer = inbox.api.get(f"/api/inbox/{wrong}")
        assert (answer.status_code, answer.json()["code"]) == (404, "incoming_sms_not_found")
    assert inbox.api.get(f"/api/sms/{inbox.incoming[0]['incoming_id']}").status_code == 404


def test_texts_take_the_scope(inbox):
    others = Api(inbox.gateway.url, inbox.gateway.make_key("send", "read", "text", "devices", "metrics", "pair", "resend"))
    alone = Api(inbox.gateway.url, inbox.gateway.make_key("inbox"))
    path = f"/api/inbox/{inbox.incoming[0]['incoming_id']}"
    assert (others.get(path).status_code, others.get("/api/inbox").status_code) == (403, 403)
    assert alone.get(path).json() == inbox.incoming[0]
    assert alone.get("/api/sms").status_code == 403


def test_the_tool_says_the_same(inbox):
    listed = inbox.tool("list")
    assert listed["incoming"] == inbox.incoming and (listed["count"], listed["total"]) == (10, 10)
    for sms in inbox.incoming[:2]:
        shown = inbox.tool("show", sms["incoming_id"])
        check_schema(description()["components"]["schemas"]["Incoming"], shown)
        assert shown == sms
    assert [sms["received_id"] for sms in inbox.tool("list", "--device", "phone-a", "--from", "72000", "--limit", "1")["incoming"]] == ["id-4"]
    assert inbox.tool("list", "--sim", "1", "--since", "2099-01-01T00:00:00Z")["total"] == 0
    assert inbox.tool("list", "--until", "2000-01-01T00:00:00Z")["total"] == 0

    status, text, _ = inbox.gateway.command("inbox", "list", "--limit", "3")
    assert status == 0 and text.splitlines()[-1] == "3 of 10 incoming SMS." and "\x1b" not in text
    status, text, _ = inbox.gateway.command("inbox", "show", inbox.incoming[2]["incoming_id"])
    assert status == 0 and "72000" in text and "\\u001b" in text and "\x1b" not in text
    for arguments, words in ((("show", UNKNOWN_ID), "there is no incoming SMS"), (("show", "x"), "an id is like"),
                             (("list", "--from", ""), "a sender is"), (("list", "--since", "noon"), "--since"),
                             (("list", "--device", "a b"), "a device id"), (("list", "--sim", "5"), "4")):
        status, printed, errors = inbox.gateway.command("inbox", *arguments)
        assert status != 0 and printed == "" and words in errors, (arguments, errors)


def test_a_text_that_retention_removed_is_null(make_gateway):
    """Also from the list of the tool."""
    gateway = make_gateway().make_database()
    with sqlite3.connect(gateway.database) as database:
        for number, (text, segments) in enumerate((("", 1), ("", 0), ("Hello", 1))):
            database.execute("INSERT INTO incoming (seq, id, device_id, received_id, encoding, segments, text) VALUES (?, ?, 'a', ?, 0, ?, ?)",
                             (number + 1, bytes(15) + bytes([number]), str(number), segments, text))
    status, printed, errors = gateway.command("inbox", "list", "--json")
    assert status == 0, errors
    assert [sms["message"] for sms in json.loads(printed)["incoming"]] == ["Hello", "", None]
    assert "(deleted)" in gateway.command("inbox", "list")[1]
