"""What torture tests share: loads and phones that end with the test, whatever happened."""

import pytest

from harness.load import Load
from harness.phone_sim import AssuredPhones, PhoneSim


@pytest.fixture
def make_load():
    made = []

    def make(*arguments, kind=Load, **options):
        made.append(kind(*arguments, **options))
        return made[-1]

    yield make
    for load in made:
        load._ending.set()


@pytest.fixture
def make_phones():
    """make_phones(gateway, 4, name="a"): assured ones; with assured=False basic ones."""
    made = []

    def make(*arguments, assured=True, **options):
        made.append((AssuredPhones if assured else PhoneSim)(*arguments, **options))
        return made[-1]

    yield make
    for phones in made:
        phones.kill()


@pytest.fixture
def torture_report(request):
    """torture_report(what, **counts): printed at the end of the run."""
    def report(what, **counts):
        request.node.user_properties.append(("torture", f"{what}: " + ", ".join(
            f"{name.replace('_', ' ')} {value}" for name, value in counts.items())))

    return report
