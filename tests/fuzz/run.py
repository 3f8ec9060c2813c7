"""Gives each fuzz target its time, and keeps what is new of what they find.

build/fuzz/corpus is everything found so far; tests/fuzz/corpus gets only the smallest set of
inputs that reaches new code. An input that breaks a promise ends up in build/fuzz/findings.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/fuzz"
FINDINGS = BUILD / "findings"
TARGETS = sorted(path.stem.removeprefix("fuzz_")
                 for path in (ROOT / "tests/fuzz").glob("fuzz_*.c"))
LIMITS = ["-timeout=20", "-max_len=4096"]


def run_program(target, environment, *arguments):
    log = BUILD / "log" / f"{target}.log"
    log.parent.mkdir(exist_ok=True)
    with open(log, "w", encoding="utf-8") as out:
        status = subprocess.run([BUILD / "tests" / f"fuzz_{target}", *LIMITS, *arguments],
                                env=environment, stdout=out, stderr=out, check=False).returncode
    return status, log.read_text(errors="replace")


def explain(log):
    lines = log.splitlines()
    first = next((i for i, line in enumerate(lines) if re.search(
        r": broken: |runtime error:|ERROR: ", line)), max(0, len(lines) - 20))
    inputs = re.findall(r"Test unit written to (\S+)", log)
    return "\n".join(lines[first:first + 20] + [f"the input: {path}" for path in inputs])


def fuzz(target, seconds, environment):
    """Returns (executions, coverage, what it says of a finding or None)."""
    kept = ROOT / "tests/fuzz/corpus" / target
    found = BUILD / "corpus" / target
    kept.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    dictionary = ROOT / "tests/fuzz/dict" / target
    status, log = run_program(
        target, environment, f"-max_total_time={seconds}", "-print_final_stats=1",
        f"-artifact_prefix={FINDINGS}/{target}-",
        *([f"-dict={dictionary}"] if dictionary.exists() else []), found, kept)
    executions = re.findall(r"stat::number_of_executed_units:\s+(\d+)", log)
    coverage = re.findall(r"cov: (\d+) ft: (\d+)", log)
    if status != 0:
        return 0, None, explain(log)
    # By the edges reached alone: every count of every edge would fill a thousand files.
    status, log = run_program(target, environment, "-set_cover_merge=1", "-use_counters=0", kept,
                              found)
    return int(executions[-1]), coverage[-1], explain(log) if status != 0 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("target", nargs="*", help=", ".join(TARGETS))
    arguments = parser.parse_args()
    targets = arguments.target or TARGETS
    if set(targets) - set(TARGETS):
        parser.error(f"the targets are {', '.join(TARGETS)}")
    FINDINGS.mkdir(parents=True, exist_ok=True)

    # Some targets need files, and none needs a disk under them.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    total, failed = 0, []
    with (tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory) as folder,
          ThreadPoolExecutor(arguments.jobs) as pool):
        environment = os.environ | {"TMPDIR": folder}
        runs = {target: pool.submit(fuzz, target, arguments.seconds, environment)
                for target in targets}
        for target, run in runs.items():
            executions, coverage, problem = run.result()
            total += executions
            if problem:
                failed.append(target)
                print(problem)
                print(f"{target:14} broken; see it again: {BUILD}/tests/fuzz_{target} INPUT",
                      flush=True)
            else:
                print(f"{target:14} {executions:>12,} inputs   {coverage[0]:>6} edges"
                      f"   {coverage[1]:>6} features", flush=True)
    print(f"{len(targets)} targets, {total:,} inputs: "
          + (f"findings in {', '.join(failed)}" if failed else "nothing found"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
