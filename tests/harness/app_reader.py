"""Reads answers of the mobile API as SMSGate's app does: by the rules of its JSON library, and by the library itself (`make gson`)."""

import json
import os
import re
import subprocess

from .waiting import LIMIT_SECONDS

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")  # another number of digits is another time to it


def _text(value):
    return isinstance(value, str)


def _date(value):
    return isinstance(value, str) and DATE.fullmatch(value)


def _flag(value):
    return isinstance(value, bool)


def _integer(least, most):
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _word(*words):
    return lambda value: value in words


def _texts(value):
    return isinstance(value, list) and value and all(map(_text, value)) and len(set(value)) == len(value)


# By kind: its members; a name with * may not be missing.
OBJECTS = {
    "message": {"id*": _text, "message*": _text, "textMessage": {"text*": _text}, "dataMessage": {"data*": _text, "port*": _integer(0, 65535)},
                "phoneNumbers*": _texts, "simNumber": _integer(1, 2**31 - 1), "withDeliveryReport": _flag, "isEncrypted": _flag,
                "priority": _integer(-128, 127), "validUntil*": _date, "scheduleAt": _date,
                "state*": _word("Pending", "Cancelling"), "createdAt*": _date},
    "webhook": {"id*": _text, "url*": _text, "event*": _text},
    "registered": {"id*": _text, "token*": _text, "login*": _text, "password": _text},
    "address": {"externalIp*": _text},
    "cancelled": {"messageId*": _text},
    "settings": {"gateway": {"notification_channel": _word("AUTO", "SSE_ONLY")}, "messages": {"processing_order": _word("LIFO", "FIFO")},
                 "ping": {"interval_seconds": _integer(1, 2**31 - 1)}, "webhooks": {"signing_key": _text}},
}


def _check(members, value, place):
    assert isinstance(value, dict), f"{place} is no object: {value!r}"
    wanted = {name.rstrip("*"): rule for name, rule in members.items()}
    assert set(value) <= set(wanted), f"{place} has members that the app has no use for: {set(value) - set(wanted)}"
    for name in members:
        assert not name.endswith("*") or name[:-1] in value, f"{place} has no {name[:-1]}"
    for name, member in value.items():
        if isinstance(wanted[name], dict):
            _check(wanted[name], member, f"{place}.{name}")
        else:
            assert wanted[name](member), f"{place}.{name} is {member!r}"


def check_readable(answers):
    """Answers as (kind, their text); kinds are those of OBJECTS, and `messages` and `webhooks` for lists."""
    for kind, text in answers:
        value = json.loads(text)
        if kind in ("messages", "webhooks"):
            assert isinstance(value, list) and len({element["id"] for element in value}) == len(value), text
            for element in value:
                _check(OBJECTS[kind[:-1]], element, kind)
        else:
            _check(OBJECTS[kind], value, kind)
    classes = os.environ.get("GSON_CLASSES")
    if classes:
        read = subprocess.run(["java", "-cp", f"/usr/share/java/gson.jar:{classes}", "ReadAsTheApp"],
                              input="".join(f"{kind} {text}\n" for kind, text in answers), capture_output=True, text=True,
                              timeout=LIMIT_SECONDS, check=True)
        assert read.stdout.splitlines() == ["ok"] * len(answers), read.stdout
