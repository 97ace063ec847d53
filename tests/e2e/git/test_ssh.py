"""Git over SSH with the OpenSSH client: what must work."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e_names import READ_ONLY, NewPerson
from person import Person
from service_process import Service, free_port, serving
from ssh_user import SshUser

pytestmark = pytest.mark.needs("git", "ssh")

PATH = "/us-east-2/v1/repos/{}"


class Ports:
    """Where the service of these tests listens: for every region, and for us-east-2 alone."""

    every, ohio = free_port(), free_port()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of two workers with both kinds of listeners."""
    ssh = (f"--ssh=127.0.0.1:{Ports.every}", f"--ssh=127.0.0.1:{Ports.ohio}=us-east-2")
    with serving(tmp_path_factory.mktemp("service"), *ssh, "--workers=2") as up:
        yield up


@pytest.fixture
def mary(new_person: NewPerson, service: Service, request: pytest.FixtureRequest) -> SshUser:
    return SshUser.made(new_person(), service, f"mary-{abs(hash(request.node.name)) % 10**8}")


def cloned(user: SshUser, name: str, folder: str = "work") -> Path:
    user.person.ok("git", "clone", "--quiet", user.url(Ports.every, PATH.format(name)), folder)
    return user.person.home / folder


def filled(user: SshUser, name: str) -> Path:
    """Make a repository, clone it, commit a file and push it as main."""
    user.service.create_repository(name)
    work = cloned(user, name)
    user.person.commit(work)
    user.person.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=work)
    return work


@pytest.mark.parametrize("version", [0, 1, 2])
def test_clone_push_and_fetch_in_each_protocol(mary: SshUser, version: int) -> None:
    mary.person.git_global("protocol.version", str(version))
    work = filled(mary, f"protocol-{version}")
    second = cloned(mary, f"protocol-{version}", "second")
    assert (second / "cat.txt").exists()
    for number in range(3):
        mary.person.commit(work, f"more-{number}.txt", f"{number}\n" * 1000)
    # Both have what the other has not, and much of it: they negotiate in several rounds.
    for number in range(60):
        mary.person.ok("git", "commit", "--quiet", "--allow-empty", "--message", f"{number}", cwd=second)
    mary.person.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=work)
    mary.person.ok("git", "fetch", "--quiet", cwd=second)
    heads = mary.person.ok("git", "rev-parse", "origin/main", cwd=second)
    assert heads == mary.person.ok("git", "rev-parse", "HEAD", cwd=work)
    mary.person.ok("git", "fetch", cwd=second)
    listed = mary.person.ok("git", "ls-remote", "origin", cwd=second)
    assert "refs/heads/main" in listed


@pytest.mark.parametrize("version", [0, 2])
def test_a_shallow_clone_deepens(mary: SshUser, version: int) -> None:
    mary.person.git_global("protocol.version", str(version))
    work = filled(mary, f"shallow-{version}")
    mary.person.commit(work, "b.txt")
    mary.person.commit(work, "c.txt")
    mary.person.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=work)
    url = mary.url(Ports.every, PATH.format(f"shallow-{version}"))
    mary.person.ok("git", "clone", "--quiet", "--depth=1", url, "thin")
    thin = mary.person.home / "thin"
    assert mary.person.ok("git", "rev-list", "--count", "HEAD", cwd=thin).strip() == "1"
    mary.person.ok("git", "fetch", "--quiet", "--deepen=1", cwd=thin)
    assert mary.person.ok("git", "rev-list", "--count", "HEAD", cwd=thin).strip() == "2"
    mary.person.ok("git", "fetch", "--quiet", "--unshallow", cwd=thin)
    assert mary.person.ok("git", "rev-list", "--count", "HEAD", cwd=thin).strip() == "3"


def test_a_partial_clone_fetches_the_rest_when_asked(mary: SshUser) -> None:
    filled(mary, "partial")
    url = mary.url(Ports.every, PATH.format("partial"))
    mary.person.ok("git", "clone", "--quiet", "--no-checkout", "--filter=blob:none", url, "part")
    shown = mary.person.ok("git", "show", "HEAD:cat.txt", cwd=mary.person.home / "part")
    assert shown == "The domestic cat\n"


def test_an_empty_repository_is_cloned(mary: SshUser) -> None:
    mary.service.create_repository("empty")
    for version in (0, 2):
        mary.person.git_global("protocol.version", str(version))
        cloned(mary, "empty", f"empty-{version}")


def test_what_ssh_pushed_https_has_and_the_other_way(mary: SshUser, root: Person) -> None:
    work = filled(mary, "both")
    root.ok("git", "clone", "--quiet", mary.service.url("both"), "https")
    new = root.commit(root.home / "https", "dog.txt")
    root.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=root.home / "https")
    mary.person.ok("git", "pull", "--quiet", "origin", "main", cwd=work)
    assert mary.person.ok("git", "rev-parse", "HEAD", cwd=work).strip() == new


def test_a_push_of_many_megabytes_and_its_clone(mary: SshUser) -> None:
    mary.service.create_repository("big")
    work = cloned(mary, "big")
    (work / "random.bin").write_bytes(os.urandom(40 << 20))
    mary.person.ok("git", "add", ".", cwd=work)
    mary.person.ok("git", "commit", "--quiet", "--message", "Big", cwd=work)
    mary.person.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=work)
    again = cloned(mary, "big", "again")
    assert (again / "random.bin").read_bytes() == (work / "random.bin").read_bytes()


def test_branches_are_deleted_and_atomic_is_all_or_nothing(mary: SshUser) -> None:
    work = filled(mary, "refs")
    mary.person.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/one", "HEAD:refs/heads/two", cwd=work)
    mary.person.ok("git", "push", "--quiet", "origin", ":refs/heads/one", cwd=work)
    said = mary.person.refused(
        "git", "push", "--atomic", "origin", ":refs/heads/main", "HEAD:refs/heads/three", cwd=work
    )
    assert "the default branch cannot be deleted" in said
    assert "atomic push failed" in said
    listed = mary.person.ok("git", "ls-remote", "--heads", "origin", cwd=work)
    assert re.findall(r"refs/heads/\S+", listed) == ["refs/heads/main", "refs/heads/two"]


def test_a_denied_ref_is_refused_with_its_reason_and_the_others_go(mary: SshUser) -> None:
    work = filled(mary, "guarded")
    mary.service.client("iam").put_user_policy(
        UserName=mary.name,
        PolicyName="guard",
        PolicyDocument=(
            '{"Version": "2012-10-17", "Statement": [{"Sid": "NoMain", "Effect": "Deny", '
            '"Action": "codecommit:GitPush", "Resource": "*", "Condition": {'
            '"StringEqualsIfExists": {"codecommit:References": ["refs/heads/main"]}, '
            '"Null": {"codecommit:References": "false"}}}]}'
        ),
    )
    mary.person.commit(work, "second.txt")
    said = mary.person.refused(
        "git", "push", "origin", "HEAD:refs/heads/main", "HEAD:refs/heads/side", cwd=work
    )
    assert "with an explicit deny in an identity-based policy" in said
    assert "NoMain" in said
    assert "request id: " in said
    assert "[new branch]" in said


def test_who_may_only_read_clones_and_cannot_push(
    new_person: NewPerson, mary: SshUser, service: Service
) -> None:
    filled(mary, "readable")
    reader = SshUser.made(new_person(), service, "ssh-reader", READ_ONLY)
    work = cloned(reader, "readable")
    reader.person.commit(work, "mine.txt")
    said = reader.person.refused("git", "push", "origin", "HEAD:refs/heads/mine", cwd=work)
    assert "fatal: remote error: User: " in said
    assert "is not authorized to perform: codecommit:GitPush" in said


# --- regions ------------------------------------------------------------------------------------


def test_a_listener_of_one_region_needs_none_in_the_path(mary: SshUser) -> None:
    filled(mary, "ohio")
    mary.person.ok("git", "ls-remote", mary.url(Ports.ohio, "/v1/repos/ohio"))
    mary.person.ok("git", "ls-remote", mary.url(Ports.ohio, "/us-east-2/v1/repos/ohio/"))
    said = mary.person.refused("git", "ls-remote", mary.url(Ports.ohio, "/eu-west-1/v1/repos/ohio"))
    assert "This port serves us-east-2 alone" in said


def test_without_a_region_the_only_one_that_holds_the_name_is_taken(mary: SshUser) -> None:
    mary.service.create_repository("lonely", "eu-west-1")
    mary.person.ok("git", "ls-remote", mary.url(Ports.every, "/v1/repos/lonely"))
    mary.person.ok("git", "ls-remote", mary.url(Ports.every, "/v1/repos/lonely.git"))
    mary.service.create_repository("lonely", "us-west-2")
    said = mary.person.refused("git", "ls-remote", mary.url(Ports.every, "/v1/repos/lonely"))
    assert "lonely is in several regions: eu-west-1, us-west-2." in said
    assert "/eu-west-1/v1/repos/lonely" in said
    mary.person.ok("git", "ls-remote", mary.url(Ports.every, "/us-west-2/v1/repos/lonely"))
    said = mary.person.refused("git", "ls-remote", mary.url(Ports.every, "/v1/repos/nowhere"))
    assert "nowhere does not exist" in said


def test_only_regions_that_the_caller_may_see_count(mary: SshUser) -> None:
    for region in ("eu-west-1", "us-west-2"):
        mary.service.create_repository("half", region)
    mary.service.client("iam").put_user_policy(
        UserName=mary.name,
        PolicyName="only-west",
        PolicyDocument=(
            '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", '
            '"Resource": "arn:aws:codecommit:eu-west-1:*:*"}]}'
        ),
    )
    mary.person.ok("git", "ls-remote", mary.url(Ports.every, "/v1/repos/half"))


def test_the_ssh_clone_url_of_the_api_works_as_printed(mary: SshUser) -> None:
    filled(mary, "printed")
    found = mary.service.client("codecommit").get_repository(repositoryName="printed")["repositoryMetadata"]
    url = found["cloneUrlSsh"]
    assert url == f"ssh://localhost:{Ports.ohio}/v1/repos/printed"
    mary.use(mary.key, "-l", mary.key_id)  # as `User` in ~/.ssh/config, which AWS's guide asks for
    mary.person.ok("git", "clone", "--quiet", url, "as-printed")
    mary.service.create_repository("printed", "eu-west-1")
    other = mary.service.client("codecommit", "eu-west-1").get_repository(repositoryName="printed")
    url = other["repositoryMetadata"]["cloneUrlSsh"]
    assert url == f"ssh://localhost:{Ports.every}/eu-west-1/v1/repos/printed"
    mary.person.ok("git", "clone", "--quiet", url, "elsewhere")


# --- the server's own key --------------------------------------------------------------------------


def test_the_host_key_is_told_at_the_start_and_stays(mary: SshUser, service: Service) -> None:
    mary.ssh(Ports.every, "true")
    known = mary.person.home / "known_hosts"
    shown = mary.person.ok("ssh-keygen", "-lf", str(known))
    fingerprint = shown.split()[1]
    assert fingerprint in service.log
    assert f"ssh      127.0.0.1:{Ports.every}" in service.log
    assert f"ssh      127.0.0.1:{Ports.ohio}=us-east-2" in service.log


def test_the_fingerprint_that_iam_shows_is_ssh_keygens(mary: SshUser) -> None:
    shown = mary.person.ok("ssh-keygen", "-l", "-E", "md5", "-f", str(mary.key))
    iam = mary.service.client("iam")
    found = iam.get_ssh_public_key(UserName=mary.name, SSHPublicKeyId=mary.key_id, Encoding="SSH")
    assert f"MD5:{found['SSHPublicKey']['Fingerprint']}" in shown
