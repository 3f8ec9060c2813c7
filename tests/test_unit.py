"""Every test of the C programs in tests/unit, as released and under the sanitizers."""

import os
import subprocess

import pytest

from harness.gateway import ROOT, programs_folder
from harness.sanitizers import reports, tell

# Code that several threads share runs under ThreadSanitizer too.
SHARED_BY_THREADS = {"test_store", "test_store_open", "test_store_writer", "test_store_wal",
                     "test_store_moves",
                     "test_doorbell", "test_message_id"}


def builds_of(program):
    return ["release", "address"] + (["thread"] if program in SHARED_BY_THREADS else [])


def names_of_tests(program):
    """The release build lists them."""
    path = programs_folder("release") / "tests" / program
    return subprocess.check_output([path, "--list"], text=True).split()


PROGRAMS = sorted(path.stem for path in (ROOT / "tests" / "unit").glob("test_*.c"))
CASES = [(build, program, test) for program in PROGRAMS for build in builds_of(program)
         for test in names_of_tests(program)]


@pytest.mark.parametrize("build, program, test", CASES)
def test_unit(build, program, test):
    path = programs_folder(build) / "tests" / program
    environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS":
                                "print_stacktrace=1", "TSAN_OPTIONS": "halt_on_error=0"}
    result = subprocess.run([path, test], env=environment, text=True, timeout=300,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, tell(result.stdout)
    if "[  SKIPPED ]" in result.stdout:
        pytest.skip(result.stdout[-300:])
    assert "1 test(s) run" in result.stdout, result.stdout
    assert not reports(result.stdout), tell(result.stdout)
