"""Records calls, and tells of it: starts what TwiML or REST ask for, ends what a call leaves running."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import format_datetime

from ivr_bridge.simulator.phone.call_side import CallSide
from ivr_bridge.simulator.phone.recordings import Notice, RecordingShelf, Reel, Source, SpokenReel, TakenRecording
from ivr_bridge.simulator.phone.webhooks import Webhooks


def notice_of(given: Mapping[str, str], url: str) -> Notice:
    """Whom to tell, from the attributes of a verb or the fields of a request; `url` is absolute, or empty."""
    events = given.get("recordingStatusCallbackEvent") or given.get("RecordingStatusCallbackEvent") or "completed"
    method = given.get("recordingStatusCallbackMethod") or given.get("RecordingStatusCallbackMethod") or "POST"
    return Notice(url, method, frozenset(events.split()))


async def record_call(
    side: CallSide, source: Source, *, channels: int = 1, track: str = "both", notice: Notice | None = None
) -> TakenRecording:
    """Record both directions of a call's leg from now on."""
    taken = side.network.recordings.add(
        TakenRecording(side.recording, source, side.line.account_sid, side.sid, "", channels, track, notice or Notice())
    )
    await tell(side.network.recordings, side.webhooks, taken, "in-progress")
    return taken


async def keep_message(side: CallSide, mulaw: bytes, notice: Notice) -> TakenRecording:
    """What a `<Record>` took."""
    taken = TakenRecording(SpokenReel(mulaw), "RecordVerb", side.line.account_sid, side.sid, notice=notice)
    side.network.recordings.add(taken)
    taken.stop()
    return taken


async def record_conference(
    shelf: RecordingShelf, webhooks: Webhooks, reel: Reel, *, account_sid: str, conference_sid: str, notice: Notice
) -> TakenRecording:
    """Record what is said in a conference from now on."""
    taken = shelf.add(TakenRecording(reel, "Conference", account_sid, "", conference_sid, notice=notice))
    await tell(shelf, webhooks, taken, "in-progress")
    return taken


async def stop(shelf: RecordingShelf, webhooks: Webhooks, taken: TakenRecording) -> None:
    """End a recording, if it runs, and tell what came of it."""
    if taken.is_running:
        taken.stop()
        await tell(shelf, webhooks, taken, taken.status)


async def stop_all(side: CallSide) -> None:
    """The call is over, and with it what was recorded of it."""
    for taken in side.network.recordings.all():
        if taken.call_sid == side.sid:
            await stop(side.network.recordings, side.webhooks, taken)


async def tell(shelf: RecordingShelf, webhooks: Webhooks, taken: TakenRecording, event: str) -> None:
    """The recording's own callback, if it wants this event.

    Source: https://www.twilio.com/docs/voice/api/recording#recordingstatuscallback
    """
    if not taken.notice.url or event not in taken.notice.events:
        return
    whose = {"CallSid": taken.call_sid} if taken.call_sid else {"ConferenceSid": taken.conference_sid}
    params = {
        "AccountSid": taken.account_sid,
        **whose,
        "RecordingSid": taken.sid,
        "RecordingUrl": shelf.url(taken),
        "RecordingStatus": event,
        "RecordingChannels": str(taken.channels),
        "RecordingStartTime": format_datetime(taken.started),
        "RecordingSource": taken.source,
        "RecordingTrack": taken.track,
        "ErrorCode": "0",
        **({"RecordingDuration": str(taken.duration_s)} if event == "completed" else {}),
    }
    await webhooks.tell(taken.notice.url, params, method=taken.notice.method)
