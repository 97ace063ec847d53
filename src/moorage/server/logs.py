"""Log lines: JSON for machines, colours for a terminal; never a secret, never a raw control character."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from functools import lru_cache, partial
from typing import Any, Literal, TextIO

import structlog

HIDDEN = "***"

# A field is hidden when its name contains one of these.
_SECRET_NAMES = re.compile(
    r"authorization|password|passwd|token|secret|signature|credential|query|cookie|private_?key",
    re.IGNORECASE,
)
# `aws_secret_access_key=…`, `"password": "…"`, `Authorization: Basic …` inside longer texts.
_SECRET_ASSIGNMENTS = re.compile(
    r"(?P<name>[\w-]*(?:authorization|password|passwd|token|secret|signature|credential)[\w-]*)"
    r"(?P<sign>[\"']?\s*[:=]\s*)"
    r"(?P<value>\"[^\"]*\"|'[^']*'|(?:(?:Basic|Bearer|AWS4-HMAC-SHA256)\s+)?[^\s,;&\"']+)",
    re.IGNORECASE,
)
_SCHEMES = re.compile(r"\b(Basic|Bearer|AWS4-HMAC-SHA256)\s+\S.*", re.IGNORECASE)
_URL_USERINFO = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s@]+@", re.IGNORECASE)
_URL_QUERY = re.compile(r"(?P<url>(?:\b[a-z][a-z0-9+.-]*://|/)[^\s?\"']*\?)[^\s\"']+", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_CONTROLS_BUT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

# A text without any of these holds nothing to redact: most fields are done after this one look.
_SUSPECT = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069:=@?]|basic|bearer|aws4", re.IGNORECASE
)

# Short texts that were found to hold nothing, as the names of operations: every request's line has one.
_HARMLESS: set[str] = set()
_HARMLESS_LENGTH = 64
_HARMLESS_TEXTS = 1000

_DEPTH_LIMIT = 6


@lru_cache(maxsize=1000)
def _names_a_secret(name: str) -> bool:
    return _SECRET_NAMES.search(name) is not None


def redact_text(text: str, *, lines: bool = False) -> str:
    """Return the text without what looks like a secret; control characters are escaped."""
    if text in _HARMLESS or _SUSPECT.search(text) is None:
        return text
    redacted = _redacted_text(text, lines=lines)
    if redacted == text and len(text) <= _HARMLESS_LENGTH and len(_HARMLESS) < _HARMLESS_TEXTS:
        _HARMLESS.add(text)
    return redacted


def _redacted_text(text: str, *, lines: bool) -> str:
    text = _SECRET_ASSIGNMENTS.sub(lambda match: match["name"] + match["sign"] + HIDDEN, text)
    text = _SCHEMES.sub(lambda match: f"{match[1]} {HIDDEN}", text)
    text = _URL_USERINFO.sub(lambda match: f"{match['scheme']}{HIDDEN}@", text)
    text = _URL_QUERY.sub(lambda match: match["url"] + HIDDEN, text)
    controls = _CONTROLS_BUT_LINES if lines else _CONTROLS
    return controls.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact every field; a structlog processor."""
    for name, value in list(event.items()):
        event[name] = _redacted(name, value, 0)
    return event


def _redacted(name: str, value: Any, depth: int) -> Any:
    if _names_a_secret(name) and value is not None and not isinstance(value, bool):
        return HIDDEN
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if depth >= _DEPTH_LIMIT:
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(key): _redacted(str(key), item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_redacted("", item, depth + 1) for item in value]
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    return redact_text(str(value), lines=name == "exception")


def adopt_standard_logging() -> None:
    """Send our lines through the standard library's loggers, redacted: for use inside another program.

    Does nothing where that program has set structlog up itself.
    """
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.processors.format_exc_info,
            redact,
            structlog.stdlib.render_to_log_kwargs,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


class _Lines:
    """Writes finished lines to the stream of a handler, in turn with it."""

    def __init__(self, handler: logging.StreamHandler[TextIO], name: str = "") -> None:
        self.name = name
        self._handler = handler

    def msg(self, line: str) -> None:
        handler = self._handler
        handler.acquire()
        try:
            handler.stream.write(line + "\n")
            handler.flush()
        except (OSError, ValueError):
            pass  # as the standard library's handlers do: a full disk or a closed stream ends no request
        finally:
            handler.release()

    debug = info = warning = error = critical = exception = msg


def configure(form: Literal["json", "console"] | None = None, stream: TextIO | None = None) -> None:
    """Send all log lines, ours and the libraries', to `stream` (standard error)."""
    stream = stream or sys.stderr
    if form is None:
        form = "console" if stream.isatty() else "json"
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    named: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
    ]
    rendered: list[structlog.typing.Processor] = [
        structlog.processors.format_exc_info,
        redact,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        renderer,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=named,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    # Our own lines go straight to the stream: by way of the standard library's loggers, which the
    # libraries' take, each would cost a request a tenth of its time.
    structlog.configure(
        processors=[*named, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=partial(_Lines, handler),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # Each connection and reload step of the libraries is noise to an operator.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "alembic", "botocore", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)
