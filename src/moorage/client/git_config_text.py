"""The text of a git configuration file: where each entry stands, and edits that keep everything else.

The grammar is git's (`git help config`, "Syntax"). Comments, blank lines, CRLF, a BOM and the quoting of what
is not edited stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

BOM = "\ufeff"
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", "\\": "\\", '"': '"'}
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_HEADER = re.compile(r'\[([A-Za-z0-9.-]+)(?:[ \t]+"((?:[^"\\\r\n]|\\[^\r\n])*)")?\]')
_ESCAPED = re.compile(r"\\(.)")
_BLANKS = " \t\r\n"  # git's isspace; Python's knows more


class ConfigSyntaxError(Exception):
    """The file is not a git configuration: `line` is the first line that is not (git stops there too)."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is not git configuration")
        self.line = line


class Line(NamedTuple):
    """One entry, or one section header (`key` is None), and where it stands in the text.

    `section` is as git prints it: `credential` or `credential.https://host` (the name in lower case).
    `value` is None for a key without `=`. `start` is the first character of the entry's own text, `end` the
    one after its line end (of a header: after its `]`).
    """

    number: int
    section: str
    key: str | None
    value: str | None
    start: int
    end: int


def lines_of(text: str) -> list[Line]:
    """Return the headers and entries of a configuration, in order.

    Raises:
        ConfigSyntaxError: at the first line that git would call bad.
    """
    return list(_read(text))


def _read(text: str) -> Iterator[Line]:
    place = 1 if text.startswith(BOM) else 0
    number, section = 1, ""
    while place < len(text):
        character = text[place]
        if character in " \t\r\n":
            number += character == "\n"
            place += 1
        elif character in "#;":
            place = _end_of_line(text, place)
        elif character == "[":
            header = _HEADER.match(text, place)
            if header is None:
                raise ConfigSyntaxError(number)
            section = _section(header)
            yield Line(number, section, None, None, place, header.end())
            place = header.end()
        else:
            entry = _entry(text, place, number, section)
            yield entry
            number += text.count("\n", place, entry.end)
            place = entry.end


def _section(header: re.Match[str]) -> str:
    name = header[1].lower()
    return name if header[2] is None else name + "." + _ESCAPED.sub(r"\1", header[2])


def _entry(text: str, start: int, number: int, section: str) -> Line:
    key = _KEY.match(text, start)
    if key is None:
        raise ConfigSyntaxError(number)
    place = key.end()
    while text[place : place + 1] in {" ", "\t"}:
        place += 1
    if text[place : place + 1] == "=":
        value, end = _value(text, place + 1, number)
        return Line(number, section, key[0].lower(), value, start, end)
    if place != _end_of_line(text, place):
        raise ConfigSyntaxError(number)
    return Line(number, section, key[0].lower(), None, start, _past_line_end(text, place))


def _value(text: str, place: int, number: int) -> tuple[str, int]:
    """Return the value that begins here, and where its last line ends."""
    value: list[str] = []
    quoted, kept = False, 0  # kept: how much of the value is more than trailing blanks
    while place < (end := _end_of_line(text, place)):
        character = text[place]
        place += 1
        if not quoted and character in _BLANKS:
            value += [character] if value else []
            continue
        if not quoted and character in "#;":
            place = end
            break
        if character == "\\":
            escaped, place = _escaped(text, place, number)
            value += [escaped] if escaped else []
        elif character == '"':
            quoted = not quoted
        else:
            value.append(character)
        kept = len(value)
    if quoted:
        raise ConfigSyntaxError(number)
    return "".join(value[:kept]), _past_line_end(text, place)


def _escaped(text: str, place: int, number: int) -> tuple[str, int]:
    """Return what a backslash before this place means (nothing, at a line's end), and the place behind it."""
    if place == _end_of_line(text, place):
        return "", _past_line_end(text, place)
    if text[place] not in _ESCAPES:
        raise ConfigSyntaxError(number)
    return _ESCAPES[text[place]], place + 1


def _end_of_line(text: str, place: int) -> int:
    end = text.find("\n", place)
    if end < 0:
        return len(text)
    return end - 1 if end > place and text[end - 1] == "\r" else end


def _past_line_end(text: str, place: int) -> int:
    if text.startswith("\r\n", place):
        return place + 2
    return min(len(text), place + 1)


def with_section(text: str, section: str, pairs: Sequence[tuple[str, str]], *, last: bool = False) -> str:
    """Return the text with these entries in that section, in this order; the same text if it has them.

    `section` is dotted: `credential.https://host:8443`. Of the section, in all the places where the file has
    it, the entries named by `pairs` are replaced and others stay, comments too. With `last`, the section is
    moved behind every other of its name, for git obeys helpers in the order of the file.

    Raises:
        ConfigSyntaxError: the text is not git configuration.
    """
    keys = {key.lower() for key, _ in pairs}
    entries = [line for line in lines_of(text) if line.section == section and line.key]
    present = [(line.key, line.value) for line in entries if line.key in keys]
    moves = last and _is_followed(text, section)
    if present == [(key.lower(), value) for key, value in pairs] and not moves:
        return text
    newline = "\r\n" if "\r\n" in text else "\n"
    block = "".join(f"\t{key} = {quoted(value)}".rstrip() + newline for key, value in pairs)
    if moves:
        kept = [text[line.start : line.end].rstrip("\r\n") for line in entries if line.key not in keys]
        block += "".join(f"\t{line}{newline}" for line in kept)
        text = _without(text, section, None)
    else:
        text = _without(text, section, keys)
        header_there = next((line for line in lines_of(text) if line.section == section), None)
        if header_there is not None:
            return _inserted(text, header_there.end, block, newline)
    return _appended(text, header(section) + newline + block, newline)


def without_section(text: str, section: str, keys: Iterable[str] | None = None) -> str:
    """Return the text without the section (all of its blocks), or without these of its entries only."""
    return _without(text, section, None if keys is None else {key.lower() for key in keys})


def header(section: str) -> str:
    """Return the line that opens a section: `[credential "https://host"]`."""
    name, dot, subsection = section.partition(".")
    if not dot:
        return f"[{name}]"
    escaped = subsection.replace("\\", "\\\\").replace('"', '\\"')
    return f'[{name} "{escaped}"]'


def quoted(value: str) -> str:
    """Return a value as git reads it back unchanged."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    escaped = escaped.replace("\b", "\\b")
    if value != value.strip() or any(each in value for each in "#;\r"):
        return f'"{escaped}"'
    return escaped


def _is_followed(text: str, section: str) -> bool:
    """Tell whether another section of the same name, or an include, comes behind the section."""
    name = section.partition(".")[0]
    behind = False
    for line in lines_of(text):
        if line.section == section:
            behind = True
        elif behind and line.section.partition(".")[0] in {name, "include", "includeif"}:
            return True
    return False


def _appended(text: str, block: str, newline: str) -> str:
    """Put lines at the end, where no entry that was left open by a backslash swallows them."""
    if text.strip(BOM) and not text.endswith("\n"):
        text += newline
    count = len(lines_of(text))
    if len(lines_of(text + block)) - count < block.count("\n"):
        text += newline
    return text + block


def _inserted(text: str, place: int, block: str, newline: str) -> str:
    """Put lines behind a header; an entry on the header's own line moves below them, a comment stays."""
    end = _end_of_line(text, place)
    rest = text[place:end].strip()
    if rest and rest[0] not in "#;":
        return text[:place] + newline + block + "\t" + text[place:].lstrip(" \t")
    if end == len(text):
        return text + newline + block
    end = _past_line_end(text, end)
    return text[:end] + block + text[end:]


def _without(text: str, section: str, keys: set[str] | None) -> str:
    """Take entries out (all, for None); the headers of blocks left with nothing in them go too."""
    pieces: list[str] = []
    kept_until = 0
    for start, end in _spans(text, section, keys):
        pieces.append(text[kept_until:start])
        kept_until = end
    return "".join(pieces) + text[kept_until:]


def _spans(text: str, section: str, keys: set[str] | None) -> Iterator[tuple[int, int]]:
    found = lines_of(text)
    headers = [line for line in found if line.key is None]
    ends = [*(each.start for each in headers[1:]), len(text)]
    for block, end in zip(headers, ends, strict=False):
        if block.section != section:
            continue
        inside = [line for line in found if line.key is not None and block.start < line.start < end]
        gone = [line for line in inside if keys is None or line.key in keys]
        if keys is None or (gone == inside != [] and not _has_comments(text, block, inside, end)):
            yield _whole_line(text, block.start, block.end)
        for line in gone:
            yield _whole_line(text, line.start, line.end)


def _has_comments(text: str, block: Line, inside: list[Line], end: int) -> bool:
    place = block.end
    for line in inside:
        if text[place : line.start].strip():
            return True
        place = line.end
    return bool(text[place:end].strip())


def _whole_line(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen a span to its line, where nothing else stands on it; else leave the line's end standing."""
    line_start = text.rfind("\n", 0, start) + 1
    if text[line_start:start].strip(" \t" + BOM):
        while end > start and text[end - 1] in "\r\n":
            end -= 1
        return start, end
    line_start += text.startswith(BOM, line_start)
    if not text[end - 1 : end].endswith("\n") and not text[end : _end_of_line(text, end)].strip():
        end = _past_line_end(text, _end_of_line(text, end))
    return line_start, end
