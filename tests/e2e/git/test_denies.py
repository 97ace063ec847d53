"""A policy that denies bites on the very next request, and says which statement did it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e_names import POWER_USER, NewPerson
from person import Person
from service_process import ACCOUNT, Service

pytestmark = pytest.mark.needs("git")
REPOSITORY = "guarded"
ARN = f"arn:aws:codecommit:us-east-2:{ACCOUNT}:{REPOSITORY}"


def deny(*actions: str, resource: str = "*", sid: str = "NotToday", **more: object) -> dict[str, object]:
    statement = {"Sid": sid, "Effect": "Deny", "Action": list(actions), "Resource": resource, **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


BRANCH_GUARD = deny(
    "codecommit:GitPush",
    "codecommit:DeleteBranch",
    "codecommit:PutFile",
    "codecommit:MergeBranchesByFastForward",
    resource=ARN,
    sid="GuardMain",
    Condition={
        "StringEqualsIfExists": {"codecommit:References": ["refs/heads/main"]},
        "Null": {"codecommit:References": "false"},
    },
)


@pytest.fixture(scope="module")
def key(service: Service) -> tuple[str, str]:
    service.create_repository(REPOSITORY)
    return service.create_user("developer", POWER_USER)


@pytest.fixture
def developer(new_person: NewPerson, key: tuple[str, str]) -> Person:
    person = new_person()
    person.write_profile(key)
    person.use_a_quick_helper(key)
    person.name_in_commits()
    return person


@pytest.fixture
def work(developer: Person, service: Service) -> Path:
    developer.ok("git", "clone", "--quiet", service.url(REPOSITORY), "work")
    folder = developer.home / "work"
    developer.ok("git", "checkout", "--quiet", "-B", "main", cwd=folder)
    developer.commit(folder, f"{developer.home.parent.name}.txt")
    developer.ok("git", "push", "--quiet", "origin", "main", cwd=folder)
    return folder


Attach = Callable[[dict[str, object]], Callable[[], None]]


@pytest.fixture
def attach(service: Service) -> Iterator[Attach]:
    """Attach an inline policy to the developer; the result takes it away again."""
    iam = service.client("iam")
    words = {"UserName": "developer", "PolicyName": "Freeze"}

    def detach() -> None:
        with contextlib.suppress(iam.exceptions.NoSuchEntityException):
            iam.delete_user_policy(**words)

    def put(document: dict[str, object]) -> Callable[[], None]:
        iam.put_user_policy(**words, PolicyDocument=json.dumps(document))
        return detach

    yield put
    detach()


def test_a_denied_push_is_refused_with_the_statement_and_works_again_without_it(
    developer: Person, work: Path, attach: Attach
) -> None:
    detach = attach(deny("codecommit:GitPush", sid="NoPushesInDecember"))
    developer.commit(work, "denied.txt")
    said = developer.refused("git", "push", "origin", "main", cwd=work)
    for told in ("codecommit:GitPush", ARN, "explicit deny", "NoPushesInDecember"):
        assert told in said
    developer.ok("git", "fetch", "--quiet", cwd=work)
    detach()
    developer.ok("git", "push", "--quiet", "origin", "main", cwd=work)


def test_a_denied_pull_is_refused_and_pushing_is_another_right(
    developer: Person, work: Path, service: Service, attach: Attach
) -> None:
    detach = attach(deny("codecommit:GitPull", resource=ARN))
    said = developer.refused("git", "clone", service.url(REPOSITORY), "second")
    assert "codecommit:GitPull" in said
    assert "NotToday" in said
    developer.commit(work, "still-pushed.txt")
    developer.ok("git", "push", "--quiet", "origin", "main", cwd=work)
    detach()
    developer.ok("git", "clone", "--quiet", service.url(REPOSITORY), "second")


@pytest.mark.parametrize("action", ["kms:*", "kms:Decrypt"])
def test_a_denied_key_blocks_the_clone(
    developer: Person, work: Path, service: Service, attach: Attach, action: str
) -> None:
    detach = attach(deny(action, sid="KeysAreLocked"))
    said = developer.refused("git", "clone", service.url(REPOSITORY), "second")
    assert "kms:" in said
    assert "KeysAreLocked" in said
    detach()
    developer.ok("git", "clone", "--quiet", service.url(REPOSITORY), "second")


def test_a_denied_key_blocks_the_push_and_the_api(
    developer: Person, work: Path, service: Service, key: tuple[str, str], attach: Attach
) -> None:
    tip = developer.ok("git", "rev-parse", "HEAD", cwd=work).strip()
    detach = attach(deny("kms:*", sid="KeysAreLocked"))
    developer.commit(work, "locked.txt")
    assert "KeysAreLocked" in developer.refused("git", "push", "origin", "main", cwd=work)
    codecommit = service.client("codecommit", key=key)
    with pytest.raises(codecommit.exceptions.EncryptionKeyAccessDeniedException):
        codecommit.get_commit(repositoryName=REPOSITORY, commitId=tip)
    detach()
    assert codecommit.get_commit(repositoryName=REPOSITORY, commitId=tip)["commit"]["commitId"] == tip
    developer.ok("git", "push", "--quiet", "origin", "main", cwd=work)


def test_the_branch_guard_blocks_main_and_lets_a_feature_through_in_one_push(
    developer: Person, work: Path, service: Service, attach: Attach
) -> None:
    detach = attach(BRANCH_GUARD)
    developer.ok("git", "checkout", "--quiet", "-b", "feature", cwd=work)
    feature = developer.commit(work, "feature.txt")
    developer.ok("git", "checkout", "--quiet", "main", cwd=work)
    guarded = developer.commit(work, "guarded.txt")
    said = developer.refused("git", "push", "origin", "main", "feature", cwd=work)
    assert "remote rejected] main -> main" in said
    assert "feature -> feature" in said
    # What it comes to stands behind the ref, and above it the whole of it, with the statement.
    (rejected,) = (line for line in said.splitlines() if "remote rejected" in line)
    assert "with an explicit deny in an identity-based policy)" in rejected
    (remote,) = (line for line in said.splitlines() if "GuardMain" in line)
    assert remote.startswith("remote: refs/heads/main: ")
    for told in ("codecommit:GitPush", ARN, "explicit deny", "Freeze"):
        assert told in remote
    refs = developer.ok("git", "ls-remote", service.url(REPOSITORY))
    assert f"{feature}\trefs/heads/feature" in refs
    assert guarded not in refs
    # What was refused is not there under any name.
    developer.ok("git", "init", "--quiet", "thief")
    developer.refused("git", "fetch", service.url(REPOSITORY), guarded, cwd=developer.home / "thief")
    # `--atomic` makes the whole push stand or fall with main.
    developer.ok("git", "checkout", "--quiet", "feature", cwd=work)
    developer.commit(work, "more.txt")
    developer.refused("git", "push", "--atomic", "origin", "main", "feature", cwd=work)
    assert f"{feature}\trefs/heads/feature" in developer.ok("git", "ls-remote", service.url(REPOSITORY))
    detach()
    developer.ok("git", "push", "--quiet", "origin", "main", "feature", cwd=work)
    service.client("codecommit").delete_branch(repositoryName=REPOSITORY, branchName="feature")


def test_the_guard_stops_a_deletion_of_main_too(developer: Person, work: Path, attach: Attach) -> None:
    developer.ok("git", "push", "--quiet", "origin", "main:refs/heads/spare", cwd=work)
    detach = attach(BRANCH_GUARD)
    developer.ok("git", "push", "--quiet", "origin", "--delete", "spare", cwd=work)
    assert "GuardMain" in developer.refused("git", "push", "origin", "--delete", "main", cwd=work)
    detach()


def test_a_user_without_any_policy_is_told_what_is_missing(service: Service, new_person: NewPerson) -> None:
    person = new_person()
    person.use_a_quick_helper(service.create_user("nobody"))
    said = person.refused("git", "ls-remote", service.url(REPOSITORY))
    assert "403" in said
    assert "no identity-based policy allows the codecommit:GitPull action" in said


@pytest.mark.usefixtures("key")  # it makes the repository
def test_a_detached_managed_policy_is_missed_at_once(service: Service, new_person: NewPerson) -> None:
    person = new_person()
    person.use_a_quick_helper(service.create_user("moving-on", POWER_USER))
    person.ok("git", "ls-remote", service.url(REPOSITORY))
    service.client("iam").detach_user_policy(UserName="moving-on", PolicyArn=POWER_USER)
    assert "codecommit:GitPull" in person.refused("git", "ls-remote", service.url(REPOSITORY))


def test_a_refusal_on_the_command_line_is_worded_as_aws_does(
    developer: Person, work: Path, attach: Attach
) -> None:
    detach = attach(deny("codecommit:GetRepository"))
    said = developer.aws_refused("codecommit", "get-repository", "--repository-name", REPOSITORY)
    assert "An error occurred (AccessDeniedException) when calling the GetRepository operation" in said
    assert f"User: arn:aws:iam::{ACCOUNT}:user/developer is not authorized to perform" in said
    assert "with an explicit deny in an identity-based policy" in said
    detach()
