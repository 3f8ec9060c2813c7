"""model/delivery.pml and model/incoming.pml, the assured level of the protocol, model/polled.pml, and model/brokers.pml, two brokers
on one store: Spin searches them."""

import re

import pytest

from model.search import BROKERS, DELIVERY, INCOMING, POLLED, search


def bugs_of(model):
    """Which rule each one breaks stands in the model."""
    return sorted(set(re.findall(r"\bBUG_[A-Z_]*[A-Z]\b", model.read_text())))


BUGS = [(model, bug) for model in (DELIVERY, INCOMING, POLLED, BROKERS) for bug in bugs_of(model)]


def test_every_property_holds_with_one_fault(tmp_path):
    found = search(tmp_path, "FAULTS=1")
    assert found.complete, found.output
    assert found.states > 100_000, found.output


def test_every_property_of_incoming_sms_holds(tmp_path):
    found = search(tmp_path, "FAULTS=3", model=INCOMING, optimise="-O0")
    assert found.complete, found.output
    assert found.states > 1000, found.output


def test_every_property_of_polled_phones_holds(tmp_path):
    found = search(tmp_path, "FAULTS=1", model=POLLED)
    assert found.complete, found.output
    assert found.states > 100_000, found.output


def test_every_property_of_two_brokers_holds(tmp_path):
    found = search(tmp_path, "FAULTS=1", model=BROKERS)
    assert found.complete, found.output
    assert found.states > 100_000, found.output


def test_there_are_bugs_to_find():
    assert len(bugs_of(BROKERS)) >= 9
    assert len(bugs_of(DELIVERY)) >= 10 and len(bugs_of(INCOMING)) >= 8 and len(bugs_of(POLLED)) >= 10


@pytest.mark.parametrize("model, bug", BUGS, ids=[bug for _, bug in BUGS])
def test_a_broken_rule_is_caught_with_one_fault(model, bug, tmp_path):
    found = search(tmp_path, "FAULTS=1", bug, model=model, optimise="-O0")
    assert not found.complete and found.violation, found.output
    assert (tmp_path / f"{model.name}.trail").exists()
