"""Who may get a signature: AWS's own names of CodeCommit, and the hosts that somebody set up.

The AWS CLI's helper looks for `amazonaws.com` anywhere in the host, and so signs for
`amazonaws.com.evil.example` as well, with the session token in plain sight. Here a host is either
exactly one of AWS's names, or it is written in the hosts file. There:

    # who may ask this machine for signatures
    git.example.org                      on the protocol's own port
    git.example.org:8443 region=eu-west-1
    *.example.org                        git-codecommit.REGION.example.org, and -fips

Source: botocore's endpoints (partitions and their regions), the AWS CLI's `credential-helper`.
"""

from __future__ import annotations

TYPE_CHECKING = False  # see core.sigv4
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# How the regions of AWS's partitions begin. A bucket may be called git-codecommit, and then
# git-codecommit.s3-us-west-2.amazonaws.com is somebody's: so not every label is a region.
_AREAS = ("af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us")
_CHINA = "cn"
_SUFFIX = "amazonaws.com"
_SUFFIX_OF_CHINA = "amazonaws.com.cn"
_SERVICES = ("git-codecommit", "git-codecommit-fips")
_VPCE = "vpce-"

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_DIGITS = frozenset("0123456789")
_OF_LABELS = _LETTERS | _DIGITS | {"-"}
_OF_HOSTS = _OF_LABELS | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ_.")
_OF_IPV6 = _DIGITS | frozenset("abcdefABCDEF:.")
_MOST_HOST = 261  # a name of 255 and a port
_OWN_PORT = {"https": "443", "http": "80"}


def hosts_path(environment: Mapping[str, str], home: str, *, windows: bool) -> str:
    """Return where the hosts file is, if there is one."""
    if windows:
        folder = environment.get("APPDATA") or f"{home}\\AppData\\Roaming"
        return f"{folder}\\moorage\\hosts"
    folder = environment.get("XDG_CONFIG_HOME", "")
    if not folder.startswith("/"):  # the specification: a relative one counts as none
        folder = f"{home}/.config"
    return f"{folder}/moorage/hosts"


def allowed(host: str, protocol: str, text: str) -> tuple[str, str] | None:
    """Return the regions of a host that may get signatures; None: it may not.

    They are the one in its name and the one that the hosts file tells, "" for each that is not there.
    `host` is as Git tells it, with a port where the URL has one; `text` is the hosts file's.
    """
    name, port = split(host)
    if not name or not is_safe(name, protocol):
        return None
    if protocol == "https":
        region = aws_region(name)
        if region is not None:
            return region, ""
    for pattern, told in _entries(text):
        region = _match(pattern, name, port or _OWN_PORT[protocol], protocol)
        if region is not None:
            return region, told
    return None


def is_safe(name: str, protocol: str) -> bool:
    """Tell whether a password may travel to a host by this protocol: by https, or within the machine."""
    return protocol == "https" or (protocol == "http" and is_loopback(name))


def is_loopback(name: str) -> bool:
    if name in {"localhost", "[::1]"} or name.endswith(".localhost"):
        return True
    octets = name.split(".")
    return (
        len(octets) == 4
        and octets[0] == "127"
        and all(
            octet.isdigit() and octet.isascii() and len(octet) <= 3 and int(octet) < 256 for octet in octets
        )
    )


def split(host: str) -> tuple[str, str]:
    """Return a host's name and port ("" where it has none); two empty texts where it is no host."""
    if not host or len(host) > _MOST_HOST:
        return "", ""
    if host.startswith("["):
        name, bracket, rest = host.partition("]")
        colon, port = rest[:1], rest[1:]
        is_name = bool(bracket) and len(name) > 1 and _OF_IPV6.issuperset(name[1:])
        name += "]"
    else:
        name, colon, port = host.partition(":")
        is_name = bool(name) and _OF_HOSTS.issuperset(name) and name[0] not in ".-" and ".." not in name
    if not is_name or colon not in {"", ":"} or (bool(colon) != bool(port)):
        return "", ""
    if port and not (len(port) <= 5 and _DIGITS.issuperset(port) and 0 < int(port) < 65536):
        return "", ""
    return name, port


def aws_region(name: str) -> str | None:
    """Return the region of one of AWS's own CodeCommit hosts; None for every other name."""
    labels = name.split(".")
    endpoint = labels[0].startswith(_VPCE)
    if endpoint:
        if not _is_endpoint(labels[0]):
            return None
        del labels[0]
    if len(labels) < 4 or labels[0] not in _SERVICES:
        return None
    region, suffix = labels[1], labels[2:]
    if endpoint:
        if suffix[0] != "vpce":
            return None
        del suffix[0]
    return region if ".".join(suffix) == _suffix_of(region) else None


def _is_endpoint(label: str) -> bool:
    """Tell whether a label is as AWS names the endpoints of a VPC: vpce-ID-ID, with a zone perhaps."""
    parts = label.split("-")
    return len(parts) >= 3 and all(parts) and _OF_LABELS.issuperset(label)


def _suffix_of(region: str) -> str | None:
    """Return the domain of a region's partition; None for what is no region of one with CodeCommit."""
    parts = region.split("-")
    if len(parts) == 4 and parts[:2] == ["us", "gov"]:
        del parts[1]
    if len(parts) != 3 or not parts[1] or not parts[2]:
        return None
    area, place, number = parts
    if not _LETTERS.issuperset(place) or not _DIGITS.issuperset(number) or len(number) > 2:
        return None
    if area == _CHINA:
        return _SUFFIX_OF_CHINA
    return _SUFFIX if area in _AREAS else None


def region_told(host: str) -> str | None:
    """Return the region that the AWS CLI's helper reads from any host, its own or not."""
    starts = [0]
    if host.startswith(_VPCE):
        starts += [at + 1 for at in range(len(_VPCE) + 1, len(host)) if host[at] == "."]
    for start in reversed(starts):
        labels = host[start:].split(".")
        if len(labels) < 4 or labels[0] not in _SERVICES or not labels[1]:
            continue
        rest = ".".join(labels[2:])
        if rest.removeprefix("vpce.").startswith(_SUFFIX) or rest.startswith(_SUFFIX):
            return labels[1]
    return None


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """Return the hosts that a file allows, each with its region or "". Other lines allow nothing."""
    for line in text.split("\n"):
        host, region = _entry(line)
        if host:
            yield host, region


def _entry(line: str) -> tuple[str, str]:
    words = line.partition("#")[0].split()
    if not words or len(words) > 2:
        return "", ""
    region = ""
    if len(words) == 2:
        key, _, region = words[1].partition("=")
        if key != "region" or not region or not _OF_LABELS.issuperset(region):
            return "", ""
    host = words[0]
    return (host, region) if split(host.removeprefix("*."))[0] else ("", "")


def _match(pattern: str, name: str, port: str, protocol: str) -> str | None:
    """Return the region in a name that matches, "" where it has none; None where it does not match."""
    wanted, wanted_port = split(pattern.removeprefix("*."))
    if (wanted_port or _OWN_PORT[protocol]) != port:
        return None
    if not pattern.startswith("*."):
        # The name may have AWS's form under another domain, as git-codecommit.REGION.amazonaws.com.localhost.
        return (region_told(name) or "") if name == wanted else None
    service, _, rest = name.partition(".")
    region, _, domain = rest.partition(".")
    matches = service in _SERVICES and domain == wanted and bool(region) and _OF_LABELS.issuperset(region)
    return region if matches else None


def with_host(text: str, host: str, region: str | None) -> str:
    """Return the hosts file's text with a host in it, once; all other lines stay as they are.

    Raises:
        ValueError: `host` is no host, nor `*.` and one.
    """
    host = host.lower()
    line = f"{host} region={region}" if region else host
    if not host or _entry(line) != (host, region or ""):
        raise ValueError(f"{host!r} is no host, or {region!r} no region")
    lines = text.split("\n")
    places = [number for number, kept in enumerate(lines) if _entry(kept)[0] == host]
    if not places:
        return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n"
    if _entry(lines[places[0]])[1] != (region or ""):
        lines[places[0]] = line
    for number in reversed(places[1:]):
        del lines[number]
    return "\n".join(lines)


def without_host(text: str, host: str) -> str:
    """Return the hosts file's text without a host."""
    return "\n".join(line for line in text.split("\n") if _entry(line)[0] != host.lower())
