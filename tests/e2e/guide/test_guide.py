"""The AWS guide for HTTPS connections, step by step, with the AWS CLI v1 and both v2s.

The console's clicks are done by their CLI equivalents. Only the host differs from the guide.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from e2e_names import POWER_USER, NewPerson
from person import AWS_V2, AWS_V2_NEW, AwsCli, Person
from service_process import ACCOUNT, Service

pytestmark = [pytest.mark.needs("git"), pytest.mark.needs("curl")]


@pytest.fixture
def mary(new_person: NewPerson, aws_cli: AwsCli) -> Person:
    return new_person(aws_cli)


def make_user_as_root(person: Person, user: str) -> tuple[str, str]:
    """Step 1 of the guide, on the command line; return the new user's key."""
    person.configure((person.service.key_id, person.service.secret), profile="root")
    as_root = ("--profile", "root")
    made = json.loads(person.aws("iam", "create-user", "--user-name", user, *as_root))
    assert made["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/{user}"
    person.aws("iam", "attach-user-policy", "--user-name", user, "--policy-arn", POWER_USER, *as_root)
    key = json.loads(person.aws("iam", "create-access-key", "--user-name", user, *as_root))["AccessKey"]
    assert key["Status"] == "Active"
    return key["AccessKeyId"], key["SecretAccessKey"]


def test_the_guide_from_a_new_user_to_a_second_clone(mary: Person, service: Service, aws_cli: AwsCli) -> None:
    # Step 1: the CLI is there, and so is its help.
    assert mary.ok("aws", "--version").startswith(aws_cli.version)
    manual = mary.ok("aws", "codecommit", "help", env={"PAGER": "cat", "AWS_PAGER": "cat"})
    assert "create-repository" in re.sub(r".\x08", "", manual)

    # Step 2: an IAM user, its rights and its key; then a profile, answered at the prompts.
    user = f"mary-{aws_cli.name}"
    key = make_user_as_root(mary, user)
    mary.configure(key)
    assert mary.ok("aws", "configure", "get", "region").strip() == "us-east-2"
    mary.configure(key, profile="CodeCommitProfile")
    said = json.loads(mary.aws("sts", "get-caller-identity"))
    assert said["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/{user}"

    # Step 3: the two lines, as the guide writes them.
    mary.ok("sh", "-c", "git config --global credential.helper '!aws codecommit credential-helper $@'")
    mary.ok("sh", "-c", "git config --global credential.UseHttpPath true")
    assert mary.ok("git", "config", "--global", "credential.helper").strip() == (
        "!aws codecommit credential-helper $@"
    )

    # Step 4: a repository.
    name = f"MyDemoRepo-{aws_cli.name}"
    words = ("--repository-name", name, "--repository-description", "My demonstration repository")
    made = json.loads(mary.aws("codecommit", "create-repository", *words))["repositoryMetadata"]
    assert made["Arn"] == f"arn:aws:codecommit:us-east-2:{ACCOUNT}:{name}"
    assert made["cloneUrlHttp"] == service.url(name)
    shown = json.loads(mary.aws("codecommit", "get-repository", "--repository-name", name))
    assert shown["repositoryMetadata"] == made

    # Step 5: clone, commit, push, clone again.
    mary.name_in_commits()
    mary.ok("git", "clone", service.url(name), "my-demo-repo")
    clone = mary.home / "my-demo-repo"
    mary.ok("git", "checkout", "-b", "main", cwd=clone)
    commit = mary.commit(clone)
    mary.ok("git", "push", "-u", "origin", "main", cwd=clone)
    assert mary.ok("git", "status", "--short", "--branch", cwd=clone) == "## main...origin/main\n"
    mary.ok("git", "clone", service.url(name), "second")
    second = mary.home / "second"
    assert mary.ok("git", "rev-parse", "HEAD", cwd=second).strip() == commit
    assert mary.ok("git", "fsck", "--full", "--strict", cwd=second) == ""
    branch = mary.aws("codecommit", "get-branch", "--repository-name", name, "--branch-name", "main")
    assert json.loads(branch)["branch"]["commitId"] == commit
    shown = json.loads(mary.aws("codecommit", "get-repository", "--repository-name", name))
    assert shown["repositoryMetadata"]["defaultBranch"] == "main"


def with_one(aws_cli: AwsCli) -> pytest.MarkDecorator:
    """For what is done as in the guide itself, which is followed with each build of the AWS CLI."""
    return pytest.mark.parametrize("aws_cli", [aws_cli], indirect=True, ids=[aws_cli.name])


@with_one(AWS_V2)
def test_the_root_user_clones_through_the_helper_too(mary: Person, service: Service, aws_cli: AwsCli) -> None:
    mary.configure((service.key_id, service.secret))
    mary.use_the_guides_helper()
    mary.name_in_commits()
    clone = first_push(mary, service.create_repository(f"of-root-{aws_cli.name}"))
    mary.ok("git", "clone", service.url(f"of-root-{aws_cli.name}"), "again")
    assert (mary.home / "again" / "cat.txt").read_text() == (clone / "cat.txt").read_text()


@with_one(AWS_V2_NEW)
def test_a_default_region_is_changed_by_configuring_again(mary: Person, service: Service) -> None:
    root = (service.key_id, service.secret)
    name = f"moved-{mary.aws_cli.name}"
    mary.configure(root, "us-east-2")
    mary.aws("codecommit", "create-repository", "--repository-name", name)
    # Empty answers keep the keys, as the prompts say in brackets.
    mary.ok("aws", "configure", stdin="\n\neu-west-1\n\n")
    assert "RepositoryDoesNotExistException" in mary.aws_refused(
        "codecommit", "get-repository", "--repository-name", name
    )
    there = ("codecommit", "get-repository", "--repository-name", name, "--region", "us-east-2")
    assert json.loads(mary.aws(*there))["repositoryMetadata"]["repositoryName"] == name
    # Git is told its region by the host, whatever the profile says.
    mary.use_the_guides_helper()
    mary.ok("git", "ls-remote", service.url(name))


def first_push(person: Person, url: str, folder: str = "work") -> Path:
    person.ok("git", "clone", "--quiet", url, folder)
    clone = person.home / folder
    person.ok("git", "checkout", "--quiet", "-b", "main", cwd=clone)
    person.commit(clone)
    person.ok("git", "push", "--quiet", "origin", "main", cwd=clone)
    return clone
