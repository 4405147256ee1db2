"""Writing log events: JSON lines for machines, coloured lines on a terminal; and telling whoever listens."""

import contextlib
import io
import json
import sys
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from ivr_bridge.errors import LocalProtocolError
from ivr_bridge.telemetry.events import Event
from ivr_bridge.telemetry.privacy import PII_PREFIX, masked

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class EventListener(Protocol):
    """Who is told of every event, whatever the level of the log: a call's live feed, the records."""

    def heard(self, event: Event, fields: Mapping[str, Any]) -> None:
        """Take one, at once; it waits for nothing and raises nothing.

        Args:
            event: which one.
            fields: the ids bound to the log, the event's own fields, and those of a person under `pii.`, in clear.
        """
        ...


class Log:
    """Writes events of the catalogue, with the ids bound to it.

    One for the server; `bind` gives one for a call. Numbers are rounded to a tenth for people.

    Args:
        listeners: who is told besides.
    """

    __slots__ = ("_ids", "_listeners", "_logger")

    def __init__(self, *listeners: EventListener) -> None:
        self._listeners = list(listeners)
        self._ids: dict[str, Any] = {}
        self._logger: FilteringBoundLogger = structlog.get_logger()

    def bind(self, **ids: str) -> "Log":
        """The same log with more ids on every line, e.g. `call_sid`."""
        bound = Log()
        bound._listeners, bound._ids = self._listeners, {**self._ids, **ids}
        return bound

    def tell(self, listener: EventListener) -> None:
        """One more listener, from now on, also of what was bound before."""
        self._listeners.append(listener)

    def emit(self, event: Event, *, pii: dict[str, Any] | None = None, **fields: Any) -> None:
        """Write one event.

        Args:
            event: from the catalogue.
            pii: what a person could be known by; masked in the log, in clear only for listeners.
            fields: only those that the catalogue names for this event.

        Raises:
            LocalProtocolError: a field that the catalogue does not know.
        """
        line = {name: round(value, 1) if isinstance(value, float) else value for name, value in fields.items()}
        if unknown := (fields.keys() - set(event.fields)) | ((pii or {}).keys() - set(event.pii)):
            raise LocalProtocolError(f"{event.name} has no field {', '.join(sorted(unknown))}")
        for name, value in (pii or {}).items():
            line[PII_PREFIX + name] = value
        if self._listeners:
            told = {**self._ids, **line}
            for listener in self._listeners:
                listener.heard(event, told)
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
