"""After a conversation: its analysis, then the post-call webhooks, signed as the vendor signs them.

Each is tried once. They go to the webhook that the sandbox was started with, and to the one that the workspace's
settings name.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp

from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.conversation_record import ConversationRecord
from ivr_bridge.simulator.service.request_log import RequestLog
from ivr_bridge.simulator.service.workspace_rest import convai_settings

TRANSCRIPTION, AUDIO = "post_call_transcription", "post_call_audio"
_TIMEOUT_S = 10.0
_PIECE_BYTES = 64 * 1024
_AT_THE_END_S = 1.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where to, signed with what, and whether audio goes too."""

    url: str
    secret: str
    events: frozenset[str] = frozenset({"transcript", "audio"})


def signature(secret: str, body: bytes, now_s: float) -> str:
    """The header ElevenLabs-Signature of a body that is sent at `now_s` (unix)."""
    stamp = str(int(now_s))
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v0={mac}"


class PostCall:
    """Follows up the conversations of one sandbox."""

    def __init__(self, account: Account, webhook: Webhook | None, log: RequestLog, analysis_s: float) -> None:
        """`webhook` of the command line, if any; `analysis_s`: how long a conversation is `processing`."""
        self._account = account
        self._webhook = webhook
        self._log = log
        self._analysis_s = analysis_s
        self._running: set[asyncio.Task[None]] = set()

    def follow(self, record: ConversationRecord) -> None:
        """Finish a conversation that has ended, in the background."""
        task = asyncio.create_task(self._finish(record))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Give what is under way a moment, then end it."""
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=_AT_THE_END_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _finish(self, record: ConversationRecord) -> None:
        await asyncio.sleep(self._analysis_s)
        document = record.settle()
        if document is None:
            return
        for webhook in self._webhooks():
            if "transcript" in webhook.events:
                await self._post(webhook, TRANSCRIPTION, document)
            audio = self._account.conversations.hidden(document["conversation_id"]).get("audio", "")
            if "audio" in webhook.events and audio:
                data = {name: document[name] for name in ("agent_id", "conversation_id")}
                full = base64.b64encode(bytes.fromhex(audio)).decode()
                await self._post(webhook, AUDIO, {**data, "full_audio": full})

    def _webhooks(self) -> list[Webhook]:
        """Where to."""
        found = [] if self._webhook is None else [self._webhook]
        settings = convai_settings(self._account)["webhooks"]
        key = settings["post_call_webhook_id"] or ""
        document = self._account.webhooks.get(key)
        if document is not None and not document["is_disabled"]:
            secret = self._account.webhooks.hidden(key)["secret"]
            found.append(Webhook(document["webhook_url"], secret, frozenset(settings["events"])))
        return found

    async def _post(self, webhook: Webhook, kind: str, data: dict[str, Any]) -> None:
        """One webhook; audio goes in pieces, without its length being said before."""
        event = {"type": kind, "event_timestamp": int(time.time()), "data": data}
        body = json.dumps(event, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            "ElevenLabs-Signature": signature(webhook.secret, body, time.time()),
        }
        status: int | None = None
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(webhook.url, data=_in_pieces(body) if kind == AUDIO else body, headers=headers) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            status = None
        self._log.note_webhook(kind, data["conversation_id"], status)


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]
