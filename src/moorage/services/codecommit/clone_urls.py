"""Where repositories are cloned from: settings say it, never the Host header of a request."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

_HTTPS_PORT = 443


@dataclass(frozen=True, slots=True)
class CloneUrls:
    """Clone URLs of every region.

    With a `public_url` (as https://git.example.org) every region's repositories have URLs under
    it, and the region is the one that signs. Otherwise each region has its own host below
    `domain`, as at AWS.
    """

    domain: str
    https_port: int = _HTTPS_PORT
    public_url: str | None = None
    ssh_port: int | None = None  # None: the one that ssh uses by itself

    def https(self, region: str, name: str) -> str:
        """Return the URL that stock git clones over HTTPS."""
        if self.public_url is not None:
            return f"{self.public_url.rstrip('/')}/v1/repos/{name}"
        port = "" if self.https_port == _HTTPS_PORT else f":{self.https_port}"
        return f"https://{self._host(region)}{port}/v1/repos/{name}"

    def ssh(self, region: str, name: str) -> str:
        """Return the URL that stock git clones over SSH."""
        port = "" if self.ssh_port is None else f":{self.ssh_port}"
        return f"ssh://{self._host(region)}{port}/v1/repos/{name}"

    def _host(self, region: str) -> str:
        if self.public_url is not None:
            host = urlsplit(self.public_url).hostname or self.domain
            return f"[{host}]" if ":" in host else host
        return f"git-codecommit.{region}.{self.domain}"
