"""Other helpers that keep signatures: sign-in fails as people report, and after `moorage setup` it works.

Git Credential Manager and the macOS keychain are faked (see `rival_helpers`); git, its `store` and the server
are real. Before the server stands a door that answers an old signature as AWS does (see `aws_door`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import aws_door
from e2e_names import POWER_USER, NewPerson
from moorage.client.changes import diff
from moorage.client.machine import ThisMachine
from moorage.client.setup import command
from moorage.client.setup.command import Outcome
from moorage.client.setup.options import Options
from person import Person
from rival_helpers import install, signature
from service_process import Service
from terminals import Silent

pytestmark = pytest.mark.needs("git")

PATH = "v1/repos/demo"
TWENTY_MINUTES = timedelta(minutes=20)
Key = tuple[str, str]


@pytest.fixture(scope="module")
def key(service: Service) -> Key:
    service.create_repository("demo")
    return service.create_user("mary", POWER_USER)


@pytest.fixture(scope="module")
def host(service: Service, key: Key) -> Iterator[str]:
    """Where the door is: HOST:PORT."""
    with aws_door.opened(service) as port:
        yield f"{service.host('us-east-2')}:{port}"


@pytest.fixture
def mary(new_person: NewPerson, service: Service, key: Key) -> Person:
    """Has a key, the server's CA, and a file of her machine's settings beside her own."""
    person = new_person()
    for name in ("GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "GIT_CONFIG_NOSYSTEM"):
        del person.env[name]
    person.env["GIT_CONFIG_SYSTEM"] = str(person.home / "etc-gitconfig")
    person.write_profile(key)
    person.git_global("http.sslCAInfo", str(service.ca))
    return person


def old_signature(host: str, key: Key) -> str:
    now = datetime.now(UTC) - TWENTY_MINUTES
    return signature(host, PATH, secret=key[1], region="us-east-2", now=now)


def programs_of(person: Person) -> Path:
    return person.home / ".local" / "bin"


def machine_wide(person: Person, *helpers: str) -> None:
    """What an installer writes: Git for Windows, or Apple's git."""
    lines = "".join(f"\thelper = {helper}\n" for helper in helpers)
    (person.home / "etc-gitconfig").write_text(f"[credential]\n{lines}")


def set_up(person: Person, url: str) -> Outcome:
    machine = ThisMachine(person.env, folder=person.home)
    outcome = command.run(Options(url=url, ca=person.service.ca, yes=True), machine, Silent())
    assert outcome.proof is not None
    assert outcome.proof.ok, outcome.proof
    return outcome


def fails_again_and_again(person: Person, url: str) -> None:
    for _attempt in range(2):
        said = person.refused("git", "ls-remote", url)
        assert "The requested URL returned error: 403" in said


def test_the_guides_403_from_the_manager_in_the_systems_file(mary: Person, host: str, key: Key) -> None:
    url = f"https://{host}/{PATH}"
    manager = install(programs_of(mary), "manager")
    machine_wide(mary, "manager")
    mary.use_the_aws_helper()

    # The first day: it works, and the manager keeps what Git tells it.
    mary.ok("git", "ls-remote", url)
    assert list(manager.kept) == [f"https {host} {PATH.replace('/', '_')}"]
    assert f"username={key[0]}\n" in next(iter(manager.kept.values()))
    # A quarter of an hour later it fails, and goes on failing.
    manager.keep(host, PATH, key[0], old_signature(host, key))
    manager.keep("github.com", "mary/x", "mary", "hers")
    fails_again_and_again(mary, url)
    # The guide's section for one URL is no remedy: the manager still answers first.
    mary.git_global(f"credential.https://{host}.helper", "!aws codecommit credential-helper $@")
    fails_again_and_again(mary, url)

    outcome = set_up(mary, url)
    assert [(one.helper, one.account, one.problem) for one in outcome.evicted] == [("manager", key[0], None)]
    assert list(manager.kept) == ["https github.com mary_x"]
    manager.forget_calls()
    mary.ok("git", "clone", "--quiet", url)
    assert manager.calls == []
    # For all other hosts the manager is asked as before.
    mary.run("git", "credential", "fill", stdin="url=https://git.example.org/x\n\n")
    assert manager.calls != []


def test_the_macos_keychain_keeps_signatures_too(mary: Person, host: str, key: Key) -> None:
    url = f"https://{host}/{PATH}"
    keychain = install(programs_of(mary), "osxkeychain")
    machine_wide(mary, "osxkeychain")
    mary.use_a_quick_helper(key)
    keychain.keep(host, PATH, key[0], old_signature(host, key))
    keychain.keep(host, "v1/repos/mine", "mary-at-123456789012", "her own Git credential")
    fails_again_and_again(mary, url)

    outcome = set_up(mary, url)
    assert [one.helper for one in outcome.evicted] == ["osxkeychain"]
    assert [name.rpartition("_")[2] for name in keychain.kept] == ["mine"]
    keychain.forget_calls()
    mary.ok("git", "ls-remote", url)
    assert keychain.calls == []


def test_gits_own_store_with_a_stale_entry(mary: Person, host: str, key: Key) -> None:
    url = f"https://{host}/{PATH}"
    file = mary.home / ".git-credentials"
    others = (
        f"https://mary:20240229T123456Z{'0' * 64}@git.example.org\n# mine\nhttps://mary:hers@github.com\n"
    )
    stale = f"https://{key[0]}:{old_signature(host, key)}@{host.replace(':', '%3a')}/{PATH}\n"
    file.write_text(f"{stale}{others}")
    mary.git_global("credential.helper", "store")
    mary.git_global("--add", "credential.helper", "!exit 1;")
    mary.git_global("credential.useHttpPath", "true")
    fails_again_and_again(mary, url)
    assert file.read_text() == stale + others

    outcome = set_up(mary, url)
    assert file.read_text() == others
    shown = "".join(diff(change) for change in outcome.planned.changes)
    assert old_signature(host, key)[-64:] not in shown
    assert key[1] not in shown
    mary.ok("git", "ls-remote", url)
    assert file.read_text() == others
    assert set_up(mary, url).planned.changes == []


def test_at_aws_itself_nobody_is_asked_and_the_stale_entry_goes_all_the_same(mary: Person, key: Key) -> None:
    host = "git-codecommit.us-east-2.amazonaws.com"
    manager = install(programs_of(mary), "manager")
    machine_wide(mary, "manager")
    manager.keep(host, "", "AKIAOLD", old_signature(host, key))
    machine = ThisMachine(mary.env, folder=mary.home)
    # For all of AWS's names; the profile says which region is in use.
    outcome = command.run(Options(yes=True, check=False), machine, Silent())
    assert [(one.account, one.problem) for one in outcome.evicted] == [("AKIAOLD", None)]
    manager.forget_calls()
    told = mary.ok("git", "credential", "fill", stdin=f"url=https://{host}/{PATH}\n\n")
    assert f"username={key[0]}\n" in told
    assert manager.calls == []
