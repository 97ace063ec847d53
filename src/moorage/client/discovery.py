"""What a server tells of itself: the client's side of docs/mechanisms/discovery.md.

What it tells goes into configuration files, and so decides where signatures travel and which CA is believed
for which host. A server may therefore speak for itself alone, and for a domain's names only where it was
asked by one of these: never for AWS's own names, nor for a third host.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from moorage.client import signing_hosts
from moorage.client.sources.http_call import Answer, Call, CallFailed, proxy_for

PATH = "/.well-known/moorage.json"
TIMEOUT_S = 5.0

_REGION = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,40}")
_SERVICES = ("codecommit", "iam", "kms", "sts")
# Whoever owns the names below these is not a server of moorage's.
_OF_AWS = ("amazonaws.com", "amazonaws.com.cn", "amazon.com", "api.aws", "api.amazonwebservices.com.cn")
_MOST_REGIONS = 200
_MOST_SSH = 100


class NotDiscovered(Exception):
    """A server tells nothing that can be used. The text is one line for a person: why, and what to do."""


class SshPort(NamedTuple):
    """`region` None: it serves all regions."""

    port: int
    region: str | None


class Discovered(NamedTuple):
    """A server's document, checked. URLs in it are of the server itself, or of its domain.

    `clone_url_prefixes` maps each region to what stands before a repository's name; `ca` and `aws_names_ca`
    are the paths, on the server asked, of CA certificates, None where it has none.
    """

    version: str
    domain: str
    default_region: str
    regions: tuple[str, ...]
    endpoints: Mapping[str, str]
    clone_url_prefixes: Mapping[str, str]
    ssh: tuple[SshPort, ...]
    ca: str | None
    aws_names_ca: str | None


def base_of(url: str) -> str:
    """Return the server of a URL, as https://HOST[:PORT], in lower case.

    Raises:
        NotDiscovered: it is no URL of a server that may be asked: https, or http on this machine.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    name = parts.hostname or ""
    shown = f"[{name}]" if ":" in name else name
    if parts.scheme not in {"http", "https"} or not signing_hosts.split(shown)[0] or _has_controls(url):
        raise NotDiscovered(f"{_shown(url)} is no URL of a server: write https://HOST[:PORT]")
    if not signing_hosts.is_safe(shown, parts.scheme):
        raise NotDiscovered(f"{_shown(url)} would send signatures in clear: write https://{shown}")
    own = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{shown}" + ("" if port in {None, own} else f":{port}")


def discover(url: str, environment: Mapping[str, str], ca_file: str | None = None) -> Discovered:
    """Ask a server for its document.

    `url` is of the server or of one of its repositories; `ca_file` None: the system's authorities.

    Raises:
        NotDiscovered: it cannot be reached, is no moorage server, or tells what it may not tell.
    """
    base = base_of(url)
    answer = _asked(base + PATH, environment, ca_file)
    if answer.status != 200:
        raise NotDiscovered(f"{base} is no moorage server: it answers {answer.status} to {PATH}")
    return parsed(answer.body, base)


def certificates(base: str, path: str, environment: Mapping[str, str], ca_file: str | None) -> str:
    """Fetch a CA's certificate (PEM) from a server over a connection that `ca_file` vouches for.

    Raises:
        NotDiscovered: there is none, or what comes is not certificates and nothing else.
    """
    answer = _asked(base + path, environment, ca_file)
    text = answer.body.decode("ascii", "replace")
    try:
        usable = answer.status == 200 and bool(ssl.create_default_context(cadata=text).get_ca_certs())
    except (ssl.SSLError, ValueError):
        usable = False
    if not usable or "PRIVATE KEY" in text or _has_controls(text.replace("\n", "").replace("\r", "")):
        raise NotDiscovered(f"{base}{path} is no certificate of a CA")
    return text


def parsed(content: bytes, base: str) -> Discovered:
    """Return a document, as the server at `base` (see `base_of`) may tell it.

    Raises:
        NotDiscovered: it is not of the form, or speaks for others.
    """
    try:
        return _checked(json.loads(content), base)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotDiscovered(
            f"{base} is no moorage server, or one of another time: its {PATH} is odd"
        ) from None


def _checked(told: Mapping[str, Any], base: str) -> Discovered:
    if told["service"] != "moorage":
        raise ValueError(told["service"])
    domain = _matching(_DOMAIN, told["domain"])
    if any(f".{domain}".endswith(f".{theirs}") for theirs in _OF_AWS):
        raise NotDiscovered(f"{base} speaks for {domain}, which is AWS's: do not use it")
    if "." not in domain and domain != "localhost":
        raise ValueError(domain)
    regions = [_matching(_REGION, region) for region in told["regions"][:_MOST_REGIONS]]
    # Whoever answers as evil.example may not have its CA believed for git-codecommit.REGION.yours.example.
    is_asked = (urlsplit(base).hostname or "") in _names(domain, regions)
    prefixes = {region: str(told["clone_url_prefixes"][region]) for region in regions}
    for region, prefix in prefixes.items():
        if not prefix.endswith("/v1/repos/"):
            raise ValueError(prefix)
        _require_own(prefix, base, {f"git-codecommit.{region}.{domain}"} if is_asked else ())
    endpoints = {name: str(told["endpoints"][name]) for name in _SERVICES}
    for service, endpoint in endpoints.items():
        names = {domain, *(f"{service}.{region}.{domain}" for region in regions)}
        _require_own(endpoint, base, names if is_asked else ())
    default = _matching(_REGION, told["default_region"])
    if default not in regions:
        raise ValueError(default)
    ports = [SshPort(_port(one["port"]), _region_or_none(one["region"])) for one in told["ssh"][:_MOST_SSH]]
    aws_names = told.get("aws_names")
    return Discovered(
        version=_matching(_VERSION, told["version"]),
        domain=domain,
        default_region=default,
        regions=tuple(sorted(regions)),
        endpoints=endpoints,
        clone_url_prefixes=prefixes,
        ssh=tuple(ports),
        ca=_path(told["ca"]),
        aws_names_ca=_path(aws_names["ca"]) if aws_names is not None else None,
    )


def _names(domain: str, regions: list[str]) -> set[str]:
    """Return the names that a service with a domain answers to."""
    hosts = [*_SERVICES, "git-codecommit", "git-codecommit-fips"]
    below = {f"{host}.{region}" for host in hosts for region in regions} | set(_SERVICES)
    return {domain, *(f"{name}.{domain}" for name in below)}


def _require_own(url: str, base: str, hosts: Collection[str]) -> None:
    """Refuse a URL that is neither of the server asked nor of these hosts."""
    its = base_of(url)
    name, asked = urlsplit(its).hostname or "", urlsplit(base).hostname or ""
    if "@" in url or "?" in url or "#" in url or "//" in url.partition("://")[2] or ".." in url:
        raise ValueError(url)
    both_here = _is_here(name) and _is_here(asked)
    if not (its == base or both_here or (name in hosts and not signing_hosts.aws_region(name))):
        raise NotDiscovered(f"{base} calls itself {its}: set up that URL instead, if it is yours")


def _is_here(name: str) -> bool:
    return signing_hosts.is_loopback(f"[{name}]" if ":" in name else name)


def _path(url: object) -> str | None:
    """Return the path of a URL: it is fetched from the server asked, whatever name stands before it."""
    if url is None:
        return None
    path = urlsplit(str(url)).path
    if re.fullmatch(r"/[A-Za-z0-9._-]{1,100}", path) is None:
        raise ValueError(path)
    return path


def _asked(url: str, environment: Mapping[str, str], ca_file: str | None) -> Answer:
    try:
        call = Call(
            resolvable(url), timeout_s=TIMEOUT_S, ca_bundle=ca_file, proxy=proxy_for(environment, url)
        )
        return call.answer()
    except CallFailed as error:
        raise NotDiscovered(str(error)) from None


def resolvable(url: str) -> str:
    """Replace a name below localhost, which curl resolves and Python does not, by localhost."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    if not name.endswith(".localhost"):
        return url
    return parts._replace(netloc=parts.netloc.replace(name, "localhost")).geturl()


def _matching(pattern: re.Pattern[str], value: object) -> str:
    if not isinstance(value, str) or len(value) > 253 or pattern.fullmatch(value) is None:
        raise ValueError(value)
    return value


def _region_or_none(value: object) -> str | None:
    return None if value is None else _matching(_REGION, value)


def _port(value: object) -> int:
    if not isinstance(value, int) or not 0 < value < 65536:
        raise ValueError(value)
    return value


def _has_controls(text: str) -> bool:
    return any(not (" " < each < "\x7f") for each in text.replace(" ", "_"))


def _shown(url: str) -> str:
    return repr("".join(each if each.isprintable() else "?" for each in url[:200]))
