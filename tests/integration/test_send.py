"""POST /api/send-sms and GET /api/sms/{message_id}: what is accepted, what is refused, and with which answer."""

import base64
import bz2
import gzip
import json
import lzma
import re
import subprocess
import threading
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from harness.api import Api
from harness.phone import Phone
from harness.raw_http import JSON, RawHttp, ask, ask_raw, head

NUMBER = "+1234567890"
UNKNOWN_ID = "019dbb26-7a13-7c1e-a2a6-0c2d52c3f9c1"
MAX_BODY_BYTES = 65536
EMOJI = "\U0001f600"

# 3GPP TS 23.038: the default alphabet, and what takes an escape before it.
GSM = ("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
       "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà")
GSM_EXTENSION = "\f^{}\\[~]|€"


@pytest.fixture(scope="module")
def outbox(module_gateway):
    """A gateway for messages that stay queued, where no other test's phone takes them."""
    return module_gateway().start()


def sms(phone_number=NUMBER, message="Hello", **more):
    return json.dumps({"phone_number": phone_number, "message": message} | more).encode()


def with_text(raw):
    """A body whose text is these bytes, not escaped again."""
    return b'{"phone_number": "+1234567890", "message": "' + raw + b'"}'


def with_member(raw):
    return sms()[:-1] + b", " + raw + b"}"


def nested(depth):
    """A body so many levels deep, all of it in a member that is not known."""
    arrays = depth - 1
    return with_member(b'"x": ' + b"[" * arrays + b"]" * arrays)


def padded(length):
    """A good body of exactly so many bytes."""
    return sms().ljust(length)


def many(count, name="x"):
    return {f"{name}{i}": i for i in range(count)}


def post(gateway, body, content_type="application/json"):
    return gateway.api.request("POST", "/api/send-sms", data=body,
                               headers={"Content-Type": content_type})


def errors_of(answer):
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


def stored(gateway):
    """How many messages and events the database has."""
    return gateway.counts()[:2]


def table(rows):
    """Rows as pytest wants them: a name, and the values."""
    return [pytest.param(*values, id=name) for name, *values in rows]


# ---- The description's own line ----

def test_the_curl_line_of_the_description_sends_an_sms(outbox):
    line = (f"curl -X POST {outbox.url}/api/send-sms "
            f'-H "Authorization: Bearer {outbox.api_key()}" -H "Content-Type: application/json" '
            """-d '{"phone_number": "+1234567890", "message": "Hello from the SMS Gateway!"}'""")
    curl = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    answer = json.loads(curl.stdout)
    assert outbox.api.message(answer["message_id"]) == answer
    assert (answer["phone_number"], answer["message"]) == ("+1234567890",
                                                           "Hello from the SMS Gateway!")
    assert answer["status"] == "queued"
    assert answer["device_id"] is None
    assert (answer["encoding"], answer["segments"], answer["attempts"]) == ("GSM-7", 1, 0)
    assert answer["created_at"] == answer["updated_at"] == answer["times"]["queued"]


def test_the_location_of_an_accepted_message_leads_to_it(outbox):
    accepted = post(outbox, sms())
    assert accepted.status_code == 202
    found = outbox.api.get(accepted.headers["Location"])
    assert found.status_code == 200
    assert found.json() == accepted.json()


def test_every_message_has_an_id_of_its_own_and_later_ones_are_greater(outbox):
    ids = [outbox.api.send()["message_id"] for _ in range(20)]
    assert ids == sorted(set(ids))
    assert {uuid.UUID(message_id).version for message_id in ids} == {7}


# ---- Bodies that are not JSON ----

MALFORMED = [
    ("a word", b"hello"),
    ("white space", b" \r\n\t"),
    ("an open brace", b"{"),
    ("a body that is cut", sms()[:-1]),
    ("a form", b"phone_number=%2B1234567890&message=Hello"),
    ("single quotes", b"{'phone_number': '+1234567890', 'message': 'Hello'}"),
    ("a name without quotes", b'{phone_number: "+1234567890", "message": "Hello"}'),
    ("a name without a value", b'{"phone_number"}'),
    ("a comma at the end", sms()[:-1] + b",}"),
    ("a comma that is missing", b'{"phone_number": "+1234567890" "message": "Hello"}'),
    ("a comment", b"/* hello */ " + sms()),
    ("NaN", with_member(b'"x": NaN')),
    ("Infinity", with_member(b'"x": -Infinity')),
    ("a literal in capitals", with_member(b'"x": TRUE')),
    ("a number that starts with 0", with_member(b'"x": 01')),
    ("a number that ends with a point", with_member(b'"x": 1.')),
    ("a number that starts with a point", with_member(b'"x": .5')),
    ("a number with a plus", with_member(b'"x": +1')),
    ("a number without an exponent", with_member(b'"x": 1e')),
    ("a hexadecimal number", with_member(b'"x": 0x10')),
    ("a lone minus", with_member(b'"x": -')),
    ("a raw line feed in a string", with_text(b"a\nb")),
    ("a raw control character in a string", with_text(b"a\x1fb")),
    ("a raw NUL in a string", with_text(b"a\x00b")),
    ("a NUL after the value", sms() + b"\x00"),
    ("an unknown escape", with_text(rb"\x41")),
    ("a short unicode escape", with_text(rb"\u12")),
    ("a unicode escape with a sign", with_text(rb"\u+123")),
    ("U+0000 in a text", with_text(rb"a\u0000b")),
    ("U+0000 in a number", sms(phone_number="+1234567890\0")),
    ("U+0000 in a name", with_member(rb'"message\u0000": 1')),
    ("a lone high surrogate", with_text(rb"\ud83d")),
    ("a high surrogate before a letter", with_text(rb"\ud83da")),
    ("a high surrogate before another", with_text(rb"\ud83d\ud83d")),
    ("a lone low surrogate", with_text(rb"\ude00")),
    ("surrogates in the wrong order", with_text(rb"\ude00\ud83d")),
    ("a byte that UTF-8 does not have", with_text(b"a\xffb")),
    ("Latin-1", with_text("für".encode("latin-1"))),
    ("an overlong slash", with_text(b"\xc0\xaf")),
    ("an overlong NUL", with_text(b"\xc0\x80")),
    ("a surrogate as UTF-8", with_text(b"\xed\xa0\xbd\xed\xb8\x80")),
    ("a character beyond U+10FFFF", with_text(b"\xf4\x90\x80\x80")),
    ("a continuation byte alone", with_text(b"\x80")),
    ("a character that is cut", with_text(b"\xf0\x9f\x98")),
    ("invalid UTF-8 in a name", with_member(b'"\xff": 1')),
    ("a byte order mark", b"\xef\xbb\xbf" + sms()),
    ("UTF-16", sms().decode().encode("utf-16")),
    ("17 levels", nested(17)),
    ("a thousand levels", nested(1000)),
    ("a thousand open arrays", b"[" * 1000),
    ("a second value", sms() + b" {}"),
    ("a word after the value", sms() + b"x"),
    ("a brace too many", sms() + b"}"),
    ("a doubled message", with_member(b'"message": "Hello"')),
    ("a doubled phone_number", with_member(b'"phone_number": "+1234567890"')),
    ("a name doubled through an escape", with_member(rb'"m\u0065ssage": "Hello"')),
    ("a doubled name that is not known", with_member(b'"x": 1, "x": 1')),
    ("a doubled name further down", with_member(b'"x": [{"y": 1, "y": 2}]')),
    ("a thousand names", sms(**many(1000))),
]


@pytest.mark.parametrize("body", table(MALFORMED))
def test_a_body_that_is_not_strict_json_is_refused(gateway, body):
    answer = post(gateway, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


def test_an_empty_body_is_refused(gateway):
    answer = post(gateway, b"")
    assert (answer.status_code, answer.json()["code"]) == (400, "empty_body")


def test_a_request_that_announces_no_body_is_refused(gateway):
    answer = ask(gateway, "POST", "/api/send-sms", JSON)
    assert (answer.status, answer.code) == (400, "empty_body")


@pytest.mark.parametrize("body, wrong", table([
    ("a colon is missing", b'{"phone_number" "x"}', b'"x"'),
    ("more after the end", b"{} x", b"x"),
    ("a byte that UTF-8 does not have", with_text(b"\xff"), b"\xff"),
]))
def test_the_problem_of_a_malformed_body_says_where_it_is(gateway, body, wrong):
    assert f"(at byte {body.index(wrong)})" in post(gateway, body).json()["detail"]


WHOLE = {"phone_number": "+4915112345678", "message": "Hello"}
TOLD = [
    ("a byte order mark", b"\xef\xbb\xbf" + sms(), "a byte order mark (U+FEFF)"),
    ("UTF-16", sms().decode().encode("utf-16"), "is encoded in UTF-16; send UTF-8"),
    ("UTF-16LE", sms().decode().encode("utf-16le"), "is encoded in UTF-16"),
    ("UTF-16BE", sms().decode().encode("utf-16be"), "is encoded in UTF-16"),
    ("UTF-32", sms().decode().encode("utf-32"), "is encoded in UTF-32"),
    ("UTF-32LE", sms().decode().encode("utf-32le"), "is encoded in UTF-32"),
    ("UTF-32BE", sms().decode().encode("utf-32be"), "is encoded in UTF-32"),
    ("Latin-1", with_text("f\u00fcr".encode("latin-1")), "is it in Latin-1"),
    ("a part of a URL", quote(sms()).encode(), "it is percent-encoded"),
    ("HTML", sms().replace(b'"', b"&quot;"), "it is escaped as HTML"),
    ("UTF-7", sms().replace(b'"', b"+ACI-"), "it is in UTF-7"),
    ("Base64", base64.b64encode(sms()), "it is in Base64"),
    ("Base64 of a text of several lines", base64.b64encode(b"{\n" + sms()[1:]), "it is in Base64"),
    ("CESU-8", with_text(b"\xed\xa0\xbd\xed\xb8\x80"), "it is in CESU-8"),
    ("Java's UTF-8", with_text(b"a\xc0\x80b"), "it is in Java's modified UTF-8"),
    ("Java's writeUTF", b"\x00\x33" + sms(), "found a NUL character"),
    ("single quotes", b"{'phone_number': '+1'}", "JSON uses double quotes"),
    ("the shell's quotes", b"'{\"phone_number\": \"+1\"}'", "The shell seems to have passed on"),
    ("half a body of cmd.exe", b"'{phone_number:", "The shell seems to have passed on"),
    ("escaped once too often", rb'{\"phone_number\": \"+1\"}', "The shell seems to have passed on"),
    ("typographic quotes", "{\u201cphone_number\u201d: 1}".encode(), "a typographic quotation mark"),
    ("a no-break space", '{\u00a0"phone_number": 1}'.encode(), "a no-break space (U+00A0)"),
    ("a name without quotes", b"{phone_number: 1}", 'but found the letter "p"'),
    ("a comma at the end", b'{"a": 1,}', "there is a comma before }"),
    ("a comma at the end of an array", b'{"a": [1,]}', "there is a comma before ]"),
    ("a comma that is missing", b'{"a": 1 "b": 2}', "a comma or } is expected here, but found a double quote"),
    ("a comment", b'{"a": 1, // x\n"b": 2}', "no comments"),
    ("a comment of a shell", b'{"a": 1 # x\n}', "no comments"),
    ("NaN", b'{"a": NaN}', "NaN is not a value"),
    ("undefined", b'{"a": undefined}', "undefined is not a value"),
    ("None", b'{"a": None}', "None is not a value of JSON; write null"),
    ("True", b'{"a": True}', "true must be in lower case"),
    ("two documents", sms() + b"\n" + sms(), "another document follows"),
    ("a form", b"phone_number=%2B1&message=x", "looks like form data"),
    ("an object of JavaScript", b"[object Object]", "JSON.stringify"),
    ("XML", b"<sms/>", "looks like XML"),
    ("a file's name", b"@body.json", "-d @FILE"),
    ("a line feed in a text", with_text(b"a\nb"), "like \\n for a line feed"),
    ("a body that ends too early", b'{"a": 1', "but the body ends"),
]


@pytest.mark.parametrize("body, words", table(TOLD))
def test_invalid_json_is_explained(gateway, body, words):
    answer = post(gateway, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("body, pointer, words", table([
    ("a number", sms(phone_number=4915112345678), "/phone_number", "not a number; put it in double quotes"),
    ("null", sms(message=None), "/message", "must be a string, not null"),
    ("several numbers", sms(phone_number=["+1", "+2"]), "/phone_number", "send several numbers as phone_numbers"),
    ("an object", sms(message={"text": "x"}), "/message", "not an object"),
    ("encoded twice", json.dumps(sms().decode()).encode(), "", "it was encoded twice"),
    ("several messages", b"[" + sms() + b"]", "", "not an array; POST /api/batches takes many messages"),
]))
def test_a_wrong_type_is_named(gateway, body, pointer, words):
    [error] = post(gateway, body).json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, "wrong_type") and words in error["detail"]


@pytest.mark.parametrize("name, meant", [
    *[(name, "phone_number") for name in (
        "to", "To", "recipient", "phone", "number", "phoneNumber", "phone-number", "phonenumber", "PhoneNumber",
        "phoneNumbers", "phone_numbr", "phone_nubmer", "msisdn", "mobile", "destination")],
    *[(name, "message") for name in ("text", "body", "content", "msg", "Message", "messge", "textMessage", "sms",
                                     "messages")]])
def test_another_name_for_a_field_gets_a_suggestion(gateway, name, meant):
    body = dict(WHOLE)
    body[name] = body.pop(meant)
    errors = {error["pointer"]: error for error in post(gateway, json.dumps(body).encode()).json()["errors"]}
    assert set(errors) == {f"/{name}", f"/{meant}"}
    assert f"did you mean {meant}?" in errors[f"/{name}"]["detail"]
    both = post(gateway, json.dumps(WHOLE | {name: "x"}).encode()).json()["errors"]
    assert [error["detail"] for error in both] == ["is not a known field; remove it"]


@pytest.mark.parametrize("name", ["from", "x", "originator", "callback_url", "me", "\u00e4"])
def test_a_word_that_is_near_to_no_field_is_to_be_removed(gateway, name):
    [error] = post(gateway, json.dumps(WHOLE | {name: "x"}).encode()).json()["errors"]
    assert error["detail"] == "is not a known field; remove it"


# ---- How the body is sent ----

def test_a_compressed_body_is_refused(gateway):
    for coding, body in (("gzip", gzip.compress(sms())), ("deflate", zlib.compress(sms())), ("br", b"\x8b\x00"),
                         ("GZIP", sms()), ("gzip", sms()), ("x-gzip, identity", sms()), ("zstd", sms()),
                         ("identity, gzip", sms())):
        answer = ask(gateway, "POST", "/api/send-sms", JSON, f"Content-Encoding: {coding}", body=body)
        assert (answer.status, answer.code) == (415, "unsupported_media_type")
        assert answer.headers["Accept-Encoding"] == "identity"
        assert "Compressed bodies" in answer.json()["detail"]
    for coding in ("utf-8", "UTF-8", "aws-chunked", "none", "base64", "identity;q=1"):
        answer = ask(gateway, "POST", "/api/send-sms", JSON, f"Content-Encoding: {coding}", body=sms())
        assert (answer.status, answer.code) == (415, "unsupported_media_type")
        assert f"Content-Encoding {coding.lower().split(';')[0]} is not" in answer.json()["detail"]
    for body in (gzip.compress(sms()), zlib.compress(sms()), b"\x28\xb5\x2f\xfd" + sms(), bz2.compress(sms()), lzma.compress(sms()),
                 b"\x04\x22\x4d\x18" + sms()):
        answer = ask(gateway, "POST", "/api/send-sms", JSON, body=body)  # and no header says so
        assert (answer.status, answer.code) == (415, "unsupported_media_type")
    answer = ask(gateway, "POST", "/api/send-sms", JSON, "Content-Encoding: identity",
                 "Content-Encoding: gzip", body=sms())
    assert (answer.status, answer.code) == (400, "malformed_request")


def test_a_body_that_is_said_to_be_itself_is_taken(outbox):
    for coding in ("identity", "Identity", "", "identity, identity"):
        answer = ask(outbox, "POST", "/api/send-sms", JSON, f"Content-Encoding: {coding}", body=sms())
        assert answer.status == 202


@pytest.mark.parametrize("content_type, words", [
    ("", "is missing"),
    ("application/x-www-form-urlencoded", "curl -d and forms"),
    ("multipart/form-data; boundary=x", "curl -F"),
    ("text/plain;charset=UTF-8", "fetch()"),
    ("text/json", "not text/json"),
    ("application/jsonp", "not application/jsonp"),
    ("application/vnd.api+json", "not application/vnd.api+json"),
    ("application/json, application/json", "only parameters may follow"),
    ("application/json charset=utf-8", "only parameters may follow"),
    ("application/json; charset=latin1", "The charset latin1 is not supported"),
    ("application/json; charset=ISO-8859-1", "The charset iso-8859-1"),
    ('application/json; charset="utf-16"', "The charset utf-16"),
    ("application/json; v=1; Charset=utf-7", "The charset utf-7"),
    ("application/json; charset=", 'The charset "" is'),
])
def test_a_refused_media_type_names_the_right_one(gateway, content_type, words):
    answer = ask(gateway, "POST", "/api/send-sms", f"Content-Type: {content_type}", body=sms())
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("content_type", [
    "application/json", "Application/JSON", "application/json;", "application/json ; charset=utf-8",
    "application/json;charset=UTF-8", 'application/json; charset="utf-8"', "application/json; charset=utf8",
    "application/json; version=1", "application/json; charset=us-ascii"])
def test_json_in_utf_8_is_taken_however_it_is_said(outbox, content_type):
    assert ask(outbox, "POST", "/api/send-sms", f"Content-Type: {content_type}", body=sms()).status == 202


def test_a_refused_large_body_names_the_limit(gateway):
    for size in (MAX_BODY_BYTES + 1, 4 * MAX_BODY_BYTES):
        answer = post(gateway, padded(size))
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert f"{MAX_BODY_BYTES} bytes" in answer.json()["detail"]


# ---- Bodies that are JSON, and no message ----

WRONG_TYPES = {"a number": 5, "null": None, "an array": ["+1234567890"], "an object": {"a": "b"},
               "true": True, "false": False}
REQUIRED = [("/phone_number", "required"), ("/message", "required")]
INVALID = [
    *[(f"{name} as the number", sms(phone_number=value), [("/phone_number", "wrong_type")])
      for name, value in WRONG_TYPES.items()],
    *[(f"{name} as the text", sms(message=value), [("/message", "wrong_type")])
      for name, value in WRONG_TYPES.items()],
    *[(f"{name} as the body", json.dumps(value).encode(), [("", "wrong_type")])
      for name, value in WRONG_TYPES.items() if name != "an object"],
    ("a string as the body", b'"+1234567890"', [("", "wrong_type")]),
    ("an empty array as the body", b"[]", [("", "wrong_type")]),
    ("an empty object", b"{}", REQUIRED),
    ("no number", b'{"message": "Hello"}', [("/phone_number", "required")]),
    ("no text", b'{"phone_number": "+1234567890"}', [("/message", "required")]),
    ("names in capitals", b'{"Phone_Number": "+1234567890", "MESSAGE": "Hello"}',
     [*REQUIRED, ("/Phone_Number", "unknown_field"), ("/MESSAGE", "unknown_field")]),
    ("an unknown name", sms(to="x"), [("/to", "unknown_field")]),
    ("an empty name", sms(**{"": 1}), [("/", "unknown_field")]),
    ("a name with a slash", sms(**{"a/b": 1}), [("/a~1b", "unknown_field")]),
    ("a name with a tilde", sms(**{"m~n": 1}), [("/m~0n", "unknown_field")]),
    ("a name that looks escaped", sms(**{"~1": 1}), [("/~01", "unknown_field")]),
    ("a name of a slash and a tilde", sms(**{"/~": 1}), [("/~1~0", "unknown_field")]),
    ("a name that a log would fear", sms(**{'"\\\r\n\x01': 1}),
     [('/"\\\r\n\x01', "unknown_field")]),
    ("a name in emoji", sms(**{EMOJI: 1}), [(f"/{EMOJI}", "unknown_field")]),
    ("a percent sign in a name", sms(**{"%s%n": 1}), [("/%s%n", "unknown_field")]),
    ("a field of the answer", sms(message_id=UNKNOWN_ID), [("/message_id", "unknown_field")]),
    ("16 levels", nested(16), [("/x", "unknown_field")]),
    ("the empty text", sms(message=""), [("/message", "empty_message")]),
    ("all at once", b'{"phone_number": 5, "message": "", "x": {}}',
     [("/phone_number", "wrong_type"), ("/message", "empty_message"), ("/x", "unknown_field")]),
]


@pytest.mark.parametrize("body, errors", table(INVALID))
def test_each_field_that_is_not_valid_is_named(gateway, body, errors):
    answer = post(gateway, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert errors_of(answer) == errors


@pytest.mark.parametrize("prefix", table([
    ("short names", "x"),
    ("control characters", "\x01" * 80),
    ("emoji", EMOJI * 30),
    ("escapes", "~/" * 40),
]))
def test_a_hundred_unknown_fields_are_refused_in_one_readable_answer(gateway, prefix):
    names = many(100, prefix)
    answer = post(gateway, json.dumps(names, ensure_ascii=False).encode())
    assert answer.status_code == 422
    errors = errors_of(answer)
    assert errors[:2] == REQUIRED
    assert 1 <= len(errors) - 2 <= 100  # not all need be named, and a long name may be cut
    for pointer, code in errors[2:]:
        named = pointer[1:].replace("~1", "/").replace("~0", "~")
        assert any(name.startswith(named) for name in names)
        assert code == "unknown_field"


# ---- Numbers ----

@pytest.mark.parametrize("written, kept", [
    ("+1234567", "+1234567"),
    ("+223456789012345", "+223456789012345"),
    ("+49 (151) 123-456 78", "+4915112345678"),
    ("+49 151 12345678", "+4915112345678"),
    ("+49-151-12345678", "+4915112345678"),
    ("+49.151.12345678", "+4915112345678"),
    ("+49/151/12345678", "+4915112345678"),
    ("+(49)15112345678", "+4915112345678"),
    ("(+49) 151 12345678", "+4915112345678"),
    ("+49 (0) 151 12345678", "+4915112345678"),
    ("+44 (0)20 7946 0958", "+442079460958"),
    ("+39 06 1234 5678", "+390612345678"),
    ("+225 07 12 34 56 78", "+2250712345678"),
    ("  +4915112345678  ", "+4915112345678"),
    ("+49" + " " * 1000 + "15112345678", "+4915112345678"),
])
def test_a_number_is_kept_in_one_form_however_it_is_written(outbox, written, kept):
    sent = outbox.api.send(written)
    assert sent["phone_number"] == kept
    assert outbox.api.message(sent["message_id"])["phone_number"] == kept


BAD_NUMBERS = [
    ("nothing", ""),
    ("a space", " "),
    ("a plus", "+"),
    ("6 digits", "+123456"),
    ("16 digits", "+1234567890123456"),
    ("sixty thousand digits", "+" + "1" * 60000),
    ("6 digits and what is removed", "+12 34-5(6)"),
    ("no plus", "1234567890"),
    ("two zeros for a plus", "004915112345678"),
    ("a plus at the end", "1234567890+"),
    ("two pluses", "++1234567890"),
    ("a plus within", "+123+4567890"),
    ("a zero first", "+0123456789"),
    ("a zero first in parentheses", "+(0)123456789"),
    ("a letter", "+123456789a"),
    ("letters", "alice"),
    ("an extension", "+1234567890;ext=5"),
    ("a wild card", "+1234567%"),
    ("a star", "*100#"),
    ("a tab", "+1234\t567890"),
    ("a line feed", "+1234567890\n"),
    ("a no-break space", "+1234\u00a0567890"),
    ("a mark for right-to-left", "\u202a+1234567890\u202c"),
    ("Arabic digits", "+\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668"),
    ("full-width digits", "\uff0b\uff11\uff12\uff13\uff14\uff15\uff16\uff17"),
    ("a URI", "tel:+1234567890"),
    ("two numbers", "+1234567,+1234568"),
    ("SQL", "+1234567'; DROP TABLE message; --"),
]


@pytest.mark.parametrize("number", table(BAD_NUMBERS))
def test_an_invalid_number_is_refused(gateway, number):
    answer = post(gateway, sms(phone_number=number))
    assert answer.status_code == 422
    assert errors_of(answer) == [("/phone_number", "invalid_phone_number")]


# tests/unit/test_phone_number.c has the whole table; these are for the ways in.
OTHER_NUMBERS = [
    ("+49 0151 12345678", "a 0 after the country code +49"),
    ("+7 8 912 345 67 89", "the 8 that is dialled"),
    ("+1 (0) 212 555 0123", '"(0)"'),
    ("004915112345678", "write + instead of the 00"),
    ("12345", "short codes are not supported"),
    ("tel:+4915112345678", "is a URI"),
    ("+49\u00a015112345678", "a no-break space (U+00A0) at character 4"),
    ("+49\u066115112345678", "an Arabic-Indic digit (U+0661)"),
    ("\u202a+4915112345678", "an invisible direction mark (U+202A)"),
    ("+4915112345678/+4916012345678", "a second +"),
    ("+4915112345678,+4916012345678", "a second number needs its own message"),
    ("+1-800-FLOWERS", 'the letter "F" at character 8'),
]


@pytest.mark.parametrize("number, words", OTHER_NUMBERS)
def test_an_ambiguous_number_is_refused_everywhere(gateway, number, words):
    [error] = post(gateway, sms(phone_number=number)).json()["errors"]
    assert words in error["detail"]
    answer = gateway.api.get("/api/sms", params={"phone_number": number})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["parameter"] == "phone_number" and words in error["detail"]
    status, _, said = gateway.command("messages", "list", "--phone-number", number)
    assert status == 2 and words in said


# ---- Texts ----

@pytest.mark.parametrize("text, encoding, segments", table([
    ("one character", "a", "GSM-7", 1),
    ("a space", " ", "GSM-7", 1),
    ("160 characters", "a" * 160, "GSM-7", 1),
    ("161 characters", "a" * 161, "GSM-7", 2),
    ("306 characters", "a" * 306, "GSM-7", 2),
    ("307 characters", "a" * 307, "GSM-7", 3),
    ("1530 characters", "a" * 1530, "GSM-7", 10),
    ("the whole alphabet", GSM, "GSM-7", 1),
    ("80 escaped characters", GSM_EXTENSION * 8, "GSM-7", 1),
    ("80 escaped characters and one more", GSM_EXTENSION * 8 + "a", "GSM-7", 2),
    ("760 escaped characters", "€" * 760, "GSM-7", 10),
    ("an escaped character that just fits", "a" * 151 + "€" + "a" * 153, "GSM-7", 2),
    ("an escaped character that is not torn", "a" * 152 + "€" + "a" * 152, "GSM-7", 3),
    ("one character of another alphabet", "a" * 69 + "я", "UCS-2", 1),
    ("71 characters, one of another alphabet", "a" * 70 + "я", "UCS-2", 2),
    ("70 characters of another alphabet", "я" * 70, "UCS-2", 1),
    ("134 characters of another alphabet", "я" * 134, "UCS-2", 2),
    ("135 characters of another alphabet", "я" * 135, "UCS-2", 3),
    ("670 characters of another alphabet", "я" * 670, "UCS-2", 10),
    ("35 emoji", EMOJI * 35, "UCS-2", 1),
    ("36 emoji", EMOJI * 36, "UCS-2", 2),
    ("66 emoji, none torn", EMOJI * 66, "UCS-2", 2),
    ("67 emoji, none torn", EMOJI * 67, "UCS-2", 3),
    ("330 emoji", EMOJI * 330, "UCS-2", 10),
    ("a back-tick", "`", "UCS-2", 1),
    ("a tab", "\t", "UCS-2", 1),
    ("a small c with cedilla", "ç", "UCS-2", 1),
]))
def test_segments_and_encoding_are_counted_as_phones_do(outbox, text, encoding, segments):
    sent = outbox.api.send(message=text)
    assert (sent["encoding"], sent["segments"]) == (encoding, segments)
    found = outbox.api.message(sent["message_id"])
    assert (found["encoding"], found["segments"], found["message"]) == (encoding, segments, text)


@pytest.mark.parametrize("text", table([
    ("1531 characters", "a" * 1531),
    ("an escaped character too many", "a" * 1529 + "€"),
    ("761 escaped characters", "€" * 761),
    ("671 characters of another alphabet", "я" * 671),
    ("331 emoji", EMOJI * 331),
    ("sixty thousand characters", "a" * 60000),
]))
def test_a_text_of_one_segment_too_many_is_refused(gateway, text):
    answer = post(gateway, json.dumps({"phone_number": NUMBER, "message": text},
                                      ensure_ascii=False).encode())
    assert answer.status_code == 422
    assert errors_of(answer) == [("/message", "message_too_long")]


@pytest.mark.parametrize("most, encoding, fits", table([
    ("one of the GSM alphabet", 1, "GSM-7", "a" * 160),
    ("one of another alphabet", 1, "UCS-2", "я" * 70),
    ("255 of the GSM alphabet", 255, "GSM-7", "a" * 153 * 255),
]))
def test_the_setting_for_the_longest_message_is_exact(make_gateway, most, encoding, fits):
    gateway = make_gateway(MAX_MESSAGE_SEGMENTS=most).start()
    sent = gateway.api.send(message=fits)
    assert (sent["segments"], sent["encoding"]) == (most, encoding)
    answer = post(gateway, sms(message=fits + fits[0]))
    assert errors_of(answer) == [("/message", "message_too_long")]
    assert f"the limit is {most}" in answer.json()["errors"][0]["detail"]


LONG = "a" * 80
QUOTED = f"“It’s ready” — see you… {LONG}"


@pytest.mark.parametrize("text, taken, encoding, segments", table([
    ("typography", QUOTED, f"\"It's ready\" - see you... {LONG}", "GSM-7", 1),
    ("ligatures and marks", f"{LONG}Œuvre ﬁne, Gru\u0308ße", f"{LONG}OEuvre fine, Grüße", "GSM-7", 1),
    ("spaces", f"{LONG}10\u00a0000\u202fm\u200b", f"{LONG}10 000 m", "GSM-7", 1),
    ("nothing to save", "Don’t", "Don’t", "UCS-2", 1),
    ("an emoji", QUOTED + EMOJI, QUOTED + EMOJI, "UCS-2", 2),
    ("a letter with an accent", QUOTED + "ș", QUOTED + "ș", "UCS-2", 2),
    ("what is GSM-7 already", LONG + "é€", LONG + "é€", "GSM-7", 1),
]))
def test_typography_becomes_gsm_7_where_that_saves_segments(outbox, text, taken, encoding, segments):
    for order in (("phone_number", "message", "transliterate"), ("transliterate", "message", "phone_number")):
        body = {"phone_number": NUMBER, "message": text, "transliterate": True}
        sent = outbox.api.request("POST", "/api/send-sms", json={name: body[name] for name in order}).json()
        assert (sent["message"], sent["encoding"], sent["segments"]) == (taken, encoding, segments)
        assert outbox.api.message(sent["message_id"])["message"] == taken
    for body in ({"phone_number": NUMBER, "message": text, "transliterate": False}, {"phone_number": NUMBER, "message": text}):
        assert outbox.api.request("POST", "/api/send-sms", json=body).json()["message"] == text


def test_a_text_is_measured_as_it_will_be_sent(gateway):
    text = "’" * 1530
    assert errors_of(post(gateway, sms(message=text))) == [("/message", "message_too_long")]
    answer = post(gateway, sms(message=text, transliterate=True))
    assert (answer.status_code, answer.json()["segments"]) == (202, 10)
    assert errors_of(post(gateway, sms(message=text + "’", transliterate=True))) == [("/message", "message_too_long")]
    assert errors_of(post(gateway, sms(message="", transliterate=True))) == [("/message", "empty_message")]


@pytest.mark.parametrize("value, told", [("true", "not a string; write it without quotes"), (1, "not a number"), (None, "not null"),
                                         ([], "not an array"), ({}, "not an object")])
def test_transliterate_is_true_or_false(gateway, value, told):
    answer = post(gateway, sms(transliterate=value))
    assert errors_of(answer) == [("/transliterate", "wrong_type")]
    assert f"must be true or false, {told}" in answer.json()["errors"][0]["detail"]


TEXTS = table([
    ("languages", "Grüße, καλημέρα, привет, 你好, こんにちは, 안녕, नमस्ते, สวัสดี"),
    ("right to left", "שלום עולם \u202eabc\u202c مرحبا \u200f"),
    ("emoji", "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪 \U0001f9ff"),
    ("combined characters", "e\u0301 \u0065\u0301\u0323 Å A\u030a Ω Ω ﬁ"),
    ("lines", "a\nb\r\nc\rd\n\n"),
    ("white space around", "  \t text \n "),
    ("quotes", "\"double\" 'single' `back` «guillemets» \\ / \\n \\u0041 %s %n %00"),
    ("JSON", '{"phone_number": "+1", "message": null}'),
    ("HTML", "<script>alert(1)</script>&amp;</body>"),
    ("SQL", "'; DROP TABLE message; --\" OR 1=1; SELECT ?1, :a, @b, $c"),
    ("control characters", "".join(map(chr, range(1, 32))) + "\x7f\x80\x9f"),
    ("separators", "\u2028\u2029\u0085\u00a0\u200b\u2060"),
    ("noncharacters", "\ufeff\ufffe\uffff\ufdd0\U0001ffff"),
    ("the first and last of each length",
     "\x01\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"),
    ("the GSM alphabet", GSM + GSM_EXTENSION),
])


@pytest.mark.parametrize("escaped", [True, False], ids=["escaped", "plain"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back_byte_for_byte(outbox, text, escaped):
    body = json.dumps({"phone_number": NUMBER, "message": text}, ensure_ascii=escaped)
    sent = post(outbox, body.encode())
    assert sent.status_code == 202
    message_id = sent.json()["message_id"]
    assert sent.json()["message"] == text
    assert outbox.api.message(message_id)["message"] == text
    rows = outbox.query("SELECT CAST(text AS BLOB) FROM message WHERE id = ?",
                        uuid.UUID(message_id).bytes)
    assert rows == [(text.encode(),)]
    newest = outbox.api.get("/api/sms?limit=1").json()["messages"][0]
    assert (newest["message_id"], newest["message"]) == (message_id, text)


@pytest.mark.parametrize("body, text", table([
    ("white space around everything",
     b' \r\n{\t"message" :\n"Hello" , "phone_number":"+1234567890" } ', "Hello"),
    ("escapes of every kind", with_text(rb'\"\\\/\b\f\n\r\t\u00e9\u00C9'), '"\\/\b\f\n\r\téÉ'),
    ("a pair of surrogates", with_text(rb"\ud83d\uDE00"), EMOJI),
    ("an escaped name", rb'{"phone\u005fnumber": "+1234567890", "message": "Hello"}', "Hello"),
]))
def test_json_may_be_written_in_any_way_it_allows(outbox, body, text):
    answer = post(outbox, body)
    assert answer.status_code == 202
    assert answer.json()["message"] == text


# ---- The request around the body ----

@pytest.mark.parametrize("content_type", [
    "application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8",
    "application/json ; charset=utf-8", "APPLICATION/JSON", "Application/Json; Charset=\"utf-8\""])
def test_json_is_known_by_its_media_type_however_it_is_written(outbox, content_type):
    assert post(outbox, sms(), content_type).status_code == 202


@pytest.mark.parametrize("content_type", [
    "", "text/plain", "text/json", "json", "application", "application/", "application/x-json",
    "application/jsonp", "application/json5", "application/json+x", "application/problem+json",
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "application/json, text/plain", "text/plain; application/json", "application/json text"])
def test_a_body_of_another_media_type_is_refused(gateway, content_type):
    answer = post(gateway, sms(), content_type)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_body_without_a_media_type_is_refused(gateway):
    answer = ask(gateway, "POST", "/api/send-sms", body=sms())
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize("headers", [
    (JSON, JSON), (JSON, "content-type: text/plain"), ("Content-Type: text/plain", JSON)])
def test_two_media_types_are_refused(gateway, headers):
    answer = ask(gateway, "POST", "/api/send-sms", *headers, body=sms())
    assert (answer.status, answer.code) == (400, "malformed_request")


def test_a_header_with_an_underscore_is_not_taken_for_the_real_one(outbox):
    answer = ask(outbox, "POST", "/api/send-sms", JSON, "Content_Type: text/plain",
                 "Content_Length: 1", body=sms())
    assert answer.status == 202


def test_a_body_may_be_exactly_as_large_as_allowed(outbox):
    assert post(outbox, padded(MAX_BODY_BYTES)).status_code == 202
    answer = post(outbox, padded(MAX_BODY_BYTES + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_the_setting_for_the_largest_body_is_exact(make_gateway):
    gateway = make_gateway(MAX_BODY_BYTES=1024).start()
    for chunked in (False, True):
        for length, status in ((1024, 202), (1025, 413), (100_000, 413)):
            body = padded(length)
            answer = post(gateway, iter([body[:500], body[500:]]) if chunked else body)
            assert answer.status_code == status, (chunked, length)
    assert stored(gateway) == (2, 2)


@pytest.mark.parametrize("pieces", [1, 7, len(sms())])
def test_a_body_in_chunks_is_accepted(outbox, pieces):
    body = sms(message="In pieces")
    size = -(-len(body) // pieces)
    answer = post(outbox, (body[at:at + size] for at in range(0, len(body), size)))
    assert answer.status_code == 202
    assert answer.json()["message"] == "In pieces"


def test_chunks_may_have_extensions_and_trailers(outbox):
    chunks = b"1;name=value\r\n" + sms()[:1] + b"\r\n"
    chunks += b"%X\r\n" % (len(sms()) - 1) + sms()[1:] + b"\r\n0\r\nTrailer: x\r\n\r\n"
    answer = ask_raw(outbox, head("POST", "/api/send-sms", JSON, "Transfer-Encoding: chunked")
                     + chunks, "POST")
    assert answer.status == 202


@pytest.mark.parametrize("chunks", [b"xyz\r\n{}\r\n0\r\n\r\n", b"-2\r\n{}\r\n0\r\n\r\n",
                                    b"2\r\n{}}\r\n0\r\n\r\n",
                                    b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n"])
def test_chunks_that_are_not_valid_are_refused(gateway, chunks):
    answer = ask_raw(gateway, head("POST", "/api/send-sms", JSON, "Transfer-Encoding: chunked")
                     + chunks, "POST")
    assert answer.status in (400, 413)


def test_a_body_shorter_than_announced_is_never_a_message(make_gateway):
    gateway = make_gateway().start()
    with RawHttp(gateway) as connection:
        connection.send(head("POST", "/api/send-sms", JSON, f"Content-Length: {len(sms()) + 1}")
                        + sms())
        connection.end()
        answer = connection.answer("POST")
    assert answer is None or answer.status == 400
    assert stored(gateway) == (0, 0)


def test_bytes_after_the_announced_length_are_not_part_of_the_body(make_gateway):
    gateway = make_gateway().start()
    with RawHttp(gateway) as connection:
        connection.send(connection.authorize(
            head("POST", "/api/send-sms", JSON, f"Content-Length: {len(sms()) - 1}") + sms()))
        answer = connection.answer("POST")
    assert (answer.status, answer.code) == (400, "malformed_json")
    assert stored(gateway) == (0, 0)


def test_nothing_is_stored_of_a_request_that_is_refused(make_gateway):
    gateway = make_gateway().start()
    bodies = [b""] + [row[1] for row in MALFORMED + INVALID]
    bodies += [sms(phone_number=number) for _, number in BAD_NUMBERS] + [sms(message="a" * 1531)]
    for body in bodies:
        assert 400 <= post(gateway, body).status_code < 500
        assert stored(gateway) == (0, 0), body
    assert post(gateway, sms(), "text/plain").status_code == 415
    assert post(gateway, padded(MAX_BODY_BYTES + 1)).status_code == 413
    assert stored(gateway) == (0, 0)
    assert gateway.api.get("/api/sms").json()["total"] == 0


# ---- Asking for a message ----

def test_an_id_in_capitals_finds_the_message(outbox):
    sent = outbox.api.send()
    assert outbox.api.message(sent["message_id"].upper()) == sent


@pytest.mark.parametrize("message_id", [
    UNKNOWN_ID, "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"])
def test_an_id_that_no_message_has_is_not_found(gateway, message_id):
    answer = gateway.api.get(f"/api/sms/{message_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "message_not_found")
    assert message_id in answer.json()["detail"]


@pytest.mark.parametrize("message_id", [
    "x", "1", "-1", "null", UNKNOWN_ID[:-1], UNKNOWN_ID + "0", UNKNOWN_ID.replace("-", ""),
    f"%7B{UNKNOWN_ID}%7D", f"{UNKNOWN_ID}%0A", f"%20{UNKNOWN_ID}", "g" + UNKNOWN_ID[1:],
    UNKNOWN_ID.replace("-", "_"), "%25s%25n", "'%20OR%201=1", "%C3%A4", "%FF", "a" * 7000])
def test_an_id_that_is_no_uuid_is_not_found(gateway, message_id):
    answer = ask(gateway, "GET", f"/api/sms/{message_id}")
    assert (answer.status, answer.code) == (404, "message_not_found")


@pytest.mark.parametrize("more", ["/", "/x", "/status", "%2Fx", "%2F"])
def test_a_path_that_goes_on_after_an_id_is_not_found(outbox, more):
    message_id = outbox.api.send()["message_id"]
    answer = ask(outbox, "GET", f"/api/sms/{message_id}{more}")
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("path", [
    "/api", "/api/", "/api/sms/", "/api/send-sms/", "/api/send-sms/x", "/api/send-smss", "/api/sm",
    "/api/SMS", "/API/sms", "/api/sms%20", "/api/sms%0A", "/api/sms%3Flimit=1", "/api/sms;a=b",
    "/api/v1/sms", "/api/devices/", "/livez/", "/readyz/x", "/metrics/", "/api/sms.json",
    "/api/index.html"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_address_that_the_gateway_does_not_have_is_not_found(gateway, method, path):
    answer = ask(gateway, method, path)
    assert (answer.status, answer.code) == (404, "not_found")


# ---- Methods ----

ROUTES = {
    "/api/send-sms": "POST",
    "/api/sms": "GET, HEAD",
    f"/api/sms/{UNKNOWN_ID}": "GET, HEAD, DELETE",
    f"/api/sms/{UNKNOWN_ID}/events": "GET, HEAD",
    f"/api/sms/{UNKNOWN_ID}/resend": "POST",
    "/api/devices": "GET, HEAD",
    "/api/devices/nobody": "GET, HEAD, PATCH, DELETE",
    "/livez": "GET, HEAD",
    "/readyz": "GET, HEAD",
    "/metrics": "GET, HEAD",
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "BREW")


@pytest.mark.parametrize("path, method", [
    (path, method) for path, allowed in ROUTES.items() for method in METHODS
    if method not in allowed.split(", ")])
def test_a_method_that_a_route_does_not_take_is_refused(gateway, path, method):
    answer = gateway.api.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == ROUTES[path]
    if method != "HEAD":
        assert answer.json()["code"] == "method_not_allowed"


def test_a_method_in_small_letters_is_another_method(gateway):
    answer = ask_raw(gateway, head("get", "/livez"))
    assert answer.status in (400, 405)


def test_head_has_the_headers_of_get_and_no_body(outbox):
    message_id = outbox.api.send()["message_id"]
    for path in (f"/api/sms/{message_id}", f"/api/sms/{message_id}/events", "/api/sms", "/api/devices", "/livez", "/readyz",
                 "/metrics", f"/api/sms/{UNKNOWN_ID}"):
        with RawHttp(outbox) as connection:
            connection.send(head("HEAD", path))
            without = connection.answer("HEAD")
            connection.send(head("GET", path))  # on the same connection: nothing lies between
            answer = connection.answer()
        assert without.status == answer.status
        assert without.body == b"" != answer.body
        assert [*without.headers] == [*answer.headers]
        for name in ("Content-Type", "Cache-Control"):
            assert without.headers[name] == answer.headers[name]
        if path != "/metrics":  # which counts the first of the two
            assert without.headers["Content-Length"] == answer.headers["Content-Length"]


# ---- Request ids ----

@pytest.mark.parametrize("method, path, status", [
    ("GET", "/livez", 200), ("GET", "/api/sms?limit=1", 200),
    ("GET", f"/api/sms/{UNKNOWN_ID}", 404),
    ("POST", "/api/send-sms", 415), ("PUT", "/api/sms", 405), ("GET", "/api/sms?limit=0", 422),
    ("GET", "/nothing", 404)])
def test_every_answer_has_a_request_id_of_its_own(gateway, method, path, status):
    headers = {"X-Request-Id": "of-the-client"}
    ids = set()
    for _ in range(2):
        answer = gateway.api.request(method, path, headers=headers)
        assert answer.status_code == status
        of_body = answer.json().get("request_id")
        of_header = answer.headers.get("X-Request-Id", of_body)  # nginx's own answers lack it
        assert of_body in (None, of_header)
        assert re.fullmatch("[0-9a-f]{32}", of_header)
        ids.add(of_header)
    assert len(ids) == 2


# ---- Many at once ----

def test_64_clients_at_once_are_all_accepted(make_gateway):
    gateway = make_gateway().start()
    clients = 64
    together = threading.Barrier(clients)

    def send(number):
        api = Api(gateway.url, gateway.api_key())
        together.wait()
        try:
            return api.send(NUMBER, f"Message {number}")
        finally:
            api.close()

    with ThreadPoolExecutor(clients) as pool:
        sent = {message["message_id"]: message for message in pool.map(send, range(clients))}
    assert len(sent) == clients
    assert {message["message"] for message in sent.values()} == {
        f"Message {number}" for number in range(clients)}
    for message_id, message in sent.items():
        assert gateway.api.message(message_id) == message
    assert gateway.api.get("/api/sms").json()["total"] == clients
    assert stored(gateway) == (clients, clients)


# ---- What must not get anywhere ----

SECRET = "sesame-48151623"  # in every text, and so in no log
WHOLE_NUMBER = "+4915112345678"
FORGED = ("forged\r\nts=2026-01-01T00:00:00.000Z level=error process=api-fcgi msg=forged"
          "\x1b[31m\x07")
SQL = "'; DROP TABLE message; DELETE FROM message_event WHERE 1=1; --\""
LOG_VALUE = r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\["\\]|\\x[0-9a-f]{2})*"|[^\s"=\\]+)'
LOG_LINE = (r"ts=\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z level=(?:debug|info|warning|error) "
            r"process={process} msg={value}(?: [a-z_]+={value})*")
ACCESS_FIELDS = {"ts", "request_id", "method", "path", "status", "bytes", "seconds",
                 "upstream_seconds"}


def send_what_is_meant_to_hurt(gateway):
    """Control bytes, quotes and SQL wherever a client can put a text. One message is accepted."""
    evil = SQL + FORGED + SECRET
    gateway.api.send(WHOLE_NUMBER, evil)
    for body in (sms(phone_number=WHOLE_NUMBER + evil), sms(WHOLE_NUMBER, ""),
                 sms(WHOLE_NUMBER, SECRET * 1000), sms(WHOLE_NUMBER, SECRET, **{evil: evil}),
                 sms(WHOLE_NUMBER, evil)[:-1], evil.encode() + WHOLE_NUMBER.encode()):
        assert 400 <= post(gateway, body).status_code < 500
    assert post(gateway, sms(WHOLE_NUMBER, SECRET), SQL + "forged").status_code == 415
    for parameter in ("status", "device_id", "phone_number", "created_after", "created_before",
                      "cursor", "limit", "offset", "unknown"):
        answer = gateway.api.get("/api/sms", params={parameter: SQL + FORGED + WHOLE_NUMBER})
        assert answer.status_code == 422
    assert gateway.api.get("/api/sms", params={"phone_number": WHOLE_NUMBER}).json()["total"] == 1
    for target in ("/api/sms/%0D%0Aforged", "/api/sms/%22,%22forged%22:%22", "/api/sms/%27;--",
                   "/forged%0A%7B%22ts%22:1%7D", "/api/sms/%1B%5B31m%07", "/api/sms/%5C%22%5C"):
        assert ask(gateway, "GET", target).status == 404
    for name in ("User-Agent", "Referer", "X-Request-Id", "Cookie", "Forwarded", "X-Forwarded-For"):
        header = f'{name}: {SQL} forged" \x1b[31m {SECRET}'
        assert ask(gateway, "GET", "/livez", header).status == 200


def talk_as_an_evil_phone(gateway):
    evil = SQL + FORGED
    phone = Phone(gateway, "evil", {"device_name": evil[:90], "android_version": "\r\nforged",
                                    evil: evil})
    message = phone.receive_sms()
    phone.report(message["message_id"], "failed", error_code="\r\nforged'\"\x07",
                 error_message=evil)
    for frame in ({"type": evil}, {"type": "status_update", "message_id": evil, "status": "sent"},
                  {"type": "status_update", "message_id": message["message_id"], "status": evil},
                  {"type": "device_update", "info": {evil: evil}}, evil + SECRET):
        phone.send(frame)
    assert gateway.api.wait_status(message["message_id"], "failed")["error_message"] == evil
    device = gateway.api.devices()["evil"]
    assert device["device_name"] == evil[:90]
    phone.close()


def test_no_client_forges_a_log_line_and_no_secret_is_logged(make_gateway):
    gateway = make_gateway(LOG_LEVEL="debug").start()
    send_what_is_meant_to_hurt(gateway)
    talk_as_an_evil_phone(gateway)
    assert gateway.api.get("/api/sms").json()["total"] == 1
    gateway.stop()

    access = (gateway.folder / "run" / "access.log").read_text()
    logs = {"access": access, "nginx": gateway.nginx.log(), "api-fcgi": gateway.api_fcgi.log(),
            "ws-broker": gateway.ws_broker.log()}
    for name, log in logs.items():
        assert SECRET not in log, name
        assert WHOLE_NUMBER.strip("+") not in log, name
    for process in ("api-fcgi", "ws-broker"):
        pattern = LOG_LINE.format(process=process, value=LOG_VALUE)
        lines = logs[process].split("\n")
        assert lines.pop() == ""
        for line in lines:
            assert re.fullmatch(pattern, line), (process, line)
    assert "message accepted" in logs["api-fcgi"]
    for line in access.splitlines():
        assert set(json.loads(line)) == ACCESS_FIELDS
        assert not re.search(r"[\x00-\x1f\x7f]", line)
    assert gateway.query("PRAGMA integrity_check") == [("ok",)]


def test_the_access_log_is_json_whatever_bytes_a_path_has(make_gateway):
    gateway = make_gateway().start()
    for target in ("/api/sms/%FF", "/api/sms/%C3%A4", "/%C0%80", "/docs/%ED%A0%80"):
        assert ask(gateway, "GET", target).status == 404
    gateway.stop()
    lines = (gateway.folder / "run" / "access.log").read_bytes().splitlines()
    assert len(lines) == 4
    for line in lines:
        assert set(json.loads(line)) == ACCESS_FIELDS


def test_the_request_id_of_an_answer_names_it_in_both_logs(make_gateway):
    gateway = make_gateway().start()
    answer = post(gateway, sms())
    gateway.stop()
    request_id = answer.headers["X-Request-Id"]
    access = [json.loads(line) for line in
              (gateway.folder / "run" / "access.log").read_text().splitlines()]
    assert [entry["status"] for entry in access if entry["request_id"] == request_id] == [202]
    accepted = [line for line in gateway.api_fcgi.log().splitlines()
                if f"request_id={request_id}" in line]
    assert len(accepted) == 1
    assert answer.json()["message_id"] in accepted[0]
