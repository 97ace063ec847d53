"""Every operation of CodeCommit leaves a CloudTrail record, answered or denied; `moorage audit` reads it."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from codecommit_at_hand import REGION, Keys, Service, allow, git
from codecommit_world import NOT_FOR_AUTHORS, World, good
from moorage.server.compose import SERVICES
from moorage.storage.audit_reads import is_read
from service_process import ACCOUNT

OPERATIONS = sorted(SERVICES["codecommit"].operations)
MEMBERS = {
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "requestParameters",
    "responseElements",
    "requestID",
    "eventID",
    "readOnly",
    "resources",
    "eventType",
    "recipientAccountId",
}
# Whoever may sign may ask it; it tells nothing of repositories that the caller may not see.
OPEN_TO_ALL = {"BatchGetRepositories"}
Records = Mapping[str, list[dict[str, Any]]]


def command(data: Path, *words: str) -> str:
    program = Path(sys.executable).with_name("moorage")
    arguments = [str(program), "audit", *words, "--data", str(data / "data")]
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for what is written late: reads, refusals, pulls."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)  # by a thread of another process


@pytest.fixture(scope="module")
def nobody(service: Service) -> Keys:
    return service.user(allow("codecommit:ListTagsForNothing"))


@pytest.fixture(scope="module")
def answered(
    service: Service, data: Path, tmp_path_factory: pytest.TempPathFactory, nobody: Keys
) -> dict[str, tuple[str, str]]:
    """Ask each operation once as root and once as nobody; return the ids of both requests."""
    world = World(service, tmp_path_factory.mktemp("world") / "repository")
    ids: dict[str, tuple[str, str]] = {}
    for operation in OPERATIONS:
        request = good(operation, world)
        keys = world.second if operation in NOT_FOR_AUTHORS else None
        with_rights = world.call(operation, request, keys)["ResponseMetadata"]["RequestId"]
        try:
            refused = world.call(operation, request, nobody)["ResponseMetadata"]["RequestId"]
        except ClientError as error:
            refused = error.response["ResponseMetadata"]["RequestId"]
        ids[operation] = (with_rights, refused)
    return ids


@pytest.fixture(scope="module")
def records(answered: Mapping[str, tuple[str, str]], data: Path) -> Records:
    """Return all records by the id of their request; the last of them a second after its request."""
    last = answered[OPERATIONS[-1]][1]
    wait_until(lambda: command(data, "--request", last, "--json") != "")
    found = defaultdict(list)
    for line in command(data, "--json").splitlines():
        record = json.loads(line)
        found[record["requestID"]].append(record)
    return found


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_answered_request_leaves_its_record(
    answered: Mapping[str, tuple[str, str]], records: Records, operation: str
) -> None:
    (record,) = [each for each in records[answered[operation][0]] if each["eventName"] == operation]
    assert record.keys() >= MEMBERS
    assert (record["eventVersion"], record["eventType"]) == ("1.05", "AwsApiCall")
    assert (record["eventSource"], record["awsRegion"]) == ("codecommit.amazonaws.com", REGION)
    assert (record["recipientAccountId"], record["apiVersion"]) == (ACCOUNT, "2015-04-13")
    who = "IAMUser" if operation in NOT_FOR_AUTHORS else "Root"
    assert record["userIdentity"]["type"] == who
    assert "Boto3/" in record["userAgent"]
    assert record["readOnly"] == is_read(operation)
    assert "errorCode" not in record
    answers = SERVICES["codecommit"].operations[operation].model.output_shape is not None
    assert (record["responseElements"] is not None) == (answers and not is_read(operation))
    for name in ("repositoryName", "pullRequestId", "commentId", "approvalRuleTemplateName"):
        assert (record["requestParameters"] or {}).get(name) != ""


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each not in OPEN_TO_ALL])
def test_a_denied_request_leaves_its_record(
    answered: Mapping[str, tuple[str, str]], records: Records, operation: str
) -> None:
    (record,) = records[answered[operation][1]]
    assert (record["eventName"], record["userIdentity"]["type"]) == (operation, "IAMUser")
    # What an earlier request as root took away is not there, and that is all that a caller is told.
    assert record["errorCode"] == "AccessDenied" or record["errorCode"].endswith("DoesNotExistException")
    assert record["errorMessage"]


@pytest.mark.parametrize("operation", ["CreateCommit", "PutFile", "PostCommentForComparedCommit"])
def test_contents_of_files_and_comments_are_in_no_record(
    answered: Mapping[str, tuple[str, str]], records: Records, operation: str
) -> None:
    for request in answered[operation]:
        for record in records[request]:
            assert "HIDDEN_DUE_TO_SECURITY_REASONS" in json.dumps(record["requestParameters"])


def test_git_leaves_a_pull_once_and_a_push_twice(service: Service, data: Path, tmp_path: Path) -> None:
    name = service.repository()
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "--quiet", "--initial-branch=main")
    git(work, "commit", "--quiet", "--allow-empty", "--message", "Begin")
    service.git(work, name, "push", "--quiet", "URL", "main")
    service.git(tmp_path, name, "clone", "--quiet", "URL", "clone")
    service.git(tmp_path, name, "clone", "--quiet", "--depth=1", "URL", "shallow")
    of_git = ("--resource", name, "--json")
    wait_until(lambda: command(data, *of_git, "--event", "GitPull").count("\n") == 2)
    pushes = [json.loads(line) for line in command(data, *of_git, "--event", "GitPush").splitlines()]
    assert [each["readOnly"] for each in pushes] == [True, False]
    commit = git(work, "rev-parse", "HEAD")
    assert [each["requestParameters"] for each in pushes] == [
        None,
        {"references": [{"ref": "refs/heads/main", "commit": commit}]},
    ]
    more = pushes[1]["additionalEventData"]
    assert (more["protocol"], more["repositoryName"], more["dataTransferred"]) == ("HTTP", name, True)
    assert "side-band-64k" in more["capabilities"]
    pulls = [json.loads(line) for line in command(data, *of_git, "--event", "GitPull").splitlines()]
    assert [each["additionalEventData"]["shallow"] for each in pulls] == [False, True]
    assert all(each["readOnly"] for each in pulls)
    assert all("ofs-delta" in each["additionalEventData"]["capabilities"] for each in pulls)
    service.git(tmp_path, name, "ls-remote", "URL")
    wait_until(lambda: command(data, *of_git, "--event", "GitPull").count("\n") == 3)


@pytest.mark.usefixtures("records")
def test_the_command_prints_a_table_and_exports_a_log_file(data: Path, tmp_path: Path) -> None:
    table = command(data, "--outcome", "denied").splitlines()
    assert table[0].split() == ["TIME", "OUTCOME", "EVENT", "PRINCIPAL", "RESOURCE", "FROM"]
    assert any("AccessDenied" in line for line in table)
    file = tmp_path / "log.json.gz"
    told = command(data, "--since", "1h", "--event", "GetRepository", "--output", str(file))
    exported = json.loads(gzip.decompress(file.read_bytes()))["Records"]
    assert told == f"{len(exported)} records written to {file}\n"
    assert {each["eventName"] for each in exported} == {"GetRepository"}
    times = [each["eventTime"] for each in exported]
    assert times == sorted(times)
