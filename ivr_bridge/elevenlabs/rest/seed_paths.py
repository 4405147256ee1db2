"""The paths of this project's first plan, and of the vendor's own past, as they are today.          pure

| then | now |
| --- | --- |
| `POST /v1/convai/knowledge-base` (one for all) | `.../url`, `.../text` or `.../file`, by what is sent |
| `GET /v1/convai/conversation/get_signed_url` | `.../get-signed-url` |
| `wss .../v1/convai/stream` | `/v1/convai/conversation` (elevenlabs/conversation/) |
| a base URL that ends with `/v1` | the host alone (settings) |

All others of that plan are today's.

Source: https://elevenlabs.io/docs/api-reference/knowledge-base/create-from-url
"""

from dataclasses import replace

from ivr_bridge.elevenlabs.rest.request import Request

KNOWLEDGE_BASE = "/v1/convai/knowledge-base"

RENAMED = {"GET /v1/convai/conversation/get_signed_url": "/v1/convai/conversation/get-signed-url"}
"""What was asked by another name: `METHOD path` -> path."""

UNCHANGED = (
    "POST /v1/convai/agents/create",
    "GET /v1/convai/agents/{agent_id}",
    "PATCH /v1/convai/agents/{agent_id}",
    "GET /v1/convai/knowledge-base",
    "GET /v1/convai/knowledge-base/{documentation_id}",
    "DELETE /v1/convai/knowledge-base/{documentation_id}",
    "GET /v1/convai/conversations",
    "GET /v1/convai/conversations/{conversation_id}",
    "DELETE /v1/convai/conversations/{conversation_id}",
    "GET /v1/convai/conversations/{conversation_id}/audio",
)
"""The rest of the plan; a test compares it with the vendor's contract."""


def todays(request: Request) -> Request:
    """The same request by today's path; one that has it already is given back as it is."""
    if request.what in RENAMED:
        return replace(request, path=RENAMED[request.what])
    if request.method == "POST" and request.path == KNOWLEDGE_BASE:
        return replace(request, path=f"{KNOWLEDGE_BASE}/{_kind(request)}")
    return request


def _kind(request: Request) -> str:
    if request.form is not None:
        return "file"
    return "url" if "url" in (request.json or {}) else "text"
