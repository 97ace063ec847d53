"""An S3 store that misbehaves by script: what a real one does on its worst day."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from moorage.core.faults import Fault
from moorage.storage.blobs import BlobExists, BlobStore
from moorage.storage.open_blobs import open_blobs
from moorage.storage.refusal import StorageRefused

PLAN = ("PUT", "HEAD", "GET", "DELETE")


class Store(ThreadingHTTPServer):
    """Objects in memory, and for each method what goes wrong with its next requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Requests)
        self.objects: dict[str, bytes] = {}
        self.wrongs: dict[str, list[Callable[[Requests], bool]]] = {method: [] for method in PLAN}
        self.conditional = True


class Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Store

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:  # the client went away, as it may
            self.close_connection = True

    def _wrong(self) -> bool:
        planned = self.server.wrongs[self.command]
        return bool(planned) and planned.pop(0)(self)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        self.content = self.rfile.read(int(self.headers["Content-Length"]))
        if self._wrong():
            return
        if self.server.conditional and self.headers["If-None-Match"] and self.path in self.server.objects:
            self.answer(412)
            return
        self.server.objects[self.path] = self.content
        self.answer(200, ETag='"1"')

    def do_HEAD(self) -> None:
        if self._wrong():
            return
        held = self.server.objects.get(self.path)
        self.send_response(404 if held is None else 200)
        self.send_header("Content-Length", str(len(held or b"")))
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("ETag", '"1"')
        self.end_headers()

    def do_GET(self) -> None:
        if self._wrong():
            return
        held = self.server.objects.get(self.path, b"")
        first, _, last = self.headers.get("Range", "bytes=0-99999999").removeprefix("bytes=").partition("-")
        part = held[int(first) : int(last) + 1]
        dates = {"Last_Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "ETag": '"1"'}
        if "Range" not in self.headers:
            self.answer(200, part, **dates)
            return
        extent = f"bytes {first}-{int(first) + len(part) - 1}/{len(held)}"
        self.answer(206, part, Content_Range=extent, **dates)

    def do_DELETE(self) -> None:
        self.server.objects.pop(self.path, None)
        self.answer(204)

    def log_message(self, *_: object) -> None:
        pass


def slow_down(request: Requests) -> bool:
    request.answer(503, b"<Error><Code>SlowDown</Code></Error>")
    return True


def lost_reply(request: Requests) -> bool:
    request.server.objects[request.path] = request.content
    request.close_connection = True
    return True


def not_kept(request: Requests) -> bool:
    request.answer(200, ETag='"1"')
    return True


def kept_in_part(request: Requests) -> bool:
    request.server.objects[request.path] = request.content[:-1]
    request.answer(200, ETag='"1"')
    return True


def reset_in_the_body(request: Requests) -> bool:
    request.send_response(206)
    request.send_header("Content-Length", "6")
    request.send_header("Content-Range", "bytes 0-5/6")
    request.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
    request.send_header("ETag", '"1"')
    request.end_headers()
    request.wfile.write(b"abc")
    request.close_connection = True
    return True


def forbidden(request: Requests) -> bool:
    request.answer(403, b"<Error><Code>AccessDenied</Code><Secret>hush</Secret></Error>")
    return True


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def blobs(store: Store) -> BlobStore:
    endpoint = f"http://127.0.0.1:{store.server_port}"
    query = f"endpoint={endpoint}&region=us-east-1&access_key_id=AKIA&secret_access_key=hush"
    return open_blobs(f"s3://bucket/moorage?{query}")


def put(blobs: BlobStore, data: bytes = b"abcdef") -> None:
    blobs.put("a/b", io.BytesIO(data))


def test_a_store_that_asks_to_slow_down_is_asked_again(store: Store, blobs: BlobStore) -> None:
    store.wrongs["PUT"] = [slow_down, slow_down]
    store.wrongs["HEAD"] = [slow_down]
    put(blobs)
    assert list(store.objects.values()) == [b"abcdef"]


def test_a_put_whose_reply_was_lost_is_known_by_its_bytes(store: Store, blobs: BlobStore) -> None:
    store.wrongs["PUT"] = [lost_reply]
    put(blobs)
    assert blobs.size("a/b") == 6
    with pytest.raises(BlobExists):
        put(blobs, b"abcdeX")


@pytest.mark.parametrize("wrong", [not_kept, kept_in_part])
def test_a_put_that_was_not_kept_whole_is_not_acknowledged(
    store: Store, blobs: BlobStore, wrong: Callable[[Requests], bool]
) -> None:
    store.wrongs["PUT"] = [wrong]
    with pytest.raises(Fault, match="whole") as refused:
        put(blobs)
    assert refused.value.status == 503


def test_a_body_that_breaks_off_is_never_taken_for_the_whole(store: Store, blobs: BlobStore) -> None:
    put(blobs)
    store.wrongs["GET"] = [reset_in_the_body]
    with blobs.get("a/b") as stream:
        assert stream.read() == b"abcdef"
    assert store.wrongs["GET"] == [], "it was met, and asked again"


def test_a_refusal_is_a_503_without_what_the_store_said_to_us(store: Store, blobs: BlobStore) -> None:
    store.wrongs["PUT"] = [forbidden]
    with pytest.raises(Fault) as refused:
        put(blobs)
    assert refused.value.status == 503
    assert "hush" not in refused.value.message


def test_a_store_that_ignores_the_condition_is_looked_at_before_every_put(
    store: Store, blobs: BlobStore
) -> None:
    store.conditional = False
    blobs.require_usable()
    put(blobs)
    with pytest.raises(BlobExists):
        put(blobs, b"other")
    put(blobs)
    assert list(store.objects.values()) == [b"abcdef"]


def test_a_store_that_cannot_be_used_stops_the_start(store: Store, blobs: BlobStore) -> None:
    store.wrongs["PUT"] = [forbidden]
    with pytest.raises(StorageRefused):
        blobs.require_usable()


def test_a_store_that_gives_back_something_else_stops_the_start(store: Store, blobs: BlobStore) -> None:
    store.wrongs["PUT"] = [not_kept, not_kept]
    with pytest.raises(StorageRefused):
        blobs.require_usable()
