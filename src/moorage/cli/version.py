"""`moorage version`: the versions of moorage, Python and git."""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys

from moorage import __version__


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each; exit status 0."""
    del arguments
    sys.stdout.write(f"moorage {__version__}\nPython {platform.python_version()}\n{_git()}\n")
    return 0


def _git() -> str:
    try:
        found = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "git: not found; the server needs it"
    return found.stdout.strip()
