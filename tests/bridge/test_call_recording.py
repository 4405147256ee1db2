import asyncio
from base64 import b64encode
from pathlib import Path

from ivr_bridge.bridge.call_recording import CallRecording
from ivr_bridge.twilio.stream_events import CallerAudio
from tests.support.sounds import Studio, raw_sides
from tests.support.virtual_time import run_virtual


def frame(byte: int, n_bytes: int = 160) -> str:
    return b64encode(bytes([byte]) * n_bytes).decode()


def test_both_sides_go_to_the_file_in_pieces_and_silence_follows_a_hush(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    hush = False

    async def story() -> None:
        nonlocal hush
        loop = asyncio.get_running_loop()
        sound = await studio.sounds().recordings.open("CA1", 1)
        recording = CallRecording(sound.name, sound.file, lambda: hush, loop.time)
        recording.sent(frame(0x20, 80_000), loop.time())
        for i in range(250):
            hush = 50 <= i < 100
            await asyncio.sleep(0.02)
            recording.caller_audio(CallerAudio(frame(0x10), 0, 0.0))
        recording.cleared(loop.time())
        recording.finish()
        await sound.file.close()

    run_virtual(story())
    left, right = raw_sides(studio.wav("recordings"))
    assert left == b"\x10" * 8000 + b"\xff" * 16_000 + b"\x10" * 16_000, "a second more than the hush"
    assert right == left.replace(b"\x10", b"\x20")


def test_a_file_that_failed_costs_nothing_more(tmp_path: Path) -> None:
    studio = Studio(tmp_path)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        sound = await studio.sounds().recordings.open("CA1", 1)
        recording = CallRecording(sound.name, sound.file, lambda: False, loop.time)
        sound.file.failure = OSError("gone")
        recording.caller_audio(CallerAudio(frame(0x10), 0, 0.0))
        assert recording._track.held_bytes == 0

    run_virtual(story())
