"""sms-gateway, the operator's tool, beside a running gateway and without one."""

import json
import os
import re
import sqlite3
import subprocess
import time

import pytest

from harness.api import check_schema
from harness.gateway import ROOT, let_others_pass, programs_folder
from harness.phone import Phone
from harness.waiting import LIMIT_SECONDS, wait_for

STRANGER = 64321  # nobody's number
FAMILIES = ["keys", "dashboard", "devices", "sending", "messages", "batches", "inbox", "opt-outs", "webhooks", "statistics", "database",
            "backup", "restore", "settings", "url"]
STATUSES = ["queued", "dispatched", "accepted", "sending", "sent", "delivered", "failed", "expired",
            "cancelled", "unknown"]


def answer(gateway, *arguments, text=None, warning=""):
    """What a command that succeeds says in JSON."""
    status, printed, errors = gateway.command(*arguments, "--json", text=text)
    assert status == 0 and (warning in errors if warning else errors == ""), errors
    assert printed.count("\n") == 1
    return json.loads(printed)


def refusal(gateway, status, *arguments):
    """The one line of a command that does not succeed; in JSON there is nothing either."""
    lines = []
    for options in ((), ("--json",)):
        result = gateway.command(*arguments, *options)
        assert result[:2] == (status, ""), result
        lines.append(result[2])
    assert lines[0] == lines[1] and lines[0].count("\n") == 1, lines
    return lines[0]


@pytest.fixture
def idle(make_gateway):
    """A gateway that has never run."""
    return make_gateway()


@pytest.fixture
def ready(idle):
    """The same with a database."""
    return idle.make_database()


# ---- Help ----


def test_the_help_names_every_family(idle):
    status, text, errors = idle.command("--help")
    assert (status, errors) == (0, "")
    assert re.findall(r"^  ([\w-]+)  ", text, re.M) == FAMILIES
    assert idle.command("help") == (0, text, "")
    assert idle.command() == (2, "", text)
    assert re.fullmatch(r"sms-gateway \d+\.\d+\.\d+\n", idle.command("--version")[1])
    assert list(idle.folder.rglob("*.db*")) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_explains_itself(idle, family):
    status, text, errors = idle.command(family, "--help")
    assert (status, errors) == (0, "") and text.startswith(f"sms-gateway {family}: ")
    assert idle.command("help", family) == (0, text, "")
    assert all(len(line) <= 96 for line in text.splitlines())


@pytest.mark.parametrize("arguments, told", [
    (("key", "list"), '"key"'), (("help", "key"), '"key"'), (("--json", "keys", "list"), "--json"),
])
def test_an_unknown_command_names_the_known_ones(idle, arguments, told):
    status, printed, errors = idle.command(*arguments)
    assert (status, printed) == (2, "") and told in errors
    assert told.startswith("-") or all(family in errors for family in (*FAMILIES, "help"))


# ---- JSON of what there was before ----


def test_keys_in_json(ready):
    assert answer(ready, "keys", "list") == {"keys": [], "count": 0}
    made = answer(ready, "keys", "create", 'a "shop"', "--scopes", "read,send", "--days", "2",
                  "--daily-messages", "0")
    assert re.fullmatch(r"sgw_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}", made.pop("key"))
    assert made.pop("expires_at") > time.strftime("%Y-%m-%d")
    assert made == {"key_id": made["key_id"], "kind": "key", "label": 'a "shop"', "scopes": ["send", "read"],
                    "requests_per_minute": None, "daily_messages": 0, "ignores_opt_out": False}
    listed = answer(ready, "keys", "list")
    assert listed["count"] == 1 and made.items() <= listed["keys"][0].items()
    assert listed["keys"][0]["state"] == "active" and listed["keys"][0]["revoked_at"] is None
    revoked = answer(ready, "keys", "revoke", made["key_id"])
    assert revoked.keys() == {"key_id", "revoked_at"}
    after = answer(ready, "keys", "list")["keys"][0]
    assert after["state"] == "revoked" and after["revoked_at"] == revoked["revoked_at"]
    assert "no active key" in refusal(ready, 1, "keys", "revoke", made["key_id"])
    assert "1 to 3650" in refusal(ready, 2, "keys", "create", "x", "--days", "0")


def test_devices_in_json_are_as_the_api_has_them(ready):
    pairing = answer(ready, "devices", "pair", "phone", warning="points every other machine to itself")
    check_schema({"$ref": "#/components/schemas/Pairing"}, pairing)
    assert pairing["device_id"] == "phone"
    assert answer(ready, "devices", "pair", warning="points every")["device_id"] is None
    made = answer(ready, "devices", "token", "by-hand")
    check_schema({"$ref": "#/components/schemas/PairedPhone"}, made)
    several = answer(ready, "devices", "token", "-", text="one\ntwo\n")
    assert [token["device_id"] for token in several["tokens"]] == ["one", "two"]
    assert several["count"] == 2
    listed = answer(ready, "devices", "list")
    assert [(device["device_id"], device["state"]) for device in listed["devices"]] == [
        ("by-hand", "active"), ("one", "active"), ("two", "active")] and listed["count"] == 3
    check_schema({"$ref": "#/components/schemas/RevokedDevice"},
                 answer(ready, "devices", "revoke", "one"))
    ended = answer(ready, "devices", "list")["devices"][1]
    assert ended["state"] == "revoked" and ended["ended_at"] >= ended["paired_at"]
    assert "no paired phone" in refusal(ready, 1, "devices", "revoke", "one")


def test_tokens_made_before_a_wrong_line_are_printed(ready):
    status, printed, errors = ready.command("devices", "token", "-", "--json", text="one\na b\ntwo\n")
    assert status == 2 and "1 to 64 letters" in errors
    assert [token["device_id"] for token in json.loads(printed)["tokens"]] == ["one"]


def test_device_ids_that_cannot_be_read_are_a_failure(ready):
    folder = os.open(ready.folder, os.O_RDONLY)
    result = subprocess.run([programs_folder(ready.build) / "sms-gateway", "devices", "token", "-"], cwd=ready.folder, stdin=folder,
                            env=ready.environment, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
    os.close(folder)
    assert result.returncode == 1 and "cannot read the standard input: Is a directory" in result.stderr, result


def test_sending_in_json(ready):
    assert answer(ready, "sending", "status") == {"paused": False, "paused_since": None,
                                                 "reason": None}
    assert answer(ready, "sending", "pause", "the SIM is empty") == {"paused": True, "changed": True}
    assert answer(ready, "sending", "pause") == {"paused": True, "changed": False}
    status = answer(ready, "sending", "status")
    assert status["paused"] and status["reason"] == "the SIM is empty" and status["paused_since"]
    assert answer(ready, "sending", "resume") == {"paused": False, "changed": True}


# ---- Messages ----


def test_messages_are_listed_as_the_api_lists_them(make_gateway):
    gateway = make_gateway().start()
    ids = [gateway.api.send(f"+4915112345{i % 2:02}", f"text {i}")["message_id"] for i in range(5)]
    phone = Phone(gateway, "phone")
    for message_id in ids:
        assert phone.receive_sms()["message_id"] == message_id
    phone.report(ids[0], "delivered")
    gateway.api.wait_status(ids[0], "delivered")
    waiting = gateway.command("sending", "pause")
    assert waiting[0] == 0

    def listed(*options, query=""):
        page = answer(gateway, "messages", "list", *options)
        of_the_api = gateway.api.get(f"/api/sms?limit={page['limit']}{query}").json()
        assert page == {name: of_the_api[name] for name in ("messages", "count", "total", "limit")}
        return [message["message_id"] for message in page["messages"]]

    assert listed() == ids[::-1]
    assert listed("--limit", "2") == [ids[4], ids[3]]
    assert listed("--status", "delivered", query="&status=delivered") == [ids[0]]
    assert listed("--phone-number", "+49 151 123 4501", query="&phone_number=%2B49151123" "4501") == [
        ids[3], ids[1]]
    assert listed("--device", "phone", query="&device_id=phone") == ids[::-1]
    assert listed("--device=nobody", query="&device_id=nobody") == []
    text = gateway.command("messages", "list", "--limit", "2")[1]
    assert text.splitlines()[-1] == "2 of 5 messages."
    assert ids[4] in text and "+4915112345" "00" in text and "text 4" in text and ids[0] not in text
    phone.close()


@pytest.mark.parametrize("arguments, told", [
    (("list", "--status", "lost"), '"lost"'), (("list", "--phone-number", "0151"), "phone number"),
    (("list", "--device", "a b"), "1 to 64 letters"), (("list", "--limit", "0"), "1 to 1000"),
    (("list", "--limit", "1001"), "1 to 1000"), (("show", "x"), "a message id is like"),
    (("show",), "needs ID"), (("show", "x", "--limit", "3"), "no option --limit"),
])
def test_a_wrong_use_of_messages_says_what_to_change(ready, arguments, told):
    assert told in refusal(ready, 2, "messages", *arguments)


def test_a_message_is_shown_with_all_that_has_happened_to_it(make_gateway):
    gateway = make_gateway().start()
    phone = Phone(gateway, "phone")
    sent = gateway.api.send("+491511234567", "the code is 4711")["message_id"]
    phone.receive_sms()
    for status in ("sending", "sent"):
        phone.report(sent, status)
    phone.report(sent, "failed", error_code="no_service", error_message="no network")
    gateway.api.wait_status(sent, "failed")
    shown = answer(gateway, "messages", "show", sent)
    history = shown.pop("events")
    assert history == gateway.api.get(f"/api/sms/{sent}/events").json()["events"]
    assert shown == gateway.api.message(sent)
    assert [event["status"] for event in history] == ["queued", "accepted", "sending", "sent", "failed"]
    assert {event["status"]: event["at"] for event in history} == shown["times"]
    assert [event["attempt"] for event in history] == [0, 1, 1, 1, 1]
    assert [event["device_id"] for event in history] == [None] + 4 * ["phone"]
    assert history[-1]["error_code"] == "no_service" and history[-1]["error_message"] == "no network"
    assert all(event["error_code"] is None for event in history[:-1])
    text = gateway.command("messages", "show", sent.upper())[1]
    for word in (sent, "+491511234567", "the code is 4711", "phone", "no_service: no network"):
        assert word in text
    assert re.findall(r"Z  (\w+) +attempt", text) == [event["status"] for event in history]
    other = "019dbb26-71a3-7c1e-a2a6-0c2d52c3f9c1"
    assert refusal(gateway, 1, "messages", "show", other) == \
        f"sms-gateway messages: there is no message with the id {other}\n"
    phone.close()


OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def test_a_text_does_not_command_the_terminal(make_gateway):
    gateway = make_gateway().start()
    text = "\x1b[31mred\x07\nline\u202eback\u009b2J h\u00e4\u00dflich \U0001f600\u2028\u061c\u200f\ufeff"
    sent = gateway.api.send(message=text)["message_id"]
    seen = ("\\u001b[31mred\\u0007\\nline\\u202eback\\u009b2J h\u00e4\u00dflich \U0001f600"
            "\\u2028\\u061c\\u200f\\ufeff")
    assert seen in gateway.command("messages", "list")[1]
    assert seen in gateway.command("messages", "show", sent)[1]
    for command in (("messages", "show", sent), ("messages", "list")):
        for form in ((), ("--json",)):
            assert not OBEYED.search(gateway.command(*command, *form)[1])
    assert answer(gateway, "messages", "show", sent)["message"] == text
    assert answer(gateway, "messages", "list")["messages"][0]["message"] == text
    assert gateway.api.message(sent)["message"] == text  # programs get it as it is


@pytest.mark.parametrize("evil", ["\x1b[2J", "\u009b2J", "\u202e", "a\rb", "\ufeff", "\x7f"])
def test_nothing_that_is_given_to_the_tool_commands_the_terminal(gateway, evil):
    gateway.command("keys", "create", f"key {evil}")
    gateway.command("sending", "pause", evil)
    told = [gateway.command(*words) for words in (
        ("keys", "list"), ("keys", "list", "--json"), ("sending", "status"), ("sending", "status", "--json"),
        ("messages", "show", evil), ("messages", "resend", evil), (evil,), ("messages", evil), (f"-{evil}",),
        ("keys", "revoke", evil), ("devices", "revoke", evil), ("messages", "list", f"--{evil}"),
        ("messages", "list", "--status", evil), ("messages", "list", "--phone-number", f"+49{evil}"),
        ("backup", "check", f"/nowhere/{evil}"), ("backup", "list", "--json", f"/nowhere/{evil}"),
        ("restore", f"/nowhere/{evil}"), ("settings", "check", "--env-file", f"/nowhere/{evil}"))]
    gateway.command("sending", "resume")
    assert any("since" in out for _, out, _ in told)
    for _, out, errors in told:
        assert not OBEYED.search(out + errors), (out, errors)


@pytest.mark.parametrize("evil", ["\x1b[2J", "\u009b2J", "\u202e"])
def test_nothing_that_is_given_to_the_simulated_phone_commands_the_terminal(gateway, evil):
    program = programs_folder(gateway.build) / "phone-sim"
    for options in (("--pair", f"sms-gateway://{evil}"), (f"--{evil}",), ("--url", f"ftp://{evil}"),
                    ("--id", evil), ("--count", evil)):
        done = subprocess.run([program, *options], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False,
                              cwd=gateway.folder)
        assert done.returncode != 0 and done.stderr
        assert not OBEYED.search(done.stdout + done.stderr), done


# ---- statistics ----


def test_status_shows_the_metrics_of_the_gateway(make_gateway):
    gateway = make_gateway(STUCK_AFTER_MINUTES=1).start()
    empty = answer(gateway, "statistics")
    assert empty["messages"] == dict.fromkeys(STATUSES, 0) and empty["oldest_queued_at"] is None
    assert empty["devices_connected"] == 0 and empty["sending_paused"] is False
    phone = Phone(gateway, "phone")
    sent = gateway.api.send()["message_id"]
    phone.receive_sms()
    phone.report(sent, "delivered")
    gateway.api.wait_status(sent, "delivered")
    gateway.command("sending", "pause")
    gateway.command("sending", "resume")
    phone.close()
    gateway.ws_broker.stop()
    first = gateway.api.send()
    gateway.api.send()
    shown = answer(gateway, "statistics")
    assert shown["messages"] == dict.fromkeys(STATUSES, 0) | {"queued": 2, "delivered": 1}
    assert shown["oldest_queued_at"] == first["created_at"]
    assert shown["stuck"] == dict.fromkeys(STATUSES[:4], 0)
    assert shown["database_bytes"] == gateway.database.stat().st_size
    assert shown["wal_bytes"] == (gateway.folder / "data/sms-gateway.db-wal").stat().st_size
    text = gateway.command("statistics")[1]
    assert re.search(r"^  queued +2$", text, re.M) and first["created_at"] in text
    assert re.search(r"^stuck +0 \(in one status for more than 1 minutes\)$", text, re.M)
    assert re.search(r"^sending +active$", text, re.M)


def test_status_shows_connected_phones_a_pause_and_stuck_messages(make_gateway):
    gateway = make_gateway(STUCK_AFTER_MINUTES=1).start()
    phone = Phone(gateway, "phone")
    gateway.api.send()
    phone.receive_sms()
    gateway.command("sending", "pause")

    def let_time_pass():
        database = sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS)
        database.execute("UPDATE message SET updated_at_ms = updated_at_ms - 100000")
        database.commit()
        database.close()

    let_time_pass()
    shown = answer(gateway, "statistics")
    assert shown["devices_connected"] == 1 and shown["sending_paused"] is True
    assert shown["stuck"] == dict.fromkeys(STATUSES[:4], 0) | {"accepted": 1}
    assert re.search(r"^sending +paused$", gateway.command("statistics")[1], re.M)
    phone.close()
    gateway.command("sending", "resume")
    rows = "".join(f"+49151{10000000 + i},x\n" for i in range(2003))
    assert gateway.command("batches", "send", "-", text="phone_number,message\n" + rows)[0] == 0
    let_time_pass()
    assert re.search(r"^stuck +20\d\d or more \(in one", gateway.command("statistics")[1], re.M)  # not all of a long queue are looked at


# ---- Settings ----


def test_settings_are_shown_as_the_programs_have_them(idle):
    shown = idle.command("settings", "show")
    program = programs_folder(idle.build) / "api-fcgi"
    assert shown == (0, subprocess.check_output([program, "--check-config"], cwd=idle.folder,
                                                env=idle.environment, text=True), "")
    of_json = answer(idle, "settings", "show")
    assert of_json["file"] is None
    assert "".join(f"{name}='{value}'\n" if isinstance(value, str) else f"{name}={value}\n"
                   for name, value in of_json["settings"].items()) == shown[1]
    assert list(idle.folder.rglob("data")) == []


def test_settings_are_checked(idle):
    assert answer(idle, "settings", "check") == \
        {"valid": True, "file": None, "other_names": "", "ports_tried": True, "warnings": []}
    assert "no .env" in idle.command("settings", "check")[1]
    (idle.folder / ".env").write_text("MAX_MESSAGE_SEGMENTS=3\nTZ=UTC\nCOMPOSE_PROJECT_NAME=x\n")
    assert answer(idle, "settings", "check") == {
        "valid": True, "file": ".env", "other_names": "TZ, COMPOSE_PROJECT_NAME", "ports_tried": True,
        "warnings": []}
    told = idle.command("settings", "check")[1]
    assert "in .env are valid" in told and "settings of the gateway: TZ, COMPOSE_PROJECT_NAME" in told
    (idle.folder / "other.env").write_text("MAX_MESAGE_SEGMENTS=3\n")
    told = refusal(idle, 2, "settings", "check", "--env-file", "other.env")
    assert "other.env line 1" in told and "did you mean MAX_MESSAGE_SEGMENTS" in told
    (idle.folder / "other.env").write_text("PUBLIC_URL=sms.example\n")
    assert "PUBLIC_URL must be" in refusal(idle, 2, "settings", "check", "--env-file=other.env")
    assert list(idle.folder.rglob("data")) == []


def own_tool(folder, settings_file):
    """One with another settings file compiled in, as a package has it."""
    target = folder / "own"
    subprocess.run(["make", "--no-print-directory", "-s", f"PLAIN={target}", f"GEN={target}/gen",
                    f"SETTINGS_FILE={settings_file}", f"{target}/obj/common/process/settings.o"],
                   cwd=ROOT, check=True, capture_output=True, timeout=LIMIT_SECONDS * 4)
    build = ROOT / "build"
    subprocess.run(["cc", "-pie", "-o", folder / "tool", target / "obj/common/process/settings.o",
                    *(build / "obj/deploy/cli" / f"{source.stem}.o" for source in ROOT.glob("deploy/cli/*.c")),
                    build / "libcommon.a", "-lqrencode",
                    "-lsqlite3", "-lcjson", "-luuid", "-lcrypto", "-lm", "-lpthread"], check=True)
    return folder / "tool"


def test_an_installed_tool_finds_its_settings_or_says_who_may_read_them(tmp_path):
    let_others_pass(tmp_path)
    folder = tmp_path / "etc"
    folder.mkdir()
    file = folder / "settings.env"
    tool = own_tool(tmp_path, file)

    def check(*before):
        result = subprocess.run([*before, tool, "settings", "check"], cwd="/", text=True, env={},
                                capture_output=True, check=False, timeout=LIMIT_SECONDS)
        return result.returncode, result.stdout + result.stderr

    assert check() == (0, f"There is no {file}; defaults and environment variables are used.\n")
    file.write_text("HTTP_PORT=0\n")
    assert check()[0] == 2 and f"{file} line 1: HTTP_PORT" in check()[1]
    file.write_text("HTTP_PORT=80\n")
    assert check() == (0, f"The settings in {file} are valid.\n")
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    for path, mode in ((file, 0o640), (folder, 0o750)):
        path.chmod(mode)
        assert check("setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups") == (
            2, f"sms-gateway settings: cannot read {file}: run this command as root or as"
               " the user sms-gateway\n")


# ---- The database ----


def test_a_database_is_checked_beside_a_gateway_at_work(make_gateway):
    gateway = make_gateway().start()
    phone = Phone(gateway, "phone")
    for _ in range(20):
        gateway.api.send()
        found = answer(gateway, "database", "check")
    assert found["schema_version"] == gateway.query("PRAGMA user_version")[0][0]
    assert sum(found["messages"].values()) == 20 and found["messages"].keys() == set(STATUSES)
    wait_for(lambda: answer(gateway, "database", "check")["events"] == sum(
        gateway.query(f"SELECT count(*) FROM {table}")[0][0] for table in ("message_event", "gateway_event")),
             "the last message to be given to the phone")
    assert (found["devices"], found["device_tokens"], found["api_keys"]) == (1, 1, 1)
    assert "is intact" in gateway.command("database", "check")[1]
    phone.close()


def test_a_database_of_an_ended_gateway_is_checked_with_its_log(make_gateway):
    gateway = make_gateway().start()
    gateway.api.send()
    gateway.api_fcgi.kill()
    gateway.ws_broker.kill()
    wal = gateway.folder / "data/sms-gateway.db-wal"
    before = wal.stat().st_size
    assert before > 0 and answer(gateway, "database", "check")["messages"]["queued"] == 1
    assert wal.stat().st_size == before


def damage(gateway, sql):
    database = sqlite3.connect(gateway.database, timeout=LIMIT_SECONDS)
    database.executescript(sql)
    database.close()


@pytest.mark.parametrize("sql, told", [
    ("PRAGMA writable_schema = 1; UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM"
     " sqlite_schema WHERE name = 'message_by_device') WHERE name = 'message_by_status'", ""),
    ("UPDATE message_count SET count = 7 WHERE status = 3", "the counts of messages"),
    ("PRAGMA user_version = 1000", "version 1000"),
    ("PRAGMA application_id = 1", "a database of another program"),
])
def test_a_database_that_is_not_as_it_must_be_is_said_to_be(ready, sql, told):
    damage(ready, sql)
    line = refusal(ready, 1, "database", "check")
    assert line.startswith(f"sms-gateway database: {ready.database}: ") and told in line


def test_a_check_makes_no_database_and_needs_one(idle):
    assert "there is no folder" in refusal(idle, 1, "database", "check")
    assert list(idle.folder.rglob("data")) == []
    idle.database.parent.mkdir()
    idle.database.write_text("no database at all, whatever its name says\n" * 100)
    assert "not a database" in refusal(idle, 1, "database", "check")


def test_an_answer_that_cannot_be_written_is_a_failure(ready):
    with open("/dev/full", "w", encoding="ascii") as full:
        result = subprocess.run([programs_folder(ready.build) / "sms-gateway", "sending", "status"],
                                cwd=ready.folder, env=ready.environment, stdout=full, text=True,
                                stderr=subprocess.PIPE, check=False, timeout=LIMIT_SECONDS)
    assert result.returncode == 1 and "cannot write the answer: No space left" in result.stderr


# ---- Root ----


def owners(folder):
    return {(path.stat().st_uid, path.stat().st_gid) for path in (folder, *folder.rglob("*"))}


@pytest.fixture
def strangers(idle):
    """The gateway of another user: its folder, and all that comes into it, is theirs."""
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    let_others_pass(idle.folder)
    for path in (idle.folder, *idle.folder.rglob("*")):
        os.chown(path, STRANGER, STRANGER + 1)
    return idle


def test_root_leaves_nothing_of_its_own_in_the_folder_of_another(strangers):
    """Not with a folder that is to be made, and not with one that is there."""
    for command in (("database", "create"), ("keys", "create", "x")):
        key = answer(strangers, *command)
        assert strangers.database.exists()
        assert owners(strangers.folder) == {(STRANGER, STRANGER + 1)}
    assert answer(strangers, "keys", "revoke", key["key_id"])


def test_root_drops_its_privileges_before_it_opens_a_file(strangers, tmp_path):
    if strangers.build != "release":
        pytest.skip("the leak sanitizer does not work under strace")
    calls = tmp_path / "calls"
    subprocess.run(["strace", "-f", "-o", calls, programs_folder("release") / "sms-gateway",
                    "database", "create"], cwd=strangers.folder, env=strangers.environment, check=True,
                   capture_output=True, timeout=LIMIT_SECONDS)
    lines = [line.split(maxsplit=1)[1] for line in calls.read_text().splitlines()]
    changed = [i for i, line in enumerate(lines) if line.startswith(("setgroups(", "setresgid(",
                                                                     "setresuid("))]
    assert [re.sub(" += ", " = ", lines[i]) for i in changed] == [
        "setgroups(0, NULL) = 0",
        f"setresgid({STRANGER + 1}, {STRANGER + 1}, {STRANGER + 1}) = 0",
        f"setresuid({STRANGER}, {STRANGER}, {STRANGER}) = 0"]
    made = [i for i, line in enumerate(lines) if "O_CREAT" in line or line.startswith("mkdir") or
            "data" in line and "openat" in line]
    assert made and made[0] > changed[-1]
    assert any(line.startswith("setuid(0)") and "EPERM" in line for line in lines[changed[-1]:])


def test_root_that_cannot_become_the_owner_opens_nothing(strangers):
    tool = programs_folder(strangers.build) / "sms-gateway"
    result = subprocess.run(
        ["setpriv", "--bounding-set=-setuid", "--inh-caps=-setuid", tool, "keys", "create", "x"],
        cwd=strangers.folder, env=strangers.environment, capture_output=True, text=True,
        timeout=LIMIT_SECONDS, check=False)
    assert result.returncode == 1 and not result.stdout
    assert f"root cannot become the user {STRANGER}" in result.stderr
    assert not strangers.database.parent.exists()


# ---- The manual pages and the completion ----


def actions_of(idle, family):
    """(action, argument) -> options, from its help."""
    text = idle.command(family, "--help")[1].split("\nOptions of every action:")[0]
    found = {}
    for block in re.split(rf"^  sms-gateway {family}", text, flags=re.M)[1:]:
        words = block.splitlines()[0].removesuffix(" [OPTIONS]").split()
        action = words.pop(0) if words and words[0].islower() else ""
        found[action] = re.findall(r"^      (--\S+)", block, re.M)
    assert found
    return found


COMMON = ["--json", "--env-file", "--help"]


@pytest.mark.parametrize("page", ["sms-gateway.8", "api-fcgi.8", "ws-broker.8", "sms-gateway.env.5"])
def test_a_manual_page_is_well_formed(page):
    result = subprocess.run(["man", "--warnings", "-l", "-Tutf8", ROOT / "build/man" / page],
                            capture_output=True, text=True, check=True, timeout=LIMIT_SECONDS,
                            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "100"})
    assert result.stderr == ""
    text = re.sub(r".\x08", "", result.stdout)
    assert page.rsplit(".", 1)[0].upper() in text.splitlines()[0]
    assert not re.search(r"\\[a-z(]|`", text)


def test_the_manual_has_every_action_and_option(idle):
    text = (ROOT / "build/man/sms-gateway.8").read_text().replace("\\-", "-")
    for family in FAMILIES:
        part = text.split(f".SS {family}\n")[1].split("\n.SS ")[0].split("\n.SH ")[0]
        for action, options in actions_of(idle, family).items():
            assert f"\\fB{family} {action}".rstrip() in part
            assert all(f"\\fB{option}\\fR" in part for option in options)
    assert all(f"\\fB{option}\\fR" in text for option in COMMON)


def test_the_manual_of_settings_has_every_setting(idle):
    text = (ROOT / "build/man/sms-gateway.env.5").read_text()
    names = answer(idle, "settings", "show")["settings"]
    assert re.findall(r"^\.TP\n\\fB([A-Z_]+)\\fR$", text, re.M) == list(names)


def completed(folder, *words):
    """What bash offers for the last word."""
    script = (f"source {ROOT}/build/completion/sms-gateway; COMP_WORDS=(\"$@\");"
              " COMP_CWORD=$(($# - 1)); _sms_gateway; printf '%s\\n' \"${COMPREPLY[@]}\";"
              " complete -p sms-gateway >&2")
    result = subprocess.run(["bash", "--norc", "-c", script, "bash", "sms-gateway", *words],
                            cwd=folder, capture_output=True, text=True, check=True)
    assert result.stderr == "complete -F _sms_gateway sms-gateway\n"
    return result.stdout.split()


def test_bash_completes_families_actions_options_and_values(idle):
    assert completed(idle.folder, "") == FAMILIES + ["help", "--help", "--version"]
    assert completed(idle.folder, "s") == ["sending", "statistics", "settings"]
    assert completed(idle.folder, "help", "k") == ["keys"]
    for family in FAMILIES:
        actions = actions_of(idle, family)
        if "" not in actions:
            assert completed(idle.folder, family, "") == [*actions, "--help"]
        for action, options in actions.items():
            words = [family, action] if action else [family]
            offered = completed(idle.folder, *words, "")
            assert [word for word in offered if word.startswith("-")] == options + COMMON
            assert set(offered) - set(options + COMMON) <= set(os.listdir(idle.folder))
            assert completed(idle.folder, *words, "--j") == ["--json"]
    assert completed(idle.folder, "messages", "list", "--status", "") == STATUSES
    assert completed(idle.folder, "messages", "list", "--status", "=", "de") == ["delivered"]
    assert completed(idle.folder, "messages", "list", "--status", "=") == STATUSES
    assert completed(idle.folder, "messages", "list", "--limit", "") == []
    assert completed(idle.folder, "messages", "list", "--status", "sent", "--li") == ["--limit"]
    assert completed(idle.folder, "nonsense", "") == []


def test_every_status_that_is_completed_is_one(ready):
    for status in completed(ready.folder, "messages", "list", "--status", ""):
        assert answer(ready, "messages", "list", "--status", status)["total"] == 0


def test_bash_completes_files(idle):
    (idle.folder / "some.env").touch()
    (idle.folder / "some folder").mkdir()
    assert "some.env" in completed(idle.folder, "keys", "list", "--env-file", "some")


def test_the_completion_is_clean():
    subprocess.run(["shellcheck", "--shell=bash", ROOT / "build/completion/sms-gateway"], check=True)
