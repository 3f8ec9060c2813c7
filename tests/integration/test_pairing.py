"""Device tokens: how phones get them, what they open, and how they end."""

import contextlib
import fcntl
import hashlib
import json
import os
import pty
import re
import sqlite3
import struct
import subprocess
import termios
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import websockets

from harness.api import Api, check_problem
from harness.gateway import Gateway, programs_folder
from harness.lan_certificate import LanCertificate
from harness.phone import AssuredPhone, Phone
from harness.waiting import LIMIT_SECONDS, wait_for

CODE = re.compile(r"code +((?:[0-9A-Z]{4}-){3}[0-9A-Z]{4})")


@pytest.fixture(scope="module")
def guarded(module_gateway):
    return module_gateway().start()


def new_code(gateway, *arguments):
    """A pairing code, as the command prints it."""
    status, output, errors = gateway.command("devices", "pair", *arguments)
    assert status == 0, errors
    return CODE.search(output).group(1)


def pair(gateway, code, device_id=None):
    body = {"code": code} if device_id is None else {"code": code, "device_id": device_id}
    return gateway.pairing_api().request("POST", "/api/pair", json=body)


def paired(gateway, device_id):
    """The token of a device that was paired with a code."""
    answer = pair(gateway, new_code(gateway, device_id))
    assert answer.status_code == 201, answer.text
    assert answer.json()["device_id"] == device_id
    return answer.json()["token"]


def refused(gateway, device_id, token, **options):
    """The status and code with which the gateway refuses a handshake."""
    with pytest.raises(websockets.InvalidStatusCode) as refusal:
        Phone(gateway, device_id, token=token, **options)
    return refusal.value.status_code


def refusal(gateway, device_id, *headers):
    """The whole answer to a handshake, by curl."""
    options = [option for header in headers for option in ("-H", header)]
    answer = subprocess.run(
        ["curl", "-sS", "--http1.1", "--max-time", "10", "-D", "/dev/stderr", *options,
         "-H", "Upgrade: websocket", "-H", "Connection: Upgrade", "-H", "Sec-WebSocket-Version: 13",
         "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
         f"{gateway.url}/ws/device/{device_id}"], capture_output=True, text=True, check=True)
    body = json.loads(answer.stdout)
    head = answer.stderr
    status = int(head.split()[1])
    check_problem(status, re.search(r"(?i)content-type: (\S+)", head).group(1), body)
    return status, body["code"], head


# ---- Getting one ----


def test_a_phone_is_paired_with_the_code_that_the_command_prints(guarded):
    token = paired(guarded, "by-command")
    phone = Phone(guarded, "by-command", token=token)
    message = guarded.api.send()
    assert phone.receive_sms()["message_id"] == message["message_id"]
    phone.report(message["message_id"], "sent")
    guarded.api.wait_status(message["message_id"], "sent")
    phone.close()


def test_a_phone_is_paired_with_the_code_that_the_api_gives(guarded):
    made = guarded.api.request("POST", "/api/pairings", json={"minutes": 1})
    assert made.status_code == 201, made.text
    made = made.json()
    uri = urlsplit(made["uri"])
    assert (uri.scheme, uri.netloc) == ("sms-gateway", "pair")
    assert parse_qs(uri.query) == {"url": [guarded.url], "code": [made["code"]]}
    typed = made["code"].lower().replace("-", " ").replace("0", "o").replace("1", "l")
    answer = pair(guarded, typed).json()
    assert answer["path"] == f"/ws/device/{answer['device_id']}"
    phone = AssuredPhone(guarded, answer["device_id"], token=answer["token"])
    assert answer["device_id"] in guarded.api.devices()
    phone.close()


def decode(image):
    """What a reader of QR codes that nobody here wrote sees in a picture."""
    output = subprocess.run(["zbarimg", "-q", "--raw", image], capture_output=True, text=True,
                            check=False)
    assert output.returncode == 0, output
    return output.stdout.strip()


def write_picture(rows, path):
    """A PGM from rows of modules, each eight pixels wide."""
    scale = 8
    lines = ["P2", f"{len(rows[0]) * scale} {len(rows) * scale}", "1"]
    for row in rows:
        line = " ".join(("0" if dark else "1") for dark in row for _ in range(scale))
        lines += [line] * scale
    path.write_text("\n".join(lines) + "\n")


def in_a_terminal(gateway, rows, columns, *arguments, **environment):
    """What sms-gateway writes to a terminal of that size, and to stderr."""
    own, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        [programs_folder(gateway.build) / "sms-gateway", *arguments], cwd=gateway.folder, stdin=terminal, stdout=terminal,
        stderr=subprocess.PIPE, env=gateway.environment | {"LANG": "C.UTF-8"} | environment)
    os.close(terminal)
    output = b""
    with contextlib.suppress(OSError):  # which is how a terminal ends
        while data := os.read(own, 65536):
            output += data
    os.close(own)
    errors = process.communicate()[1].decode()
    assert process.returncode == 0, errors
    return output.decode().replace("\r\n", "\n"), errors


def modules_of(output):
    """The rows of modules of a code in a terminal; 1 is dark."""
    halves = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}
    rows = []
    for line in re.findall(r"\x1b\[40;37;1m(.*)\x1b\[0m", output):
        rows += list(zip(*(halves[character] for character in line)))
    if not rows:
        rows = [[int(colour == "0") for colour in re.findall(r"\x1b\[4([07])m  ", line)]
                for line in output.split("\n") if "\x1b[4" in line]
    return rows


def decode_in_the_dark(rows, path):
    """As a reader does from a terminal that is dark around the code."""
    width = len(rows[0]) + 40
    write_picture([[1] * width] * 20 + [[1] * 20 + [*row] + [1] * 20 for row in rows] + [[1] * width] * 20, path)
    return decode(path)


def link_of(output):
    return re.search(r"link +(\S+)", output).group(1)


def test_the_qr_code_in_the_terminal_is_the_link(guarded, tmp_path):
    output, _ = in_a_terminal(guarded, 50, 120, "devices", "pair", "by-qr")
    link = link_of(output)
    assert decode_in_the_dark(modules_of(output), tmp_path / "terminal.pgm") == link
    assert pair(guarded, parse_qs(urlsplit(link).query)["code"][0]).status_code == 201


@pytest.mark.parametrize("url", ["https://192.168.100.200:8443", "https://sms.example.org"])
def test_in_a_terminal_of_80_to_24_the_whole_code_is_on_the_screen(guarded, tmp_path, url):
    """Also with the fingerprint of a CA, which is most of a link."""
    lan = LanCertificate(tmp_path, "sms.example.org", "192.168.100.200")
    output, errors = in_a_terminal(guarded, 24, 80, "devices", "pair", PUBLIC_URL=url,
                                   **{name: str(path) for name, path in lan.settings.items()})
    assert errors == ""
    screen = output.split("\n")[-24:]  # the prompt is behind the last
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in screen) <= 80
    shown = parse_qs(urlsplit(decode_in_the_dark(modules_of("\n".join(screen)), tmp_path / "code.pgm")).query)
    printed = parse_qs(urlsplit(link_of(output)).query)
    assert (shown["url"], shown["code"]) == (printed["url"], printed["code"]) == ([url], printed["code"])
    assert shown["ca"][0].lower() == printed["ca"][0]


def test_a_terminal_that_is_too_small_or_without_utf8_is_told_so(guarded, tmp_path):
    output, errors = in_a_terminal(guarded, 10, 80, "devices", "pair")
    assert re.search(r"WARNING: the QR code needs a terminal of \d+ lines and \d+ columns; .*--svg FILE", errors)
    output, errors = in_a_terminal(guarded, 24, 80, "devices", "pair", LANG="C")
    assert "without UTF-8 (LANG=C.UTF-8 halves that)" in errors
    assert "█" not in output
    shown = decode_in_the_dark(modules_of(output), tmp_path / "spaces.pgm")
    assert parse_qs(urlsplit(shown).query) == parse_qs(urlsplit(link_of(output)).query)
    output, errors = in_a_terminal(guarded, 90, 200, "devices", "pair", LC_ALL="POSIX")
    assert "UTF-8" not in errors and "█" not in output


def test_without_a_terminal_there_is_no_picture_and_svg_draws_it_into_a_file(guarded, tmp_path):
    status, output, errors = guarded.command("devices", "pair")
    assert status == 0 and "--svg FILE" in errors and "\x1b" not in output
    path = tmp_path / "code.svg"
    status, output, errors = guarded.command("devices", "pair", "--svg", path)
    assert status == 0, errors
    assert path.stat().st_mode & 0o777 == 0o600
    assert decode_svg(path.read_text(), tmp_path / "svg.pgm") == link_of(output)
    assert guarded.command("devices", "pair", "--svg", tmp_path / "missing/x.svg")[0] == 1


def decode_svg(svg, path):
    size = int(re.search(r'viewBox="0 0 (\d+) ', svg).group(1))
    rows = [[0] * size for _ in range(size)]
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1", svg):
        rows[int(y)][int(x):int(x) + int(width)] = [1] * int(width)
    write_picture(rows, path)
    return decode(path)


def test_the_qr_code_of_the_api_is_the_link(guarded, tmp_path):
    made = guarded.api.request("POST", "/api/pairings", json={}).json()
    assert decode_svg(made["qr_svg"], tmp_path / "svg.pgm") == made["uri"]
    border = "0" * 4
    rows = [border + row + border for row in made["qr"]]
    around = ["0" * len(rows[0])] * 4
    write_picture([[int(module) for module in row] for row in around + rows + around], tmp_path / "rows.pgm")
    assert decode(tmp_path / "rows.pgm") == made["uri"]


def test_a_code_works_once(guarded):
    code = new_code(guarded, "once")
    assert pair(guarded, code).status_code == 201
    answer = pair(guarded, code)
    assert (answer.status_code, answer.json()["code"]) == (403, "pairing_code_invalid")


def test_of_many_that_use_a_code_at_once_one_is_paired(guarded):
    code = new_code(guarded)
    processes = [subprocess.Popen(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--interface", f"127.0.3.{i}",
         "-H", "Content-Type: application/json", "-d", json.dumps({"code": code}),
         f"{guarded.url}/api/pair"], stdout=subprocess.PIPE, text=True) for i in range(1, 13)]
    statuses = [process.communicate(timeout=LIMIT_SECONDS)[0] for process in processes]
    assert sorted(statuses) == ["201"] + ["403"] * 11


def insert_code(gateway, code, expires_at_ms):
    """As the command does. The gateway does not run."""
    database = sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS)
    database.execute("INSERT INTO pairing (code_hash, expires_at_ms) VALUES (?, ?)",
                     (hashlib.sha256(code.replace("-", "").encode()).digest(), expires_at_ms))
    database.commit()
    database.close()


def test_a_code_ends_with_its_time(make_gateway):
    gateway = make_gateway()
    gateway.make_database()
    now_ms = int(time.time() * 1000)
    insert_code(gateway, "AAAA-AAAA-AAAA-AAAA", now_ms - 1)
    insert_code(gateway, "BBBB-BBBB-BBBB-BBBB", now_ms + 3600 * 1000)
    gateway.start()
    answer = pair(gateway, "AAAA-AAAA-AAAA-AAAA")
    assert (answer.status_code, answer.json()["code"]) == (403, "pairing_code_invalid")
    assert pair(gateway, "BBBB-BBBB-BBBB-BBBB").status_code == 201
    new_code(gateway)  # throws away what is over
    assert gateway.query("SELECT count(*) FROM pairing WHERE expires_at_ms < ?", now_ms) == [(0,)]


@pytest.mark.parametrize("body, pointer", [
    ({}, "/code"), ({"code": 1}, "/code"), ({"code": "K7QM"}, "/code"),
    ({"code": "K7QM-3XTN-0V9B-AH2E", "device_id": "a b"}, "/device_id"),
    ({"code": "K7QM-3XTN-0V9B-AH2E", "device_id": ""}, "/device_id"),
    ({"code": "K7QM-3XTN-0V9B-AH2E", "device_id": None}, "/device_id"),
    ({"code": "K7QM-3XTN-0V9B-AH2E", "phone": "mine"}, "/phone"),
])
def test_a_wrong_request_to_pair_says_what_is_wrong(guarded, body, pointer):
    answer = guarded.pairing_api().request("POST", "/api/pair", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("body, pointer", [
    ({"minutes": 0}, "/minutes"), ({"minutes": 61}, "/minutes"), ({"minutes": "1"}, "/minutes"),
    ({"device_id": "a/b"}, "/device_id"), ({"device": "a"}, "/device"),
])
def test_an_invalid_request_for_a_code_is_explained(guarded, body, pointer):
    answer = guarded.api.request("POST", "/api/pairings", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_phone_cannot_choose_the_id_of_another(guarded):
    token = paired(guarded, "taken")
    code = new_code(guarded)
    answer = pair(guarded, code, "taken")
    assert (answer.status_code, answer.json()["code"]) == (409, "device_id_taken")
    Phone(guarded, "taken", token=token).close()
    assert pair(guarded, code, "not-taken").json()["device_id"] == "not-taken"  # nothing was used up


def test_the_device_of_a_code_counts_more_than_the_phones_wish(guarded):
    assert pair(guarded, new_code(guarded, "wanted"), "wished").json()["device_id"] == "wanted"


@pytest.mark.parametrize("arguments, words", [
    (("pair", "a b"), "1 to 64 letters"), (("pair", "--minutes", "61"), "1 to 60"),
    (("pair", "--minutes", "x"), "1 to 60"), (("revoke", "nobody"), "no paired phone"),
    (("token", ""), "1 to 64 letters"), (("token",), "needs DEVICE_ID"), (("unpair",), "actions are pair, token"),
])
def test_the_command_says_what_is_wrong(guarded, arguments, words):
    status, _, errors = guarded.command("devices", *arguments)
    assert status != 0 and words in errors


# ---- What it opens ----


def test_handshakes_without_the_right_token_are_refused(guarded):
    own, other = paired(guarded, "own"), paired(guarded, "other")
    mistyped = own[:-1] + ("0" if own[-1] != "0" else "1")
    for headers, wanted in [
            ([], (401, "device_token_required")),
            (["Authorization: Basic dXNlcjpwYXNz"], (401, "device_token_required")),
            (["Authorization: Bearer x"], (401, "device_token_invalid")),
            ([f"Authorization: Bearer {mistyped}"], (401, "device_token_invalid")),
            ([f"Authorization: Bearer {guarded.api_key()}"], (401, "device_token_invalid")),
            ([f"Authorization: Bearer {other}"], (403, "device_token_wrong_device")),
    ]:
        status, code, head = refusal(guarded, "own", *headers)
        assert (status, code) == wanted
        assert ("www-authenticate: bearer" in head.lower()) == (status == 401)
    Phone(guarded, "own", token=own).close()


def test_no_phone_connects_before_one_is_paired(make_gateway):
    gateway = make_gateway().start()
    assert refused(gateway, "phone", "") == 401


def test_a_device_token_is_no_api_key(guarded):
    token = paired(guarded, "no-key")
    answer = Api(guarded.url, token).get("/api/sms")
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_invalid")


def test_an_app_may_send_any_origin_with_its_token_and_a_page_has_none(guarded):
    token = paired(guarded, "page")
    for origin in (guarded.url, "https://example.org", "file://", "null"):
        Phone(guarded, "page", token=token, origin=origin).close()
        assert refused(guarded, "page", "", origin=origin) == 401


def test_tokens_are_kept_as_hashes_and_stay_out_of_the_logs(guarded):
    token = paired(guarded, "secret")
    Phone(guarded, "secret", token=token).close()
    refusal(guarded, "other-device", f"Authorization: Bearer {token}")
    for path in guarded.folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert token.encode() not in data and token[17:].encode() not in data, path


# ---- How it ends ----


@pytest.mark.parametrize("how", ["command", "api"])
@pytest.mark.parametrize("kind", [Phone, AssuredPhone])
def test_a_revoked_phone_is_disconnected_and_stays_out(guarded, how, kind):
    device_id = f"revoked-{how}-{kind.__name__}"
    token = paired(guarded, device_id)
    phone = kind(guarded, device_id, token=token)
    if how == "command":
        assert guarded.command("devices", "revoke", device_id)[0] == 0
    else:
        answer = guarded.api.request("DELETE", f"/api/devices/{device_id}")
        assert answer.status_code == 200 and answer.json()["device_id"] == device_id
    assert phone.closed() == (4003, "device_revoked")
    assert refused(guarded, device_id, token) == 401
    answer = guarded.api.request("DELETE", f"/api/devices/{device_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "device_not_paired")


def test_a_revoked_phone_is_found_without_the_doorbell(make_gateway):
    gateway = make_gateway(SWEEP_INTERVAL_SECONDS=60).start()
    token = gateway.device_token("phone")
    phone = Phone(gateway, "phone", token=token)
    (gateway.folder / "run/doorbell.sock").unlink()
    assert gateway.command("devices", "revoke", "phone")[0] == 0
    assert phone.closed() == (4003, "device_revoked")


def test_a_phone_that_pairs_again_replaces_the_old_one(guarded):
    old = paired(guarded, "anew")
    phone = Phone(guarded, "anew", token=old)
    new = paired(guarded, "anew")
    assert phone.closed()[0] == 4003
    assert refused(guarded, "anew", old) == 401
    Phone(guarded, "anew", token=new).close()
    listed = guarded.command("devices", "list")[1]
    assert re.search(r"^anew +active ", listed, re.M), listed


def test_what_a_revoked_phone_was_offered_goes_to_another(make_gateway):
    gateway = make_gateway().start()
    phone = AssuredPhone(gateway, "first", token=gateway.device_token("first"))
    message = gateway.api.send()
    assert phone.receive_offer()[0] == message["message_id"]
    gateway.command("devices", "revoke", "first")
    assert phone.closed(LIMIT_SECONDS)[0] == 4003
    other = AssuredPhone(gateway, "second", token=gateway.device_token("second"))
    assert other.take()[0] == message["message_id"]


def test_a_revoked_phone_cannot_slip_in_while_its_broker_is_away(make_gateway):
    gateway = make_gateway().start()
    token = gateway.device_token("phone")
    Phone(gateway, "phone", token=token).close()
    gateway.ws_broker.kill()
    assert gateway.command("devices", "revoke", "phone")[0] == 0
    gateway.ws_broker.start()
    wait_for(lambda: refused(gateway, "phone", token) == 401, "the phone to be refused")


def test_a_token_that_two_phones_use_is_quarantined(guarded):
    token = paired(guarded, "cloned")
    phone = Phone(guarded, "cloned", token=token)
    for _ in range(3):
        other, phone = phone, Phone(guarded, "cloned", token=token, hello=False)
        phone.send({"device_name": "one of two"})
        assert other.closed() == (4001, "replaced")
    assert phone.closed() == (4003, "device_quarantined")
    wait_for(lambda: "quarantined" in guarded.command("devices", "list")[1], "the list to say so")
    assert refused(guarded, "cloned", token) == 401
    assert "two phones use one device token" in guarded.ws_broker.log()
    Phone(guarded, "cloned", token=paired(guarded, "cloned")).close()  # the owner's phone again


def test_a_phone_that_loses_its_connection_often_is_not_quarantined(guarded):
    token = paired(guarded, "flapping")
    for _ in range(6):
        Phone(guarded, "flapping", token=token).drop()
    Phone(guarded, "flapping", token=token).close()


def test_codes_for_a_device_end_when_it_is_revoked(guarded):
    paired(guarded, "withdrawn")
    code, other = new_code(guarded, "withdrawn"), new_code(guarded, "not-withdrawn")
    assert guarded.command("devices", "revoke", "withdrawn")[0] == 0
    assert pair(guarded, code).status_code == 403
    assert pair(guarded, other).status_code == 201


def test_the_old_token_cannot_end_the_new_one(guarded):
    """Takeovers count for the token they were made with."""
    old = paired(guarded, "renewed")
    phone = Phone(guarded, "renewed", token=old)
    for _ in range(2):  # one more, and it would be quarantined
        other, phone = phone, Phone(guarded, "renewed", token=old)
        assert other.closed() == (4001, "replaced")
    new = paired(guarded, "renewed")
    owner = Phone(guarded, "renewed", token=new)
    assert phone.closed()[0] in (4001, 4003)
    message = guarded.api.send()
    assert owner.receive_sms()["message_id"] == message["message_id"]
    owner.close()
    assert re.search(r"^renewed +active ", guarded.command("devices", "list")[1], re.M)


def test_more_revoked_phones_than_one_query_returns_are_disconnected(make_gateway):
    gateway = make_gateway().start()
    names = [f"phone-{i}" for i in range(300)]
    gateway.tokens_of(names)
    phones = [Phone(gateway, name) for name in names]
    again = gateway.command("devices", "token", "-", text="\n".join(names))
    assert again[0] == 0
    for phone in phones:
        assert phone.closed()[0] == 4003


# ---- The handshake thread beside the loop ----


@pytest.fixture
def watched_threads(tmp_path):
    """A gateway under ThreadSanitizer, whatever the build of the other tests."""
    gateway = Gateway(tmp_path, "thread")
    yield gateway.start()
    gateway.stop()  # which wants it to have nothing to report


def test_many_phones_connect_and_are_disconnected_at_once(watched_threads):
    gateway = watched_threads
    names = [f"phone-{i}" for i in range(40)]
    gateway.tokens_of(names)
    for _ in range(2):
        phones = [(AssuredPhone if i % 2 else Phone)(gateway, name) for i, name in enumerate(names)]
        for _ in range(20):
            gateway.api.send()
        for name in names[:4]:
            assert gateway.command("devices", "revoke", name)[0] == 0
            assert refused(gateway, name, gateway.device_tokens.pop(name)) == 401
        for phone in phones[:4]:
            assert phone.closed()[0] == 4003
        for phone in phones[4:]:
            phone.drop()
