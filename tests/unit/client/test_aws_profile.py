from __future__ import annotations

from pathlib import Path

import pytest
from botocore.configloader import load_config
from hypothesis import given
from hypothesis import strategies as st

from moorage.client import aws_files
from moorage.client.changes import Change, diff
from moorage.client.setup import aws_profile
from moorage.client.setup.aws_profile import Profile, ProfileRefused, edited, title_of, without

URL = "https://localhost:8443"
CA = "/home/mary/my files/ca.pem"
HERE = Profile("default", "us-east-2", URL, CA)


def test_a_file_is_made_where_there_is_none(tmp_path: Path) -> None:
    change = aws_profile.change(tmp_path / "config", None, HERE)
    assert change.after == f"[default]\nregion = us-east-2\nca_bundle = {CA}\nendpoint_url = {URL}\n"
    assert change.mode == 0o600


EXISTING = """\
# my accounts
[default]
region=eu-west-1
aws_access_key_id = AKIAEXAMPLE
aws_secret_access_key: very/secret

[profile other]
endpoint_url = https://elsewhere.example   ; not a comment
s3 =
    max_concurrent_requests = 20
# the end
"""


def test_what_is_there_stays_and_keys_are_replaced_in_their_places() -> None:
    assert edited(EXISTING, HERE) == EXISTING.replace("region=eu-west-1", "region = us-east-2").replace(
        "very/secret\n", f"very/secret\nca_bundle = {CA}\nendpoint_url = {URL}\n"
    )


def test_windows_line_ends_a_byte_order_mark_and_a_missing_last_line_end_are_kept() -> None:
    text = "\ufeff" + EXISTING.replace("\n", "\r\n").rstrip()
    made = edited(text, HERE._replace(name="new one"))
    assert made == (
        f"{text}\r\n\r\n[profile 'new one']\r\n"
        f"region = us-east-2\r\nca_bundle = {CA}\r\nendpoint_url = {URL}\r\n"
    )


def test_a_value_of_several_lines_is_replaced_whole_and_a_comment_in_it_stays() -> None:
    text = "[default]\nendpoint_url =\n  https://old\n  # why\n\noutput = json\n"
    assert edited(text, Profile("default", endpoint_url=URL)) == (
        f"[default]\nendpoint_url = {URL}\n  # why\n\noutput = json\n"
    )


@pytest.mark.parametrize("for_services", [False, True])
def test_writing_it_twice_changes_nothing(for_services: bool) -> None:
    profile = HERE._replace(name="My Profile", for_services=for_services)
    once = edited(EXISTING, profile)
    assert edited(once, profile) == once


def test_taking_it_out_gives_back_the_rest() -> None:
    profile = Profile("other two", None, URL, CA)
    made = edited(EXISTING, profile)
    assert without(made, "other two") == EXISTING + "\n[profile 'other two']\n"
    of_services = edited(EXISTING, Profile("default", None, URL, for_services=True))
    assert "services moorage" in of_services
    assert without(of_services, "default").rstrip() == EXISTING.rstrip()


def test_only_the_services_spoken_are_sent_here_if_so_asked(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(edited(EXISTING, Profile("default", None, URL, for_services=True)))
    read = load_config(str(config))
    assert read["profiles"]["default"]["services"] == "moorage"
    assert read["services"]["moorage"] == {
        name: {"endpoint_url": URL} for name in ("codecommit", "iam", "kms", "sts")
    }
    assert "endpoint_url" not in read["profiles"]["default"]


def test_what_was_written_for_the_whole_profile_goes_when_the_services_alone_are_meant() -> None:
    whole = Profile("default", None, URL, CA)
    read = aws_files.parse(edited(edited(EXISTING, whole), whole._replace(for_services=True)))
    assert not {"endpoint_url", "ca_bundle"} & read["default"].keys()
    elsewhere = edited(EXISTING, Profile("default", None, "https://elsewhere", "/other.pem"))
    kept = aws_files.parse(edited(elsewhere, whole._replace(for_services=True)))["default"]
    assert (kept["endpoint_url"], kept["ca_bundle"]) == ("https://elsewhere", "/other.pem")


def test_a_profile_with_services_of_its_own_keeps_them() -> None:
    text = "[default]\nservices = mine\n[services mine]\ns3 =\n  endpoint_url = https://s3\n"
    text += "codecommit =\n  x = y\n"
    read = aws_files.parse(edited(text, Profile("default", None, URL, for_services=True)))
    assert read["default"]["services"] == "mine"
    assert aws_files.nested(read["services mine"]["s3"]) == {"endpoint_url": "https://s3"}
    assert aws_files.nested(read["services mine"]["codecommit"]) == {"x": "y", "endpoint_url": URL}


@pytest.mark.parametrize(
    "name", ["My Profile", "it's", 'with "quotes"', "$(touch x)", "a]b", "back\\slash", "#1", "ä"]
)
def test_any_name_of_a_profile_is_read_back_by_botocore(tmp_path: Path, name: str) -> None:
    config = tmp_path / "config"
    config.write_text(edited("", HERE._replace(name=name)), encoding="utf-8")
    assert load_config(str(config))["profiles"] == {
        name: {"region": "us-east-2", "ca_bundle": CA, "endpoint_url": URL}
    }


@pytest.mark.parametrize(
    "profile",
    [
        Profile("two\nlines", "us-east-2"),
        Profile("", "us-east-2"),
        Profile("default", "us-east-2\nendpoint_url = https://evil"),
        Profile("default", endpoint_url="https://x\x1b[2J"),
        Profile("default", ca_bundle=" "),
    ],
    ids=str,
)
def test_what_a_file_cannot_hold_is_refused(profile: Profile) -> None:
    with pytest.raises(ProfileRefused):
        edited("", profile)


@pytest.mark.parametrize(
    "text", ["[default]\n[default]\n", "region = x\n", "[default]\rregion = x\n", "[default]\nx\u2028 = 1\n"]
)
def test_a_file_that_cannot_be_edited_safely_is_left_alone(text: str) -> None:
    with pytest.raises(ProfileRefused):
        edited(text, HERE)


def test_no_secret_is_in_the_diff() -> None:
    before = EXISTING.replace("region=eu-west-1\n", "")
    change = Change(Path("config"), before, edited(before, HERE), "")
    assert "aws_secret_access_key" in diff(change)
    assert "very/secret" not in diff(change)


LINES = st.lists(
    st.sampled_from(
        [
            *(
                "",
                "# comment",
                "; other",
                "  # deep",
                "[default]",
                "[profile a]",
                "[profile 'b c']",
                "[services moorage]",
            ),
            *(
                "[DEFAULT]",
                "[sso-session x]",
                "region = x",
                "region: y",
                "endpoint_url=z",
                "  deep = 1",
                "  more",
            ),
            *(
                "ca_bundle =",
                "\tcodecommit =",
                "codecommit =",
                "services = moorage",
                "aws_secret_access_key = s",
                "x",
            ),
        ]
    ),
    max_size=12,
)


@given(LINES, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["default", "a", "b c", "new"]), st.booleans())
def test_whatever_the_file_the_profile_says_it_and_nothing_else_changed(
    lines: list[str], newline: str, name: str, for_services: bool
) -> None:
    text = newline.join(lines)
    profile = Profile(name, "us-east-2", URL, for_services=for_services)
    try:
        before = aws_files.parse(text)
        made = edited(text, profile)
    except (aws_files.Unreadable, ProfileRefused):
        return
    after = aws_files.parse(made)
    said = aws_files.profiles_of(after)[name]
    assert said["region"] == "us-east-2"
    if for_services:
        services = aws_files.named(after, "services")[said["services"]]
        assert aws_files.nested(services["sts"])["endpoint_url"] == URL
    else:
        assert said["endpoint_url"] == URL
    touched = {"region", "services", "endpoint_url", "codecommit", "iam", "kms", "sts"}
    for title, values in before.items():
        untouched = {key: value for key, value in values.items() if key not in touched}
        assert untouched.items() <= after[title].items()
    assert [line for line in text.splitlines() if line.strip()[:1] in {"#", ";"}] == [
        line for line in made.splitlines() if line.strip()[:1] in {"#", ";"}
    ]
    assert edited(made, profile) == made


def test_the_heading_of_a_section() -> None:
    assert [title_of(name) for name in ("default", "a", "b c")] == ["default", "profile a", "profile 'b c'"]
