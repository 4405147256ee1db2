"""How the REST API misbehaves on demand, apart from conversations: which requests, how, how often.

Faults can be changed while the sandbox runs: POST, GET and DELETE /sandbox/rest-faults, or `RestFaults` itself.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

from ivr_bridge.errors import ConfigError
from ivr_bridge.simulator.service.connection import reset, wait_until_gone
from ivr_bridge.simulator.service.refusals import Refusal

CUT: ContextVar[bool] = ContextVar("cut", default=False)
"""Whether a streamed answer that is being made now is to break off after its first part."""
REST_FAULTS: dict[str, str] = {
    "timeout": "never answers",
    "reset": "resets the connection without an answer",
    "truncate": "does it, and breaks the answer off in its middle",
    "slow": "answers delay_s late",
    "html_502": "answers 502 with a page of HTML",
    "http_500": "answers 500",
    "busy_concurrent": "answers 429 concurrent_limit_exceeded",
    "busy_rate": "answers 429 rate_limit_exceeded",
    "busy_system": "answers 429 system_busy",
    "invalid_key": "answers 401 invalid_api_key",
    "quota": "answers 401 quota_exceeded",
    "missing_permission": "answers 401 missing_permissions",
}
"""Name of a fault -> what it does."""

_REFUSALS: dict[str, tuple[int, str, str, str]] = {
    "http_500": (500, "internal_error", "internal_server_error", "Something went wrong."),
    "busy_concurrent": (429, "rate_limit_error", "concurrent_limit_exceeded", "Too many concurrent requests."),
    "busy_rate": (429, "rate_limit_error", "rate_limit_exceeded", "Too many requests."),
    "busy_system": (429, "rate_limit_error", "system_busy", "The system is under heavy load."),
    "invalid_key": (401, "authentication_error", "invalid_api_key", "Invalid API key"),
    "quota": (401, "quota_exceeded", "quota_exceeded", "This request exceeds your quota."),
    "missing_permission": (
        401,
        "authentication_error",
        "missing_permissions",
        "The API key you used is missing the permission to do this.",
    ),
}
_LONGEST_S = 300.0
_FIELDS = {"match", "fault", "times", "retry_after", "delay_s", "after_work"}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class RestFault:
    """One fault.

    Raises:
        ConfigError: the values do not fit; the message says which.
    """

    match: str
    """`METHOD path`: the method or `*`, the path with `*` for anything: `GET /v1/convai/*`."""
    fault: str
    times: int | None = None
    """How many more requests have it; None: all."""
    retry_after: str | None = None
    """What the header Retry-After of a refusal says: seconds, or an HTTP date."""
    delay_s: float = 2.0
    """For slow."""
    after_work: bool = False
    """Whether what was asked for has been done all the same; truncate and slow always do it."""

    def __post_init__(self) -> None:
        if self.fault not in REST_FAULTS:
            raise ConfigError(f"unknown fault {self.fault!r}; there are: {', '.join(sorted(REST_FAULTS))}")
        if len(self.match.split(" ")) != 2:
            raise ConfigError(f"match {self.match!r}: a method and a path are expected, such as GET /v1/convai/*")
        if self.times is not None and self.times < 1:
            raise ConfigError("a fault needs times of at least 1, or none for always")

    def fits(self, method: str, path: str) -> bool:
        """Whether a request has it."""
        methods, _, paths = self.match.partition(" ")
        return fnmatchcase(method, methods) and fnmatchcase(path, paths)


class RestFaults:
    """The faults that are on, the newest first."""

    def __init__(self) -> None:
        self.faults: list[RestFault] = []

    def add(self, match: str, fault: str, **how: Any) -> RestFault:
        """Switch one on, before all others; `how` as in RestFault."""
        added = RestFault(match, fault, **how)
        self.faults.insert(0, added)
        return added

    def clear(self) -> None:
        """Behave again."""
        self.faults.clear()

    def take(self, method: str, path: str) -> RestFault | None:
        """The fault of a request, which is counted."""
        found = next((fault for fault in self.faults if fault.fits(method, path)), None)
        if found is not None and found.times is not None:
            found.times -= 1
            if not found.times:
                self.faults.remove(found)
        return found

    def as_json(self) -> list[dict[str, Any]]:
        """What GET /sandbox/rest-faults shows."""
        return [asdict(fault) for fault in self.faults]


def read_rest_fault(body: Any) -> dict[str, Any]:
    """What POST /sandbox/rest-faults asks for, as arguments of `RestFaults.add`.

    Raises:
        ConfigError: it is none; the message says why.
    """
    if not isinstance(body, dict) or not {"match", "fault"} <= set(body) <= _FIELDS:
        raise ConfigError(
            "an object with match and fault and any of times, retry_after, delay_s, after_work is expected"
        )
    types = {
        "match": str,
        "fault": str,
        "times": int,
        "retry_after": str,
        "delay_s": (int, float),
        "after_work": bool,
    }
    given = {name: value for name, value in body.items() if value is not None}
    wrong = [
        name
        for name, value in given.items()
        if not isinstance(value, types[name]) or (isinstance(value, bool) and name != "after_work")  # type: ignore[arg-type]
    ]
    if wrong:
        raise ConfigError(f"of another type than expected: {', '.join(sorted(wrong))}")
    return given


async def misbehave(fault: RestFault, request: web.Request, work: _Handler) -> web.StreamResponse:
    """Answer `request`, which `work` would answer well, by a fault."""
    if fault.fault == "slow":
        await asyncio.sleep(fault.delay_s)
        return await work(request)
    if fault.fault == "truncate":
        token = CUT.set(True)
        try:
            return await _broken_off(request, await _worked(request, work))
        finally:
            CUT.reset(token)
    if fault.after_work:
        await _worked(request, work)
    if fault.fault == "timeout":
        await wait_until_gone(request, _LONGEST_S)
        return web.Response(status=504)
    if fault.fault == "reset":
        reset(request)
        return web.Response(status=500)
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    if fault.fault == "html_502":
        page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
        return web.Response(status=502, text=page, content_type="text/html", headers=headers)
    status, kind, code, text = _REFUSALS[fault.fault]
    return Refusal(status, kind, code, text, headers).response()


async def _worked(request: web.Request, work: _Handler) -> web.StreamResponse:
    """What `work` answers, a refusal too."""
    try:
        return await work(request)
    except Refusal as refused:
        return refused.response()


async def _broken_off(request: web.Request, whole: web.StreamResponse) -> web.StreamResponse:
    """Half of an answer that promised all of it; one that was streamed has been cut where it was made."""
    if not isinstance(whole, web.Response) or not isinstance(whole.body, bytes) or not whole.body:
        reset(request)
        return whole
    half = web.StreamResponse(status=whole.status, headers={"Content-Type": whole.headers["Content-Type"]})
    half.content_length = len(whole.body)
    await half.prepare(request)
    await half.write(whole.body[: len(whole.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return half
