"""Keys that need nothing but the environment and AWS's files, in botocore's order."""

from __future__ import annotations

import os
from pathlib import Path

import botocore.credentials
import botocore.session
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moorage.client.sources import Credentials, NoCredentials, resolve

NAMES = ("default", "a", "b c")
KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_security_token")
VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")

SECTIONS = st.dictionaries(
    st.sampled_from(NAMES), st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["K1", "K2"]), min_size=2)
)


def written(path: Path, sections: dict[str, dict[str, str]], prefix: str) -> None:
    titles = {name: name if name == "default" or not prefix else f"{prefix}'{name}'" for name in sections}
    text = ""
    for name, values in sections.items():
        lines = "".join(f"{key} = {value}{path.name[0]}\n" for key, value in values.items())
        text += f"[{titles[name]}]\n{lines}"
    path.write_text(text)


def theirs(environment: dict[str, str], profile: str | None) -> tuple[str, str, str | None] | None:
    """Return what botocore finds, without the sources that are no files."""
    with pytest.MonkeyPatch.context() as process:
        for name in os.environ:
            if name.startswith("AWS_"):
                process.delenv(name)
        for name, value in environment.items():
            process.setenv(name, value)
        session = botocore.session.Session(profile=profile)
        chain = botocore.credentials.create_credential_resolver(session)
        for name in ("container-role", "iam-role", "ec2-credentials-file", "boto-config"):
            chain.remove(name)
        found = chain.load_credentials()
    return None if found is None else (found.access_key, found.secret_key, found.token)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    SECTIONS,
    SECTIONS,
    st.dictionaries(st.sampled_from(VARIABLES), st.sampled_from(["E1", "E2"]), max_size=3),
    st.sampled_from(["default", "a", "b c"]),
    st.booleans(),
)
def test_the_keys_are_those_that_botocore_finds(
    tmp_path: Path,
    config: dict[str, dict[str, str]],
    credentials: dict[str, dict[str, str]],
    variables: dict[str, str],
    profile: str,
    by_flag: bool,
) -> None:
    written(tmp_path / "config", config, "profile ")
    written(tmp_path / "shared", credentials, "")
    environment = {
        **variables,
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "shared"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(tmp_path),
        "PATH": "",
    }
    if not by_flag:
        environment["AWS_PROFILE"] = profile
    flag = profile if by_flag else None
    try:
        expected = theirs(environment, flag)
    except botocore.exceptions.BotoCoreError:
        expected = None
    try:
        ours = resolve(environment, flag, 0)
    except NoCredentials:
        assert expected is None
    else:
        assert (ours.access_key, ours.secret_key, ours.token) == expected


def test_credentials_show_no_secret() -> None:
    assert "hidden" not in repr(Credentials("AKID", "hidden", "hidden too", None, "environment"))


def test_half_a_key_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoCredentials, match="AWS_SECRET_ACCESS_KEY is not"):
        resolve({"AWS_ACCESS_KEY_ID": "A"}, None, 0)
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = A\n")
    with pytest.raises(NoCredentials, match="half of a key"):
        resolve(
            {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"), "HOME": "/nonexistent"}, None, 0
        )


def test_a_profile_that_nobody_wrote_is_told_with_both_places() -> None:
    with pytest.raises(NoCredentials, match=r"no profile x in /nonexistent/\.aws/config nor in"):
        resolve({"HOME": "/nonexistent", "AWS_PROFILE": "x"}, None, 0)


def test_a_file_that_cannot_be_read_is_no_reason_to_take_other_keys(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("broken")
    with pytest.raises(NoCredentials, match="line 1"):
        resolve({"AWS_CONFIG_FILE": str(tmp_path / "config"), "HOME": "/nonexistent"}, None, 0)
