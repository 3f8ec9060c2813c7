"""The database is one file, whatever path leads to it: locks, log and restores follow the file, only one gateway
works on it, and only the gateway creates it."""

import os
import shutil
import sqlite3
import subprocess

import pytest

from harness.faults import SmallDisk
from harness.gateway import programs_folder
from harness.phone import Phone
from harness.ports import free_port
from harness.waiting import LIMIT_SECONDS, wait_for

PROGRAMS = ("api_fcgi", "ws_broker")


@pytest.fixture(scope="session")
def build():
    return "release"


def tool(gateway, path, *arguments):
    """sms-gateway with another name for the database: its status and all it says."""
    result = subprocess.run([programs_folder(gateway.build) / "sms-gateway", *arguments],
                            cwd=gateway.folder, timeout=LIMIT_SECONDS, check=False, text=True,
                            env=gateway.environment | {"DATABASE_PATH": str(path)},
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return result.returncode, result.stdout


def refused(gateway, path, *arguments):
    status, told = tool(gateway, path, *arguments)
    assert status == 1 and told.count("\n") == 1, told
    return told


def run_elsewhere(gateway, name, **settings):
    """Another gateway's program: in a folder for sockets of its own."""
    process = getattr(gateway, name)
    command = [*process.command]
    environment = process.environment | {"RUNTIME_DIR": str(gateway.folder / "other")} | settings
    with open(gateway.folder / "other.log", "wb") as log:
        return subprocess.Popen(command, cwd=gateway.folder, env=environment, stdout=log, stderr=log)


def start_refused(gateway, name, **settings):
    """What a program says that must not start."""
    process = run_elsewhere(gateway, name, **settings)
    assert process.wait(LIMIT_SECONDS) == 1, (gateway.folder / "other.log").read_text()
    return (gateway.folder / "other.log").read_text()


def settings_refused(gateway, **settings):
    """What `settings check` says of another gateway that would not start."""
    result = subprocess.run([programs_folder(gateway.build) / "sms-gateway", "settings", "check"], cwd=gateway.folder, text=True,
                            env=gateway.environment | {"RUNTIME_DIR": "other", "HTTP_PORT": str(free_port())} | settings,
                            capture_output=True, check=False, timeout=LIMIT_SECONDS)
    assert result.returncode == 2, result
    return result.stderr


def use_path(gateway, path):
    for program in PROGRAMS:
        process = getattr(gateway, program)
        process.environment = process.environment | {"DATABASE_PATH": str(path)}
    gateway.environment = gateway.environment | {"DATABASE_PATH": str(path)}


def stop_programs(gateway):
    for program in PROGRAMS:
        getattr(gateway, program).stop()


def start_programs(gateway):
    for program in PROGRAMS:
        getattr(gateway, program).start()


# ---- Names ----


def make_names(folder):
    """Links of every kind to data/sms-gateway.db, some of them dangling as long as it is not there."""
    (folder / "link.db").symlink_to("data/sms-gateway.db")
    (folder / "chain.db").symlink_to("link.db")
    (folder / "absolute.db").symlink_to(folder / "data/sms-gateway.db")
    (folder / "parent").symlink_to("data")
    (folder / "deep").mkdir()
    (folder / "deep/up.db").symlink_to("../parent/sms-gateway.db")
    return ["link.db", "chain.db", "absolute.db", "parent/sms-gateway.db", "deep/up.db",
            folder / "deep/../data/./sms-gateway.db", "data//sms-gateway.db",
            folder / "data/sms-gateway.db"]


@pytest.mark.parametrize("own", ["data/sms-gateway.db", "chain.db", "parent/sms-gateway.db"])
def test_no_other_name_of_a_database_in_use_lets_it_be_replaced(make_gateway, own):
    gateway = make_gateway()
    (gateway.folder / "data").mkdir()
    names = make_names(gateway.folder)
    use_path(gateway, own)
    gateway.start()
    backup = gateway.folder / "backup.db"
    made = tool(gateway, own, "backup", "create", "--to", gateway.folder / "b")[1].split(":")[0]
    os.rename(made, backup)
    ids = []
    for name in names:
        for arguments in (("restore", backup), ("database", "compact"),
                          ("database", "downgrade", "--to", "1")):
            assert "stop the gateway first" in refused(gateway, name, *arguments), name
        ids.append(gateway.api.send()["message_id"])
        assert tool(gateway, name, "messages", "show", ids[-1])[0] == 0
    for program in PROGRAMS:
        getattr(gateway, program).kill()
    start_programs(gateway)
    for message_id in ids:
        assert gateway.api.message(message_id)["status"] == "queued"
    # The log and the locks are beside the file, and nowhere else.
    beside = {path.name for path in (gateway.folder / "data").iterdir()}
    assert {"sms-gateway.db-wal", "sms-gateway.db-open.lock"} <= beside
    assert [path.name for path in gateway.folder.iterdir() if ".db-" in path.name] == []


def test_a_restore_by_a_link_leaves_the_link_and_replaces_the_file(make_gateway):
    gateway = make_gateway()
    (gateway.folder / "data").mkdir()
    names = make_names(gateway.folder)
    gateway.start()
    before = gateway.api.send()["message_id"]
    made = tool(gateway, "chain.db", "backup", "create", "--to", gateway.folder / "b")[1].split(":")[0]
    after = gateway.api.send()["message_id"]
    stop_programs(gateway)
    for name in names:
        status, told = tool(gateway, name, "restore", made)
        assert status == 0, told
        for link in ("link.db", "chain.db", "absolute.db", "parent", "deep/up.db"):
            assert (gateway.folder / link).is_symlink(), (name, link)
    assert len([*(gateway.folder / "data").glob("*.replaced-*")]) == len(names)
    start_programs(gateway)
    assert gateway.api.message(before)["status"] == "unknown"
    assert gateway.api.get(f"/api/sms/{after}").status_code == 404


def test_a_database_is_not_restored_from_itself(make_gateway):
    gateway = make_gateway().start()
    gateway.api.send()
    stop_programs(gateway)
    (gateway.folder / "link.db").symlink_to("data/sms-gateway.db")
    for source in ("link.db", "data/sms-gateway.db"):
        assert "is the database itself" in refused(gateway, "data/sms-gateway.db", "restore", source)
    start_programs(gateway)
    assert gateway.api.get("/api/sms?status=queued").json()["total"] == 1


def test_a_hard_link_is_refused(make_gateway):
    gateway = make_gateway().start()
    backup = tool(gateway, gateway.database, "backup", "create")[1].split(":")[0]
    other = gateway.folder / "other.db"
    other.hardlink_to(gateway.database)
    for path in (other, gateway.database):
        for arguments in (("restore", backup), ("statistics",), ("database", "check"),
                          ("database", "compact"), ("backup", "create")):
            told = refused(gateway, path, *arguments)
            assert "2 names" in told and "-samefile" in told, told
    stop_programs(gateway)
    for path in (other, gateway.database):
        for program in PROGRAMS:
            assert "2 names" in start_refused(gateway, program, DATABASE_PATH=str(path))
    assert [path.name for path in gateway.folder.glob("other.db*")] == ["other.db"]
    other.unlink()
    start_programs(gateway)


def test_an_interrupted_restore_is_named_and_undone_by_the_start(make_gateway):
    """Killed just before it had put the backup in its place."""
    gateway = make_gateway().start()
    gateway.api.send()
    stop_programs(gateway)
    gateway.database.with_name("sms-gateway.db.replaced-20260101T000000.000Z").hardlink_to(gateway.database)
    for arguments in (("backup", "create"), ("database", "check")):
        assert "the next start undoes it" in refused(gateway, gateway.database, *arguments)
    start_programs(gateway)
    assert gateway.database.stat().st_nlink == 1 and gateway.api.get("/api/sms").json()["total"] == 1
    assert tool(gateway, gateway.database, "database", "check")[0] == 0


def test_a_small_disk_for_temporary_files_is_no_hindrance(idle):
    idle.make_database()
    database = sqlite3.connect(idle.database)
    database.execute("CREATE TABLE filler AS WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT 64)"
                     " SELECT randomblob(65536) AS bytes FROM number")
    database.commit()
    database.close()
    disk = SmallDisk(idle.folder / "tmp", "1m")
    result = subprocess.run([*disk.wrap, programs_folder(idle.build) / "sms-gateway", "database", "compact"], cwd=idle.folder, text=True,
                            env=idle.environment | {"TMPDIR": str(idle.folder / "tmp")}, capture_output=True, check=False,
                            timeout=LIMIT_SECONDS)
    disk.close()
    assert result.returncode == 0, result.stderr


def mounted(gateway, source, target, *command):
    """Runs a command where `source` is mounted at `target`: its status and all it says."""
    script = 'mount --bind "$0" "$1" && shift && exec "$@"'
    result = subprocess.run(["unshare", "--mount", "sh", "-c", script, source, target, *command],
                            cwd=gateway.folder, env=gateway.environment | {"DATABASE_PATH": str(
                                target if target.is_file() else target / "sms-gateway.db")},
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=LIMIT_SECONDS, check=False)
    if "unshare: " in result.stdout or "mount: " in result.stdout:
        pytest.skip(f"nothing can be mounted here: {result.stdout.strip()}")
    return result.returncode, result.stdout


def test_a_bind_mount_is_the_same_database_or_is_refused(make_gateway):
    """A mounted folder has the same files, locks too; a file that is mounted alone has no log beside it."""
    gateway = make_gateway().start()
    backup = tool(gateway, gateway.database, "backup", "create")[1].split(":")[0]
    folder, file = gateway.folder / "mounted", gateway.folder / "mounted.db"
    folder.mkdir()
    file.touch()
    program = programs_folder(gateway.build) / "sms-gateway"
    status, told = mounted(gateway, gateway.database.parent, folder, program, "restore", backup)
    assert status == 1 and "stop the gateway first" in told, told
    assert mounted(gateway, gateway.database.parent, folder, program, "statistics")[0] == 0
    for arguments in (("restore", backup), ("statistics",), ("backup", "create")):
        status, told = mounted(gateway, gateway.database, file, program, *arguments)
        assert status == 1 and "mount its folder" in told, told
    api = gateway.api_fcgi.command[-1]
    status, told = mounted(gateway, gateway.database, file, api)
    assert status == 1 and "mount its folder" in told, told
    assert [path.name for path in gateway.folder.glob("mounted.db*")] == ["mounted.db"]


def test_a_restore_without_the_lock_files_still_finds_who_has_the_database(make_gateway):
    gateway = make_gateway().start()
    made = tool(gateway, gateway.database, "backup", "create")[1].split(":")[0]
    gateway.api_fcgi.stop()
    for path in gateway.database.parent.glob("*.lock"):
        path.unlink()
    for arguments in (("restore", made), ("database", "compact")):
        assert f"process {gateway.ws_broker.popen.pid} does" in refused(
            gateway, gateway.database, *arguments)


def test_a_database_that_is_moved_or_removed_takes_no_message(make_gateway):
    """What is written into a file that no name leads to would be gone with the process."""
    gateway = make_gateway().start()
    first = gateway.api.send()["message_id"]
    database = gateway.database
    for suffix in ("", "-wal", "-shm", "-write.lock"):
        path = database.with_name(database.name + suffix)
        aside = gateway.folder / "aside"
        for replace in (False, True):
            path.rename(aside)
            if replace:
                shutil.copy(aside, path)
            answer = gateway.api.request("POST", "/api/send-sms", json={
                "phone_number": "+1234567890", "message": "text"})
            assert answer.status_code == 503, suffix
            aside.rename(path)
            gateway.api.send()
    assert gateway.api_fcgi.log().count("was moved, replaced or removed") >= 8
    for program in PROGRAMS:
        getattr(gateway, program).kill()
    start_programs(gateway)
    assert gateway.api.message(first)["status"] == "queued"
    assert gateway.api.get("/api/sms").json()["total"] == 9


# ---- One gateway ----


def test_a_second_gateway_on_a_database_is_refused_and_the_first_keeps_its_phones(make_gateway):
    gateway = make_gateway().start()
    phone = Phone(gateway, "phone")
    (gateway.folder / "link.db").symlink_to("data/sms-gateway.db")
    for program in PROGRAMS:
        told = start_refused(gateway, program, DATABASE_PATH="link.db")
        process = getattr(gateway, program)
        assert f"process {process.popen.pid} " in told and str(gateway.folder / "run") in told, told
        assert process.name in told and "DATABASE_PATH" in told
    assert f"process {gateway.api_fcgi.popen.pid} " in settings_refused(gateway, DATABASE_PATH="link.db")
    assert list(gateway.api.devices()) == ["phone"]
    message_id = gateway.api.send()["message_id"]
    assert phone.receive_sms()["message_id"] == message_id
    phone.close()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_predecessor_that_is_stopping_is_waited_for(make_gateway, program):
    gateway = make_gateway().start()
    process = getattr(gateway, program)
    log = gateway.folder / "other.log"
    successor = run_elsewhere(gateway, program)
    wait_for(lambda: "waiting for another" in log.read_text(), "the successor to wait")
    process.stop()
    wait_for(lambda: "msg=serving" in log.read_text(), "the successor to serve")
    successor.terminate()
    assert successor.wait(LIMIT_SECONDS) == 0
    process.start()  # what a killed one held is free too
    process.kill()
    process.start()


# ---- Who makes it ----

COMMANDS = [("statistics",), ("keys", "create", "shop"), ("keys", "list"), ("devices", "pair"),
            ("devices", "token", "phone"), ("sending", "status"), ("messages", "list"),
            ("database", "check"), ("database", "compact"), ("database", "downgrade", "--to", "1"),
            ("backup", "create")]


@pytest.fixture
def idle(make_gateway):
    """A gateway that has never run."""
    return make_gateway()


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("folder", [False, True], ids=["no folder", "an empty folder"])
def test_no_command_makes_a_database(idle, folder):
    if folder:
        idle.database.parent.mkdir()
    before = files(idle.folder)
    for arguments in COMMANDS:
        told = refused(idle, "data/sms-gateway.db", *arguments)
        assert str(idle.database) in told and "the environment" in told, told
        assert "the gateway creates it" in told or "there is no folder" in told, told
        assert files(idle.folder) == before


def test_a_command_says_where_the_path_comes_from(idle):
    (idle.folder / ".env").write_text("DATABASE_PATH=elsewhere/x.db\n")
    told = idle.command("statistics")[2]
    assert str(idle.folder / "elsewhere") in told and ".env" in told, told
    (idle.folder / "other.env").write_text("DATABASE_PATH=there/x.db\n")
    assert "other.env" in idle.command("statistics", "--env-file", "other.env")[2]
    (idle.folder / ".env").unlink()
    assert "the default" in idle.command("statistics")[2]


def test_an_explicit_command_makes_a_database_and_harms_none(idle):
    assert idle.command("database", "create")[0] == 0
    key = idle.make_key("read")
    status, _, errors = idle.command("database", "create")
    assert status == 1 and "there is one already" in errors
    idle.start()
    assert idle.api.get("/api/sms", headers={"Authorization": f"Bearer {key}"}).status_code == 200


def make_folder(path):
    path.mkdir()


def make_unreadable(path):
    path.write_bytes(b"x")
    path.chmod(0)


@pytest.mark.parametrize("make, told", [
    (lambda path: path.write_bytes(b""), "is empty"),
    (lambda path: path.write_bytes(b"This is no database. " * 100), "not a database"),
    (lambda path: subprocess.run(["sqlite3", path, "CREATE TABLE a (b)"], check=True),
     "another program"),
    (make_folder, "is a folder"),
    (os.mkfifo, "not a regular file"),
    (make_unreadable, "Permission denied"),
], ids=["empty", "text", "foreign", "folder", "fifo", "unreadable"])
def test_a_foreign_file_is_named_and_left_unchanged(idle, make, told):
    idle.database.parent.mkdir()
    make(idle.database)
    if told == "Permission denied":
        if os.geteuid() == 0:
            idle.folder.chmod(0o755)
            for path in (idle.folder / "data", idle.database):
                os.chown(path, 4711, 4711)
            for parent in idle.folder.parents[:3]:
                parent.chmod(0o755)
    before = files(idle.folder)
    content = idle.database.read_bytes() if idle.database.is_file() else None
    for arguments in COMMANDS:
        said = refused(idle, "data/sms-gateway.db", *arguments)
        assert told in said and str(idle.database) in said, said
    assert set(files(idle.folder)) - set(before) <= {
        f"data/sms-gateway.db-{name}.lock" for name in ("queue", "write", "open")} | {"data/backups"}
    assert content is None or idle.database.read_bytes() == content


# ---- A database that is gone ----


@pytest.mark.parametrize("left", ["everything else", "its log", "a replaced one", "a broken restore"])
def test_a_database_that_is_gone_is_not_a_fresh_installation(make_gateway, left):
    gateway = make_gateway().start()
    gateway.api.send()
    for program in PROGRAMS:
        getattr(gateway, program).kill()
    others = [path for path in gateway.database.parent.iterdir() if path != gateway.database]
    keep = {"everything else": others, "its log": [gateway.database.with_name("sms-gateway.db-wal")],
            "a replaced one": [gateway.database.with_name(
                "sms-gateway.db.replaced-20260101T000000.000Z")],
            "a broken restore": [gateway.database.with_name("sms-gateway.db.restoring")]}[left]
    if "re" in left.split()[-1] and left != "everything else" or left == "a replaced one":
        gateway.database.rename(keep[0])
    else:
        gateway.database.unlink()
    for path in others:
        if path not in keep:
            path.unlink()
    for program in PROGRAMS:
        told = start_refused(gateway, program)
        assert "sms-gateway restore" in told and "sms-gateway database create" in told, told
        assert not gateway.database.exists()
    assert "sms-gateway restore" in settings_refused(gateway)
    assert gateway.command("keys", "list")[0] == 1
    assert gateway.command("database", "create")[0] == 0
    start_programs(gateway)
    assert gateway.query("SELECT count(*) FROM message") == [(0,)]


def test_a_database_that_was_emptied_is_not_a_fresh_installation(make_gateway):
    gateway = make_gateway().start()
    for program in PROGRAMS:
        getattr(gateway, program).kill()
    gateway.database.write_bytes(b"")
    for program in PROGRAMS:
        assert "is empty" in start_refused(gateway, program)
    assert gateway.database.read_bytes() == b""
