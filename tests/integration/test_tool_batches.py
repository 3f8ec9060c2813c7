"""`sms-gateway batches`: files of messages by the rules of the API, all or none."""

import json
import re
import time

import pytest

from harness.api import check_schema
from harness.phone import Phone

NUMBER = "+491511234567"
OTHER = "+491511234568"
ID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
UNKNOWN_ID = "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1"


@pytest.fixture(scope="module")
def served(module_gateway):
    """A gateway without a phone."""
    gateway = module_gateway(MAX_MESSAGE_SEGMENTS=2, DENIED_PREFIXES="+49160", MAX_BATCH_BODY_BYTES=2000000).start()
    assert gateway.command("devices", "token", "pixel-7")[0] == 0
    return gateway


def send(gateway, text, *arguments):
    """The messages of the batch that the tool has queued, as the API has them, oldest first."""
    status, printed, errors = gateway.command("batches", "send", "-", *arguments, text=text)
    assert (status, errors) == (0, ""), errors
    assert re.fullmatch(ID + "\n", printed), printed
    page = gateway.api.get(f"/api/sms?batch_id={printed.strip()}").json()
    return page["messages"][::-1]


def test_csv_fills_placeholders_and_columns_are_fields(served):
    text = f"\ufeffphone_number;name;priority;sim\r\n{NUMBER};\"Ada;\r\nL.\";high;\r\n{OTHER};Grace;;2\r\n"
    first, second = send(served, text, "--message", "Hello {name} {{}}", "--reference", "r1", "--sim", "1")
    assert (first["phone_number"], first["message"]) == (NUMBER, "Hello Ada;\r\nL. {}")
    assert (second["phone_number"], second["message"]) == (OTHER, "Hello Grace {}")
    assert first["options"] | {"priority": "high", "sim": 1, "reference": "r1"} == first["options"]
    assert second["options"] | {"sim": 2, "reference": "r1"} == second["options"]
    assert "priority" not in second["options"]


def test_a_batch_of_the_tool_is_as_one_of_the_api(served):
    at, expires = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds)) for seconds in (3600, 7200))
    body = {"defaults": {"message": "“{x}”", "device_id": "pixel-7", "ttl_seconds": 60, "transliterate": True, "variables": {"x": "X"}},
            "messages": [{"phone_number": "+49 (151) 123-4567", "send_at": at}, {"phone_number": OTHER, "expires_at": expires, "sim": 3},
                         {"phone_number": OTHER, "variables": {"x": "€"}, "message": "{x} {x}", "delivery_report": False, "priority": "low"}]}
    of_tool = send(served, json.dumps(body))
    answer = served.api.request("POST", "/api/batches", json=body)
    assert answer.status_code == 202, answer.text
    of_api = [served.api.message(message_id) for message_id in answer.json()["message_ids"]]
    given = ("message_id", "created_at", "updated_at", "times", "request_id", "waiting_for", "batch_id", "options")
    for one, other in zip(of_tool, of_api, strict=True):
        assert {name: one[name] for name in one if name not in given} == {name: other[name] for name in other if name not in given}
        # A deadline after so many seconds depends on the time of the request, but for a message with a send_at.
        differ = () if one["options"].get("send_at") else ("expires_at",)
        assert {name: one["options"][name] for name in one["options"] if name not in differ} == \
            {name: other["options"][name] for name in other["options"] if name not in differ}
        assert one["options"].keys() == other["options"].keys()


def test_in_json_the_answers_are_those_of_the_api(served):
    file = served.folder / "batch.csv"
    file.write_text(f"phone_number,message\n{NUMBER},a\n{NUMBER},b\n")
    status, printed, errors = served.command("batches", "send", str(file), "--json")
    assert (status, errors, printed.count("\n")) == (0, "", 1)
    batch = json.loads(printed)
    check_schema({"$ref": "#/components/schemas/CreatedBatch"}, batch)
    assert (batch["count"], batch["duplicates"]) == (2, 1)
    batch_id = batch["batch_id"]
    shown = json.loads(served.command("batches", "show", batch_id, "--json")[1])
    assert shown == served.api.get(f"/api/batches/{batch_id}").json()
    listed = json.loads(served.command("batches", "list", "--limit", "30", "--json")[1])["batches"]
    assert listed == served.api.get("/api/batches?limit=30").json()["batches"] and listed[0] == shown
    assert served.command("batches", "list", "--limit", "1")[1].endswith("2 messages: queued 2\n")
    assert "statuses  queued 2\n" in served.command("batches", "show", batch_id)[1]
    assert served.command("batches", "cancel", batch_id)[1] == \
        "Cancelled 2 messages. Asked phones not to send 0 more. Too late for 0.\n"
    cancelled = json.loads(served.command("batches", "cancel", batch_id, "--json")[1])
    assert cancelled == served.api.request("DELETE", f"/api/batches/{batch_id}").json()
    for action in ("show", "cancel"):
        assert served.command("batches", action, UNKNOWN_ID)[::2] == \
            (1, f"sms-gateway batches: there is no batch with the id {UNKNOWN_ID}\n")
        assert served.command("batches", action, "x")[0] == 2


def csv(*rows, header="phone_number,message"):
    return "\n".join((header, *rows)) + "\n"


def document(*messages, **members):
    return json.dumps({"messages": messages} | members)


GOOD = {"phone_number": NUMBER, "message": "x"}


@pytest.mark.parametrize("text, arguments, told", [
    ("", (), "line 1 must have the names of the columns"), ("phone_number,message\n", (), "the file must have 1 to 10000 messages, not 0"),
    (csv(f"{NUMBER},x", "+491601234567,x"), (), "line 3: phone_number begins with a prefix in DENIED_PREFIXES"),
    (csv("0151,x"), (), "line 2: phone_number is a short code"), (csv(",x"), (), "line 2: phone_number is required"),
    (csv(f"{NUMBER},"), (), "line 2: message is required"), (csv(f"{NUMBER}," + "a" * 307), (), "message needs 3 segments"),
    (csv(f"{NUMBER},{{x}}"), (), "line 2: message has the placeholder {x}"),
    (csv(NUMBER, header="phone_number"), (), "line 1: message is not in the header; add the column, or give --message"),
    (csv("x", header="message"), (), "line 1: phone_number is not in the header"),
    (csv(f"{NUMBER},x,0", header="phone_number,message,sim"), (), "line 2: sim must be a whole number from 1 to 4"),
    (csv(f"{NUMBER},x,maybe", header="phone_number,message,delivery_report"), (), "delivery_report must be true or false"),
    (csv(f"{NUMBER},x,urgent", header="phone_number,message,priority"), (), "priority must be high, normal or low"),
    (csv(f"{NUMBER},x,nobody", header="phone_number,message,device_id"), (), "device_id names no phone that is paired"),
    (csv(f"{NUMBER},x,nobody", header="phone_number,message,device_group"), (), "device_group is in the groups of no phone"),
    (csv(f"{NUMBER},x,2020-01-01T00:00:00Z", header="phone_number,message,send_at"), (), "line 2: send_at is past"),
    (csv(f"{NUMBER},x,2020-01-01T00:00:00Z", header="phone_number,message,expires_at"), (), "line 2: expires_at is past"),
    (csv(f"{NUMBER},x,2099-01-01T00:00:00Z,5", header="phone_number,message,expires_at,ttl_seconds"), (),
     "ttl_seconds cannot be combined with expires_at"),
    (csv(f'{NUMBER},"x'), (), "line 2"), (csv(f"{NUMBER},x"), ("--sim", "5"), "--sim must be a whole number from 1 to 4"),
    (csv(f"{NUMBER},x"), ("--device", "nobody"), "--device names no phone that is paired"),
    (csv(f"{NUMBER},x"), ("--timeout", "3"), "--timeout needs --wait"), (csv(NUMBER, header="phone_number"), ("--message", b"\xff"), "not valid UTF-8"),
    ("{", (), "batches: the file is not valid JSON"), ("\ufeff" + document(GOOD), (), "not valid JSON: there is a byte order mark (U+FEFF); remove it"),
    (json.dumps([GOOD]), (), 'batches: the file must have an object, not an array; it is the value of "messages"'),
    ("{}", (), "messages must be an array of objects"), (document(), (), "messages must have 1 to 10000 messages, not 0"),
    (document(GOOD, more=1), (), "more is not a known field"), (document(1), (), "/messages/0 must be an object"),
    (document(GOOD | {"text": "x"}), (), "/messages/0: text is not a known field"),
    (document(GOOD | {"sim": "1"}), (), "/messages/0: sim must be a whole number, not a string"),
    (document(GOOD, defaults={"priority": "x"}), (), "/defaults: priority must be high"),
    (document(GOOD | {"variables": {"a": 1}}), (), "/messages/0: variables must be an object of texts"),
    (csv(*[f"{NUMBER},x"] * 10001), (), "the file must have 1 to 10000 messages, not 10001"),
    ("x" * 2000001, (), "- has more than 2000000 bytes (MAX_BATCH_BODY_BYTES)"),
])
def test_what_is_wrong_is_said_and_nothing_is_sent(served, text, arguments, told):
    before = served.api.get("/api/sms?limit=1").json()["total"]
    status, printed, errors = served.command("batches", "send", "-", *arguments, text=text)
    assert status in (1, 2) and printed == "" and told in errors, errors
    assert served.api.get("/api/sms?limit=1").json()["total"] == before


def test_all_errors_are_counted_and_the_first_are_shown(served):
    status, _, errors = served.command("batches", "send", "-", text=csv(*["0151,x"] * 30))
    assert status == 2 and errors.splitlines()[-1] == "sms-gateway batches: 30 errors; nothing was sent"
    assert len(errors.splitlines()) == 21
    assert "cannot read nowhere.csv: No such file" in served.command("batches", "send", "nowhere.csv")[2]


def test_limits_hold_for_the_tool_and_it_waits_until_all_are_sent(make_gateway):
    gateway = make_gateway(RECIPIENT_DAILY_MESSAGES=2, DAILY_MESSAGES=4).start()
    phone = Phone(gateway, "phone")
    for rows, told in (([NUMBER] * 3, "The daily limit of this recipient is reached; message 3 of 3 is the first over it"),
                       ([NUMBER, OTHER] * 3, "The daily limit of the gateway is reached; message 5 of 6 is the first over it")):
        status, _, errors = gateway.command("batches", "send", "-", "--message", "x", text=csv(*rows, header="phone_number"))
        assert status == 1 and told in errors, errors
    status, printed, _ = gateway.command("batches", "send", "-", "--wait", "--timeout", "0", text=csv(f"{NUMBER},x"))
    assert status == 3 and printed.splitlines()[1].startswith(("queued 1", "accepted 1")), printed
    phone.report(phone.receive_sms()["message_id"], "sent")
    batch_id = printed.split()[0]
    gateway.api.wait_status(gateway.api.get(f"/api/sms?batch_id={batch_id}").json()["messages"][0]["message_id"], "sent")
    assert json.loads(gateway.command("batches", "show", batch_id, "--json")[1])["finished"]
    phone.close()
