"""Certificates for a gateway without a public name, made by deploy/lan-certificate.sh."""

import os
import ssl
import subprocess

from .gateway import ROOT
from .waiting import LIMIT_SECONDS


def run(folder, *names):
    """The script in a folder, as an operator runs it."""
    return subprocess.run([ROOT / "deploy/lan-certificate.sh", *names], cwd=folder, text=True,
                          env={"PATH": os.environ["PATH"]}, capture_output=True, timeout=LIMIT_SECONDS)


class LanCertificate:
    def __init__(self, folder, *names):
        self.folder = folder
        self.tls = folder / "data" / "tls"
        self.ca = self.tls / "ca.crt"
        self.renew(*names)
        self.settings = {"TLS_CERTIFICATE": self.tls / "server.crt",
                         "TLS_KEY": self.tls / "server.key", "TLS_CA": self.ca}

    def renew(self, *names):
        made = run(self.folder, *names)
        assert made.returncode == 0, made.stderr
        self.output = made.stdout

    def context(self):
        """An SSL context that trusts this CA only."""
        return ssl.create_default_context(cafile=self.ca)
