"""Backup and restore by the operator's tool, under traffic: no sent message is sent again."""

import json
import os
import shutil
import sqlite3
import stat
from collections import Counter

import pytest

from harness.clock import FAKETIME
from harness.load import Load
from harness.phone import AssuredPhone, Phone
from harness.phone_sim import AssuredPhones
from harness.smsgate_phone import SmsgatePhone
from harness.waiting import wait_for


def run(gateway, *arguments):
    """What a command that succeeds says in JSON."""
    status, printed, errors = gateway.command(*arguments, "--json")
    assert (status, errors) == (0, ""), errors
    return json.loads(printed)


def at(gateway, path):
    """A path as the gateway's commands say it, from where they run."""
    return gateway.folder / path


def refusal(gateway, *arguments):
    status, printed, errors = gateway.command(*arguments)
    assert (status, printed) == (1, ""), (status, printed, errors)
    return errors


def stop_programs(gateway):
    gateway.api_fcgi.stop()
    gateway.ws_broker.stop()


def start_programs(gateway):
    gateway.api_fcgi.start()
    gateway.ws_broker.start()


def test_backups_under_load_have_all_that_was_promised_before_them(make_gateway):
    gateway = make_gateway().start()
    phones = AssuredPhones(gateway, 3, "--send-ms", "1-5", "--report-ms", "1-5")
    load = Load(gateway, per_second=200)
    backups = []
    for _ in range(3):
        wanted = len(load.promised) + 50
        wait_for(lambda: len(load.promised) >= wanted, "messages to be accepted")
        promised = set(load.promised_now())
        backup = run(gateway, "backup", "create", "--to", gateway.folder / f"b{len(backups)}")
        backups.append(backup["path"])
        database = sqlite3.connect(f"file:{backup['path']}?mode=ro&immutable=1", uri=True)
        ids = {row[0].hex() for row in database.execute("SELECT id FROM message")}
        database.close()
        assert {message_id.replace("-", "") for message_id in promised} <= ids
        assert sum(backup["messages"].values()) == len(ids)
    load.stop()
    for path in backups:
        assert run(gateway, "backup", "verify", path)["path"] == path
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
        assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
    phones.stop()


def test_what_was_sent_after_the_backup_is_not_sent_again(make_gateway):
    gateway = make_gateway(SWEEP_INTERVAL_SECONDS=1).start()
    ids = [gateway.api.send()["message_id"] for _ in range(40)]
    phones = AssuredPhones(gateway, 2, "--send-ms", "20-40", "--report-ms", "20-40")
    wait_for(lambda: sum(phones.sent().values()) >= 10, "some to be sent")
    backup = run(gateway, "backup", "create")
    for message_id in ids:
        gateway.api.wait_status(message_id, "delivered")
    late = gateway.api.send()["message_id"]
    gateway.api.wait_status(late, "delivered")
    phones.kill()
    stop_programs(gateway)

    restored = run(gateway, "restore", backup["path"])
    assert restored["now_unknown"] > 0 and at(gateway, restored["kept"]).exists()
    start_programs(gateway)
    phones.start()
    wait_for(lambda: len(gateway.api.devices()) == 2, "the phones to be back")
    again = gateway.api.send()["message_id"]
    gateway.api.wait_status(again, "delivered")
    # All is as it was, or unknown, and each left a radio once.
    statuses = Counter(gateway.api.message(message_id)["status"] for message_id in ids)
    assert set(statuses) <= {"sent", "delivered", "unknown"} and statuses["unknown"] > 0
    assert gateway.api.get(f"/api/sms/{late}").status_code == 404
    assert phones.sent() == dict.fromkeys([*ids, late, again], 1)
    unknown = next(message_id for message_id in ids
                   if gateway.api.message(message_id)["status"] == "unknown")
    message = gateway.api.message(unknown)
    assert (message["error_code"], message["device_id"]) == ("restored", None)
    assert gateway.api.get(f"/api/sms/{unknown}/events").json()["events"][-1]["reason"] == "restored"

    # Whoever knows better sends it again, once.
    assert "--accept-duplicate" in refusal(gateway, "messages", "resend", unknown)
    new = run(gateway, "messages", "resend", unknown, "--accept-duplicate")["message_id"]
    gateway.api.wait_status(new, "delivered")
    assert gateway.api.message(unknown)["resent_as"] == new
    assert new in refusal(gateway, "messages", "resend", unknown, "--accept-duplicate")
    assert phones.sent()[unknown] == 1 and phones.sent()[new] == 1
    phones.stop()


def test_a_phone_that_still_reports_on_a_restored_message_is_believed(make_gateway):
    gateway = make_gateway(DEVICE_WINDOW=1).start()
    basic_id = gateway.api.send()["message_id"]
    assured_id = gateway.api.send()["message_id"]
    gateway.tokens_of(["basic", "assured"])  # those of later are not in the backup
    backup = run(gateway, "backup", "create")
    basic = Phone(gateway, "basic")
    assert basic.receive_sms()["message_id"] == basic_id
    phone = AssuredPhone(gateway, "assured", credit=1)
    assert phone.take() == (assured_id, 1)
    stop_programs(gateway)
    run(gateway, "restore", backup["path"])
    start_programs(gateway)
    for message_id in (basic_id, assured_id):
        assert gateway.api.message(message_id)["status"] == "unknown"
    basic = Phone(gateway, "basic")
    basic.report(basic_id, "delivered")
    phone = AssuredPhone(gateway, "assured", journal=phone.journal,
                         entries=[(assured_id, 1, "released")])
    phone.report(assured_id, 1, "sent")
    phone.report(assured_id, 1, "delivered")
    for message_id, device_id in ((basic_id, "basic"), (assured_id, "assured")):
        gateway.api.wait_status(message_id, "delivered")
        assert gateway.api.message(message_id)["device_id"] == device_id
    assert basic.is_silent() and phone.is_silent()


def test_what_the_app_has_is_not_listed_again_after_a_restore(make_gateway):
    """Neither what it had at the time of the backup, nor what it was given since: its ids are known to it, and its reports count."""
    gateway = make_gateway().start()
    with SmsgatePhone(gateway) as app:
        app.register(gateway.api.request("POST", "/api/pairings", json={}).json()["code"])
        ids = [gateway.api.send(device_id=app.id)["message_id"]]
        kept = app.pull()
        ids.append(gateway.api.send(device_id=app.id)["message_id"])  # queued in the backup
        backup = run(gateway, "backup", "create")
        kept += app.pull()
        ids.append(gateway.api.send(device_id=app.id)["message_id"])  # not in it
        kept += app.pull()
        assert len(kept) == 3
        for wire_id in kept:
            app.send(wire_id)
        stop_programs(gateway)
        run(gateway, "restore", backup["path"])
        start_programs(gateway)
        assert app.request("GET", "/message").json() == []
        assert [gateway.api.message(message_id)["error_code"] for message_id in ids[:2]] == ["restored"] * 2
        for wire_id in kept:
            app.report(wire_id)
        for message_id in ids[:2]:
            assert gateway.api.wait_status(message_id, "sent")["device_id"] == app.id
        assert app.connect().request("GET", "/message").json() == [] and len(app.radio) == 3
        new = gateway.api.send(device_id=app.id)["message_id"]
        assert wait_for(app.pull, "a new message") == [new.replace("-", "") + "-1"]


def test_a_database_in_use_is_not_replaced(make_gateway):
    gateway = make_gateway().start()
    message_id = gateway.api.send()["message_id"]
    backup = run(gateway, "backup", "create")
    for program in (gateway.api_fcgi, gateway.ws_broker):
        for arguments in (("restore", backup["path"]), ("database", "compact"),
                          ("database", "downgrade", "--to", "1")):
            assert "stop the gateway first" in refusal(gateway, *arguments)
        program.stop()
    gateway.api_fcgi.start()
    assert gateway.api.message(message_id)["status"] == "queued"


def test_a_wiped_machine_comes_back_from_its_backup(make_gateway):
    gateway = make_gateway().start()
    phone = Phone(gateway, "phone")
    message_id = gateway.api.send(message="before")["message_id"]
    phone.report(phone.receive_sms()["message_id"], "delivered")
    gateway.api.wait_status(message_id, "delivered")
    backup = run(gateway, "backup", "create", "--to", gateway.folder / "elsewhere")
    stop_programs(gateway)
    shutil.rmtree(gateway.database.parent)
    gateway.database.parent.mkdir()
    assert run(gateway, "restore", backup["path"])["kept"] is None
    start_programs(gateway)
    assert gateway.api.message(message_id)["message"] == "before"
    assert Phone(gateway, "phone").is_silent()  # its token and the key are there again


def test_one_follows_another_at_once(make_gateway):
    gateway = make_gateway().start()
    paths = [run(gateway, "backup", "create")["path"] for _ in range(3)]
    assert [item["path"] for item in run(gateway, "backup", "list")["backups"]] == paths


def test_the_newest_backups_are_kept(make_gateway):
    gateway = make_gateway().start()
    folder = gateway.database.parent / "backups"
    first = at(gateway, run(gateway, "backup", "create")["path"])
    for day in range(1, 21):
        shutil.copy(first, folder / f"sms-gateway-202601{day:02}T030000.000Z.db")
    os.remove(first)
    (folder / "notes.db").write_text("somebody's own")
    assert len(run(gateway, "backup", "create")["removed"]) == 7  # as a rule 14 stay
    assert len(run(gateway, "backup", "list")["backups"]) == 14
    made = run(gateway, "backup", "create", "--keep", "5")
    assert len(made["removed"]) == 10
    left = [item["path"] for item in run(gateway, "backup", "list")["backups"]]
    assert left[-1] == made["path"] and len(left) == 5
    assert [os.path.basename(path)[18:20] for path in left[:-2]] == ["18", "19", "20"]
    assert (folder / "notes.db").exists()


@pytest.mark.parametrize("build", ["release"])  # libfaketime does not work with ASan
def test_a_backup_that_was_just_made_stays_whatever_the_clock_says(make_gateway):
    gateway = make_gateway().make_database()
    for _ in range(2):
        run(gateway, "backup", "create")
    for now in ("@1970-01-02 00:00:00", "@2100-01-02 00:00:00"):
        gateway.environment |= {"LD_PRELOAD": FAKETIME, "FAKETIME": now}
        made = run(gateway, "backup", "create", "--keep", "1")
        assert made["path"] not in made["removed"] and at(gateway, made["path"]).exists()
        assert run(gateway, "backup", "verify", made["path"])["messages"]["queued"] == 0


def test_no_database_of_a_gateway_is_removed_as_an_old_backup(make_gateway, tmp_path):
    """One that runs on a backup, to look at it; and the one whose backup is made."""
    def name(day):
        return str(tmp_path / f"sms-gateway-202601{day:02}T030000.000Z.db")

    own = make_gateway(DATABASE_PATH=name(1)).start()
    for day in (2, 3):
        os.rename(at(own, run(own, "backup", "create")["path"]), name(day))
    other = make_gateway(DATABASE_PATH=name(2)).start()
    made = run(own, "backup", "create", "--to", str(tmp_path), "--keep", "1")
    assert made["removed"] == [name(3)]
    stop_programs(own)
    assert run(own, "backup", "create", "--to", str(tmp_path), "--keep", "1")["removed"] == [made["path"]]
    assert os.path.exists(name(1)) and other.api.send()["status"] == "queued"


def test_gateways_that_share_a_folder_remove_their_own_backups_only(make_gateway, tmp_path):
    gateways = [make_gateway().start() for _ in range(2)]
    create = ["backup", "create", "--to", str(tmp_path), "--keep", "1"]
    (tmp_path / "sms-gateway-20260101T030000.000Z.db").write_text("no database")
    first = [run(gateway, *create) for gateway in gateways]
    assert [made["removed"] for made in first] == [[], []]
    second = [run(gateway, *create) for gateway in gateways]
    assert [made["removed"] for made in second] == [[made["path"]] for made in first]
    # Also those of a database that was restored from one of them.
    stop_programs(gateways[0])
    run(gateways[0], "restore", second[0]["path"])
    assert run(gateways[0], *create)["removed"] == [second[0]["path"]]


@pytest.mark.parametrize("make, told", [
    (lambda path: path.write_bytes(b""), "no database"),
    (lambda path: path.write_bytes(b"no database" * 1000), "not a database"),
    (lambda path: None, "No such file"),
    (lambda path: path.write_bytes(path.with_name("good.db").read_bytes()[:-4096]), "malformed"),
])
def test_a_file_that_is_no_backup_is_refused(make_gateway, make, told):
    gateway = make_gateway().start()
    gateway.api.send()
    bad, good = gateway.folder / "bad.db", gateway.folder / "good.db"
    os.rename(at(gateway, run(gateway, "backup", "create")["path"]), good)
    make(bad)
    assert told in refusal(gateway, "backup", "verify", bad)
    stop_programs(gateway)
    assert told in refusal(gateway, "restore", bad)
    start_programs(gateway)
    assert gateway.api.get("/api/sms").json()["total"] == 1
