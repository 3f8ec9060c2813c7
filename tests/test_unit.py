"""Every test of the C programs in tests/unit and tests/store, as released and under the sanitizers; the conformance
suite runs over each backend of the store."""

import os
import subprocess

import pytest

from harness.gateway import ROOT, programs_folder
from harness.sanitizers import reports, tell

# Code that several threads share runs under ThreadSanitizer too.
SHARED_BY_THREADS = {"test_store_messages", "test_store_devices", "test_store_lists", "test_store_batches",
                     "test_store_transitions", "test_memory_stores", "test_sqlite_open", "test_sqlite_locks", "test_sqlite_wal",
                     "test_doorbell", "test_message_id"}
BACKENDS = ["sqlite", "memory"]


def builds_of(program):
    return ["release", "address"] + (["thread"] if program in SHARED_BY_THREADS else [])


def names_of_tests(program):
    """The release build lists them."""
    path = programs_folder("release") / "tests" / program
    return subprocess.check_output([path, "--list"], text=True).split()


SUITE = {path.stem: path.parent.name for path in (*(ROOT / "tests/unit").glob("test_*.c"),
                                                   *(ROOT / "tests/store").glob("*/test_*.c"))}
CASES = [(build, program, test, backend) for program in sorted(SUITE) for build in builds_of(program)
         for test in names_of_tests(program)
         for backend in (BACKENDS if SUITE[program] == "conformance" else [""])]


@pytest.mark.parametrize("build, program, test, backend", CASES)
def test_unit(build, program, test, backend):
    path = programs_folder(build) / "tests" / program
    environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS":
                                "print_stacktrace=1", "TSAN_OPTIONS": "halt_on_error=0",
                                "STORE_DSN": f"{backend or 'sqlite'}:"}
    result = subprocess.run([path, test], env=environment, text=True, timeout=300,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, tell(result.stdout)
    if "[  SKIPPED ]" in result.stdout:
        pytest.skip(result.stdout[-300:])
    assert "1 test(s) run" in result.stdout, result.stdout
    assert not reports(result.stdout), tell(result.stdout)
