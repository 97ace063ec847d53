"""What the credential helper answers, against vectors made by the AWS CLI's own helper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from credentials_at_hand import ENVIRONMENT, HOST, KEY, NOW, PATH, SECRET, TOKEN, asked, message, pairs
from moorage.client import credential_answer
from moorage.client.credential_answer import NoAnswer, WrongUsage, options_of
from moorage.core import sigv4

IGNORE = "--ignore-host-check"
WITH_TOKEN = {**ENVIRONMENT, "AWS_SESSION_TOKEN": TOKEN}
MODERN = "capability[]=authtype\ncapability[]=state\n"

# Made with the AWS CLI's code, v1 and v2, at a frozen clock: host, path, options, hex of the password.
VECTORS = {
    "V1": (HOST, PATH, (), "ef57d2dfdd4d609736c7e512b68c61963d3bac270503e441e793cf554e9dabf5"),
    "V3": (f"{HOST}:8443", PATH, (), "ef57d2dfdd4d609736c7e512b68c61963d3bac270503e441e793cf554e9dabf5"),
    "V4": (
        f"{HOST}.localhost",
        PATH,
        (IGNORE,),
        "434170fc3c92071c596a75f3f14030f4506ef81acbdce78060f7d37d092eac1a",
    ),
    "V5": (
        HOST,
        "v1/repos/d%C3%A9mo%20repo",
        (),
        "98f4c3c440c4e6c26ed9a0b32efa1f8422cc7c3355fb2b5e4c450f5f0c3b5455",
    ),
    "V5b": (
        HOST,
        "v1/repos/démo repo",
        (),
        "d4f4f1a0b6c92e3085cca6d9ca72471de6105c0c6bc2d145b21dba4252c1088a",
    ),
    "V6": (
        "git-codecommit-fips.us-gov-west-1.amazonaws.com",
        PATH,
        (),
        "9576de1d6e5bcdfe3e16c9252ef19a54359a5e22ffb0269780426a364673643d",
    ),
    "V7": (
        "git-codecommit.cn-north-1.amazonaws.com.cn",
        PATH,
        (),
        "cc55b3d7f2d2dee9f46866933dce440433cfcfe82f90e64b8877ad11360b63b8",
    ),
    "V8": (HOST, f"/{PATH}", (), "03a2e067f4af32b0bc0d7fd29c1fb8878234494cf437063e1a8391b523f6c2b6"),
    "V9": (HOST, f"{PATH}.git", (), "558ca036e9476f2d20be16a1f8e00a03b4973cf8d3cb8ba0ee49fe7ded578c26"),
    "V10": (
        "vpce-0b47ea360adebf88a-jkl88hez.git-codecommit.us-west-2.vpce.amazonaws.com",
        PATH,
        (),
        "bc43d175648c97a38a6e0e44b2474c9e008dceeac10897a7f60277bcb6bcf2a1",
    ),
    "V11": (
        "git.example.org:8443",
        PATH,
        (IGNORE,),
        "650e57842792d0434a33ef27b6f697138645831f0b826797977d82730625b797",
    ),
    "V12": (
        HOST.upper(),
        PATH,
        (IGNORE,),
        "ed432e015774c80bdc0d4965fcc2166433360d2bad4d7b8df95cae192092853c",
    ),
    "V13": (HOST, f"{PATH}/", (), "08d5664ff3d9d8501c3c859963571bddcceb4653b41bcce7dff52df471c53d23"),
}


@pytest.mark.parametrize(("host", "path", "options", "signature"), VECTORS.values(), ids=VECTORS)
def test_the_answer_is_the_aws_clis_to_the_byte(
    host: str, path: str, options: tuple[str, ...], signature: str
) -> None:
    answered = asked(message(host, path), *options)
    assert answered == f"username={KEY}\npassword=20240229T123456Z{signature}\n".encode()


def test_v2_a_session_token_follows_the_key_and_is_not_signed() -> None:
    told = pairs(asked(message(), environment=WITH_TOKEN))
    assert told == {"username": f"{KEY}%{TOKEN}", "password": f"20240229T123456Z{VECTORS['V1'][3]}"}


def test_g1_git_remote_codecommit_signs_the_port_with_the_same_signer() -> None:
    password = sigv4.git_password_at(
        "localhost:8443", f"/{PATH}", secret=SECRET, region="us-east-2", time="20240229T123456"
    )
    assert password.endswith("Zd73779b676e2bac0475700976b3083ec18bfa6822186f0ae4bc25a0a74735ef9")


def test_g2_git_remote_codecommits_escaped_user_name_is_ours() -> None:
    escaped = sigv4.uri_encode(f"{KEY}%{TOKEN}")
    assert "%25" in escaped
    assert "%2F" in escaped
    assert unquote(escaped) == pairs(asked(message(), environment=WITH_TOKEN))["username"]


REGIONS = st.from_regex(r"[a-z]{2}-[a-z]{4,9}-[0-9]", fullmatch=True)
# What Git may pass as a path; `?` and `#` end it, as the AWS CLI's URL parser has it.
PATHS = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="?#"), min_size=1, max_size=40
)


@given(PATHS, REGIONS, st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=90))
def test_any_path_region_and_secret_is_signed_as_botocore_signs(path: str, region: str, secret: str) -> None:
    environment = {**ENVIRONMENT, "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": region}
    told = pairs_by_line(asked(message("git.example.org", path), IGNORE, environment=environment))
    signer = SigV4Auth(Credentials(KEY, secret), "codecommit", region)
    request = AWSRequest(method="GIT")
    request.context["timestamp"] = "20240229T123456"
    text = signer.string_to_sign(request, f"GIT\n/{path}\n\nhost:git.example.org\n\nhost\n")
    assert told["password"] == f"20240229T123456Z{signer.signature(text, request)}"


def pairs_by_line(answered: bytes) -> dict[str, str]:
    return dict(line.split("=", 1) for line in answered.decode().split("\n") if line)


def test_query_and_fragment_are_not_signed() -> None:
    assert asked(message(path=f"{PATH}?a=b")) == asked(message(path=f"{PATH}#a")) == asked(message())


def test_a_path_of_any_bytes_is_signed_as_it_came() -> None:
    assert asked(b"protocol=https\nhost=" + HOST.encode() + b"\npath=v1/repos/\xff\xfe\n")


@pytest.mark.parametrize(
    ("arguments", "environment", "region"),
    [
        ((), {"AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-north-1"),
        ((), {"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        (("--region", "sa-east-1"), {"AWS_REGION": "eu-north-1"}, "sa-east-1"),
        (("--region=sa-east-1",), {}, "sa-east-1"),
    ],
)
def test_a_host_that_tells_no_region_gets_the_options_then_the_environments(
    arguments: tuple[str, ...], environment: Mapping[str, str], region: str
) -> None:
    environment = {
        **{key: value for key, value in ENVIRONMENT.items() if key != "AWS_DEFAULT_REGION"},
        **environment,
    }
    told = pairs(asked(message("git.example.org"), IGNORE, *arguments, environment=environment))
    assert told["password"] == sigv4.git_password_at(
        "git.example.org", f"/{PATH}", secret=SECRET, region=region, time="20240229T123456"
    )


def test_a_hosts_own_region_wins_over_the_option() -> None:
    assert asked(message(), "--region", "eu-west-1") == asked(message())


def test_the_profiles_region_is_the_last_resort(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile mine]\nregion = eu-south-1\n")
    environment = {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_PROFILE": "mine",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
    }
    told = pairs(asked(message("git.example.org"), IGNORE, environment=environment))
    assert told["password"] == sigv4.git_password_at(
        "git.example.org", f"/{PATH}", secret=SECRET, region="eu-south-1", time="20240229T123456"
    )


def test_without_a_region_the_helper_says_how_to_name_one() -> None:
    environment = {key: value for key, value in ENVIRONMENT.items() if key != "AWS_DEFAULT_REGION"}
    with pytest.raises(NoAnswer, match=r"git\.example\.org is not known: set it with --region"):
        asked(message("git.example.org"), IGNORE, environment=environment)


@pytest.fixture
def set_up(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has set up two hosts."""
    (tmp_path / "moorage").mkdir()
    (tmp_path / "moorage" / "hosts").write_text(
        "# mine\ngit.example.org:8443 region=us-west-2\n*.amazonaws.com.localhost:8443\nlocalhost:8080\n"
    )
    return {**ENVIRONMENT, "XDG_CONFIG_HOME": str(tmp_path)}


@pytest.mark.parametrize(
    ("host", "protocol", "region"),
    [
        ("git.example.org:8443", "https", "us-west-2"),
        (f"{HOST}.localhost:8443", "https", "us-east-2"),
        (f"{HOST}.localhost:8443", "http", "us-east-2"),
        ("localhost:8080", "http", "eu-west-1"),
    ],
)
def test_a_host_that_is_set_up_gets_a_signature(
    set_up: dict[str, str], host: str, protocol: str, region: str
) -> None:
    told = pairs(asked(message(host, protocol=protocol), environment=set_up))
    signed = host.partition(":")[0]
    assert told["password"] == sigv4.git_password_at(
        signed, f"/{PATH}", secret=SECRET, region=region, time="20240229T123456"
    )


@pytest.mark.parametrize("host", ["git.example.org", "git.example.org:443", "evil.git.example.org:8443"])
def test_a_host_beside_one_that_is_set_up_gets_none(set_up: dict[str, str], host: str) -> None:
    with pytest.raises(NoAnswer, match="if it is yours: moorage setup https://"):
        asked(message(host), environment=set_up)


def test_another_services_host_is_passed_over_in_silence() -> None:
    with pytest.raises(NoAnswer, match=r"^$"):
        asked(message("github.com", "org/repo.git"))
    with pytest.raises(NoAnswer, match=r"^$"):
        asked(message("github.com", None))


def test_a_host_in_capitals_is_told_how_to_write_it() -> None:
    with pytest.raises(NoAnswer, match="lower case"):
        asked(message(HOST.upper()))


def test_without_the_path_the_helper_names_the_command_that_brings_it() -> None:
    with pytest.raises(NoAnswer) as refused:
        asked(message(path=None))
    assert f"git config --global 'credential.https://{HOST}.useHttpPath' true" in str(refused.value)


@pytest.mark.parametrize("options", [(), (IGNORE,)])
@pytest.mark.parametrize("host", [HOST, "git.example.org", "127.0.0.1.example.org", "localhost.example.org"])
def test_no_password_leaves_the_machine_without_https(host: str, options: tuple[str, ...]) -> None:
    with pytest.raises(NoAnswer, match="without https"):
        asked(message(host, protocol="http"), *options)


def test_a_protocol_that_is_neither_gets_nothing() -> None:
    with pytest.raises(NoAnswer, match="without https"):
        asked(message(protocol="ssh"), IGNORE)


def test_the_expiry_is_told_where_it_is_asked_for_and_nowhere_else() -> None:
    told = pairs(asked(message(), "--password-expiry"))
    assert told.pop("password_expiry_utc") == str(int(NOW) + 14 * 60)
    assert told == pairs(asked(message()))


def test_a_password_ends_with_the_credentials_that_made_it() -> None:
    environment = {**WITH_TOKEN, "AWS_CREDENTIAL_EXPIRATION": "2024-02-29T12:40:00Z"}
    told = pairs(asked(message(), "--password-expiry", environment=environment))
    assert told["password_expiry_utc"] == str(int(NOW) + 5 * 60 + 4)


def test_credentials_that_have_ended_sign_nothing() -> None:
    environment = {**WITH_TOKEN, "AWS_CREDENTIAL_EXPIRATION": "2024-02-29T12:34:56+00:00"}
    with pytest.raises(NoAnswer, match="environment have ended"):
        asked(message(), environment=environment)


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"])
@pytest.mark.parametrize("more", [MODERN, ""])
def test_a_line_in_a_key_becomes_none_of_ours(name: str, more: str) -> None:
    environment = {**WITH_TOKEN, name: "AKID\nquit=1"}
    with pytest.raises(NoAnswer, match="control character"):
        asked(message(more=more), environment=environment)


def test_a_git_that_can_is_told_that_it_may_ask_again_and_need_not_store() -> None:
    answered = asked(message(more=MODERN), environment=WITH_TOKEN).decode().splitlines()
    assert answered[:4] == [
        "capability[]=authtype",
        "capability[]=state",
        f"username={KEY}%{TOKEN}",
        f"password=20240229T123456Z{VECTORS['V1'][3]}",
    ]
    assert answered[4].startswith(f"state[]=moorage:{int(NOW)}:")
    assert answered[5:] == ["ephemeral=1", "continue=1"]


def test_no_git_is_given_a_ready_header() -> None:
    # Until 2.53 Git leaves one out of the probe before a large pack, and the push fails.
    for more in ("", MODERN, "capability[]=authtype\n", "capability[]=state\n"):
        told = pairs(asked(message(more=more)))
        assert {"username", "password"} <= told.keys()
        assert not {"authtype", "credential"} & told.keys()


def state_of(answered: bytes) -> str:
    return pairs(answered)["state[]"]


def test_a_password_refused_for_its_age_is_followed_by_a_fresh_one_that_may_be_followed_again() -> None:
    state = state_of(asked(message(more=MODERN)))
    again = pairs(asked(message(more=f"{MODERN}state[]={state}\n"), now=NOW + 901))
    assert again["continue"] == "1"
    assert again["password"].startswith("20240229T124957Z")


def test_a_fresh_password_that_is_refused_has_one_last_word_and_then_git_stops() -> None:
    first = state_of(asked(message(more=MODERN)))
    last = asked(message(more=f"{MODERN}state[]={first}\n"), now=NOW + 1)
    assert "continue" not in pairs(last)  # so Git shows the service's reason
    assert "password" in pairs(last)
    third = asked(message(more=f"{MODERN}state[]={state_of(last)}\n"), now=NOW + 2)
    assert third == b"quit=1\n"


def test_another_key_than_the_refused_one_is_no_repetition() -> None:
    first = state_of(asked(message(more=MODERN)))
    other = {**ENVIRONMENT, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE00000ELSE"}
    assert pairs(asked(message(more=f"{MODERN}state[]={first}\n"), environment=other))["continue"] == "1"


def test_a_state_names_no_key() -> None:
    assert KEY not in state_of(asked(message(more=MODERN)))


@pytest.mark.parametrize(
    "state",
    ["other:1:2:3", "moorage", "moorage:", "moorage:x:y:z", "moorage:1:2:3:4", f"moorage:{'9' * 5000}:x:1"],
)
def test_a_state_that_is_not_ours_counts_for_nothing(state: str) -> None:
    assert pairs(asked(message(more=f"{MODERN}state[]={state}\n")))["continue"] == "1"


def test_options_stand_anywhere_around_the_operation() -> None:
    options = options_of(["get", "--profile", "my own", "--region=x", IGNORE])
    assert (options.operation, options.profile, options.region) == ("get", "my own", "x")
    assert options.ignore_host_check
    assert options_of(["--profile=a=b", "get"]).profile == "a=b"


@pytest.mark.parametrize("arguments", [[], ["--profile"], ["get", "--region"], ["--verbose", "get"], ["-x"]])
def test_a_wrong_command_line_is_told(arguments: list[str]) -> None:
    with pytest.raises(WrongUsage):
        options_of(arguments)


def test_the_password_is_offered_for_less_than_the_service_takes_it() -> None:
    assert credential_answer.LIFETIME_SECONDS < 15 * 60
