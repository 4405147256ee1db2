"""Why a call ended: each call has exactly one of these.                                            pure"""

from enum import Enum
from typing import Literal

Result = Literal["completed", "refused", "failed", "cut_off"]
By = Literal["caller", "agent", "bridge", "operator", "network"]


class Termination(Enum):
    """The ways a call can end. `code` stands in `call.ended` and in `ivr-bridge call --json` as `reason`.

    `prompt` is what the caller hears before the line goes dead (None: nothing is to be said, or nobody is there).
    """

    CALLER_HUNG_UP = ("caller_hung_up", "completed", "caller", None)
    """The stream stopped and Twilio's status, or the `action` request, said the call is completed."""
    AGENT_HUNG_UP = ("agent_hung_up", "completed", "agent", None)
    """The agent closed with 1000, or called `hang_up`; its last words were played."""
    FLOW_ENDED = ("flow_ended", "completed", "bridge", None)
    """The flow came to its end."""
    TRANSFERRED = ("transferred", "completed", "bridge", None)
    """The caller was put through to a person."""
    VOICEMAIL_LEFT = ("voicemail_left", "completed", "caller", None)
    """The flow ended at the recorder; whether the caller said anything is told by `voicemail.taken`."""
    MESSAGE_RECORDED = ("message_recorded", "completed", "caller", None)
    """The caller left a message, which was recorded from the stream."""
    MACHINE_ANSWERED = ("machine_answered", "completed", "network", None)
    """An outbound call reached an answering machine, or a fax; it got its message, if there is one."""
    SENDING_DIGITS = ("sending_digits", "completed", "bridge", None)
    """The stream was left so that Twilio can press keys; the call comes back for another one."""
    VENDOR_TOOK_OVER = ("vendor_took_over", "completed", "bridge", None)
    """The call went on by the vendor's own route to the agent (the ladder's `register_call`)."""
    CALLER_SILENT = ("caller_silent", "completed", "bridge", "goodbye_silence")
    CALL_TOO_LONG = ("call_too_long", "completed", "bridge", "time_is_up")
    DRAINED = ("drained", "cut_off", "operator", "restarting")

    BUSY = ("busy", "refused", "bridge", "busy")
    DRAINING = ("draining", "refused", "operator", "draining")
    STREAM_NEVER_CAME = ("stream_never_came", "failed", "network", None)
    """Admitted, but no stream with its token came while the token could be used."""

    AGENT_UNREACHABLE = ("agent_unreachable", "failed", "agent", "sorry")
    AGENT_REFUSED = ("agent_refused", "failed", "operator", "sorry")
    AGENT_LOST = ("agent_lost", "failed", "agent", "sorry")
    AGENT_SILENT = ("agent_silent", "failed", "agent", "sorry")
    AGENT_FLOODED = ("agent_flooded", "failed", "agent", "sorry")
    """More audio waiting than any caller would listen to."""
    NO_WAY_OUT = ("no_way_out", "failed", "operator", "sorry")
    """The flow led nowhere."""
    AUDIO_FORMAT = ("audio_format", "failed", "operator", "sorry")

    STREAM_ENDED = ("stream_ended", "cut_off", "network", None)
    """The stream stopped while the call went on (a redirect by somebody else); our answer was to hang up."""
    STREAM_LOST = ("stream_lost", "cut_off", "network", None)
    """The media socket broke; Twilio asked what follows and was told."""
    STREAM_UNEXPLAINED = ("stream_unexplained", "cut_off", "network", None)
    """The stream ended and neither status nor `action` request came within 10 s."""
    STREAM_SILENT = ("stream_silent", "cut_off", "network", "sorry")
    """No media for 15 s: a half-open leg."""
    STREAM_STALLED = ("stream_stalled", "cut_off", "network", None)
    """Twilio did not read what we wrote."""
    STREAM_FAULTED = ("stream_faulted", "cut_off", "network", None)
    """The stream sent what the protocol does not allow."""

    TAKEN_OVER = ("taken_over", "completed", "network", None)
    """Another worker has the call now, and writes its account."""

    BRIDGE_FAULTED = ("bridge_faulted", "failed", "bridge", "sorry")
    """A bug of ours; the log has the traceback."""

    def __init__(self, code: str, result: Result, by: By, prompt: str | None) -> None:
        """Take the row of the table apart."""
        self.code = code
        self.result = result
        self.by = by
        self.prompt = prompt


FAR_ENDS = frozenset({Termination.STREAM_ENDED, Termination.STREAM_LOST})
"""The stream was ended from Twilio's side: what Twilio says next decides what it was."""
LOST_STREAMS = FAR_ENDS | {Termination.STREAM_STALLED}
"""Nobody meant the stream to end: if the call goes on, it gets another one."""
LEAVINGS = frozenset(
    {
        Termination.TRANSFERRED,
        Termination.VOICEMAIL_LEFT,
        Termination.VENDOR_TOOK_OVER,
        Termination.SENDING_DIGITS,
    }
)
"""The stream was left by us, so that Twilio can go on with the call."""
