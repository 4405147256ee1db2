import struct
import wave
from importlib.util import find_spec
from pathlib import Path

import pytest

from ivr_bridge.cli import call_file
from ivr_bridge.cli.call_file import CallFile, CallStep, make_step, read_call_file
from ivr_bridge.config_file import load
from ivr_bridge.errors import ConfigError
from ivr_bridge.simulator.phone.caller import Digits, HangUp, Say, Wait

DEMO = Path(__file__).parent.parent.parent / "config" / "calls" / "demo.yaml"
CLIP = struct.pack("<4h", 1, 2, 3, 4)
needs_sandbox = pytest.mark.skipif(find_spec("espeakng_loader") is None, reason="the extra [sandbox] is not installed")


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "calls" / "call.yaml"
    path.parent.mkdir()
    path.write_text(text)
    return path


def write_wav(path: Path, *, width: int = 2) -> None:
    with wave.open(str(path), "wb") as wav:
        wav.setparams((1, width, 8000, 0, "NONE", ""))
        wav.writeframes(CLIP)


def test_the_demo_is_a_question_a_barge_in_a_booking_and_goodbye():
    steps = load(DEMO, CallFile).steps
    assert [step.barge_in for step in steps].count(True) == 1
    assert steps[1].barge_in
    assert "opening hours" in (steps[0].say or "")
    assert any("book" in (step.say or "") for step in steps)
    assert "goodbye" in (steps[-1].say or "")


@needs_sandbox
def test_the_demo_can_be_spoken():
    steps = read_call_file(DEMO)
    assert all(isinstance(step, Say) and len(step.pcm16) > 8000 for step in steps)


def test_every_kind_of_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(call_file, "speak", lambda text, language: f"{language}:{text}".encode())
    path = write(
        tmp_path,
        "language: es\nsteps:\n"
        "  - say: hola\n    barge_in: true\n    after_ms: 700\n"
        "  - audio: clip.wav\n"
        "  - digits: '1*#D'\n    barge_in: true\n"
        "  - wait: 2.5\n"
        "  - hang_up: true\n",
    )
    write_wav(path.parent / "clip.wav")
    assert read_call_file(path) == (
        Say(b"es:hola", "hola", barge_in=True, after_ms=700),
        Say(CLIP, "clip.wav"),
        Digits("1*#D", barge_in=True),
        Wait(2.5),
        HangUp(),
    )


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("{}", "exactly one of say, audio, digits, wait"),
        ("{say: a, digits: '1'}", "exactly one of say, audio, digits, wait"),
        ("{say: ''}", "steps.0.say: "),
        ("{digits: '12x'}", "steps.0.digits: "),
        ("{digits: 12}", "steps.0.digits: "),
        ("{hang_up: false}", "steps.0.hang_up: "),
        ("{wait: 0}", "steps.0.wait: "),
        ("{say: a, after_ms: -1}", "steps.0.after_ms: "),
        ("{shout: a}", "steps.0.shout: "),
    ],
)
def test_a_step_that_is_wrong(tmp_path: Path, step: str, words: str):
    path = write(tmp_path, f"steps:\n  - {step}\n")
    with pytest.raises(ConfigError, match=words) as caught:
        read_call_file(path)
    assert all(problem.startswith(f"{path}:2: ") for problem in caught.value.problems)


def test_a_file_without_steps(tmp_path: Path):
    with pytest.raises(ConfigError, match="steps: Field required"):
        read_call_file(write(tmp_path, "language: en\n"))


def test_a_wav_file_that_cannot_be_used(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"none\.wav: cannot be read: No such file"):
        make_step(CallStep(audio=Path("none.wav")), "en", tmp_path)
    write_wav(tmp_path / "narrow.wav", width=1)
    with pytest.raises(ConfigError, match=r"narrow\.wav: 8 bit; 16 bit is needed"):
        make_step(CallStep(audio=Path("narrow.wav")), "en", tmp_path)
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(ConfigError, match=r"text\.wav: not a WAV file"):
        make_step(CallStep(audio=Path("text.wav")), "en", tmp_path)
