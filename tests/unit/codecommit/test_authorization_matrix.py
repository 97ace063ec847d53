"""Every operation and both verbs of Git, by who asks: the right verdict in the right words.

The operations are those that are registered: a new one is in the matrix by being there. Requests are
made from the model; where the model cannot know what makes sense, from `SENSIBLE`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape

from doors_at_hand import HOST, Doors, Sent, ask
from identities_at_hand import ACCOUNT, NOW
from moorage.auth.authenticate import GitIdentity
from moorage.core.arn import Arn
from moorage.core.principal import Principal, Session
from moorage.git.pkt_line import DELIM, FLUSH, encode
from moorage.services.codecommit import codecommit
from moorage.storage import attachments, comments, kms_keys, policies, pull_requests, roles, users
from moorage.storage.attachments import InlinePolicyRow
from moorage.storage.comments import CommentRow, Location
from moorage.storage.pull_requests import PullRequestRow
from repositories_at_hand import OTHER_ACCOUNT, REGION, Desk

pytestmark = pytest.mark.slow

DEMO = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:demo"
ABROAD = f"arn:aws:codecommit:{REGION}:{OTHER_ACCOUNT}:demo"
# Source: Service Authorization Reference: these have no resource, so they are allowed on * only.
WITHOUT_RESOURCE = {
    "CreateApprovalRuleTemplate",
    "DeleteApprovalRuleTemplate",
    "GetApprovalRuleTemplate",
    "ListApprovalRuleTemplates",
    "ListRepositories",
    "ListRepositoriesForApprovalRuleTemplate",
    "UpdateApprovalRuleTemplateContent",
    "UpdateApprovalRuleTemplateDescription",
    "UpdateApprovalRuleTemplateName",
}
COMMIT = "a" * 40
COMMENT = ":".join(["00000000-0000-4000-8000-000000000001"] * 2)
RULE = json.dumps(
    {"Version": "2018-11-08", "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": 1}]}
)
SENSIBLE: Mapping[str, Any] = {
    "approvalRuleContent": RULE,
    "approvalRuleTemplateContent": RULE,
    "afterBlobId": COMMIT,
    "afterCommitId": COMMIT,
    "beforeCommitId": "b" * 40,
    "blobId": COMMIT,
    "branchName": "topic",
    "branches": [],
    "commentId": COMMENT,
    "commitId": COMMIT,
    "commitIds": [COMMIT],
    "defaultBranchName": "topic",
    "destinationArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:topic",
    "inReplyTo": COMMENT,
    "kmsKeyId": "alias/aws/codecommit",
    "mergeOption": "SQUASH_MERGE",
    "newName": "demo",
    "newRuleContent": RULE,
    "oldName": "demo",
    "pullRequestId": "1",
    "reactionValue": ":heart:",
    "repositoryName": "demo",
    "parentCommitId": "a" * 40,
    "putFiles": [{"filePath": "x", "fileContent": "eA=="}],
    "repositoryNames": ["demo"],
    "resourceArn": DEMO,
    "revisionId": "b" * 64,
    "tagKeys": ["team"],
    "tags": {"team": "blue"},
}


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def deny(*actions: str) -> dict[str, Any]:
    return allow(*actions) | {"Effect": "Deny"}


def made(shape: Shape, name: str) -> Any:
    """Return a request of a shape: what it requires or `SENSIBLE` has, with values likely to be valid."""
    if name in SENSIBLE:
        return SENSIBLE[name]
    if isinstance(shape, StructureShape):
        wanted = [member for member in shape.members if member in {*shape.required_members, *SENSIBLE}]
        return {member: made(shape.members[member], member) for member in wanted}
    if isinstance(shape, ListShape):
        return [made(shape.member, name)]
    if isinstance(shape, MapShape):
        return {"key": "value"}
    least = int(shape.metadata.get("min", 1))
    values: dict[str, Any] = {"integer": least, "long": least, "boolean": True, "blob": "eA=="}
    enum = getattr(shape, "enum", None)
    return values.get(shape.type_name, enum[0] if enum else "x" * max(1, least))


@dataclass
class Someone:
    """An authenticator that takes everybody for the one it is told."""

    principal: Principal | None = None

    def signed(self, *_: object) -> tuple[Principal, str]:
        assert self.principal is not None
        return self.principal, REGION

    def git(self, *_: object) -> GitIdentity:
        assert self.principal is not None
        return GitIdentity(self.principal, REGION, "hash", None)


@dataclass
class World:
    """A desk with a repository in each of two accounts, and doors that believe in anybody."""

    desk: Desk
    someone: Someone
    doors: Doors
    number: Iterator[int] = field(default_factory=itertools.count)

    def user(
        self,
        *statements: Mapping[str, Any],
        boundary: Mapping[str, Any] | None = None,
        account: str = ACCOUNT,
    ) -> Principal:
        """Make a user with one inline policy and, if asked, a boundary."""
        name = f"user{next(self.number)}"
        with self.desk.installation.database.write() as connection:
            arn = None
            if boundary is not None:
                row = policies.create(
                    connection, account, name, path="/", description="", document=document(boundary), now_ms=1
                )
                arn = row.arn("aws")
            user = users.create(connection, account, name, path="/", now_ms=1, boundary_arn=arn)
            if statements:
                row_of = InlinePolicyRow(user.user_id, "tests", document(*statements))
                attachments.put_inline(connection, account, row_of)
        return Principal("user", user.arn("aws"), account, "aws", user.user_id, user_name=name)

    def call(self, principal: Principal, operation: str) -> tuple[str, str]:
        """Ask the API; return the error's code and message, empty for none."""
        self.someone.principal = principal
        shape = codecommit.operations[operation].model.input_shape
        request = made(shape, "") if shape is not None else {}
        headers = {"host": HOST, "x-amz-target": f"CodeCommit_20150413.{operation}"}
        sent = ask(self.doors.api, "POST", "/", headers, json.dumps(request).encode())
        answer = json.loads(sent.body or b"{}")
        if sent.status == 200:
            return "", ""
        assert sent.headers["x-amzn-requestid"]
        return answer["__type"], answer.get("message", "")

    def git(self, principal: Principal, verb: Verb) -> Sent:
        self.someone.principal = principal
        headers = {"host": HOST, "git-protocol": "version=2", "authorization": "Basic x"}
        query = f"service={verb.service}" if verb.advertisement else ""
        rest = "info/refs" if verb.advertisement else verb.service
        method = "GET" if verb.advertisement else "POST"
        return ask(self.doors.git, method, f"/v1/repos/demo/{rest}", headers, verb.body, query)


def document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def add_what_requests_name(desk: Desk, repository_id: str) -> None:
    """Add a template that the repository has, a pull request and a comment, as requests name them."""
    desk.ask("CreateApprovalRuleTemplate", approvalRuleTemplateName="x", approvalRuleTemplateContent=RULE)
    both = {"approvalRuleTemplateName": "x", "repositoryName": "demo"}
    desk.ask("AssociateApprovalRuleTemplateWithRepository", **both)
    row = PullRequestRow(
        pull_request_key="key",
        account_id=ACCOUNT,
        region=REGION,
        number=int(SENSIBLE["pullRequestId"]),
        repository_id=repository_id,
        title="Title",
        description=None,
        author_arn=f"arn:aws:iam::{ACCOUNT}:user/author",
        status="OPEN",
        source_ref=b"refs/heads/topic",
        destination_ref=b"refs/heads/main",
        source_commit=COMMIT,
        destination_commit=COMMIT,
        merge_base=COMMIT,
        revision_id=SENSIBLE["revisionId"],
        client_request_token=None,
        is_merged=False,
        merged_by=None,
        merge_commit=None,
        merge_option=None,
        created_at_ms=1,
        last_activity_at_ms=1,
    )
    with desk.installation.database.write() as connection:
        pull_requests.next_number(connection, ACCOUNT, REGION)
        pull_requests.add(connection, row)
        comments.add(connection, a_comment(repository_id))


def a_comment(repository_id: str) -> CommentRow:
    return CommentRow(
        comment_id=COMMENT,
        account_id=ACCOUNT,
        region=REGION,
        repository_id=repository_id,
        number=1,
        location=Location(None, None, COMMIT),
        in_reply_to=None,
        content="Why?",
        deleted=False,
        author_arn=f"arn:aws:iam::{ACCOUNT}:user/author",
        client_request_token=None,
        created_at_ms=1,
        modified_at_ms=1,
    )


@contextmanager
def a_world(folder: Path) -> Iterator[World]:
    desk = Desk.at(folder)
    desk.installation.add_account(OTHER_ACCOUNT)
    add_what_requests_name(desk, desk.repository("demo", tags={"team": "red"})["repositoryId"])
    someone = Someone()
    yield World(desk, someone, Doors.over(desk, someone))
    desk.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world of a test's own, which it may change."""
    with a_world(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world for those who are refused: nothing changes in it."""
    with a_world(tmp_path_factory.mktemp("untouched")) as made:
        yield made


def role_session(
    world: World, *statements: Mapping[str, Any], policies: Sequence[Mapping[str, Any]] = ()
) -> Principal:
    """Make a role with one inline policy, and open a session of it, narrowed by a policy if asked."""
    name = f"role{next(world.number)}"
    with world.desk.installation.database.write() as connection:
        role = roles.create(connection, ACCOUNT, name, path="/", trust_policy="{}", now_ms=1)
        if statements:
            row = InlinePolicyRow(role.role_id, "tests", document(*statements))
            attachments.put_inline(connection, ACCOUNT, row)
    arn = Arn(f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/nightly")
    session = Session(
        NOW,
        NOW + timedelta(hours=1),
        role.arn("aws"),
        role.role_id,
        policies=(document(*policies),) if policies else (),
    )
    return Principal("role-session", arn, ACCOUNT, "aws", f"{role.role_id}:nightly", session=session)


def federated(
    world: World, *statements: Mapping[str, Any], policies: Sequence[Mapping[str, Any]] = ()
) -> Principal:
    """Make a user, and a federated user that it vouches for with a policy, or without."""
    user = world.user(*statements)
    session = Session(
        NOW,
        NOW + timedelta(hours=1),
        user.arn,
        user.unique_id,
        policies=(document(*policies),) if policies else (),
    )
    arn = Arn(f"arn:aws:sts::{ACCOUNT}:federated-user/guest")
    return Principal("federated-user", arn, ACCOUNT, "aws", f"{ACCOUNT}:guest", session=session)


# --- the columns: who asks, and the words of the refusal -----------------------------------------

NOTHING_ALLOWS = "because no {} allows the {} action"
Make = Callable[[World, str, str], Principal]


@dataclass(frozen=True)
class Column:
    """Somebody who must be refused, and why."""

    make: Make
    reason: str


def _elsewhere(world: World, action: str, resource: str) -> Principal:
    """Somebody with the right to another repository; to one repository, where only * would do."""
    other = DEMO if resource == "*" else DEMO.replace("demo", "other")
    return world.user(allow(action, resource=other))


REFUSED = {
    "no rights": Column(
        lambda world, _action, _resource: world.user(),
        NOTHING_ALLOWS.format("identity-based policy", "{action}"),
    ),
    "other rights": Column(
        lambda world, _action, _resource: world.user(allow("s3:*", "kms:*")),
        NOTHING_ALLOWS.format("identity-based policy", "{action}"),
    ),
    "the right to something else": Column(
        _elsewhere, NOTHING_ALLOWS.format("identity-based policy", "{action}")
    ),
    "explicitly denied": Column(
        lambda world, action, _resource: world.user(allow("*"), deny(action)),
        "with an explicit deny in an identity-based policy",
    ),
    "boundary": Column(
        lambda world, action, resource: world.user(allow(action, resource=resource), boundary=allow("s3:*")),
        NOTHING_ALLOWS.format("permissions boundary", "{action}"),
    ),
    "denied by the boundary": Column(
        lambda world, action, _resource: world.user(allow("*"), boundary=deny(action)),
        "with an explicit deny in a permissions boundary",
    ),
    "session of a role without rights": Column(
        lambda world, _action, _resource: role_session(world),
        NOTHING_ALLOWS.format("identity-based policy", "{action}"),
    ),
    "session policy": Column(
        lambda world, action, resource: role_session(
            world, allow(action, resource=resource), policies=[allow("s3:*")]
        ),
        NOTHING_ALLOWS.format("session policy", "{action}"),
    ),
    "denied by the session policy": Column(
        lambda world, action, _resource: role_session(world, allow("*"), policies=[allow("*"), deny(action)]),
        "with an explicit deny in a session policy",
    ),
    "federated user without a policy": Column(
        lambda world, action, resource: federated(world, allow(action, resource=resource)),
        NOTHING_ALLOWS.format("session policy", "{action}"),
    ),
    "federated user of a user without rights": Column(
        lambda world, action, _resource: federated(world, policies=[allow(action)]),
        NOTHING_ALLOWS.format("identity-based policy", "{action}"),
    ),
}
ALLOWED: dict[str, Make] = {
    "this action alone": lambda world, action, resource: world.user(allow(action, resource=resource)),
    "within a boundary": lambda world, action, resource: world.user(
        allow(action, resource=resource), boundary=allow("codecommit:*")
    ),
    "session of a role": lambda world, action, resource: role_session(
        world, allow(action, resource=resource)
    ),
    "within a session policy": lambda world, action, resource: role_session(
        world, allow("*"), policies=[allow(action, resource=resource)]
    ),
    "federated user": lambda world, action, resource: federated(
        world, allow("*"), policies=[allow(action, resource=resource)]
    ),
}


# --- the API -------------------------------------------------------------------------------------


def resource_of(operation: str) -> str:
    if operation == "CreateRepository" or operation not in WITHOUT_RESOURCE:
        return DEMO
    return "*"


@pytest.mark.parametrize("operation", sorted(codecommit.operations))
def test_an_operation_is_refused_in_aws_words(untouched: World, operation: str) -> None:
    action, resource = f"codecommit:{operation}", resource_of(operation)
    for name, column in REFUSED.items():
        principal = column.make(untouched, action, resource)
        told = untouched.call(principal, operation)
        because = column.reason.format(action=action)
        who = f"User: {principal.arn} is not authorized to perform"
        expected = f"{who}: {action} on resource: {resource} {because}"
        assert told == ("AccessDeniedException", expected), name


@pytest.mark.parametrize("operation", sorted(codecommit.operations))
def test_an_operation_needs_the_right_to_its_own_action_and_resource_only(
    world: World, operation: str
) -> None:
    for name, make in ALLOWED.items():
        # What the one before changed is no matter: rights are asked for first.
        code, message = world.call(make(world, f"codecommit:{operation}", resource_of(operation)), operation)
        assert "AccessDenied" not in code, (name, message)
        # Whatever else went wrong, the request was a whole one.
        assert "Required" not in code, (name, message)
        assert "Invalid" not in code, (name, message)


@pytest.mark.parametrize("operation", sorted(codecommit.operations))
def test_somebody_of_another_account_reaches_nothing_of_this_one(world: World, operation: str) -> None:
    stranger = world.user(allow("*"), account=OTHER_ACCOUNT)
    before = world.desk.call.repositories.find(ACCOUNT, REGION, "demo")
    code, message = world.call(stranger, operation)
    shape = codecommit.operations[operation].model.input_shape
    if shape is not None and "resourceArn" in shape.members:
        because = NOTHING_ALLOWS.format("resource-based policy", f"codecommit:{operation}")
        assert code == "AccessDeniedException"
        assert message.endswith(f"on resource: {DEMO} {because}")
    else:
        # A name means a repository of the caller's own account, where there is none.
        assert "DoesNotExist" in code or not code, (code, message)
    assert world.desk.call.repositories.find(ACCOUNT, REGION, "demo") == before


# --- git -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verb:
    """One request of git's, the action it needs, and what shows that it got through."""

    action: str
    service: str
    body: bytes = b""
    advertisement: bool = False


CREATION = encode(b"0" * 40 + b" " + b"a" * 40 + b" refs/heads/topic\0report-status side-band-64k") + FLUSH
VERBS = {
    "fetch, first request": Verb("codecommit:GitPull", "git-upload-pack", advertisement=True),
    "fetch": Verb(
        "codecommit:GitPull",
        "git-upload-pack",
        b"".join([encode(b"command=ls-refs"), DELIM, encode(b"peel"), FLUSH]),
    ),
    "push, first request": Verb("codecommit:GitPush", "git-receive-pack", advertisement=True),
    "push": Verb("codecommit:GitPush", "git-receive-pack", CREATION),
}


@pytest.mark.parametrize("column", REFUSED)
@pytest.mark.parametrize("verb", VERBS)
def test_git_is_refused_in_the_same_words_with_policy_and_request_id(
    untouched: World, verb: str, column: str
) -> None:
    asked = VERBS[verb]
    principal = REFUSED[column].make(untouched, asked.action, DEMO)
    sent = untouched.git(principal, asked)
    because = REFUSED[column].reason.format(action=asked.action)
    text = sent.body.decode(errors="replace")
    expected = (
        f"User: {principal.arn} is not authorized to perform: {asked.action} on resource: {DEMO} {because}."
    )
    assert expected in text
    assert sent.status == (403 if asked.advertisement else 200)
    assert f"request id: {sent.headers['x-amzn-requestid']}" in text


@pytest.mark.parametrize("column", ALLOWED)
@pytest.mark.parametrize("verb", VERBS)
def test_git_needs_the_right_to_its_own_verb_only(world: World, verb: str, column: str) -> None:
    asked = VERBS[verb]
    sent = world.git(ALLOWED[column](world, asked.action, DEMO), asked)
    assert sent.status == 200
    assert b"not authorized" not in sent.body


@pytest.mark.parametrize("verb", VERBS)
def test_git_of_another_account_finds_no_repository(untouched: World, verb: str) -> None:
    asked = VERBS[verb]
    sent = untouched.git(untouched.user(allow("*"), account=OTHER_ACCOUNT), asked)
    assert b"demo does not exist" in sent.body
    assert sent.status == (404 if asked.advertisement else 200)


def test_the_key_refuses_in_every_content_operation_and_in_git_alike(untouched: World) -> None:
    principal = untouched.user(allow("codecommit:*"), deny("kms:Decrypt"))
    code, message = untouched.call(principal, "GetRepository")
    assert code == "EncryptionKeyAccessDeniedException"
    assert "is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:" in message
    for verb in VERBS.values():
        text = untouched.git(principal, verb).body.decode(errors="replace")
        assert "kms:Decrypt" in text
        assert "with an explicit deny in an identity-based policy" in text


@pytest.mark.parametrize("operation", sorted(codecommit.operations))
def test_a_disabled_key_stops_the_operations_whose_model_says_so_and_no_others(
    world: World, operation: str
) -> None:
    row = world.desk.call.repositories.require(world.desk.caller, "demo")
    with world.desk.installation.database.write() as connection:
        key = kms_keys.find(connection, row.kms_key_id)
        assert key is not None
        kms_keys.set_state(connection, key, "Disabled")
    code, message = world.call(world.user(allow("*")), operation)
    disabled = "EncryptionKeyDisabledException"
    errors = {shape.name for shape in codecommit.operations[operation].model.error_shapes}
    if operation == "BatchGetRepositories":  # it tells beside each repository
        assert not code
    elif disabled in errors:
        assert code == disabled, message
    else:
        assert "Encryption" not in code, message


def test_the_matrix_has_all_operations_without_resource_that_there_are() -> None:
    assert set(codecommit.model.operation_names) >= WITHOUT_RESOURCE
