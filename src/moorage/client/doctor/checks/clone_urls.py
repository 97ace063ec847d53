"""The URLs themselves: what is signed is what is typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from moorage.client import signing_hosts
from moorage.client.doctor import fixes
from moorage.client.doctor.facts import Facts, Target
from moorage.client.doctor.finding import Finding, found, typed


def names_no_user(facts: Facts, target: Target) -> Iterator[Finding]:
    url = target.url
    if target.uses_https and url.has_needless_user:
        yield found(
            "user-in-url",
            f"The URL names a user: {url.text}",
            evidence=target.where,
            consequence="Git first sends that name with an empty password. Where a server answers 403 to it, "
            "no helper is asked.",
            remedy=_set_url(target, url.corrected),
            fix=fixes.remote_url(facts, target),
        )


def has_no_trailing_slash(facts: Facts, target: Target) -> Iterator[Finding]:
    url = target.url
    if target.uses_https and url.path.endswith("/") and url.is_repository:
        yield found(
            "trailing-slash",
            f"The URL ends with a slash: {url.text}",
            evidence=target.where,
            consequence="Some clients sign the slash and some do not: the signature may not fit.",
            remedy=_set_url(target, url.corrected),
            fix=fixes.remote_url(facts, target),
        )


def host_is_in_lower_case(facts: Facts, target: Target) -> Iterator[Finding]:
    url = target.url
    if target.uses_https and url.host != url.host.lower():
        yield found(
            "upper-case-host",
            f"The host has capital letters: {url.host}",
            evidence=target.where,
            consequence="It is signed as typed, and AWS's helper does not see the region in it.",
            remedy=_set_url(target, url.corrected),
            fix=fixes.remote_url(facts, target),
        )


def is_not_plain_http(_: Facts, target: Target) -> Iterator[Finding]:
    url = target.url
    if url.scheme == "http" and not signing_hosts.is_loopback(url.host.lower()):
        yield found(
            "plain-http",
            f"{url.origin} is not encrypted.",
            evidence=target.where,
            consequence="Whoever sees a signature can use it for 15 minutes. moorage's helper gives none.",
            remedy=f"Use https://{url.host}.",
        )


def is_a_repository(_: Facts, target: Target) -> Iterator[Finding]:
    url = target.url
    if target.uses_https and target.remote is not None and not url.is_repository:
        yield found(
            "not-a-repository-url",
            f"This is no repository's URL: {url.text}",
            evidence=target.where,
            consequence="The server has nothing there; git says not found.",
            remedy=f"A repository's URL is {url.origin}/v1/repos/NAME.",
        )


def codecommit_url_has_a_name(_: Facts, target: Target) -> Iterator[Finding]:
    url = target.url
    if url.scheme == "codecommit" and ("/" in url.path or url.path.startswith("git-codecommit")):
        name = PurePath(url.path).name
        yield found(
            "pasted-host",
            f"A host was pasted into a codecommit:// URL: {url.text}",
            evidence=target.where,
            consequence="git-remote-codecommit takes the host for the repository's name: not found.",
            remedy=f"{_set_url(target, f'codecommit::REGION://{name}')}, or the https:// URL",
        )


def remote_helper_is_there(facts: Facts, target: Target) -> Iterator[Finding]:
    program = facts.program("git-remote-codecommit")
    if target.url.scheme == "codecommit" and program is not None and program.path is None:
        yield found(
            "remote-helper-missing",
            "git-remote-codecommit is not on the PATH that git sees.",
            evidence=f"{target.where}; PATH = {facts.environment.get('PATH', '')}",
            consequence="git: 'remote-codecommit' is not a git command.",
            remedy="Put the folder where pip wrote git-remote-codecommit on PATH (python3 -m pip show -f "
            "git-remote-codecommit names it), or use the https:// URL: moorage clone does.",
        )


def _set_url(target: Target, new: str) -> str:
    return typed("git", "remote", "set-url", target.remote or "origin", new)
