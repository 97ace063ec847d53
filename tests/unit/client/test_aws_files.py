"""AWS's files are read as botocore reads them; botocore, over configparser, is the oracle."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path

import pytest
from botocore import configloader
from hypothesis import example, given
from hypothesis import strategies as st

from moorage.client import aws_files
from moorage.client.aws_files import Unreadable

LINES = st.sampled_from(
    [
        "[default]",
        "[profile a]",
        "[profile 'b c']",
        "[DEFAULT]",
        " [x]",
        "[x] # y",
        "[]",
        "[",
        "a = b",
        "A=b",
        "a : b = c",
        "  a = b",
        "\td = e",
        "key",
        "  more",
        "= x",
        "   # comment",
        "; comment",
        "a = b ; c # d",
        "a =",
        "",
        "   ",
        "e\u2028 = f",
        "s3 =",
        "    x = y",
        "z : ",
    ]
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@given(st.lists(LINES, max_size=12), ENDS)
@example(["[a]", "x =", "  y = 1", "", "  z = 2", "# c", "  w = 3"], "\n")
@example(["[a]", "x = 1", " [b]", "y = 1"], "\n")
@example(["[a]", "  x = 1", "  y = 2", "    z = 3", "  w = 4"], "\n")
@example(["[a]", "  x = 1", "  more"], "\n")
@example(["[DEFAULT]", "x = 1", "[a]", "y = 2", "[DEFAULT]", "z = 3"], "\n")
def test_a_text_is_read_or_refused_as_configparser_does(lines: list[str], end: str) -> None:
    text = end.join(lines)
    theirs = configparser.RawConfigParser()
    try:
        # As open() reads a file: all line ends are newlines.
        theirs.read_file(iter(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")))
    except configparser.Error:
        with pytest.raises(Unreadable):
            aws_files.parse(text)
        return
    expected = {section: dict(theirs.items(section)) for section in theirs.sections()}
    assert aws_files.parse(text) == expected


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_bytes(
        b"# comment\r\n[default]\r\nregion=eu-west-1\r\n\r\n[profile plain]\r\nregion = us-east-1\r\n"
        b"s3 =\r\n  addressing_style = path\r\n  use_ssl=true\r\n[profile 'My Own']\r\nregion : sa-east-1\r\n"
        b'[profile "two"]\r\nregion=x\r\n[profile a b]\r\nregion = y\r\n[profile broken\']\r\nregion = z\r\n'
        b"[sso-session corp]\r\nsso_region = us-east-1\r\n[services local]\r\nsts =\r\n  endpoint_url = http://x\r\n"
        b"[profilex y]\r\nregion = w\r\n[other]\r\nregion = v\r\n"
    )
    return path


def test_a_config_file_has_the_profiles_that_botocore_finds(config: Path) -> None:
    sections = aws_files.read(str(config))
    theirs = configloader.load_config(str(config))
    ours = aws_files.profiles_of(sections)
    assert {name: values["region"] for name, values in ours.items()} == {
        name: values["region"] for name, values in theirs["profiles"].items()
    }
    assert aws_files.nested(ours["plain"]["s3"]) == theirs["profiles"]["plain"]["s3"]
    assert aws_files.named(sections, "sso-session") == theirs["sso_sessions"]
    assert list(aws_files.named(sections, "services")) == list(theirs["services"])


def test_a_byte_order_mark_of_an_editor_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"\xef\xbb\xbf[default]\nregion = a\n")
    assert aws_files.read(str(tmp_path / "config")) == {"default": {"region": "a"}}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"region = a\n", "line 1: there is no section"),
        (b"[a]\nx = 1\n[a]\n", r"line 3: section \[a\] is there twice"),
        (b"[a]\nx = 1\nX = 2\n", "line 3: x is there twice"),
        (b"[a]\nword\n", "line 2: this is no KEY = VALUE"),
        (b"[a]\nx = \xff\n", "line 2: this is not UTF-8"),
        (b"x" * (aws_files.MOST_BYTES + 1), "larger than"),
    ],
)
def test_a_fault_is_told_by_file_and_line_without_its_value(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(Unreadable, match=f"file.*{reason}") as refused:
        aws_files.read(str(tmp_path / "file"))
    assert "1\n" not in str(refused.value)


def test_what_is_not_there_has_no_sections(tmp_path: Path) -> None:
    assert aws_files.read(str(tmp_path / "none")) == {}
    assert aws_files.read(str(tmp_path)) == {}
    (tmp_path / "file").touch()
    assert aws_files.read(str(tmp_path / "file" / "below")) == {}


def test_the_profile_is_the_options_then_the_newer_variables() -> None:
    both = {"AWS_PROFILE": "new", "AWS_DEFAULT_PROFILE": "old"}
    assert aws_files.profile_of(both, "flag") == "flag"
    assert aws_files.profile_of(both, None) == "new"
    assert aws_files.profile_of({"AWS_DEFAULT_PROFILE": "old"}, None) == "old"
    assert aws_files.profile_of({"AWS_PROFILE": ""}, None) == "default"


def test_the_files_are_found_by_variable_tilde_and_home() -> None:
    home = {"HOME": "/home/a"}
    assert aws_files.config_path(home) == "/home/a/.aws/config"
    assert aws_files.credentials_path(home) == "/home/a/.aws/credentials"
    assert aws_files.config_path({**home, "AWS_CONFIG_FILE": "~/x"}) == "/home/a/x"
    assert aws_files.credentials_path({**home, "AWS_SHARED_CREDENTIALS_FILE": "/y"}) == "/y"


def test_a_variable_in_a_path_is_put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE", "/here")
    assert aws_files.config_path({"AWS_CONFIG_FILE": "$WHERE/config"}) == "/here/config"


TITLES = st.lists(
    st.sampled_from(["profile", "a", "'", '"', " ", "  ", "\t", "\\", "b c", "\u00a0", "#", "'a b'"]),
    max_size=7,
).map("".join)


@given(TITLES)
@example("profile 'a b'")
@example("profile  'a b'")
@example("profile 'a''b'")
@example("profile '")
@example("profile ''")
@example(" 'a'")
def test_the_name_in_a_title_is_the_second_word_of_a_shell(title: str) -> None:
    try:
        words = shlex.split(title)
    except ValueError:
        words = []
    assert aws_files.second_word(title) == (words[1] if len(words) == 2 else None)
