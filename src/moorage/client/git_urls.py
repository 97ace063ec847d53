"""Which configuration sections git applies to a URL: urlmatch.c and credential.c, retold.

Since 2.26 a credential section matches by scheme, host (`*` for one whole label), port, a prefix of the path
and the user if it names one; a section that is no whole URL (`host`, `https://`) by the parts it has. Before,
the parts it has must be equal.
"""

from __future__ import annotations

import re
from typing import NamedTuple

Version = tuple[int, ...]

WILDCARDS: Version = (2, 26)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_UNRESERVED = "-._~!$&'()*+,;=:/"
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:([^/?#@]*(?:@[^/?#@]*)*)@)?([^/?#@]*)(.*)", re.DOTALL)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]*\]|[^:\[\]]*)(?::([0-9]*))?")


class Url(NamedTuple):
    """The parts of a URL as git normalises them; `user` None when the URL names none."""

    scheme: str
    user: str | None
    host: str
    port: str
    path: str


class Partial(NamedTuple):
    """The parts that a credential section names; None matches anything."""

    scheme: str | None
    user: str | None
    host: str | None
    path: str | None


def parsed(url: str) -> Url | None:
    """Return a whole URL's parts, or None if git would not take it for one."""
    found = _URL.fullmatch(url)
    if found is None:
        return None
    scheme = found[1].lower()
    host = _HOST.fullmatch(found[3])
    if host is None or (not host[1] and scheme != "file"):
        return None
    port = (host[2] or "").lstrip("0")
    if port and (port == _DEFAULT_PORTS.get(scheme) or int(port) > 65535):
        if int(port) > 65535:
            return None
        port = ""
    user = None if found[2] is None else _normal(found[2].partition(":")[0])
    path = _without_dots(_normal(re.split(r"[?#]", found[4], maxsplit=1)[0]))
    if path is None or user == "\0":
        return None
    return Url(scheme, user, host[1].lower(), port, path)


def rank(section_url: str, url: str) -> tuple[int, int, bool] | None:
    """Return how specific a section's match is (host, path, user), or None if it does not match."""
    pattern, wanted = parsed(section_url), parsed(url)
    if pattern is None or wanted is None:
        return None
    if pattern.scheme != wanted.scheme or pattern.port != wanted.port:
        return None
    if pattern.user is not None and pattern.user != wanted.user:
        return None
    if not _host_matches(pattern.host, wanted.host):
        return None
    path = _path_match(pattern.path, wanted.path)
    return None if path is None else (len(pattern.host), path, pattern.user is not None)


def credential_matches(section_url: str, url: str, version: Version) -> bool:
    """Tell whether a git of that version applies `[credential "SECTION-URL"]` to a URL."""
    if version >= WILDCARDS and parsed(section_url) is not None:
        return rank(section_url, url) is not None
    pattern, wanted = _parts(section_url), _parts(url)
    return all(part is None or part == its for part, its in zip(pattern, wanted, strict=True))


def _parts(url: str) -> Partial:
    """Split as credential.c does: a missing part, or an empty one, is None."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        scheme, rest = "", url
    authority, _, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    path = path.strip("/")
    return Partial(
        scheme or None,
        _decoded(user.partition(":")[0]) if at else None,
        _decoded(host) or None,
        _decoded(path) or None,
    )


def _host_matches(pattern: str, host: str) -> bool:
    labels, its = pattern.split("."), host.split(".")
    return len(labels) == len(its) and all(
        label in {"*", other} for label, other in zip(labels, its, strict=True)
    )


def _path_match(prefix: str, path: str) -> int | None:
    prefix = prefix.removesuffix("/")
    if not prefix:
        return 1
    if path == prefix or path.startswith(prefix + "/"):
        return len(prefix) + 1
    return None


def _normal(text: str) -> str:
    """Return a text with %XX only where it is needed, in upper case."""
    out: list[str] = []
    for place in re.findall(r"%[0-9A-Fa-f]{2}|.", text, re.DOTALL):
        character = chr(int(place[1:], 16)) if len(place) == 3 and place[0] == "%" else place
        if len(place) == 3 and not (character.isascii() and (character.isalnum() or character in "-._~")):
            out.append(place.upper())
        else:
            out.append(character)
    return "".join(out)


def _without_dots(path: str) -> str | None:
    """Resolve `.` and `..`; None where `..` climbs above the root."""
    out: list[str] = []
    parts = (path or "/").split("/")[1:]
    for number, part in enumerate(parts):
        if part in {".", ".."}:
            if part == ".." and not out:
                return None
            if part == "..":
                out.pop()
            if number == len(parts) - 1:
                out.append("")
        else:
            out.append(part)
    return "/" + "/".join(out)


def _decoded(text: str) -> str:
    raw = re.sub(
        rb"%([0-9A-Fa-f]{2})", lambda each: bytes([int(each[1], 16)]), text.encode("utf-8", "surrogateescape")
    )
    return raw.decode("utf-8", "surrogateescape")
