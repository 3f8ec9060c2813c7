"""When a sanitizer ends a program, the test failure shows the report of the sanitizer, not the last lines of the
log."""

import subprocess
import sys

import pytest

from harness.gateway import ROOT
from harness.sanitizers import reports, tell

# What is wrong, how it is built, and what its report must name.
BROKEN = {
    "race": ("thread", "ThreadSanitizer: data race", """
        #include <pthread.h>
        int shared;
        void *count(void *arg) { for (int i = 0; i < 100000; i++) shared++; return arg; }
        static void broken(void) {
            pthread_t one, two;
            pthread_create(&one, 0, count, 0); pthread_create(&two, 0, count, 0);
            pthread_join(one, 0); pthread_join(two, 0); }"""),
    "freed": ("address", "heap-use-after-free", """
        static void broken(void) { volatile char *at = malloc(8); free((void *)at); at[3] = 1; }"""),
    "leak": ("address", "LeakSanitizer", """
        static void broken(void) { static void *volatile kept; kept = malloc(64); kept = 0; }"""),
    "overflow": ("undefined", "runtime error: signed integer overflow", """
        static void broken(void) { volatile int number = 2147483647; number = number + 1; }"""),
}
# As one of ours: it serves, is broken, and writes more to its log than a failure shows of it.
PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
{code}
int main(void)
{{
    broken();
    for (int i = 0; i < 2000; i++)
        fprintf(stderr, "level=info msg=\\"a line of the log\\"\\n");
    return 0;
}}
"""
# The test that meets it: one that looks at its end, and one that is disappointed of something else.
TEST = """
from harness.gateway import Process

def start(tmp_path):
    process = Process("broken", ["{program}"], tmp_path, {{"UBSAN_OPTIONS": "print_stacktrace=1",
                                                          "ASAN_OPTIONS": "exitcode=99"}})
    process.spawn()
    process.wait()
    return process

def test_that_looks(tmp_path):
    start(tmp_path).check_log()

def test_that_does_not(tmp_path):
    start(tmp_path)
    assert "answer" == "another"
"""


@pytest.mark.parametrize("name", BROKEN)
def test_a_failure_shows_the_report_of_the_sanitizer(tmp_path, name):
    build, words, code = BROKEN[name]
    source, program = tmp_path / "broken.c", tmp_path / "broken"
    source.write_text(PROGRAM.format(code=code))
    subprocess.run(["cc", "-g", "-O0", f"-fsanitize={build}", "-fno-sanitize-recover=all", "-o", program,
                    source, "-lpthread"], check=True)
    tests = tmp_path / "tests"
    tests.mkdir()
    for shared in ("conftest.py", "harness", "pytest.ini"):
        (tests / shared).symlink_to(ROOT / "tests" / shared)
    (tests / "test_broken.py").write_text(TEST.format(program=program))
    shown = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"--basetemp={tmp_path / 'inner'}", "test_broken.py"], cwd=tests,
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False).stdout
    assert "2 failed" in shown, shown
    for test in ("test_that_looks", "test_that_does_not"):
        failure = shown.split(f"_ {test} _")[1].split("short test summary")[0].split("\n____")[0]
        assert words in failure and "broken.c:" in failure, failure
    assert "a line of the log" not in tell(f"{'x' * 9000}\n{shown}"), shown


def test_a_log_without_a_report_shows_its_end():
    text = "\n".join(f"line {number}" for number in range(5000))
    assert reports(text) == []
    assert tell(text, 9) == "line 4999"
