"""What carries policies, boundaries and tags: users, groups, roles and more, each by its kind.

An operation that IAM has for several kinds, as PutUserPolicy, PutGroupPolicy and PutRolePolicy, is
written once and registered for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from sqlalchemy import Connection

from moorage.services.iam import refusals
from moorage.services.iam.changes import change
from moorage.services.iam.service import Answer, Request, iam
from moorage.storage import groups, instance_profiles, policies, roles, users
from moorage.storage.groups import GroupRow
from moorage.storage.instance_profiles import InstanceProfileRow
from moorage.storage.policies import PolicyRow
from moorage.storage.roles import RoleRow
from moorage.storage.users import UserRow

if TYPE_CHECKING:
    from moorage.core.arn import Arn
    from moorage.core.faults import Fault
    from moorage.core.principal import Caller
    from moorage.services.call import Call
    from moorage.wire.dispatch import ResourceRule


class Owner(Protocol):
    """A row of something that has a unique id, a name and an ARN."""

    @property
    def account_id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def unique_id(self) -> str: ...

    def arn(self, partition: str) -> Arn: ...


RowT_co = TypeVar("RowT_co", bound=Owner, covariant=True)


@dataclass(frozen=True, slots=True)
class OwnerKind(Generic[RowT_co]):
    """One kind of owners. `key` is the request's member that names one, `resource` begins its ARN."""

    noun: str
    key: str
    resource: str
    find: Callable[[Connection, str, str], RowT_co | None] = field(repr=False)
    missing: Callable[[str], Fault] = field(repr=False)

    def named(self, connection: Connection, caller: Caller, name: str) -> RowT_co:
        """Return the account's owner of that name (a policy's name is its ARN).

        Raises:
            Fault: NoSuchEntity.
        """
        found = self.find(connection, caller.account_id, name)
        if found is None:
            raise self.missing(name)
        return found


USER: OwnerKind[UserRow] = OwnerKind("User", "UserName", "user", users.find, refusals.no_such_user)
GROUP: OwnerKind[GroupRow] = OwnerKind("Group", "GroupName", "group", groups.find, refusals.no_such_group)
ROLE: OwnerKind[RoleRow] = OwnerKind("Role", "RoleName", "role", roles.find, refusals.no_such_role)
POLICY: OwnerKind[PolicyRow] = OwnerKind(
    "Policy", "PolicyArn", "policy", policies.find, refusals.no_such_policy
)
INSTANCE_PROFILE: OwnerKind[InstanceProfileRow] = OwnerKind(
    "InstanceProfile",
    "InstanceProfileName",
    "instance-profile",
    instance_profiles.find,
    refusals.no_such_instance_profile,
)

AnyKind = OwnerKind[Owner]


@dataclass(frozen=True, slots=True)
class OwnerOperation:
    """An operation of one kind of owners, and the call of it under way."""

    name: str
    kind: AnyKind
    call: Call = field(repr=False)
    request: Request = field(repr=False)

    def owner(self, connection: Connection) -> Owner:
        """Return whom the request names.

        Raises:
            Fault: NoSuchEntity.
        """
        return self.kind.named(connection, self.call.caller, self.request[self.kind.key])

    @contextmanager
    def change(self) -> Iterator[tuple[Connection, Owner]]:
        """Open the transaction that changes the owner.

        Raises:
            Fault: NoSuchEntity; UnmodifiableEntity, it is a service's own role.
        """
        with changed(self.call, self.name, self.kind, self.request) as (connection, owner):
            yield connection, owner


@contextmanager
def changed(
    call: Call, operation: str, kind: OwnerKind[RowT_co], request: Request
) -> Iterator[tuple[Connection, RowT_co]]:
    """Open the transaction in which an operation changes the owner that a request names.

    Raises:
        Fault: NoSuchEntity; UnmodifiableEntity, it is a service's own role.
    """
    caller = call.caller
    with change(call, operation, lambda connection: _arn(connection, caller, kind, request)) as connection:
        owner = kind.named(connection, caller, request[kind.key])
        require_modifiable(operation, owner)
        yield connection, owner


def _arn(connection: Connection, caller: Caller, kind: OwnerKind[Any], request: Request) -> str:
    return str(kind.named(connection, caller, request[kind.key]).arn(caller.partition))


# A service's own role may be described by anyone. Source: IAM User Guide, "Edit a service-linked role".
_DESCRIBING = frozenset({"UpdateRole", "UpdateRoleDescription"})


def require_modifiable(operation: str, owner: Owner) -> None:
    """Refuse to change a service's own role by an operation whose model knows that refusal.

    Raises:
        Fault: UnmodifiableEntity.
    """
    if not isinstance(owner, RoleRow) or not owner.service_linked:
        return
    if operation in _DESCRIBING:
        return
    errors = {shape.name for shape in iam.operations[operation].model.error_shapes}
    if "UnmodifiableEntityException" in errors:
        raise refusals.protected_role(owner.name)


OwnerHandler = Callable[[OwnerOperation], Answer | None]


def owner_operations(
    kinds: Mapping[str, AnyKind], *, resource: Callable[[AnyKind], ResourceRule[Call]]
) -> Callable[[OwnerHandler], OwnerHandler]:
    """Register the decorated function for operations of several kinds of owners, each with its kind.

    `resource` makes the resource rule of a kind.
    """

    def register(handler: OwnerHandler) -> OwnerHandler:
        for name, kind in kinds.items():
            iam.operation(name, resource=resource(kind))(_handler(name, kind, handler))
        return handler

    return register


def _handler(name: str, kind: AnyKind, handler: OwnerHandler) -> Callable[[Call, Request], Answer | None]:
    def handle(call: Call, request: Request) -> Answer | None:
        return handler(OwnerOperation(name, kind, call, request))

    return handle
