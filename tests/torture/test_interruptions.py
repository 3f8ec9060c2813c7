"""An operator's change of the database is interrupted before each call that changes or syncs a file.

At each instant the database is whole, in its old or its new state, and never looks like a new installation.
"""

import json
import os
import re
import shutil
import signal
import subprocess

import pytest

from harness.gateway import programs_folder, ROOT
from harness.waiting import LIMIT_SECONDS

PATH = "data/sms-gateway.db"
LONG = "TORTURE_LONG" in os.environ
# A schema is made of hundreds of writes in a row: not before each of them.
END = {"LD_PRELOAD": str(ROOT / "build/tests/end_at.so"), "WRITES_AS_ONE": "1" if LONG else "24"}


@pytest.fixture(scope="session")
def build():
    return "release"


def run(folder, *arguments, program="sms-gateway", **environment):
    return subprocess.run([programs_folder("release") / program, *arguments], cwd=folder, text=True,
                          env={"PATH": os.environ["PATH"], "LOG_LEVEL": "error"} | environment,
                          capture_output=True, timeout=LIMIT_SECONDS, check=False)


def done(folder, *arguments):
    result = run(folder, *arguments)
    assert result.returncode == 0, (arguments, result.stderr)
    return result.stdout.strip()


def labels(folder):
    """Which keys the database has; None where it cannot be opened, and why."""
    result = run(folder, "keys", "list", "--json")
    if result.returncode != 0:
        return None, result.stderr
    return [key["label"] for key in json.loads(result.stdout)["keys"]], ""


@pytest.fixture
def before(tmp_path):
    """A database with the keys "old" and "new", the latter in its log, and a backup that has the first alone."""
    folder = tmp_path / "before"
    folder.mkdir()
    done(folder, "database", "create")
    done(folder, "keys", "create", "old")
    done(folder, "backup", "create", "--to", "b")
    next((folder / "b").iterdir()).rename(folder / "backup.db")
    (folder / "b").rmdir()
    done(folder, "keys", "create", "new")
    assert (folder / f"{PATH}-wal").stat().st_size > 0
    return folder


def instants(before, arguments, step=1, **environment):
    """The folder after each instant, and after the end: (number, folder, whether it came to its end)."""
    for number in range(1, 5000, step):
        folder = before.with_name("now")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(before, folder, symlinks=True)
        result = run(folder, *arguments, END_AT=str(number), **END, **environment)
        ended = result.returncode != -signal.SIGKILL
        assert not ended or result.returncode == 0, result.stderr
        yield number, folder, ended
        if ended:
            assert number > 10
            return
    raise AssertionError("it has no end")


def check_whole(folder, allowed):
    found, why = labels(folder)
    assert found in allowed, (found, why)
    if LONG:
        done(folder, "database", "check")
    return found


def test_a_restore_is_interrupted(before):
    seen = set()
    for number, folder, ended in instants(before, ("restore", "backup.db")):
        assert (folder / PATH).stat().st_size > 0, number
        found = check_whole(folder, [["old"], ["old", "new"]])
        seen.add(len(found))
        assert not ended or found == ["old"]
        if ended or number % 10 == 0:  # and it can be begun again
            done(folder, "restore", "backup.db")
            assert check_whole(folder, [["old"]])
            done(folder, "database", "check")
            kept = [path for path in (folder / "data").glob("*.replaced-*Z")]
            assert kept
            for path in kept:
                done(folder, "backup", "verify", path)
    assert seen == {1, 2}


def test_a_restore_through_a_link_is_interrupted(before):
    (before / "link.db").symlink_to(PATH)
    for number, folder, _ in instants(before, ("restore", "backup.db"), step=7, DATABASE_PATH="link.db"):
        assert (folder / "link.db").is_symlink(), number
        check_whole(folder, [["old"], ["old", "new"]])


def test_a_restore_over_a_damaged_database_is_interrupted(before):
    """What was there stays as it was, with its log, until the backup is in its place."""
    path = before / PATH
    damaged = os.urandom(100) + path.read_bytes()[100:]
    path.write_bytes(damaged)
    log = path.with_name(path.name + "-wal").read_bytes()
    for number, folder, ended in instants(before, ("restore", "backup.db")):
        found, why = labels(folder)
        assert found in (None, ["old"]), number
        assert not ended or found == ["old"]
        if found:
            old = next((folder / "data").glob("*.replaced-*Z"))
        else:
            assert "not a database" in why, why
            old = folder / PATH
            assert not list((folder / "data").glob("*.replaced-*"))
        assert old.read_bytes() == damaged, number
        assert old.with_name(old.name + "-wal").read_bytes() == log, number


def test_a_restore_where_the_database_is_gone_is_interrupted(before):
    (before / PATH).unlink()
    for _, folder, ended in instants(before, ("restore", "backup.db")):
        found, why = labels(folder)
        assert found in (None, ["old"]) and (found or not ended)
        if not found:
            assert "there is no database" in why
            api = run(folder, program="api-fcgi")
            assert api.returncode == 1 and "there was a database" in api.stderr, api.stderr
            done(folder, "restore", "backup.db")
        check_whole(folder, [["old"]])


@pytest.mark.parametrize("arguments", [
    ("database", "compact"), ("backup", "create")], ids=" ".join)
def test_an_interrupted_change_leaves_the_database_whole(before, arguments):
    for _, folder, _ in instants(before, arguments):
        check_whole(folder, [["old", "new"]])
        for path in (folder / "data").glob("backups/*.db"):
            done(folder, "backup", "verify", path)


def test_creating_an_empty_database_is_interrupted(tmp_path):
    empty = tmp_path / "before"
    empty.mkdir()
    for _, folder, ended in instants(empty, ("database", "create"), 1 if LONG else 5):
        found, _ = labels(folder)
        assert found == [] if ended else found in (None, [])
        if found is None:
            done(folder, "database", "create")
        check_whole(folder, [[]])


def test_an_empty_database_never_gets_the_log_of_a_deleted_one(before):
    (before / PATH).unlink()
    for _, folder, ended in instants(before, ("database", "create"), 1 if LONG else 5):
        found, why = labels(folder)
        assert found in (None, []) and (found is not None or not ended), why
        if found is None:
            done(folder, "database", "create")
        check_whole(folder, [[]])


def test_a_first_start_that_is_interrupted_is_made_up_for(tmp_path):
    """What it leaves does not look like a database that is gone."""
    empty = tmp_path / "before"
    empty.mkdir()
    program = programs_folder("release") / "api-fcgi"
    number, ended = 1, False
    while not ended:
        folder = tmp_path / str(number)
        folder.mkdir()
        for end_at in (number, None):
            environment = {"PATH": os.environ["PATH"]} | END
            if end_at:
                environment["END_AT"] = str(end_at)
            process = subprocess.Popen([program], cwd=folder, env=environment, text=True,
                                       stderr=subprocess.PIPE)
            told = ""
            for line in process.stderr:
                told += line
                if "msg=serving" in line:
                    process.terminate()
            status = process.wait(LIMIT_SECONDS)
            process.stderr.close()
            if end_at:
                ended = status == 0
            else:
                assert status == 0 and "msg=serving" in told, (number, told)
        number += 1 if LONG else 3


def test_nothing_is_renamed_before_it_is_on_the_disk(before, tmp_path):
    """For a power cut: a file that gets the name of the database is synced, and each change of names is before
    the next one begins."""
    trace = tmp_path / "trace"
    calls = "pwrite64,write,ftruncate,fsync,fdatasync,rename,link,unlink"
    for arguments in (("restore", "backup.db"), ("database", "create")):
        if arguments[0] == "database":
            for path in (before / "data").iterdir():
                path.unlink()
        result = subprocess.run(["strace", "-f", "-y", "-o", trace, "-e", f"trace={calls}",
                                 programs_folder("release") / "sms-gateway", *arguments], cwd=before,
                                capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        unsynced, names, renames = set(), False, 0
        for line in trace.read_text().splitlines():
            call = re.search(r"(\w+)\((.*)\) += 0|(p?write(?:64)?|ftruncate)\(\d+<(.*?)>", line)
            if not call:
                continue
            if call[3]:
                unsynced.add(call[4])
                continue
            if call[1] == "ftruncate":
                unsynced.add(re.search(r"<(.*?)>", line)[1])
            elif call[1] in ("fsync", "fdatasync"):
                path = re.search(r"<(.*?)>", line)[1]
                unsynced.discard(path)
                names &= path != str((before / "data").resolve())
            elif call[1] in ("rename", "link"):
                source, target = re.findall(r'"(.*?)"', line)
                assert source not in unsynced, line
                assert not names or "-journal" in source, line
                names, renames = True, renames + 1
        assert renames and not names
