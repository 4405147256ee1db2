"""What can go wrong, whose fault it is, whether to try again, and what the caller hears.

BridgeError
├── LocalProtocolError      ours: we used a protocol object wrongly (a bug)
├── RemoteProtocolError     theirs: a message that the protocol does not allow
├── AudioFormatError        a format nobody announced, or bytes that are not in it
├── ConfigError             the operator's: file, line and what was expected
├── MissingExtraError       an optional part is not installed; says the command
├── AgentError              the agent's leg
│   ├── AgentUnreachable    no connection, a time limit, 5xx or 429: may be tried again
│   ├── AgentRefused        401, 403, 404, 1008: configuration, never tried again
│   └── AgentLost           the conversation ended by anything but 1000
├── VendorError             an answer of the vendor's REST API
│   ├── VendorUnreachable   no answer at all, or not in time
│   ├── VendorRejected      4xx: our request, or the operator's key, account, id or file
│   ├── VendorBusy          429, of three kinds
│   └── VendorFailed        5xx, or an answer that is not what was asked for
├── StoreError              Redis or Valkey cannot be used
└── ToolError               a client tool: unknown, bad arguments, failed, too slow

Every class has `code` (for machines), `fault` (`ours`, `theirs`, `operator`) and `retryable`; what one answer says
of itself stands on the error that it became.
"""

from typing import ClassVar, Literal

Fault = Literal["ours", "theirs", "operator"]


class BridgeError(Exception):
    """The root: everything that this package raises on purpose."""

    code: ClassVar[str] = "error"
    fault: Fault = "ours"
    retryable: ClassVar[bool] = False


class LocalProtocolError(BridgeError):
    """We asked a protocol object for what its state does not allow: a bug of ours."""

    code = "local_protocol_error"


class RemoteProtocolError(BridgeError):
    """The other side sent what the protocol does not allow; its reader reads nothing more."""

    code = "remote_protocol_error"
    fault: Fault = "theirs"


class AudioFormatError(BridgeError):
    """Audio in a format that we do not know, or bytes that do not fit the format they claim."""

    code = "audio_format_error"
    fault: Fault = "theirs"


class ConfigError(BridgeError):
    """A setting or a file an operator wrote is wrong.

    `problems` lists all of them, each with its place and its remedy, so that one run shows everything.
    """

    code = "config_error"
    fault: Fault = "operator"

    def __init__(self, *problems: str) -> None:
        """Keep `problems`: one line each."""
        super().__init__("\n".join(problems))
        self.problems = problems


class MissingExtraError(BridgeError):
    """An optional part of the installation is needed and not there."""

    code = "missing_extra"
    fault: Fault = "operator"

    def __init__(self, extra: str, needed_for: str) -> None:
        """Say what `needed_for` wants and the command that installs `extra`."""
        super().__init__(f"{needed_for} needs the extra [{extra}]: pip install 'ivr-bridge[{extra}]'")
        self.extra = extra


class AgentError(BridgeError):
    """The agent's leg is not usable; the caller is told by a prompt."""

    code = "agent_error"
    fault: Fault = "theirs"


class AgentUnreachable(AgentError):
    """No conversation could be opened: network, time limit, 5xx or 429."""

    code = "agent_unreachable"
    retryable = True


class AgentRefused(AgentError):
    """The vendor refused the conversation: key, agent id, override or dynamic variable."""

    code = "agent_refused"
    fault: Fault = "operator"


class AgentLost(AgentError):
    """The conversation broke: closed by anything but 1000.

    `close_code` is the WebSocket's (1006 when there was no close frame).
    """

    code = "agent_lost"
    retryable = True

    def __init__(self, close_code: int, reason: str) -> None:
        """Keep the close code and the vendor's words."""
        super().__init__(f"conversation closed with {close_code}: {reason or 'no reason given'}")
        self.close_code = close_code
        self.reason = reason


class VendorError(BridgeError):
    """The vendor's REST API did not give what was asked for.

    `status` is the HTTP status (0: none came), `vendor_code` the vendor's own word for it,
    `request_id` what their support asks for.
    """

    code = "vendor_error"
    fault: Fault = "theirs"
    retry_after_s: float | None = None
    """How long the vendor wants to be left alone; None: it did not say."""

    def __init__(self, message: str, *, status: int = 0, vendor_code: str = "", request_id: str = "") -> None:
        """Keep the answer's particulars; `message` never holds a key or a signed URL."""
        super().__init__(message)
        self.status = status
        self.vendor_code = vendor_code
        self.request_id = request_id


class VendorUnreachable(VendorError):
    """No answer: connection refused, reset, or the time limit passed."""

    code = "vendor_unreachable"
    retryable = True

    def __init__(self, message: str, *, sent: bool = True) -> None:
        """`sent`: the vendor may have got the request; False only when there never was a connection."""
        super().__init__(message)
        self.sent = sent


class VendorRejected(VendorError):
    """4xx: the key, the account, the id or the request is wrong; trying again changes nothing.

    Quota and permission are the operator's; a request that the contract does not allow (`OUR_REQUESTS`) is ours.
    """

    code = "vendor_rejected"
    fault: Fault = "operator"

    OUR_REQUESTS: ClassVar[tuple[int, ...]] = (405, 406, 413, 415, 422)

    def __init__(self, message: str, *, status: int = 0, vendor_code: str = "", request_id: str = "") -> None:
        """Keep the answer's particulars, and whose fault they make it."""
        super().__init__(message, status=status, vendor_code=vendor_code, request_id=request_id)
        if status in self.OUR_REQUESTS:
            self.fault = "ours"


class VendorBusy(VendorError):
    """429: too many requests or conversations at once."""

    code = "vendor_busy"
    retryable = True

    @property
    def kind(self) -> Literal["concurrency", "rate", "system"]:
        """What there is too much of.

        `concurrency`: our own requests at the same time, room comes when one of them ends. `rate`: our requests in a
        time; so is what the vendor does not name. `system`: everybody's.
        """
        if self.vendor_code in ("concurrent_limit_exceeded", "too_many_concurrent_requests"):
            return "concurrency"
        return "system" if self.vendor_code == "system_busy" else "rate"


class VendorFailed(VendorError):
    """5xx, or a body that is not what the contract says."""

    code = "vendor_failed"
    retryable = True


class StoreError(BridgeError):
    """Redis or Valkey cannot be reached or does not answer in time."""

    code = "store_error"
    fault: Fault = "theirs"
    retryable = True


class ToolError(BridgeError):
    """A client tool cannot give its result; the message is fit to be spoken to the caller."""

    code = "tool_error"
