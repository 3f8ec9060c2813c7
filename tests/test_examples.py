"""The examples of deploy/examples work as they are: each client sends through a real gateway over TLS, with a key that may do no
more than the page says; the phone pairs, sends by its command, and sends nothing twice."""

import asyncio
import base64
import hmac
import http.client
import http.server
import json
import os
import subprocess
import threading
import time

import pytest
import websockets

from harness.gateway import ROOT
from harness.lan_certificate import LanCertificate
from harness.phone_sim import PhoneSim
from harness.waiting import LIMIT_SECONDS, wait_for

EXAMPLES = ROOT / "deploy/examples"
# Where each language's TLS takes the CA from.
CLIENTS = {"send.sh": "CURL_CA_BUNDLE", "send.py": "SSL_CERT_FILE", "send.mjs": "NODE_EXTRA_CA_CERTS", "send.php": "SSL_CERT_FILE"}

RECEIVERS = ("receive.py", "receive.mjs")


@pytest.fixture(scope="module")
def build():
    return "release"


@pytest.fixture
def certificate(tmp_path):
    return LanCertificate(tmp_path, "127.0.0.1")


@pytest.fixture
def gateway(make_gateway, certificate):
    gateway = make_gateway(**certificate.settings)
    gateway.environment["PUBLIC_URL"] = gateway.https_url = f"https://127.0.0.1:{gateway.https_port}"
    return gateway.start()


def run(example, *arguments, **environment):
    return subprocess.run([EXAMPLES / example, *arguments], text=True, capture_output=True, timeout=LIMIT_SECONDS, check=False,
                          env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "no_proxy": "*"} | environment)


def test_there_is_no_example_without_a_test():
    assert {path.name for path in EXAMPLES.iterdir()} == {*CLIENTS, *RECEIVERS, "basic_phone.py", "README.md", "balancer.conf"}  # the last is run by torture/test_two_hosts.py


def test_the_clients_send_follow_and_list(gateway, certificate):
    access = {"GATEWAY_URL": gateway.https_url, "API_KEY": gateway.make_key("send", "read")}
    phone = PhoneSim(gateway, 1, "--send-ms", "10", "--report-ms", "10")
    try:
        for number, (example, ca) in enumerate(CLIENTS.items()):
            text = 'It\'s "quoted", \\ and ünïcode €'
            result = run(example, f"+49151000000{number}", text, **access, **{ca: str(certificate.ca)})
            assert result.returncode == 0 and not result.stderr, (example, result.stdout, result.stderr)
            accepted, status, *listed = result.stdout.splitlines()
            message_id = accepted.removeprefix("accepted: ")
            assert gateway.api.message(message_id)["message"] == text, example
            assert status == "status: delivered", example
            assert len(listed) == number + 1 and listed[0].split()[1:] == [f"+49151000000{number}", "delivered"], example
    finally:
        phone.kill()


def test_a_text_in_latin_1_is_no_empty_body(gateway):
    """json_encode makes nothing of it, and PHP programs have such texts."""
    result = run("send.php", "+4915100000001", "Müller".encode("latin-1"), GATEWAY_URL=gateway.url, API_KEY=gateway.make_key("send"))
    assert result.returncode != 0 and "Malformed UTF-8" in result.stdout + result.stderr, (result.stdout, result.stderr)


class Relay(http.server.ThreadingHTTPServer):
    """Passes requests on to a gateway, and loses the first answers: one connection breaks, and one answer is a 504."""

    def __init__(self, gateway):
        super().__init__(("127.0.0.1", 0), RelayHandler)
        self.gateway = gateway
        self.keys = []  # of the POSTs, in their order
        threading.Thread(target=self.serve_forever).start()

    def close(self):
        self.shutdown()
        self.server_close()


class RelayHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.gateway.port, timeout=LIMIT_SECONDS)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        upstream.request(self.command, self.path, body, headers)
        answer = upstream.getresponse()
        status, text = answer.status, answer.read()
        upstream.close()
        if self.command == "POST":
            self.server.keys.append(self.headers["Idempotency-Key"])
            if len(self.server.keys) == 1:
                self.close_connection = True
                return
            if len(self.server.keys) == 2:
                status, text = 504, b'{"status": 504, "code": "too_slow", "detail": "lost"}'
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("example", CLIENTS)
def test_the_clients_send_again_where_the_answer_is_lost(gateway, example):
    relay = Relay(gateway)
    phone = PhoneSim(gateway, 1, "--send-ms", "10", "--report-ms", "10")
    try:
        result = run(example, "+4915112345678", "Hello", API_KEY=gateway.make_key("send", "read"),
                     GATEWAY_URL=f"http://127.0.0.1:{relay.server_address[1]}")
    finally:
        phone.kill()
        relay.close()
    assert result.returncode == 0 and "status: delivered" in result.stdout, (result.stdout, result.stderr)
    assert len(relay.keys) == 3 and relay.keys[0] and len(set(relay.keys)) == 1, relay.keys
    assert gateway.count_messages("1") == 1


@pytest.mark.parametrize("example", CLIENTS)
def test_the_clients_say_what_is_wrong(gateway, certificate, example):
    access = {"GATEWAY_URL": gateway.https_url, CLIENTS[example]: str(certificate.ca)}
    for key, number, word in ((gateway.make_key("send"), "0151", "invalid_phone_number"),
                              (gateway.make_key("read"), "+4915112345678", "scope_missing")):
        result = run(example, number, "Hello", API_KEY=key, **access)
        assert result.returncode != 0 and word in result.stdout + result.stderr, (result.stdout, result.stderr)
    result = run(example, "+4915112345678", "Hello", API_KEY=key, GATEWAY_URL=gateway.https_url)
    assert result.returncode != 0 and "accepted" not in result.stdout  # it does not know the CA


class Receiver:
    """An example that receives webhooks, with this secret."""

    def __init__(self, example, secret):
        self.process = subprocess.Popen([EXAMPLES / example, "0"], stdout=subprocess.PIPE, text=True,
                                        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "WEBHOOK_SECRET": secret})
        self.url = self.process.stdout.readline().removeprefix("listening on ").strip()

    def post(self, body, headers):
        connection = http.client.HTTPConnection(self.url.split("/")[2], timeout=LIMIT_SECONDS)
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    def end(self):
        """What it has printed."""
        self.process.kill()
        return self.process.communicate(timeout=LIMIT_SECONDS)[0].splitlines()


def signed(key, body, event_id="evt_1", sent_at=None):
    sent_at = str(int(time.time()) if sent_at is None else sent_at)
    signature = base64.b64encode(hmac.digest(key, f"{event_id}.{sent_at}.".encode() + body, "sha256")).decode()
    return {"webhook-id": event_id, "webhook-timestamp": sent_at, "webhook-signature": f"v1,{signature}"}


@pytest.mark.parametrize("example", RECEIVERS)
def test_a_receiver_takes_what_is_signed_and_prints_it_once(example):
    key, other = os.urandom(24), os.urandom(24)
    event = json.dumps({"type": "message.sent", "timestamp": "2026-11-23T09:45:00Z", "data": {"status": "sent"}}).encode()
    receiver = Receiver(example, "whsec_" + base64.b64encode(key).decode())
    try:
        good = signed(key, event)
        both = good | {"webhook-signature": signed(other, event)["webhook-signature"] + " " + good["webhook-signature"]}
        assert [receiver.post(event, headers) for headers in (good, good, both, signed(key, event, "evt_2"))] == [204] * 4
        wrong = [signed(other, event), signed(key, event, sent_at=int(time.time()) - 3600), good | {"webhook-id": "evt_3"},
                 good | {"webhook-timestamp": "x"}, {}]
        assert [receiver.post(event, headers) for headers in wrong] == [401] * len(wrong)
        assert receiver.post(event + b" ", good) == 401
    finally:
        printed = receiver.end()
    assert [line.split(" ")[:2] for line in printed] == [["2026-11-23T09:45:00Z", "message.sent"]] * 2, printed


class BasicPhone:
    """deploy/examples/basic_phone.py, whose command writes down what it sends."""

    def __init__(self, folder):
        self.folder = folder
        self.process = None
        (folder / "phone.log").touch()
        (folder / "command").write_text('#!/bin/sh\nprintf "%s|%s\\n" "$1" "$2" >>sent\n[ "$2" != broken ]\n')
        (folder / "command").chmod(0o755)

    def call(self, *arguments, stdin=subprocess.DEVNULL):
        with open(self.folder / "phone.log", "ab") as log:
            return subprocess.Popen(["/usr/bin/python3", EXAMPLES / "basic_phone.py", *arguments], cwd=self.folder,
                                    stdin=stdin, stdout=log, stderr=log, env={"PATH": os.environ["PATH"], "no_proxy": "*"})

    def pair(self, link):
        assert self.call("--pair", link).wait(LIMIT_SECONDS) == 0, self.log()

    def start(self):
        before = self.log().count("connected\n")
        self.process = self.call("./command", stdin=subprocess.PIPE)
        wait_for(lambda: self.log().count("connected\n") > before, "the phone to connect")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(LIMIT_SECONDS)
            self.process.stdin.close()

    def receive(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def log(self):
        return (self.folder / "phone.log").read_text()

    def sent(self):
        return (self.folder / "sent").read_text().splitlines()


@pytest.fixture
def phone(tmp_path):
    (tmp_path / "phone").mkdir()
    phone = BasicPhone(tmp_path / "phone")
    yield phone
    phone.stop()


def status_of(gateway, message_id, status):
    wait_for(lambda: gateway.api.message(message_id)["status"] == status, f"the message to be {status}")


def test_the_phone_pairs_and_sends(gateway, phone):
    _, shown, _ = gateway.command("devices", "pair")
    phone.pair(next(word for word in shown.split() if word.startswith("sms-gateway://pair?")))
    assert (phone.folder / "phone.json").stat().st_mode & 0o077 == 0
    phone.start()
    first = gateway.api.send(phone_number="+4915112345678", message="Hello")["message_id"]
    status_of(gateway, first, "sent")
    failed = gateway.api.send(phone_number="+4915112345679", message="broken")["message_id"]
    status_of(gateway, failed, "failed")

    # A report that was lost comes again with the next connection, and the SMS does not.
    phone.stop()
    gateway.ws_broker.stop()
    gateway.ws_broker.start()
    phone.start()
    third = gateway.api.send(phone_number="+4915112345670", message="again")["message_id"]
    status_of(gateway, third, "sent")
    assert phone.sent() == ["+4915112345678|Hello", "+4915112345679|broken", "+4915112345670|again"]

    # What it receives comes into the inbox, once. The gateway restarts, and the phone comes back by itself, with what came meanwhile.
    def inbox():
        return [(sms["from"], sms["message"]) for sms in gateway.api.get("/api/inbox").json()["incoming"]]

    phone.receive("+4915112345678 Hello back")
    wait_for(lambda: inbox() == [("+4915112345678", "Hello back")], "the received SMS")
    connected = phone.log().count("connected\n")
    gateway.ws_broker.stop()
    phone.receive("72000 Your code is 123456")
    kept = phone.folder / "phone.json"
    wait_for(lambda: "123456" in kept.read_text(), "the phone to keep it")
    gateway.ws_broker.start()
    wait_for(lambda: phone.log().count("connected\n") > connected, "the phone to be back")
    wait_for(lambda: inbox() == [("72000", "Your code is 123456"), ("+4915112345678", "Hello back")], "what came meanwhile")
    wait_for(lambda: json.loads(kept.read_text())["received"] == {}, "the acknowledgements")
    assert len(phone.sent()) == 3


def test_the_phone_sends_what_it_was_given_before_its_connection_ended(phone):
    reported = {}

    async def gateway(socket, _):
        assert json.loads(await socket.recv())["device_name"]
        await socket.send('{"type": "connection_ack"}')
        if not reported:
            for number in range(3):
                await socket.send(json.dumps({"type": "new_sms", "message_id": str(number), "phone_number": f"+4915{number}", "message": "Hello"}))
            reported["first"] = None
            return  # the connection ends, right after the messages
        reported.pop("first", None)
        async for frame in socket:
            frame = json.loads(frame)
            reported[frame["message_id"]] = frame["status"]

    async def serve():
        async with websockets.serve(gateway, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            (phone.folder / "phone.json").write_text(json.dumps({"url": f"ws://127.0.0.1:{port}", "token": "any", "ca": None, "seen": {}}))
            await asyncio.to_thread(phone.start)
            await asyncio.to_thread(wait_for, lambda: reported == {"0": "sent", "1": "sent", "2": "sent"}, "the reports")

    asyncio.run(serve())
    assert sorted(phone.sent()) == [f"+4915{number}|Hello" for number in range(3)]
