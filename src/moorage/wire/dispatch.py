"""The operations of a service, each with its handler and the resources it concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from botocore.model import OperationNotFoundError

from moorage.wire import answers, json11, models, query, violations

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel

    from moorage.core.faults import Fault
    from moorage.wire.answers import Answer

# What handlers are called with; the wire does not know what it is.
CallT = TypeVar("CallT")
HandlerT = TypeVar("HandlerT", bound=Callable[..., Mapping[str, object] | None])

NO_CONTEXT: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Target:
    """What an operation acts on, as a policy's Resource and Condition see it.

    `ask` is for what has a policy of its own, as a KMS key: called in place of the gate with the
    operation's action, it raises the refusal.
    """

    arn: str
    context: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: NO_CONTEXT)
    ask: Callable[[str], None] | None = None


# Parsed requests are typed Any here so that handlers may name the TypedDict of their operation.
Handler = Callable[[CallT, Any], Mapping[str, object] | None]
ResourceRule = Callable[[CallT, Any], Iterable[Target]]


@dataclass(frozen=True, slots=True)
class Operation(Generic[CallT]):
    """One operation that moorage has.

    `action` is what policies call it. A `resource` rule that yields nothing means that no policy is
    asked, as for GetCallerIdentity.
    """

    name: str
    action: str
    model: OperationModel
    handler: Handler[CallT]
    resource: ResourceRule[CallT]

    @property
    def signed(self) -> bool:
        """Whether callers must sign; those that bring a token of another kind do not."""
        return bool(self.model.auth_type != "none")

    def parse(self, message: bytes | Mapping[str, str]) -> dict[str, Any]:
        """Return a valid request: from a JSON body, or from the fields of a Query form.

        Raises:
            Fault: the message cannot be read, or is not as the model demands.
        """
        if isinstance(message, bytes):
            request = json11.parse(message, self.model)
        else:
            request = query.parse(message, self.model)
        violations.validate(request, self.model)
        return request

    def targets(self, call: CallT, request: Mapping[str, Any]) -> tuple[Target, ...]:
        return tuple(self.resource(call, request))

    def handle(self, call: CallT, request: Mapping[str, Any]) -> Mapping[str, object] | None:
        return self.handler(call, request)

    def render(self, result: Mapping[str, object] | None, request_id: str) -> Answer:
        if models.protocol(self.model.service_model.service_name) == "json":
            return json11.render(result, self.model, request_id)
        return query.render(result, self.model, request_id)


class Service(Generic[CallT]):
    """A service of AWS, as its model describes it, and the part of it that moorage has."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._operations: dict[str, Operation[CallT]] = {}

    @property
    def model(self) -> ServiceModel:
        return models.service_model(self.name)

    @property
    def operations(self) -> Mapping[str, Operation[CallT]]:
        return MappingProxyType(self._operations)

    def operation(
        self, name: str, *, resource: ResourceRule[CallT], action: str | None = None
    ) -> Callable[[HandlerT], HandlerT]:
        """Register the decorated function `(call, request) -> result` as a handler.

        Raises:
            ValueError: the model has no such operation, or it is registered already.
        """
        try:
            model = models.operation_model(self.name, name)
        except OperationNotFoundError:
            raise ValueError(f"{self.name} has no operation {name}") from None
        if name in self._operations:
            raise ValueError(f"{self.name} {name} has two handlers")

        def register(handler: HandlerT) -> HandlerT:
            called = action or f"{self.name}:{name}"
            self._operations[name] = Operation(name, called, model, handler, resource)
            return handler

        return register

    def missing(self) -> tuple[str, ...]:
        """Return the operations that the model has and moorage has not, sorted."""
        return tuple(sorted(set(self.model.operation_names) - self._operations.keys()))

    def find(self, name: str | None, version: str | None = None) -> Operation[CallT]:
        """Return an operation by name.

        Raises:
            Fault: InvalidAction, which JSON 1.1 calls UnknownOperationException, also for an operation
                that the model has and moorage has not.
        """
        operation = self._operations.get(name or "")
        if operation is not None:
            return operation
        raise answers.unknown_operation(self._unknown(name, version), operation=name)

    def _unknown(self, name: str | None, version: str | None) -> str:
        if name is not None and name in self.model.operation_names:
            return f"This server does not have the operation {name} yet."
        if models.protocol(self.name) == "json":
            return ""  # as AWS: the name says it all
        shown = (name or "")[: violations.MAX_REPEATED]
        shown_version = (version or "NO_VERSION_SPECIFIED")[: violations.MAX_REPEATED]
        return f"Could not find operation {shown} for version {shown_version}"

    def render_fault(self, fault: Fault, request_id: str) -> Answer:
        if models.protocol(self.name) == "json":
            return json11.render_fault(fault, self.model, request_id)
        return query.render_fault(fault, self.model, request_id)
