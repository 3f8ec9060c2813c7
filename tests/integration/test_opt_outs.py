"""Recipients that opt out: by STOP from their phone, by the API and by the tool; what is then refused, and cancelled."""

import contextlib
import json

import pytest

from harness.api import Api
from harness.phone import Phone
from harness.waiting import wait_for


@pytest.fixture(scope="module")
def gateway(module_gateway):
    return module_gateway().start()


@pytest.fixture(scope="module")
def numbers():
    return (f"+49151000{number:05}" for number in range(1, 99999))


def refused(gateway, number, **more):
    answer = gateway.api.request("POST", "/api/send-sms", json={"phone_number": number, "message": "Hello"} | more)
    return answer.json().get("code") if answer.status_code != 202 else None


def receive(gateway, number, text):
    """A phone receives it, and says so."""
    with contextlib.closing(Phone(gateway, "receiver", {"battery_level": 0})) as phone:  # so that it is given no message
        receive.count += 1
        phone.send({"type": "sms_received", "received_id": str(receive.count), "from": number, "message": text})
        assert phone.receive()["type"] == "sms_received_ack"


receive.count = 0


def test_stop_cancels_what_is_queued_and_refuses_what_comes_until_start(gateway, numbers):
    number, other = next(numbers), next(numbers)
    queued = [gateway.api.send(number)["message_id"] for _ in range(3)]
    for text in "Stop it!", "please STOP":
        receive(gateway, number, text)
    assert refused(gateway, number) is None
    receive(gateway, number, " stop ")
    for message_id in queued:
        message = gateway.api.get(f"/api/sms/{message_id}").json()
        assert (message["status"], message["error_code"]) == ("cancelled", "recipient_opted_out")
    assert gateway.api.get(f"/api/sms/{queued[0]}/events").json()["events"][-1]["reason"] == "opted_out"
    assert refused(gateway, number) == "recipient_opted_out"
    assert refused(gateway, other) is None
    assert gateway.api.get(f"/api/opt-outs/{number}").json() | {"since": None} == {
        "phone_number": number, "since": None, "source": "sms", "keyword": "STOP"}
    log = gateway.ws_broker.log()
    assert "recipient opted out" in log and number not in log
    receive(gateway, number, "START")
    assert refused(gateway, number) is None


def test_a_batch_names_those_to_remove(gateway, numbers):
    to = [next(numbers) for _ in range(5)]
    for index in (1, 3):
        assert gateway.api.request("POST", "/api/opt-outs", json={"phone_number": to[index]}).status_code == 201
    answer = gateway.api.request("POST", "/api/send-sms", json={"phone_numbers": to, "message": "Hello"})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "recipient_opted_out")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [
        ("/phone_numbers/1", "recipient_opted_out"), ("/phone_numbers/3", "recipient_opted_out")]
    assert gateway.api.request("POST", "/api/send-sms", json={"phone_numbers": to[::2], "message": "Hello"}).status_code == 202


def test_a_key_may_ignore_it(gateway, numbers):
    number = next(numbers)
    old = gateway.api.send(number)["message_id"]
    assert gateway.api.request("POST", "/api/opt-outs", json={"phone_number": number}).status_code == 201
    status, key, errors = gateway.keys_command("create", "codes", "--scopes", "send,resend", "--ignore-opt-out")
    assert status == 0, errors
    exempt = Api(gateway.url, key.strip())
    assert exempt.request("POST", "/api/send-sms", json={"phone_number": number, "message": "1234"}).status_code == 202
    answer = gateway.api.request("POST", f"/api/sms/{old}/resend")
    assert (answer.status_code, answer.json()["code"]) == (422, "recipient_opted_out")
    assert exempt.request("POST", f"/api/sms/{old}/resend").status_code == 202
    keys = json.loads(gateway.keys_command("list", "--json")[1])["keys"]
    assert [key["ignores_opt_out"] for key in keys if key["label"] == "codes"] == [True]
    exempt.close()


def test_the_list_by_the_api(gateway, numbers):
    number = next(numbers)
    api = gateway.api
    for status in 201, 200:
        answer = api.request("POST", "/api/opt-outs", json={"phone_number": f"{number[:4]} {number[4:]}"})
        assert (answer.status_code, answer.json()["source"], answer.json()["keyword"]) == (status, "api", None)
    assert api.request("POST", "/api/opt-outs", json={"phone_number": next(numbers)}).status_code == 201
    listed, link = [], "/api/opt-outs?limit=1"
    while link:
        page = api.get(link).json()
        assert page["count"] == len(page["opt_outs"]) <= 1
        listed += [opt_out["phone_number"] for opt_out in page["opt_outs"]]
        link = page["next"]
    assert listed == sorted(set(listed)) and number in listed
    assert [opt_out["phone_number"] for opt_out in api.get("/api/opt-outs").json()["opt_outs"]] == listed
    assert api.request("DELETE", f"/api/opt-outs/%2B{number[1:]}").json() == {"phone_number": number}
    for method, path in (("DELETE", number), ("GET", number), ("GET", "12345")):
        answer = api.request(method, f"/api/opt-outs/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "opt_out_not_found")
    for body, code in (({"phone_number": "12345"}, "invalid_phone_number"), ({}, "required"), ({"number": number}, "unknown_field")):
        answer = api.request("POST", "/api/opt-outs", json=body)
        assert answer.status_code == 422 and code in [error["code"] for error in answer.json()["errors"]]
    for query in "limit=0", "cursor=x", "cursor=after-x":
        assert api.get("/api/opt-outs?" + query).status_code == 422


def test_the_tool(gateway, numbers):
    def tool(*arguments, text=None):
        status, printed, errors = gateway.command("opt-outs", *arguments, "--json", text=text)
        assert status == 0, errors
        return json.loads(printed)

    number, *more = (next(numbers) for _ in range(4))
    queued = gateway.api.send(number)["message_id"]
    waiting = gateway.api.send(more[0])["message_id"]
    assert tool("add", number) == {"phone_number": number, "changed": True}
    assert tool("add", number)["changed"] is False
    assert gateway.api.get(f"/api/sms/{queued}").json()["status"] == "cancelled"
    (gateway.folder / "numbers.csv").write_text("phone_number,name\r\n" + "".join(f'"{each}",Ada\r\n' for each in more) + "\n")
    assert tool("import", "numbers.csv") == {"numbers": 3, "added": 3}
    assert tool("import", "-", text="\n".join((*more, number)) + "\n# end\n") == {"numbers": 4, "added": 0}
    gateway.api.wait_status(waiting, "cancelled")  # by housekeeping
    listed = tool("list")
    assert set(more) < {opt_out["phone_number"] for opt_out in listed["opt_outs"] if opt_out["source"] == "tool"}
    assert listed["count"] == len(listed["opt_outs"])
    assert f"{listed['count']} recipients have opted out." in gateway.command("opt-outs", "list")[1]
    status, _, errors = gateway.command("messages", "send", number, "Hello")
    assert status == 1 and "opted out" in errors
    assert tool("remove", number) == {"phone_number": number, "changed": True}
    assert refused(gateway, number) is None
    for arguments, text, words in ((("remove", number), None, "is not on the list"), (("add", "12345"), None, "the phone number"),
                                   (("import", "-"), f"{more[0]}\n0151\n", "line 2"), (("import", "nothing"), None, "cannot read nothing")):
        status, printed, errors = gateway.command("opt-outs", *arguments, text=text)
        assert status != 0 and printed == "" and words in errors, (arguments, errors)


def test_without_opt_outs_stop_is_an_sms_like_any_other(make_gateway):
    gateway = make_gateway(OPT_OUT="off").start()
    receive(gateway, "+4915112345678", "STOP")
    assert refused(gateway, "+4915112345678") is None
    assert gateway.api.get("/api/opt-outs").json()["count"] == 0
