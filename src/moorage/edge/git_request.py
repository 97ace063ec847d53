"""What a smart-HTTP request asks for, read from its path, query and headers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote_to_bytes

from starlette.types import Scope

from moorage.core.faults import VALIDATION_ERROR, Fault

UPLOAD_PACK = "git-upload-pack"
RECEIVE_PACK = "git-receive-pack"

# A client that builds URLs by hand may double a slash; git itself then signs a single one.
_PATH = re.compile(rb"/{1,2}v1/repos/+(?P<name>.+?)/+(?P<rest>info/refs|git-upload-pack|git-receive-pack)")


@dataclass(frozen=True, slots=True)
class GitRequest:
    """One request of git's smart HTTP protocol."""

    name: str  # of the repository, without .git
    signed_path: bytes  # the path as received, less the part that git adds
    service: str  # git-upload-pack or git-receive-pack
    advertisement: bool  # info/refs, the first request of every operation
    protocol: int  # 0, 1 or 2
    protocol_header: str  # as received: what the git child is told
    host: str
    authorization: str | None
    client_address: str
    secure: bool
    user_agent: str


def is_git(path: bytes) -> bool:
    """Tell whether a raw path belongs to the Git door."""
    return _PATH.fullmatch(path) is not None


def parse(scope: Scope) -> GitRequest:
    """Read a request's head.

    Raises:
        Fault: the service is missing or unknown, the repository's name is not text, or the method is
            not the one that git uses.
    """
    raw_path: bytes = scope["raw_path"].split(b"?", 1)[0]
    match = _PATH.fullmatch(raw_path)
    if match is None:
        raise Fault(VALIDATION_ERROR, "This is not the path of a repository.", status=404)
    advertisement = match["rest"] == b"info/refs"
    _require_method(scope["method"], ("GET", "HEAD") if advertisement else ("POST",))
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    protocol_header = headers.get(b"git-protocol", "")
    client = scope.get("client") or ("", 0)
    return GitRequest(
        name=_name(match["name"]),
        signed_path=raw_path[: match.end("name")],
        service=_service(scope["query_string"]) if advertisement else match["rest"].decode(),
        advertisement=advertisement,
        protocol=protocol_version(protocol_header),
        protocol_header=protocol_header,
        host=headers.get(b"host", ""),
        authorization=headers.get(b"authorization"),
        client_address=client[0],
        secure=scope["scheme"] == "https",
        user_agent=headers.get(b"user-agent", ""),
    )


def _require_method(method: str, allowed: Sequence[str]) -> None:
    if method not in allowed:
        told = ", ".join(allowed)
        raise Fault(VALIDATION_ERROR, f"The method here is {told}.", status=405, allow=told)


def _name(raw: bytes) -> str:
    try:
        name = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise Fault(VALIDATION_ERROR, "The repository's name is not UTF-8.", status=404) from error
    return name.rstrip("/").removesuffix(".git")


def _service(query: bytes) -> str:
    asked = parse_qs(query.decode("latin-1")).get("service", [])
    if len(asked) != 1 or asked[0] not in (UPLOAD_PACK, RECEIVE_PACK):
        raise Fault(
            VALIDATION_ERROR,
            "Only git's smart protocol is served: service must be git-upload-pack or git-receive-pack.",
            status=403,
        )
    return asked[0]


def protocol_version(header: str) -> int:
    """Return the highest version asked for, as git does: `version=2`, parts separated by colons."""
    versions = [part.removeprefix("version=") for part in header.split(":") if part.startswith("version=")]
    return max((int(version) for version in versions if version in ("0", "1", "2")), default=0)
