"""What other helpers keep for the hosts set up goes, if it is a signature; nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from moorage.client import changes, git_config
from moorage.client.git_config import Git
from moorage.client.machine import ThisMachine
from moorage.client.setup import evict
from moorage.client.setup.evict import Evicted
from rival_helpers import Rival, install

pytestmark = pytest.mark.needs("git")

HOST = "git-codecommit.us-east-2.amazonaws.com"
SECTION = "https://git-codecommit.*.amazonaws.com"
PATH = "v1/repos/demo"
STALE = "20240229T123456Z" + "ef57d2df" * 8
TOKEN = "FwoGZXIvYXdzEMOORAGE//wEaDTest+Token=="
USER = f"AKIDEXAMPLE00000TEST%{TOKEN}"
URLS = [f"https://{HOST}", f"https://{HOST}/{PATH}"]


@pytest.fixture
def machine(tmp_path: Path) -> ThisMachine:
    programs = tmp_path / "bin"
    programs.mkdir()
    environment = {"HOME": str(tmp_path), "PATH": f"{programs}:/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1"}
    return ThisMachine(environment, folder=tmp_path)


@pytest.fixture
def git(machine: ThisMachine) -> Git:
    found = git_config.git(machine)
    assert found is not None
    return found


@pytest.fixture
def manager(machine: ThisMachine) -> Rival:
    return install(machine.home / "bin", "manager")


def test_a_stale_signature_leaves_the_manager_and_the_key_alone_is_told(
    machine: ThisMachine, git: Git, manager: Rival
) -> None:
    manager.keep(HOST, PATH, USER, STALE)
    told = evict.from_helpers(machine, git, ["manager"], URLS)
    assert told == [Evicted("manager", URLS[1], "AKIDEXAMPLE00000TEST")]
    assert manager.kept == {}
    assert TOKEN not in str(told)
    assert STALE not in str(told)


def test_a_git_credential_of_the_user_and_all_of_other_hosts_stay(
    machine: ThisMachine, git: Git, manager: Rival
) -> None:
    manager.keep(HOST, "", "mary-at-123456789012", "Abc/own+password=")
    manager.keep("github.com", PATH, USER, STALE)
    manager.keep(f"{HOST}.evil.example", PATH, USER, STALE)
    before = manager.kept
    assert evict.from_helpers(machine, git, ["manager"], URLS) == []
    assert manager.kept == before
    assert {call.split()[0] for call in manager.calls} == {"get"}
    assert {call.split("/")[2] for call in manager.calls} == {HOST}


def test_a_helper_that_does_not_erase_is_told_of_and_not_asked_for_ever(
    machine: ThisMachine, git: Git
) -> None:
    keychain = install(machine.home / "bin", "osxkeychain", erases=False)
    keychain.keep(HOST, "", USER, STALE)
    told = evict.from_helpers(machine, git, ["osxkeychain"], URLS[:1])
    assert [one.problem for one in told] == ["it is still there after `erase`"]
    assert len(keychain.calls) == 3


def test_a_helper_that_makes_up_a_new_signature_each_time_is_left_after_a_while(
    machine: ThisMachine, git: Git
) -> None:
    script = machine.home / "bin" / "git-credential-wincred"
    script.write_text(f'#!/bin/sh\n[ $1 = get ] && printf "username=$$\\npassword={STALE}\\n"\n')
    script.chmod(0o755)
    assert len(evict.from_helpers(machine, git, ["wincred"], URLS[:1])) == evict.MOST_ENTRIES


def test_a_helper_that_is_not_there_or_waits_for_somebody_is_no_trouble(
    machine: ThisMachine, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = machine.home / "bin" / "git-credential-manager"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    monkeypatch.setattr(evict, "PATIENCE_S", 0.2)
    told = evict.from_helpers(machine, git, ["libsecret", "manager"], URLS)
    assert [(one.helper, one.problem) for one in told] == [("manager", "no answer within 0.2 seconds")]


def test_gits_own_cache_is_emptied_of_it(machine: ThisMachine, git: Git) -> None:
    socket = machine.home / "socket"
    helper = f"cache --socket={socket}"
    line = f"git credential-cache --socket={socket}"
    for host, password in ((HOST, STALE), ("github.com", STALE), (HOST.replace("east", "west"), STALE)):
        fields = f"protocol=https\nhost={host}\npath={PATH}\nusername=AK\npassword={password}\n\n"
        machine.run(["/bin/sh", "-c", f"{line} store"], fields)
    try:
        assert [one.account for one in evict.from_helpers(machine, git, [helper], URLS)] == ["AK"]
        left = [
            machine.run(["/bin/sh", "-c", f"{line} get"], f"protocol=https\nhost={host}\n\n").stdout
            for host in (HOST, "github.com", HOST.replace("east", "west"))
        ]
        assert [bool(answer) for answer in left] == [False, True, True]
    finally:
        machine.run(["/bin/sh", "-c", f"{line} exit"])


STORED = (
    "https://mary:Abc%2Fown%2Bpassword%3D@git-codecommit.us-east-2.amazonaws.com\n"
    f"https://{USER.replace('%', '%25').replace('/', '%2f').replace('=', '%3d')}:{STALE}@{HOST}/{PATH}\n"
    "# a comment of mine\n"
    f"https://AK:{STALE}@github.com\n"
    f"https://AK:{STALE}@{HOST}.evil.example\n"
    f"https://AK:{STALE}@{HOST}%3a8443\n"
    f"http://AK:{STALE}@{HOST}\n"
    f"https://AK:{STALE}@git-codecommit.eu-west-1.amazonaws.com\r\n"
)


def test_the_store_loses_the_signatures_of_these_hosts_and_no_other_line(machine: ThisMachine) -> None:
    file = machine.home / ".git-credentials"
    file.write_bytes(STORED.encode())
    file.chmod(0o600)
    (change,) = evict.from_files(machine, ["store"], [SECTION])
    lines = STORED.splitlines(keepends=True)
    assert change.after == "".join([lines[0], *lines[2:7]])
    shown = changes.diff(change)
    assert STALE not in shown
    assert TOKEN not in shown
    assert TOKEN.replace("/", "%2f").replace("=", "%3d") not in shown
    changes.apply(machine, [change], "test")
    assert machine.read(file) == change.after
    assert machine.mode(file) == 0o600
    kept = [path for path in machine.state_folder.rglob("*") if path.is_file()]
    assert not any(STALE in path.read_text() for path in kept)
    assert evict.from_files(machine, ["store"], [SECTION]) == []


def test_a_section_for_one_repository_counts_for_its_host_in_the_store(machine: ThisMachine) -> None:
    (machine.home / ".git-credentials").write_bytes(STORED.encode())
    (change,) = evict.from_files(machine, ["store"], [f"https://{HOST}/v1/repos/other"])
    assert change.after == STORED.replace(STORED.splitlines(keepends=True)[1], "")


@pytest.mark.parametrize(
    "value",
    [
        "store --file=~/mine",
        "store --file ~/mine",
        "store --file={home}/mine",
        "!git-credential-store --file '{home}/mine'",
    ],
)
def test_the_file_that_a_store_names(machine: ThisMachine, value: str) -> None:
    (machine.home / "mine").write_bytes(STORED.encode())
    found = evict.from_files(machine, [value.format(home=machine.home)], [SECTION])
    assert [change.path for change in found] == [machine.home / "mine"]


def test_files_named_relative_to_wherever_git_runs_are_left_alone(machine: ThisMachine) -> None:
    (machine.home / "mine").write_bytes(STORED.encode())
    assert evict.from_files(machine, ["store --file=mine"], [SECTION]) == []


def test_only_helpers_of_the_user_and_the_machine_that_may_keep_something_are_asked(
    machine: ThisMachine, git: Git
) -> None:
    repository = machine.home / "hostile"
    machine.run([git.path, "init", "-q", str(repository)])
    (repository / ".git/config").write_text("[credential]\n\thelper = !./owned/git-credential-wincred\n")
    (machine.home / ".gitconfig").write_text(
        "[credential]\n\thelper = manager\n\thelper = !aws codecommit credential-helper $@\n"
        f'[credential "https://{HOST}"]\n\thelper = osxkeychain\n\thelper =\n\thelper = store\n'
        '[credential "https://github.com"]\n\thelper = cache\n[credential]\n\thelper = manager\n'
    )
    entries = git_config.entries(machine, git, repository)
    assert evict.helpers(entries, [SECTION], git.version) == ["manager", "osxkeychain", "store"]
    assert evict.helpers(entries, ["https://git.example.org"], git.version) == ["manager"]


def test_the_urls_to_ask_for() -> None:
    remotes = [f"https://{HOST}/{PATH}", "https://github.com/x/y", "https://git.example.org:8443/v1/repos/x"]
    assert evict.urls([SECTION, "https://git.example.org"], ["us-east-2", "eu-west-1"], remotes) == [
        "https://git-codecommit.eu-west-1.amazonaws.com",
        f"https://{HOST}",
        "https://git.example.org",
        f"https://{HOST}/{PATH}",
    ]
