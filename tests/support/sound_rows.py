"""Records with messages and recordings in them, and their files, as a server would have left them."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ivr_bridge.audio.wav import mulaw_wav_header
from ivr_bridge.records.database import Database, database_url
from ivr_bridge.records.home import make_home
from ivr_bridge.records.segments import Place

CALLER = "+15550100001"


def sound(length_s: float, channels: int = 1) -> bytes:
    audio = b"\x10" * round(8000 * length_s) * channels
    return mulaw_wav_header(channels, len(audio)) + audio


def fill(var: Path) -> None:
    """Two messages (one of Twilio's), and recordings of 1, 10 and 40 days ago."""
    now = datetime.now(UTC)
    home = make_home(var)
    for folder in ("voicemails", "recordings"):
        (var / folder).mkdir(parents=True)
    (var / "voicemails" / "VMaa1.wav").write_bytes(sound(3))
    lines: list[tuple[str, dict[str, Any]]] = [
        ("voicemails", {"id": "VMaa1", "recording_sid": "VMaa1", "caller": CALLER, "called": "+15550100002",
                        "duration_s": 3.0, "recorded_at": now.isoformat(), "file": "voicemails/VMaa1.wav",
                        "home": home}),
        ("voicemails", {"id": "REbb2", "recording_sid": "REbb2", "recording_url": "https://api.example/REbb2",
                        "recorded_at": (now - timedelta(days=1)).isoformat()}),
    ]  # fmt: skip
    for days in (1, 10, 40):
        (var / "recordings" / f"RC{days}.wav").write_bytes(sound(2, 2))
        began = now - timedelta(days=days)
        lines.append(
            ("recordings", {"id": f"RC{days}", "call_sid": f"CA{days}", "file": f"recordings/RC{days}.wav",
                            "home": home, "began_at": began.isoformat(), "duration_s": 2.0, "bytes": 32_000,
                            "delete_after": (began + timedelta(days=60)).isoformat()})
        )  # fmt: skip
    asyncio.run(_fill(var, [{"table": table, "at": now.isoformat(), "put": row} for table, row in lines]))


async def _fill(var: Path, lines: list[dict[str, Any]]) -> None:
    database = Database(database_url(None, var))
    await database.upgrade()
    await database.take("j1", lines, Place(1, len(lines)))
    await database.close()
