"""`sms-gateway messages send`: the rules of the API, and what --wait tells."""

import json
import re
import subprocess
import time

import pytest

from harness.api import check_schema
from harness.gateway import programs_folder
from harness.phone import Phone
from harness.waiting import LIMIT_SECONDS, wait_for

NUMBER = "+491511234567"
ID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"


@pytest.fixture(scope="module")
def served(module_gateway):
    """A gateway without a phone."""
    return module_gateway(MAX_MESSAGE_SEGMENTS=2, DENIED_PREFIXES="+49160").start()


def send(gateway, *arguments, text=None):
    """The id of the message that the tool has queued."""
    status, printed, errors = gateway.command("messages", "send", *arguments, text=text)
    assert (status, errors) == (0, ""), errors
    assert re.fullmatch(ID + "\n", printed), printed
    return printed.strip()


class Waiting:
    """The tool, while it waits for a message; its exit status, lines and errors at the end."""

    def __init__(self, gateway, *arguments):
        self.process = subprocess.Popen(
            [programs_folder(gateway.build) / "sms-gateway", "messages", "send", *arguments, "--wait"], cwd=gateway.folder,
            env=gateway.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self):
        printed, errors = self.process.communicate(timeout=LIMIT_SECONDS)
        return self.process.returncode, printed, errors


def test_a_message_of_the_tool_is_as_one_of_the_api(served):
    for text, message in (("Grüße €", "Grüße €"), ("two\nlines", "two\nlines")):
        sent = served.api.message(send(served, "+49 (151) 123-4567", text))
        of_api = served.api.send(NUMBER, message)
        given = ("message_id", "created_at", "updated_at", "times", "request_id", "waiting_for")
        assert {name: sent[name] for name in sent if name not in given} == \
            {name: of_api[name] for name in of_api if name not in given}
        assert sent["request_id"] is None and sent["created_at"] == sent["times"]["queued"] == sent["updated_at"]


def test_the_text_may_come_from_the_standard_input(served):
    for given, text in (("a text\n", "a text"), ("no line end", "no line end"), ("two\n\n", "two\n"), ("a\nb\n", "a\nb"), ("a\r\nb\r\n", "a\r\nb"), ("a\r", "a\r")):
        assert served.api.message(send(served, NUMBER, "-", text=given))["message"] == text
    assert "must have at least one character" in served.command("messages", "send", NUMBER, "-", text="")[2]
    assert served.api.message(send(served, NUMBER, "--", "-5 degrees"))["message"] == "-5 degrees"


def test_in_json_it_is_the_message(served):
    status, printed, errors = served.command("messages", "send", NUMBER, "a text", "--json")
    assert (status, errors, printed.count("\n")) == (0, "", 1)
    message = json.loads(printed)
    check_schema({"$ref": "#/components/schemas/Message"}, message)
    assert served.api.message(message["message_id"]) | {"waiting_for": None} == message


def test_typography_is_replaced_if_it_is_wished(served):
    text = "“It’s ready” — " + "a" * 80
    assert served.api.message(send(served, NUMBER, text))["encoding"] == "UCS-2"
    sent = served.api.message(send(served, NUMBER, text, "--transliterate"))
    assert (sent["message"], sent["segments"]) == ('"It\'s ready" - ' + "a" * 80, 1)
    assert served.api.message(send(served, NUMBER, "Don’t", "--transliterate"))["message"] == "Don’t"


@pytest.mark.parametrize("arguments, told", [
    ((NUMBER, ""), "the text must have at least one character"),
    (("0151 1234567", "x"), "the phone number must start with +"),
    (("+491601234567", "x"), "the phone number begins with a prefix in DENIED_PREFIXES"),
    ((NUMBER, "a" * 307), "the text needs 3 segments in GSM-7; the limit is 2"),
    ((NUMBER,), "needs NUMBER TEXT"), ((), "needs NUMBER TEXT"),
    ((NUMBER, "two", "words"), "takes NUMBER TEXT; put an argument with spaces in quotes"),
    ((NUMBER, "x", "--timeout", "3"), "--timeout needs --wait"),
    ((NUMBER, "x", "--wait", "--timeout", "x"), "--timeout takes a whole number"),
    ((NUMBER, "x", "--again"), "send has no option --again"),
    ((NUMBER, "-10 % today"), "there is no option -10 % today; --help lists the options, and a word after -- may begin with -"),
    (("- 20 %", NUMBER), "there is no option - 20 %;"), ((NUMBER, "-5"), "there is no option -5;"), ((NUMBER, "x", "--agian"), "option --agian;"),
    ((NUMBER, "x", "--wait=3"), "--wait takes no value;"), ((NUMBER, "x", "--e"), "--e may be --expires or --env-file; write it in full;"),
    ((NUMBER, b"\xff\xfe"), "not valid UTF-8"),
])
def test_what_is_wrong_is_said_and_nothing_is_sent(served, arguments, told):
    before = served.api.get("/api/sms?limit=1").json()["total"]
    status, printed, errors = served.command("messages", "send", *arguments)
    assert (status, printed, errors.count("\n")) == (2, "", 1) and told in errors, errors
    assert served.api.get("/api/sms?limit=1").json()["total"] == before


def test_the_options_are_those_of_the_api(served):
    assert served.command("devices", "token", "pixel-7")[0] == 0
    at, expires = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds)) for seconds in (3600, 7200))
    for options, asked in (
            (("--device", "pixel-7", "--sim", "2"), {"device_id": "pixel-7", "sim": 2}),
            (("--at", at, "--expires", expires), {"send_at": at, "expires_at": expires}),
            (("--at", at, "--ttl", "3600"), {"send_at": at, "ttl_seconds": 3600}),
            (("--priority", "high", "--reference", "Größe 7"), {"priority": "high", "reference": "Größe 7"}),
            (("--no-delivery-report",), {"delivery_report": False})):
        sent = served.api.message(send(served, NUMBER, "a text", *options))
        of_api = served.api.request("POST", "/api/send-sms", json={"phone_number": NUMBER, "message": "a text"} | asked)
        assert of_api.status_code == 202, of_api.text
        given = ("message_id", "created_at", "updated_at", "times", "request_id", "waiting_for")
        assert {name: sent.get(name) for name in of_api.json() if name not in given} == \
            {name: value for name, value in of_api.json().items() if name not in given}


@pytest.mark.parametrize("options, told", [
    (("--device", "nobody"), "--device names no phone that is paired"), (("--device", "a b"), "1 to 64 letters"),
    (("--group", "nobody"), "--group is in the groups of no phone"), (("--group", "a b"), "--group must be 1 to 32 letters"),
    (("--group", "a", "--device", "b"), "--group cannot be combined with --device"),
    (("--sim", "0"), "--sim must be a whole number from 1 to 4"), (("--sim", "5"), "from 1 to 4"),
    (("--at", "2020-01-01T00:00:00Z"), "--at is past"), (("--at", "2020-02-30T00:00:00Z"), "--at names a day"),
    (("--at", "2020-01-01T00:00:00"), "--at has no UTC offset"), (("--at", "2999-01-01T00:00:00Z"), "at most 35 days"),
    (("--expires", "2020-01-01T00:00:00Z"), "--expires is past"), (("--ttl", "0"), "--ttl must be a whole number from 1"),
    (("--ttl", "9", "--expires", "2999-01-01T00:00:00Z"), "--ttl cannot be combined with --expires"),
    (("--priority", "urgent"), "--priority must be high, normal or low"),
    (("--reference", "x" * 65), "--reference has 65 bytes"), (("--reference", "a\tb"), "control character"),
    (("--reference", b"\xff"), "--reference is not valid UTF-8"),
])
def test_a_wrong_option_is_explained(served, options, told):
    before = served.api.get("/api/sms?limit=1").json()["total"]
    ended, printed, errors = served.command("messages", "send", NUMBER, "a text", *options)
    assert (ended, printed) == (2, "") and told in errors, errors
    assert served.api.get("/api/sms?limit=1").json()["total"] == before


def test_the_limits_of_the_api_hold_for_the_tool(make_gateway):
    gateway = make_gateway(RECIPIENT_DAILY_MESSAGES=2, DAILY_MESSAGES=3).start()
    send(gateway, NUMBER, "first")
    gateway.api.send(NUMBER)
    status, printed, errors = gateway.command("messages", "send", NUMBER, "third")
    assert (status, printed) == (1, "") and "The daily limit of this recipient is reached; nothing was changed" in errors
    send(gateway, "+491511234568", "third")
    assert "The daily limit of the gateway is reached" in gateway.command("messages", "send", "+491511234569", "fourth")[2]
    assert gateway.api.get("/api/sms").json()["total"] == 3
    assert gateway.command("sending", "pause")[0] == 0
    assert "Sending is paused" in gateway.command("messages", "send", "+491511234569", "fourth")[2]


def test_it_waits_until_the_message_is_sent(make_gateway):
    gateway = make_gateway().start()
    phone = Phone(gateway, "phone")
    waiting = Waiting(gateway, NUMBER, "a text")
    sent = phone.receive_sms()["message_id"]  # the broker was told
    phone.report(sent, "sending")
    phone.report(sent, "sent")
    status, printed, errors = waiting.end()
    assert (status, errors) == (0, "")
    first, *lines = printed.splitlines()
    assert first == sent
    assert [line.split()[1] for line in lines] == ["queued", "accepted", "sending", "sent"]
    assert lines[1].split()[2:] == ["attempt", "1", "claimed", "phone"]
    shown = gateway.command("messages", "show", sent)[1]
    assert "\n".join(lines) in shown

    for report, status in (("failed", 1), ("delivered", 0)):
        waiting = Waiting(gateway, NUMBER, report, "--json")
        sent = phone.receive_sms()["message_id"]
        phone.report(sent, report)
        ended, printed, errors = waiting.end()
        assert (ended, errors) == (status, "")
        assert json.loads(printed) == json.loads(gateway.command("messages", "show", sent, "--json")[1])
        assert json.loads(printed)["status"] == report
    phone.close()


def test_a_cancelled_message_ends_the_wait_and_a_time_limit_too(served):
    waiting = Waiting(served, NUMBER, "to be cancelled")
    [sent] = wait_for(lambda: [message["message_id"] for message in served.api.get("/api/sms?limit=1").json()["messages"]
                               if message["message"] == "to be cancelled"], "the message to be queued")
    served.api.request("DELETE", f"/api/sms/{sent}")
    status, printed, _ = waiting.end()
    assert status == 1 and [line.split()[1] for line in printed.splitlines()[1:]] == ["queued", "cancelled"]
    status, printed, errors = Waiting(served, NUMBER, "nobody takes it", "--timeout", "0").end()
    assert (status, errors) == (3, "") and printed.splitlines()[1].split()[1] == "queued"
