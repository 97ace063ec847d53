"""Every fault that doctor knows of a machine, and how it gets there."""

from __future__ import annotations

from collections.abc import Callable

from doctor_at_hand import AWS_LINE, HOST, KEY, REMOTE, SIGNATURE, Home
from moorage.client.machine import System

Plant = Callable[[Home], None]
STORED = f"echo username={KEY}; echo password={SIGNATURE}"


class Planted:
    """A fault, how it gets onto the machine, and what else it cannot but bring with it."""

    def __init__(
        self, fault: str, plant: Plant, *, beside: tuple[str, ...] = (), system: System = "linux"
    ) -> None:
        self.fault, self.plant, self.beside, self.system = fault, plant, set(beside), system


def no_git(home: Home) -> None:
    (home.bin / "git").unlink()


def broken_configuration(home: Home) -> None:
    home.add(home.global_config, "[credential\n")


def old_libraries(home: Home) -> None:
    home.program("curl", 'echo "curl 7.41.0 (i386-pc-win32) libcurl/7.41.0 OpenSSL/1.0.2"')


def a_tool(home: Home) -> None:
    home.program("gitkraken", "exit 1")


def manager_of_the_system(home: Home) -> None:
    home.write(home.system_config, "[credential]\n\thelper = manager\n")
    home.helper_program("manager", "exit 1")


def keychain_of_the_system(home: Home) -> None:
    home.write(home.system_config, "[credential]\n\thelper = osxkeychain\n")
    home.helper_program("osxkeychain", ":")


def store_before(home: Home) -> None:
    home.write(home.global_config, f"[credential]\n\thelper = store\n\thelper = {AWS_LINE}\n\tuseHttpPath\n")


def store_after(home: Home) -> None:
    home.write(home.global_config, f"[credential]\n\thelper = {AWS_LINE}\n\thelper = store\n\tuseHttpPath\n")


def signature_in_the_store(home: Home) -> None:
    store_after(home)
    home.write(home.home / ".git-credentials", f"https://{KEY}:{SIGNATURE}@{HOST}/v1/repos/demo\n")


def git_credentials_in_the_store(home: Home) -> None:
    store_after(home)
    home.write(home.home / ".git-credentials", f"https://mary-at-123456789012:pass@{HOST}/v1/repos/demo\n")


def no_helper(home: Home) -> None:
    home.global_config.unlink()


def another_line(line: str, path: str = "true") -> Plant:
    return lambda home: home.section("", line, path=path)


def section_with_a_port(home: Home) -> None:
    home.section("", AWS_LINE, url=f"https://{HOST}:8443")
    home.remote(REMOTE)


def wildcard_for_an_old_git(home: Home) -> None:
    home.section("", AWS_LINE, url="https://git-codecommit.*.amazonaws.com")
    home.git_of("2.20.1")


def own_host_with_aws_helper(home: Home) -> None:
    home.section("", AWS_LINE, url="https://git.example.org")
    home.remote("https://git.example.org/v1/repos/demo")


def own_host_with_moorage_helper(home: Home) -> None:
    home.program("git-credential-moorage", f'case "$1" in get) {STORED} ;; esac')
    home.section("", "moorage", url="https://git.example.org")
    home.remote("https://git.example.org/v1/repos/demo")


def silent_helper(home: Home) -> None:
    home.aws(answer='echo "Unable to do it" >&2; exit 255')


def helper_of_the_repository(home: Home) -> None:
    home.add(home.local_config, "[credential]\n\thelper = !f() { echo username=x; }; f\n")


def command_of_the_repository(home: Home) -> None:
    home.add(home.local_config, "[core]\n\tsshCommand = sh -c evil\n")


def remote(url: str) -> Plant:
    return lambda home: home.remote(url)


def no_aws(home: Home) -> None:
    (home.bin / "aws").unlink()


def launcher_with_a_space(home: Home) -> None:
    home.write(home.bin / "aws", "#!/home/mary ann/bin/python3\nprint()\n", 0o755)


def grc(home: Home, *, botocore: str = "1.44.5") -> None:
    """Install git-remote-codecommit beside a botocore, and clone by it."""
    python = home.home / "venv" / "bin" / "python3"
    home.write(python, "", 0o755)
    home.write(
        python.parent.parent / "lib/python3.11/site-packages" / f"botocore-{botocore}.dist-info" / "METADATA",
        "",
    )
    home.write(home.bin / "git-remote-codecommit", f"#!{python}\n", 0o755)
    home.remote("codecommit://demo")


def grc_without_remote_helper(home: Home) -> None:
    home.remote("codecommit://demo")


def grc_with_a_pasted_host(home: Home) -> None:
    grc(home)
    home.remote(f"codecommit://{HOST}/v1/repos/demo")


def grc_without_region(home: Home) -> None:
    grc(home)
    home.write(home.config, "[default]\noutput = json\n")


def windows_launcher_with_a_space(home: Home) -> None:
    home.program("moorage", STORED)
    home.program("aws", "exit 1\n#!C:\\Program Files\\Python39\\python.exe\r\nPK")


def sso_with_an_old_botocore(home: Home) -> None:
    grc(home, botocore="1.27.96")
    sso(home, '{"accessToken": "x", "expiresAt": "2099-01-01T00:00:00Z"}')


def old_cli_with_endpoint(home: Home) -> None:
    home.aws("aws-cli/2.9.19 Python/3.11.2 Linux/6.1 source/x86_64.debian.12 prompt/off")
    home.environment["AWS_ENDPOINT_URL"] = "https://localhost:8443"


def sso(home: Home, told: str | None) -> None:
    home.write(
        home.config,
        "[default]\nregion = us-east-1\nsso_session = corp\nsso_account_id = 1\nsso_role_name = Dev\n",
    )
    home.credentials.unlink()
    home.sign_in("sso", "corp", told)


def sso_ended(home: Home) -> None:
    silent_helper(home)
    sso(home, '{"accessToken": "x", "expiresAt": "2024-01-01T00:00:00UTC"}')


def login_ended(home: Home) -> None:
    silent_helper(home)
    session = "arn:aws:iam::123456789012:user/mary"
    home.write(home.config, f"[default]\nregion = us-east-1\nlogin_session = {session}\n")
    home.credentials.unlink()
    home.sign_in("login", session, '{"accessToken": {"expiresAt": "2024-01-01T00:00:00Z"}}')


def rich_text(home: Home) -> None:
    home.write(home.credentials, "{\\rtf1\\ansi [default]}\n")


def readable_by_all(home: Home) -> None:
    home.credentials.chmod(0o644)


def profile_section_without_quotes(home: Home) -> None:
    home.add(home.config, "[profile My Work]\nregion = us-east-1\n")


def profile_without_quotes(home: Home) -> None:
    home.profile("My Work")
    home.section("", "!aws --profile My Work codecommit credential-helper $@")


def profile_that_is_not_there(home: Home) -> None:
    silent_helper(home)
    home.section("", "!aws --profile nobody codecommit credential-helper $@")


def no_keys(home: Home) -> None:
    silent_helper(home)
    home.credentials.unlink()


def temporary_key_alone(home: Home) -> None:
    home.profile("default", key="ASIAIOSFODNN7EXAMPLE")


def permanent_key_with_token(home: Home) -> None:
    home.profile("default", more="aws_session_token = FwoGZXIvYXdz\n")


def ended_keys(home: Home) -> None:
    home.profile(
        "default",
        key="ASIAIOSFODNN7EXAMPLE",
        more="aws_session_token = FwoGZXIvYXdz\naws_expiration = 2024-01-01T00:00:00Z\n",
    )


def environment(**values: str) -> Plant:
    return lambda home: home.environment.update(values)


def two_profiles(home: Home) -> None:
    home.profile("work")
    home.environment |= {"AWS_PROFILE": "work", "AWS_DEFAULT_PROFILE": "home"}


def mangled(home: Home) -> None:
    home.environment |= {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": "C:/Program Files/Git/rXUtnFEMI",
        "MSYSTEM": "MINGW64",
    }


def other_region(home: Home) -> None:
    home.profile("default", region="eu-west-1")


def long_token(home: Home) -> None:
    store_after(home)
    home.global_config.write_text(home.global_config.read_text().replace("store", "wincred"))
    home.helper_program("wincred", ":")
    home.profile("default", key="ASIAIOSFODNN7EXAMPLE", more=f"aws_session_token = {'x' * 600}\n")


AWS_V2 = "aws-cli/2.17.1 Python/3.11.8 Linux/6.1 exe/x86_64.debian.12"


def auto_prompt_of_the_environment(home: Home) -> None:
    home.aws(AWS_V2)
    home.environment["AWS_CLI_AUTO_PROMPT"] = "on"


def auto_prompt_in_the_file(home: Home) -> None:
    home.aws(AWS_V2)
    home.add(home.config, "cli_auto_prompt = on-partial\n")


def two_authorities(home: Home) -> None:
    for name in ("one.pem", "two.pem"):
        home.write(home.home / name, name)
    home.add(home.global_config, f"[http]\n\tsslCAInfo = {home.home / 'one.pem'}\n")
    home.environment["GIT_SSL_CAINFO"] = str(home.home / "two.pem")


def missing_authority(home: Home) -> None:
    home.environment["GIT_SSL_CAINFO"] = str(home.home / "none.pem")


def authority_for_schannel(home: Home) -> None:
    home.write(home.home / "one.pem", "one")
    home.add(home.global_config, f"[http]\n\tsslBackend = schannel\n\tsslCAInfo = {home.home / 'one.pem'}\n")


def pre_push_hook(home: Home) -> None:
    home.write(home.work / ".git" / "hooks" / "pre-push", "#!/bin/sh\nsleep 1000\n", 0o755)


def much_to_push(home: Home) -> None:
    with (home.work / ".git" / "objects" / "pack" / "pack-1.pack").open("wb") as file:
        file.truncate(300 << 20)  # without a byte on the disk


PLANTED = [
    Planted("git-missing", no_git),
    Planted("git-too-old", lambda home: home.git_of("1.7.1")),
    Planted("git-config-broken", broken_configuration),
    Planted("manager-answers-first", manager_of_the_system),
    Planted("keychain-answers-first", keychain_of_the_system, system="macos"),
    Planted("other-helper-first", store_before),
    Planted("other-helper-after", store_after),
    Planted("stored-signature", signature_in_the_store, beside=("other-helper-after",)),
    Planted("git-credentials-ignored", git_credentials_in_the_store),
    Planted("no-helper", no_helper),
    Planted("use-http-path-unset", another_line(AWS_LINE, path="")),
    Planted("use-http-path-unset", another_line(AWS_LINE, path="false")),
    Planted("helper-quoting", another_line("'!aws")),
    Planted("helper-quoting", another_line("\"'!aws codecommit credential-helper $@'\"")),
    Planted("helper-quoting", another_line("!aws codecommit credential-helper --profile 'x $@")),
    Planted("helper-lacks-exclamation-mark", another_line("aws codecommit credential-helper $@")),
    Planted("helper-without-arguments", another_line("!aws codecommit credential-helper")),
    Planted("profile-unquoted", profile_without_quotes),
    Planted("section-ignored", section_with_a_port),
    Planted("section-ignored", wildcard_for_an_old_git),
    Planted("host-check-refuses", own_host_with_aws_helper),
    Planted("host-not-set-up", own_host_with_moorage_helper),
    Planted("helper-without-answer", silent_helper),
    Planted("helper-of-repository", helper_of_the_repository),
    Planted("repository-names-programs", command_of_the_repository),
    Planted("user-in-url", remote(f"https://mary@{HOST}/v1/repos/demo")),
    Planted("trailing-slash", remote(f"{REMOTE}/")),
    Planted("upper-case-host", remote(REMOTE.replace("git-", "Git-"))),
    Planted("plain-http", remote(REMOTE.replace("https:", "http:"))),
    Planted("not-a-repository-url", remote(f"https://{HOST}/repos/demo")),
    Planted("pasted-host", grc_with_a_pasted_host),
    Planted("aws-not-found", no_aws),
    Planted("aws-too-old", lambda home: home.aws("aws-cli/1.7.37 Python/2.7.9 Linux/3.1")),
    Planted("bad-interpreter", launcher_with_a_space),
    Planted("bad-interpreter", windows_launcher_with_a_space, system="windows"),
    Planted("endpoint-ignored", old_cli_with_endpoint),
    Planted("remote-helper-missing", grc_without_remote_helper),
    Planted("old-botocore", sso_with_an_old_botocore),
    Planted("old-tls-library", old_libraries),
    Planted("own-git", a_tool),
    Planted("aws-file-broken", rich_text),
    Planted("aws-files-readable", readable_by_all),
    Planted("profile-section-unquoted", profile_section_without_quotes),
    Planted("unknown-profile", profile_that_is_not_there),
    Planted("unknown-profile", environment(AWS_PROFILE="nobody")),
    Planted("no-credentials", no_keys),
    Planted("session-token-missing", temporary_key_alone),
    Planted("session-token-left-over", permanent_key_with_token),
    Planted("credentials-expired", ended_keys),
    Planted("sso-expired", sso_ended),
    Planted("login-expired", login_ended),
    Planted("environment-keys-win", environment(AWS_ACCESS_KEY_ID=KEY, AWS_PROFILE="default")),
    Planted("profiles-disagree", two_profiles),
    Planted("mangled-by-msys", mangled, system="windows"),
    Planted("region-differs", other_region),
    Planted("region-missing", grc_without_region),
    Planted("token-too-long", long_token, beside=("other-helper-after",)),
    Planted("auto-prompt", auto_prompt_in_the_file),
    Planted("auto-prompt", auto_prompt_of_the_environment),
    Planted("ca-settings-disagree", two_authorities),
    Planted("ca-file-missing", missing_authority),
    Planted("ca-ignored-by-schannel", authority_for_schannel, system="windows"),
    Planted("push-outlives-signature", pre_push_hook),
    Planted("big-push", much_to_push),
]


def name_of(planted: Planted) -> str:
    return f"{planted.fault}, {getattr(planted.plant, '__name__', '')}"


# What --fix may repair; the rest is a person's.
FIXABLE = {
    "manager-answers-first",
    "keychain-answers-first",
    "other-helper-first",
    "other-helper-after",
    "stored-signature",
    "no-helper",
    "use-http-path-unset",
    "helper-quoting",
    "helper-lacks-exclamation-mark",
    "helper-without-arguments",
    "profile-unquoted",
    "section-ignored",
    "user-in-url",
    "trailing-slash",
    "upper-case-host",
    "aws-not-found",
    "aws-too-old",
    "bad-interpreter",
    "aws-files-readable",
    "profile-section-unquoted",
    "token-too-long",
    "auto-prompt",
    "ca-ignored-by-schannel",
}
