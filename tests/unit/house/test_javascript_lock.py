"""The packages that the suites drive with Node are locked by hash, and name no host to fetch them from."""

from __future__ import annotations

import json
import subprocess

import dev

LOCK = json.loads((dev.JAVASCRIPT / "package-lock.json").read_text())
PACKAGES = {name: each for name, each in LOCK["packages"].items() if name}


def test_every_package_has_its_hash_and_no_address() -> None:
    assert PACKAGES
    for name, each in PACKAGES.items():
        assert each["integrity"].startswith("sha512-"), name
        assert "resolved" not in each, name
        assert not each.get("hasInstallScript"), name


def test_what_is_wanted_is_what_is_locked() -> None:
    wanted = json.loads((dev.JAVASCRIPT / "package.json").read_text())["dependencies"]
    assert LOCK["packages"][""]["dependencies"] == wanted
    assert {name: PACKAGES[f"node_modules/{name}"]["version"] for name in wanted} == wanted


def test_the_sdk_takes_the_node_that_the_environment_has() -> None:
    told = subprocess.run([dev.node(), "--version"], check=True, capture_output=True, text=True).stdout
    wanted = PACKAGES["node_modules/@aws-sdk/client-codecommit"]["engines"]["node"]
    assert int(told[1:].partition(".")[0]) >= int(wanted.removeprefix(">=").partition(".")[0])
