"""The policies of the caller, as far as the caller may read them: IAM's and STS's APIs, asked in plain.

Read are a user's own policies and those of its groups, or a role's. Boundaries, session policies and an
organization's are not: who could read them is seldom the one who is stopped by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree as ET  # an answer with a document type is refused before, see `_parsed`

from moorage.client import signed_call
from moorage.client.machine import Machine
from moorage.client.sources import Credentials, NoCredentials, resolve
from moorage.client.sources.http_call import CallFailed
from moorage.client.sources.told import one_line
from moorage.core import sigv4

MOST_CALLS = 60
_IAM, _STS = "2010-05-08", "2011-06-15"


class NotReadable(Exception):
    """The policies cannot be read; the text says why, in one line."""


class Place(NamedTuple):
    """Where IAM and STS are, and the region that each takes in signatures."""

    iam: str
    iam_region: str
    sts: str
    sts_region: str
    ca_file: str | None = None


class Policy(NamedTuple):
    name: str
    text: str


def of_aws(region: str) -> Place:
    """Return AWS's own endpoints in a region's partition."""
    if region.startswith("cn-"):
        iam, signs, suffix = "https://iam.cn-north-1.amazonaws.com.cn/", "cn-north-1", "amazonaws.com.cn"
    elif region.startswith("us-gov-"):
        iam, signs, suffix = "https://iam.us-gov.amazonaws.com/", "us-gov-west-1", "amazonaws.com"
    else:
        iam, signs, suffix = "https://iam.amazonaws.com/", "us-east-1", "amazonaws.com"
    return Place(iam, signs, f"https://sts.{region}.{suffix}/", region)


def read(machine: Machine, place: Place, profile: str | None) -> Iterator[Policy]:
    """Give the caller's policies.

    Raises:
        NotReadable: there are no credentials, no answer, or no right to read.
    """
    try:
        asked = _Asked(machine, place, resolve(machine.environment, profile, machine.now()))
    except NoCredentials as error:
        raise NotReadable(str(error)) from None
    arn = asked.sts("GetCallerIdentity").text("Arn")
    kind, _, name = arn.rpartition(":")[2].partition("/")
    if kind == "user":
        name = name.rpartition("/")[2]
        yield from _of(asked, "User", name)
        for group in asked.iam("ListGroupsForUser", UserName=name).texts("GroupName"):
            yield from _of(asked, "Group", group)
    elif kind == "assumed-role":
        yield from _of(asked, "Role", name.partition("/")[0])
    else:
        raise NotReadable(f"{one_line(arn)} has no policies that can be read")


def _of(asked: _Asked, kind: str, name: str) -> Iterator[Policy]:
    whose = {f"{kind}Name": name}
    for inline in asked.iam(f"List{kind}Policies", **whose).texts("member"):
        document = asked.iam(f"Get{kind}Policy", PolicyName=inline, **whose).text("PolicyDocument")
        yield Policy(f"inline policy {inline} of {kind.lower()} {name}", unquote(document))
    for arn in asked.iam(f"ListAttached{kind}Policies", **whose).texts("PolicyArn"):
        version = asked.iam("GetPolicy", PolicyArn=arn).text("DefaultVersionId")
        document = asked.iam("GetPolicyVersion", PolicyArn=arn, VersionId=version).text("Document")
        yield Policy(arn, unquote(document))


class _Told:
    def __init__(self, root: ET.Element) -> None:
        self._root = root

    def texts(self, name: str) -> list[str]:
        elements = (each for each in self._root.iter() if each.tag.rpartition("}")[2] == name)
        return [each.text.strip() for each in elements if each.text and each.text.strip()]

    def text(self, name: str) -> str:
        return next(iter(self.texts(name)), "")


class _Asked:
    def __init__(self, machine: Machine, place: Place, credentials: Credentials) -> None:
        self._machine, self._place, self._credentials = machine, place, credentials
        self._left = MOST_CALLS

    def iam(self, action: str, **parameters: str) -> _Told:
        return self._ask(
            self._place.iam, "iam", self._place.iam_region, {"Action": action, "Version": _IAM, **parameters}
        )

    def sts(self, action: str) -> _Told:
        return self._ask(self._place.sts, "sts", self._place.sts_region, {"Action": action, "Version": _STS})

    def _ask(self, url: str, service: str, region: str, form: Mapping[str, str]) -> _Told:
        self._left -= 1
        if self._left < 0:
            raise NotReadable(f"there are more than {MOST_CALLS} things to read")
        body = "&".join(f"{key}={sigv4.uri_encode(value)}" for key, value in form.items()).encode()
        try:
            answer = signed_call.answer(
                url,
                body,
                {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
                service=service,
                region=region,
                credentials=self._credentials,
                environment=self._machine.environment,
                now=self._machine.now(),
                ca_file=self._place.ca_file,
            )
        except CallFailed as error:
            raise NotReadable(str(error)) from None
        told = _parsed(answer.body)
        if answer.status != 200 or told is None:
            reason = told.text("Message") if told is not None else ""
            raise NotReadable(f"{form['Action']}: {one_line(reason) or f'status {answer.status}'}")
        return told


def _parsed(body: bytes) -> _Told | None:
    if b"<!" in body:  # a document type, with which a small answer can grow without bounds
        return None
    try:
        return _Told(ET.fromstring(body))  # noqa: S314 - see above
    except ET.ParseError:
        return None
