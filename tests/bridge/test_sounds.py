from pathlib import Path

from tests.support.call_scene import INFO
from tests.support.sounds import Studio
from tests.support.virtual_time import run_virtual


def test_messages_and_recordings_lie_apart_and_both_are_taken_in(tmp_path: Path) -> None:
    studio = Studio(tmp_path)

    async def story() -> None:
        sounds = studio.sounds()
        message, recording = await sounds.voicemails.open(INFO), await sounds.recordings.open("CA1", 1)
        message.file.append(b"\x10" * 16_000)
        await message.file.close()
        await recording.file.close()
        await studio.sounds().take_in_left_overs()
        await sounds.close()

    run_virtual(story())
    assert [row["id"][:2] for row in studio.rows.of("voicemails")] == ["VM"]
    assert [row["id"][:2] for row in studio.rows.of("recordings")] == ["RC"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recordings", "voicemails"]
