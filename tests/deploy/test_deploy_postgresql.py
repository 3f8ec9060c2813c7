"""The two packages together, on a machine with nothing of the gateway and a PostgreSQL server of its own: each test goes on from the
one before it. The server is reached by its socket, by the user that the programs run as."""

import re
import shutil

import pytest

from harness.gateway import ROOT
from harness.waiting import wait_for
from machine import ADDRESS
from packages import both

INSTALL = "/root/gateway/deploy/install.sh"
SCRIPTS = "/usr/lib/sms-gateway"
URL = "postgresql://sms-gateway@/sms?host=/run/postgresql"


@pytest.fixture(scope="module", autouse=True)
def server(site):
    site.machine.shell("DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends postgresql")
    site.machine.shell("cd /; runuser -u postgres -- createuser sms-gateway;"
                       " runuser -u postgres -- createdb --owner=sms-gateway --encoding=UTF8 --template=template0 sms")


def versions(site):
    return set(site.machine.shell("dpkg-query -W -f '${Version}\\n' sms-gateway sms-gateway-postgresql").split())


def stored(site, query):
    return site.machine.shell(f'cd /; runuser -u postgres -- psql -AXqt sms -c "{query}"').split()


def test_without_its_package_beside_nothing_is_done(site):
    site.machine.shell(f"mkdir /root/alone; cp {site.given(site.present)} /root/alone")
    result = site.machine.run(INSTALL, "--package", f"/root/alone/{site.present.name}", "--database-url", URL, check=False)
    assert result.returncode == 1 and "sms-gateway-postgresql" in result.stdout, result.stdout
    assert not site.machine.path(SCRIPTS).exists()


def test_both_are_installed_and_a_message_goes_through_the_server(site):
    text = site.machine.run(INSTALL, "--package", site.given(site.present), "--database-url", URL).stdout
    assert "a message was accepted, dispatched to the phone and delivered" in text, text
    site.key = re.search(r"The first API key.*\n  (sgw_\S+)", text).group(1)
    assert versions(site) == {"0.1.0"}
    assert stored(site, "SELECT label FROM api_key ORDER BY label") == ["first", "key", "self-test"]
    assert not site.database().exists()
    assert site.machine.run("systemctl", "is-enabled", "sms-gateway-backup.timer", check=False).stdout == "masked\n"
    assert "0 loaded units" in site.machine.shell("systemctl list-units --failed")


def test_its_units_have_no_network_for_a_server_of_this_machine(site):
    assert not site.machine.path("/etc/systemd/system/sms-gateway-api.service.d/postgresql.conf").exists()
    assert site.machine.shell("systemctl show -p PrivateNetwork --value sms-gateway-api sms-gateway-broker").split() == ["yes", "yes"]


def test_an_upgrade_and_the_way_back_take_both_and_lose_nothing(site):
    status, answer = site.ask("/api/send-sms", '{"phone_number": "+15550100", "message": "waits through both"}')
    assert status == 202, answer
    message_id = re.search(r'"message_id":"([^"]+)"', answer).group(1)
    text = site.machine.run(f"{SCRIPTS}/upgrade.sh", "--package", site.given(site.following)).stdout
    assert "none; the database is PostgreSQL's" in text and "version 0.2.0 serves" in text, text
    assert versions(site) == {"0.2.0"}
    text = site.machine.run(f"{SCRIPTS}/rollback.sh").stdout
    assert "version 0.1.0 serves again" in text, text
    assert versions(site) == {"0.1.0"}
    site.pair("late-phone")
    wait_for(lambda: '"status":"delivered"' in site.ask(f"/api/sms/{message_id}")[1], "the message to be delivered")
    site.stop_phones()
    site.phones.clear()


def test_both_are_removed_and_the_database_stays(site):
    site.machine.run(f"{SCRIPTS}/uninstall.sh", "--purge-data", "--yes")
    left = site.machine.shell("find / -xdev -name '*sms-gateway*' -not -path '/root/*' -not -path '/proc/*'"
                              " -not -path '/var/log/*'; getent passwd; getent group; dpkg -l")
    assert "sms-gateway" not in left, left
    assert stored(site, "SELECT count(*) FROM message") == ["1"]


def test_a_node_is_installed_by_the_lines_of_two_hosts(site):
    """With a password and over the network, behind the balancer of the page; both database hosts are this one."""
    page = (ROOT / "deploy/TWO-HOSTS.md").read_text()
    settings, password = (re.search(rf"```{kind}\n(.*?)```", page, re.S).group(1) for kind in ("env", "pgpass"))
    packages, start = re.findall(r"```bash\n(.*?)```", page, re.S)
    site.machine.shell("cd /; runuser -u postgres -- psql -q"
                       " -c \"CREATE ROLE gateway LOGIN PASSWORD 'FIRST-PASSWORD'\" -c 'DROP DATABASE sms' -c 'CREATE DATABASE sms OWNER gateway'")
    folder = site.machine.path("/root/node")
    folder.mkdir()
    for file in both(site.present):
        shutil.copy(file, folder)
    site.machine.shell(f"cd /root/node; {packages}")
    here = {"192.0.2.11,192.0.2.12": "127.0.0.1,127.0.0.1", "192.0.2.11": "127.0.0.1", "192.0.2.12": "127.0.0.1", "192.0.2.10": ADDRESS}
    balancer = (ROOT / "deploy/examples/balancer.conf").read_text()
    for address, other in here.items():
        settings, balancer = (text.replace(address, other) for text in (settings, balancer))
    (folder / "balancer.conf").write_text(balancer)
    site.machine.shell("nginx -c /root/node/balancer.conf >/dev/null 2>&1")
    with site.machine.path("/etc/sms-gateway/settings.env").open("a") as file:
        file.write(settings)
    site.machine.path("/etc/sms-gateway/pgpass").write_text(password)
    text = site.machine.shell(start)
    assert "a message was accepted, dispatched to the phone and delivered" in text, text
    assert f"serves http://{ADDRESS} " in text and re.search(r"The first API key.*\n  sgw_\S+", text), text
    assert site.machine.shell("systemctl show -p PrivateNetwork --value sms-gateway-api sms-gateway-broker").split() == ["no", "no"]
    assert '"durability":"single"' in site.machine.shell(f"curl -sS 'http://{ADDRESS}/readyz?verbose'")
    site.machine.shell(f"{SCRIPTS}/uninstall.sh --purge-data --yes; nginx -c /root/node/balancer.conf -s stop;"
                       " systemctl unmask nginx.service")
    assert not site.machine.path("/etc/sms-gateway").exists()
