"""API keys: every route without a key, and with every kind of invalid key."""

import contextlib
import hashlib
import itertools
import re
import secrets
import socket
import sqlite3
import string
import time

import pytest

from harness.api import Api, description
from harness.gateway import ROOT
from harness.phone import Phone
from harness.waiting import LIMIT_SECONDS

SCOPES = ("send", "read", "text", "devices", "metrics", "pair", "resend", "inbox", "webhooks", "opt_outs", "keys", "sending")
DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase


def routes():
    """(method, path template, scope or None) of the OpenAPI description."""
    for path, operations in description()["paths"].items():
        for method, operation in operations.items():
            security = operation.get("security", description()["security"])
            yield method.upper(), path, security[0]["apiKey"][0] if security else None


PROTECTED = [route for route in routes() if route[2]]
OPEN = [route[:2] for route in routes() if not route[2]]


def new_key():
    """A key that is made as it should be, and that no gateway has."""
    text = "sgw_" + "".join(secrets.choice(DIGITS) for _ in range(12)) + "_" + \
        "".join(secrets.choice(DIGITS) for _ in range(43))
    check = hashlib.sha256(text.encode()).digest()
    return text + "".join(DIGITS[byte % 62] for byte in check[:6])


def insert_key(gateway, key, expires_at_ms):
    """As the command does, but with an end in the past. The gateway does not run."""
    database = sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS)
    database.execute("INSERT INTO api_key (id, hash, label, scopes, created_at_ms, expires_at_ms)"
                     " VALUES (?, ?, 'expired', 31, 1, ?)",
                     (key[4:16], hashlib.sha256(key.encode()).digest(), expires_at_ms))
    database.commit()
    database.close()


@pytest.fixture(scope="module")
def locked(module_gateway):
    """A gateway that wants keys: (gateway, keys by what is wrong with them, an API that may all)."""
    gateway = module_gateway().make_database()
    keys = {"all": gateway.make_key(*SCOPES), "expired": new_key(), "unknown": new_key()}
    insert_key(gateway, keys["expired"], int(time.time() * 1000) - 1)
    gateway.start()
    keys["revoked"] = gateway.make_key(*SCOPES)
    status, _, errors = gateway.keys_command("revoke", keys["revoked"][4:16])
    assert status == 0, errors
    api = Api(gateway.url, keys["all"])
    keys["message_id"] = api.send(message="the code is 4711")["message_id"]
    yield gateway, keys, api
    api.close()


def example_of(method, path):
    """The body that the description gives as an example; None where the route takes none."""
    operation = description()["paths"][path.split("?")[0]].get(method.lower(), {}) \
        if path.split("?")[0] in description()["paths"] else {}
    media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    examples = [example["value"] for example in media.get("examples", {}).values()]
    return media.get("example", examples[0] if examples else None)


def ask(locked, method, path, key=None, authorization=None, parts=None):
    gateway, keys, _ = locked
    headers = {"Authorization": authorization} if authorization is not None else {}
    example = example_of(method, path)
    body = {} if example is None else {"json": example}
    api = Api(gateway.url, key)
    for name, value in ({"{message_id}": keys["message_id"]} | (parts or {})).items():
        path = path.replace(name, value)
    answer = api.request(method, path, headers=headers, **body)
    api.close()
    return answer


def test_the_description_says_what_each_route_needs():
    """And a route that needs nothing is one of few: who adds another, changes this line too."""
    assert {scope for *_, scope in PROTECTED} | {"text"} == set(SCOPES)
    assert set(OPEN) == {("GET", "/livez"), ("GET", "/readyz"), ("POST", "/api/pair"), ("GET", "/api/session"),
                         ("POST", "/api/session"), ("DELETE", "/api/session")}


def test_the_table_of_routes_says_the_same():
    """Each row has a scope or 0, and no other way past the authorization."""
    text = (ROOT / "api-fcgi/routes.c").read_text()
    rows = re.findall(r'\{"([A-Z]+)", "([^"]+)", \d+, (\w+),\s', text)
    assert len(rows) == len(re.findall(r'^    \{"', text, re.M))
    assert {(method, path, None if scope == "0" else scope.removeprefix("API_SCOPE_").lower())
            for method, path, scope in rows} | {("GET", "/api/events", "read")} == set(routes())  # that is the broker's


def test_scopes_are_of_the_only_kind_of_key_that_is_described():
    assert set(description()["components"]["securitySchemes"]) == {"apiKey"}
    for path, operations in description()["paths"].items():
        for method, operation in operations.items():
            needs = operation.get("security", description()["security"])
            assert needs == [] or len(needs) == 1 and len(needs[0]["apiKey"]) == 1, (method, path)


@pytest.mark.parametrize("method, path, _", PROTECTED)
def test_without_a_key_nothing_is_answered(locked, method, path, _):
    answer = ask(locked, method, path)
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_required")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="sms-gateway"'


@pytest.mark.parametrize("path", [path for method, path, _ in PROTECTED if method == "GET"])
def test_asking_for_the_head_alone_needs_the_key_too(locked, path):
    assert ask(locked, "HEAD", path).status_code == 401


@pytest.mark.parametrize("method, path, _", PROTECTED)
@pytest.mark.parametrize("malformed", ["", "sgw_", "{}x", "{0}{0}", "Basic {}", "{}", "Bearer  x {}"])
def test_a_malformed_key_opens_nothing(locked, method, path, _, malformed):
    authorization = malformed.format(locked[1]["all"])
    if malformed in ("{}x", "sgw_"):
        authorization = "Bearer " + authorization
    answer = ask(locked, method, path, authorization=authorization)
    assert answer.status_code == 401
    assert answer.json()["code"] in ("api_key_required", "api_key_invalid")


@pytest.mark.parametrize("method, path", OPEN)
def test_the_open_routes_need_no_key(locked, method, path):
    answer = ask(locked, method, path)
    if path == "/api/pair":  # the code is the key
        assert (answer.status_code, answer.json()["code"]) == (403, "pairing_code_invalid")
    elif (method, path) == ("POST", "/api/session"):  # the link is, for the gateway's own page
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_refused")
    else:
        assert answer.status_code == 200


@pytest.mark.parametrize("method, path, _", PROTECTED)
@pytest.mark.parametrize("kind", ["unknown", "expired", "revoked"])
def test_an_inactive_key_opens_nothing(locked, method, path, _, kind):
    answer = ask(locked, method, path, locked[1][kind])
    code = "api_key_invalid" if kind == "unknown" else f"api_key_{kind}"
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("method, path, scope", PROTECTED)
def test_a_key_with_every_other_scope_is_not_enough(locked, method, path, scope):
    key = locked[0].make_key(*(other for other in SCOPES if other != scope))
    answer = ask(locked, method, path, key)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert f'scope="{scope}"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("method, path, scope", PROTECTED)
def test_the_scope_of_the_route_is_enough(locked, method, path, scope):
    gateway, _, api = locked
    message_id = api.send()["message_id"]
    if path.endswith("/resend"):
        assert api.request("DELETE", f"/api/sms/{message_id}").status_code == 200
    if "{device_id}" in path:
        assert gateway.command("devices", "token", "phone")[0] == 0
    parts = {"{message_id}": message_id, "{device_id}": "phone"}
    if "{batch_id}" in path:
        message = {"phone_number": "+1234567890", "message": "text"}
        parts["{batch_id}"] = api.request("POST", "/api/batches", json={"messages": [message]}).json()["batch_id"]
    if "{webhook_id}" in path:
        parts["{webhook_id}"] = api.request("POST", "/api/webhooks", json={"url": "https://receiver.example/"}).json()["webhook_id"]
    if "{key_id}" in path:
        parts["{key_id}"] = gateway.make_key("read")[4:16]
    if "{phone_number}" in path:
        parts["{phone_number}"] = "+1234567891"
        assert api.request("POST", "/api/opt-outs", json={"phone_number": "+1234567891"}).status_code in (200, 201)
    if "{incoming_id}" in path:
        with contextlib.closing(Phone(gateway, "receiver")) as phone:
            phone.send({"type": "sms_received", "received_id": "1", "from": "72000", "message": "text"})
            while phone.receive()["type"] != "sms_received_ack":
                pass  # it is given messages too
        parts["{incoming_id}"] = api.get("/api/inbox").json()["incoming"][0]["incoming_id"]
    if path == "/api/events":
        method = "HEAD"  # the stream itself would not end
    answer = ask(locked, method, path, gateway.make_key(scope), parts=parts)
    assert answer.status_code < 300, answer.text
    if path == "/api/sending/pause":
        assert api.request("POST", "/api/sending/resume", json={}).status_code == 200


@pytest.mark.parametrize("header", [
    "", "Bearer", "Bearer ", "Basic {}", "bearer:{}", "{}", "Bearer {} {}", "Bearer {},{}",
    "Bearer x{}", "Bearer {}x", 'Bearer "{}"', "Bearer sgw_", "Bearer " + "a" * 4000,
    "Bearer \t{}", "Digest {}", "Bearer null", "Bearer %00",
])
def test_other_authorization_schemes_are_refused(locked, header):
    key = locked[1]["all"]
    answer = ask(locked, "GET", "/api/sms", authorization=header.format(key, key))
    assert answer.status_code == 401
    assert answer.json()["code"] in ("api_key_required", "api_key_invalid")


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "BEARER   {}"])
def test_the_word_bearer_is_known_in_any_case(locked, header):
    answer = ask(locked, "GET", "/api/sms", authorization=header.format(locked[1]["all"]))
    assert answer.status_code == 200


def test_a_key_with_one_wrong_character_is_refused(locked):
    key = locked[1]["all"]
    for place in (0, 5, 16, 30, 59, 60, 65):
        wrong = key[:place] + ("A" if key[place] != "A" else "B") + key[place + 1:]
        assert ask(locked, "GET", "/api/sms", wrong).status_code == 401


def test_the_right_id_with_another_secret_is_refused(locked):
    other = new_key()
    text = locked[1]["all"][:17] + other[17:60]
    check = hashlib.sha256(text.encode()).digest()
    wrong = text + "".join(DIGITS[byte % 62] for byte in check[:6])
    answer = ask(locked, "GET", "/api/sms", wrong)
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_invalid")


@pytest.mark.parametrize("place", ["?key={}", "?access_token={}", "?api_key={}"])
def test_a_key_in_the_address_does_not_count(locked, place):
    answer = ask(locked, "GET", "/api/sms" + place.format(locked[1]["all"]))
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_required")


def test_two_keys_at_once_are_refused(locked):
    gateway, keys, _ = locked
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(f"GET /api/sms HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                           f"Authorization: Bearer {keys['unknown']}\r\n"
                           f"Authorization: Bearer {keys['all']}\r\n\r\n".encode())
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_the_key_is_asked_for_before_the_body_is_read(locked):
    gateway, _, _ = locked
    api = Api(gateway.url)
    for body in (b"", b"{", b"[]"):
        answer = api.request("POST", "/api/send-sms", data=body)
        assert answer.status_code == 401
    api.close()


def test_message_texts_need_the_text_scope(locked):
    gateway, keys, _ = locked
    path = f"/api/sms/{keys['message_id']}"
    for scopes, text in ((("read",), None), (("read", "text"), "the code is 4711")):
        key = gateway.make_key(*scopes)
        assert ask(locked, "GET", path, key).json()["message"] == text
        messages = ask(locked, "GET", "/api/sms?limit=1000", key).json()["messages"]
        assert {m["message_id"]: m["message"] for m in messages}[keys["message_id"]] == text


def test_a_revoked_key_opens_nothing_from_then_on(locked):
    gateway, _, _ = locked
    first, second = gateway.make_key("read"), gateway.make_key("read")  # two at once, to change over
    assert ask(locked, "GET", "/api/sms", first).status_code == 200
    assert gateway.keys_command("revoke", first[4:16])[0] == 0
    assert ask(locked, "GET", "/api/sms", first).status_code == 401
    assert ask(locked, "GET", "/api/sms", second).status_code == 200


def test_nothing_that_is_kept_has_a_key_in_it(locked):
    gateway, keys, _ = locked
    kept = [path for path in itertools.chain(gateway.folder.glob("data/*"), gateway.folder.glob("*.log"),
                                             gateway.folder.glob("run/*.log")) if path.is_file()]
    assert len(kept) > 5
    for path in kept:
        content = path.read_bytes()
        for name in ("all", "expired", "unknown", "revoked"):
            assert keys[name][17:60].encode() not in content, path


def test_the_log_says_whose_key_sent_and_cancelled(locked):
    gateway, _, _ = locked
    key = gateway.make_key("send", "read")
    api = Api(gateway.url, key)
    message_id = api.send()["message_id"]
    assert api.request("DELETE", f"/api/sms/{message_id}").status_code == 200
    api.close()
    lines = [line for line in gateway.api_fcgi.log().splitlines() if message_id in line]
    assert len(lines) == 2 and all(f" key={key[4:16]} " in line for line in lines), lines


# ---- The command ----


def test_keys_are_made_listed_and_revoked(make_gateway):
    gateway = make_gateway().make_database()  # it has never run
    assert "no key yet" in gateway.keys_command("list")[1]
    status, key, told = gateway.keys_command("create", "web shop", "--scopes", "read,send",
                                             "--days", "90")
    assert status == 0 and re.fullmatch(r"sgw_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}\n", key)
    assert told == f"Key {key[4:16]} with the scopes send,read, shown only once:\n"
    status, table, errors = gateway.keys_command("list")
    line = next(line for line in table.splitlines() if "web shop" in line)
    assert status == 0 and line.startswith(key[4:16]) and "active" in line and "send,read" in line
    ends = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 90 * 86400))
    assert ends in line and key[17:60] not in table and not errors
    assert gateway.keys_command("revoke", key[4:16])[0] == 0
    assert "revoked" in gateway.keys_command("list")[1]
    status, _, errors = gateway.keys_command("revoke", key[4:16])
    assert status == 1 and "no active key" in errors


@pytest.mark.parametrize("arguments, told", [
    ([], "usage:"), (["create"], "needs LABEL"), (["revoke"], "needs ID"),
    (["list", "x"], "no argument"), (["create", "a", "b"], "in quotes"),
    (["--wrong", "list"], "no option --wrong"), (["list", "--days", "3"], "no option --days"),
    (["create", "x", "--days"], "needs a value"), (["list", "--json=yes"], "--json takes no value"),
    (["make", "x"], "create, list and revoke"), (["create", ""], "1 to 64 bytes"),
    (["create", "x" * 65], "1 to 64 bytes"), (["create", "x", "--scopes", "all"], '"all"'),
    (["create", "x", "--scopes", ""], "no scope"), (["create", "x", "--scopes", "send,"], "no scope"),
    (["create", "x", "--days", "0"], "1 to 3650"), (["create", "x", "--days", "3651"], "1 to 3650"),
    (["create", "x", "--days", "1.5"], "1 to 3650"), (["create", "x", "--days", ""], "1 to 3650"),
    (["revoke", "x" * 13], "12 characters"), (["list", "--env-file", "missing"], "cannot be read"),
])
def test_a_wrong_use_says_what_to_change(locked, arguments, told):
    status, printed, errors = locked[0].keys_command(*arguments)
    assert status == 2 and told in errors and not printed


def test_a_key_is_only_revoked(make_gateway):
    gateway = make_gateway().make_database()
    gateway.make_key()
    database = sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS)
    for change in ("scopes = 31", "expires_at_ms = 1", "hash = randomblob(32)", "id = 'x'"):
        with pytest.raises(sqlite3.IntegrityError, match="made once"):
            database.execute(f"UPDATE api_key SET {change}")
    database.close()
