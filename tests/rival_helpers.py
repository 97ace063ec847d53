"""Other people's credential helpers, faked: they keep what they are told, and give it again.

`manager` stands for Git Credential Manager, `osxkeychain` for the macOS keychain, and so on: programs that
cannot run here. What they share with the real ones is the protocol (git's `credential` documentation) and the
habit that breaks CodeCommit: a password given once is kept, whatever becomes of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from moorage.core import sigv4

KEPT = "kept"
_SCRIPT = """#!/bin/sh
protocol= host= path= username= password=
while IFS= read -r line && [ -n "$line" ]; do
  case ${line%%=*} in
    protocol|host|path|username|password) eval "${line%%=*}=\\${line#*=}" ;;
  esac
done
echo "$1 $protocol://$host/$path" >>"@FOLDER@/calls"
file="@FOLDER@/kept/$(printf %s "$protocol $host $path" | tr / _)"
case $1 in
  get) if [ -f "$file" ]; then cat "$file"; fi ;;
  store) printf 'username=%s\\npassword=%s\\n' "$username" "$password" >"$file" ;;
  erase) @ERASE@ ;;
esac
"""


@dataclass(frozen=True)
class Rival:
    """A helper that was put on somebody's PATH."""

    folder: Path

    @property
    def calls(self) -> list[str]:
        """What it was asked so far: `get https://host/path`."""
        log = self.folder / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def forget_calls(self) -> None:
        (self.folder / "calls").unlink(missing_ok=True)

    @property
    def kept(self) -> dict[str, str]:
        """What it keeps: `https host path` and the answer it gives."""
        return {file.name: file.read_text() for file in sorted((self.folder / KEPT).iterdir())}

    def keep(self, host: str, path: str, username: str, password: str) -> None:
        name = f"https {host} {path}".replace("/", "_")
        (self.folder / KEPT / name).write_text(f"username={username}\npassword={password}\n")


def install(programs: Path, name: str, *, erases: bool = True) -> Rival:
    """Put `git-credential-NAME` into a folder of programs."""
    folder = programs / f".{name}"
    (folder / KEPT).mkdir(parents=True)
    script = _SCRIPT.replace("@FOLDER@", str(folder)).replace("@ERASE@", 'rm -f "$file"' if erases else ":")
    program = programs / f"git-credential-{name}"
    program.write_text(script)
    program.chmod(0o755)
    return Rival(folder)


def signature(host: str, path: str, *, secret: str, region: str, now: datetime) -> str:
    """A password as the CodeCommit helper makes it, at some time."""
    return sigv4.git_password(re.sub(r":\d+$", "", host), f"/{path}", secret=secret, region=region, now=now)
