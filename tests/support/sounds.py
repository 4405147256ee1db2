"""A disk that works at once, rows that are only noted, and WAV files taken apart."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ivr_bridge.audio.g711 import mulaw_decode
from ivr_bridge.audio.wav import MULAW_HEADER_BYTES, read_wav
from ivr_bridge.bridge.sounds import Sounds
from ivr_bridge.errors import BridgeError
from ivr_bridge.telemetry.log import Log

T = TypeVar("T")


class RowsRefused(BridgeError):
    """The disk under the records is full."""

    code = "rows_refused"


@dataclass
class DiskAtOnce:
    """Does each piece of work at once, or fails: `failing` is raised instead; `hanging` work is never done."""

    failing: OSError | None = None
    hanging: bool = False
    done: int = 0

    def run(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if self.hanging:
            return outcome
        try:
            if self.failing is not None:
                raise self.failing
            outcome.set_result(work())
            self.done += 1
        except OSError as error:
            outcome.set_exception(error)
        return outcome


@dataclass
class Rows:
    """What would stand in the database: table -> id -> values."""

    tables: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    refusing: bool = False
    promised: int = 0

    def put(self, table: str, **values: Any) -> None:
        self.tables.setdefault(table, {}).setdefault(values["id"], {}).update(values)

    def change(self, table: str, where: Mapping[str, Any], **values: Any) -> None:
        assert where.keys() == {"id"}
        self.tables.setdefault(table, {}).setdefault(where["id"], {"id": where["id"]}).update(values)

    async def promise(self, table: str, **values: Any) -> None:
        await asyncio.sleep(0)
        if self.refusing:
            raise RowsRefused("no room")
        self.promised += 1
        self.put(table, **values)

    def of(self, table: str) -> list[dict[str, Any]]:
        return list(self.tables.get(table, {}).values())


@dataclass
class Studio:
    """Sounds of a folder, with their surroundings."""

    var: Path
    disk: DiskAtOnce = field(default_factory=DiskAtOnce)
    rows: Rows = field(default_factory=Rows)
    kept: list[int] = field(default_factory=list)

    def sounds(self) -> Sounds:
        return Sounds(self.var, self.disk, self.rows, Log(), lambda: self.kept.append(1))

    def files(self, folder: str = "voicemails") -> list[str]:
        return sorted(path.suffix for path in (self.var / folder).glob("*"))

    def wav(self, folder: str = "voicemails") -> bytes:
        [path] = (self.var / folder).glob("*.wav")
        return path.read_bytes()


def mono(wav: bytes) -> bytes:
    """PCM16 of a WAV file of one channel at 8 kHz."""
    pcm16, rate_hz = read_wav(wav)
    assert rate_hz == 8000
    return pcm16


def raw_sides(wav: bytes) -> tuple[bytes, bytes]:
    """Left and right of a mu-law WAV file, as mu-law."""
    audio = wav[MULAW_HEADER_BYTES:]
    assert int.from_bytes(wav[MULAW_HEADER_BYTES - 4 : MULAW_HEADER_BYTES], "little") == len(audio)
    return audio[0::2], audio[1::2]


def pcm_sides(wav: bytes) -> tuple[bytes, bytes]:
    left, right = raw_sides(wav)
    return mulaw_decode(left), mulaw_decode(right)


def length_s(pcm16: bytes) -> float:
    return len(pcm16) / 16000
