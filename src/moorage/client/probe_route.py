"""How git would reach a URL: the address, the proxy and the certificates that its configuration names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from moorage.client import git_config, git_urls
from moorage.client.git_config import Entry

DEFAULT_PORTS = {"http": 80, "https": 443}
# Debian's libcurl trusts this folder also where git is given a file; others take the file alone.
_DEBIANS_FOLDER, _DEBIANS_BUNDLE = "/etc/ssl/certs", "/etc/ssl/certs/ca-certificates.crt"
_FALSE = frozenset({"false", "no", "off", "0"})


class Route(NamedTuple):
    """A URL and the way to it. `ca_named_by` is the setting that names the certificates, "" for none."""

    scheme: str
    host: str
    port: int
    path: str  # begins with a slash, ends without one
    addresses: tuple[str, ...] = ()  # of http.curloptResolve
    proxy: str = ""  # HOST:PORT
    proxy_named_by: str = ""
    ca_file: str = ""
    ca_named_by: str = ""
    also_trusts: str = ""  # a folder of certificates
    is_checked: bool = True  # False: git takes any certificate

    @property
    def netloc(self) -> str:
        """The host as the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS.get(self.scheme) else f"{host}:{self.port}"


def route(
    url: str, entries: Iterable[Entry] = (), environment: Mapping[str, str] | None = None
) -> Route | None:
    """Return the way to a clone URL; None if it is no http(s) URL."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return None
    found, told = list(entries), environment or {}
    host = parts.netloc.rpartition("@")[2]
    host = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    ours = Route(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme], "/" + parts.path.strip("/"))
    return _with_certificates(
        _with_proxy(ours._replace(addresses=_told_addresses(ours, found, url)), found, told, url),
        found,
        told,
        url,
    )


def _told_addresses(ours: Route, entries: list[Entry], url: str) -> tuple[str, ...]:
    addresses: tuple[str, ...] = ()
    for entry in _of_http(entries, "curloptresolve", url):
        host, port, rest = (*entry.value.lstrip("+").split(":", 2), "", "")[:3]
        if entry.value.startswith("-"):
            host = host[1:]
        if host.lower() in {ours.host.lower(), "*"} and port == str(ours.port):
            addresses = (
                ()
                if entry.value.startswith("-")
                else tuple(each.strip("[]") for each in rest.split(",") if each)
            )
    return addresses


def _with_proxy(ours: Route, entries: list[Entry], environment: Mapping[str, str], url: str) -> Route:
    named = next(iter(reversed(list(_of_http(entries, "proxy", url)))), None)
    if named is not None:
        # An empty value says: no proxy, whatever the environment has.
        return ours._replace(
            proxy=_netloc(named.value), proxy_named_by=f"{named.key} in {named.file or 'the environment'}"
        )
    if _is_exempt(ours.host, environment.get("no_proxy") or environment.get("NO_PROXY") or ""):
        return ours
    # As libcurl: http_proxy counts in small letters only, since a CGI program's HTTP_PROXY is anybody's.
    names = ["https_proxy", "HTTPS_PROXY"] if ours.scheme == "https" else ["http_proxy"]
    for name in (*names, "all_proxy", "ALL_PROXY"):
        if environment.get(name):
            return ours._replace(proxy=_netloc(environment[name]), proxy_named_by=name)
    return ours


def _with_certificates(ours: Route, entries: list[Entry], environment: Mapping[str, str], url: str) -> Route:
    verify = git_config.value_for(entries, url, "http.sslverify")
    refuses = "GIT_SSL_NO_VERIFY" in environment or (verify is not None and verify.value.lower() in _FALSE)
    ours = ours._replace(is_checked=not refuses)
    file = environment.get("GIT_SSL_CAINFO", "")
    named_by = "GIT_SSL_CAINFO" if file else ""
    entry = git_config.value_for(entries, url, "http.sslcainfo")
    if not file and entry is not None and entry.value:
        file, named_by = entry.value, f"http.sslCAInfo in {entry.file or 'the environment'}"
    if not file:
        return ours
    home = environment.get("HOME") or environment.get("USERPROFILE") or ""
    if file.startswith("~/") and home:
        file = home + file[1:]
    folder = _DEBIANS_FOLDER if os.path.exists(_DEBIANS_BUNDLE) else ""  # noqa: PTH110 - a text is wanted
    return ours._replace(ca_file=file, ca_named_by=named_by, also_trusts=folder)


def _of_http(entries: list[Entry], name: str, url: str) -> Iterator[Entry]:
    for entry in entries:
        section, _, rest = entry.key.partition(".")
        section_url, _, its_name = rest.rpartition(".")
        if section == "http" and its_name == name and (not section_url or git_urls.rank(section_url, url)):
            yield entry


def _netloc(proxy: str) -> str:
    """Return a proxy's host and port, without the password that its URL may hold."""
    return proxy.rpartition("@")[2] if "://" not in proxy else _with_scheme(proxy)


def _with_scheme(proxy: str) -> str:
    scheme, _, rest = proxy.partition("://")
    netloc = rest.rpartition("@")[2].rstrip("/")
    return netloc if scheme == "http" else f"{scheme}://{netloc}"


def _is_exempt(host: str, exempt: str) -> bool:
    names = [name.strip().lstrip(".").lower() for name in exempt.split(",")]
    return names == ["*"] or any(
        name and (host.lower() == name or host.lower().endswith(f".{name}")) for name in names
    )
