"""What the network records: messages, calls, conferences, kept by RecordingSid until somebody deletes them."""

from __future__ import annotations

import audioop
import io
import secrets
import wave
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol

from ivr_bridge.simulator.phone.hearing import MULAW_SILENCE
from ivr_bridge.simulator.phone.recording import RATE_HZ, stereo_wav

API_URL = "https://api.twilio.com"
Source = Literal[
    "DialVerb", "Conference", "OutboundAPI", "RecordVerb", "StartCallRecordingAPI", "StartConferenceRecordingAPI"
]
Status = Literal["in-progress", "paused", "stopped", "completed", "absent"]


class Reel(Protocol):
    """What a recording is cut from."""

    def position(self) -> int:
        """How far it has run, in samples."""
        ...

    def sides(self, first: int, until: int) -> tuple[bytes, bytes]:
        """(what the network took in, what it gave out) between two positions, mu-law of the same length."""
        ...


@dataclass(frozen=True, slots=True)
class Notice:
    """Whom a recording's changes are told, and which of them."""

    url: str = ""
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})


@dataclass(eq=False, slots=True)
class TakenRecording:
    """One recording, running or done. Times are the reel's, so the same as the phone's clock."""

    reel: Reel
    source: Source
    account_sid: str
    call_sid: str = ""
    conference_sid: str = ""
    channels: int = 1
    track: str = "both"
    notice: Notice = Notice()
    sid: str = field(default_factory=lambda: "RE" + secrets.token_hex(16))
    status: Status = "in-progress"
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    _since: int = 0
    _is_silent: bool = False
    _caller: bytearray = field(default_factory=bytearray)
    _network: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        """It runs from here on."""
        self._since = self.reel.position()

    @property
    def is_running(self) -> bool:
        """Whether it may still be paused or stopped."""
        return self.status in ("in-progress", "paused")

    @property
    def duration_s(self) -> int:
        """Whole seconds; a running one counts up to now, anything that is there counts as one at least."""
        samples = len(self._caller) + (self._pending() if self.is_running else 0)
        return max(1, samples // RATE_HZ) if samples else 0

    def pause(self, *, skips: bool = False) -> None:
        """Take silence from now on, or (`skips`) nothing."""
        self._cut()
        self.status, self._is_silent = "paused", not skips

    def resume(self) -> None:
        """Take everything again."""
        self._cut()
        self.status = "in-progress"

    def stop(self) -> None:
        """It is done, and `absent` when there is nothing in it."""
        if self.is_running:
            self._cut()
            self.status = "completed" if self._caller else "absent"

    def wav(self) -> bytes:
        """A WAV file, 16 bit, 8 kHz; two channels are: left the caller, right the network."""
        caller, network = (audioop.ulaw2lin(bytes(side), 2) for side in (self._caller, self._network))
        if self.channels == 2:
            return stereo_wav(caller, network)
        mono = {"inbound": caller, "outbound": network}.get(self.track) or audioop.add(caller, network, 2)
        file = io.BytesIO()
        with wave.open(file, "wb") as wav:
            wav.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
            wav.writeframes(mono)
        return file.getvalue()

    def _pending(self) -> int:
        """How much has run since the last cut and will be kept."""
        if self.status == "paused" and not self._is_silent:
            return 0
        return max(0, self.reel.position() - self._since)

    def _cut(self) -> None:
        """Keep what has run since the last time."""
        until = self.reel.position()
        if self.status == "in-progress":
            caller, network = self.reel.sides(self._since, until)
            self._caller += caller
            self._network += network
        elif self._is_silent:
            self._caller += MULAW_SILENCE * (until - self._since)
            self._network += MULAW_SILENCE * (until - self._since)
        self._since = until


@dataclass(frozen=True, slots=True)
class SpokenReel:
    """A message that was taken already."""

    mulaw: bytes = field(repr=False)

    def position(self) -> int:
        """Its end."""
        return len(self.mulaw)

    def sides(self, first: int, until: int) -> tuple[bytes, bytes]:
        """All of it."""
        del first, until
        return self.mulaw, MULAW_SILENCE * len(self.mulaw)


class RecordingShelf:
    """The network's recordings. `base_url` is where they can be fetched: the double's own REST, once it listens."""

    def __init__(self) -> None:
        self.base_url = API_URL
        self._taken: dict[str, TakenRecording] = {}

    def all(self) -> list[TakenRecording]:
        """The oldest first."""
        return list(self._taken.values())

    def add(self, taken: TakenRecording) -> TakenRecording:
        """Keep it."""
        self._taken[taken.sid] = taken
        return taken

    def find(self, sid: str) -> TakenRecording | None:
        """By sid; None when there is none, or it was deleted."""
        return self._taken.get(sid)

    def delete(self, sid: str) -> bool:
        """Whether there was one."""
        return self._taken.pop(sid, None) is not None

    def url(self, taken: TakenRecording) -> str:
        """Its RecordingUrl, without a suffix."""
        return f"{self.base_url}/2010-04-01/Accounts/{taken.account_sid}/Recordings/{taken.sid}"
