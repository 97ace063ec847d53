"""Find out what the user means: the server that a URL names, and the CA that vouches for it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from moorage.client import discovery, git_config, signing_hosts
from moorage.client.discovery import Discovered, NotDiscovered
from moorage.client.git_config import Entry
from moorage.client.machine import Machine, printable
from moorage.client.setup import target as targets
from moorage.client.setup.facts import Facts
from moorage.client.setup.plan import Choices
from moorage.client.setup.target import Asked, NotUnderstood, Target

# Where programs are told of a CA by the environment; the last is Python's own, and OpenSSL's.
CA_VARIABLES = ("GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class Found(NamedTuple):
    """`ca` is the CA file that git must be told of, None if it needs none or has it; `notes` for a person.

    `trusted` is the file that vouched for the server, None where the system's did.
    """

    target: Target
    ca: Path | None
    notes: tuple[str, ...] = ()
    trusted: Path | None = None


def find(machine: Machine, facts: Facts, told: Asked | None, choices: Choices) -> Found:
    """Return what a URL means; None: AWS's own names. Of `choices` the profile, the region and the CA count.

    Raises:
        NotUnderstood, NotDiscovered: it is no server of CodeCommit's or moorage's, or cannot be asked.
    """
    region, ca = choices.region, choices.ca
    if ca is not None:
        _require_certificates(ca)
    at_hand = region or region_at_hand(facts, choices.profile)
    if told is not None and not told.base:  # codecommit://NAME: the region is said elsewhere
        told = _with_region(told, at_hand)
    if told is None or told.is_aws:
        return Found(targets.of_aws(told, at_hand, facts.git.version), ca)
    try:
        discovered, trusted, is_new = _discover(machine, facts, told, ca)
    except NotDiscovered as error:
        if not is_known(told, facts):
            raise
        note = f"{error}; {told.host} is in {facts.hosts_path}, so that its section can be written"
        return Found(targets.of_known_host(told), ca, (note,))
    if region is None and told.region is None and at_hand in discovered.regions:
        region = at_hand
    target = targets.of_server(told, discovered, region, facts.git.version)
    return Found(target, trusted if is_new else None, trusted=trusted)


def _require_certificates(ca: Path) -> None:
    """Refuse a file that git could not use: it would be written, and then no connection made."""
    try:
        ssl.create_default_context(cafile=str(ca))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError too
        reason = "it is no file of certificates (PEM)"
        if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
            reason = error.strerror or reason
        raise NotUnderstood(f"--ca {printable(str(ca))} cannot be used: {reason}") from None


def remote(facts: Facts, name: str | None) -> str | None:
    """Return the URL of a remote of this folder's repository: the one named, or the first that signs in."""
    for entry in facts.entries:
        section, _, rest = entry.key.partition(".")
        its_name, _, key = rest.rpartition(".")
        if section != "remote" or key != "url" or entry.scope not in {"local", "worktree"}:
            continue
        if its_name == name or (name is None and _signs_in(entry, facts)):
            return entry.value
    return None


def is_known(told: Asked, facts: Facts) -> bool:
    """Tell whether a host is AWS's, or is set up already."""
    protocol = told.base.partition(":")[0]
    return told.is_aws or signing_hosts.allowed(told.host, protocol, facts.hosts_text or "") is not None


def _signs_in(entry: Entry, facts: Facts) -> bool:
    try:
        return "://" in entry.value and is_known(targets.asked(entry.value), facts)
    except NotUnderstood:
        return False


def _with_region(told: Asked, region: str | None) -> Asked:
    if region is None:
        raise NotUnderstood(f"codecommit://{told.repository} names no region: say it by --region REGION")
    named = targets.asked(f"codecommit::{region}://{told.repository}")
    return named._replace(profile=told.profile)


def _discover(
    machine: Machine, facts: Facts, told: Asked, ca: Path | None
) -> tuple[Discovered, Path | None, bool]:
    """Ask the server, believing each CA that somebody named until one vouches for it."""
    refused: NotDiscovered | None = None
    for file, is_new in _cas(machine, facts, told, ca):
        try:
            discovered = discovery.discover(
                told.base, machine.environment, None if file is None else str(file)
            )
        except NotDiscovered as error:
            refused = refused or error
            if "certificate" not in str(error):
                break
            continue
        return discovered, file, is_new
    said = str(refused)
    if "is not trusted" in said:
        said = said.partition(": ")[0] + ": give the file of the server's CA by --ca FILE"
        said += " (`moorage serve` prints its path; ask who runs the server for it)"
    raise NotDiscovered(said)


def _cas(machine: Machine, facts: Facts, told: Asked, ca: Path | None) -> Iterator[tuple[Path | None, bool]]:
    """Give the CA files to try, and whether git would have to be told of each; None: the system's."""
    if ca is not None:
        yield ca, True
        return
    named = git_config.value_for(facts.entries, f"{told.base}/v1/repos/x", "http.sslcainfo")
    if named is not None and named.value:
        path = named.value
        yield (machine.git_home / path[2:] if path.startswith("~/") else Path(path)), False
    yield None, False
    for name in CA_VARIABLES:
        value = machine.environment.get(name)
        if value and machine.is_file(value):
            yield Path(value).absolute(), True
    if signing_hosts.is_loopback(signing_hosts.split(told.host)[0]):
        # A server on this machine, as `moorage serve` starts it: its CA is in its data folder.
        base = machine.environment.get("XDG_DATA_HOME", "")
        data = Path(base) if base.startswith("/") else machine.home / ".local" / "share"
        if machine.is_file(data / "moorage" / "ca.pem"):
            yield data / "moorage" / "ca.pem", True


def region_at_hand(facts: Facts, profile: str | None) -> str | None:
    """Return the region that the environment or the profile says, as the AWS CLI v2 takes it."""
    environment = facts.environment
    named = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    its = facts.profile(profile or environment.get("AWS_PROFILE") or "default")
    found = named or (its.region if its else None)
    return printable(found) if found else None
