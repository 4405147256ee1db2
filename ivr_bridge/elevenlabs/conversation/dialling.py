"""Opening conversations with one agent, in one of the three ways the vendor knows.

`signed_url`: a REST call with the key gives an address that opens one conversation; the key stays in REST. `public`:
for an agent without authentication, its id is enough. `header`: the key goes with the handshake itself. A key is never
part of an address: addresses are written into logs on their way. (The older dialect has a fourth way, which the
operator must ask for by its name: `legacy_key_in_url`.)

Source: https://elevenlabs.io/docs/eleven-agents/customization/authentication
"""

import asyncio
from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote, urlsplit

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.elevenlabs.conversation.dialects import TODAY, Dialect, legacy
from ivr_bridge.elevenlabs.conversation.protocol import DynamicVariable
from ivr_bridge.elevenlabs.conversation.socket import AgentConversation
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.errors import AgentError, AgentRefused, AgentUnreachable, AudioFormatError, VendorError, VendorRejected
from ivr_bridge.settings import BridgeConfig
from ivr_bridge.telemetry.events import AGENT_CONNECTED, AGENT_DIALLED, AGENT_UNREACHED
from ivr_bridge.telemetry.log import Log

AgentAuth = Literal["signed_url", "public", "header", "legacy_key_in_url"]

_VENDOR_DOMAIN = ".elevenlabs.io"


def wire_of(config: BridgeConfig) -> tuple[AgentAuth, Dialect]:
    """How conversations are opened and spoken, as the operator wrote it; the older dialect knows no signed URL."""
    if config.agent_dialect == "today":
        return config.agent_auth, TODAY
    auth: AgentAuth = "public" if config.agent_auth == "public" else "header"
    return "legacy_key_in_url" if config.legacy_key_in_url else auth, legacy(
        AudioFormat.parse(config.legacy_audio_format)
    )


class AgentDialler:
    """Opens a conversation with `agent_id` for each call.

    Args:
        rest: the vendor's host and key.
        agent_id: who answers.
        log: of the server; `dial` may be given a call's own.
        auth: see the module.
        overrides: `conversation_config_override` of every conversation, as the operator wrote it.
        dialect: what the server speaks.
        open_timeout_s: for the signed URL, and again for the socket.
        metadata_timeout_s: from the open socket to the announced formats.
    """

    __slots__ = (
        "_auth",
        "_dialect",
        "_log",
        "_metadata_timeout_s",
        "_open_timeout_s",
        "_overrides",
        "_rest",
        "agent_id",
    )

    def __init__(
        self,
        rest: ElevenLabsAPIClient,
        agent_id: str,
        *,
        log: Log,
        auth: AgentAuth = "signed_url",
        overrides: Mapping[str, object] | None = None,
        dialect: Dialect = TODAY,
        open_timeout_s: float = 5.0,
        metadata_timeout_s: float = 5.0,
    ) -> None:
        self.agent_id = agent_id
        self._rest = rest
        self._log = log
        self._auth = auth
        self._overrides = dict(overrides or {})
        self._dialect = dialect
        self._open_timeout_s = open_timeout_s
        self._metadata_timeout_s = metadata_timeout_s

    async def dial(
        self,
        *,
        dynamic_variables: Mapping[str, DynamicVariable] | None = None,
        first_message: str | None = None,
        user_id: str | None = None,
        log: Log | None = None,
    ) -> AgentConversation:
        """Open one conversation; close it, whatever happens. Cancelling leaves nothing open.

        Args:
            dynamic_variables: every `{{name}}` that the agent uses.
            first_message: overrides what the agent says first; the agent must allow it, or it refuses with 1008.
            user_id: the vendor's word for who is calling.
            log: of the call; without it the server's.

        Raises:
            AgentRefused: configuration; never try again.
            AgentUnreachable: may be tried again.
            AudioFormatError: the agent is set to a format that we cannot speak.
        """
        log = log or self._log
        clock = asyncio.get_running_loop().time
        began_at = clock()
        log.emit(AGENT_DIALLED, agent_id=self.agent_id, auth=self._auth)
        try:
            conversation = await AgentConversation.open(
                url=await self._url(),
                headers=self._rest.key_header if self._auth == "header" else None,
                overrides=self._overrides_with(first_message),
                dynamic_variables=dynamic_variables,
                user_id=user_id,
                dialect=self._dialect,
                open_timeout_s=self._open_timeout_s,
                metadata_timeout_s=self._metadata_timeout_s,
            )
        except (AgentError, AudioFormatError) as error:
            ms = (clock() - began_at) * 1000
            self._rest.transport.keys.strike(error)
            log.emit(AGENT_UNREACHED, agent_id=self.agent_id, code=error.code, error=str(error), ms=ms)
            raise
        log.emit(
            AGENT_CONNECTED,
            conversation_id=conversation.conversation_id,
            agent_id=self.agent_id,
            ms=(conversation.opened_at - began_at) * 1000,
            input_format=str(conversation.input_format),
            output_format=str(conversation.output_format),
        )
        return conversation

    async def _url(self) -> str:
        if self._auth != "signed_url":
            url = f"{self._rest.websocket_url}{self._dialect.path}?agent_id={quote(self.agent_id, safe='')}"
            if self._auth == "legacy_key_in_url":
                url += "".join(f"&{name}={quote(key, safe='')}" for name, key in self._rest.key_header.items())
            return url
        try:
            url = await self._rest.conversations.get_signed_url(self.agent_id, timeout_s=self._open_timeout_s)
        except VendorRejected as error:
            raise AgentRefused(f"no signed URL: {error}") from error
        except VendorError as error:
            raise AgentUnreachable(f"no signed URL: {error}") from error
        if not _is_vendors(url, self._rest.websocket_url):
            raise AgentRefused("the signed URL leads to a host that is not the vendor's")
        return url

    def _overrides_with(self, first_message: str | None) -> dict[str, object]:
        if first_message is None:
            return self._overrides
        agent = self._overrides.get("agent")
        return {
            **self._overrides,
            "agent": {**(agent if isinstance(agent, dict) else {}), "first_message": first_message},
        }


def _is_vendors(url: str, websocket_url: str) -> bool:
    """Whether a signed URL leads to the configured host, or by TLS to one of the vendor's own."""
    try:
        signed, configured = urlsplit(url), urlsplit(websocket_url)
        same = (signed.scheme, signed.hostname, signed.port) == (
            configured.scheme,
            configured.hostname,
            configured.port,
        )
    except ValueError:
        return False
    return same or (signed.scheme == "wss" and (signed.hostname or "").endswith(_VENDOR_DOMAIN))
