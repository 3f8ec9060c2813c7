"""Measures the gateway on this machine: `make bench`, and `make bench-quick` in under two minutes.

Each figure is measured several times, in turn with what nginx, libfcgi, SQLite and libwebsockets can
do by themselves, so that a figure is a share of what is possible here and now. The tables are
printed; build/bench/results.json has every value, build/bench/growth.svg the plots.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import answers
import dashboard
import endurance
import flow
import machine
import polled
import postgresql
import report
import streams
import webhooks
from context import Bench
from databases import Databases
from figure import Figures

MEASUREMENTS = [answers.posts, flow.backlog, flow.live, flow.incoming, flow.beside, flow.latency, polled.polled, flow.frozen, endurance.memory,
                endurance.restart, endurance.purge, answers.concurrency, answers.slow_disks, answers.limits,
                answers.keys, answers.batches, answers.beside_batches, endurance.scheduled,
                answers.writes_by_size, answers.reads, flow.crowd, webhooks.deliveries, webhooks.beside_webhook,
                streams.stream, dashboard.dashboard, *postgresql.MEASUREMENTS, endurance.soak]

LONG = {"seconds": 5, "rounds": 5, "messages": 50000, "rows": [10 ** 4, 10 ** 5, 10 ** 6, 10 ** 7],
        "phones": [100, 1000, 10000, 19000], "followers": 1000, "waiting": 5000, "rest_seconds": 25, "soak_seconds": 600,
        "soak_rate": 2500}
QUICK = {"seconds": 1, "rounds": 1, "messages": 5000, "rows": [10 ** 4, 10 ** 5],
         "phones": [100, 2000], "followers": 1000, "waiting": 5000, "rest_seconds": 5, "soak_seconds": 10, "soak_rate": 1000}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, one round")
    parser.add_argument("--rounds", type=int, help="how often each is measured")
    parser.add_argument("--add", action="store_true", help="to what the last run found")
    parser.add_argument("only", nargs="*", metavar="MEASUREMENT",
                        help=" ".join(function.__name__ for function in MEASUREMENTS))
    chosen = parser.parse_args()
    names = [function.__name__ for function in MEASUREMENTS]
    for name in chosen.only:
        if name not in names:
            parser.error(f"{name} is none of: {' '.join(names)}")
    return chosen


def main():
    chosen = arguments()
    sizes = (QUICK if chosen.quick else LONG).copy()
    if chosen.rounds:
        sizes["rounds"] = chosen.rounds
    base = ROOT / "build" / "bench"
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=base))
    figures, growth = Figures(), {}
    bench = Bench(folder=folder, databases=Databases(base / "databases"), figures=figures,
                  growth=growth, **sizes)
    description = machine.describe(folder)
    for measure in MEASUREMENTS:
        # A quick run starts no server of PostgreSQL's own but where it is asked to.
        is_default = not chosen.only and not (chosen.quick and measure in postgresql.MEASUREMENTS)
        if is_default or measure.__name__ in chosen.only:
            print(f"measuring: {measure.__name__} ({measure.__doc__.splitlines()[0]})",
                  file=sys.stderr, flush=True)
            measure(bench)
    shutil.rmtree(folder)
    found = report.results(description, figures, growth)
    if chosen.add:
        found = report.merged(json.loads((base / "results.json").read_text()), found)
    (base / "results.json").write_text(json.dumps(found, indent=1) + "\n")
    (base / "results.md").write_text(report.page(found))
    print(report.page(found), end="")
    if report.can_plot(found["growth"]):
        report.plot(base / "growth.svg", found["growth"])


if __name__ == "__main__":
    main()
