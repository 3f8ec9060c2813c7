"""model/delivery.pml, the assured level of the protocol: Spin searches it with one fault."""

import re

import pytest

from model.search import MODEL, search

# Which rule each one breaks stands in the model.
BUGS = sorted(set(re.findall(r"\bBUG_[A-Z_]*[A-Z]\b", MODEL.read_text())))


def test_every_property_holds_with_one_fault(tmp_path):
    found = search(tmp_path, "FAULTS=1")
    assert found.complete, found.output
    assert found.states > 100_000, found.output


def test_there_are_bugs_to_find():
    assert len(BUGS) >= 10


@pytest.mark.parametrize("bug", BUGS)
def test_a_broken_rule_is_caught_with_one_fault(bug, tmp_path):
    found = search(tmp_path, "FAULTS=1", bug, optimise="-O0")
    assert not found.complete and found.violation, found.output
    assert (tmp_path / f"{MODEL.name}.trail").exists()
