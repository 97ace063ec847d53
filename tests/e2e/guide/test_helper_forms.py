"""Every way in which people write the helper into Git's configuration."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import dev
import pytest

from e2e_names import POWER_USER, NewPerson
from moorage.client.signing_hosts import with_host
from person import AWS_V1, AWS_V2, AWS_V2_NEW, AwsCli, Person
from service_process import Service

pytestmark = pytest.mark.needs("git")


@pytest.fixture(scope="module")
def key(service: Service) -> tuple[str, str]:
    service.create_repository("forms")
    return service.create_user("writer", POWER_USER)


@pytest.fixture
def writer(new_person: NewPerson, aws_cli: AwsCli) -> Person:
    return new_person(aws_cli)


def with_one(aws_cli: AwsCli) -> pytest.MarkDecorator:
    """For a form that Git and the shell read, and no build of the AWS CLI otherwise than another."""
    return pytest.mark.parametrize("aws_cli", [aws_cli], indirect=True, ids=[aws_cli.name])


@pytest.mark.parametrize(
    ("aws_cli", "profile", "options"),
    [
        (AWS_V1, "CodeCommitProfile", "--profile CodeCommitProfile"),
        (AWS_V2, "CodeCommitProfile", "--profile CodeCommitProfile"),
        (AWS_V2_NEW, "CodeCommitProfile", "--profile CodeCommitProfile"),
        (AWS_V1, "My Profile", '--profile "My Profile"'),
        (AWS_V2, "My Profile", '--profile "My Profile"'),
        (AWS_V2_NEW, "X", "--profile=X"),
    ],
    ids=["v1", "v2", "v2-new", "v1 with a space", "v2 with a space", "v2-new with an equals sign"],
    indirect=["aws_cli"],
)
def test_a_named_profile_before_the_helper(
    writer: Person, service: Service, key: tuple[str, str], profile: str, options: str
) -> None:
    writer.configure(key, profile=profile)
    writer.use_the_guides_helper(options)
    writer.ok("git", "ls-remote", service.url("forms"))


def test_a_named_profile_where_the_guide_puts_it(
    writer: Person, service: Service, key: tuple[str, str]
) -> None:
    writer.write_profile(key, profile="CodeCommitProfile")
    line = "!aws --profile CodeCommitProfile codecommit credential-helper $@"
    writer.git_global("credential.helper", line)
    writer.git_global("credential.UseHttpPath", "true")
    writer.ok("git", "ls-remote", service.url("forms"))


@with_one(AWS_V2)
def test_the_form_for_one_url_alone(writer: Person, service: Service, key: tuple[str, str]) -> None:
    writer.write_profile(key, profile="CodeCommitProfile")
    site = f"https://{service.host('us-east-2')}:{service.port}"
    helper = "!aws --profile CodeCommitProfile codecommit credential-helper $@"
    writer.git_global(f"credential.{site}.helper", helper)
    writer.git_global(f"credential.{site}.UseHttpPath", "true")
    writer.ok("git", "ls-remote", service.url("forms"))
    writer.refused("git", "ls-remote", service.url("forms", "eu-west-1"))


@with_one(AWS_V1)
def test_the_form_for_the_whole_machine(writer: Person, service: Service, key: tuple[str, str]) -> None:
    writer.write_profile(key)
    del writer.env["GIT_CONFIG_NOSYSTEM"]
    writer.env["GIT_CONFIG_SYSTEM"] = str(writer.home / "etc-gitconfig")
    helper = "!aws codecommit credential-helper $@"
    writer.ok("git", "config", "--system", "credential.helper", helper)
    writer.ok("git", "config", "--system", "credential.UseHttpPath", "true")
    writer.ok("git", "ls-remote", service.url("forms"))


@with_one(AWS_V2_NEW)
def test_two_users_on_two_clones(writer: Person, service: Service) -> None:
    for user in ("anna", "bert"):
        name = f"{user}-{writer.aws_cli.name}"
        writer.write_profile(service.create_user(name, POWER_USER), profile=user)
        service.create_repository(name)
        clone = clone_of(writer, service.url(name), user)
        writer.commit(clone)
        writer.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=clone)
        caller = service.client("iam").list_access_keys(UserName=name)["AccessKeyMetadata"][0]["AccessKeyId"]
        said = writer.ok("sh", "-c", fill_line(service, name), cwd=clone)
        assert f"username={caller}\n" in said


def install_moorage(person: Person) -> None:
    """Leave what `pip install --user moorage` leaves: the launcher, and the Python it was installed by."""
    local = person.home / ".local"
    shutil.copy(dev.ROOT / "launchers" / "git-credential-moorage", local / "bin")
    (local / "bin" / "moorage").write_text(f"#!{sys.executable}\nfrom moorage.cli.main import main\nmain()\n")
    packages = local / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "moorage").symlink_to(dev.ROOT / "src" / "moorage")


def allow(person: Person, host: str) -> None:
    file = person.home / ".config" / "moorage" / "hosts"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(with_host(file.read_text() if file.exists() else "", host, None))


@with_one(AWS_V2)
def test_moorages_own_helper_by_its_short_name(
    writer: Person, service: Service, key: tuple[str, str]
) -> None:
    install_moorage(writer)
    writer.write_profile(key)
    writer.git_global("credential.helper", "moorage")
    url = service.url("forms")
    assert "may get no signature; if it is yours: moorage setup " in writer.refused("git", "ls-remote", url)
    allow(writer, f"*.amazonaws.com.localhost:{service.port}")
    assert "run: git config --global 'credential.https://" in writer.refused("git", "ls-remote", url)
    writer.git_global("credential.UseHttpPath", "true")
    writer.name_in_commits()
    clone = writer.home / "clone"
    writer.ok("git", "clone", "--quiet", url, str(clone))
    tip = writer.commit(clone)
    writer.ok("git", "push", "--quiet", "origin", "HEAD:refs/heads/by-moorage", cwd=clone)
    assert tip in writer.ok("git", "ls-remote", url)


@with_one(AWS_V2)
def test_moorages_own_helper_with_a_profile_and_a_bare_host(
    writer: Person, service: Service, key: tuple[str, str]
) -> None:
    install_moorage(writer)
    writer.write_profile(("AKIAWRONGWRONGWRONG0", "wrong"))
    writer.write_profile(key, profile="My Profile")
    allow(writer, f"localhost:{service.port}")
    url = f"https://localhost:{service.port}/v1/repos/forms"
    writer.git_global("credential.UseHttpPath", "true")
    writer.git_global("credential.helper", "moorage")
    writer.refused("git", "ls-remote", url)
    writer.git_global("--replace-all", "credential.helper", 'moorage --profile "My Profile"')
    writer.ok("git", "ls-remote", url)


def clone_of(person: Person, url: str, profile: str) -> Path:
    """An empty repository with a remote and a helper of its own, as `--local` writes it."""
    clone = person.home / profile
    person.ok("git", "init", "--quiet", "--initial-branch", "main", str(clone))
    helper = f"!aws codecommit --profile {profile} credential-helper $@"
    person.ok("git", "config", "--local", "credential.helper", helper, cwd=clone)
    person.ok("git", "config", "--local", "credential.UseHttpPath", "true", cwd=clone)
    person.ok("git", "config", "--local", "user.name", profile, cwd=clone)
    person.ok("git", "config", "--local", "user.email", f"{profile}@example.org", cwd=clone)
    person.ok("git", "remote", "add", "origin", url, cwd=clone)
    return clone


def fill_line(service: Service, name: str) -> str:
    host = f"{service.host('us-east-2')}:{service.port}"
    return f"printf 'protocol=https\\nhost={host}\\npath=v1/repos/{name}\\n\\n' | git credential fill"
