"""Any text is read as git reads it, and an edit changes nothing else, however odd the lines are."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from moorage.client.git_config_text import ConfigSyntaxError, lines_of, with_section, without_section

LINES = [
    *(
        "[a]",
        "[a] k = v",
        "[a]k=v#c",
        '[a "b.C"]',
        "[credential]",
        '[credential "x"] ; c',
        "[include]",
        "[z.X]",
    ),
    *(
        "k = v",
        "  Key-1=v v  ",
        "k",
        '\tk = "a # b" c ; d',
        'k = "" x',
        "k = a\\\n  b",
        "k = \\\\",
        "# c",
        "; c",
    ),
    *("", "  ", "k =", 'k = "  "', "k = x\\\\", "new = a\tb", 'k="a\\\nb"', 'k = \\"x\\"', "k = \\\n\\\nv"),
    *(
        "k = a \\",
        "[a",
        "k = \\x",
        '"',
        "é = 1",
        "1k = 1",
        'k = "open',
        "k # c",
        "[a] [credential]",
        "\r",
        "\xa0",
    ),
]
TEXTS = st.tuples(
    st.sampled_from(["", "", "\ufeff"]),
    st.lists(
        st.tuples(st.sampled_from(LINES), st.sampled_from(["\n", "\n", "\r\n", " ", "\n\n"])), max_size=8
    ),
    st.sampled_from(["", "k = end", "k = a \\", "[a]"]),
).map(lambda parts: parts[0] + "".join(map("".join, parts[1])) + parts[2])
SECTIONS = st.sampled_from(["a", "a.b.C", "credential", "z.x"])
PAIRS = st.lists(
    st.tuples(st.sampled_from(["k", "key-1", "new"]), st.sampled_from(["", "v", " v", "a\\b"])),
    min_size=1,
    max_size=3,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config") / "config"


def of_git(file: Path, text: str) -> list[str] | None:
    file.write_bytes(text.encode())
    ran = subprocess.run(
        ["git", "config", "--file", str(file), "--list", "-z"], capture_output=True, check=False
    )
    return None if ran.returncode else ran.stdout.decode().split("\0")[:-1]


def ours(text: str) -> list[str] | None:
    try:
        lines = lines_of(text)
    except ConfigSyntaxError:
        return None
    return [
        f"{line.section}.{line.key}".lstrip(".") + ("" if line.value is None else f"\n{line.value}")
        for line in lines
        if line.key
    ]


def blanks_alike(listed: list[str] | None) -> list[str] | None:
    """Git before 2.45 reads any blank outside of quotation marks as a space."""
    return None if listed is None else [re.sub(r"[\t\r]", " ", each) for each in listed]


@settings(max_examples=60)
@given(text=TEXTS, section=SECTIONS, pairs=PAIRS, last=st.booleans())
@example(text="k = a \\", section="a", pairs=[("k", "")], last=False)  # an entry left open
@example(text="k = \\\n  v", section="a", pairs=[("k", "")], last=False)  # blanks before a value begins
def test_a_text_is_read_and_edited_as_git_has_it(
    file: Path, text: str, section: str, pairs: list[tuple[str, str]], last: bool
) -> None:
    before = of_git(file, text)
    assert blanks_alike(ours(text)) == blanks_alike(before)
    if before is None:
        return
    edited = with_section(text, section, pairs, last=last)
    after = of_git(file, edited)
    assert after is not None
    keys = {f"{section}.{key}" for key, _ in pairs}

    def key_of(item: str) -> str:
        return item.partition("\n")[0]

    assert [item for item in after if key_of(item) in keys] == [
        f"{section}.{key}\n{value}" for key, value in pairs
    ]
    others = [item for item in after if key_of(item) not in keys]
    unchanged = [item for item in before if key_of(item) not in keys]
    assert (sorted(others), sorted(others) if last else others) == (
        sorted(unchanged),
        sorted(unchanged) if last else unchanged,
    )
    assert with_section(edited, section, pairs, last=last) == edited
    assert of_git(file, without_section(edited, section)) == [
        item for item in others if key_of(item).rpartition(".")[0] != section
    ]
