#!/usr/bin/env python3
"""Breaks one rule after the other in copies of this tree, and demands that its tests fail each time.

  run.py                 all of table.py; `make mutations` is this
  run.py NAME ...        some
  run.py --write         puts the table of them all into tests/README.md

First the named tests run as everything is, and must pass.
"""

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from table import MUTATIONS, Mutation  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from harness.postgresql import Server
BUILT = ("obj", "gen", "tests", "site", "man", "completion")  # of the release build
PROGRAMS = ("api-fcgi", "ws-broker", "webhook-sender", "sms-gateway", "phone-sim")
# A test of a broken rule often waits for what never happens: not as long as for a slow machine.
ENVIRONMENT = os.environ | {"TEST_BUILDS": "release", "TEST_PATIENCE_SECONDS": "15"}
LIMIT_SECONDS, UNIT_LIMIT_SECONDS = 600, 60
PAGE = ROOT / "tests/README.md"
TABLE_BEGINS = "| area | rule |"


def unit_program(test):
    """"unit/test_pace.c::name": test_pace; of any other test None."""
    found = re.match(r"(?:unit|store/\w+)/(test_\w+)\.c::", test)
    return found and found.group(1)


def is_of_postgresql(test):
    return test.startswith("store/postgresql/")


@contextlib.contextmanager
def unit_environment(test):
    if not is_of_postgresql(test):
        yield os.environ
        return
    server = Server()
    try:
        yield os.environ | {"STORE_DSN": server.dsn}
    finally:
        server.stop()


class Copy:
    """A tree of its own, as built as this one."""

    def __init__(self, folder):
        self.root = folder
        files = subprocess.check_output(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                        cwd=ROOT, text=True).split("\0")
        for name in filter(None, files):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        for name in BUILT:
            if (ROOT / "build" / name).is_dir():
                shutil.copytree(ROOT / "build" / name, folder / "build" / name, symlinks=True)
        for path in [*(ROOT / "build").glob("*.a"), *(ROOT / "build" / name for name in (*PROGRAMS, "simulation"))]:
            if path.is_file():
                shutil.copy2(path, folder / "build" / path.name)

    def make(self, tests):
        """Builds what these tests need; what the compiler has to say when it fails."""
        targets = set()
        for test in tests:
            program = unit_program(test)
            targets.add(f"build/tests/{program}" if program else "programs")
            if "postgresql" in test:
                targets.add("postgresql")
            if test.startswith("test_simulation.py"):
                targets.add("build/simulation")
        made = subprocess.run(["make", *sorted(targets)], cwd=self.root, text=True, env=ENVIRONMENT,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return made.stdout[-2000:] if made.returncode else None

    def failing(self, tests):
        """Which of these tests fail; a test that cannot be run is an error."""
        return [test for test in tests if unit_program(test) and self._unit_fails(test)] + \
            self._failing_of_pytest([test for test in tests if not unit_program(test)])

    def _unit_fails(self, test):
        program = self.root / "build/tests" / unit_program(test)
        name = test.split("::")[1]
        if name not in subprocess.check_output([program, "--list"], text=True).split():
            raise RuntimeError(f"there is no test {test}")
        try:
            with unit_environment(test) as environment:
                done = subprocess.run([program, name], cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      timeout=UNIT_LIMIT_SECONDS, check=False, env=environment)
        except subprocess.TimeoutExpired:
            return True
        return done.returncode != 0

    def _failing_of_pytest(self, tests):
        if not tests:
            return []
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=no", f"--basetemp={folder}/pytest",
                       *(f"tests/{test}" for test in tests)]
            try:
                done = subprocess.run(command, cwd=self.root, text=True, env=ENVIRONMENT, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, timeout=LIMIT_SECONDS, check=False)
            except subprocess.TimeoutExpired:
                return tests
        words = re.findall(r"^(?:FAILED|ERROR) (?:tests/)?(\S+?)(?:\[.*)?(?: - .*)?$", done.stdout, re.M)
        if done.returncode not in (0, 1) or (done.returncode == 1) != bool(words):
            raise RuntimeError(f"pytest cannot run {tests}: {done.stdout[-2000:]}")
        return [test for test in tests if test.split("[")[0] in words]


def break_rule(copy, mutation):
    """None when each of its tests fails, each time; else what is wrong."""
    path = copy.root / mutation.file
    whole = path.read_text()
    if whole.count(mutation.old) != 1:
        return f"the text to change is {whole.count(mutation.old)} times in {mutation.file}"
    path.write_text(whole.replace(mutation.old, mutation.new))
    try:
        problem = copy.make(mutation.tests)
        if problem:
            return f"does not build: {problem}"
        for _ in range(mutation.times):
            missed = set(mutation.tests) - set(copy.failing(mutation.tests))
            if missed:
                return f"NOT CAUGHT by {', '.join(sorted(missed))}"
    finally:
        path.write_text(whole)
    return None


def run(mutations, jobs, baseline=True):
    """The names of those that are not caught, with why."""
    wrong, queue, lock = {}, list(mutations), threading.Lock()
    with tempfile.TemporaryDirectory(prefix="mutations.") as folder:
        copies = [Copy(Path(folder) / str(number)) for number in range(jobs)]
        if baseline:
            tests = sorted({test for mutation in mutations for test in mutation.tests})
            problem = copies[0].make(tests)
            failing = problem or copies[0].failing(tests)
            if failing:
                return {"as everything is": f"fails: {failing}"}

        def work(copy):
            while True:
                with lock:
                    if not queue:
                        return
                    mutation = queue.pop(0)
                try:
                    problem = break_rule(copy, mutation)
                except RuntimeError as error:
                    problem = str(error)
                with lock:
                    print(f"{'caught' if problem is None else 'MISSED'}  {mutation.name}"
                          f"{'' if problem is None else ': ' + problem}", flush=True)
                    if problem is not None:
                        wrong[mutation.name] = problem

        threads = [threading.Thread(target=work, args=(copy,)) for copy in copies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return wrong


def table():
    """That of tests/README.md."""
    lines = ["| area | rule | broken in | test that must fail |", "|---|---|---|---|"]
    for mutation in MUTATIONS:
        tests = ", ".join(f"`{test.split('::')[-1]}`" for test in mutation.tests)
        lines.append(f"| {mutation.area} | {mutation.rule} | `{mutation.file}` | {tests} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--no-baseline", action="store_true", help="do not run the tests unbroken first")
    options = parser.parse_args()
    if options.write:
        text = PAGE.read_text()
        PAGE.write_text(text[:text.index(TABLE_BEGINS)] + table() + "\n")
        return
    unknown = set(options.names) - {mutation.name for mutation in MUTATIONS}
    if unknown:
        sys.exit(f"there is no mutation {', '.join(sorted(unknown))}")
    chosen = [mutation for mutation in MUTATIONS if not options.names or mutation.name in options.names]
    wrong = run(chosen, max(1, min(options.jobs, len(chosen))), not options.no_baseline)
    for name, problem in wrong.items():
        print(f"{name}: {problem}", file=sys.stderr)
    print(f"{len(chosen) - len(wrong)} of {len(chosen)} broken rules are caught")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
