"""The catalogue: every log event that the bridge can write, with its fields.

Names are `noun.past_participle`. Fields that a person could be known by (numbers, words, digits, tool arguments)
stand under `pii.` and are masked unless the operator opts in. docs/events.md is made from this file.
"""

from dataclasses import dataclass
from typing import Literal

Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of log line.

    `fields` are the only ones it may carry, `pii` those that go under `pii.`; `meaning` is for the operator.
    """

    name: str
    level: Level
    meaning: str
    fields: tuple[str, ...] = ()
    pii: tuple[str, ...] = ()


CATALOGUE: dict[str, Event] = {}


def _event(name: str, level: Level, meaning: str, *fields: str, pii: tuple[str, ...] = ()) -> Event:
    event = Event(name, level, meaning, fields, pii)
    CATALOGUE[name] = event
    return event


# The server
SERVER_STARTED = _event("server.started", "info", "it serves; try `url`", "url", "public_base_url", "version", "var")
SERVER_DRAINING = _event("server.draining", "info", "no new call is taken; live ones go on", "live_calls", "drain_s")
SERVER_STOPPED = _event("server.stopped", "info", "everything is closed", "calls")
CHILD_STARTED = _event("child.started", "info", "a child process of the server runs", "child", "pid", "address")
CHILD_ENDED = _event("child.ended", "error", "a child process ended by itself", "child", "pid", "exit_code")
KEY_MADE = _event("key.made", "info", "a secret of this machine was made; `path` holds it", "path")
DOOR_REFUSED = _event("door.refused", "warning", "an API request without a valid key", "path", "method")
REQUEST_FAILED = _event("request.failed", "error", "a handler of ours raised: a bug", "path", "error")

# The store
STORE_CONNECTED = _event("store.connected", "info", "the store answers", "store", "address")
STORE_DEGRADED = _event(
    "store.degraded", "error", "the store is lost; the bridge goes on from memory", "store", "error"
)
STORE_RECOVERED = _event("store.recovered", "info", "the store is back", "store", "lost_s")

# Records
RECORDS_DELAYED = _event(
    "records.delayed", "error", "the database takes nothing; records wait on this disk", "error", "again_s",
    "waiting_bytes",
)  # fmt: skip
RECORDS_RECOVERED = _event("records.recovered", "info", "the database takes records again", "delayed_s")
RECORDS_LOST = _event("records.lost", "error", "the disk takes nothing either: lost lines", "lines", "error")
RECORDS_MOVED = _event(
    "records.moved", "info", "what earlier versions kept in files stands in the records now", "voicemails",
    "conversations",
)  # fmt: skip
RECORDS_UNMOVED = _event(
    "records.unmoved", "error", "that could not be done; it is tried again at the next start", "error"
)
RECORD_REFUSED = _event(
    "record.refused", "error", "the database does not take a line; it lies in refused.jsonl", "table", "error"
)

# Prompts and the agent's first words
PROMPTS_LOADED = _event("prompts.loaded", "info", "prompts ready to play", "ready", "missing", "rendered")
PROMPT_FAILED = _event("prompt.failed", "warning", "a prompt could not be rendered", "prompt", "language", "error")
AGENT_READ = _event("agent.read", "info", "the agent's first message and voice are known", "agent_id", "greeting")
AGENT_UNREAD = _event(
    "agent.unread", "warning", "the agent could not be read; its own greeting is used", "agent_id", "error"
)

# The agent's tools
AGENT_TOOLS_DIFFER = _event(
    "agent.tools_differ", "warning", "ALERT: the agent calls tools that are not here (`missing_here`), was not told of "
    "handlers of its file (`missing_there`), or sends other arguments (`differing`); see: ivr-bridge agents plan",
    "agent_id", "missing_here", "missing_there", "differing",
)  # fmt: skip
AGENT_TOOLS_UNREAD = _event(
    "agent.tools_unread", "warning", "the agent's tools could not be compared with the handlers", "agent_id", "error"
)

# Flows and configuration
CONFIG_LOADED = _event("config.loaded", "info", "new calls get this configuration", "flows", "tools", "why")
CONFIG_REFUSED = _event(
    "config.refused", "error", "a changed file is broken; new calls get the configuration from before", "problems"
)
CONFIG_UNWATCHED = _event(
    "config.unwatched", "warning", "changed files are not noticed any more; SIGHUP still reads them", "error"
)
FLOW_CHOSEN = _event("flow.chosen", "info", "the flow of the called number", "flow", "language")
NODE_ENTERED = _event("node.entered", "info", "the call stands at another node of its flow", "flow", "node", "kind")
OPTION_CHOSEN = _event("option.chosen", "info", "a menu was answered", "node", "option", "by")
DIGITS_COLLECTED = _event(
    "digits.collected", "info", "a number was keyed in", "node", "n_digits", "sensitive", pii=("digits",)
)
LANGUAGE_CHANGED = _event(
    "language.changed", "info", "the call goes on in another language", "language", "before", "by"
)
HTTP_ASKED = _event("http.asked", "info", "a service of the operator's answered", "node", "host", "status", "ms")
HTTP_FAILED = _event(
    "http.failed", "warning", "a service of the operator's did not give what was asked for", "node", "host", "error",
    "ms",
)  # fmt: skip
FILLER_PLAYED = _event("filler.played", "info", "the caller waits and hears a prompt or music", "why", "after_ms")
RUNG_CLIMBED = _event(
    "rung.climbed", "warning", "the agent failed; this is tried next", "rung", "cause", "step", "ms_since_failure"
)
AGENT_RECOVERED = _event("agent.recovered", "info", "a rung brought an agent back", "rung", "ms_since_failure")
AGENT_MISCONFIGURED = _event(
    "agent.misconfigured", "error", "ALERT: every call fails like this until the configuration is mended", "cause",
    "error",
)  # fmt: skip
BREAKER_OPENED = _event(
    "breaker.opened", "error", "the agent is down: it is not dialled until a probe gets through", "agent_id",
    "failures", "probe_after_s",
)  # fmt: skip
BREAKER_CLOSED = _event("breaker.closed", "info", "the agent is back", "agent_id", "down_s")
CALL_HANDED_OVER = _event("call.handed_over", "info", "the stream is left; Twilio goes on", "where")
TRANSFER_ASKED = _event(
    "transfer.asked", "info", "the agent wants a person; its last words are played first", "node", pii=("reason",)
)
TRANSFER_BEGUN = _event(
    "transfer.begun", "info", "a person is called; `kind`: cold or warm", "kind", "node", pii=("to_number",)
)
TRANSFER_ENDED = _event(
    "transfer.ended", "info", "what came of it; `talked_s`: how long caller and person were connected", "kind", "node",
    "outcome", "talked_s", "broken", pii=("to_number",),
)  # fmt: skip
TRANSFER_BROKEN = _event(
    "transfer.broken", "warning", "green but broken: the person's leg was answered and ended at once", "kind", "node",
    "talked_s",
)  # fmt: skip
TRANSFER_DOWNGRADED = _event(
    "transfer.downgraded", "warning", "a warm transfer is made cold: there are no credentials for Twilio's REST API",
    "flow", "node",
)  # fmt: skip
TRANSFER_UNPLACED = _event(
    "transfer.unplaced", "error", "the person of a warm transfer could not be called", "node", "code", "error"
)
TRANSFER_WHISPERED = _event(
    "transfer.whispered", "info", "the person of a warm transfer has answered and is asked", "person_call_sid"
)
TRANSFER_STATUS_CHANGED = _event(
    "transfer.status_changed", "info", "Twilio's notice about the call to a person", "person_call_sid", "status"
)
TRANSFER_STUCK = _event(
    "transfer.stuck", "error", "the caller could not be brought back from a warm transfer; tried again", "tried",
    "code", "error",
)  # fmt: skip
TRANSFER_PERSON_LEFT = _event(
    "transfer.person_left", "warning", "the person of a warm transfer could not be hung up", "code", "error"
)
VOICEMAIL_BEGUN = _event("voicemail.begun", "info", "the tone has sounded; a message is being recorded", "max_s")
VOICEMAIL_TAKEN = _event(
    "voicemail.taken", "info", "a message was recorded and listed: ivr-bridge voicemail list", "recording_sid",
    "duration_s", pii=("caller",),
)  # fmt: skip
VOICEMAIL_UNHEARD = _event(
    "voicemail.unheard", "info", "less than a second of voice: nothing was kept", "ended", "voice_ms"
)
VOICEMAIL_FAILED = _event(
    "voicemail.failed", "error", "a message cannot be recorded or listed here; Twilio's recorder takes over", "error"
)
VOICEMAIL_DELIVERED = _event(
    "voicemail.delivered", "info", "VOICEMAIL_WEBHOOK_URL has taken a message", "recording_sid", "attempt", "ms"
)
VOICEMAIL_UNDELIVERED = _event(
    "voicemail.undelivered", "warning", "VOICEMAIL_WEBHOOK_URL did not take a message; it is tried again",
    "recording_sid", "attempt", "error", "again_s",
)  # fmt: skip
RECORDING_BEGUN = _event(
    "recording.begun", "info", "the caller was told, and the call is recorded", "recording_id", "keep_days"
)
RECORDING_ENDED = _event(
    "recording.ended", "info", "a recording is whole: ivr-bridge recordings list", "recording_id", "duration_s",
    "bytes",
)  # fmt: skip
RECORDING_FAILED = _event(
    "recording.failed", "error", "a call is not recorded (any more), or recordings cannot be deleted", "recording_id",
    "error",
)  # fmt: skip
RECORDINGS_DELETED = _event("recordings.deleted", "info", "recordings were deleted", "recordings", "why")

# Outbound calls and callbacks
DIAL_ASKED = _event("dial.asked", "info", "a call into a flow was asked for", "dial_id", "flow", "by", pii=("to",))
DIAL_CREATED = _event("dial.created", "info", "Twilio makes the call", "dial_id", "made_call_sid", "ms")
DIAL_DELAYED = _event(
    "dial.delayed", "warning", "Twilio did not take the call; it is made later", "dial_id", "error", "again_s"
)
DIAL_UNKNOWN = _event(
    "dial.unknown", "error", "no answer to the making of a call: whether a phone rings is looked up before anything "
    "else is done", "dial_id", "error",
)  # fmt: skip
DIAL_FOUND = _event("dial.found", "info", "what became of a dial was looked up", "dial_id", "found")
DIAL_ENDED = _event("dial.ended", "info", "a dial is over", "dial_id", "state", "status", "answered_by", "error")
MACHINE_DETECTED = _event(
    "machine.detected", "info", "who has answered an outbound call", "dial_id", "answered_by", "then"
)
DIGITS_SENT = _event(
    "digits.sent", "info", "the agent has keys pressed on the line", "n_digits", "mode", pii=("digits",)
)
CALLBACK_OFFERED = _event("callback.offered", "info", "every line is taken; the caller may be called back")
CALLBACK_PROMISED = _event(
    "callback.promised", "info", "a caller will be called back; it stands on the disk", "callback_id", "flow",
    pii=("number",),
)  # fmt: skip
CALLBACK_REFUSED = _event("callback.refused", "error", "a callback could not be kept, and was not promised", "error")
CALLBACK_DIALLED = _event("callback.dialled", "info", "a caller is called back", "callback_id", "dial_id", "attempt")
CALLBACK_ENDED = _event(
    "callback.ended", "info", "an attempt at a callback is over", "callback_id", "state", "attempts", "error"
)
CALLBACK_CANCELLED = _event("callback.cancelled", "info", "a callback was cancelled", "callback_id")
OUTBOUND_STALLED = _event(
    "outbound.stalled", "error", "what is to be called cannot be read; it is tried again", "error", "again_s"
)

# The vendor's REST API
VENDOR_RETRIED = _event(
    "vendor.retried", "info", "a request failed and is sent again", "request", "attempt", "wait_s", "error"
)
VENDOR_KEY_REFUSED = _event(
    "vendor.key_refused", "error", "a key of ELEVENLABS_API_KEY is invalid; the next one is used, if there is one",
    "position", "of", "ends_with", "left",
)  # fmt: skip
VENDOR_LOST = _event(
    "vendor.lost", "error", "a part of the vendor is down: it is not asked until a probe gets through", "part",
    "failures", "probe_after_s", "error",
)  # fmt: skip
VENDOR_RECOVERED = _event("vendor.recovered", "info", "that part of the vendor is back", "part", "down_s")
VENDOR_REMEMBERED = _event(
    "vendor.remembered", "warning", "the vendor failed, and an earlier answer stood in", "request", "age_s", "error"
)

# What the vendor's webhooks tell
CONVERSATION_KEPT = _event(
    "conversation.kept", "info", "a webhook of the vendor is on the disk, in var/conversations/", "file", "outcome",
    "bytes", "ms",
)  # fmt: skip
CONVERSATION_RECORDED = _event(
    "conversation.recorded", "info", "what the vendor told of a conversation that is over", "type", "conversation_id",
    "agent_id", "status", "duration_s", "cost", "file", "audio",
)  # fmt: skip
CONVERSATION_UNKEPT = _event(
    "conversation.unkept", "error", "a webhook of the vendor could not be written; it was answered 503, so that it "
    "comes again", "error",
)  # fmt: skip
CONVERSATION_UNREADABLE = _event(
    "conversation.unreadable", "warning", "a signed webhook is no JSON object; it was kept aside", "file", "bytes"
)
CONVERSATION_FAILED = _event(
    "conversation.failed", "error", "a webhook that was kept could not be worked on; it is tried again", "file",
    "error", "again_s",
)  # fmt: skip
CALLER_INTRODUCED = _event(
    "caller.introduced", "info", "the vendor asked for the data of a caller of its own number", "vendor_call_sid",
    "agent_id", "flow", "variables", pii=("caller", "called"),
)  # fmt: skip

# The webhooks
WEBHOOK_REFUSED = _event(
    "webhook.refused", "warning", "not signed by our Twilio or ElevenLabs account", "path", "reason", "parameter_names"
)
CALL_ANSWERED = _event(
    "call.answered",
    "info",
    "the voice webhook was answered with a stream",
    "ms",
    "direction",
    pii=("caller", "called"),
)
CALL_REPEATED = _event("call.repeated", "info", "Twilio asked again and got the same answer", "same")
CALL_REFUSED = _event(
    "call.refused", "warning", "no stream for this call; the caller heard `prompt`", "reason", "prompt", "live_calls",
    "direction",
    pii=("caller", "called"),
)  # fmt: skip
CALL_STATUS_CHANGED = _event("call.status_changed", "info", "Twilio's status callback", "status", "duration_s")
FALLBACK_ANSWERED = _event(
    "fallback.answered", "error", "Twilio could not use our answer and asked the fallback URL", "error_code",
    "error_url", "answer",
)  # fmt: skip
STREAM_STATUS_CHANGED = _event(
    "stream.status_changed", "info", "Twilio's notice about a stream", "stream_sid", "status", "error"
)
STREAM_RETRIED = _event(
    "stream.retried", "warning", "a stream was lost in a call that goes on; Twilio is told to open another one",
    "attempt", "of", "agent",
)  # fmt: skip
CALL_TAKEN_OVER = _event(
    "call.taken_over", "warning", "the worker that held this call is gone, or its stream came here: it goes on here",
    "worker", "streams",
)  # fmt: skip
STREAM_END_ANSWERED = _event("stream.end_answered", "info", "what follows the stream", "next_step")

# The caller's leg
STREAM_REFUSED = _event(
    "stream.refused", "warning", "a media socket that was not let in", "reason", "close_code", "stream_sid"
)
STREAM_STARTED = _event("stream.started", "info", "the caller's audio flows", "stream_sid", "ms_since_webhook")
STREAM_FAULTED = _event("stream.faulted", "warning", "the stream sent what it must not", "stream_sid", "error")
STREAM_ENDED = _event("stream.ended", "info", "the media socket is gone", "stream_sid", "reason", "close_code")
STREAM_UNKNOWN = _event("stream.unknown", "info", "a message of a kind we do not know (once a kind)", "kind")
CALLER_KEYED = _event("caller.keyed", "info", "a key was pressed", pii=("digit",))
CALLER_SAID = _event("caller.said", "info", "what the agent understood", "event_id", pii=("text",))
CALLER_BARGED_IN = _event(
    "caller.barged_in", "info", "the caller spoke over the agent", "event_id", "heard_ms", "sent_ms", "dropped_ms",
    pii=("heard",),
)  # fmt: skip
CALLER_ASKED = _event("caller.asked", "info", "silent for long; asked whether they are there", "silent_s")

# The agent's leg
AGENT_DIALLED = _event("agent.dialled", "debug", "a conversation is being opened", "agent_id", "auth")
AGENT_CONNECTED = _event(
    "agent.connected",
    "info",
    "the conversation is open",
    "conversation_id",
    "agent_id",
    "ms",
    "input_format",
    "output_format",
)
AGENT_UNREACHED = _event(
    "agent.unreached", "error", "no conversation could be opened", "agent_id", "code", "error", "ms"
)
AGENT_UNCLAIMED = _event(
    "agent.unclaimed", "warning", "dialled for a stream that never came", "conversation_id", "open_ms", "reason"
)
AGENT_KEPT = _event(
    "agent.kept", "info", "the stream is gone; the conversation waits for the next one", "conversation_id", "keep_s",
    "why",
)  # fmt: skip
AGENT_RETURNED = _event(
    "agent.returned", "info", "the caller is back in the same conversation", "conversation_id", "kept_ms"
)
AGENT_CLOSED = _event("agent.closed", "info", "the conversation is closed", "close_code", "reason", "by")
AGENT_FAULTED = _event("agent.faulted", "warning", "the agent reported or sent an error", "code", "error_type", "error")
AGENT_UNKNOWN = _event("agent.unknown", "info", "a message of a kind we do not know (once a kind)", "kind")
AUDIO_CHAINED = _event("audio.chained", "info", "how audio travels in this call", "caller_to_agent", "agent_to_caller")
GREETING_PLAYED = _event("greeting.played", "info", "the first words were sent", "mode", "ms_since_start")
AGENT_SAID = _event("agent.said", "info", "a reply of the agent", "event_id", pii=("text",))
AGENT_CORRECTED = _event("agent.corrected", "info", "what the vendor believes was heard", "event_id", pii=("text",))
REPLY_PLAYED = _event(
    "reply.played", "info", "how much of a reply was heard", "event_id", "heard_ms", "sent_ms", "whole"
)
PROMPT_PLAYED = _event("prompt.played", "info", "a prompt of ours was sent to the caller", "prompt", "language")
PROMPT_MISSING = _event(
    "prompt.missing", "warning", "a prompt was due and was never rendered, so the caller heard nothing of it", "prompt",
    "language",
)  # fmt: skip

SESSION_CALLBACK_FAILED = _event(
    "session.callback_failed", "error", "a callback of whoever uses the library raised", "callback", "error"
)
AGENT_KEY_IN_URL = _event(
    "agent.key_in_url",
    "warning",
    "legacy_key_in_url: whoever logs URLs on the way to the vendor has the key; use the header if it is taken",
)

# Tools
TOOL_CALLED = _event(
    "tool.called", "info", "the agent asked for a client tool", "tool", "tool_call_id", pii=("arguments",)
)
TOOL_ANSWERED = _event(
    "tool.answered", "info", "its result went to the agent", "tool", "tool_call_id", "ms", pii=("result",)
)
TOOL_FAILED = _event(
    "tool.failed", "warning", "an error went to the agent", "tool", "tool_call_id", "ms", "code", "error"
)
TOOL_CANCELLED = _event("tool.cancelled", "info", "the call ended before the tool did", "tool", "tool_call_id", "ms")

# The end
CALL_FAULTED = _event("call.faulted", "error", "a bug of ours ended this call", "error", "traceback")
CALL_ENDED = _event(
    "call.ended", "info", "the whole account of a call",
    "result", "reason", "by", "duration_s", "first_word_ms", "greeting", "turns", "barge_ins", "tools", "tools_failed",
    "frames_in", "frames_out", "bytes_in", "bytes_out", "gaps", "gap_ms", "frames_dropped", "marks_played",
    "marks_discarded", "played_ms", "stale_audio", "unknown_messages", "noted_messages", "input_format",
    "output_format", "conversation_id", "agent_close_code", "stream_sid", "streams", "transfers", "transfers_broken",
)  # fmt: skip
