"""Nothing is found where nothing is wrong, whoever set the machine up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from doctor_at_hand import ANSWERS, AWS_LINE, HOST, KEY, Home
from moorage.client.doctor import report
from moorage.client.setup import facts as setup_facts


def guide(_: Home) -> None:
    """The guide's two lines and the AWS CLI v1: how the home is made."""


def guide_with_a_profile(home: Home) -> None:
    home.profile("My Work")
    home.section("", "!aws --profile 'My Work' codecommit credential-helper $@")


def setup(home: Home) -> None:
    """What `moorage setup` writes, with moorage's own helper."""
    home.section("", setup_facts.helper(home.machine))
    (home.bin / "aws").unlink()


def setup_in_the_repository(home: Home) -> None:
    home.global_config.unlink()
    helper = setup_facts.helper(home.machine).replace("\\", "\\\\").replace('"', '\\"')
    home.add(
        home.local_config,
        f'[credential "https://{HOST}"]\n\thelper =\n\thelper = {helper}\n\tuseHttpPath = true\n',
    )


def own_server(home: Home) -> None:
    """A server that setup was told of."""
    home.section("", setup_facts.helper(home.machine), url="https://git.example.org:8443")
    home.write(home.home / ".config" / "moorage" / "hosts", "git.example.org:8443 region=us-east-1\n")
    home.remote("https://git.example.org:8443/v1/repos/demo")


def wildcard_section(home: Home) -> None:
    home.section("", AWS_LINE, url="https://git-codecommit.*.amazonaws.com")


def git_remote_codecommit(home: Home) -> None:
    home.global_config.unlink()
    home.program("git-remote-codecommit", ":")
    home.remote("codecommit::us-east-1://default@demo")


def git_credentials(home: Home) -> None:
    """A user name and password from IAM, in git's own store, and no helper of CodeCommit."""
    home.write(home.global_config, "[credential]\n\thelper = store\n")
    home.write(home.home / ".git-credentials", f"https://mary-at-123456789012:pass@{HOST}\n")


def other_remotes_only(home: Home) -> None:
    home.write(home.global_config, "[credential]\n\thelper = store\n")
    home.remote("https://github.com/octo/demo.git")


def keys_in_the_environment(home: Home) -> None:
    home.credentials.unlink()
    home.environment |= {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}


def sso_that_renews(home: Home) -> None:
    home.credentials.unlink()
    home.write(
        home.config,
        "[default]\nregion = us-east-1\nsso_session = corp\nsso_account_id = 1\nsso_role_name = Dev\n",
    )
    home.sign_in("sso", "corp", '{"expiresAt": "2024-01-01T00:00:00Z", "refreshToken": "x"}')


def one_authority_everywhere(home: Home) -> None:
    bundle = str(home.home / "all.pem")
    home.write(Path(bundle), "all")
    home.environment |= dict.fromkeys(("GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE"), bundle)


def readable_files_without_secrets(home: Home) -> None:
    home.add(home.config, "[profile ci]\nrole_arn = arn:x\nweb_identity_token_file = /secret/token\n")
    home.config.chmod(0o644)


def a_helper_of_the_users_own_for_another_host(home: Home) -> None:
    home.add(home.global_config, '[credential "https://github.com"]\n\thelper =\n\thelper = !gh auth\n')


HEALTHY: list[Callable[[Home], None]] = [
    guide,
    guide_with_a_profile,
    setup,
    setup_in_the_repository,
    own_server,
    wildcard_section,
    git_remote_codecommit,
    git_credentials,
    other_remotes_only,
    keys_in_the_environment,
    sso_that_renews,
    one_authority_everywhere,
    readable_files_without_secrets,
    a_helper_of_the_users_own_for_another_host,
]


@pytest.mark.parametrize("make", HEALTHY)
def test_nothing_is_found(make: Callable[[Home], None], tmp_path: Path) -> None:
    home = Home(tmp_path)
    make(home)
    assert home.ids() == []


def test_windows_with_git_credential_manager_kept_away_is_healthy(tmp_path: Path) -> None:
    home = Home(tmp_path, "windows")
    home.write(home.system_config, "[credential]\n\thelper = manager\n[http]\n\tsslBackend = schannel\n")
    home.helper_program("manager", ANSWERS, log="yes")
    home.section("", AWS_LINE)
    home.credentials.chmod(0o644)  # Windows has no such bits
    assert home.ids() == []
    assert not (home.home / "log").exists()  # not even asked


def test_macos_with_the_keychain_kept_away_is_healthy(tmp_path: Path) -> None:
    home = Home(tmp_path, "macos")
    home.write(home.system_config, "[credential]\n\thelper = osxkeychain\n")
    home.helper_program("osxkeychain", ANSWERS)
    home.section("", AWS_LINE)
    assert home.ids() == []


def test_the_remote_and_the_url_that_are_named_are_looked_at_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.add(home.local_config, f'[remote "other"]\n\turl = https://mary@{HOST}/v1/repos/other\n')
    assert home.ids("origin") == []
    assert home.ids("other") == ["user-in-url"]
    assert home.ids(f"https://{HOST}") == []
    assert [target.remote for target in home.facts().targets] == ["origin", "other"]


def test_without_anything_to_look_at_the_machine_is_looked_at(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.remote("git@github.com:octo/demo.git")
    said = home.doctor()
    assert said.status == 0
    assert "looked at this machine only" in said.out


def test_each_url_of_a_remote_is_looked_at(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.remote(f"https://{HOST}/v1/repos/demo\n\tpushurl = https://mary@{HOST}/v1/repos/demo")
    assert home.ids("origin") == ["user-in-url"]
    assert home.doctor("origin", "--fix", "--yes").status == 0
    assert f"pushurl = https://{HOST}/v1/repos/demo\n" in home.local_config.read_text()
    assert f"\turl = https://{HOST}/v1/repos/demo\n" in home.local_config.read_text()


def test_an_instance_of_ec2_may_have_credentials_that_no_file_has(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.program("git-remote-codecommit", ":")
    home.remote("codecommit::us-east-1://demo")
    home.credentials.unlink()
    facts = home.facts()
    assert [each.id for each in report.diagnose(replace(facts, is_on_ec2=True))] == []
    assert [each.id for each in report.diagnose(replace(facts, is_on_ec2=False))] == ["no-credentials"]
