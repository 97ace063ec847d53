"""Where repositories are cloned from: settings say it, never the Host header of a request."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

_HTTPS_PORT = 443
_SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class SshPlace:
    """A port that serves SSH; `region` is the only one it serves, None where it serves all."""

    port: int
    region: str | None = None


@dataclass(frozen=True, slots=True)
class CloneUrls:
    """Clone URLs of every region.

    With a `public_url` (as https://git.example.org) every region's repositories have URLs under
    it, and the region is the one that signs. Otherwise each region has its own host below
    `domain`, as at AWS. SSH tells the server no host name: where no port is the region's own, the
    path names it, and for a domain below localhost, which ssh does not resolve, the host is that.
    """

    domain: str
    https_port: int = _HTTPS_PORT
    public_url: str | None = None
    ssh_places: tuple[SshPlace, ...] = ()  # none: as at AWS

    def https(self, region: str, name: str) -> str:
        """Return the URL that stock git clones over HTTPS."""
        if self.public_url is not None:
            return f"{self.public_url.rstrip('/')}/v1/repos/{name}"
        port = "" if self.https_port == _HTTPS_PORT else f":{self.https_port}"
        return f"https://{self._host(region)}{port}/v1/repos/{name}"

    def ssh(self, region: str, name: str) -> str:
        """Return the URL that stock git clones over SSH; the user's name there is an SSH key's id."""
        place = self._ssh_place(region)
        if place is None:
            return f"ssh://{self._host(region)}/v1/repos/{name}"
        local = self.public_url is None and f".{self.domain}".endswith(".localhost")
        host = "localhost" if local else self._host(region)
        port = "" if place.port == _SSH_PORT else f":{place.port}"
        path = "" if place.region is not None else f"/{region}"
        return f"ssh://{host}{port}{path}/v1/repos/{name}"

    def _ssh_place(self, region: str) -> SshPlace | None:
        for wanted in (region, None):
            for place in self.ssh_places:
                if place.region == wanted:
                    return place
        return None

    def _host(self, region: str) -> str:
        if self.public_url is not None:
            host = urlsplit(self.public_url).hostname or self.domain
            return f"[{host}]" if ":" in host else host
        return f"git-codecommit.{region}.{self.domain}"
