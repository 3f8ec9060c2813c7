"""Fixtures: gateways that tests share, and gateways, loads and phones of one test, which always end with it."""

import itertools
import os
import sys
import time

import pytest

from harness.gateway import Gateway, builds_of
from harness.load import Load
from harness.phone_sim import AssuredPhones, PhoneSim, PolledPhones
from harness.postgresql import Server
from harness.sanitizers import reports_below
from harness.waiting import LIMIT_SECONDS, wait_for

# Ten minutes and root's alone: `make test-deploy` names it.
collect_ignore = [] if any("tests/deploy" in word for word in sys.argv) else ["deploy"]

if collect_ignore:  # all gateways are this machine's; what tests/deploy installs may come by a proxy
    os.environ |= {"no_proxy": "*", "NO_PROXY": "*"}

DAY_SECONDS = 86400


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


@pytest.fixture(scope="module")
def shared_gateway(module_gateway):
    """One that the tests of a module share, which connect their phones by `connect`."""
    return module_gateway().start()


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL server that the tests of a module share."""
    server = Server()
    yield server
    server.stop()


numbers = itertools.count(1)


@pytest.fixture
def connect(shared_gateway):
    """connect(Phone): a phone of the test's own at the shared gateway, where no other is. At the end it goes."""
    made = []

    def connect_phone(kind, **options):
        made.append(kind(shared_gateway, f"phone-{next(numbers)}", **options))
        return made[-1]

    yield connect_phone
    for phone in made:
        phone.close()
    wait_for(lambda: not shared_gateway.api.devices(), "the phones to be gone")


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
    """make_phones(gateway, 4, name="a"): assured ones; with assured=False basic ones. make_phones(gateway, [("1.75.0", 1)]): polled
    ones, by the version of the app and its number of streams."""
    made = []

    def make(gateway, phones, *arguments, assured=True, **options):
        kind = PolledPhones if isinstance(phones, list) else AssuredPhones if assured else PhoneSim
        made.append(kind(gateway, phones, *arguments, **options))
        return made[-1]

    yield make
    for phones in made:
        phones.kill()


def group_of(item):
    """Tests that one worker runs in a row, because they share a gateway that a module makes, or take so little time on the shared
    one that handing them out would take longer; None where a test stands alone."""
    if "make_gateway" in item.fixturenames or not {"gateway", "module_gateway"} & set(item.fixturenames):
        return None
    shared = [name for name, found in item._fixtureinfo.name2fixturedefs.items()
              if found[-1].scope == "module" and name != "module_gateway"]
    what = "-".join(sorted(shared)) or item.originalname
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return f"{item.path.stem}-{what}-{parameters.get('build', '')}"


def pytest_itemcollected(item):
    if group := group_of(item):
        item.add_marker(pytest.mark.xdist_group(group))
    if item.path.name == "test_unit.py":  # -k also takes the name of a test in C, and runs its program
        item.extra_keyword_matches |= item.module.names_in_source(item.callspec.params["program"])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if (left := DAY_SECONDS - time.time() % DAY_SECONDS) < LIMIT_SECONDS:
        time.sleep(left)  # limits of a day begin again at midnight in UTC, where a test does not expect it
    item.began_at = time.time()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failure shows what a sanitizer says in any log of the test, whatever the test itself saw of it."""
    report = (yield).get_result()
    if report.failed:
        folder = item.config._tmp_path_factory.getbasetemp()
        for path, text in reports_below(folder, item.began_at - 1):
            report.sections.append((f"report of a sanitizer, in {path.relative_to(folder)}", text))


LONGEST = ("browser/test_dashboard", "test_kill_loop", "test_power_cut", "while_all_are_reloaded", "test_restart",
           "test_every_property_holds", "no_invariant_is_violated")
BUSY = ("test_unit.py", "test_simulation.py", "test_model.py", "test_mutations.py")


def spread(some, many):
    """Both in their order, those of `some` at equal distances."""
    share = -(-len(many) // max(len(some), 1))
    for i, one in enumerate(some):
        yield one
        yield from many[i * share:(i + 1) * share]
    yield from many[len(some) * share:]


@pytest.hookimpl(trylast=True)  # after pytest has put together what shares a fixture
def pytest_collection_modifyitems(items):
    """The longest tests begin first. Those that keep a processor busy stand among those that wait for something."""
    longest, busy, others = [], [], []
    for item in items:
        (longest if any(name in item.nodeid for name in LONGEST) else busy if item.path.name in BUSY else others).append(item)
    longest.sort(key=lambda item: next(place for place, name in enumerate(LONGEST) if name in item.nodeid))
    items[:] = [*longest, *spread(busy, others)]


def pytest_terminal_summary(terminalreporter):
    """The counts of the torture tests."""
    lines = {value: None for reports in terminalreporter.stats.values() for report in reports
             for name, value in getattr(report, "user_properties", ()) if name == "torture"}
    if lines:
        terminalreporter.section("torture")
    for line in lines:
        terminalreporter.write_line(line)
