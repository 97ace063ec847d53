"""How a helper's line is read, without a shell."""

from __future__ import annotations

import pytest

from moorage.client.doctor.helper_line import read

AWS = "codecommit credential-helper"


@pytest.mark.parametrize(
    ("line", "profile", "meant"),
    [
        (f"!aws {AWS} $@", None, None),
        (f"!aws --profile work {AWS} $@", "work", "work"),
        (f"!aws {AWS} --profile work $@", "work", "work"),
        (f"!aws {AWS} --profile=work $@", "work", "work"),
        (f"!aws {AWS} --profile 'My Work' $@", "My Work", "My Work"),
        (f'!aws --profile "My Work" {AWS} $@', "My Work", "My Work"),
        (f"!aws --profile My Work {AWS} $@", "My", "My Work"),
        (f"!aws {AWS} --profile My Very Own --ignore-host-check $@", "My", "My Very Own"),
        (f"!aws {AWS} --profile work", "work", "work"),
        (f"!aws {AWS} --profile", None, None),
        (f"!aws {AWS} --profile 'open $@", None, None),
    ],
)
def test_the_profile_and_the_one_meant(line: str, profile: str | None, meant: str | None) -> None:
    assert (read(line).profile, read(line).profile_meant) == (profile, meant)
    assert read(line).profile_is_unquoted == (profile != meant)


@pytest.mark.parametrize(
    ("line", "program"),
    [
        (f"!aws {AWS} $@", "aws"),
        (f"! aws {AWS} $@", "aws"),
        (f"!'/opt/a b/aws' {AWS} $@", "/opt/a b/aws"),
        (f"!C:/Tools/aws.exe {AWS} $@", "C:/Tools/aws.exe"),
        ("moorage", "git-credential-moorage"),
        ("/opt/git-credential-moorage --profile x", "/opt/git-credential-moorage"),
        ("!$HOME/bin/aws codecommit credential-helper", None),
        ('!f() { test "$1" = get && aws codecommit credential-helper "$@"; }; f', None),
        ("!'open", None),
        ("!", None),
        ("", None),
    ],
)
def test_the_program_that_it_starts(line: str, program: str | None) -> None:
    assert read(line).program == program


@pytest.mark.parametrize(
    ("line", "faults"),
    [
        (f"!aws {AWS} $@", []),
        (f'!aws {AWS} "$@"', []),
        (f"!'aws' {AWS} $@", []),
        (f'!"C:/Program Files/Amazon/AWSCLIV2/aws.exe" {AWS} $@', []),
        ("!aws codecommit --profile x credential-helper $@", []),
        ('!f() { test "$1" != get || aws codecommit credential-helper "$@"; }; f', []),
        ("moorage", []),
        ("manager", []),
        ("'!aws", ["wrapped", "open"]),
        (f"'!aws {AWS} $@'", ["wrapped"]),
        (f'"!aws {AWS} $@"', ["wrapped"]),
        (f"'aws' {AWS} $@", ["wrapped"]),
        (f"aws {AWS} $@", ["bare"]),
        (f"/usr/bin/aws {AWS} $@", []),  # an absolute path needs no exclamation mark
        (f"!aws {AWS}", ["no arguments"]),
        (f"!aws {AWS} '$@", ["open"]),
    ],
)
def test_what_is_wrong_with_a_line(line: str, faults: list[str]) -> None:
    told = read(line)
    found = {
        "wrapped": told.is_wrapped_in_quotes,
        "open": told.has_open_quote,
        "bare": told.lacks_exclamation_mark,
        "no arguments": told.lacks_arguments,
    }
    assert [name for name, is_so in found.items() if is_so] == faults
