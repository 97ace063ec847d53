"""What an operation concerns: the resource rules that the gate is asked with.

A rule first checks the form of everything its operation was given, so that a malformed request is
answered as malformed whoever sent it, and only then says which ARNs it is about. Whether they
exist is not asked: a caller without rights learns nothing from the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moorage.core.arn import Arn, partition_of, repository_arn
from moorage.core.faults import Fault
from moorage.keys.key_names import KeyName
from moorage.repos.access import tag_context
from moorage.services.codecommit import names
from moorage.wire.dispatch import Target

if TYPE_CHECKING:
    from moorage.services.call import Call

Request = Mapping[str, Any]
Context = dict[str, tuple[str, ...]]
Check = Callable[[Request], object]
Rule = Callable[["Call", Request], Iterable[Target]]

# The condition key that a branch guard asks about.
REFERENCES = "codecommit:References"


def all_repositories(*checks: Check) -> Rule:
    """Make the rule of an operation that can only be allowed on `*`."""

    def rule(call: Call, request: Request) -> list[Target]:  # noqa: ARG001 - a rule's shape
        _run(checks, request)
        return [Target(Arn("*"))]

    return rule


def named_repository(*checks: Check, branch: str | None = None) -> Rule:
    """Make the rule of an operation on the repository `repositoryName`.

    `branch` is the member that names the branch to be changed, if the operation changes one.
    """

    def rule(call: Call, request: Request) -> list[Target]:
        name = names.repository(request["repositoryName"])
        ref = names.branch(request[branch]) if branch is not None else None
        _run(checks, request)
        context = resource_tags(call, name)
        if ref is not None:
            context[REFERENCES] = (ref,)
        return [Target(own_arn(call, name), context)]

    return rule


def new_repository(call: Call, request: Request) -> list[Target]:
    """The rule of CreateRepository: a name that nothing has yet, and the tags it asks for."""
    name = names.repository(request["repositoryName"])
    names.description(request.get("repositoryDescription", ""))
    tags = names.tags(request.get("tags", {}))
    if "kmsKeyId" in request:
        KeyName.parse(request["kmsKeyId"], call.caller.account_id, call.caller.region)
    return [Target(own_arn(call, name), _request_tags(tags))]


def both_names(call: Call, request: Request) -> list[Target]:
    """The rule of UpdateRepositoryName: the caller must be allowed it under both names."""
    old, new = names.repository(request["oldName"]), names.repository(request["newName"])
    context = resource_tags(call, old)
    return [Target(own_arn(call, old), context), Target(own_arn(call, new), context)]


@dataclass(frozen=True, slots=True)
class RepositoryArn:
    """A repository's ARN, taken apart."""

    account_id: str
    name: str


def resource(call: Call, text: str) -> RepositoryArn:
    """Take apart the ARN of a repository in the caller's region. The account may be another one.

    Raises:
        Fault: InvalidResourceArnException, or InvalidRepositoryNameException for its last part.
    """
    parts = text.split(":", 5)
    region = call.caller.region
    if len(parts) != 6 or parts[:4] != ["arn", partition_of(region), "codecommit", region]:
        raise _invalid_arn(region)
    account_id, name = parts[4:]
    if len(account_id) != 12 or not (account_id.isascii() and account_id.isdigit()):
        raise _invalid_arn(region)
    return RepositoryArn(account_id, names.repository(name))


def tagged_resource(check: Check | None = None) -> Rule:
    """Make the rule of an operation on the tags of `resourceArn`."""

    def rule(call: Call, request: Request) -> list[Target]:
        target = resource(call, request["resourceArn"])
        _run([check] if check else [], request)
        context: Context = {}
        if target.account_id == call.caller.account_id:
            context = resource_tags(call, target.name)
        context |= _request_tags(request.get("tags", {}), request.get("tagKeys", ()))
        return [Target(repository_arn(call.caller.region, target.account_id, target.name), context)]

    return rule


def own_arn(call: Call, name: str) -> Arn:
    """Return the ARN of a repository of the caller's account, in the caller's region."""
    return repository_arn(call.caller.region, call.caller.account_id, name)


def resource_tags(call: Call, name: str) -> Context:
    """Return the condition keys that a repository's tags fill; none for one that does not exist."""
    found = call.repositories.find(call.caller.account_id, call.caller.region, name)
    return tag_context(found[1]) if found is not None else {}


def _request_tags(tags: Mapping[str, str], keys: Iterable[str] = ()) -> Context:
    context: Context = {f"aws:RequestTag/{key}": (value,) for key, value in tags.items()}
    if asked := (*tags, *keys):
        context["aws:TagKeys"] = asked
    return context


def _run(checks: Iterable[Check], request: Request) -> None:
    for check in checks:
        check(request)


def _invalid_arn(region: str) -> Fault:
    form = repository_arn(region, "ACCOUNT-ID", "REPOSITORY-NAME")
    return Fault("InvalidResourceArnException", f"A repository of {region} has an ARN of the form {form}")
