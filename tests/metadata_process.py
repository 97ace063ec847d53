"""Starts `moorage imds` beside a service: a machine with a role."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service_process import Service

EC2_TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},'
    '"Action":"sts:AssumeRole"}]}'
)
STOP_SECONDS = 20


@contextmanager
def metadata(service: Service, *arguments: str) -> Iterator[dict[str, str]]:
    """Run `moorage imds` beside the service; give what it says to export."""
    program = Path(sys.executable).with_name("moorage")
    running = subprocess.Popen(
        [program, "imds", "--data", service.data, "--listen", "127.0.0.1:0", *arguments],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    try:
        lines = [running.stdout.readline() for _ in range(2)]
        assert all(lines), running.communicate()
        pairs = [line.strip().removeprefix("export ").partition("=") for line in lines]
        yield {name: value for name, _, value in pairs}
    finally:
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=STOP_SECONDS)
    assert (running.returncode, said) == (0, "")
