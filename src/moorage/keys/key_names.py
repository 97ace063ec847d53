"""How a request names a KMS key: an id, an alias, or the ARN of either."""

from __future__ import annotations

import re
from typing import NamedTuple

from moorage.core.arn import partition_of
from moorage.core.faults import Fault

_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|mrk-[0-9a-f]{32}")
_ALIAS = re.compile(r"alias/[a-zA-Z0-9/_-]{1,250}")
_ARN = re.compile(
    r"arn:(?P<partition>[a-z-]+):kms:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):(?P<resource>.+)"
)
# Of what a caller sent, a message repeats so many characters.
_SHOWN = 300


class KeyName(NamedTuple):
    """What was named: by alias, or else by id."""

    account_id: str
    region: str
    key_id: str
    alias: str | None

    @classmethod
    def parse(cls, text: str, account_id: str, region: str) -> KeyName:
        """Read a name; an id or an alias without ARN means the caller's account and region.

        Raises:
            Fault: EncryptionKeyInvalidIdException, it has none of the four forms, or means a key
                of another region, which cannot encrypt here.
        """
        found = _ARN.fullmatch(text)
        if found is None:
            return cls._of(text, text, account_id, region)
        if (found["partition"], found["region"]) != (partition_of(region), region):
            raise _invalid(text)
        resource = found["resource"]
        if _ID.fullmatch(resource):  # an ARN says `key/` before an id
            raise _invalid(text)
        return cls._of(resource.removeprefix("key/"), text, found["account"], region)

    @classmethod
    def _of(cls, resource: str, text: str, account_id: str, region: str) -> KeyName:
        if _ALIAS.fullmatch(resource):
            return cls(account_id, region, "", resource)
        if _ID.fullmatch(resource):
            return cls(account_id, region, resource, None)
        raise _invalid(text)


def _invalid(text: str) -> Fault:
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return Fault(
        "EncryptionKeyInvalidIdException",
        f"{shown} names no KMS key of this region: use a key id, a key ARN, alias/NAME or an alias's ARN.",
    )
