"""Unmodified AWS addresses, led to a server of one's own. Git's configuration alone; no system file, no root.

| way | what git does with https://git-codecommit.REGION.amazonaws.com/… | needs |
|---|---|---|
| rewrite | asks the server's own URL instead (`url.<base>.insteadOf`) | nothing |
| resolve | asks that name at an address given here (`http.curloptResolve`) | git 2.37, a server on port 443 |
| proxy | asks that name through a proxy which leads it to the server (`http.proxy`) | such a proxy |

With the last two the name stays AWS's, so the server needs a certificate for it, from its CA for AWS's names
(`moorage serve --aws-names`). That CA is named here for those hosts alone.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from moorage.client import signing_hosts
from moorage.client.git_config_text import lines_of, with_section, without_section
from moorage.client.git_urls import Version

Way = Literal["rewrite", "resolve", "proxy"]

KNOWS_RESOLVE: Version = (2, 37)
HTTPS_PORT = 443
_REWRITES = "insteadof"  # as lines_of spells it
_SUFFIX, _SUFFIX_OF_CHINA = "amazonaws.com", "amazonaws.com.cn"


class RouteRefused(Exception):
    """Nothing can be routed so; one line for a person that says what to do."""


class Section(NamedTuple):
    """Entries of one section of Git's configuration. `adds`: beside the entries of the same keys there."""

    name: str
    entries: tuple[tuple[str, str], ...]
    adds: bool = False


def aws_hosts(region: str) -> tuple[str, str]:
    """Return AWS's names of CodeCommit for Git in a region: the usual one, and FIPS's.

    Raises:
        RouteRefused: no AWS name has such a region.
    """
    suffix = _SUFFIX_OF_CHINA if region.startswith("cn-") else _SUFFIX
    host = f"git-codecommit.{region}.{suffix}"
    if signing_hosts.aws_region(host) is None:
        raise RouteRefused(f"{region!r} is no region of AWS, so no AWS address names it")
    return host, f"git-codecommit-fips.{region}.{suffix}"


def rewrite(
    prefixes: Mapping[str, str], *, default_region: str | None = None, profile: str | None = None
) -> list[Section]:
    """Return the rules that replace AWS's addresses of regions by the server's own.

    `prefixes` are the server's clone URLs, by region, up to the repository's name. Addresses of
    git-remote-codecommit are replaced too, before it would be started, so that it need not be installed:
    without a profile, and with the one that the server's helper signs with. `default_region` is the one that
    `codecommit://NAME` means.

    Raises:
        RouteRefused: two regions would become one, or no AWS name has such a region.
    """
    if len(set(prefixes.values())) < len(prefixes):
        raise RouteRefused("this server has one address for all its regions: route one region, by --region")
    made = []
    for region, prefix in sorted(prefixes.items()):
        base = prefix.removesuffix("v1/repos/")
        if not base.endswith("/") or not urlsplit(base).netloc or base == prefix:
            raise RouteRefused(f"{prefix!r} is no clone URL's beginning")
        hosts = tuple(("insteadOf", f"https://{host}/") for host in aws_hosts(region))
        made.append(Section(f"url.{base}", hosts, adds=True))
        starts = [f"codecommit::{region}://"] + (["codecommit://"] if region == default_region else [])
        starts += [f"{start}{profile}@" for start in starts if profile]
        made.append(Section(f"url.{prefix}", tuple(("insteadOf", start) for start in starts), adds=True))
    return made


def resolve(
    regions: Iterable[str], address: str, ca_file: str, version: Version, *, windows: bool = False
) -> list[Section]:
    """Return the entries that have AWS's names of regions answered by a server at an IP address, port 443.

    Raises:
        RouteRefused: this git has no such setting, or the address is a name.
    """
    if version < KNOWS_RESOLVE:
        told = ".".join(map(str, version))
        raise RouteRefused(f"git {told} has no http.curloptResolve (2.37 has): rewrite addresses instead")
    try:
        ip = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        raise RouteRefused(f"{address!r} is no IP address: curl wants one here") from None
    shown = f"[{ip}]" if ip.version == 6 else str(ip)
    made = []
    for host in _hosts(regions):
        # No proxy, whatever the environment says: one would look the name up by itself.
        entries = (("curloptResolve", f"{host}:{HTTPS_PORT}:{shown}"), ("proxy", ""))
        made.append(Section(f"http.https://{host}", (*entries, *_trusting(ca_file, windows=windows))))
    return made


def by_proxy(regions: Iterable[str], proxy: str, ca_file: str, *, windows: bool = False) -> list[Section]:
    """Return the entries that send AWS's names of regions through a proxy, which leads them to the server.

    Raises:
        RouteRefused: the proxy is no URL, or holds a password, which belongs in no configuration.
    """
    parts = urlsplit(proxy)
    if parts.scheme not in {"http", "https", "socks5h"} or not parts.hostname or not proxy.isprintable():
        raise RouteRefused(f"{proxy!r} is no URL of a proxy: write http://HOST:PORT")
    if parts.password is not None:
        raise RouteRefused("the proxy's URL holds a password: leave it out, git asks its helpers for it")
    entries = (("proxy", proxy), *_trusting(ca_file, windows=windows))
    return [Section(f"http.https://{host}", entries) for host in _hosts(regions)]


def written(text: str, sections: Sequence[Section]) -> str:
    """Return a Git configuration's text with these sections; the same text if it has them.

    Rules that lead the same addresses elsewhere are taken out: of two, git would obey one.

    Raises:
        ConfigSyntaxError: the text is no Git configuration.
    """
    ours = {(section.name, value) for section in sections for _, value in section.entries}
    led = {value for section in sections for key, value in section.entries if key == "insteadOf"}
    led |= {
        f"{section.name.removeprefix('http.')}/" for section in sections if section.name.startswith("http.")
    }
    for name in dict.fromkeys(line.section for line in lines_of(text) if line.section.startswith("url.")):
        values = _values(text, name)
        kept = [value for value in values if value not in led or (name, value) in ours]
        if kept != values:
            text = without_section(text, name, [_REWRITES])
            text = with_section(text, name, [("insteadOf", value) for value in kept]) if kept else text
    for section in sections:
        entries = section.entries
        if section.adds:
            present = _values(text, section.name)
            new = [("insteadOf", value) for _, value in entries if value not in present]
            entries = (*(("insteadOf", value) for value in present), *new) if new else ()
        text = with_section(text, section.name, entries) if entries else text
    return text


def _values(text: str, name: str) -> list[str]:
    return [line.value or "" for line in lines_of(text) if (line.section, line.key) == (name, _REWRITES)]


_LIMITS: Mapping[Way, tuple[str, ...]] = {
    "rewrite": (
        "Git alone is led to the server. Programs with a git of their own, as some IDEs, may not be.",
        "codecommit:: addresses become https ones, and git-remote-codecommit is not started.",
        "A codecommit:: address with another profile than the helper's is refused by the server.",
        "Addresses ssh://git-codecommit.REGION.amazonaws.com/ still go to AWS.",
    ),
    "resolve": (
        "The server must listen on port 443: curl is told another address here, not another port.",
        "git-remote-codecommit is led too. The AWS CLI and SDKs are not: see endpoint_url.",
    ),
    "proxy": (
        "The proxy must lead CONNECT to AWS's name and port 443 to the server; moorage brings none.",
        "git-remote-codecommit is led too; the AWS CLI and SDKs are by HTTPS_PROXY and AWS_CA_BUNDLE.",
    ),
}
_OVERRIDDEN = "Where GIT_SSL_CAINFO is set, it wins over the CA written here: its file needs that CA as well."


def limits(way: Way) -> list[str]:
    """Return what a way of routing does not reach: one line each, for a person."""
    return [*_LIMITS[way], *([] if way == "rewrite" else [_OVERRIDDEN])]


def wrapper(endpoint: str, ca_bundle: str | None, *, windows: bool = False) -> str:
    """Return lines that define `aws` for a terminal so that versions before 2.13 (1.29) find the server.

    They ignore AWS_ENDPOINT_URL and `endpoint_url` without a word, and would go to AWS.
    """
    if windows:
        bundle = f"$env:AWS_CA_BUNDLE = '{_in_powershell(ca_bundle)}'; " if ca_bundle else ""
        return f"function aws {{ {bundle}aws.exe --endpoint-url '{_in_powershell(endpoint)}' @args }}\n"
    bundle = f"AWS_CA_BUNDLE={shlex.quote(ca_bundle)} " if ca_bundle else ""
    return f'aws() {{ {bundle}command aws --endpoint-url {shlex.quote(endpoint)} "$@"; }}\n'


def ignores_endpoint_url(aws_version: str) -> bool:
    """Tell from what `aws --version` says whether it ignores AWS_ENDPOINT_URL and `endpoint_url`."""
    found = re.match(r"aws-cli/(\d+)\.(\d+)", aws_version)
    if found is None:
        return False
    version = int(found[1]), int(found[2])
    return version < (1, 29) or (2, 0) <= version < (2, 13)


def _trusting(ca_file: str, *, windows: bool) -> tuple[tuple[str, str], ...]:
    if not windows:
        return (("sslCAInfo", ca_file),)
    # The Windows TLS library looks at sslCAInfo only if it is told to.
    return (("sslCAInfo", ca_file.replace("\\", "/")), ("schannelUseSSLCAInfo", "true"))


def _hosts(regions: Iterable[str]) -> list[str]:
    return [host for region in sorted(set(regions)) for host in aws_hosts(region)]


def _in_powershell(text: str) -> str:
    return text.replace("'", "''")
