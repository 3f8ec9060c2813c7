"""Who may read the files of a running gateway, and who may reach its sockets."""

import os
import stat
import subprocess

import pytest
import requests

from harness.gateway import ROOT, Gateway
from harness.phone import Phone
from harness.ports import free_port
from harness.waiting import LIMIT_SECONDS, wait_for

STRANGER = 64321  # nobody's number


def modes(folder):
    """Everything below a folder but links, which have no mode of their own: its path there, and its mode."""
    return {str(path.relative_to(folder)): path.lstat().st_mode for path in folder.rglob("*")
            if not path.is_symlink()}


@pytest.mark.parametrize("umask", (0o000, 0o022, 0o077))
def test_nothing_of_a_run_is_for_others(tmp_path, umask):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with open(tmp_path / "run.log", "wb") as log:
        run = subprocess.Popen(
            [ROOT / "deploy/run.sh"], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, umask=umask, env={"PATH": os.environ["PATH"], "HTTP_PORT": str(port)})
    try:
        wait_for(lambda: "Ctrl-C stops it." in (tmp_path / "run.log").read_text(), "the start")
        message = {"phone_number": "+1234567890", "message": "the code is 4711"}
        assert requests.post(f"{url}/api/send-sms", json=message, timeout=LIMIT_SECONDS).status_code == 202
        wait_for(lambda: (tmp_path / "run/access.log").stat().st_size, "the access log")
        found = modes(tmp_path)
    finally:
        run.terminate()
        assert run.wait(LIMIT_SECONDS) == 0
    del found["run.log"]  # the test's own
    names = {"data/sms-gateway.db" + suffix for suffix in ("", "-wal", "-shm", "-queue.lock",
                                                           "-write.lock")}
    names.add("run/metrics-ws-broker")
    sockets = {"run/api.sock", "run/broker.sock", "run/doorbell.sock"}
    assert names | sockets | {"run/access.log", "run/nginx.conf"} <= set(found)
    for name, mode in found.items():
        assert mode & 0o007 == 0, f"{name}: {mode:o}"
        if name in sockets:
            assert stat.S_IMODE(mode) == 0o660, name
        elif name in names:
            assert stat.S_IMODE(mode) == 0o600, name
        else:
            assert mode & 0o020 == 0, f"{name}: {mode:o}"
    assert stat.S_IMODE(found["data"]) == 0o700
    assert stat.S_IMODE(found["run"]) == 0o750


@pytest.fixture
def gateway(tmp_path):
    """One whose folder everybody may enter, so that its own modes are what is tested."""
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    gateway = Gateway(tmp_path).start()
    tmp_path.chmod(0o711)
    yield gateway
    gateway.stop()


STRANGERS_WORDS = """
import os, socket
def can_open(path, flags):
    try:
        os.close(os.open(path, flags))
        return True
    except PermissionError:
        return False
def say(path, kind):
    with socket.socket(socket.AF_UNIX, kind) as end:
        end.connect(path)
        return end.send(b"x")
"""


def stranger(gateway, code):
    """Runs it in the gateway's folder as another user, who is of the programs' group as nginx's is."""
    result = subprocess.run(
        ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", f"--groups={os.getegid()}",
         "/usr/bin/python3", "-c", STRANGERS_WORDS + code], cwd=gateway.folder,
        capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_the_group_reaches_the_sockets_and_not_the_messages(gateway):
    """So nginx's user, which must be of the programs' group, cannot read messages."""
    gateway.api.send(message="the code is 4711")
    assert stranger(gateway, "print([say(f'run/{name}.sock', socket.SOCK_STREAM)"
                             " for name in ('api', 'broker')])") == "[1, 1]"
    assert stranger(gateway, "print([can_open(f'data/sms-gateway.db{suffix}', flags)"
                             " for suffix in ('', '-wal', '-shm', '-write.lock', '-queue.lock')"
                             " for flags in (os.O_RDONLY, os.O_RDWR)])") == str([False] * 10)
    assert stranger(gateway, "print(can_open('data', os.O_RDONLY))") == "False"


def test_a_doorbell_from_another_user_of_the_group_is_ignored(gateway):
    """The file's mode lets it in; that the kernel says who it is keeps it out."""
    phone = Phone(gateway, "phone")
    stranger(gateway, "for _ in range(5): say('run/doorbell.sock', socket.SOCK_DGRAM)")
    wait_for(lambda: "ignored doorbell from another user's process" in gateway.ws_broker.log(), "the complaint")
    message_id = gateway.api.send()["message_id"]  # our own ring is heard as ever
    assert phone.receive_sms()["message_id"] == message_id
    stranger(gateway, "for _ in range(5): say('run/doorbell.sock', socket.SOCK_DGRAM)")
    gateway.api.send()
    phone.receive_sms()
    lines = [line for line in gateway.ws_broker.log().splitlines() if "ignored doorbell" in line]
    assert len(lines) == 1 and f" uid={STRANGER} gid={STRANGER} " in lines[0], lines
    phone.close()
