"""What a user means by a URL: which hosts get a section, and who else must be told of them.

AWS's own names need no question to anybody. A server of moorage is asked what it serves
(`moorage.client.discovery`); it may speak for itself and for `git-codecommit.REGION.DOMAIN`.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from moorage.client import signing_hosts
from moorage.client.discovery import Discovered
from moorage.client.git_urls import WILDCARDS, Version, credential_matches
from moorage.client.machine import printable

AWS_SUFFIX = "amazonaws.com"
AWS_SUFFIX_OF_CHINA = "amazonaws.com.cn"
_REMOTE_HELPER = re.compile(r"codecommit:(?::([a-z0-9-]+):)?//(?:([^@]+)@)?([^/@]+)")
_REPOSITORY = re.compile(r"/+v1/repos/([^/]+)/*")
_OWN_PORT = {"https": 443, "http": 80}


class NotUnderstood(Exception):
    """A text is no URL that setup can do something with; the message says which are."""


class Asked(NamedTuple):
    """A URL in parts; `base` is https://HOST[:PORT] in lower case, `region` the one in the host's name."""

    base: str
    host: str
    user: str | None
    repository: str | None
    region: str | None
    profile: str | None
    is_aws: bool


class Target(NamedTuple):
    """Where git shall sign in.

    `sections` are URLs of credential sections, the widest first. `hosts` go into moorage's hosts file, each
    with the region that its name does not tell. `prefixes` are what stands before a repository's name, by
    region; None where AWS's own form holds.
    """

    kind: Literal["aws", "moorage"]
    called: str
    sections: tuple[str, ...]
    hosts: tuple[tuple[str, str | None], ...]
    region: str | None
    repository: str | None
    base: str | None
    discovered: Discovered | None = None
    user: str | None = None  # of https://USER@HOST, which picks a section of its own

    @property
    def prefix(self) -> str | None:
        """What stands before the name of a repository in the target's region."""
        if self.base is not None and self.discovered is None:
            return f"{self.base}/v1/repos/"
        if self.discovered is not None:
            return self.discovered.clone_url_prefixes.get(self.region or "") or f"{self.base}/v1/repos/"
        if self.region is None:
            return None
        return f"https://git-codecommit.{self.region}.{_suffix(self.region)}/v1/repos/"

    @property
    def url(self) -> str | None:
        """The URL of the repository that was named."""
        if self.repository is None or self.prefix is None:
            return None
        prefix = self.prefix if self.base is None else f"{self.base}/v1/repos/"
        return self.with_user(prefix + self.repository)

    @property
    def some_prefix(self) -> str:
        """What stands before the name of a repository that the sections written are for."""
        if self.user is not None and self.base is not None:
            return self.with_user(f"{self.base}/v1/repos/")
        return self.prefix or f"{self.sections[0].replace('*', 'us-east-1')}/v1/repos/"

    def with_user(self, url: str) -> str:
        scheme, mark, rest = url.partition("://")
        return url if self.user is None else f"{scheme}{mark}{quote(self.user, safe='')}@{rest}"


def asked(text: str) -> Asked:
    """Take a URL apart: of a server, of a repository, `codecommit::REGION://PROFILE@NAME`, or HOST[:PORT].

    Raises:
        NotUnderstood: it is none of these.
    """
    remote_helper = _REMOTE_HELPER.fullmatch(text)
    if remote_helper:
        return _of_remote_helper(remote_helper)
    if text.startswith("codecommit:"):
        raise NotUnderstood(f"{printable(text)}: write codecommit::REGION://PROFILE@REPOSITORY")
    if text.startswith("ssh://") or re.match(r"[^/]+@[^/]+:", text):
        raise NotUnderstood(
            f"{printable(text)} is for SSH, which needs no credential helper: give the https URL, "
            "or upload an SSH key (see the guide on SSH)"
        )
    whole = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(whole)
        port = parts.port
    except ValueError:
        raise _no_url(text) from None
    name = parts.hostname or ""
    shown = f"[{name}]" if ":" in name else name
    if (
        parts.scheme not in _OWN_PORT
        or not signing_hosts.split(shown)[0]
        or not text.isprintable()
        or " " in text
    ):
        raise _no_url(text)
    if not signing_hosts.is_safe(shown, parts.scheme):
        raise NotUnderstood(f"{printable(text)} would send signatures in clear: use https://{shown}")
    host = shown if port in {None, _OWN_PORT[parts.scheme]} else f"{shown}:{port}"
    return Asked(
        base=f"{parts.scheme}://{host}",
        host=host,
        user=unquote(parts.username) if parts.username else None,
        repository=_repository(parts.path, text),
        region=signing_hosts.aws_region(shown) or signing_hosts.region_told(shown),
        profile=None,
        is_aws=parts.scheme == "https"
        and port in {None, 443}
        and signing_hosts.aws_region(shown) is not None,
    )


def of_aws(told: Asked | None, region: str | None, version: Version) -> Target:
    """Return what AWS's own names need: one host, or all of a partition's by a wildcard.

    Raises:
        NotUnderstood: this git knows no wildcards, and no region says which host is meant; or it is none.
    """
    if told is not None:
        return Target("aws", told.host, (told.base,), (), told.region, told.repository, told.base)
    if region is not None and signing_hosts.aws_region(f"git-codecommit.{region}.{_suffix(region)}") is None:
        raise NotUnderstood(f"{printable(region)} is no region of AWS: say one by --region, as eu-west-1")
    suffix = _suffix(region)
    if version >= WILDCARDS:
        return Target(
            "aws",
            f"CodeCommit in all regions of {suffix}",
            (f"https://git-codecommit.*.{suffix}",),
            (),
            region,
            None,
            None,
        )
    if region is None:
        raise NotUnderstood(
            "this git is older than 2.26 and needs a section for each region: say which by --region REGION, "
            "or give the URL of a repository"
        )
    host = f"git-codecommit.{region}.{suffix}"
    return Target("aws", host, (f"https://{host}",), (), region, None, None)


def of_server(told: Asked, discovered: Discovered, region: str | None, version: Version) -> Target:
    """Return what a moorage server needs: its own host, and the names of its domain.

    Raises:
        NotUnderstood: the server does not serve the region.
    """
    own = _region_of(told, discovered)
    region = region or own or discovered.default_region
    if region not in discovered.regions:
        known = ", ".join(discovered.regions)
        raise NotUnderstood(f"{told.base} does not serve region {printable(region)}; it serves {known}")
    wide = _wide(discovered, region, version)
    hosts: list[tuple[str, str | None]] = []
    sections: list[str] = []
    if wide is not None:
        sections.append(wide)
        hosts.append((f"*.{discovered.domain}{_port(wide)}", None))
    if wide is None or not credential_matches(wide, told.base, version):
        # By another name, of another region for a git without wildcards, or by a port that is passed on.
        sections.append(told.base)
        hosts.append((told.host, None if told.region else own or region))
    return Target(
        "moorage", told.base, tuple(sections), tuple(hosts), region, told.repository, told.base, discovered
    )


def _region_of(told: Asked, discovered: Discovered) -> str | None:
    """Return the region whose own name, of the server's domain, the URL has."""
    name = urlsplit(told.base).hostname
    names = {f"git-codecommit.{region}.{discovered.domain}": region for region in discovered.regions}
    return names.get(name or "")


def _port(url: str) -> str:
    port = urlsplit(url).port
    return "" if port is None else f":{port}"


def of_known_host(told: Asked) -> Target:
    """Return what a host needs that stands in the hosts file already, and cannot be asked now."""
    return Target("moorage", told.base, (told.base,), (), told.region, told.repository, told.base)


def _wide(discovered: Discovered, region: str, version: Version) -> str | None:
    """Return the section of the domain's names (before wildcards: of one region's); None if it has none."""
    prefix = urlsplit(discovered.clone_url_prefixes[region])
    own = f"git-codecommit.{region}.{discovered.domain}"
    if prefix.hostname != own:
        return None
    name = f"git-codecommit.*.{discovered.domain}" if version >= WILDCARDS else own
    return f"{prefix.scheme}://{name}{_port(discovered.clone_url_prefixes[region])}"


def _of_remote_helper(found: re.Match[str]) -> Asked:
    region, profile, repository = found.groups()
    if region is None:
        return Asked("", "", None, repository, None, profile, is_aws=True)
    host = f"git-codecommit.{region}.{_suffix(region)}"
    if signing_hosts.aws_region(host) is None:
        raise NotUnderstood(
            f"{printable(region)} is no region of AWS: write codecommit::REGION://PROFILE@REPOSITORY"
        )
    return Asked(f"https://{host}", host, None, repository, region, profile, is_aws=True)


def _repository(path: str, text: str) -> str | None:
    if path.strip("/") in {"", "v1/repos"}:
        return None
    found = _REPOSITORY.fullmatch(path)
    if found is None:
        raise NotUnderstood(
            f"{printable(text)} is no URL of a server or of a repository of CodeCommit or moorage: "
            "those end in /v1/repos/NAME"
        )
    return found[1]


def _suffix(region: str | None) -> str:
    return AWS_SUFFIX_OF_CHINA if region is not None and region.startswith("cn-") else AWS_SUFFIX


def _no_url(text: str) -> NotUnderstood:
    return NotUnderstood(
        f"{printable(text)} is no URL: write https://HOST[:PORT], or the URL of a repository"
    )
