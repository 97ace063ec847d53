"""Reading a policy document: JSON, then the grammar of IAM's policy language.

Source: IAM User Guide, "Grammar of the IAM JSON policy language".
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

from moorage.policy.conditions import Condition, NullCondition, build_conditions
from moorage.policy.document import Document, PolicyKind
from moorage.policy.errors import PolicyError, quote
from moorage.policy.patterns import ActionPattern, ResourcePattern
from moorage.policy.principals import PrincipalPattern, read_principal
from moorage.policy.statement import Statement
from moorage.policy.templates import Template, keys_in, read_template

_VARIABLES_SINCE = "2012-10-17"
_FIRST_VERSION = "2008-10-17"
_DOCUMENT_ELEMENTS = ("Version", "Id", "Statement")
_STATEMENT_ELEMENTS = (
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)
_ACTION = re.compile(r"\*|\*:\*|[A-Za-z0-9.-]+:[A-Za-z0-9_.*?-]+")
_SID = re.compile(r"[A-Za-z0-9]*")


class _Object(dict[str, object]):
    """A JSON object that remembers a name written twice."""

    twice: str | None = None


@dataclass(frozen=True, slots=True)
class _Number:
    """A JSON number, kept as it was written."""

    text: str


def _object(pairs: Sequence[tuple[str, object]]) -> _Object:
    made = _Object()
    for name, value in pairs:
        if name in made:
            made.twice = name
        made[name] = value
    return made


def _no_constant(name: str) -> object:
    raise PolicyError(f"The policy is not valid JSON: {name} is no JSON value.")


def _read_json(text: str) -> object:
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise PolicyError(f"The policy is not valid JSON: {error.msg} at {place}.") from None
    except RecursionError:
        raise PolicyError("The policy is nested too deeply.") from None


def parse(text: str, kind: PolicyKind) -> Document:
    """Read and compile a policy.

    `kind` is "identity" for what is attached to users, groups and roles, and for boundaries and
    session policies; "resource" for a KMS key's policy; "trust" for a role's trust policy. Size is
    not checked: each service has limits of its own.

    Raises:
        PolicyError: the text is no such policy. The message names the place and the remedy.
    """
    policy = _element(_read_json(text), "The policy", _DOCUMENT_ELEMENTS)
    version = policy.get("Version", _FIRST_VERSION)
    if version not in (_FIRST_VERSION, _VARIABLES_SINCE):
        raise PolicyError('Version is unknown; write "Version": "2012-10-17".')
    policy_id = policy.get("Id", "")
    if not _is_text(policy_id):
        raise PolicyError("Id must be a string.")
    written = policy.get("Statement")
    statements = written if isinstance(written, list) else [written]
    if written is None or not statements:
        raise PolicyError("Statement is missing: a policy needs at least one statement.")
    reader = _Reader(kind, variables=version == _VARIABLES_SINCE)
    compiled = [reader.statement(index, each) for index, each in enumerate(statements, start=1)]
    return Document(kind, str(version), tuple(compiled), policy_id, text)


def _is_text(value: object) -> TypeGuard[str]:
    """Tell whether a JSON value is a string of whole characters, without half a surrogate pair."""
    return isinstance(value, str) and not any("\ud800" <= each <= "\udfff" for each in value)


def _element(value: object, place: str, known: Sequence[str]) -> _Object:
    if not isinstance(value, _Object):
        raise PolicyError(f"{place} must be a JSON object.")
    _refuse_twice(value, place)
    for name in value:
        if name not in known:
            near = difflib.get_close_matches(name.lower(), [each.lower() for each in known], n=1)
            guess = next((f" Did you mean {each}?" for each in known if near and each.lower() == near[0]), "")
            raise PolicyError(f"{place} has an unknown element {quote(name)}.{guess}")
    return value


def _refuse_twice(value: _Object, place: str) -> None:
    if value.twice is not None:
        raise PolicyError(f"{place} has {value.twice!r} twice; merge them, for only one would count.")


class _Reader:
    """Reads the statements of one document."""

    def __init__(self, kind: PolicyKind, *, variables: bool) -> None:
        self._kind = kind
        self._variables = variables
        self._sids: set[str] = set()
        self._place = ""

    def statement(self, index: int, value: object) -> Statement:
        self._place = f"Statement {index}"
        self._keys: dict[str, None] = {}
        element = _element(value, self._place, _STATEMENT_ELEMENTS)
        sid = self._sid(element)
        effect = element.get("Effect")
        if effect not in ("Allow", "Deny"):
            raise self._error('Effect must be "Allow" or "Deny", written so.')
        not_action, actions = self._one_of(element, "Action")
        not_resource, resources = self._resources(element)
        return Statement(
            index=index,
            sid=sid,
            effect="Deny" if effect == "Deny" else "Allow",
            actions=self._action_pattern(actions, not_action=not_action),
            not_action=not_action,
            resources=resources,
            not_resource=not_resource,
            principals=self._principals(element),
            conditions=self._conditions(element),
            context_keys=tuple(self._keys),
        )

    def _error(self, message: str) -> PolicyError:
        return PolicyError(f"{self._place}: {message}")

    def _sid(self, element: _Object) -> str:
        sid = element.get("Sid", "")
        if not _is_text(sid):
            raise self._error("Sid must be a string.")
        if self._kind == "identity" and _SID.fullmatch(sid) is None:
            raise self._error(f"Sid {quote(sid)} may have letters A-Z, a-z and digits only.")
        if sid and sid in self._sids:
            raise self._error(f"Sid {quote(sid)} is used twice; each statement needs its own, or none.")
        self._sids.add(sid)
        if sid:
            self._place += f" (Sid {sid})"
        return sid

    def _one_of(self, element: _Object, name: str) -> tuple[bool, list[str]]:
        """Read an element that may be written with Not before its name: whether it is, and its strings."""
        inverted = f"Not{name}" in element
        if inverted and name in element:
            raise self._error(f"it has both {name} and Not{name}; keep one.")
        written = f"Not{name}" if inverted else name
        if written not in element:
            raise self._error(f"{name} (or Not{name}) is missing.")
        value = element[written]
        written_as = value if isinstance(value, list) else [value]
        strings = [each for each in written_as if _is_text(each)]
        if not strings or len(strings) != len(written_as):
            raise self._error(f"{written} must be a string or a list of at least one string.")
        return inverted, strings

    def _action_pattern(self, actions: list[str], *, not_action: bool) -> ActionPattern:
        name = "NotAction" if not_action else "Action"
        for action in actions:
            if _ACTION.fullmatch(action) is None:
                raise self._error(
                    f'{name} {quote(action)} must be "*" or a service, a colon and a name, as '
                    "codecommit:GitPull; wildcards may stand in the name only."
                )
            if self._kind == "trust" and not action.lower().startswith("sts:"):
                raise self._error(
                    f"{name} {quote(action)}: a trust policy may only name actions as sts:AssumeRole."
                )
        return ActionPattern(actions)

    def _resources(self, element: _Object) -> tuple[bool, ResourcePattern | None]:
        if self._kind == "trust":
            if "Resource" in element or "NotResource" in element:
                raise self._error("Resource is prohibited in a trust policy, which is about its own role.")
            return False, None
        inverted, resources = self._one_of(element, "Resource")
        return inverted, ResourcePattern([self._resource(each) for each in resources])

    def _resource(self, resource: str) -> Template:
        if resource.strip("*") and not resource.startswith("arn:"):
            raise self._error(f'Resource {quote(resource)} must be an ARN or "*".')
        try:
            template = read_template(resource, variables=self._variables, wildcards=True)
        except PolicyError as error:
            raise self._error(f"Resource {quote(resource)}: {error.message}") from None
        self._keys.update(dict.fromkeys(keys_in(template)))
        return template

    def _principals(self, element: _Object) -> PrincipalPattern | None:
        written = [name for name in ("Principal", "NotPrincipal") if name in element]
        if self._kind == "identity":
            if written:
                raise self._error(
                    f"{written[0]} is not allowed here: the principal is whom the policy is attached to."
                )
            return None
        if len(written) != 1:
            raise self._error("it needs Principal (or NotPrincipal), and only one of them.")
        name = written[0]
        if name == "NotPrincipal" and (self._kind == "trust" or element.get("Effect") == "Allow"):
            raise self._error("NotPrincipal works only with Deny, and not in trust policies; use Principal.")
        value = element[name]
        if isinstance(value, _Object):
            _refuse_twice(value, f"{self._place}: {name}")
        try:
            return read_principal(value, inverted=name == "NotPrincipal")
        except PolicyError as error:
            raise self._error(f"{name}: {error.message}") from None

    def _conditions(self, element: _Object) -> tuple[Condition | NullCondition, ...]:
        value = element.get("Condition", _Object())
        place = f"{self._place}: Condition"
        if not isinstance(value, _Object):
            raise PolicyError(
                f'{place} must be an object, as {{"StringEquals": {{"aws:username": "Mary"}}}}.'
            )
        _refuse_twice(value, place)
        built: list[Condition | NullCondition] = []
        for operator, keys in value.items():
            if not isinstance(keys, _Object):
                raise PolicyError(
                    f"{place}: {quote(operator)} must be an object of condition keys with their values."
                )
            _refuse_twice(keys, f"{place}: {operator}")
            operands = {key: self._operands(operator, key, each) for key, each in keys.items()}
            try:
                built += build_conditions(operator, operands, variables=self._variables)
            except PolicyError as error:
                raise PolicyError(f"{place}: {error.message}") from None
            self._note_keys(operands)
        return tuple(built)

    def _note_keys(self, operands: dict[str, list[str]]) -> None:
        self._keys.update(dict.fromkeys(operands))
        if self._variables:
            # Also in values that take none, as numbers, but those have been refused by now.
            every = (value for values in operands.values() for value in values if "${" in value)
            for value in every:
                template = read_template(value, variables=True, wildcards=False)
                self._keys.update(dict.fromkeys(keys_in(template)))

    def _operands(self, operator: str, key: str, value: object) -> list[str]:
        return [
            self._operand(operator, key, each) for each in (value if isinstance(value, list) else [value])
        ]

    def _operand(self, operator: str, key: str, value: object) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, _Number):
            return value.text
        if _is_text(value):
            return value
        raise self._error(f"Condition: {operator} {key}: a value must be a string, a number or a boolean.")
