"""Changes to files: shown as a diff, made whole or not at all, and undone from a journal.

A change replaces a file by rename, under the lock file that git itself takes (`FILE.lock`), keeps the file's
mode and owner, and follows a symbolic link. The journal holds only the lines that changed, readable by the
user alone; a file that somebody changed since is not touched by undo.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moorage.client.machine import Machine, encoded, printable

JOURNALS_KEPT = 20
_SECRET_KEY = re.compile(
    r"(?i)([\w.-]*(?:secret|token|password|passwd|private_key|credential=)[\w.-]*[\"']?\s*[=:]\s*)(\S.*)"
)
# What follows the name, and what a name has behind a percent sign: there AWS's helper puts the session token.
_SECRET_URL = re.compile(r"(://[^/\s:@%]*)(?:%[^\s@]*|:[^\s@]+)(?=@)")
# A session token stands in the user's name, behind the access key and a percent sign.
_SECRET_TOKEN = re.compile(r"(://[^/\s:@%]*%)[^/\s:@]+(?=[:@])")
_SECRET_SIGNATURE = re.compile(r"\d{8}T\d{6}Z[0-9a-f]{64}")


class ChangeRefused(Exception):
    """A file cannot be changed, or undone; the message is for a person and says what to do."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file's text before and after; None where there is no file. `why` is a phrase for a person.

    `mode` is for a new file. A change that is not `undoable` leaves nothing in the journal: one that takes
    out what must not be kept, such as a stored password.
    """

    path: Path
    before: str | None
    after: str | None
    why: str
    mode: int = 0o644
    undoable: bool = True

    @property
    def is_none(self) -> bool:
        return self.before == self.after


def merged(changes: Iterable[Change]) -> list[Change]:
    """Return one change for each file that changes; of two of one file, the second must follow on the first.

    Raises:
        ChangeRefused: two of them do not fit together.
    """
    by_path: dict[Path, Change] = {}
    for change in changes:
        first = by_path.get(change.path)
        if first is None:
            by_path[change.path] = change
            continue
        if first.after != change.before:
            raise ChangeRefused(f"{change.path} would be changed twice: run this again")
        reasons = first.why if change.is_none or change.why in first.why else f"{first.why}; {change.why}"
        reasons = change.why if first.is_none else reasons
        by_path[change.path] = Change(
            change.path,
            first.before,
            change.after,
            reasons,
            first.mode & change.mode,
            first.undoable and change.undoable,
        )
    return [change for change in by_path.values() if not change.is_none]


def masked(text: str) -> str:
    """Return a line without the secrets in it."""
    text = _SECRET_KEY.sub(r"\1***", text)
    text = _SECRET_TOKEN.sub(r"\1***", _SECRET_URL.sub(r"\1:***", text))
    return _SECRET_SIGNATURE.sub("***", text)


def diff(change: Change) -> str:
    """Return the change as a unified diff, printable and without secrets; empty for none."""
    if change.is_none:
        return ""
    name = printable(str(change.path))
    lines = difflib.unified_diff(
        _shown(change.before),
        _shown(change.after),
        "/dev/null" if change.before is None else name,
        "/dev/null" if change.after is None else name,
        lineterm="",
        n=2,
    )
    return "\n".join(lines) + "\n"


def apply(machine: Machine, changes: Sequence[Change], what: str) -> Path | None:
    """Make all changes, and return the journal's file that undoes them (None if there was nothing to do).

    If one cannot be made, those before it are taken back.

    Raises:
        ChangeRefused: a file cannot be written, or is not what the change was made for.
    """
    changes = [change for change in changes if not change.is_none]
    for change in changes:
        if _current(machine, change.path) != change.before:
            raise ChangeRefused(f"{change.path} changed meanwhile: run this again")
    journal = _write_journal(machine, changes, what)
    try:
        _make(changes)
    except BaseException:  # Ctrl-C too
        if journal is not None:
            journal.unlink(missing_ok=True)
        raise
    return journal


def journals(machine: Machine) -> list[Path]:
    """Return the journals, the oldest first."""
    folder = machine.state_folder / "undo"
    return [folder / name for name in machine.names(folder) if name.endswith(".json")]


def undoing(machine: Machine, journal: Path) -> tuple[str, list[Change]]:
    """Return what a journal was for, and the changes that take it back.

    Raises:
        ChangeRefused: a file changed since, or the journal cannot be read.
    """
    try:
        told = json.loads(machine.read(journal) or "")
        records = list(told["changes"])
        back = [_undone(machine, record, journal) for record in reversed(records)]
        return str(told["what"]), [change for change in back if not change.is_none]
    except (ValueError, KeyError, TypeError):
        raise ChangeRefused(f"{journal} is not a journal of moorage: remove it") from None


def undo(machine: Machine, journal: Path) -> list[Change]:
    """Take back what a journal holds, and remove it.

    Raises:
        ChangeRefused: a file changed since; nothing was touched.
    """
    _, changes = undoing(machine, journal)
    _make(changes)
    journal.unlink(missing_ok=True)
    return changes


def _shown(text: str | None) -> list[str]:
    lines = (text or "").removeprefix("\ufeff").splitlines()
    return ["\t".join(printable(part) for part in masked(line).split("\t")) for line in lines]


def _current(machine: Machine, path: Path) -> str | None:
    text = machine.read(path)
    if text is None and path.exists():
        raise ChangeRefused(f"{path} cannot be read")
    return text


def _write_journal(machine: Machine, changes: Sequence[Change], what: str) -> Path | None:
    records = [_record(machine, change) for change in changes if change.undoable]
    if not records:
        return None
    folder = machine.state_folder / "undo"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        stamp = f"{int(machine.now() * 1000):015d}"
        taken = set(machine.names(folder))
        names = (f"{stamp}-{number:03d}.json" for number in range(1000))
        journal = folder / next(name for name in names if name not in taken)
        _replace(journal, json.dumps({"what": what, "changes": records}, indent=1) + "\n", 0o600)
        for old in journals(machine)[:-JOURNALS_KEPT]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise ChangeRefused(_cannot(error)) from None
    return journal


def _record(machine: Machine, change: Change) -> dict[str, object]:
    """Keep the lines that differ, and hashes of both texts: enough to return from one to the other."""
    before, after = change.before or "", change.after or ""
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    mode = machine.mode(change.path)
    return {
        "path": str(change.path),
        "mode": change.mode if mode is None else mode,
        "before": None if change.before is None else _digest(before),
        "after": None if change.after is None else _digest(after),
        "head": head,
        "tail": tail,
        "lost": before[head : len(before) - tail],
    }


def _common(one: str, other: str) -> int:
    return len(os.path.commonprefix([one, other]))  # noqa: RUF071 - these are texts, not paths


def _undone(machine: Machine, record: dict[str, Any], journal: Path) -> Change:
    path = Path(record["path"])
    current = _current(machine, path)
    digest = None if current is None else _digest(current)
    if digest == record["before"]:  # the change was never made, or is taken back already
        return Change(path, current, current, "as it was")
    if digest != record["after"]:
        raise ChangeRefused(
            f"{path} was changed since: take out by hand what moorage wrote, then remove {journal}"
        )
    text = current or ""
    before = text[: record["head"]] + record["lost"] + text[len(text) - record["tail"] :]
    if record["before"] is not None and _digest(before) != record["before"]:
        raise ChangeRefused(f"the journal of {path} is damaged")
    mode = int(record["mode"]) & 0o777
    return Change(path, current, None if record["before"] is None else before, "as it was", mode)


def _digest(text: str) -> str:
    return hashlib.sha256(encoded(text)).hexdigest()


def _make(changes: Sequence[Change]) -> None:
    done: list[Change] = []
    try:
        for change in changes:
            _replace(change.path, change.after, change.mode)
            done.append(change)
    except BaseException as error:  # Ctrl-C too: all is made, or nothing
        for change in reversed(done):
            _replace(change.path, change.before, change.mode)
        if isinstance(error, OSError):
            raise ChangeRefused(_cannot(error)) from None
        raise


def _replace(path: Path, text: str | None, mode: int) -> None:
    real = Path(os.path.realpath(path))
    if text is None:
        real.unlink(missing_ok=True)
        return
    real.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(real, mode) as file:
        file.write(encoded(text))


class _Locked:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, content: bytes) -> None:
        view = memoryview(content)
        while view:
            view = view[os.write(self._descriptor, view) :]


@contextlib.contextmanager
def _locked(real: Path, mode: int) -> Iterator[_Locked]:
    """Hold the file's lock, which becomes the file."""
    lock = real.with_name(real.name + ".lock")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(lock, flags, 0o600)
    try:
        yield _Locked(descriptor)
        _like(descriptor, lock, real, mode)
        os.fsync(descriptor)
        os.close(descriptor)
        descriptor = -1
        lock.replace(real)
    except BaseException:
        if descriptor >= 0:
            os.close(descriptor)
        lock.unlink(missing_ok=True)
        raise
    if sys.platform != "win32":
        folder = os.open(real.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _like(descriptor: int, lock: Path, real: Path, mode: int) -> None:
    """Give a new file the mode and owner of the one it replaces."""
    try:
        old = real.stat()
    except FileNotFoundError:
        lock.chmod(mode)
        return
    if sys.platform != "win32":
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    lock.chmod(old.st_mode & 0o7777)


def _cannot(error: OSError) -> str:
    name = str(error.filename or "a file")
    if isinstance(error, FileExistsError) and name.endswith(".lock"):
        return f"another program is changing {name.removesuffix('.lock')}; if none is, remove {name}"
    remedy = ": run it as somebody who may, or write elsewhere" if isinstance(error, PermissionError) else ""
    return f"cannot write {name.removesuffix('.lock')}: {error.strerror}{remedy}"
