"""A profile in ~/.aws/config: where the AWS CLI and the SDKs find the service. Never a secret.

The file is edited without loss: comments, order, CRLF, a byte order mark and all that is of other profiles
stay as they are, and the outcome is read again before it is offered. The format is botocore's
(`moorage.client.aws_files`).

AWS_ENDPOINT_URL, `endpoint_url` and `services` are obeyed since AWS CLI 1.29 and 2.13; 2.9.19 ignores them
without a word and would go to AWS (see `moorage.client.setup.routing.wrapper`).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from moorage.client import aws_files
from moorage.client.aws_files import DEFAULT_PROFILE, Unreadable
from moorage.client.changes import Change

SERVICES = ("codecommit", "iam", "kms", "sts")
SERVICES_SECTION = "moorage"

_BOM = "\ufeff"
# Where Python would end a line and AWS's reader does not.
_OTHER_LINE_ENDS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"

Sections = Mapping[str, Mapping[str, str]]


class ProfileRefused(Exception):
    """The file cannot be edited, or the profile has a name that no file can hold; one line for a person."""


class Profile(NamedTuple):
    """What a profile shall say; None leaves a key as it is.

    With `for_services`, the endpoint holds for `SERVICES` alone, by a `services` section: the profile's other
    services, as S3, stay at AWS. This endpoint and this `ca_bundle`, which would hold for these as well, are
    then taken out of the profile itself.
    """

    name: str
    region: str | None = None
    endpoint_url: str | None = None
    ca_bundle: str | None = None
    for_services: bool = False


def change(path: Path, before: str | None, profile: Profile) -> Change:
    """Return the change of the config file that gives a profile what it shall say; none if it says it.

    Raises:
        ProfileRefused: the file is not readable as AWS reads it, or cannot hold this.
    """
    why = f"tell the AWS CLI and SDKs, in profile {profile.name}, where the service is"
    return Change(path, before, edited(before or "", profile, str(path)), why, mode=0o600)


def edited(text: str, profile: Profile, path: str = "the file") -> str:
    """Return a config file's text with a profile that says what it shall.

    Raises:
        ProfileRefused: as `change`.
    """
    sections = _parsed(text, path)
    title = _title(sections, profile.name)
    ours = {"endpoint_url": profile.endpoint_url, "ca_bundle": profile.ca_bundle}
    present = sections.get(title, {})
    kept = {key: value for key, value in present.items() if value != ours.get(key)}
    if profile.for_services and kept != present:
        text = _without(text, title, present.keys() - kept.keys())
        _require_as_expected(_parsed(text, path), {**sections, title: kept}, {}, path)
        sections = _parsed(text, path)
    # A profile whose services are told elsewhere keeps them: ours are added there.
    services = sections.get(title, {}).get("services", SERVICES_SECTION)
    values = {"region": profile.region}
    if profile.for_services:
        values["services"] = services if profile.endpoint_url else None
    else:
        values |= {"ca_bundle": profile.ca_bundle, "endpoint_url": profile.endpoint_url}
    wanted = {key: value for key, value in values.items() if value is not None}
    _require_writable(profile.name, *wanted.values(), *filter(None, [profile.endpoint_url]))
    expected = {title: wanted}
    if "services" in wanted:
        of_services = _services_title(sections, services)
        present = sections.get(of_services, {})
        expected[of_services] = {
            name: _nested(
                {**aws_files.nested(present.get(name, "")), "endpoint_url": profile.endpoint_url or ""}
            )
            for name in SERVICES
        }
    for title, its in expected.items():
        text = _with(text, title, sections.get(title, {}), its)
    _require_as_expected(_parsed(text, path), sections, expected, path)
    return text


def without(text: str, name: str, path: str = "the file") -> str:
    """Return a config file's text without the endpoint and CA of a profile, and without our services section.

    Raises:
        ProfileRefused: the file is not readable as AWS reads it.
    """
    sections = _parsed(text, path)
    title = _title(sections, name)
    gone = {"endpoint_url", "ca_bundle"}
    users = [one for one, values in sections.items() if values.get("services") == SERVICES_SECTION]
    if title in users:
        gone.add("services")
    text = _without(text, title, gone)
    if users == [title]:
        text = _without(text, f"services {SERVICES_SECTION}", None)
    remaining = {
        one: {key: value for key, value in values.items() if one != title or key not in gone}
        for one, values in sections.items()
        if users != [title] or one != f"services {SERVICES_SECTION}"
    }
    _require_as_expected(_parsed(text, path), remaining, {}, path)
    return text


def title_of(name: str) -> str:
    """Return how a profile's section is headed: default, profile NAME, profile 'A NAME'."""
    return DEFAULT_PROFILE if name == DEFAULT_PROFILE else f"profile {shlex.quote(name)}"


def _title(sections: Sections, name: str) -> str:
    """Return the heading of a profile's section as the file has it, else as it is to be written."""
    own = [
        title
        for title in sections
        if (title.startswith("profile") and aws_files.second_word(title) == name)
        or title == name == DEFAULT_PROFILE
    ]
    return own[-1] if own else title_of(name)  # of several, botocore takes the last


def _services_title(sections: Sections, name: str) -> str:
    named = [one for one in sections if one.startswith("services") and aws_files.second_word(one) == name]
    return named[-1] if named else f"services {shlex.quote(name)}"


class _Line(NamedTuple):
    """A line with its end. `key` is the entry that it begins or goes on with; None for all others."""

    text: str
    title: str | None
    key: str | None
    is_first: bool = False

    @property
    def is_comment(self) -> bool:
        return self.text.strip()[:1] in {"#", ";"}


def _lines(text: str) -> list[_Line]:
    """Read lines as `aws_files.parse` does, which has accepted them."""
    made: list[_Line] = []
    title: str | None = None
    key: str | None = None
    indent = 0
    for line in text.removeprefix(_BOM).splitlines(keepends=True):
        bare = line.strip()
        if not bare or bare[0] in "#;":
            made.append(_Line(line, title, None))
            continue
        deep = len(line) - len(line.lstrip())
        if key is not None and deep > indent:
            made.append(_Line(line, title, key))
            continue
        indent, end = deep, bare.rfind("]")
        if bare[0] == "[" and end > 1:
            title, key = bare[1:end], None
            made.append(_Line(line, title, None, is_first=True))
        else:
            key = bare.replace(":", "=").partition("=")[0].rstrip().lower()
            made.append(_Line(line, title, key, is_first=True))
    return made


def _with(text: str, title: str, present: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """Give a section these values: in their places where it has the keys, else at its end."""
    wanted = {key: value for key, value in wanted.items() if present.get(key) != value}
    if not wanted:
        return text
    newline = "\r\n" if "\r\n" in text else "\n"
    if text and not text.endswith("\n"):
        text += newline
    lines = _lines(text)
    ends = [
        number for number, line in enumerate(lines, 1) if line.title == title and (line.key or line.is_first)
    ]
    if not ends:
        gap = newline if text.strip(_BOM) else ""
        entries = "".join(_entry(key, value, newline) for key, value in wanted.items())
        return f"{text}{gap}[{title}]{newline}{entries}"
    made: list[str] = []
    for number, line in enumerate(lines, 1):
        if line.title != title or line.key not in wanted:
            made.append(line.text)
        elif line.is_first:
            made.append(_entry(line.key, wanted[line.key], newline))
        if number == ends[-1]:
            written = {line.key for line in lines if line.title == title}
            made += [_entry(key, value, newline) for key, value in wanted.items() if key not in written]
    return text[: text.startswith(_BOM)] + "".join(made)


def _without(text: str, title: str, keys: set[str] | None) -> str:
    """Take keys out of a section, or the whole section (None); comments stay."""
    kept = [
        line.text
        for line in _lines(text)
        if line.title != title or (line.key not in keys if keys is not None else line.is_comment)
    ]
    return text[: text.startswith(_BOM)] + "".join(kept)


def _entry(key: str, value: str, newline: str) -> str:
    if not value.startswith("\n"):
        return f"{key} = {value}{newline}"
    return f"{key} ={newline}" + "".join(f"  {line}{newline}" for line in value[1:].split("\n"))


def _nested(values: Mapping[str, str]) -> str:
    return "".join(f"\n{key} = {value}" for key, value in values.items())


def _require_writable(name: str, *values: str) -> None:
    for text in (name, *values):
        if not text or text != text.strip() or not text.isprintable():
            raise ProfileRefused(f"{text!r} cannot be written into AWS's config file")
    if name != DEFAULT_PROFILE and aws_files.second_word(title_of(name)) != name:
        raise ProfileRefused(f"a profile cannot be called {name!r}")


def _parsed(text: str, path: str) -> Sections:
    if "\r" in text.replace("\r\n", "") or any(each in text for each in _OTHER_LINE_ENDS):
        raise ProfileRefused(f"{path} has odd line ends: it is left alone")
    try:
        return aws_files.parse(text.removeprefix(_BOM), path)
    except Unreadable as error:
        raise ProfileRefused(f"{error}: repair it first") from None


def _require_as_expected(made: Sections, before: Sections, wanted: Sections, path: str) -> None:
    """Hold the outcome against what was asked for: a file with everybody's keys is not to be guessed at."""
    same = made.keys() == before.keys() | wanted.keys()
    for title, values in made.items():
        expected = {**before.get(title, {}), **wanted.get(title, {})}
        # What a new section has beside is of [DEFAULT], whose keys all sections have.
        same &= values == expected if title in before else values.items() >= expected.items()
    if not same:
        raise ProfileRefused(
            f"{path} is written in a way that cannot be edited safely: add the lines by hand"
        )
