"""What is kept of a conversation: the document that GET /v1/convai/conversations/{id} answers."""

import json
import time
from collections.abc import Callable
from typing import Any

from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.agents import Agent

_UNFINISHED = ("initiated", "in-progress", "processing")


def document_of(
    conversation_id: str, agent: Agent, *, status: str, authorization: str, client_data: dict[str, Any]
) -> dict[str, Any]:
    """A conversation that begins now. `authorization` is the vendor's word for how it was opened."""
    now = int(time.time())
    data = {name: value for name, value in client_data.items() if name != "type"}
    return {
        "agent_id": agent.agent_id,
        "agent_name": agent.name,
        "conversation_id": conversation_id,
        "status": status,
        "user_id": client_data.get("user_id"),
        "transcript": [],
        "metadata": {
            "start_time_unix_secs": now,
            "accepted_time_unix_secs": now,
            "call_duration_secs": 0,
            "cost": 0,
            "cost_fiat": None,
            "authorization_method": authorization,
            "phone_call": None,
            "termination_reason": "",
            "error": None,
            "warnings": [],
            "main_language": agent.language,
            "text_only": False,
            "feedback": {"type": None, "overall_score": None, "likes": 0, "dislikes": 0},
        },
        "analysis": None,
        "conversation_initiation_client_data": {
            "conversation_config_override": {},
            "custom_llm_extra_body": {},
            "dynamic_variables": {},
            **data,
        },
        "has_audio": False,
        "has_user_audio": False,
        "has_response_audio": False,
        "has_auxiliary_audio": False,
    }


class ConversationRecord:
    """One conversation while it goes on; kept when it begins and when it ends."""

    def __init__(
        self, account: Account, agent: Agent, conversation_id: str, authorization: str, clock: Callable[[], float]
    ) -> None:
        """`clock` gives seconds since any beginning, monotonic."""
        self._account = account
        self._agent = agent
        self._id = conversation_id
        self._authorization = authorization
        self._clock = clock
        self._began_at = clock()
        self._turns: list[dict[str, Any]] = []
        self.language = agent.language

    def begin(self, client_data: dict[str, Any]) -> None:
        """It has been accepted; `client_data` is the client's first message, or empty."""
        document = document_of(
            self._id, self._agent, status="in-progress", authorization=self._authorization, client_data=client_data
        )
        self._account.conversations.put(self._id, document)

    def say(self, role: str, text: str, *, medium: str = "audio") -> None:
        """A turn of the `agent` or the `user`; an interrupted one is told later to `cut`."""
        self._turns.append(self._turn(role, text, source_medium=medium if role == "user" else None))

    def cut(self, heard: str) -> None:
        """The agent's last turn was interrupted; `heard` is what was said of it."""
        turn = next((turn for turn in reversed(self._turns) if turn["role"] == "agent" and turn["message"]), None)
        if turn is not None:
            turn.update(original_message=turn["message"], message=heard, interrupted=True)

    def tool(self, name: str, request_id: str, parameters: dict[str, Any], result: str, *, is_error: bool) -> None:
        """A client tool has been called and has answered."""
        text = json.dumps(parameters, ensure_ascii=False)
        call = {
            "type": "client",
            "request_id": request_id,
            "tool_name": name,
            "params_as_json": text,
            "tool_has_been_called": True,
            "tool_details": {"type": "client", "parameters": text},
        }
        answer = {
            "type": "client",
            "request_id": request_id,
            "tool_name": name,
            "result_value": result,
            "is_error": is_error,
            "tool_has_been_called": True,
            "tool_latency_secs": 0.0,
        }
        self._turns.append(self._turn("agent", None, tool_calls=[call], tool_results=[answer]))

    def _turn(self, role: str, text: str | None, **more: Any) -> dict[str, Any]:
        seconds = int(self._clock() - self._began_at)
        turn: dict[str, Any] = {"role": role, "message": text, "time_in_call_secs": seconds, "interrupted": False}
        return {**turn, "tool_calls": [], "tool_results": [], **more}

    def end(self, code: int, reason: str, audio: bytes = b"") -> None:
        """It has ended; it is `processing` until `settle`. `audio` is a recording of both sides, if there is one."""
        document = self._account.conversations.get(self._id)
        if document is None:  # it was deleted meanwhile, or never begun
            return
        seconds = int(self._clock() - self._began_at)
        failed = code not in (0, 1000)
        metadata = {
            **document["metadata"],
            "call_duration_secs": seconds,
            "cost": seconds,
            "main_language": self.language,
            "termination_reason": reason or ("Call ended by remote party" if code == 0 else "end_call"),
            "error": {"code": code, "reason": reason} if failed else None,
        }
        has_audio = bool(audio)
        changed = {
            **document,
            "status": "failed" if failed else "processing",
            "transcript": self._turns,
            "metadata": metadata,
            "has_audio": has_audio,
            "has_user_audio": has_audio,
            "has_response_audio": has_audio,
        }
        self._account.conversations.put(self._id, changed, {"audio": audio.hex()} if audio else None)

    def settle(self) -> dict[str, Any] | None:
        """The analysis is there: the finished document, None when it has been deleted."""
        document = self._account.conversations.get(self._id)
        if document is None:
            return None
        asked = [turn["message"] for turn in document["transcript"] if turn["role"] == "user"]
        analysis: dict[str, Any] = {
            "evaluation_criteria_results": {},
            "data_collection_results": {},
            "call_successful": "failure" if document["status"] == "failed" else "success",
            "transcript_summary": f"The caller said {len(asked)} things.",
        }
        status = "failed" if document["status"] == "failed" else "done"
        settled = {**document, "status": status, "analysis": analysis}
        self._account.conversations.put(self._id, settled)
        return settled


def fail_unfinished(account: Account) -> None:
    """What was going on when the sandbox was killed has failed."""
    for document in account.conversations.documents():
        if document["status"] in _UNFINISHED:
            metadata = {**document["metadata"], "error": {"code": 1011, "reason": "The sandbox was stopped"}}
            account.conversations.put(
                document["conversation_id"], {**document, "status": "failed", "metadata": metadata}
            )
