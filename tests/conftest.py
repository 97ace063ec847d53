"""Rules for every suite: nothing leaves this machine, and in CI nothing is skipped."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]  # it has no types

sys.path.insert(0, str(Path(__file__).parent.parent))  # dev.py holds the one list of programs
import dev

# How long an example takes is the machine's affair, not the code's: it fails no test.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

STORES = "tests/store/"  # a PostgreSQL and a SeaweedFS of their own
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


@pytest.hookimpl(trylast=True)  # pytest-randomly has shuffled them
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no process ends alone with one of them."""
    long = ("slow", "timeout")  # what is given more time than usual takes it
    slow = {item.path for item in items if any(map(item.get_closest_marker, long))}
    items.sort(key=lambda item: (item.path not in slow, "e2e" not in item.path.parts))


class ByServers(LoadFileScheduling):  # type: ignore[misc]  # for the same reason
    """A file stays in one process, and so does the folder whose files share servers that start slowly."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return STORES if file.startswith(STORES) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByServers | None:
    return ByServers(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose `needs(program)` is missing here."""
    for marker in item.iter_markers("needs"):
        for program in marker.args:
            if dev.find(program) is None:
                package = dev.DEBIAN_PROGRAMS.get(program, program)
                pytest.skip(f"{program} is missing: apt-get install {package}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"in CI nothing is skipped, but {item.nodeid} was: {report.longrepr}"
    return report


def refuse_other_machines(event: str, arguments: tuple[object, ...]) -> None:
    if event != "socket.connect":
        return
    address = arguments[1]
    if isinstance(address, tuple) and not is_this_machine(str(address[0])):
        raise PermissionError(f"a test reached out to {address[0]}")


def is_this_machine(host: str) -> bool:
    if host in {"localhost", ""}:
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


sys.addaudithook(refuse_other_machines)
