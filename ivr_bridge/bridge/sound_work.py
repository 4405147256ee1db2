"""What is done with sound beside the calls: left-overs taken in, messages delivered, files deleted in time."""

import asyncio
from functools import partial
from pathlib import Path

from ivr_bridge.bridge.disk_thread import DiskThread
from ivr_bridge.bridge.recordings import TIDY_AGAIN_S, TIDY_EVERY_S
from ivr_bridge.bridge.sounds import Sounds
from ivr_bridge.bridge.voicemail_delivery import Receiver, VoicemailDelivery
from ivr_bridge.errors import BridgeError
from ivr_bridge.records.owed_files import delete_owed
from ivr_bridge.records.recording_index import RecordingIndex
from ivr_bridge.records.records import Records
from ivr_bridge.records.voicemail_box import VoicemailBox
from ivr_bridge.settings import Settings
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.http_request import HttpRequests

DATABASE_AGAIN_S = 60.0


class SoundWork:
    """One for the process; `sounds` is what calls get.

    Args:
        settings: `var/`, and where messages are delivered.
        records: they are closed after this.
        requests: sends messages; they are closed after this.
        log: of the server.
    """

    def __init__(self, settings: Settings, records: Records, requests: HttpRequests, log: Log) -> None:
        var_dir: Path = settings.var_dir
        self._disk = DiskThread()
        self._tasks: list[asyncio.Task[None]] = []
        self._database = records.database
        self._var_dir, self._home, self._log = var_dir, records.home, log
        self._index = RecordingIndex(records.database)
        self._delivery: VoicemailDelivery | None = None
        if settings.voicemail_webhook_url is not None and settings.voicemail_webhook_secret is not None:
            secret = settings.voicemail_webhook_secret.get_secret_value()
            receiver = Receiver(settings.voicemail_webhook_url, secret, settings.voicemail_webhook_private)
            undelivered = VoicemailBox(records.database).undelivered
            self._delivery = VoicemailDelivery(receiver, undelivered, records, requests, var_dir=var_dir, log=log)
        self.sounds = Sounds(var_dir, self._disk, records, log, self._message_kept)

    def _message_kept(self) -> None:
        if self._delivery is not None:
            self._delivery.wake()

    def start(self) -> None:
        """Begin: first with what an earlier process has left."""
        self._tasks = [asyncio.create_task(self._work(), name="take in what was being recorded")]
        if self._delivery is not None:
            self._tasks.append(asyncio.create_task(self._delivery.run(), name="deliver messages"))

    async def _work(self) -> None:
        await self.sounds.take_in_left_overs()
        while True:
            try:
                await self._database.upgrade()  # the records do it too, some time
            except BridgeError:
                await asyncio.sleep(DATABASE_AGAIN_S)
            else:
                break
        async with asyncio.TaskGroup() as tidying:  # neither raises, so neither ends the other
            tidying.create_task(self.sounds.recordings.keep_tidy(partial(self._index.due, self._home)))
            tidying.create_task(self._keep_erased())

    async def _keep_erased(self) -> None:
        """Delete the files of those who were erased on another machine, now and every hour, until cancelled."""
        while True:
            wait_s = TIDY_EVERY_S
            try:
                if removed := await delete_owed(self._database, self._var_dir, self._home):
                    self._log.emit(events.RECORDINGS_DELETED, recordings=len(removed), why="somebody was erased")
            except (OSError, BridgeError) as error:
                wait_s = TIDY_AGAIN_S
                self._log.emit(events.RECORDING_FAILED, recording_id="", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(wait_s)

    async def close(self) -> None:
        """Finish what calls have left, and let go. No call runs any more."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.sounds.close()
        self._disk.close()
