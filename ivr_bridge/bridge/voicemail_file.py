"""`var/voicemails.jsonl`: one line for each message that a caller left, written before Twilio gets its answer."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import orjson

from ivr_bridge.twilio.call_desk import IncomingCall, Recording

SIDS_REMEMBERED = 1000


class VoicemailFile:
    """Appends; a message that Twilio tells of again is not written twice.

    Args:
        path: made with its folder, readable by its owner only, when the first message comes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = asyncio.Lock()
        self._sids: dict[str, None] = {}

    async def keep(self, call: IncomingCall, recording: Recording) -> bool:
        """Write the line to the disk; False when it stands there already.

        Raises:
            OSError: it could not be written.
        """
        async with self._turn:
            known_by = recording.sid or recording.url
            if known_by in self._sids:
                return False
            line = {
                "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "call_sid": call.call_sid,
                "caller": call.caller,
                "called": call.called,
                "recording_sid": recording.sid,
                "recording_url": recording.url,
                "duration_s": recording.duration_s,
            }
            await asyncio.to_thread(self._append, orjson.dumps(line) + b"\n")
            self._sids[known_by] = None
            if len(self._sids) > SIDS_REMEMBERED:
                del self._sids[next(iter(self._sids))]
            return True

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            while line:
                line = line[os.write(descriptor, line) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
