"""The lines that connect a client, as the start page and the demo show them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from moorage.console.start_page import Connection
from moorage.edge import discovery as well_known
from moorage.edge.discovery import Surroundings
from moorage.services.codecommit.clone_urls import CloneUrls, SshPlace

if TYPE_CHECKING:
    from moorage.server.settings import Settings
    from moorage.wire.regions import Regions

GUIDE_REGION = "us-east-2"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where clients find this service, once its ports are known."""

    domain: str
    https_port: int
    api: str  # for clients that resolve no name under localhost: https://localhost:8443
    public_url: str | None
    ssh: tuple[SshPlace, ...] = ()

    @property
    def clone_urls(self) -> CloneUrls:
        return CloneUrls(self.domain, self.https_port, self.public_url, self.ssh)

    def clone_url(self, region: str, name: str) -> str:
        """Return a repository's clone URL."""
        return self.clone_urls.https(region, name)


def endpoints(settings: Settings, https_port: int, ssh: tuple[SshPlace, ...] = ()) -> Endpoints:
    """Return where a service with these settings is found, which listens on these ports."""
    if settings.public_url is not None:
        api = settings.public_url
    else:
        api = f"https://{_reachable(settings)}:{https_port}"
    return Endpoints(settings.domain, https_port, api, settings.public_url, ssh)


def discovery(settings: Settings, regions: Regions, found: Endpoints) -> bytes:
    """Return the document that tells clients how to be set up for this service."""
    surroundings = Surroundings(
        domain=settings.domain,
        default_region=settings.region,
        api=found.api,
        clone_url_prefixes={region: found.clone_url(region, "") for region in regions},
        ca=f"{found.api}/ca.pem" if settings.tls_cert is None else None,
        aws_names_ca=f"{found.api}/aws-names-ca.pem" if settings.aws_names else None,
        ssh=[(place.port, place.region) for place in found.ssh],
    )
    return well_known.document(surroundings)


def _reachable(settings: Settings) -> str:
    """Return a host name for Python clients, which do not resolve names under localhost."""
    if settings.tls_cert is None:
        return "localhost"
    try:
        any_address = ipaddress.ip_address(settings.https.host).is_unspecified
    except ValueError:
        any_address = False
    return settings.domain if any_address else settings.https.host


def for_start_page(found: Endpoints, region: str, *, own_ca: bool) -> list[Connection]:
    """Return what the start page shows to everyone: no credential and no path of this machine.

    `own_ca`: the certificate is from the service's own CA, which /ca.pem gives.
    """
    lines = []
    if own_ca:
        fetch = f"curl --insecure --output moorage-ca.pem {found.api}/ca.pem"
        trust = 'export GIT_SSL_CAINFO="$PWD/moorage-ca.pem" AWS_CA_BUNDLE="$PWD/moorage-ca.pem"'
        lines.append(Connection("Trust this service's certificates", f"{fetch}\n{trust}"))
    aws = f"aws codecommit list-repositories --endpoint-url {found.api} --region {region}"
    lines.append(Connection("List repositories with the AWS CLI", aws))
    helper = (
        "git config --global credential.helper '!aws codecommit credential-helper $@'\n"
        "git config --global credential.UseHttpPath true"
    )
    lines.append(Connection("Let Git sign with your AWS credentials", helper))
    setup = f"moorage setup {found.api}" + (" --ca moorage-ca.pem" if own_ca else "")
    lines.append(Connection("Or have moorage set Git up, for this service alone", setup))
    lines.append(Connection("Clone a repository", f"git clone {found.clone_url(region, 'NAME')}"))
    if found.ssh:
        url = found.clone_urls.ssh(region, "NAME").replace("ssh://", "ssh://SSH-KEY-ID@")
        lines.append(Connection("Clone with an SSH key", f"git clone {url}"))
    if urlsplit(found.api).hostname == "localhost":
        lines.append(Connection("The API's base URL for SDKs", f"export AWS_ENDPOINT_URL={found.api}"))
    return lines
