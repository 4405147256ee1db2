"""Calls of the account: begun, looked up, listed.

Creating a call has no idempotency key: whoever gets no answer does not know whether a phone rings somewhere, and has
to look before anything else is done. `VendorUnreachable.sent` and `VendorFailed` say so; `VendorBusy`, `VendorRejected`
and a refused connection say that nothing was done.

Source: https://www.twilio.com/docs/voice/api/call-resource
"""

from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime

from ivr_bridge.errors import VendorError, VendorFailed, VendorRejected, VendorUnreachable
from ivr_bridge.twilio.rest import Fields, TwilioAnswer, TwilioRest, read_twilio

CALLS = "Calls"
NEWEST = 50
"""Of the list of calls between two numbers, which begins with the newest."""
STATUS_EVENTS = ("initiated", "ringing", "answered", "completed")

ENDED_CODES = frozenset({"20404", "21220"})
"""Not found, and not in progress: what Twilio says of a call that is over."""
LIVE_STATUSES = frozenset({"queued", "initiated", "ringing", "in-progress"})
"""`CallStatus` of a call that is not over."""


class CallOfTwilio(TwilioAnswer):
    """A call as the account shows it."""

    sid: str
    status: str = ""
    date_created: str | None = None
    """RFC 2822."""
    answered_by: str | None = None

    @property
    def created_at(self) -> datetime | None:
        """When it was made, with a time zone; None while Twilio does not say."""
        try:
            return parsedate_to_datetime(self.date_created) if self.date_created else None
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call to be made. Numbers are E.164 (`to` may be a SIP address); URLs are absolute.

    `url` is asked what to do once somebody answers. `status_url` is told of each step. `machine_url` is told who has
    answered, while the call goes on; None: nobody listens for a machine.
    """

    to: str = field(repr=False)
    caller_id: str = field(repr=False)
    url: str
    status_url: str | None = None
    machine_url: str | None = None
    ring_s: int = 60
    """5 to 600."""
    limit_s: int | None = None
    """The longest it may last once it was answered."""


async def create_call(rest: TwilioRest, call: NewCall) -> CallOfTwilio:
    """Let a phone ring. Tried again only where Twilio surely made no call: no connection, or 429.

    Raises:
        VendorBusy, VendorRejected: there is no call.
        VendorUnreachable: there is none if not `sent`; else nobody knows.
        VendorFailed: nobody knows.
    """
    path = rest.path(CALLS)
    form: dict[str, str | int | bool | tuple[str, ...] | None] = {
        "To": call.to,
        "From": call.caller_id,
        "Url": call.url,
        "Method": "POST",
        "Timeout": call.ring_s,
        "TimeLimit": call.limit_s,
    }
    if call.status_url is not None:
        form |= {
            "StatusCallback": call.status_url,
            "StatusCallbackMethod": "POST",
            "StatusCallbackEvent": STATUS_EVENTS,
        }
    if call.machine_url is not None:
        form |= {
            "MachineDetection": "DetectMessageEnd",
            "AsyncAmd": "true",
            "AsyncAmdStatusCallback": call.machine_url,
            "AsyncAmdStatusCallbackMethod": "POST",
        }
    return read_twilio(CallOfTwilio, await rest.ask("POST", path, form=form), f"POST {path}")


def surely_not_made(error: VendorError) -> bool:
    """Whether an error of `create_call` proves that no phone rings."""
    if isinstance(error, VendorUnreachable):
        return not error.sent
    return not isinstance(error, VendorFailed)


async def fetch_call(rest: TwilioRest, call_sid: str) -> CallOfTwilio | None:
    """A call as it is now; None when the account has none of that id.

    Raises:
        VendorError: as `TwilioRest.ask`.
    """
    path = rest.path(CALLS, call_sid)
    try:
        return read_twilio(CallOfTwilio, await rest.ask("GET", path), f"GET {path}")
    except VendorRejected as error:
        if error.status == 404:
            return None
        raise


async def change_call(
    rest: TwilioRest, call_sid: str, *, url: str | None = None, twiml: str | None = None, status: str | None = None
) -> bool:
    """Let a call go on with another document, or end it; what it was doing stops at once, its stream too.

    Args:
        rest: of the account.
        call_sid: of a call that is alive, or was.
        url: asked by POST what to do; of `url`, `twiml` and `status` give one.
        twiml: the document itself, at most 4000 characters.
        status: `completed` (hang up) or `canceled` (only while it is queued or rings).

    Returns:
        False when the call is over already: whatever was wanted, it is done.

    Raises:
        VendorError: as `TwilioRest.ask`; unless it says so, nobody knows whether it was done.

    Source: https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource
    """
    form: Fields = {"Url": url, "Method": "POST" if url is not None else None, "Twiml": twiml, "Status": status}
    try:
        await rest.ask("POST", rest.path(CALLS, call_sid), form=form)
    except VendorRejected as error:
        if error.vendor_code in ENDED_CODES:
            return False
        raise
    return True


async def newest_calls(rest: TwilioRest, *, to: str, caller_id: str) -> list[CallOfTwilio]:
    """The newest calls from one number to another, at most `NEWEST`.

    No time is asked for: `StartTime` leaves out calls that wait for their turn.

    Raises:
        VendorError: as `TwilioRest.ask`.
    """
    path = rest.path(CALLS)
    query: Fields = {"To": to, "From": caller_id, "PageSize": NEWEST}
    page = await rest.ask("GET", path, query=query)
    entries = page.get("calls") if isinstance(page, dict) else None
    if not isinstance(entries, list):
        raise VendorFailed(f"GET {path}: the answer holds no calls", status=200)
    return [read_twilio(CallOfTwilio, entry, f"GET {path}") for entry in entries]
