"""Writing log events: JSON lines for machines, coloured lines on a terminal, and the live feed of each call."""

import contextlib
import io
import json
import sys
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from ivr_bridge.errors import LocalProtocolError
from ivr_bridge.telemetry.call_feed import CallFeeds
from ivr_bridge.telemetry.events import CALL_ANSWERED, CALL_ENDED, CALL_REFUSED, Event
from ivr_bridge.telemetry.privacy import PII_PREFIX, masked

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Log:
    """Writes events of the catalogue, with the ids bound to it.

    One for the server; `bind` gives one for a call. Numbers are rounded to a tenth for people.
    """

    __slots__ = ("_feeds", "_ids", "_logger")

    def __init__(self, feeds: CallFeeds | None = None, *, _ids: dict[str, Any] | None = None) -> None:
        self._feeds = feeds
        self._ids = _ids or {}
        self._logger: FilteringBoundLogger = structlog.get_logger()

    def bind(self, **ids: str) -> "Log":
        """The same log with more ids on every line, e.g. `call_sid`."""
        return Log(self._feeds, _ids={**self._ids, **ids})

    def emit(self, event: Event, *, pii: dict[str, Any] | None = None, **fields: Any) -> None:
        """Write one event.

        Args:
            event: from the catalogue.
            pii: what a person could be known by; masked in the log, in clear only in the call's feed.
            fields: only those that the catalogue names for this event.

        Raises:
            LocalProtocolError: a field that the catalogue does not know.
        """
        line = {name: round(value, 1) if isinstance(value, float) else value for name, value in fields.items()}
        if unknown := (fields.keys() - set(event.fields)) | ((pii or {}).keys() - set(event.pii)):
            raise LocalProtocolError(f"{event.name} has no field {', '.join(sorted(unknown))}")
        for name, value in (pii or {}).items():
            line[PII_PREFIX + name] = value
        call_sid = self._ids.get("call_sid")
        if self._feeds is not None and call_sid:
            begins = event in (CALL_ANSWERED, CALL_REFUSED)
            self._feeds.record(call_sid, event.name, {**self._ids, **line}, begins=begins, last=event is CALL_ENDED)
        with contextlib.suppress(OSError):  # a log that nobody reads any more, or a full disk, ends no call
            self._logger.log(LEVELS[event.level], event.name, **self._ids, **line)


def configure_logging(
    *, stream: TextIO | None = None, level: str = "info", pretty: bool, show_pii: bool = False
) -> None:
    """Set up how events look: once, at start.

    `pretty` is for a terminal; otherwise one JSON object a line: `timestamp` (ISO 8601, UTC), `level`, `event`, ids,
    fields. `stream` is stdout unless given. `show_pii` leaves `pii.*` in clear: the operator's own decision.
    """
    stream = stream or sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # no locale makes a line fail
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if not show_pii:
        processors.append(_mask)
    if pretty:
        processors.append(structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=22))
    else:
        processors.append(structlog.processors.JSONRenderer(serializer=_json))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )


def _mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return masked(event)


def _json(event: EventDict, **_: Any) -> str:
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # half a surrogate pair, a number beyond 64 bits
        return json.dumps(event, default=str)
