"""The lines of README.md work as they are written, even with settings other than the defaults: on the gateway's own machine, and
on another one, which is a network namespace here."""

import contextlib
import json
import os
import re
import signal
import subprocess

import pytest

from harness.gateway import ROOT
from harness.ports import free_port
from harness.processes import running_in
from harness.waiting import LIMIT_SECONDS, wait_for

EXAMPLE_PHONE = f"/usr/bin/python3 {ROOT}/deploy/examples/basic_phone.py"
ADDRESSES = {"gateway": "10.99.0.1", "elsewhere": "10.99.0.2"}


def lines_of(heading):
    """The first block of commands in a section of the README."""
    text = (ROOT / "README.md").read_text().split(f"## {heading}\n")[1]
    return [line.split("  #")[0].strip() for line in re.search(r"```\n(.*?)```", text, re.S).group(1).splitlines()]


class Machine:
    """A network namespace. Both machines share the folder."""

    def __init__(self, folder, before):
        self.folder = folder
        self.before = before
        self.environment = {"PATH": f"{folder}/bin:{os.environ['PATH']}:/usr/sbin", "LANG": "C.UTF-8"}

    def start(self, line, log, **settings):
        with open(self.folder / log, "wb") as out:
            line = line if "=" in line.split()[0] else f"exec {line}"
            return subprocess.Popen([*self.before, "sh", "-c", line],
                                    cwd=self.folder, env=self.environment | settings, stdin=subprocess.DEVNULL,
                                    stdout=out, stderr=out, start_new_session=True)

    def run(self, line, **settings):
        result = subprocess.run([*self.before, "sh", "-c", line], cwd=self.folder, text=True,
                                timeout=LIMIT_SECONDS, check=False,
                                env=self.environment | settings, capture_output=True)
        assert result.returncode == 0, (line, result.stdout, result.stderr)
        return result

    def text(self, log):
        return (self.folder / log).read_text(errors="replace")


def make_folder(folder):
    """A source folder that is built already; its `make` skips the build."""
    (folder / "bin").mkdir(parents=True)
    (folder / "build").symlink_to(ROOT / "build")
    (folder / "bin/make").write_text(
        f'#!/bin/sh\ncase "$1" in\nrun) exec {ROOT}/deploy/run.sh ;;\n'
        f'lan-certificate) exec {ROOT}/deploy/lan-certificate.sh ;;\nesac\nexit 9\n')
    (folder / "bin/make").chmod(0o755)
    return folder


def end_all(folder):
    for pid in running_in(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not running_in(folder), "all to end")


@pytest.fixture
def folder(tmp_path):
    yield make_folder(tmp_path / "gateway")
    end_all(tmp_path / "gateway")


@pytest.fixture
def machines(folder):
    """The gateway's machine and another one, with a wire between them."""
    if os.geteuid() != 0:
        pytest.skip("only root can make network namespaces")
    holders = {name: subprocess.Popen(["unshare", "--net", "sleep", "infinity"]) for name in ADDRESSES}
    try:
        own = os.readlink("/proc/self/ns/net")
        for holder in holders.values():
            wait_for(lambda holder=holder: os.readlink(f"/proc/{holder.pid}/ns/net") != own, "the namespace")
        inside = {name: ["nsenter", "-t", str(holder.pid), "--net"] for name, holder in holders.items()}
        subprocess.run([*inside["gateway"], "ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire",
                        "netns", str(holders["elsewhere"].pid)], check=True)
        for name, address in ADDRESSES.items():
            for command in ("link set lo up", f"addr add {address}/24 dev wire", "link set wire up"):
                subprocess.run([*inside[name], "ip", *command.split()], check=True)
        yield [Machine(folder, inside[name]) for name in ADDRESSES]
    finally:
        for holder in holders.values():
            holder.kill()
            holder.wait()


def wait_serving(machine, process):
    wait_for(lambda: "Ctrl-C stops it." in machine.text("run.log") or process.poll() is not None, "the gateway to serve")
    assert process.poll() is None, machine.text("run.log")


def test_the_lines_of_the_first_sms_find_the_gateway_of_the_folder(folder):
    here = Machine(folder, [])
    gateway = here.start("make run", "run.log", HTTP_PORT=str(free_port()), DATABASE_PATH="data/other.db")
    wait_serving(here, gateway)
    phone_line, send_line, list_line = lines_of("First SMS")
    phone = here.start(phone_line, "phone.log")
    wait_for(lambda: "connected to" in here.text("phone.log"), "the phone to connect")
    message_id = json.loads(here.run(send_line).stdout)["message_id"]
    wait_for(lambda: [(message["message_id"], message["status"]) for message in
                      json.loads(here.run(list_line).stdout)["messages"]] == [(message_id, "delivered")],
             "the message to be delivered")
    assert (folder / "data/other.db").exists() and not (folder / "data/sms-gateway.db").exists()
    assert "http://localhost:" in here.run(list_line).stderr  # it says of which gateway
    phone.terminate()
    assert phone.wait(LIMIT_SECONDS) == 0


def test_the_lines_for_other_machines_serve_a_phone_and_a_program_there(machines):
    gateway_machine, elsewhere = machines
    certificate, run, key_line, pair, pair_smsgate, simulated, send = lines_of("Phones and programs on other machines")
    gateway_machine.run(certificate)
    http_port, https_port = free_port(), free_port()
    process = gateway_machine.start(run, "run.log", HTTP_PORT=str(http_port), HTTPS_PORT=str(https_port),
                                    DATABASE_PATH="elsewhere/other.db")
    wait_serving(gateway_machine, process)

    key = gateway_machine.run(key_line).stdout.strip()
    paired = gateway_machine.run(pair)
    assert "WARNING" not in paired.stderr
    assert f"https://{ADDRESSES['gateway']}:{https_port}" in paired.stdout
    link = re.search(r"link +(\S+)", paired.stdout).group(1)
    assert f"https://{ADDRESSES['gateway']}:{https_port}/api/mobile/v1" in gateway_machine.run(pair_smsgate).stdout
    elsewhere.run(f"{EXAMPLE_PHONE} --pair '{link}'")
    phone = elsewhere.start(f"{EXAMPLE_PHONE} true", "phone.log")  # `true` sends every SMS
    wait_for(lambda: "connected" in elsewhere.text("phone.log") or phone.poll() is not None, "the phone to connect")

    send = send.replace("KEY", key)
    sent = [json.loads(gateway_machine.run(send).stdout)["message_id"]]  # as it stands, on this machine,
    url = gateway_machine.run("build/sms-gateway url --public").stdout.strip()
    there = re.sub(r'"\$\(.*?\)', f'"{url}', send)
    sent.append(json.loads(elsewhere.run(there).stdout)["message_id"])  # and by what it says, on the other
    for message_id in sent:
        wait_for(lambda message_id=message_id: json.loads(elsewhere.run(
            f"curl -s --cacert data/tls/ca.crt -H 'Authorization: Bearer {key}' {url}/api/sms/{message_id}").stdout)[
                "status"] == "sent", "its status")
    phone.terminate()
    phone.wait(LIMIT_SECONDS)

    link = re.search(r"link +(\S+)", gateway_machine.run(pair).stdout).group(1)
    simulated = elsewhere.start(simulated.replace("sms-gateway://pair?…", link) + " --exit-after 1", "simulated.log")
    elsewhere.run(there)
    assert simulated.wait(LIMIT_SECONDS) == 0, elsewhere.text("simulated.log")
