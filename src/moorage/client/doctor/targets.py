"""Which URLs doctor looks at: the one asked for, else every remote, and every host with its own section."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from moorage.client import git_config, helper_kinds, signing_hosts
from moorage.client.doctor import helper_line, urls
from moorage.client.doctor.facts import Helper, Target, named_in
from moorage.client.git_config import Entry
from moorage.client.git_urls import Version

_REMOTE = re.compile(r"remote\.(.+)\.(?:push)?url", re.DOTALL)
_INSTEAD_OF = re.compile(r"url\.(.+)\.insteadof", re.DOTALL)
_SECTION = re.compile(r"credential\.(.+)\.(?:helper|usehttppath)", re.DOTALL)
_OF_THE_USER = frozenset({"system", "global", "command"})
# Stands for a repository where only a host is known.
ANY_REPOSITORY = "v1/repos/moorage-doctor"


class NotFound(Exception):
    """What was asked for is neither a remote nor a URL; the text says so."""


class Named(NamedTuple):
    """A URL to look at, before it is known what git would do about it."""

    url: urls.Url
    remote: str | None
    where: str
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Known:
    """What decides about a URL."""

    entries: Sequence[Entry]
    version: Version
    hosts: str  # the text of moorage's file of hosts
    region: str | None = None  # at hand: what stands for the * of a section


def all_of(known: Known, wanted: str | None) -> tuple[Target, ...]:
    """Return the targets.

    Raises:
        NotFound: `wanted` is neither the name of a remote nor the URL of a repository or host.
    """
    named = [*_remotes(known), *_hosts(known)] if wanted is None else _asked(known, wanted)
    seen: dict[str, Target] = {}
    for each in named:
        seen.setdefault(each.url.text, _judged(known, each, asked=wanted))
    return tuple(seen.values())


def _asked(known: Known, wanted: str) -> list[Named]:
    keys = {f"remote.{wanted}.url", f"remote.{wanted}.pushurl"}
    of_remote = [entry for entry in known.entries if entry.key in keys]
    if of_remote:
        remotes = [remote for entry in of_remote if (remote := _remote(known, wanted, entry)) is not None]
        if not remotes:
            raise NotFound(f"the remote {wanted} has no https:// or codecommit:// URL: {of_remote[0].value}")
        return remotes
    text = urls.rewritten(wanted, _instead_of(known))
    url = urls.parse(text) or _host(text)
    if url is None:
        raise NotFound(
            f"{wanted} is no remote of this repository, no https:// or codecommit:// URL, and no host"
        )
    if url.scheme != "codecommit" and not url.path:
        url = urls.parse(f"{url.text}{ANY_REPOSITORY}") or url
    return [Named(url, None, "the command line", None)]


def _host(text: str) -> urls.Url | None:
    """Return the URL of a host, HOST[:PORT], as people copy it; a mere word is a remote's name."""
    name, port = signing_hosts.split(text.partition("/")[0])
    is_host = bool(name) and ("." in name or bool(port) or name == "localhost")
    return urls.parse(f"https://{text}") if is_host else None


def _remotes(known: Known) -> Iterator[Named]:
    for entry in known.entries:
        match = _REMOTE.fullmatch(entry.key)
        remote = _remote(known, match[1], entry) if match else None
        if remote is not None and _concerns_us(known, remote.url):
            yield remote


def _remote(known: Known, name: str, entry: Entry) -> Named | None:
    text = urls.rewritten(entry.value, _instead_of(known))
    url = urls.parse(text)
    return None if url is None else Named(url, name, named_in(entry), entry if text == entry.value else None)


def _hosts(known: Known) -> Iterator[Named]:
    for entry in known.entries:
        match = _SECTION.fullmatch(entry.key)
        if match is None or ("*" in match[1] and known.region is None):
            continue
        url = urls.parse(match[1].replace("*", known.region or "", 1))
        if url is None or not url.host or not (_concerns_us(known, url) or _names_ours(entry)):
            continue
        if not url.is_repository:
            url = urls.parse(f"{url.origin}/{ANY_REPOSITORY}") or url
        yield Named(url, None, named_in(entry), None)


def _concerns_us(known: Known, url: urls.Url) -> bool:
    return url.is_codecommits or _signed(known, url)


def _names_ours(entry: Entry) -> bool:
    return entry.key.endswith(".helper") and helper(entry).is_codecommits


def _signed(known: Known, url: urls.Url) -> bool:
    return (
        url.scheme != "codecommit"
        and signing_hosts.allowed(_authority(url), url.scheme, known.hosts) is not None
    )


def _authority(url: urls.Url) -> str:
    return url.host + (f":{url.port}" if url.port is not None else "")


def _judged(known: Known, named: Named, *, asked: str | None) -> Target:
    url = named.url
    if url.scheme == "codecommit":
        return Target(
            url, named.remote, named.where, named.entry, (), None, is_trusted=True, moorage_signs=True
        )
    helpers = git_config.helpers_for(known.entries, url.text, known.version)
    return Target(
        url,
        named.remote,
        named.where,
        named.entry,
        tuple(helper(entry) for entry in helpers),
        git_config.value_for(known.entries, url.text, "usehttppath", known.version),
        is_trusted=(asked is not None and named.remote is None)
        or _signed(known, url)
        or _has_section_of_user(known, url)
        or signing_hosts.is_loopback(
            url.host.lower()
        ),  # moorage's default domain; nothing leaves the machine
        moorage_signs=_signed(known, url),
    )


def _has_section_of_user(known: Known, url: urls.Url) -> bool:
    return any(
        entry.scope in _OF_THE_USER
        and (match := _SECTION.fullmatch(entry.key)) is not None
        and "*" not in match[1]
        and urls.parse(match[1]) is not None  # `https://` alone names no host
        and git_config.matches(match[1], url.text, known.version)
        for entry in known.entries
    )


def helper(entry: Entry) -> Helper:
    """Return a helper's entry with what its line says."""
    return Helper(entry, helper_kinds.kind(entry.value), helper_line.read(entry.value))


def _instead_of(known: Known) -> list[tuple[str, str]]:
    return [
        (match[1], entry.value)
        for entry in known.entries
        if (match := _INSTEAD_OF.fullmatch(entry.key)) is not None
    ]
