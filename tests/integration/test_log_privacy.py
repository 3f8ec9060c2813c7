"""Input of clients and phones, in every field, and its trace in the logs: no message text, no whole number, no key,
and no line that the program did not write itself.

The same for answers: an error repeats no value, only the names of fields and parameters.
"""

import json
import re
import secrets
from urllib.parse import quote

from harness.api import check_problem, description, resolve
from harness.phone import AssuredPhone, Phone
from harness.raw_http import ask_raw, head
from harness.raw_websocket import TEXT, RawWebSocket, encode, encode_close, handshake
from harness.waiting import wait_for

TEXT_WORD = "sesame-48151623"  # in every text of a message
NUMBER = "+4915187654321"      # beside it and wherever no number belongs
FORGED = "forged-" + secrets.token_hex(4)
# Each with FORGED where a new line, a new field or a new object of the log would begin.
EVIL = {
    "lines": f"\r\n{FORGED}\nts=2026-01-01T00:00:00.000Z level=error process=ws-broker msg={FORGED}",
    "control bytes": "\x01\x07\x08\x0b\x7f\x80\x85\x9b",
    "lines of Unicode": f"\u2028{FORGED}\u2029{FORGED}\u0085{FORGED}",
    "directions": f"\u202e{FORGED}\u2066\u2069\u200f",
    "colours": f"\x1b[31m{FORGED}\x1b]0;title\x07\x9b1m",
    "quotes": f'" msg={FORGED} x="\\" \'{FORGED}\'","{FORGED}":"',
    "percents": f"%0d%0a{FORGED}%00%s%n%x",
    "long": "x" * 7000 + FORGED,
}
NO_UTF8 = (b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x80", b"\xe2\x82")
HEADERS = ("User-Agent", "Referer", "Cookie", "X-Request-Id", "X-Forwarded-For", "Forwarded", "Via",
           "Accept", "Accept-Language", "If-None-Match", "Range", "Origin", "From", "Expect", "TE",
           "Content-Type", "Authorization", "Proxy-Authorization", "X-Api-Key", "Host")

LOG_VALUE = r'(?:"(?:[^"\\\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]|\\["\\]|\\x[0-9a-f]{2,})*"' \
            r'|[^\s"=\\]+)'
LOG_LINE = (r"ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=(?:debug|info|warning|error) "
            rf"process=(?:api-fcgi|ws-broker) msg={LOG_VALUE}((?: [a-z_]+={LOG_VALUE})*)")
LOG_KEYS = {"socket", "database", "message_id", "incoming_id", "phone_number", "segments", "request_id", "key", "revoked_key",
            "device_id", "name", "session", "reason", "max_phones", "version", "count", "status",
            "line", "error", "path", "state", "attempt", "protocol", "error_code",
            "member"}
LOG_NUMBERS = {"segments", "session", "max_phones", "version", "count", "attempt"}
ACCESS_KEYS = {"ts", "request_id", "method", "path", "status", "bytes", "seconds",
               "upstream_seconds"}
NGINX_LINE = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[\w+\] \d+#\d+: [\x20-\x7e]*"


class Client:
    """Says what it likes, and holds each answer to what no answer may have."""

    def __init__(self, gateway, key):
        self.gateway = gateway
        self.key = key
        self.answers = 0

    def ask(self, method, target, *headers, body=b"", authorized=True):
        if authorized:
            headers = (f"Authorization: Bearer {self.key}", *headers)
        if body:
            headers = (*headers, f"Content-Length: {len(body)}")
        host = "Host: gateway" if not any(line.startswith("Host:") for line in headers) else ""
        data = head(method, target, *headers, host=host) if host else \
            head(method, target, *headers[1:], host=headers[0])
        return self.ask_raw(data + body, method)

    def ask_raw(self, data, method="GET"):
        answer = ask_raw(self.gateway, data, method)
        if answer is None:
            return None
        self.answers += 1
        if answer.status >= 400:
            if method != "HEAD":
                check_problem(answer.status, answer.media_type, answer.json())
            said = answer.body.decode() + str(answer.headers)
            assert self.key not in said and self.key[17:60] not in said, said
            assert TEXT_WORD not in said and NUMBER[1:] not in said, said
            assert answer.status < 500, said
        return answer


def text_fields():
    """The members of the body of POST /api/send-sms."""
    content = description()["paths"]["/api/send-sms"]["post"]["requestBody"]["content"]
    forms = map(resolve, content["application/json"]["schema"]["oneOf"])
    return list(dict.fromkeys(name for form in forms for name in form["properties"]))


def parameters():
    """(path, name) of every query parameter there is."""
    for path, operations in description()["paths"].items():
        for operation in operations.values():
            for parameter in map(resolve, operation.get("parameters", [])):
                if parameter["in"] == "query":
                    yield path, parameter["name"]


def hurt_by_bodies(client):
    good = {"phone_number": NUMBER, "message": TEXT_WORD}
    for evil in EVIL.values():
        for field in text_fields():
            for value in (evil + TEXT_WORD, NUMBER + evil, [evil], {evil: TEXT_WORD}):
                body = json.dumps(good | {field: value}, ensure_ascii=False).encode()
                client.ask("POST", "/api/send-sms", "Content-Type: application/json", body=body)
        for body in (json.dumps(good | {evil: TEXT_WORD + NUMBER}).encode(),
                     (evil + TEXT_WORD).encode(), json.dumps(TEXT_WORD + evil).encode()):
            answer = client.ask("POST", "/api/send-sms", "Content-Type: application/json", body=body)
            assert answer.status in (400, 422)
    for bytes_ in NO_UTF8:
        body = b'{"phone_number": "' + NUMBER.encode() + b'", "message": "' + bytes_ + \
            TEXT_WORD.encode() + b'"}'
        assert client.ask("POST", "/api/send-sms", "Content-Type: application/json",
                          body=body).status == 400
    for body in (client.key.encode(), TEXT_WORD.encode() * 10000):
        assert client.ask("POST", f"/api/send-sms?text={TEXT_WORD}&number={NUMBER}",
                          "Content-Type: application/json", body=body).status in (400, 413, 422)


def hurt_by_addresses(client):
    secret = quote(NUMBER + TEXT_WORD)
    values = [quote(evil)[:6000] for evil in EVIL.values()] + [quote(some) for some in NO_UTF8]
    for path, name in parameters():
        for value in values:
            client.ask("GET", f"{path}?{name}={value}{secret}")
            client.ask("GET", f"{path}?{name}={secret}&{value}={secret}{client.key}")
    for value in (*values, quote(NUMBER), NUMBER, client.key, "%FF", "A" * 5000):
        for path in ("/", "/api/", "/api/sms/", "/docs/", "/ws/device/", "/metrics/", "/problem/"):
            for method in ("GET", "POST", "DELETE", "HEAD"):
                client.ask(method, f"{path}{value}?number={secret}")
    for value in (*NO_UTF8, b"\x01", b"\x1b[31m", b'"\\"', "\u2028".encode(), "\u202e".encode()):
        client.ask_raw(b"GET /api/sms/" + value + b"?x=" + value + NUMBER.encode() +
                       b" HTTP/1.1\r\nHost: x\r\n\r\n")
        client.ask_raw(value + b" /api/sms HTTP/1.1\r\nHost: x\r\n\r\n")
        client.ask_raw(b"GET /api/sms HTTP/1.1" + value + b"\r\nHost: x\r\n\r\n")


def hurt_by_headers(client):
    for name in HEADERS:
        for evil in (*EVIL.values(), client.key, f"Bearer {client.key}x", f"Basic {client.key}",
                     "Bearer " + TEXT_WORD):
            line = re.sub("[\r\n\0]", " ", f"{name}: {evil}{NUMBER}").encode()
            for method, target in (("GET", "/api/sms"), ("GET", "/livez"), ("POST", "/api/send-sms")):
                client.ask_raw(f"{method} {target} HTTP/1.1\r\nConnection: close\r\n".encode() +
                               (b"" if name == "Host" else b"Host: x\r\n") + line + b"\r\n\r\n",
                               method)
    for name in HEADERS:
        for bytes_ in NO_UTF8:
            client.ask_raw(f"GET /api/sms HTTP/1.1\r\nHost: x\r\n{name}: ".encode() + bytes_ +
                           b"\r\n\r\n")


def hurt_by_phones(gateway, client):
    for evil in EVIL.values():
        for target in (quote(evil)[:3000], NUMBER, quote(NUMBER)):
            client.ask_raw(handshake(path=f"/ws/device/{target}?key={client.key}"))
        line = re.sub("[\r\n\0]", " ", evil + client.key)
        for name in ("Origin", "Sec_WebSocket_Protocol", "Sec_WebSocket_Key", "Cookie", "Host",
                     "Sec_WebSocket_Extensions", "Upgrade", "User_Agent", "Authorization"):
            client.ask_raw(handshake("evil", **{name: line.encode().decode("latin-1")}))
    with RawWebSocket(gateway, "evil") as phone:
        for bytes_ in NO_UTF8[:1]:
            phone.send(encode(TEXT, b'{"type": "' + bytes_ + TEXT_WORD.encode() + b'"}'))
        phone.read_to_end()


def frames_of(evil, message_id):
    """What a phone may send, with the evil in each place."""
    report = {"type": "status_update", "message_id": message_id, "status": "failed"}
    private = {"error_code": NUMBER, "error_message": f"{TEXT_WORD} to {NUMBER}"}
    for more in (*({name: evil} for name in (*report, "error_code", "error_message", evil)),
                 private, {"error_code": TEXT_WORD}):
        yield report | {"status": "sent"}  # so that the next one changes something, and is logged
        yield report | more
    info = {"device_name": "x", "battery_level": 5, "charging": True, "signal_strength": -70,
            "android_version": "14"}
    for name in (*info, evil):
        yield {"type": "device_update", "info": info | {name: evil}}
    incoming = {"type": "sms_received", "received_id": "1", "from": NUMBER, "message": TEXT_WORD, "to": NUMBER}
    for name in (*incoming, "received_at", "sim", evil):
        yield incoming | {name: evil}
    assured = {"type": "report", "seq": 1, "message_id": message_id, "attempt": 1,
               "status": "failed", "journal": message_id, "credit": 1, "entries": []}
    for kind in ("report", "nack"):
        yield assured | {"type": kind, "code": TEXT_WORD, "error_code": NUMBER,
                         "error_message": TEXT_WORD}
    for kind in ("hello", "journal", "ack", "nack", "report", "dropped", "credit", evil):
        for name in (*assured, "error_code", "error_message", "reason", evil):
            yield assured | {"type": kind, name: evil}


def talk(gateway, device_id, message_id, hello, **headers):
    """A connection for each evil, which says it all; the gateway answers, or has enough."""
    for evil in EVIL.values():
        with RawWebSocket(gateway, device_id, hello=False, **headers) as phone:
            frames = [*hello, *frames_of(evil[:7000], message_id)]
            phone.send(b"".join(encode(TEXT, frame) for frame in frames) + encode_close(1000))
            assert phone.read_to_end()


def evil_phones(gateway):
    """Names with every evil, and frames on both levels, about a message that the phone has."""
    for number, evil in enumerate(EVIL.values()):
        name = (FORGED + evil)[:30]
        phone = Phone(gateway, f"evil-{number}", {"device_name": name, "android_version": evil[:8],
                                                  "battery_level": 0, evil[:500]: evil[:500]})
        assert gateway.api.devices()[f"evil-{number}"]["device_name"]
        phone.close()
    phone = Phone(gateway, "basic")
    gateway.api.send(NUMBER, TEXT_WORD)
    message_id = phone.receive_sms()["message_id"]  # this one, or one that a phone before gave back
    phone.drop()
    talk(gateway, "basic", message_id, [{"battery_level": 0}])
    wait_for(lambda: not gateway.api.devices(), "the phones to be gone")
    phone = AssuredPhone(gateway, "assured", credit=1)
    gateway.api.send(NUMBER, TEXT_WORD)
    message_id, attempt = phone.take()
    phone.drop()
    entries = [{"message_id": message_id, "attempt": attempt, "state": "released"}]
    talk(gateway, "assured", message_id,
         [{"type": "hello", "journal": phone.journal, "credit": 1},
          {"type": "journal", "last": True, "entries": entries}],
         Sec_WebSocket_Protocol="sms-gateway.v1")


def check_logfmt(line):
    match = re.fullmatch(LOG_LINE, line)
    assert match, line
    return re.findall(rf" ([a-z_]+)={LOG_VALUE}", match.group(1))


def check_json(line):
    """One object, whose keys stand once, on a line that shows as it is."""
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", line), line
    fields = json.loads(line, object_pairs_hook=lambda pairs: pairs)
    keys = [key for key, _ in fields]
    assert keys[:4] == ["ts", "level", "process", "msg"] and len(set(keys)) == len(keys), line
    for key, value in fields:
        assert type(value) is (int if key in LOG_NUMBERS else str), line
    return keys[4:]


def check_program_log(log, check):
    lines = log.split(b"\n")
    assert lines.pop() == b""
    for line in lines:
        text = line.decode()  # all of it is UTF-8
        assert set(check(text)) <= LOG_KEYS, text
    return lines


FORMATS = {"release": ("logfmt", check_logfmt), "address": ("json", check_json)}  # each build writes one


def test_no_log_has_private_data_or_a_forged_line(make_gateway, build):
    log_format, check = FORMATS[build]
    gateway = make_gateway(API_KEYS="required", MAX_FRAMES_PER_SECOND=100000,
                           LOG_FORMAT=log_format).start()
    key = gateway.make_key("send", "read", "text", "devices", "metrics", label="label\x1b[31m\u2028")
    gateway.api.key = key
    client = Client(gateway, key)
    gateway.api.send(NUMBER, TEXT_WORD)
    evil_phones(gateway)
    hurt_by_bodies(client)
    hurt_by_addresses(client)
    hurt_by_headers(client)
    hurt_by_phones(gateway, client)
    assert client.answers > 1000
    gateway.api_fcgi.stop()  # and nginx has something to complain of
    gateway.ws_broker.stop()
    assert ask_raw(gateway, head("GET", f"/api/sms?phone_number={quote(NUMBER)}",
                                 f"Authorization: Bearer {key}")).status == 502
    assert ask_raw(gateway, handshake(path=f"/ws/device/x?key={key}")).status == 502
    gateway.stop()

    paths = {"api-fcgi": gateway.api_fcgi.log_path, "ws-broker": gateway.ws_broker.log_path,
             "nginx": gateway.nginx.log_path, "access": gateway.folder / "run/access.log"}
    logs = {name: path.read_bytes() for name, path in paths.items()}
    for name, log in logs.items():
        for secret in (TEXT_WORD, NUMBER[1:], key[17:60], key, "Bearer"):
            assert secret.encode() not in log, (name, secret, re.search(
                b".{0,200}" + re.escape(secret.encode()) + b".{0,100}", log).group())
    assert any(b"+***21" in line for line in check_program_log(logs["api-fcgi"], check))
    lines = check_program_log(logs["ws-broker"], check)
    assert any(FORGED.encode() in line for line in lines)
    for event in (b"message dispatched", b"message released", b"device reported", b"SMS received"):
        assert any(event in line for line in lines), event
    for line in logs["nginx"].decode().splitlines():
        assert re.fullmatch(NGINX_LINE, line), line
    lines = logs["access"].split(b"\n")
    assert lines.pop() == b"" and len(lines) > client.answers
    for line in lines:
        assert set(json.loads(line)) == ACCESS_KEYS, line
        assert re.fullmatch(rb"[\x20-\x7e]+", line), line
        assert FORGED.encode() not in line
