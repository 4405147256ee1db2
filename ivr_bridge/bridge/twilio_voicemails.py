"""Messages that Twilio recorded: a row for each, on the disk before Twilio gets its answer."""

import asyncio
from datetime import UTC, datetime

from ivr_bridge.bridge.sound_rows import RowKeeper
from ivr_bridge.records.left_over import voicemail_id
from ivr_bridge.twilio.call_desk import IncomingCall, Recording

SIDS_REMEMBERED = 1000


class TwilioVoicemails:
    """One for the process; a message that Twilio tells of again is not entered twice.

    Args:
        rows: where they are listed.
    """

    def __init__(self, rows: RowKeeper) -> None:
        self._rows = rows
        self._turn = asyncio.Lock()
        self._ids: dict[str, None] = {}

    async def keep(self, call: IncomingCall, recording: Recording) -> bool:
        """Enter a message; False when it stands there already.

        Raises:
            BridgeError: it could not be written.
        """
        key = voicemail_id(call.call_sid, recording.sid, recording.url)
        async with self._turn:
            if key in self._ids:
                return False
            await self._rows.promise(
                "voicemails",
                id=key,
                call_sid=call.call_sid,
                caller=call.caller,
                called=call.called,
                recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
                duration_s=recording.duration_s,
                recording_sid=recording.sid,
                recording_url=recording.url,
            )
            self._ids[key] = None
            if len(self._ids) > SIDS_REMEMBERED:
                del self._ids[next(iter(self._ids))]
            return True
