"""Where STS and IAM Identity Center are asked: the region, the address, the proxy and the trusted CA.

All of it comes from the environment and the profile that the command runs under, also while a source
profile's credentials are looked for: as in botocore.

Source: botocore's configuration variables and its endpoint rules of `sts`, `sso` and `sso-oidc`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from moorage.client import aws_files
from moorage.client.sources import NoCredentials
from moorage.client.sources.http_call import Answer, Call, CallFailed, is_loopback, parsed, proxy_for
from moorage.client.sources.told import one_line

if TYPE_CHECKING:
    from moorage.client.sources import Asked

GLOBAL_REGION = "us-east-1"  # signs what goes to the endpoint without a region
ATTEMPTS = 2  # a request for credentials changes nothing, so it may be sent again
SERVER_FAULTS = 500

# The first label of each service's host name.
_LABELS = {"sts": "sts", "sso": "portal.sso", "sso_oidc": "oidc"}


class _Partition(NamedTuple):
    prefix: str  # of its regions
    suffix: str
    dualstack_suffix: str


_PARTITIONS = (
    _Partition("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    _Partition("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    _Partition("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    _Partition("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    _Partition("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    _Partition("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    _Partition("", "amazonaws.com", "api.aws"),
)
_GOVERNMENT = "us-gov-"  # its plain names are FIPS ones

# The regions that the setting sts_regional_endpoints = legacy sends to the global endpoint.
_LEGACY_GLOBAL = frozenset({
    "ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "aws-global", "ca-central-1",
    "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1",
    "us-east-2", "us-west-1", "us-west-2",
})  # fmt: skip


class Endpoint(NamedTuple):
    url: str  # without a slash at its end
    region: str | None  # the one that signs; None where the address is one's own and no region is set


def setting(asked: Asked, variable: str, name: str) -> str | None:
    """Return a setting: the environment's variable, else the running profile's; an empty one is none."""
    return asked.environment.get(variable) or asked.session_settings().get(name) or None


def is_on(asked: Asked, variable: str, name: str) -> bool:
    return (setting(asked, variable, name) or "").lower() == "true"


def region_of(asked: Asked) -> str | None:
    """Return the region in use. The AWS CLI v2's order: v1 knows only AWS_DEFAULT_REGION."""
    found = asked.environment.get("AWS_REGION") or setting(asked, "AWS_DEFAULT_REGION", "region")
    return None if found is None else checked_region(found)


def checked_region(name: str) -> str:
    """Return a region's name: it becomes part of a host name.

    Raises:
        NoCredentials: it cannot be one.
    """
    label = name.isascii() and name.replace("-", "").isalnum() and len(name) < 64
    if not label or name.startswith("-") or name.endswith("-") or name.isdigit():
        raise NoCredentials(f"{one_line(name, 60)!r} is no AWS region: correct the region that is set")
    return name


def endpoint(asked: Asked, service: str, in_region: str | None) -> Endpoint:
    """Return where a service (`sts`, `sso`, `sso_oidc`) is asked.

    Raises:
        NoCredentials: the address set for it is none, or would show credentials to the network.
    """
    given = _configured(asked, service)
    if given is not None:
        _check_url(given)
        return Endpoint(given.rstrip("/"), in_region and _signing_region(in_region))
    host, signs = _host(asked, service, in_region)
    return Endpoint(f"https://{host}", signs)


def ask(
    asked: Asked,
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> Answer:
    """Send a request to AWS, again once when the first try meets a fault of the line or the server.

    Raises:
        CallFailed: there is no answer.
    """
    call = Call(
        url, method, headers, body,
        ca_bundle=setting(asked, "AWS_CA_BUNDLE", "ca_bundle") or asked.environment.get("REQUESTS_CA_BUNDLE"),
        proxy=proxy_for(asked.environment, url),
    )  # fmt: skip
    for _ in range(ATTEMPTS - 1):
        try:
            answer = call.answer()
        except CallFailed:
            continue
        if answer.status < SERVER_FAULTS:
            return answer
    return call.answer()


def _configured(asked: Asked, service: str) -> str | None:
    if is_on(asked, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"):
        return None
    environment, settings = asked.environment, asked.session_settings()
    named = environment.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environment.get("AWS_ENDPOINT_URL")
    return named or _of_services(asked, settings, service) or settings.get("endpoint_url") or None


def _of_services(asked: Asked, settings: Mapping[str, str], service: str) -> str | None:
    name = settings.get("services")
    if name is None:
        return None
    section = aws_files.named(asked.config, "services").get(name)
    if not section:
        path = aws_files.config_path(asked.environment)
        raise NoCredentials(f"a profile names services {name!r}, and {path} has no [services {name}]")
    return aws_files.nested(section.get(service, "")).get("endpoint_url")


def _check_url(url: str) -> None:
    try:
        parts = parsed(url)
    except CallFailed as error:
        raise NoCredentials(f"the endpoint_url that is set is wrong: {error}") from None
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise NoCredentials(f"{one_line(url, 100)} would send credentials in the clear: use https")


def _signing_region(in_region: str | None) -> str:
    return GLOBAL_REGION if in_region in {None, "aws-global"} else str(in_region)


def _host(asked: Asked, service: str, in_region: str | None) -> tuple[str, str]:
    fips = is_on(asked, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint")
    dualstack = is_on(asked, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint")
    if service == "sts" and not fips and not dualstack and _is_global(asked, in_region):
        return "sts.amazonaws.com", GLOBAL_REGION
    signs = _signing_region(in_region)
    partition = next(known for known in _PARTITIONS if signs.startswith(known.prefix))
    label = _LABELS[service]
    if fips and (dualstack or not signs.startswith(_GOVERNMENT)):
        label += "-fips"
    return f"{label}.{signs}.{partition.dualstack_suffix if dualstack else partition.suffix}", signs


def _is_global(asked: Asked, in_region: str | None) -> bool:
    if in_region in {None, "aws-global"}:
        return True
    legacy = setting(asked, "AWS_STS_REGIONAL_ENDPOINTS", "sts_regional_endpoints") == "legacy"
    return legacy and in_region in _LEGACY_GLOBAL
