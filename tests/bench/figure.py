"""One figure of the table: what was measured several times, its ceiling, and its target."""

from dataclasses import dataclass, field
from statistics import median


@dataclass
class Figure:
    name: str
    unit: str
    values: list = field(default_factory=list)
    conditions: str = ""
    target: float = None     # None: no target, for comparison only
    at_most: bool = False    # the target is a bound from above
    ceiling: str = ""        # the name of another figure, of which this is a share
    digits: int = 0

    def add(self, value):
        self.values.append(value)

    def median(self):
        return median(self.values)

    def is_met(self):
        if self.target is None:
            return None
        return self.median() <= self.target if self.at_most else self.median() >= self.target


class Figures:
    """All of a run, in their order; a figure is made when it is first named."""

    def __init__(self):
        self.by_name = {}

    def add(self, name, unit, value, **details):
        """Another value of the figure with that name."""
        figure = self.by_name.setdefault(name, Figure(name, unit, **details))
        figure.add(value)
        return figure

    def __iter__(self):
        return iter(self.by_name.values())

    def __getitem__(self, name):
        return self.by_name[name]
