"""`moorage serve`: run the service."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING

from moorage.cli import options

if TYPE_CHECKING:
    from moorage.server.service import Prepared
    from moorage.server.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add every setting."""
    options.add(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C. Exit status 0 after an orderly stop, 1 when it cannot start."""
    from moorage.cli.refusals import shown

    with shown("serve"):
        from moorage.server.settings_load import load

        settings = load(options.given(arguments), config=arguments.config)
        if settings.workers > 1:
            return _with_shared_metrics(settings)
        return _serve(settings)


def _serve(settings: Settings) -> int:
    from moorage.server import demo, logs, service
    from moorage.server.announcement import announcement

    logs.configure(settings.log_format)
    lines: list[str] = []

    def before(prepared: Prepared) -> None:
        if settings.demo:
            lines.append(demo.ensure(prepared))

    def on_ready(prepared: Prepared) -> None:
        said = announcement(settings, prepared, terminal=sys.stdout.isatty())
        sys.stdout.write("\n".join([said, *lines]))
        sys.stdout.flush()

    return service.run(settings, os.environ, before=before, on_ready=on_ready)


def _with_shared_metrics(settings: Settings) -> int:
    """Give the workers a folder for their counters; it has to be known before metrics are imported."""
    folder = tempfile.mkdtemp(prefix="moorage-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    try:
        return _serve(settings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
