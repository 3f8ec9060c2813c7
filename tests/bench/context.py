"""What every measurement may use."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from ceilings import Ceilings
from databases import Databases
from figure import Figures


@dataclass
class Bench:
    folder: Path      # of this run, on the disk that is measured
    databases: Databases
    figures: Figures
    seconds: float    # of one measurement
    rounds: int       # how often each is repeated
    messages: int     # of one run from queue to delivery
    rows: list        # sizes of tables
    phones: list      # numbers of phones
    followers: int    # of the event stream
    waiting: int      # polled phones that do nothing
    rest_seconds: float  # of phones that do nothing; a round of pings is 20
    soak_seconds: float
    soak_rate: float  # messages per second
    growth: dict      # what the plots show: name -> list of points
    number: int = 0

    def new_folder(self):
        self.number += 1
        path = self.folder / f"run-{self.number}"
        path.mkdir()
        return path

    def gateway(self, **rows_and_settings):
        """Not started yet; with rows of a gateway's past where that is asked for (databases.py)."""
        return self.databases.gateway(self.new_folder() / "gateway", **rows_and_settings)

    def ceilings(self):
        return Ceilings(self.new_folder())

    def discard(self, gateway):
        gateway.stop()
        shutil.rmtree(gateway.folder)

    def point(self, plot, **values):
        self.growth.setdefault(plot, []).append(values)
