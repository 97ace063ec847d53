"""Regions, partitions and the host names that stand for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from moorage.core.arn import GLOBAL_REGIONS, partition_of
from moorage.wire import models

HostService = Literal["git", "codecommit", "iam", "kms", "sts", "console"]

PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
DEFAULT_DOMAIN = "amazonaws.com.localhost"

# Real names of AWS's services end so, beside the partitions' own suffixes from botocore's data.
_DUAL_STACK_SUFFIXES = ("api.aws", "api.amazonwebservices.com.cn")
_REGION = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
_HOST = re.compile(
    r"(vpce-[a-z0-9-]+\.)?"
    r"(?P<service>git-codecommit|codecommit|iam|kms|sts|console)(-fips)?"
    r"(\.(?P<region>[a-z0-9-]+))?(\.vpce)?"
)
# What stands at a region's place in the names of IAM, which has one endpoint a partition.
_IAM_REGIONS = {"global": "us-east-1", "us-gov": "us-gov-west-1"}


_HOST_SERVICES: dict[str, HostService] = {
    "git-codecommit": "git",
    "codecommit": "codecommit",
    "iam": "iam",
    "kms": "kms",
    "sts": "sts",
    "console": "console",
}


@dataclass(frozen=True, slots=True)
class HostName:
    """What a host name asks for. `region` None: the name tells none, the signature does."""

    service: HostService
    region: str | None


class Regions:
    """The regions served: CodeCommit's, from botocore's endpoint data, and those of the settings.

    `domain` is the setting of that name, under which the services' own names stand.
    """

    def __init__(self, extra: Iterable[str] = (), domain: str = DEFAULT_DOMAIN) -> None:
        data = {entry["partition"]: entry for entry in models.endpoints()["partitions"]}
        self._suffixes: dict[str, str] = {name: data[name]["dnsSuffix"] for name in PARTITIONS}
        found: dict[str, bool] = {}
        for name in PARTITIONS:
            found |= _codecommit_regions(data[name])
        for region in extra:
            if _REGION.fullmatch(region) is None:
                raise ValueError(f"{region!r} is no region name: use lower-case words joined by hyphens")
            found.setdefault(region, False)
        self._fips = found
        self.enabled: tuple[str, ...] = tuple(sorted(found))
        self.domain = domain.strip(".").lower()
        real = (*self._suffixes.values(), *_DUAL_STACK_SUFFIXES)
        # The longest first: amazonaws.com.cn before amazonaws.com.
        self._real_suffixes = tuple(sorted(set(real), key=len, reverse=True))

    def __contains__(self, region: object) -> bool:
        return region in self._fips

    def __iter__(self) -> Iterator[str]:
        return iter(self.enabled)

    def partition(self, region: str) -> str:
        """Return the partition of a region: aws, aws-cn or aws-us-gov."""
        return partition_of(region)

    def dns_suffix(self, region: str) -> str:
        """Return what AWS's own names of a region end with, as amazonaws.com."""
        return self._suffixes[partition_of(region)]

    def has_fips(self, region: str) -> bool:
        """Tell whether AWS has a FIPS endpoint of CodeCommit in a region."""
        return self._fips.get(region, False)

    def global_region(self, region: str) -> str:
        """Return the region that signatures for IAM name, in a region's partition."""
        return GLOBAL_REGIONS[partition_of(region)]

    def parse_host(self, host: str) -> HostName | None:
        """Return what a Host header asks for, under the own domain or AWS's real names.

        None for any other name. Case is not folded: the AWS CLI's helper takes no region from a name
        in capitals either, and signs with the configured one. The region may be one not served.
        """
        name = host.partition(":")[0].removesuffix(".")
        if name.endswith(f".{self.domain}"):
            return self._named(name.removesuffix(f".{self.domain}"), real_suffix=None)
        for suffix in self._real_suffixes:
            if name.endswith(f".{suffix}"):
                return self._named(name.removesuffix(f".{suffix}"), real_suffix=suffix)
        return None

    def _named(self, prefix: str, real_suffix: str | None) -> HostName | None:
        found = _HOST.fullmatch(prefix)
        if found is None:
            return None
        service, region = _HOST_SERVICES[found["service"]], found["region"]
        if service == "iam":
            return HostName("iam", _iam_region(region, real_suffix))
        if service == "sts" and region is None:
            # sts.amazonaws.com is the global endpoint, which is us-east-1's.
            return HostName("sts", "us-east-1" if real_suffix else None)
        if (service == "console") != (region is None):
            return None
        return HostName(service, region)


def _iam_region(region: str | None, real_suffix: str | None) -> str | None:
    if region is not None:
        return _IAM_REGIONS.get(region, region)
    if real_suffix is None:
        return None  # our own iam.DOMAIN serves every partition
    return GLOBAL_REGIONS["aws-cn" if real_suffix.endswith(".cn") else "aws"]


def _codecommit_regions(partition: dict[str, Any]) -> dict[str, bool]:
    """Return a partition's regions that have CodeCommit, and whether with a FIPS endpoint."""
    listed = partition["services"].get("codecommit", {}).get("endpoints", {})
    return {
        region: any("fips" in variant["tags"] for variant in endpoint.get("variants", ()))
        for region, endpoint in listed.items()
        if region in partition["regions"]  # the rest are old pseudo-regions, as fips
    }
