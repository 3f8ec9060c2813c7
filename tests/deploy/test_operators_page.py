"""The lines of deploy/OPERATING.md work as they are written, one after the other, on a machine that has
nothing of the gateway."""

import re
import shutil

import pytest

from harness.gateway import ROOT
from harness.waiting import wait_for
from machine import ADDRESS

PAGE = (ROOT / "deploy/OPERATING.md").read_text()
LINES = [line.split(" #")[0].rstrip() for block in re.findall(r"^```\n(.*?)^```", PAGE, re.M | re.S)
         for line in block.splitlines()]


class Walk:
    """What the operator has seen so far, and puts in the place of the words in capitals."""

    def __init__(self, site):
        self.site = site
        self.words = {"PACKAGE": site.given(site.following)}
        folder = site.machine.path("/root/gateway/build/deb")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(site.present, folder)
        site.machine.path("/root/gateway/customers.csv").write_text("phone_number,name\n+491511234568,Ada\n", encoding="ascii")
        with open(site.machine.path("/etc/hosts"), "a", encoding="ascii") as hosts:
            hosts.write(f"{ADDRESS} sms.example.org\n")

    def run(self, line):
        line = line.replace("pixel-7", "walker")  # a phone that there is
        line = re.sub(r"\b(PACKAGE|BACKUP|KEY|ID)\b", lambda match: self.words[match.group()], line)
        return self.site.machine.shell(f"cd /root/gateway; {line}")

    def learn(self, line, text):
        """What the next lines need, and that the line did what it is there for."""
        if "install.sh" in line and "uninstall" not in line:
            self.words["KEY"] = self.site.key = re.search(r"(sgw_\S+)", text).group(1)
        elif "devices pair" in line:
            link = next(word for word in text.split() if word.startswith("sms-gateway://pair?"))
            # The phone is on another machine, which does not know the name.
            self.site.run_phone("walker", "--id", "walker", "--pair",
                                link.replace("sms.example.org", ADDRESS))
        elif line.startswith("curl"):
            self.words["ID"] = re.search(r'"message_id":"([^"]+)"', text).group(1)
            wait_for(lambda: "delivered" in self.run("sms-gateway messages show ID"), "the delivery")
        elif "messages show" in line or "journalctl" in line:
            assert self.words["ID"] in text and "delivered" in text, text
        elif "backup create" in line:
            self.words["BACKUP"] = re.search(r"(\S+\.db)", text).group(1)
        elif "upgrade.sh" in line:
            assert self.site.version() == "0.2.0"
        elif "rollback.sh" in line:
            assert "serves again" in text and self.site.version() != "0.2.0"
        elif "restore" in line:
            assert "\n0 unfinished messages of the backup" in text, text


@pytest.fixture
def walk(site):
    yield Walk(site)
    site.stop_phones()


def test_every_line_works_as_it_stands(walk):
    assert LINES[0] == "make deb" and len(LINES) >= 16  # that one has been run where this was built
    for line in LINES[1:]:
        walk.learn(line, walk.run(line))
    assert walk.site.database().exists()
