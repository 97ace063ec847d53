"""Every source and their order, against botocore: random files and environments lead to the same key.

Session names that a client makes up, and caches, are left out: the one is no difference, the other
has tests of its own (`test_credential_cache.py`).
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import botocore.credentials
import botocore.session
import botocore.tokens
import pytest
from botocore.loaders import create_loader
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aws_home import variables
from moorage.client.sources import NoCredentials, resolve
from moorage.client.sources.cache import sso_token_key
from pretended_aws import CONTAINER_PATH, PretendedAws, pretending

pytestmark = pytest.mark.slow

EXAMPLES = 150
REFUSED = "refused"
LOADER = create_loader()
# The AWS CLI v2's order, which ours is too; botocore by itself has another.
SESSION_VARIABLES = {
    "profile": (None, ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"], None, None),
    "region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None),
}
NAMES = ["default", "a", "b", "c d"]

Key = tuple[str, str, str | None]
Profiles = Mapping[str, Mapping[str, str]]


@pytest.fixture(scope="module")
def aws() -> Iterator[PretendedAws]:
    with pretending() as up:
        yield up


def by_botocore(environment: Mapping[str, str], flag: str | None) -> Key | str:
    with variables(environment):
        try:
            session = botocore.session.Session(session_vars=SESSION_VARIABLES, profile=flag)
            session.register_component("data_loader", LOADER)
            found = session.get_credentials()
            if found is None:
                return REFUSED
            key = found.get_frozen_credentials()
        except Exception:  # noqa: BLE001  # each source fails in its own way
            return REFUSED
    return key.access_key, key.secret_key, key.token


def by_moorage(environment: Mapping[str, str], flag: str | None) -> Key | str:
    try:
        key = resolve(environment, flag, time.time())
    except NoCredentials as error:
        return REFUSED if str(error).isprintable() else repr(error)
    return key.access_key, key.secret_key, key.token


# What a profile is made of, each a few lines that belong together. Words in capitals become paths.
KEYS = [
    {"aws_access_key_id": "AKIA1", "aws_secret_access_key": "secret 1"},
    {"aws_access_key_id": "AKIA2", "aws_secret_access_key": "secret 2", "aws_session_token": "newer"},
    {
        "aws_access_key_id": "AKIA3",
        "aws_secret_access_key": "secret 3",
        "aws_session_token": "newer",
        "aws_security_token": "older",
    },
    {"aws_access_key_id": "AKIA4"},
    {"aws_secret_access_key": "secret 5"},
]
ROLES = [{"role_arn": f"arn:aws:iam::123456789012:role/{name}"} for name in "xyz"]
SOURCES = [{"source_profile": name} for name in [*NAMES, *NAMES, "missing"]] + [
    {"credential_source": name}
    for name in ("Environment", "EcsContainer", "Ec2InstanceMetadata", "environment")
]
ARGUMENTS = [
    {},
    {},
    {"external_id": "agreed 42 & more"},
    {"duration_seconds": "900", "role_session_name": "nightly"},
    {"duration_seconds": "x", "role_session_name": ""},
]
WEB = [{"web_identity_token_file": "WEB"}, {"web_identity_token_file": "MISSING"}]
# No sso_session that is missing: botocore stumbles over it also where a role comes before it.
SSO = [
    {"sso_account_id": "111122223333", "sso_role_name": "Dev & Ops", "sso_session": "main"},
    {
        "sso_account_id": "111122223333",
        "sso_role_name": "Ops",
        "sso_session": "main",
        "sso_region": "us-east-1",
    },
    {"sso_account_id": "111122223333", "sso_session": "main"},
    {"sso_role_name": "Ops", "sso_account_id": "1", "sso_start_url": "https://s", "sso_region": "us-east-1"},
]
PROCESSES = [
    {"credential_process": line}
    for line in ("/bin/cat 'GOOD ONE'", "/bin/cat GOOD", "/bin/cat BAD", "/bin/false", "/no/such", '/x "')
]
VARIABLES = [
    {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "secret of the environment"},
    {"AWS_ACCESS_KEY_ID": "AKIAENV"},
    {"AWS_SESSION_TOKEN": "newer", "AWS_SECURITY_TOKEN": ""},
    {"AWS_SESSION_TOKEN": "newer", "AWS_SECURITY_TOKEN": "older"},
    {"AWS_WEB_IDENTITY_TOKEN_FILE": "WEB", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/web"},
    {"AWS_WEB_IDENTITY_TOKEN_FILE": "WEB", "AWS_ROLE_SESSION_NAME": "job"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "CONTAINER", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Basic abc"},
    {"AWS_EC2_METADATA_DISABLED": "true"},
    {"AWS_CREDENTIAL_FILE": "OLD"},
    {"AWS_CREDENTIAL_FILE": "MISSING"},
    {"BOTO_CONFIG": "BOTO"},
    {"AWS_REGION": "eu-west-1"},
    *({"AWS_PROFILE": name} for name in [*NAMES, "missing"]),
    *({"AWS_DEFAULT_PROFILE": name} for name in NAMES),
]
CHAIN = {**ROLES[0], "source_profile": "a"}


KINDS = ["key", "key", "role", "role", "role", "web", "sso", "process"]


@st.composite
def profiles(draw: st.DrawFn) -> dict[str, str]:
    """Draw a profile's settings: mostly of one kind, now and then of several at once."""
    kinds = draw(
        st.lists(st.sampled_from(["key", "key", "role", "role", "role", "web", "sso", "process"]), max_size=2)
    )
    made: dict[str, str] = {"region": "eu-west-1"}
    for kind in kinds:
        if kind == "role":
            parts = [draw(st.sampled_from(part)) for part in (ROLES, SOURCES, ARGUMENTS)]
        else:
            of_kind = {"key": KEYS, "web": WEB, "sso": SSO, "process": PROCESSES}[kind]
            parts = [draw(st.sampled_from(of_kind))]
            if kind == "web":
                parts.append(draw(st.sampled_from([*ROLES, {}])))
        for part in parts:
            made |= part
    return made


FILES = st.dictionaries(st.sampled_from(NAMES), profiles(), min_size=1, max_size=4)
ENVIRONMENTS = st.lists(st.sampled_from(VARIABLES), max_size=3)
FLAGS = st.sampled_from([None, None, None, "default", "a", "b", "c d", "missing"])


def section(title: str, values: Mapping[str, str]) -> str:
    return f"[{title}]\n" + "".join(f"{name} = {value}\n" for name, value in values.items()) + "\n"


class Machine:
    """A home with AWS's files, all that they name, and the environment."""

    def __init__(self, folder: Path, aws: PretendedAws) -> None:
        answer = {"Version": 1, "AccessKeyId": "AKIAP", "SecretAccessKey": "p", "SessionToken": "t"}
        for name, text in {
            "GOOD": json.dumps(answer),
            "GOOD ONE": json.dumps({**answer, "AccessKeyId": "AKIAQ", "Expiration": aws.expires}),
            "BAD": json.dumps({**answer, "Version": 2}),
            "WEB": "a-web-identity-token",
            "OLD": "AWSAccessKeyId = AKIAOLD\nAWSSecretKey=old\nno pair\n",
            "BOTO": "[Credentials]\naws_access_key_id = AKIABOTO\naws_secret_access_key = boto\n",
        }.items():
            (folder / name).write_text(text)
        token = {"accessToken": "signed-in", "expiresAt": aws.expires, "startUrl": "x", "region": "x"}
        cache = folder / ".aws" / "sso" / "cache"
        cache.mkdir(parents=True)
        for key in (
            sso_token_key(session="main", start_url=""),
            sso_token_key(session=None, start_url="https://s"),
        ):
            (cache / f"{key}.json").write_text(json.dumps(token))
        self.folder, self.aws = folder, aws

    def put(
        self, config: Mapping[str, Mapping[str, str]], credentials: Mapping[str, Mapping[str, str]]
    ) -> None:
        text = section("sso-session main", {"sso_start_url": "https://main", "sso_region": "eu-west-1"})
        for name, values in config.items():
            title = f'profile "{name}"' if " " in name else f"profile {name}"
            text += section(name if name == "default" else title, values)
        (self.folder / ".aws" / "config").write_text(self.with_paths(text))
        text = "".join(section(name, values) for name, values in credentials.items())
        (self.folder / ".aws" / "credentials").write_text(self.with_paths(text))

    def with_paths(self, text: str) -> str:
        for word in ("GOOD", "BAD", "WEB", "OLD", "BOTO", "MISSING"):
            text = text.replace(word, f"{self.folder}/{word}")
        return text

    def environment(self, groups: list[dict[str, str]]) -> dict[str, str]:
        made = {
            "HOME": str(self.folder),
            "PATH": "/usr/bin:/bin",
            "BOTO_CONFIG": "MISSING",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.aws.url,
            "AWS_ENDPOINT_URL": self.aws.url,
        }
        for group in groups:
            made |= group
        made = {name: self.with_paths(value) for name, value in made.items()}
        uri = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
        return {**made, uri: self.aws.url + CONTAINER_PATH} if uri in made else made

    def forget(self) -> None:
        shutil.rmtree(self.folder / ".aws" / "cli", ignore_errors=True)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, aws: PretendedAws) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patching:
        # botocore has found this machine's home when it was imported.
        for owner in (botocore.credentials.SSOProvider, botocore.tokens.SSOTokenProvider):
            patching.setattr(owner, "_SSO_TOKEN_CACHE_DIR", str(folder / ".aws" / "sso" / "cache"))
        yield Machine(folder, aws)


@settings(max_examples=EXAMPLES)
@given(FILES, FILES | st.just({}), ENVIRONMENTS, FLAGS)
@example({"default": CHAIN, "a": CHAIN}, {}, [], None)
@example({"default": CHAIN, "a": {**ROLES[1], "source_profile": "b"}, "b": {}}, {"b": KEYS[0]}, [], None)
@example({"default": {**CHAIN, "source_profile": "default"}}, {"default": KEYS[1]}, [], None)
@example({"a": {**ROLES[0], "credential_source": "EcsContainer"}}, {}, [VARIABLES[6]], "a")
@example({"a": {**ROLES[0], "credential_source": "Ec2InstanceMetadata"}}, {}, [], "a")
@example({"a": SSO[0]}, {"a": KEYS[0]}, [], "a")
@example({"a": SSO[3]}, {}, [{"AWS_PROFILE": "a"}], None)
@example({}, {}, [VARIABLES[0], VARIABLES[2]], None)
@example({}, {}, [VARIABLES[0], VARIABLES[3]], None)
@example({}, {}, [VARIABLES[4]], None)
@example({}, {}, [VARIABLES[6], VARIABLES[8]], None)
@example({}, {}, [VARIABLES[0], {"AWS_PROFILE": "missing"}], None)
def test_random_files_and_environments_lead_to_botocores_key(
    machine: Machine,
    config: dict[str, dict[str, str]],
    credentials: dict[str, dict[str, str]],
    groups: list[dict[str, str]],
    flag: str | None,
) -> None:
    machine.forget()
    machine.put(config, credentials)
    environment = machine.environment(groups)
    assert by_moorage(environment, flag) == by_botocore(environment, flag)
