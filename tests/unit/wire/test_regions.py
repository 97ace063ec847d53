from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.wire.regions import HostName, Regions

REGIONS = Regions()


def test_codecommits_29_regions_are_served() -> None:
    assert len(REGIONS.enabled) == 29
    assert {"us-east-2", "eu-central-1", "cn-northwest-1", "us-gov-east-1", "ap-south-2"} <= set(REGIONS)
    assert "fips" not in REGIONS
    assert "us-east-1-fips" not in REGIONS


def test_fips_endpoints_are_where_aws_has_them() -> None:
    assert [region for region in REGIONS if REGIONS.has_fips(region)] == [
        "ca-central-1",
        "us-east-1",
        "us-east-2",
        "us-gov-east-1",
        "us-gov-west-1",
        "us-west-1",
        "us-west-2",
    ]


@pytest.mark.parametrize(
    ("region", "partition", "suffix", "global_region"),
    [
        ("us-east-2", "aws", "amazonaws.com", "us-east-1"),
        ("cn-northwest-1", "aws-cn", "amazonaws.com.cn", "cn-north-1"),
        ("us-gov-east-1", "aws-us-gov", "amazonaws.com", "us-gov-west-1"),
    ],
)
def test_a_region_has_a_partition_and_its_names(
    region: str, partition: str, suffix: str, global_region: str
) -> None:
    assert REGIONS.partition(region) == partition
    assert REGIONS.dns_suffix(region) == suffix
    assert REGIONS.global_region(region) == global_region


def test_settings_add_regions() -> None:
    regions = Regions(extra=["eu-cellar-1", "us-east-1"])
    assert len(regions.enabled) == 30
    assert "eu-cellar-1" in regions
    assert regions.has_fips("us-east-1")


@pytest.mark.parametrize("name", ["", "cellar", "EU-CELLAR-1", "eu_cellar_1", "eu-cellar-1/x", "-a", "a-"])
def test_a_name_that_no_host_could_hold_is_no_region(name: str) -> None:
    with pytest.raises(ValueError, match="no region name"):
        Regions(extra=[name])


@pytest.mark.parametrize(
    ("host", "service", "region"),
    [
        ("git-codecommit.us-east-2.amazonaws.com.localhost", "git", "us-east-2"),
        ("git-codecommit.us-east-2.amazonaws.com.localhost:8443", "git", "us-east-2"),
        ("git-codecommit.us-east-2.amazonaws.com.localhost.", "git", "us-east-2"),
        ("git-codecommit-fips.us-east-1.amazonaws.com.localhost", "git", "us-east-1"),
        ("codecommit.eu-west-1.amazonaws.com.localhost:8443", "codecommit", "eu-west-1"),
        ("sts.eu-west-1.amazonaws.com.localhost", "sts", "eu-west-1"),
        ("kms.eu-west-1.amazonaws.com.localhost", "kms", "eu-west-1"),
        ("iam.amazonaws.com.localhost", "iam", None),
        ("sts.amazonaws.com.localhost", "sts", None),
        ("console.amazonaws.com.localhost", "console", None),
        ("git-codecommit.us-east-2.amazonaws.com", "git", "us-east-2"),
        ("git-codecommit-fips.us-gov-west-1.amazonaws.com", "git", "us-gov-west-1"),
        ("git-codecommit.cn-north-1.amazonaws.com.cn", "git", "cn-north-1"),
        ("vpce-0b47ea360adebf88a-jkl88hez.git-codecommit.us-west-2.vpce.amazonaws.com", "git", "us-west-2"),
        ("codecommit.us-east-2.amazonaws.com", "codecommit", "us-east-2"),
        ("codecommit-fips.us-east-2.amazonaws.com", "codecommit", "us-east-2"),
        ("codecommit.us-east-2.api.aws", "codecommit", "us-east-2"),
        ("kms.cn-north-1.amazonaws.com.cn", "kms", "cn-north-1"),
        ("sts.amazonaws.com", "sts", "us-east-1"),
        ("sts.us-west-2.amazonaws.com", "sts", "us-west-2"),
        ("iam.amazonaws.com", "iam", "us-east-1"),
        ("iam.global.api.aws", "iam", "us-east-1"),
        ("iam.us-gov.amazonaws.com", "iam", "us-gov-west-1"),
        ("iam.cn-north-1.amazonaws.com.cn", "iam", "cn-north-1"),
        ("git-codecommit.mars-north-1.amazonaws.com", "git", "mars-north-1"),
    ],
)
def test_host_names_say_what_is_asked_for(host: str, service: str, region: str | None) -> None:
    parsed = REGIONS.parse_host(host)
    assert parsed is not None
    assert (parsed.service, parsed.region) == (service, region)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost:8443",
        "127.0.0.1:8443",
        "[::1]:8443",
        "git.example.org",
        "amazonaws.com",
        "amazonaws.com.localhost",
        "codecommit.amazonaws.com.localhost",
        "kms.amazonaws.com.localhost",
        "git-codecommit.amazonaws.com.localhost",
        "console.us-east-2.amazonaws.com.localhost",
        "s3.us-east-2.amazonaws.com",
        "GIT-CODECOMMIT.US-EAST-2.AMAZONAWS.COM",
        "git-codecommit.us-east-2.amazonaws.com.evil.example",
        "evil.git-codecommit.us-east-2.amazonaws.com",
        "git-codecommit.us-east-2.amazonaws.comlocalhost",
    ],
)
def test_other_names_say_nothing(host: str) -> None:
    assert REGIONS.parse_host(host) is None


def test_a_domain_of_ones_own_is_known_and_awss_names_still_are() -> None:
    regions = Regions(domain="git.example.org")
    assert regions.parse_host("kms.eu-west-1.git.example.org:443") == HostName("kms", "eu-west-1")
    assert regions.parse_host("iam.git.example.org") == HostName("iam", None)
    assert regions.parse_host("codecommit.us-east-2.amazonaws.com") == HostName("codecommit", "us-east-2")
    assert regions.parse_host("codecommit.us-east-2.amazonaws.com.localhost") is None


@given(st.text(max_size=80))
def test_no_host_breaks_the_parser(host: str) -> None:
    for text in (host, f"git-codecommit.{host}.amazonaws.com"):
        REGIONS.parse_host(text)
