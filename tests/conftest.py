"""Fixtures: gateways that tests share, and gateways, loads and phones of one test, which always end with it."""

import os
import sys
import time

import pytest

from harness.gateway import Gateway, builds_of
from harness.load import Load
from harness.phone_sim import AssuredPhones, PhoneSim
from harness.sanitizers import reports_below

# Ten minutes and root's alone: `make test-deploy` names it.
collect_ignore = [] if any("tests/deploy" in word for word in sys.argv) else ["deploy"]

if collect_ignore:  # all gateways are this machine's; what tests/deploy installs may come by a proxy
    os.environ |= {"no_proxy": "*", "NO_PROXY": "*"}


@pytest.fixture(scope="session", params=builds_of("release", "address"))
def build(request):
    """Everything that takes a gateway runs twice: as released, and under ASan and UBSan."""
    return request.param


def makers_of_gateways(parent, build):
    """Yields a function that makes gateways in folders below `parent`; at the end all stop."""
    made = []

    def make(wrap=None, **settings):
        folder = parent / f"gateway-{len(made)}"
        folder.mkdir()
        made.append(Gateway(folder, build, settings, wrap))
        return made[-1]

    yield make
    for gateway in made:
        gateway.stop()


@pytest.fixture(scope="session")
def gateway(build, tmp_path_factory):
    """A gateway for tests that leave it as they found it; others may run on it at any time."""
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), build).start()
    yield gateway
    gateway.stop()


@pytest.fixture
def make_gateway(build, tmp_path):
    """Makes gateways that are the test's alone: make_gateway(DEVICE_WINDOW=1).start()"""
    yield from makers_of_gateways(tmp_path, build)


@pytest.fixture(scope="module")
def module_gateway(build, tmp_path_factory):
    """Makes gateways that the tests of a module share."""
    yield from makers_of_gateways(tmp_path_factory.mktemp("module"), build)


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


def pytest_itemcollected(item):
    """-k also takes the name of a test in C, and runs its program."""
    if item.path.name == "test_unit.py":
        item.extra_keyword_matches |= item.module.names_in_source(item.callspec.params["program"])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    item.began_at = time.time()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failure shows what a sanitizer says in any log of the test, whatever the test itself saw of it."""
    report = (yield).get_result()
    if report.failed:
        folder = item.config._tmp_path_factory.getbasetemp()
        for path, text in reports_below(folder, item.began_at - 1):
            report.sections.append((f"report of a sanitizer, in {path.relative_to(folder)}", text))


LONGEST = ("test_kill_loop", "test_power_cut")


def spread(few, many):
    """Both in their order, each of `few` followed by its share of `many`."""
    share = -(-len(many) // max(len(few), 1))
    for i, one in enumerate(few):
        yield one
        yield from many[i * share:(i + 1) * share]
    yield from many[len(few) * share:]


@pytest.hookimpl(trylast=True)  # after pytest has put together what shares a fixture
def pytest_collection_modifyitems(items):
    """The longest tests begin first. pytest-xdist gives a worker hundreds in a row: tests of tests/torture, which take seconds,
    stand among unit tests, which do not."""
    longest, slow, quick, others = [], [], [], []
    for item in items:
        path = item.nodeid.split("::")[0]
        (longest if any(name in path for name in LONGEST) else slow if "torture/" in path
         else quick if path.endswith("test_unit.py") else others).append(item)
    items[:] = [*longest, *spread(slow, quick), *others]


def pytest_terminal_summary(terminalreporter):
    """The counts of the torture tests."""
    lines = {value: None for reports in terminalreporter.stats.values() for report in reports
             for name, value in getattr(report, "user_properties", ()) if name == "torture"}
    if lines:
        terminalreporter.section("torture")
    for line in lines:
        terminalreporter.write_line(line)
