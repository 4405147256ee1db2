"""Everything that is recorded on this machine: messages and calls."""

from collections.abc import Callable
from pathlib import Path

from ivr_bridge.bridge.disk_thread import Disk
from ivr_bridge.bridge.recordings import Recordings
from ivr_bridge.bridge.sound_rows import RowKeeper
from ivr_bridge.bridge.sound_shelf import SoundShelf
from ivr_bridge.bridge.voicemails import Voicemails
from ivr_bridge.telemetry.log import Log

VOICEMAILS, RECORDINGS = "voicemails", "recordings"
"""Their folders under `var/`."""


class Sounds:
    """One for the process.

    Args:
        var_dir: holds the two folders.
        disk: writes; `DiskThread` but for tests.
        rows: where they are listed.
        log: of the server.
        message_kept: called when there is another message.
    """

    def __init__(
        self, var_dir: Path, disk: Disk, rows: RowKeeper, log: Log, message_kept: Callable[[], None] = lambda: None
    ) -> None:
        self.voicemails = Voicemails(SoundShelf(var_dir / VOICEMAILS, "VM", disk), rows, log, message_kept)
        self.recordings = Recordings(SoundShelf(var_dir / RECORDINGS, "RC", disk), rows, log)

    async def take_in_left_overs(self) -> None:
        """List what an earlier process was recording when it was cut off. Never raises."""
        await self.voicemails.take_in_left_overs()
        await self.recordings.take_in_left_overs()

    async def close(self) -> None:
        """Wait until what calls have left is on the disk; call it before the records are closed."""
        await self.voicemails.close()
        await self.recordings.close()
