"""What tests of the CodeCommit API have at hand: boto3 clients, users, and repositories with commits."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from moorage.core.clock import SystemClock
from moorage.core.sigv4 import git_password

if TYPE_CHECKING:
    from types_boto3_codecommit import CodeCommitClient

REGION = "us-east-2"

# One of each: who wrote, who committed, and zones on both sides of Greenwich.
AUTHOR_DATE, COMMITTER_DATE = "1484167798 -0800", "1484170000 +0530"
AUTHOR = {"GIT_AUTHOR_NAME": "Mary Major", "GIT_AUTHOR_EMAIL": "mary@example.com"}
COMMITTER = {"GIT_COMMITTER_NAME": "Li Juan", "GIT_COMMITTER_EMAIL": "li@example.com"}

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Keys:
    """An access key."""

    access_key_id: str
    secret_access_key: str


@cache  # a client takes a second to make on a busy machine
def _client(url: str, ca_file: Path, name: str, region: str, keys: Keys, check: bool) -> Any:
    return boto3.Session(
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        region_name=region,
    ).client(
        cast("Any", name),
        endpoint_url=url,
        verify=str(ca_file),
        config=Config(
            parameter_validation=check,
            retries={"total_max_attempts": 1},
            connect_timeout=5,
            read_timeout=30,
            proxies={},
        ),
    )


@dataclass(frozen=True)
class Service:
    """A running moorage, as an AWS account's owner sees it."""

    url: str
    ca_file: Path
    account_id: str
    root: Keys

    def client(self, name: str, region: str = REGION, keys: Keys | None = None, *, check: bool = True) -> Any:
        """Return a boto3 client; with `check` false it sends what the SDK itself would refuse."""
        return _client(self.url, self.ca_file, name, region, keys or self.root, check)

    def codecommit(
        self, region: str = REGION, keys: Keys | None = None, *, check: bool = True
    ) -> CodeCommitClient:
        return cast("CodeCommitClient", self.client("codecommit", region, keys, check=check))

    def user(self, *statements: dict[str, Any]) -> Keys:
        """Return the key of a new IAM user with one inline policy."""
        iam = self.client("iam", "us-east-1")
        name = fresh("user")
        iam.create_user(UserName=name)
        if statements:
            document = {"Version": "2012-10-17", "Statement": list(statements)}
            iam.put_user_policy(UserName=name, PolicyName="tests", PolicyDocument=json.dumps(document))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Keys(key["AccessKeyId"], key["SecretAccessKey"])

    def repository(self, region: str = REGION, keys: Keys | None = None, **more: Any) -> str:
        """Make an empty repository; return its name, which no other test uses."""
        name = fresh("repository")
        self.codecommit(region, keys).create_repository(repositoryName=name, **more)
        return name

    def arn(self, name: str, region: str = REGION) -> str:
        return f"arn:aws:codecommit:{region}:{self.account_id}:{name}"

    def git(self, folder: Path, name: str, *arguments: str, region: str = REGION) -> str:
        """Run stock git with the word URL replaced by a repository's, credentials of root included."""
        host = self.url.removeprefix("https://").partition(":")[0]
        password = git_password(
            host,
            f"/v1/repos/{name}",
            secret=self.root.secret_access_key,
            region=region,
            now=SystemClock().now(),
        )
        login = f"{quote(self.root.access_key_id, safe='')}:{password}@"
        url = self.url.replace("https://", f"https://{login}") + f"/v1/repos/{name}"
        words = [url if word == "URL" else word for word in arguments]
        return git(folder, "-c", f"http.sslCAInfo={self.ca_file}", *words)


@dataclass(frozen=True)
class Pushed:
    """A repository that stock git pushed to: main with two commits, feature/x at the first."""

    name: str
    folder: Path
    commits: list[str]
    others: dict[str, str]  # ids of objects that are no commits, by type


def push_sample(service: Service, folder: Path, region: str = REGION) -> Pushed:
    """Make a repository with a few commits in it, by pushing."""
    name = service.repository(region)
    commits = local_repository(folder)
    git(folder, "branch", "feature/x", commits[0])
    git(folder, "tag", "--annotate", "v1", "--message", "One")
    service.git(folder, name, "push", "--quiet", "URL", "main", "feature/x", "v1", region=region)
    others = {
        "tree": git(folder, "rev-parse", "HEAD^{tree}"),
        "blob": git(folder, "rev-parse", "HEAD:count.txt"),
        "tag": git(folder, "rev-parse", "v1"),
    }
    return Pushed(name, folder, commits, others)


def allow(*actions: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def deny(*actions: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": list(actions), "Resource": resource, **more}


def fresh(kind: str) -> str:
    """Return a name that no other test uses, also none in another test process."""
    return f"{kind}-{os.getpid()}-{next(_numbers)}"


@contextmanager
def refused(client: Any, error: str) -> Iterator[dict[str, Any]]:
    """Expect a typed exception; the dict holds botocore's parsed answer once it was raised."""
    answer: dict[str, Any] = {}
    with pytest.raises(getattr(client.exceptions, error)) as caught:
        yield answer
    answer.update(cast("Any", caught.value).response)
    assert answer["Error"]["Code"] == error
    assert answer["Error"]["Message"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400


@contextmanager
def access_denied(*, on: str) -> Iterator[None]:
    """Expect AccessDeniedException, in AWS's words, about the resource with that ARN."""
    with pytest.raises(ClientError) as caught:
        yield
    response = cast("Any", caught.value).response
    assert response["Error"]["Code"] == "AccessDeniedException"
    assert "is not authorized to perform: codecommit:" in response["Error"]["Message"]
    assert f"on resource: {on} " in response["Error"]["Message"]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400


def git(folder: Path, *arguments: str, given: str = "") -> str:
    """Run stock git in a folder, away from this machine's settings; return what it prints."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C.UTF-8",
            "GIT_AUTHOR_DATE": AUTHOR_DATE,
            "GIT_COMMITTER_DATE": COMMITTER_DATE,
            **AUTHOR,
            **COMMITTER,
        },
        input=given,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def local_repository(folder: Path, commits: int = 2) -> list[str]:
    """Make a local repository with branch main; return its commits, oldest first."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    made = []
    for number in range(1, commits + 1):
        (folder / "count.txt").write_text(f"{number}\n")
        git(folder, "add", "count.txt")
        git(folder, "commit", "--quiet", "--message", f"Count {number}")
        made.append(git(folder, "rev-parse", "HEAD"))
    return made
