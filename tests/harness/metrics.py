"""A strict reader of Prometheus' text format, and promtool."""

import re
import subprocess

from .gateway import ROOT
from .waiting import LIMIT_SECONDS

LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
METRIC = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)"
                    rf"(?:\{{({LABEL}(?:,{LABEL})*)\}})?"
                    r" (-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|NaN|[+-]Inf)")
PREFIX = "sms_gateway_"


def parse_metrics(text):
    """Prometheus' text format 0.0.4: {family: (type, {(name, labels): value})}; strict."""
    families, current = {}, None
    assert text.endswith("\n")
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if line.startswith("# HELP "):
            name, words = line.removeprefix("# HELP ").split(" ", 1)
            assert words.strip()
            assert lines[index + 1].startswith(f"# TYPE {name} "), "HELP and then TYPE"
        elif line.startswith("# TYPE "):
            current, kind = line.removeprefix("# TYPE ").split(" ")
            assert current not in families, f"{current} comes twice"
            assert lines[index - 1].startswith(f"# HELP {current} ")
            assert kind in ("counter", "gauge", "histogram", "summary", "untyped")
            assert (kind == "counter") == current.endswith("_total")
            families[current] = (kind, {})
        else:
            found = METRIC.fullmatch(line)
            assert found, line
            name, labels, value = found.groups()
            base = name
            if families[current][0] == "histogram":
                base = re.sub("_(bucket|sum|count)$", "", name)
            assert base == current, f"{line} stands under {current}"
            samples = families[current][1]
            assert (name, labels) not in samples, f"{line} comes twice"
            samples[(name, labels)] = float(value)
    return families


class Scrape:
    """An answer of GET /metrics."""

    def __init__(self, text):
        self.text = text
        self.families = parse_metrics(text)
        self.samples = {}
        for _, samples in self.families.values():
            for (name, labels), value in samples.items():
                pairs = re.findall(r'(\w+)="([^"]*)"', labels or "")
                self.samples[name.removeprefix(PREFIX), frozenset(pairs)] = value

    def value(self, name, **labels):
        """The series with exactly these labels; None without one."""
        return self.samples.get((name, frozenset(labels.items())))

    def nonzero(self, name):
        """The nonzero series of a metric: label values, joined -> value."""
        return {"/".join(value for _, value in sorted(labels)): number
                for (found, labels), number in self.samples.items() if found == name and number}


def scrape(gateway):
    answer = gateway.api.get("/metrics")
    assert answer.status_code == 200, answer.text
    return Scrape(answer.text)


def promtool(*arguments, text=None, folder=ROOT):
    """The complaints of promtool; "" where it has none."""
    result = subprocess.run(["promtool", *arguments], cwd=folder, input=text, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_SECONDS, check=False)
    wrong = result.returncode != 0 or (text is not None and result.stdout)
    return result.stdout or f"status {result.returncode}" if wrong else ""
