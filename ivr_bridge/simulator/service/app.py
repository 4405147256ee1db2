"""The sandbox as a web application: what it is made of, and serving it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from ivr_bridge.errors import ConfigError
from ivr_bridge.simulator.service import dialogue
from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.agent_rest import AgentRest, fill
from ivr_bridge.simulator.service.conversation_door import ConversationDoor
from ivr_bridge.simulator.service.conversation_record import fail_unfinished
from ivr_bridge.simulator.service.conversation_rest import ConversationRest
from ivr_bridge.simulator.service.door import Door
from ivr_bridge.simulator.service.examples import Examples
from ivr_bridge.simulator.service.faults import Fault, FaultPlan
from ivr_bridge.simulator.service.hearing import Hearing
from ivr_bridge.simulator.service.keys import Keys, read_keys
from ivr_bridge.simulator.service.knowledge_rest import KnowledgeRest
from ivr_bridge.simulator.service.mouth import Mouth
from ivr_bridge.simulator.service.phone_number_rest import PhoneNumberRest
from ivr_bridge.simulator.service.post_call import PostCall, Webhook
from ivr_bridge.simulator.service.rag_index import RagIndexRest
from ivr_bridge.simulator.service.recogniser import Recogniser
from ivr_bridge.simulator.service.request_log import RequestLog
from ivr_bridge.simulator.service.rest_faults import RestFaults
from ivr_bridge.simulator.service.sandbox_rest import SandboxRest
from ivr_bridge.simulator.service.secret_rest import SecretRest
from ivr_bridge.simulator.service.signing import Signer
from ivr_bridge.simulator.service.speech_rest import SpeechRest
from ivr_bridge.simulator.service.speech_socket import SpeechSocketDoor
from ivr_bridge.simulator.service.stage import Pace, Stage
from ivr_bridge.simulator.service.tool_rest import ToolRest
from ivr_bridge.simulator.service.transcripts import GivenTranscripts
from ivr_bridge.simulator.service.twilio_rest import TwilioRest
from ivr_bridge.simulator.service.user_rest import UserRest
from ivr_bridge.simulator.service.voice_rest import VoiceRest
from ivr_bridge.simulator.service.wire_audio import CONVERSATION_FORMATS
from ivr_bridge.simulator.service.workspace_rest import WorkspaceRest

_LARGEST_BODY_BYTES = 64 * 2**20
REQUEST_LOG = web.AppKey("request_log", RequestLog)
"""Where a built application keeps what it saw."""
ACCOUNT = web.AppKey("account", Account)
"""Where it keeps its agents, tools, documents ..."""
REST_FAULTS = web.AppKey("rest_faults", RestFaults)
"""Where its REST API is told to misbehave."""
KEYS = web.AppKey("keys", Keys)
"""Where keys are revoked."""


def build_service(
    *,
    output_format: str = "ulaw_8000",
    input_format: str = "ulaw_8000",
    fault: str | None = None,
    fault_conversations: int | None = None,
    fault_after: int = 0,
    fault_at_s: float | None = None,
    hears: Iterable[str] | None = None,
    key: str | Iterable[str] | None = None,
    pace: Pace | None = None,
    prepare: bool = False,
    state: Path | None = None,
    openapi: Path | None = None,
    record: bool = False,
    webhook: tuple[str, str] | None = None,
) -> web.Application:
    """The sandbox, ready to be served by any aiohttp runner.

    Args:
        output_format: what the built-in agents speak on a conversation socket, a vendor's name such as `pcm_16000`.
        input_format: what they expect to hear.
        fault: a name of faults.py, or None to behave.
        fault_conversations: how many conversations have the fault; None: all of them.
        fault_after: how many conversations are well before.
        fault_at_s: when a fault that ends conversations begins, instead of after the greeting.
        hears: transcripts that the caller's spoken turns get, in order, instead of being listened to.
        key: the only `xi-api-key` that is accepted, or several; None accepts any.
        pace: the times of a conversation.
        prepare: learn all phrases when the application starts (some seconds of one core, in a thread) instead of at
            the first words of the first caller.
        state: a folder that keeps the account; None keeps it in memory.
        openapi: the vendor's OpenAPI file, whose examples answer what the sandbox does not do.
        record: keep a recording of each conversation; for few at a time.
        webhook: the URL to which a finished conversation is told, and the secret that signs it.

    Raises:
        ConfigError: unknown format or fault, a fault that cannot begin so, or a file that cannot be read; the
            message says what there is.
        MissingExtraError: the extra [sandbox] is not installed.
    """
    _check_formats(output_format, input_format)
    plan = FaultPlan(Fault(fault, fault_conversations, fault_after, fault_at_s))
    examples = None if openapi is None else Examples.read(openapi)
    account, faults, keys = _account(state, output_format, input_format), RestFaults(), read_keys(key)
    mouth, signer, log = Mouth(), Signer(), RequestLog()
    hearing = Hearing(Recogniser(mouth))
    stage = Stage(mouth, hearing, plan, pace or Pace(), None if hears is None else GivenTranscripts(hears), record)
    post_call = PostCall(account, None if webhook is None else Webhook(*webhook), log, stage.pace.analysis_s)
    conversations = ConversationDoor(account, keys, stage, signer=signer, log=log, post_call=post_call)
    speech = SpeechSocketDoor(account, keys, mouth, stage.pace.speech_idle_s)
    door = Door(keys, plan, faults, log, examples)
    app = web.Application(middlewares=[door.check], client_max_size=_LARGEST_BODY_BYTES)
    app[REQUEST_LOG], app[ACCOUNT], app[REST_FAULTS], app[KEYS] = log, account, faults, keys
    app.cleanup_ctx.append(partial(_ready_ears, hearing, prepare))
    app.cleanup_ctx.append(partial(_followed_up, post_call))
    app.add_routes(SandboxRest(account, log, plan, faults, keys).routes())
    app.add_routes([*conversations.routes(), *speech.routes(), *_rest_routes(account, mouth, signer, plan)])
    app.on_shutdown.extend((conversations.close, speech.close))
    return app


def _check_formats(*names: str) -> None:
    """Whether agents can speak and hear so."""
    for name in names:
        if name not in CONVERSATION_FORMATS:
            raise ConfigError(f"unknown audio format {name!r}; there are: {', '.join(CONVERSATION_FORMATS)}")


def _account(state: Path | None, output_format: str, input_format: str) -> Account:
    """A fresh account with the built-in agents, or the one that is kept in `state`."""
    account = Account(state)
    fill(account, output_format, input_format)
    fail_unfinished(account)
    return account


def _rest_routes(account: Account, mouth: Mouth, signer: Signer, plan: FaultPlan) -> list[web.RouteDef]:
    """The REST API; indexes stand before documents, whose paths would take `rag-index` for an id."""
    return [
        *SpeechRest(account, mouth, plan).routes(),
        *AgentRest(account, plan).routes(),
        *ToolRest(account).routes(),
        *RagIndexRest(account).routes(),
        *KnowledgeRest(account).routes(),
        *ConversationRest(account, signer, plan).routes(),
        *TwilioRest(account, plan).routes(),
        *SecretRest(account).routes(),
        *PhoneNumberRest(account).routes(),
        *WorkspaceRest(account).routes(),
        *VoiceRest(account).routes(),
        *UserRest(account).routes(),
    ]


async def _ready_ears(hearing: Hearing, prepare: bool, _app: web.Application) -> AsyncIterator[None]:
    """Ears for as long as the application runs; `prepare`: all phrases are learnt from the start on."""
    for state in ("desk", "people", "day", "time") if prepare else ():
        hearing.learn(dialogue.phrases(dialogue.DialogueState(state)))
    yield
    hearing.close()


async def _followed_up(post_call: PostCall, _app: web.Application) -> AsyncIterator[None]:
    """What conversations leave behind is finished before the application is gone."""
    yield
    await post_call.close()


async def run_service(
    port: int, *, host: str = "127.0.0.1", on_ready: Callable[[int], None] | None = None, **options: Any
) -> None:
    """Serve the sandbox until cancelled.

    Args:
        port: 0 takes a free one.
        host: address to listen on.
        on_ready: told the port once requests are accepted.
        options: as for `build_service`.

    Raises:
        OSError: the port is taken.
    """
    runner = web.AppRunner(build_service(prepare=True, **options), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        if on_ready is not None:
            on_ready(int(runner.addresses[0][1]))
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
