"""Fixtures of the torture tests."""

import pytest


@pytest.fixture
def torture_report(request):
    """torture_report(what, **counts): printed at the end of the run."""
    def report(what, **counts):
        request.node.user_properties.append(("torture", f"{what}: " + ", ".join(
            f"{name.replace('_', ' ')} {value}" for name, value in counts.items())))

    return report
