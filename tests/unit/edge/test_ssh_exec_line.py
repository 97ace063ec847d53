from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.core.faults import Fault
from moorage.edge.ssh.exec_line import ExecRequest, parse

PULL, PUSH = "git-upload-pack", "git-receive-pack"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("git-upload-pack '/v1/repos/Demo'", ExecRequest(PULL, "Demo", None)),
        ("git upload-pack '/v1/repos/Demo'", ExecRequest(PULL, "Demo", None)),
        ("git-receive-pack '/v1/repos/Demo'", ExecRequest(PUSH, "Demo", None)),
        ("git-upload-pack '/eu-west-1/v1/repos/a.b_c-d'", ExecRequest(PULL, "a.b_c-d", "eu-west-1")),
        ("git-upload-pack 'v1/repos/Demo'", ExecRequest(PULL, "Demo", None)),
        ("git-upload-pack '//v1/repos//Demo.git/'", ExecRequest(PULL, "Demo", None)),
        ("git-upload-pack /v1/repos/Demo", ExecRequest(PULL, "Demo", None)),
    ],
)
def test_what_git_sends_is_understood(line: str, expected: ExecRequest) -> None:
    assert parse(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "git-upload-pack",
        "git-upload-pack ",
        "git-upload-pack ''",
        "git-upload-pack '/v1/repos/'",
        "git-upload-pack '/v1/repos/.git'",
        "git-upload-pack '/v1/repos/a/b'",
        "git-upload-pack '/v1/repos/a b'",
        "git-upload-pack '/v1/repos/ä'",
        "git-upload-pack '/v1/repos/x' ",
        " git-upload-pack '/v1/repos/x'",
        "git-upload-pack '/v1/repos/x'\n",
        "git-upload-pack '/v1/repos/x'; id",
        "git-upload-pack '/v1/repos/x'\\''y'",
        "git-upload-pack --strict '/v1/repos/x'",
        "git-upload-pack  '/v1/repos/x'",
        "git-upload-archive '/v1/repos/x'",
        "git-shell -c \"git-upload-pack '/v1/repos/x'\"",
        "git-upload-pack '/EU/v1/repos/x'",
        f"git-upload-pack '/v1/repos/{'x' * 200}'",
        f"git-upload-pack '{'/' * 600}v1/repos/x'",
    ],
)
def test_everything_else_is_refused(line: str) -> None:
    with pytest.raises(Fault):
        parse(line)


@given(st.text(max_size=60))
def test_no_line_gives_a_name_with_anything_but_its_letters(text: str) -> None:
    for line in (text, f"git-upload-pack '{text}'", f"git-upload-pack '/v1/repos/{text}'"):
        try:
            found = parse(line)
        except Fault:
            continue
        assert found.name.replace("-", "").replace("_", "").replace(".", "").isalnum() or set(
            found.name
        ) <= set("-_.")
        assert "/" not in found.name
