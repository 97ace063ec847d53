"""Every region of the guide's list is served by the one port; a partition needs an account of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e_names import CHINESE_REGIONS, GOVERNMENT_REGIONS, REGIONS
from person import AWS_V1, Person
from service_process import serving

pytestmark = [pytest.mark.needs("git"), pytest.mark.timeout(400)]


@pytest.mark.parametrize(
    ("regions", "partition"),
    [(REGIONS, "aws"), (CHINESE_REGIONS, "aws-cn"), (GOVERNMENT_REGIONS, "aws-us-gov")],
    ids=["the world", "China", "the government's"],
)
def test_each_region_is_cloned_once(tmp_path: Path, regions: tuple[str, ...], partition: str) -> None:
    with serving(tmp_path, "--region", regions[0]) as service:
        person = Person(tmp_path / "home", AWS_V1, service)
        person.use_a_quick_helper((service.key_id, service.secret), region="")
        for region in regions:
            codecommit = service.client("codecommit", region)
            made = codecommit.create_repository(repositoryName="MyDemoRepo")["repositoryMetadata"]
            assert made["Arn"].startswith(f"arn:{partition}:codecommit:{region}:")
            person.ok("git", "clone", made["cloneUrlHttp"], region)
        assert sorted(path.name for path in person.home.iterdir() if (path / ".git").exists()) == sorted(
            regions
        )
        # What signs above takes the region of the host's name, as the stock helper does.
        person.write_profile((service.key_id, service.secret), regions[0])
        person.use_the_aws_helper()
        for region in (regions[0], regions[-1]):
            person.ok("git", "ls-remote", service.url("MyDemoRepo", region))


def test_repositories_of_one_name_in_two_regions_are_two(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        person = Person(tmp_path / "home", AWS_V1, service)
        person.use_a_quick_helper((service.key_id, service.secret), region="")
        person.name_in_commits()
        for region in ("us-east-2", "eu-west-1"):
            service.create_repository("twice", region)
            person.ok("git", "clone", "--quiet", service.url("twice", region), region)
            person.commit(person.home / region, text=f"of {region}\n")
            person.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=person.home / region)
        for region in ("us-east-2", "eu-west-1"):
            person.ok("git", "clone", "--quiet", service.url("twice", region), f"again-{region}")
            assert (person.home / f"again-{region}" / "cat.txt").read_text() == f"of {region}\n"
