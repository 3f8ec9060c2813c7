"""Every input in the corpora of tests/fuzz, once, under ASan and UBSan."""

import os
import subprocess
import tempfile

import pytest

from harness.gateway import ROOT, programs_folder
from harness.sanitizers import tell

FOLDER = ROOT / "tests" / "fuzz"
TARGETS = sorted(path.stem for path in FOLDER.glob("fuzz_*.c"))


@pytest.mark.parametrize("target", TARGETS)
def test_fuzz_corpus(target):
    path = programs_folder("address") / "tests" / target
    corpus = FOLDER / "corpus" / target.removeprefix("fuzz_")
    with tempfile.TemporaryDirectory() as folder:  # a short name, for sockets
        environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=1", "TMPDIR": folder,
                                    "UBSAN_OPTIONS": "print_stacktrace=1"}
        result = subprocess.run([path, corpus], env=environment, text=True, timeout=300,
                                errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert os.listdir(folder) == []
    assert result.returncode == 0, tell(result.stdout)
    assert f"{len(list(corpus.iterdir()))} inputs" in result.stdout, result.stdout[-6000:]
