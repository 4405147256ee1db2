"""What the sandbox saw: for tests and for the curious, at GET /sandbox/log."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.web_request import FileField

_MAX_ENTRIES = 1000
_MAX_CALLS = 5000


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of a form."""

    filename: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(slots=True)
class RestCall:
    """One request of the REST API with all that it said; only for tests in the same process, never shown."""

    method: str
    path: str
    operation: str
    """The method and the path's pattern: `GET /v1/convai/agents/{agent_id}`."""
    query: tuple[tuple[str, str], ...] = ()
    """In the order in which they came, not escaped."""
    headers: tuple[str, ...] = ()
    """Their names, lower case, sorted."""
    key: str | None = field(default=None, repr=False)
    json: Any = None
    """The body, if it was JSON."""
    form: Mapping[str, str | FormFile] | None = None
    """The body, if it was a form."""
    status: int | None = None
    """What was answered; None while it is being worked on, and for a connection that was broken off."""


async def read_call(request: web.Request) -> RestCall:
    """What a request says, its body too; the handler can read it again.

    Raises:
        HTTPRequestEntityTooLarge: it is larger than the application takes.
    """
    resource = request.match_info.route.resource
    pattern = request.path if resource is None else resource.canonical
    call = RestCall(
        request.method,
        request.path,
        f"{request.method} {pattern}",
        tuple(request.query.items()),
        tuple(sorted({name.lower() for name in request.headers})),
        request.headers.get("xi-api-key"),
    )
    if request.content_type.startswith("multipart/"):
        try:
            form = await request.post()
        except ValueError:  # no form at all: the handler says so
            return call
        call.form = {name: _plain(value) for name, value in form.items()}
    elif request.can_read_body:
        body = await request.read()
        try:
            call.json = json.loads(body)
        except ValueError:
            call.json = None
    return call


def _plain(value: Any) -> str | FormFile:
    """A form's field; a file can be read again afterwards."""
    if not isinstance(value, FileField):
        return value if isinstance(value, str) else bytes(value).decode("utf-8", "replace")
    content = value.file.read()
    value.file.seek(0)
    return FormFile(value.filename, value.content_type, content)


@dataclass(slots=True)
class ConversationLog:
    """One conversation: counts and kinds of what came in, and how it ended."""

    conversation_id: str
    agent_id: str
    user_audio_bytes: int = 0
    fault: str | None = None
    first_message: str = ""
    language: str = ""
    """What the agent spoke at last."""
    received: list[str] = field(default_factory=list)
    """Types in order; repeated `user_audio_chunk` stand once."""
    transcripts: list[str] = field(default_factory=list)
    context: list[dict[str, str]] = field(default_factory=list)
    """Contextual updates in order: `context_id` ("" for none) and `text`."""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    """`tool_name` and `parameters` of each client tool that the dialogue called."""
    tool_results: list[dict[str, Any]] = field(default_factory=list)
    close_code: int | None = None
    close_reason: str = ""

    def note(self, kind: str) -> None:
        """Remember that a message of `kind` came."""
        if (kind != "user_audio_chunk" or not self.received or self.received[-1] != kind) and len(
            self.received
        ) < _MAX_ENTRIES:
            self.received.append(kind)

    def note_context(self, context_id: str, text: str) -> None:
        """Remember a contextual update."""
        if len(self.context) < _MAX_ENTRIES:
            self.context.append({"context_id": context_id, "text": text})


@dataclass(slots=True)
class RequestLog:
    """Every request and conversation since the start, at most 1000 of each."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    conversations: list[ConversationLog] = field(default_factory=list)
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    """Post-call webhooks in order: `type`, `conversation_id`, `status` (None: nobody answered)."""
    calls: list[RestCall] = field(default_factory=list)
    """At most 5000; not shown."""
    counts: Counter[str] = field(default_factory=Counter)
    """How often each operation was asked for; not shown."""

    def note(self, method: str, path: str, query_keys: list[str]) -> None:
        """Remember a request; query values are left out, for they may be secret."""
        if len(self.requests) < _MAX_ENTRIES:
            self.requests.append({"method": method, "path": path, "query": sorted(query_keys)})

    def note_call(self, call: RestCall) -> None:
        """Remember a request of the REST API, and count it."""
        self.counts[call.operation] += 1
        if len(self.calls) < _MAX_CALLS:
            self.calls.append(call)

    def note_webhook(self, kind: str, conversation_id: str, status: int | None) -> None:
        """Remember a post-call webhook and how it was answered."""
        if len(self.webhooks) < _MAX_ENTRIES:
            self.webhooks.append({"type": kind, "conversation_id": conversation_id, "status": status})

    def begin(self, conversation_id: str, agent_id: str) -> ConversationLog:
        """The log of a new conversation."""
        log = ConversationLog(conversation_id, agent_id)
        if len(self.conversations) < _MAX_ENTRIES:
            self.conversations.append(log)
        return log

    def as_json(self) -> dict[str, Any]:
        """The answer of GET /sandbox/log."""
        conversations = [asdict(entry) for entry in self.conversations]
        return {"requests": self.requests, "conversations": conversations, "webhooks": self.webhooks}
