"""The table of broken rules is correct, and a few of its mutations are tried. `make mutations` tries all."""

import re
import sys

import pytest

from harness.gateway import ROOT

sys.path.insert(0, str(ROOT / "tests/mutations"))

import run  # noqa: E402
from table import MUTATIONS  # noqa: E402

# One of each area, by tests of one module: seconds.
BROKEN_HERE = ("rate-of-the-key", "actor-of-a-move", "send-budget", "kind-of-a-secret", "phone-definite-only")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_text_to_replace_occurs_once(mutation):
    assert (ROOT / mutation.file).read_text().count(mutation.old) == 1, \
        f"{mutation.file} has changed: let {mutation.name} in mutations/table.py follow"
    assert mutation.old != mutation.new and mutation.tests and mutation.times > 0


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_tests_that_must_fail_are_there(mutation):
    for test in mutation.tests:
        path, name = test.split("::")
        kind = "static void" if run.unit_program(test) else "def"
        assert re.search(rf"^{kind} {name}\(", (ROOT / "tests" / path).read_text(), re.M), test


def test_names_are_unique_and_every_area_has_some():
    names = [mutation.name for mutation in MUTATIONS]
    assert len(set(names)) == len(names) >= 60
    for area in ("api-fcgi", "store", "broker", "handshake", "scripts", "phone-sim"):
        assert sum(mutation.area == area for mutation in MUTATIONS) >= 5, area


def test_the_page_has_the_table():
    text = run.PAGE.read_text()
    assert text[text.index(run.TABLE_BEGINS):] == run.table() + "\n"


def test_a_few_are_broken_and_noticed():
    chosen = [mutation for mutation in MUTATIONS if mutation.name in BROKEN_HERE]
    assert len(chosen) == len(BROKEN_HERE)
    assert run.run(chosen, jobs=1) == {}


def test_a_harmless_mutation_is_reported():
    mutation = next(mutation for mutation in MUTATIONS if mutation.name == "send-budget")
    harmless = run.Mutation(**vars(mutation) | {"new": mutation.old + " "})
    assert "NOT CAUGHT" in run.run([harmless], jobs=1, baseline=False)["send-budget"]
