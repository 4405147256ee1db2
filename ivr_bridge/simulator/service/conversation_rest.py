"""The REST API of conversations: how one is opened, and what is kept of those that were held."""

import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

from aiohttp import web

from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.faults import FaultPlan
from ivr_bridge.simulator.service.merge import merged
from ivr_bridge.simulator.service.paging import Row, one_page
from ivr_bridge.simulator.service.refusals import Invalid, Refusal, dark, field, found, not_found, read_object
from ivr_bridge.simulator.service.signing import Signer

_PATH = "/v1/convai/conversations"
_STATUSES = ("initiated", "in-progress", "processing", "done", "failed")


class ConversationRest:
    """The handlers; `routes` lists them."""

    def __init__(self, account: Account, signer: Signer, plan: FaultPlan) -> None:
        self._account = account
        self._signer = signer
        self._plan = plan

    def routes(self) -> list[web.RouteDef]:
        """Every route of conversations."""
        one = f"{_PATH}/{{conversation_id}}"
        return [
            web.get("/v1/convai/conversation/get-signed-url", self._signed_url),
            web.get("/v1/convai/conversation/get_signed_url", self._signed_url),
            web.get("/v1/convai/conversation/token", self._token),
            web.get("/v1/convai/analytics/live-count", self._live_count),
            web.get(_PATH, self._list),
            web.get(one, self._get),
            web.delete(one, self._delete),
            web.get(f"{one}/audio", self._audio),
            web.post(f"{one}/feedback", self._feedback),
        ]

    def _agent_id(self, request: web.Request) -> str:
        """The agent that is asked for."""
        agent_id = request.query.get("agent_id", "")
        if self._plan.now() == "no_agent" or agent_id not in self._account.agents:
            raise not_found("agent")
        return agent_id

    async def _signed_url(self, request: web.Request) -> web.Response:
        """A URL that opens a conversation for 15 minutes."""
        number = self._plan.next_number()
        fault = self._plan.of(number)
        if fault == "outage":
            return dark()
        if fault == "refuse":
            raise Refusal(401, "authentication_error", "missing_permissions", "The key may not use this agent.")
        if fault == "busy":
            raise Refusal(429, "rate_limit_error", "concurrent_limit_exceeded", "Too many concurrent requests.")
        agent_id = self._agent_id(request)
        once = request.query.get("include_conversation_id", "").lower() == "true"
        conversation_id = f"conv_{secrets.token_hex(12)}" if once else ""
        signature = self._signer.sign(agent_id, time.time(), conversation_id=conversation_id)
        self._plan.sign(signature, number)
        url = (
            f"ws://{request.host}/v1/convai/conversation?agent_id={agent_id}"
            f"&conversation_signature={quote(signature, safe='')}"
        )
        return web.json_response({"signed_url": url + (f"&conversation_id={conversation_id}" if once else "")})

    async def _token(self, request: web.Request) -> web.Response:
        """For WebRTC, which the sandbox does not speak: a token that opens nothing."""
        self._agent_id(request)
        return web.json_response({"token": secrets.token_hex(16), "conversation_id": f"conv_{secrets.token_hex(12)}"})

    async def _live_count(self, request: web.Request) -> web.Response:
        """How many conversations go on."""
        wanted = {*request.query.getall("agent_ids", []), *request.query.getall("agent_id", [])}
        live = [
            document
            for document in self._account.conversations.documents()
            if document["status"] == "in-progress" and (not wanted or document["agent_id"] in wanted)
        ]
        return web.json_response({"count": len(live)})

    def _document(self, request: web.Request) -> dict[str, Any]:
        return found(self._account.conversations.get(request.match_info["conversation_id"]), "conversation")

    async def _list(self, request: web.Request) -> web.Response:
        """One page of summaries, the latest first."""
        tests = _tests(request)
        with_summary = request.query.get("summary_mode", "exclude") == "include"
        rows: list[Row] = [
            (
                entry.document["metadata"]["start_time_unix_secs"],
                entry.order,
                _summary(entry.document, with_summary=with_summary),
            )
            for entry in self._account.conversations.entries()
            if all(test(entry.document) for test in tests)
        ]
        page, cursor = one_page(rows, request.query)
        return web.json_response({"conversations": page, "next_cursor": cursor, "has_more": cursor is not None})

    async def _get(self, request: web.Request) -> web.Response:
        """One conversation: what was said, and how it went."""
        return web.json_response(self._document(request))

    async def _delete(self, request: web.Request) -> web.Response:
        """Forget it."""
        self._account.conversations.remove(self._document(request)["conversation_id"])
        return web.json_response({})

    async def _audio(self, request: web.Request) -> web.Response:
        """The recording; only of a finished conversation that has one. The vendor's is MP3, the sandbox's WAV."""
        document = self._document(request)
        audio = self._account.conversations.hidden(document["conversation_id"]).get("audio", "")
        if not document["has_audio"] or document["status"] != "done" or not audio:
            raise not_found("audio")
        return web.Response(body=bytes.fromhex(audio), content_type="audio/wav")

    async def _feedback(self, request: web.Request) -> web.Response:
        """A thumb, a rating, or neither any more."""
        document, body = self._document(request), await read_object(request)
        score = field(body, "feedback", str)
        if score not in (None, "like", "dislike"):
            raise Invalid("body.feedback", "Input should be 'like' or 'dislike'", "enum")
        feedback = {
            "type": "thumbs" if score else None,
            "overall_score": score,
            "likes": int(score == "like"),
            "dislikes": int(score == "dislike"),
            "rating": field(body, "rating", int),
            "comment": field(body, "comment", str),
        }
        self._account.conversations.put(
            document["conversation_id"], merged(document, {"metadata": {"feedback": feedback}})
        )
        return web.json_response({})


def _tests(request: web.Request) -> list[Callable[[dict[str, Any]], bool]]:
    """What a conversation must be to be listed."""
    query = request.query
    tests: list[Callable[[dict[str, Any]], bool]] = [
        partial(_is, name, query[name]) for name in ("agent_id", "user_id") if name in query
    ]
    if "call_successful" in query:
        tests.append(lambda document: _success(document) == query["call_successful"])
    excluded = query.getall("exclude_statuses", [])
    if any(status not in _STATUSES for status in excluded):
        raise Invalid("query.exclude_statuses", f"Input should be {' or '.join(map(repr, _STATUSES))}", "enum")
    if excluded:
        tests.append(lambda document: document["status"] not in excluded)
    languages = query.getall("main_languages", [])
    if languages:
        tests.append(lambda document: document["metadata"]["main_language"] in languages)
    tools = query.getall("tool_names", [])
    if tools:
        tests.append(lambda document: bool(set(tools) & set(_tool_names(document))))
    bounds = (
        ("call_start_after_unix", "start_time_unix_secs", 1),
        ("call_start_before_unix", "start_time_unix_secs", -1),
        ("call_duration_min_secs", "call_duration_secs", 1),
        ("call_duration_max_secs", "call_duration_secs", -1),
    )
    for name, key, sign in bounds:
        if name in query:
            try:
                bound = int(query[name])
            except ValueError as error:
                raise Invalid(f"query.{name}", "Input should be a valid integer", "int_parsing") from error
            tests.append(partial(_within, key, sign, bound))
    return tests


def _is(name: str, value: str, document: dict[str, Any]) -> bool:
    return bool(document[name] == value)


def _within(key: str, sign: int, bound: int, document: dict[str, Any]) -> bool:
    """Whether a number of the metadata is at least (`sign` 1) or at most (-1) `bound`."""
    return bool(sign * (document["metadata"][key] - bound) >= 0)


def _success(document: dict[str, Any]) -> str:
    return str((document["analysis"] or {}).get("call_successful", "unknown"))


def _tool_names(document: dict[str, Any]) -> list[str]:
    return [call["tool_name"] for turn in document["transcript"] for call in turn["tool_calls"]]


def _summary(document: dict[str, Any], *, with_summary: bool) -> dict[str, Any]:
    """One row of the list."""
    metadata, phone_call = document["metadata"], document["metadata"]["phone_call"]
    return {
        "agent_id": document["agent_id"],
        "agent_name": document["agent_name"],
        "conversation_id": document["conversation_id"],
        "start_time_unix_secs": metadata["start_time_unix_secs"],
        "call_duration_secs": metadata["call_duration_secs"],
        "message_count": len(document["transcript"]),
        "status": document["status"],
        "termination_reason": metadata["termination_reason"],
        "call_successful": _success(document),
        "transcript_summary": (document["analysis"] or {}).get("transcript_summary") if with_summary else None,
        "main_language": metadata["main_language"],
        "tool_names": _tool_names(document),
        "direction": None if phone_call is None else phone_call["direction"],
    }
