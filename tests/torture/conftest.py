"""Fixtures of the torture tests."""

import pytest

from harness.webhook_ledger import LedgerReceiver


@pytest.fixture
def torture_report(request):
    """torture_report(what, **counts): printed at the end of the run."""
    def report(what, **counts):
        request.node.user_properties.append(("torture", f"{what}: " + ", ".join(
            f"{name.replace('_', ' ')} {value}" for name, value in counts.items())))

    return report


@pytest.fixture
def make_receiver():
    """make_receiver(faults=0.1): of webhooks, with a ledger."""
    made = []

    def make(**options):
        made.append(LedgerReceiver(**options))
        return made[-1]

    yield make
    for receiver in made:
        receiver.close()
