"""phone-sim beside a gateway, and its ledger of sent messages."""

import signal
import subprocess
import sys
from collections import Counter

from .gateway import ROOT, programs_folder
from .smsgate_app import App
from .waiting import LIMIT_SECONDS, wait_for


class PhoneSim:
    """build/phone-sim beside a gateway; its ledger has a line for each SMS that its radios sent. From the next start on each
    phone receives `receive_rate` SMS per second."""

    def __init__(self, gateway, count, *options, name="phone", wait=True, receive_rate=0):
        self.receive_rate = receive_rate
        self.gateway = gateway
        self.name = name
        self.count = count
        self.ledger_path = gateway.folder / f"{name}.ledger"
        self.log_path = gateway.folder / f"{name}.log"
        self.ledger_path.touch()
        tokens_path = gateway.folder / f"{name}.tokens"
        ids = [name] if count == 1 else [f"{name}-{i + 1}" for i in range(count)]
        if gateway.device_token(ids[0]):
            tokens = gateway.tokens_of(ids)
            tokens_path.write_text("".join(f"{i} {token}\n" for i, token in tokens.items()))
            options = ("--tokens", tokens_path, *options)
        self.command = [programs_folder("release") / "phone-sim",
                        "--url", gateway.ws_url.removesuffix("/ws/device/"), "--id", name,
                        "--count", str(count), "--ledger", self.ledger_path, "--quiet",
                        "--signal-walk", "0", *map(str, options)]
        self.start()
        if wait:
            wait_for(self._are_connected, f"{count} phones to connect")

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*self.command, "--receive-rate", str(self.receive_rate)], stdout=log, stderr=log)

    def _are_connected(self):
        assert self.process.poll() is None, self.log()
        # Phones that disconnect at once may never be connected all together.
        return (len(self.gateway.api.devices()) >= self.count
                or f"{self.count} phones connected" in self.log())

    def sent(self):
        """How often radios sent each message: message id -> count."""
        lines = self.ledger_path.read_text().splitlines()
        return Counter(line.split()[2] for line in lines)

    def sent_by_phone(self):
        return Counter(line.split()[1] for line in self.ledger_path.read_text().splitlines())

    def log(self):
        return self.log_path.read_text(errors="replace")

    def stop(self):
        self.process.terminate()
        assert self.process.wait(LIMIT_SECONDS) == 0, self.log()

    def kill(self):
        """Kills all phones; with a journal they continue from it at the next start()."""
        self.process.kill()
        self.process.wait()


class AssuredPhones(PhoneSim):
    """Phones of the assured level; their journals are in a file that outlives them."""

    def __init__(self, gateway, count, *options, name="phone", **more):
        self.journal_path = gateway.folder / f"{name}.journal"
        super().__init__(gateway, count, "--assured", "--journal", self.journal_path, *options, name=name, **more)


class PolledPhones(AssuredPhones):
    """Phones with the SMSGate app (polled_phones.py); their tables are in a file that outlives them. `apps` has the version of each
    app, and how many streams it opens."""

    def __init__(self, gateway, apps, *options, name="polled", wait=True, receive_rate=0):
        self.receive_rate, self.gateway, self.name, self.count = receive_rate, gateway, name, len(apps)
        paths = [gateway.folder / f"{name}.{what}" for what in ("ledger", "log", "journal", "phones")]
        self.ledger_path, self.log_path, self.journal_path, phones_path = paths
        self.ledger_path.touch()
        phones_path.write_text("".join(self._register(f"{name}-{i + 1}", version) + f" {version} {streams}\n"
                                       for i, (version, streams) in enumerate(apps)))
        self.command = [sys.executable, ROOT / "tests/harness/polled_phones.py", str(gateway.port), gateway.folder / name,
                        phones_path, *map(str, options)]
        self.start()
        if wait:
            wait_for(lambda: f"{self.count} phones connected" in self.log(), f"{self.count} phones to connect")

    def _register(self, device_id, version):
        code = self.gateway.api.request("POST", "/api/pairings", json={"device_id": device_id}).json()["code"]
        app = App(self.gateway, version)
        app.take(app.register(f"Bearer {code}"))
        app.client.close()
        return f"{app.id} {app.token}"

    def kill(self):
        assert self.process.poll() in (None, -signal.SIGKILL), self.log()
        super().kill()
