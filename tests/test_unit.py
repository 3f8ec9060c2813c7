"""The C programs in tests/unit and tests/store, as released and under the sanitizers; the conformance suite runs over each
backend of the store. A program runs all of its tests in one process; those that fail run again, each in one of its own."""

import os
import re
import subprocess
from functools import cache

import pytest

from harness.gateway import ROOT, programs_folder
from harness.postgresql import Server
from harness.sanitizers import reports, tell

# Code that several threads share runs under ThreadSanitizer too.
SHARED_BY_THREADS = {f"test_{name}" for name in re.search(
    r"^UNIT_TESTS_OF_THREADS := (.*)", (ROOT / "Makefile").read_text().replace("\\\n", " "), re.M)[1].split()}
BACKENDS = ["sqlite", "memory", "postgresql"]
LIMIT_SECONDS = 600


def builds_of(program, backend):
    # A database for each test takes its time, and the code of a store runs under the sanitizers with the other backends.
    if backend == "postgresql" and SUITE[program].parent.name == "conformance":
        return ["release"] + ["address"] * (program == "test_store_settle")  # which has code of its own there
    return ["release", "address"] + (["thread"] if program in SHARED_BY_THREADS else [])


def backends_of(program):
    return {"conformance": BACKENDS, "postgresql": ["postgresql"]}.get(SUITE[program].parent.name, [""])


SUITE = {path.stem: path for path in (*(ROOT / "tests/unit").glob("test_*.c"), *(ROOT / "tests/store").glob("*/test_*.c"))}
CASES = [(build, program, backend) for program in sorted(SUITE) for backend in backends_of(program)
         for build in builds_of(program, backend)]


@pytest.fixture(scope="session")
def server():
    """Started when the first test asks for it: one for each worker."""
    servers = []

    def dsn():
        if not servers:
            servers.append(Server())
        return servers[0].dsn

    yield dsn
    for started in servers:
        started.stop()


@cache
def names_in_source(program):
    return set(re.findall(r"^static void (\w+)\(void \*\*state\)", SUITE[program].read_text(), re.M))


class Run:
    """A run of some tests of a program, or of all."""

    def __init__(self, build, program, dsn, *tests):
        environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1",
                                    "TSAN_OPTIONS": "halt_on_error=0", "STORE_DSN": dsn}
        result = subprocess.run([programs_folder(build) / "tests" / program, *tests], env=environment, text=True,
                                errors="replace", timeout=LIMIT_SECONDS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output = result.stdout
        self.is_clean = result.returncode == 0 and not reports(self.output)
        self.passed = re.findall(r"^\[       OK \] (\w+)$", self.output, re.M)
        self.skipped = re.findall(r"^\[  SKIPPED \] (\w+)$", self.output, re.M)


def names_of_tests(build, program):
    return subprocess.check_output([programs_folder(build) / "tests" / program, "--list"], text=True).split()


@pytest.mark.parametrize("build, program, backend", CASES)
def test_unit(build, program, backend, server):
    dsn = server() if backend == "postgresql" else f"{backend or 'sqlite'}:"
    names = names_of_tests(build, program)
    whole = Run(build, program, dsn)
    if whole.is_clean and set(whole.passed + whole.skipped) == set(names):
        return
    alone = {name: Run(build, program, dsn, name) for name in names if name not in whole.passed}
    failed = {name: run for name, run in alone.items() if not run.is_clean or name not in run.passed + run.skipped}
    said = [f"{name}: {tell(run.output)}" for name, run in failed.items()]
    pytest.fail("\n\n".join([f"{build} {program} {backend}: {', '.join(failed) or 'fails as a whole'}",
                             *(said or [tell(whole.output)])]))
