"""The URLs that doctor looks at: read as git and git-remote-codecommit read them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_HTTP = re.compile(r"(?i)(https?)://(?:([^/@]*)@)?(\[[^\]/]*\]|[^/:@]*)(?::(\d{1,5}))?(?:/(.*))?")
_CODECOMMIT = re.compile(r"codecommit(?:::([^:/]*))?://(?:([^@]*)@)?(.*)", re.DOTALL)
_CODECOMMIT_HOST = re.compile(r"(?i)(?:vpce-[^.]+\.)?git-codecommit(?:-fips)?\.([a-z0-9-]+)\.")
_REPOSITORY = re.compile(r"/?v1/repos/[^/]+/?")


@dataclass(frozen=True, slots=True)
class Url:
    """A clone URL in its parts. Of a `codecommit://` URL, `user` is the profile and `path` the repository."""

    text: str  # without a password
    scheme: str  # "https", "http" or "codecommit"
    host: str  # as typed, without the port; "" for codecommit://
    port: int | None
    path: str  # without the leading slash
    user: str | None
    region: str | None  # that the URL names

    @property
    def origin(self) -> str:
        """What a section of Git's configuration says for this host."""
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port is not None else "")

    @property
    def has_needless_user(self) -> bool:
        """Whether it names a user, and not one of Git credentials (NAME-at-ACCOUNT)."""
        return self.user is not None and "-at-" not in self.user

    @property
    def corrected(self) -> str:
        """The URL as it is best written: no needless user, the host in lower case, no slash at its end."""
        user = f"{self.user}@" if self.user is not None and not self.has_needless_user else ""
        origin = self.origin.replace(self.host, self.host.lower(), 1)
        return f"{origin.replace('://', f'://{user}', 1)}/{self.path.rstrip('/')}"

    @property
    def is_repository(self) -> bool:
        return _REPOSITORY.fullmatch(self.path) is not None

    @property
    def is_codecommits(self) -> bool:
        """Whether it speaks of CodeCommit by itself, whoever serves it."""
        return self.scheme == "codecommit" or self.region is not None or self.is_repository


def parse(text: str) -> Url | None:
    """Return the parts of a clone URL, or None for another kind of URL: ssh, a folder."""
    if (match := _CODECOMMIT.fullmatch(text)) is not None:
        region, profile, name = match.groups()
        return Url(text, "codecommit", "", None, name, profile, region or None)
    if (match := _HTTP.fullmatch(text)) is None or not match[3]:
        return None
    scheme, userinfo, host, port, path = match.groups()
    user = None if userinfo is None else userinfo.partition(":")[0]
    shown = f"{scheme}://" + ("" if user is None else f"{user}@") + host + (f":{port}" if port else "")
    return Url(
        f"{shown}/{path or ''}",
        scheme.lower(),
        host,
        int(port) if port else None,
        path or "",
        user,
        region_of_host(host),
    )


def region_of_host(host: str) -> str | None:
    """Return the region in a host name such as git-codecommit.REGION.amazonaws.com."""
    match = _CODECOMMIT_HOST.match(host)
    return match[1].lower() if match else None


def rewritten(text: str, instead_of: Iterable[tuple[str, str]]) -> str:
    """Return the URL that git uses for `text`: the longest `url.BASE.insteadOf` that begins it wins.

    `instead_of` has pairs (BASE, prefix).
    """
    fitting = [(prefix, base) for base, prefix in instead_of if prefix and text.startswith(prefix)]
    if not fitting:
        return text
    prefix, base = max(fitting, key=lambda pair: len(pair[0]))
    return base + text[len(prefix) :]
