"""What people do with `git clone` and `git fetch`, through the guide's helper."""

from __future__ import annotations

import pytest

from person import AWS_V1, Person
from service_process import Service

pytestmark = pytest.mark.needs("git")
COMMITS = 6


@pytest.fixture(scope="module")
def url(service: Service, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A repository with a short history and one big file, pushed as root."""
    person = Person(tmp_path_factory.mktemp("writer") / "home", AWS_V1, service)
    person.use_a_quick_helper((service.key_id, service.secret))
    person.name_in_commits()
    address = service.create_repository("history")
    person.ok("git", "clone", "--quiet", address, "work")
    work = person.home / "work"
    person.ok("git", "checkout", "--quiet", "-b", "main", cwd=work)
    for number in range(COMMITS):
        person.commit(work, f"folder/{number}.txt", f"{number}\n" * 2_000)
    person.ok("git", "push", "--quiet", "origin", "main", "HEAD~2:refs/heads/older", cwd=work)
    return address


def test_a_shallow_clone_is_deepened_and_made_whole(root: Person, url: str) -> None:
    root.ok("git", "clone", "--quiet", "--depth", "1", url, "work")
    work = root.home / "work"
    assert root.ok("git", "rev-list", "--count", "HEAD", cwd=work).strip() == "1"
    root.ok("git", "fetch", "--quiet", "--deepen", "2", cwd=work)
    assert root.ok("git", "rev-list", "--count", "HEAD", cwd=work).strip() == "3"
    root.ok("git", "fetch", "--quiet", "--unshallow", cwd=work)
    assert root.ok("git", "rev-list", "--count", "HEAD", cwd=work).strip() == str(COMMITS)
    assert root.ok("git", "fsck", "--full", cwd=work) == ""


@pytest.mark.parametrize("limit", ["--shallow-exclude=older", "--shallow-since=2020-01-01"])
def test_other_ways_to_cut_a_history(root: Person, url: str, limit: str) -> None:
    root.ok("git", "clone", "--quiet", limit, url, "work")
    count = int(root.ok("git", "rev-list", "--count", "HEAD", cwd=root.home / "work"))
    assert count == (2 if "exclude" in limit else COMMITS)


@pytest.mark.parametrize("wanted", ["blob:none", "tree:0", "blob:limit=1k"])
def test_a_partial_clone_fetches_the_rest_when_it_is_read(root: Person, url: str, wanted: str) -> None:
    root.ok("git", "clone", "--quiet", "--no-checkout", f"--filter={wanted}", url, "work")
    work = root.home / "work"
    missing = root.ok("git", "rev-list", "--objects", "--all", "--missing=print", cwd=work)
    assert "\n?" in missing
    root.ok("git", "checkout", "--quiet", "main", cwd=work)
    assert len(list((work / "folder").iterdir())) == COMMITS


def test_any_object_may_be_wanted_by_its_id(root: Person, url: str) -> None:
    root.ok("git", "clone", "--quiet", url, "whole")
    wanted = root.ok("git", "rev-parse", "HEAD~3", cwd=root.home / "whole").strip()
    blob = root.ok("git", "rev-parse", "HEAD:folder/0.txt", cwd=root.home / "whole").strip()
    for version in ("0", "1", "2"):
        folder = f"v{version}"
        root.ok("git", "init", "--quiet", folder)
        fetch = ("git", "-c", f"protocol.version={version}", "fetch", "--quiet", "--depth", "1", url)
        root.ok(*fetch, wanted, cwd=root.home / folder)
        root.ok(*fetch, blob, cwd=root.home / folder)
        assert root.ok("git", "cat-file", "-t", blob, cwd=root.home / folder) == "blob\n"


def test_an_object_that_nobody_has_is_refused_with_a_reason(root: Person, url: str) -> None:
    root.ok("git", "init", "--quiet", "work")
    said = root.refused("git", "fetch", url, "1" * 40, cwd=root.home / "work")
    assert "1" * 40 in said


def test_an_empty_repository_is_cloned_with_a_warning(root: Person, service: Service) -> None:
    done = root.run("git", "clone", service.create_repository("empty"), "work")
    assert done.status == 0
    assert "empty repository" in done.err


@pytest.mark.parametrize(
    "form",
    ["{}.git", "{}/", "{}.git/"],
    ids=["with .git", "with a slash", "with both"],
)
def test_addresses_that_people_type(root: Person, url: str, form: str) -> None:
    assert "refs/heads/main" in root.ok("git", "ls-remote", form.format(url))


def test_a_doubled_slash_is_forgiven(root: Person, url: str) -> None:
    assert "refs/heads/main" in root.ok("git", "ls-remote", url.replace("/v1/", "//v1/"))


def test_a_user_name_in_the_address_still_leads_to_the_helper(root: Person, url: str) -> None:
    """curl answers the first 401 with that name and no password: it must be told 401 again."""
    assert "refs/heads/main" in root.ok("git", "ls-remote", url.replace("https://", "https://mary@"))


def test_a_request_with_many_haves_goes_compressed(root: Person, url: str) -> None:
    root.ok("git", "clone", "--quiet", url, "work")
    work = root.home / "work"
    for number in range(60):
        root.commit(work, f"local-{number}.txt")
    trace = {"GIT_TRACE_CURL": "1", "GIT_TRACE_CURL_NO_DATA": "1"}
    root.ok("git", "update-ref", "-d", "refs/remotes/origin/older", cwd=work)
    done = root.run("git", "fetch", "--refetch", cwd=work, env=trace)
    assert done.status == 0, done.err
    done = root.run("git", "-c", "protocol.version=0", "fetch", "origin", "older:again", cwd=work, env=trace)
    assert done.status == 0, done.err


def test_a_stale_password_in_a_store_heals_itself(root: Person, service: Service, url: str) -> None:
    """AWS answers 403 and the entry stays for ever; here git is told 401, and forgets it."""
    stored = root.home / ".git-credentials"
    helper = root.ok("git", "config", "--global", "credential.helper").strip()
    root.git_global("credential.helper", "store")
    root.git_global("--add", "credential.helper", helper)
    stale = "20200101T000000Z" + "0" * 64
    path = url.partition("://")[2]
    stored.write_text(f"https://{service.key_id}:{stale}@{path.replace(':', '%3a', 1)}\n")
    first = root.run("git", "ls-remote", url)
    assert first.status != 0
    assert stale not in stored.read_text()
    root.ok("git", "ls-remote", url)


def test_a_clone_by_a_key_that_was_switched_off_is_refused(root: Person, service: Service, url: str) -> None:
    key = service.create_user("leaving", "arn:aws:iam::aws:policy/AWSCodeCommitReadOnly")
    root.use_a_quick_helper(key)
    root.ok("git", "ls-remote", url)
    service.client("iam").update_access_key(UserName="leaving", AccessKeyId=key[0], Status="Inactive")
    said = root.refused("git", "ls-remote", url)
    assert "Authentication failed" in said or "could not read Username" in said
