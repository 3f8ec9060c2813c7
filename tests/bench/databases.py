"""Databases of any size, made once and copied for each use."""

import hashlib
import shutil
import subprocess

from harness.gateway import ROOT
from processes import PROGRAMS, BenchGateway

# A database of another schema is not used again.
SCHEMA = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(
    (ROOT / "common/store/sqlite/sql").glob("*.sql")))).hexdigest()[:8]


class Databases:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def _make(self, path, delivered, queued, scheduled, days):
        """The gateway makes the schema, bench-fill the rows."""
        folder = path.with_suffix(".new")
        shutil.rmtree(folder, ignore_errors=True)
        gateway = BenchGateway(folder)
        gateway.api_fcgi.start()
        gateway.api_fcgi.stop()
        subprocess.run([PROGRAMS / "bench-fill", gateway.database, *map(str, (delivered, queued, scheduled, days))],
                       check=True)
        gateway.database.rename(path)
        shutil.rmtree(folder)

    def gateway(self, folder, delivered=0, queued=0, scheduled=0, days=0, **settings):
        """A gateway, not started, with a copy of such a database, whose newest message is `days` old."""
        path = self.folder / f"schema-{SCHEMA}-{delivered}-{queued}-{scheduled}-{days}.db"
        if not path.exists():
            self._make(path, delivered, queued, scheduled, days)
        gateway = BenchGateway(folder, **settings)
        gateway.database.parent.mkdir(parents=True)
        subprocess.run(["cp", "--reflink=auto", path, gateway.database], check=True)
        subprocess.run(["sync", "-f", gateway.database], check=True)
        return gateway

    def ids(self, gateway, count=2000):
        """Some of the ids in a database, from all of its ages."""
        return _ids(gateway, "WITH RECURSIVE place(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM place"
                    " WHERE n + 1 < ?1), ends(first, length) AS (SELECT min(seq), max(seq) - min(seq)"
                    " FROM message) SELECT DISTINCT (SELECT lower(hex(id)) FROM message WHERE seq >="
                    " first + length / ?1 * n ORDER BY seq LIMIT 1) FROM place, ends", count)

    def newest_ids(self, gateway, count=2000):
        return _ids(gateway, "SELECT lower(hex(id)) FROM message ORDER BY seq DESC LIMIT ?", count)


def _ids(gateway, query, *parameters):
    return [f"{id[:8]}-{id[8:12]}-{id[12:16]}-{id[16:20]}-{id[20:]}"
            for id, in gateway.query(query, *parameters)]
