"""Blobs sealed with Tink's streaming AEAD, AES256_GCM_HKDF_1MB: a published format, of any length."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, BinaryIO, cast

import tink
from tink import secret_key_access, streaming_aead

_PIECE_BYTES = 1 << 20


class BlobTampered(Exception):
    """A sealed blob was changed, cut short, or put in another's place: none of it may be used."""


class DataKey:
    """What seals a repository's blobs: a Tink keyset with one streaming key."""

    __slots__ = ("_handle", "_primitive")

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._primitive = handle.primitive(streaming_aead.StreamingAead)

    @classmethod
    def generate(cls) -> DataKey:
        """Make a new key from the system's randomness."""
        _register()
        return cls(tink.new_keyset_handle(streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB))

    @classmethod
    def parse(cls, serialized: bytes) -> DataKey:
        """Read a key from its serialised keyset.

        Raises:
            ValueError: it is none.
        """
        _register()
        try:
            return cls(tink.proto_keyset_format.parse(serialized, secret_key_access.TOKEN))
        except tink.TinkError as error:
            raise ValueError("not a keyset") from error

    def serialize(self) -> bytes:
        """Return the keyset, which is secret: wrap it before it is stored."""
        return cast("bytes", tink.proto_keyset_format.serialize(self._handle, secret_key_access.TOKEN))

    def __repr__(self) -> str:
        return "DataKey(***)"


def seal(source: BinaryIO, target: BinaryIO, data_key: DataKey, associated_data: bytes) -> None:
    """Write the sealed form of all of `source` to `target`; neither is closed.

    Memory is a few MiB whatever the length. When it raises, `target` holds nothing that opens.
    """
    sink = _Sink(target)
    with _abandoned_on_error(sink):
        stream = data_key._primitive.new_encrypting_stream(sink, associated_data)  # noqa: SLF001 - same module
        while piece := source.read(_PIECE_BYTES):
            stream.write(piece)
        stream.close()


def open_stream(source: BinaryIO, data_key: DataKey, associated_data: bytes) -> BinaryIO:
    """Return the plaintext as a stream; closing it closes `source`.

    Only a stream read to its end is known to be whole.

    Raises:
        BlobTampered: at a read, when what was sealed is not what is there, or not for this place.
    """
    tap = _Tap(source)
    stream = data_key._primitive.new_decrypting_stream(tap, associated_data)  # noqa: SLF001 - same module
    return cast("BinaryIO", io.BufferedReader(_Opened(stream, tap), _PIECE_BYTES))


@cache
def _register() -> None:
    streaming_aead.register()


@contextmanager
def _abandoned_on_error(sink: _Sink) -> Iterator[None]:
    """See to it that a stream given up half way is not finished, with a valid end, when it is freed."""
    try:
        yield
    except BaseException as error:
        sink.abandoned = True
        if sink.failure is not None and isinstance(error, tink.TinkError):
            raise sink.failure from None
        raise


class _Sink(io.RawIOBase):
    """Passes ciphertext on to the target, which outlives it. Tink closes what it writes to."""

    def __init__(self, target: BinaryIO) -> None:
        super().__init__()
        self._target = target
        self.abandoned = False
        self.failure: Exception | None = None

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        if self.abandoned:
            return len(piece)
        try:
            return self._target.write(piece)
        except Exception as error:
            # Tink turns it into an error of its own, without the cause.
            self.failure = error
            raise


class _Tap(io.RawIOBase):
    """Reads ciphertext for Tink, and keeps the error of a source that fails (that is no tampering)."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self.failure: Exception | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            return self._source.read(size)
        except Exception as error:
            self.failure = error
            raise

    def close(self) -> None:
        self._source.close()
        super().close()


class _Opened(io.RawIOBase):
    """Gives plaintext, and names what goes wrong."""

    def __init__(self, stream: BinaryIO, tap: _Tap) -> None:
        super().__init__()
        self._stream = stream
        self._tap = tap

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._stream.read(len(buffer))
        except tink.TinkError as error:
            if self._tap.failure is not None:
                raise self._tap.failure from None
            raise BlobTampered(
                "a sealed blob does not open: changed, cut short, or not for this place"
            ) from error
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._stream.close()
        super().close()
