"""Run a real moorage inside a test suite.

`server()` serves from a thread of this process, with its own data folder, free ports and a root
user's access key; the pytest plugin `moorage` gives the fixtures `moorage_server` and `moorage`.
It is the same service that `moorage serve --test-mode` runs, so it can be emptied in milliseconds and
its clock can be shifted.
"""

from __future__ import annotations

from moorage.testing.running import ACCOUNT_ID, ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY, Server, server

__all__ = ["ACCOUNT_ID", "ROOT_ACCESS_KEY_ID", "ROOT_SECRET_ACCESS_KEY", "Server", "server"]
