"""`config/calls/*.yaml`: what the caller of a simulated call does."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from ivr_bridge.config_file import ConfigModel, load
from ivr_bridge.errors import AudioFormatError, ConfigError
from ivr_bridge.simulator.phone.caller import Digits, HangUp, Say, Step, Wait
from ivr_bridge.simulator.phone.voices import load_wav, speak


class CallStep(ConfigModel):
    """One thing that the caller does: exactly one of the first five.

    `digits` with `barge_in` is pressed `after_ms` after the prompt began that is heard then.
    """

    say: str | None = Field(None, min_length=1)
    audio: Path | None = None
    digits: str | None = Field(None, pattern=r"^[0-9*#A-D]+$")
    wait: float | None = Field(None, gt=0, le=600)
    hang_up: Literal[True] | None = None
    barge_in: bool = False
    after_ms: int = Field(1500, ge=0)

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        does = (self.say, self.audio, self.digits, self.wait, self.hang_up)
        if sum(what is not None for what in does) != 1:
            raise ValueError("a step has exactly one of say, audio, digits, wait, hang_up")
        return self


class CallFile(ConfigModel):
    """The whole script."""

    language: Literal["en", "es", "zh"] = "en"
    steps: tuple[CallStep, ...]


def read_call_file(path: Path) -> tuple[Step, ...]:
    """The steps of a file, with every voice made ready; `audio` is looked for beside the file.

    Raises:
        ConfigError: the file, or a WAV file that it names, cannot be used.
    """
    script = load(path, CallFile)
    return tuple(make_step(step, script.language, path.parent) for step in script.steps)


def make_step(step: CallStep, language: str, folder: Path = Path()) -> Step:
    """One step for the phone; `language` speaks what is said.

    Raises:
        ConfigError: the WAV file cannot be used.
        MissingExtraError: words are to be spoken, and the extra [sandbox] is not installed.
    """
    if step.hang_up:
        return HangUp()
    if step.wait is not None:
        return Wait(step.wait)
    if step.digits is not None:
        return Digits(step.digits, step.barge_in, step.after_ms)
    if step.say is not None:
        return Say(speak(step.say, language), step.say, step.barge_in, step.after_ms)
    path = folder / (step.audio or "")
    try:
        return Say(load_wav(path), path.name, step.barge_in, step.after_ms)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except AudioFormatError as error:
        raise ConfigError(str(error)) from error
