"""Git: is there one, is it new enough, what was it built with, what else brings its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from moorage.client.doctor.asking import STORES
from moorage.client.doctor.facts import Facts, is_of_repository, place
from moorage.client.doctor.finding import Finding, found, typed
from moorage.client.doctor.helper_line import read
from moorage.client.helper_kinds import kind

OLDEST_GIT = (1, 7, 9)  # the guide's minimum
# What the user guide's troubleshooting page names, and what cannot speak TLS 1.2.
_OLD_LIBRARIES = (
    (re.compile(r"(?i)libcurl[/: ]+7\.41\.0\b"), "libcurl 7.41.0 cannot push where it may use SSPI"),
    (re.compile(r"GnuTLS/2\.[\d.]+"), "GnuTLS 2 ends long transfers with a handshake error"),
    (re.compile(r"OpenSSL/(?:0\.|1\.0\.0)\w*"), "this OpenSSL does not know TLS 1.2"),
)
# Keys whose value git starts as a program, without the ones that nearly every repository sets.
_SHELLS_OWN = re.compile(r"[$;&|<>`(){}\\\n]")
_PROGRAMS = {"core.sshcommand", "core.askpass", "core.gitproxy", "core.alternaterefscommand"}


def git_is_there(facts: Facts) -> Iterator[Finding]:
    if facts.git is None and facts.git_problem is None:
        yield found(
            "git-missing",
            "There is no git.",
            evidence=f"PATH = {facts.environment.get('PATH', '')}",
            consequence="Nothing can be cloned.",
            remedy="Install git, or put its folder on PATH.",
        )


def git_is_new_enough(facts: Facts) -> Iterator[Finding]:
    if facts.git is not None and facts.git.version < OLDEST_GIT:
        yield found(
            "git-too-old",
            f"This git is older than {'.'.join(map(str, OLDEST_GIT))}.",
            evidence=f"{facts.git.path} says {facts.git.text}",
            consequence="It does not ask credential helpers as CodeCommit needs it.",
            remedy="Install a newer git; 2.46 or later also renews signatures within a long push.",
        )


def git_reads_its_configuration(facts: Facts) -> Iterator[Finding]:
    if facts.git_problem is not None:
        yield found(
            "git-config-broken",
            "Git cannot read its own configuration.",
            evidence=facts.git_problem,
            consequence="Every git command fails.",
            remedy="Correct the line that git names; quotes and backslashes must be closed and doubled."
            if "bad config" in facts.git_problem
            else "Put a file there that you may read, or take away what names it.",
        )


def libraries_are_new_enough(facts: Facts) -> Iterator[Finding]:
    for pattern, reason in _OLD_LIBRARIES:
        if (match := pattern.search(facts.git_build)) is not None:
            yield found(
                "old-tls-library",
                f"A library for HTTPS is too old: {reason}.",
                evidence=f"git version --build-options, or curl --version, names {match[0]}",
                consequence="Fetches and pushes end with gnutls_handshake, SSL or RPC errors.",
                remedy="Upgrade git and curl, or clone over SSH.",
            )


def no_program_brings_its_own_git(facts: Facts) -> Iterator[Finding]:
    if facts.tools and any(facts.over_https()):
        yield found(
            "own-git",
            f"Installed here: {', '.join(facts.tools)}, which may bring a git of their own.",
            evidence="found on PATH, or among the applications",
            consequence="A program with its own git may not read the helper, and asks for a password.",
            remedy="Let it use the system's git; or give it Git credentials, made in IAM for your user.",
        )


def repository_names_no_programs(facts: Facts) -> Iterator[Finding]:
    for entry in facts.entries:
        if not is_of_repository(entry) or not entry.value:
            continue
        names = entry.key.startswith("credential.") and entry.key.endswith(".helper")
        if names and not _is_well_known(facts, entry.value):
            yield found(
                "helper-of-repository",
                "This repository names a credential helper of its own. Doctor did not run it.",
                evidence=place(entry),
                consequence="Git runs it with your rights, and shows it what other helpers answered.",
                remedy="If it is not yours: " + typed("git", "config", "--local", "--unset-all", entry.key),
            )
        elif entry.key in _PROGRAMS or (entry.key == "core.fsmonitor" and "/" in entry.value):
            yield found(
                "repository-names-programs",
                "This repository's configuration names a program that git runs. Doctor did not.",
                evidence=place(entry),
                consequence="Git runs it with your rights.",
                remedy="If it is not yours: " + typed("git", "config", "--local", "--unset-all", entry.key),
            )


def _is_well_known(facts: Facts, value: str) -> bool:
    """Tell whether a helper's line is one that setup or the guide writes, or the name of a common helper."""
    if kind(value) in STORES and not value.startswith(("!", "/")):
        return True
    ours = value.startswith(facts.moorage_helper)
    rest = value.removeprefix(facts.moorage_helper).replace('"$@"', "").replace("$@", "")
    is_named = ours or read(value).program in {"aws", "git-credential-moorage"}
    return is_named and _SHELLS_OWN.search(rest) is None
