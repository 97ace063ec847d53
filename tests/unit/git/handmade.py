"""Real repositories, and objects and packs made by hand, for the tests of the git layer."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from moorage.core.names import ObjectId

_KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
_WHO = "Ada <ada@example.org> 1700000000 +0000"


@dataclass(frozen=True)
class Repository:
    """A bare repository driven with stock git."""

    path: Path

    def git(self, *arguments: str, stdin: bytes = b"", protocol: str | None = None) -> bytes:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_DIR": str(self.path),
            **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _IDENTITY},
        }
        if protocol is not None:
            environment["GIT_PROTOCOL"] = protocol
        finished = subprocess.run(
            ["git", *arguments], input=stdin, capture_output=True, env=environment, check=True
        )
        return finished.stdout

    @classmethod
    def here(cls) -> Repository:
        """A repository that need not exist."""
        return cls(Path("/nonexistent"))

    def blob(self, content: bytes) -> ObjectId:
        return self._id(self.git("hash-object", "-w", "--stdin", stdin=content))

    def tree(self, **files: ObjectId) -> ObjectId:
        lines = "".join(f"100644 blob {blob}\t{name}\n" for name, blob in sorted(files.items()))
        return self._id(self.git("mktree", "--missing", stdin=lines.encode()))

    def commit(self, text: str = "one\n", parents: Iterable[ObjectId] = ()) -> ObjectId:
        tree = self.tree(file=self.blob(text.encode()))
        flags = [word for parent in parents for word in ("-p", parent)]
        return self._id(self.git("commit-tree", tree, *flags, "-m", "A commit."))

    def tag(self, target: ObjectId, name: str, kind: str = "commit") -> ObjectId:
        text = f"object {target}\ntype {kind}\ntag {name}\ntagger {_WHO}\n\nA tag.\n"
        return self._id(self.git("mktag", stdin=text.encode()))

    def ref(self, name: str, target: ObjectId) -> None:
        self.git("update-ref", name, target)

    def pack(self, *tips: ObjectId, excluding: Iterable[ObjectId] = (), thin: bool = False) -> bytes:
        revisions = "".join(f"{tip}\n" for tip in tips) + "".join(f"^{tip}\n" for tip in excluding)
        options = ["--thin"] if thin else []
        return self.git("pack-objects", "--revs", "--stdout", "-q", *options, stdin=revisions.encode())

    @staticmethod
    def _id(output: bytes) -> ObjectId:
        return ObjectId(output.decode().strip())


_IDENTITY = (("NAME", "Ada"), ("EMAIL", "ada@example.org"), ("DATE", "1700000000 +0000"))


def a_pack(*objects: tuple[str, bytes]) -> bytes:
    """Return a pack of whole objects, good or bad, written without git's help."""
    body = b"".join(_entry(_KINDS[kind], content) for kind, content in objects)
    return sealed(b"PACK" + struct.pack(">II", 2, len(objects)) + body)


def sealed(body: bytes) -> bytes:
    return body + hashlib.sha1(body).digest()


def entry_header(kind: int, size: int) -> bytes:
    first, size = (kind << 4) | (size & 15), size >> 4
    header = bytearray()
    while size:
        header.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    header.append(first)
    return bytes(header)


def _entry(kind: int, content: bytes) -> bytes:
    return entry_header(kind, len(content)) + zlib.compress(content)


def id_of(kind: str, content: bytes) -> ObjectId:
    return ObjectId(hashlib.sha1(f"{kind} {len(content)}\0".encode() + content).hexdigest())


def a_commit(tree: ObjectId, *, author: str = _WHO, message: str = "A commit.\n") -> bytes:
    return f"tree {tree}\nauthor {author}\ncommitter {_WHO}\n\n{message}".encode()


def a_tree(*entries: tuple[str, bytes, ObjectId]) -> bytes:
    return b"".join(
        f"{mode} ".encode() + name + b"\0" + bytes.fromhex(target) for mode, name, target in entries
    )


def a_slow_pack(*objects: tuple[str, bytes], blobs: int, blob_bytes: int) -> bytes:
    """Return a small pack that takes long to index: besides `objects`, large and very even blobs."""
    even = zlib.compressobj()
    packed = even.compress(b"\0" * blob_bytes)
    entries = [_entry(_KINDS[kind], content) for kind, content in objects]
    for number in range(blobs):
        last = even.copy()
        content = packed + last.compress(struct.pack(">I", number)) + last.flush()
        entries.append(entry_header(_KINDS["blob"], blob_bytes + 4) + content)
    return sealed(b"PACK" + struct.pack(">II", 2, len(entries)) + b"".join(entries))
