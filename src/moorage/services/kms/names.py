"""Which key a request means: an id, a key's ARN and, for some operations, an alias or its ARN."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moorage.core.arn import key_arn, partition_of
from moorage.core.faults import Fault
from moorage.services.kms import refusals
from moorage.storage import kms_keys
from moorage.storage.kms_aliases import alias_arn

if TYPE_CHECKING:
    from moorage.services.call import Call
    from moorage.storage.kms_keys import KmsKeyRow

_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|mrk-[0-9a-f]{32}")
_ALIAS = re.compile(r"alias/[a-zA-Z0-9/_-]{1,250}")
_ARN = re.compile(
    r"arn:(?P<partition>[a-z-]+):kms:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):(?P<resource>.+)"
)
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Named:
    """What a request named. `key` is None where nothing has that name; `alias` as it was named, if so.

    `by_ciphertext`: no name was given, what is to be opened tells it.
    """

    arn: str
    account_id: str
    key: KmsKeyRow | None
    alias: str | None = None
    by_ciphertext: bool = False

    def missing(self) -> Fault:
        """Return the refusal for a name that nothing has."""
        if self.alias is not None:
            return refusals.not_found(f"Alias {self.arn} is not found.")
        return refusals.not_found(f"Key '{self.arn}' does not exist")


def find(call: Call, text: str, *, aliases: bool) -> Named:
    """Return what a request names, in the caller's region; an id alone means the caller's account.

    Raises:
        Fault: NotFoundException, the text is no name of a key; InvalidArnException, it is the ARN of
            something else.
    """
    account_id, region = call.caller.account_id, call.caller.region
    found = _ARN.fullmatch(text)
    resource = text
    if found is not None:
        if (found["partition"], found["region"]) != (partition_of(region), region):
            raise refusals.not_found(f"Invalid arn {found['region']}")
        account_id, resource = found["account"], found["resource"]
        if not resource.startswith(("key/", "alias/")):
            raise _invalid_arn(text)
        resource = resource.removeprefix("key/")
    elif text.startswith("arn:"):
        raise _invalid_arn(text)
    if _ID.fullmatch(resource):
        return _by_id(call, account_id, resource)
    if _ALIAS.fullmatch(resource) and aliases:
        key = call.database.ask(kms_keys.find_by_alias, account_id, region, resource)
        return Named(alias_arn(region, account_id, resource), account_id, key, resource)
    if found is not None:
        raise _invalid_arn(text)
    raise refusals.not_found(f"Invalid keyId {text[:_SHOWN]}")


def _by_id(call: Call, account_id: str, key_id: str) -> Named:
    region = call.caller.region
    key = call.database.ask(kms_keys.find, key_id)
    # A key is found by its own account and region only.
    here = key is not None and (key.account_id, key.region) == (account_id, region) and key.state != "Deleted"
    return Named(key_arn(region, account_id, key_id), account_id, key if here else None)


def required(call: Call, text: str, *, aliases: bool = True) -> KmsKeyRow:
    """Return the key that a request names.

    Raises:
        Fault: as `find`; NotFoundException when it names none that is there.
    """
    named = find(call, text, aliases=aliases)
    if named.key is None:
        raise named.missing()
    return named.key


def require_alias(name: str) -> str:
    """Return an alias's name if a user may give it.

    Raises:
        Fault: InvalidAliasNameException.
    """
    if _ALIAS.fullmatch(name) is None or name.startswith("alias/aws/"):
        raise Fault(
            "InvalidAliasNameException",
            "An alias is alias/ and 1 to 250 letters, digits and / _ -, and does not begin with alias/aws/.",
        )
    return name


def _invalid_arn(text: str) -> Fault:
    return Fault("InvalidArnException", f"Invalid arn {text[:_SHOWN]}")
