"""How a command says that it cannot: one line on standard error."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator


class Refused(SystemExit):
    """Ends a command with status 1 after its line was shown."""

    def __init__(self) -> None:
        super().__init__(1)


@contextlib.contextmanager
def shown(command: str) -> Iterator[None]:
    """Turn what an operator can put right into one line; let bugs through."""
    from moorage.core.faults import Fault
    from moorage.crypto.root_key import RootKeyError
    from moorage.server.data_folder import DataFolderError
    from moorage.server.first_start import StartRefused
    from moorage.server.listeners import ListenError
    from moorage.server.local_ca import LocalCaError
    from moorage.server.settings import SettingsError
    from moorage.storage.refusal import StorageRefused

    try:
        yield
    except (
        SettingsError,
        DataFolderError,
        StartRefused,
        RootKeyError,
        ListenError,
        LocalCaError,
        StorageRefused,
    ) as error:
        sys.stderr.write(f"moorage {command}: {error}\n")
        raise Refused from None
    except Fault as fault:
        sys.stderr.write(f"moorage {command}: {fault.message}\n")
        raise Refused from None
