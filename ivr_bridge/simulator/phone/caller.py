"""The person who calls: a script of steps, spoken when a polite person would speak, or over the agent's words."""

from __future__ import annotations

import audioop
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from ivr_bridge.simulator.phone.hearing import FRAME_SAMPLES, MULAW_SILENCE, Spurt, speech_bounds_ms

FRAME_MS = 20
DIGIT_EVERY_MS = 240
"""How fast a finger is."""


@dataclass(frozen=True, slots=True)
class Say:
    """Words to be spoken.

    `pcm16` is 8 kHz mono. Spoken once the agent has answered what was said before (at first: has greeted) and has been
    quiet for `CallScript.quiet_s`; with `barge_in` already when the agent has been talking for `after_ms` (or, if it
    is done before that, like any other). With `expects_answer=False` nothing is waited for afterwards.
    """

    pcm16: bytes
    text: str = ""
    barge_in: bool = False
    after_ms: int = 1500
    expects_answer: bool = True

    @classmethod
    def from_mulaw(cls, mulaw: bytes, text: str = "", *, barge_in: bool = False) -> Say:
        """The same from mu-law, 8 kHz."""
        return cls(audioop.ulaw2lin(mulaw, 2), text, barge_in)


@dataclass(frozen=True, slots=True)
class Digits:
    """Keys to be pressed (`1#`), at the moment a `Say` would be spoken.

    With `barge_in` the first one is pressed into the prompt, `after_ms` after that began.
    """

    digits: str
    barge_in: bool = False
    after_ms: int = 1500
    expects_answer: bool = True


@dataclass(frozen=True, slots=True)
class Wait:
    """Silence from the caller, whatever the agent does."""

    seconds: float


@dataclass(frozen=True, slots=True)
class HangUp:
    """Hang up now. Without it the caller hangs up 2 s after the last answer."""


Step = Say | Digits | Wait | HangUp


@dataclass(frozen=True, slots=True)
class CallScript:
    """What the caller does, in order, and how patient they are.

    `then` is asked for one more step whenever all are done, at least every 20 ms; None: nothing more, hang up.
    `answer_within_s`: no audible answer in that time after their words, and they hang up (`no_answer`).
    `max_s`: they hang up then, whatever happens (`too_long`).
    """

    steps: tuple[Step, ...] = ()
    quiet_s: float = 1.0
    hang_up_after_s: float = 2.0
    answer_within_s: float = 15.0
    max_s: float = 600.0
    speaks_first: bool = False
    """Says the first words at once instead of waiting for a greeting: somebody who was called."""
    then: Callable[[], Step | None] | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the caller hangs up."""

    result: Literal["completed", "failed"]
    reason: Literal["caller_hung_up", "no_answer", "too_long"]


@dataclass(frozen=True, slots=True)
class Moment:
    """What the caller does in 20 ms: speak 160 bytes of mu-law or nothing, press keys, perhaps hang up after it."""

    frame: bytes | None = None
    digits: str = ""
    ending: Ending | None = None


class Caller:
    """Plays a script against what is heard. No clock of its own: times are ms since the call's first `start`.

    States: waiting for the moment of the next step, speaking, pressing, waiting a set time, gone. Speaking and pressing
    run to their end whatever is heard.
    """

    def __init__(self, script: CallScript) -> None:
        self.spoken: list[tuple[float, float, str]] = []
        """(start_ms, end_ms, text) of each piece of audible speech, measured in the audio."""
        self.keyed: list[tuple[float, str]] = []
        """(at_ms, key) of each key, at the moment it is on its way."""
        self._script = script
        self._steps = list(script.steps)
        self._clip = b""
        self._digits = ""
        self._next_digit_at_ms = 0.0
        self._wait_until_ms: float | None = None
        self._words_end_ms = 0.0
        self._expects_answer = not script.speaks_first
        self._speaks_now = script.speaks_first

    def tick(self, now_ms: float, spurts: Sequence[Spurt]) -> Moment:
        """Decide the 20 ms that begin at `now_ms`; `spurts` is what the agent was heard to say so far."""
        if now_ms >= self._script.max_s * 1000:
            return Moment(ending=Ending("failed", "too_long"))
        if not self._clip and not self._digits:
            ending = self._next_step(now_ms, spurts)
            if ending:
                return Moment(ending=ending)
        return Moment(frame=self._speak(), digits=self._press(now_ms))

    def turn_latency_ms(self, spurts: Sequence[Spurt]) -> list[float]:
        """For each piece of speech that was answered: from its end to the next audible frame of the agent.

        An agent that still talks over the caller's last words has not answered them: its next spurt counts. Words with
        no answer before the caller's next words are left out.
        """
        ends = [(end, upto) for (_, end, _), (upto, _, _) in pairwise([*self.spoken, (float("inf"), 0.0, "")])]
        answers = (next((s.start_ms - end for s in spurts if end <= s.start_ms < upto), None) for end, upto in ends)
        return [round(ms, 1) for ms in answers if ms is not None]

    def _next_step(self, now_ms: float, spurts: Sequence[Spurt]) -> Ending | None:
        """Begin the next step if its moment has come; returns why to hang up, if that is it."""
        if not self._steps and self._script.then and (more := self._script.then()):
            self._steps.append(more)
        step = self._steps[0] if self._steps else None
        match step:
            case Wait(seconds):
                self._wait_until_ms = (
                    self._wait_until_ms if self._wait_until_ms is not None else now_ms + seconds * 1000
                )
                if now_ms < self._wait_until_ms:
                    return None
                self._wait_until_ms = None
                self._steps.pop(0)
                return self._next_step(now_ms, spurts)
            case HangUp():
                return Ending("completed", "caller_hung_up")
        if self._gave_up(now_ms, spurts):
            return Ending("failed", "no_answer")
        if step is None:
            is_over = self._may_speak(now_ms, spurts, self._script.hang_up_after_s)
            return Ending("completed", "caller_hung_up") if is_over else None
        is_moment = self._speaks_now or self._may_speak(now_ms, spurts, self._script.quiet_s)
        if is_moment or (step.barge_in and self._may_interrupt(now_ms, spurts, step.after_ms)):
            self._begin(step, now_ms)
        return None

    def _begin(self, step: Say | Digits, now_ms: float) -> None:
        """Start to speak or press."""
        self._steps.pop(0)
        self._speaks_now = False
        self._expects_answer = step.expects_answer
        if isinstance(step, Digits):
            self._digits, self._next_digit_at_ms = step.digits, now_ms
            self._words_end_ms = now_ms + DIGIT_EVERY_MS * (len(step.digits) - 1)
            return
        clip = audioop.lin2ulaw(step.pcm16, 2)
        self._clip = clip + MULAW_SILENCE * (-len(clip) % FRAME_SAMPLES)
        self._words_end_ms = now_ms + len(clip) / 8
        if bounds := speech_bounds_ms(clip):
            self._words_end_ms = now_ms + bounds[1]
            self.spoken.append((now_ms + bounds[0], now_ms + bounds[1], step.text))

    def _speak(self) -> bytes | None:
        """The clip's next frame."""
        frame, self._clip = self._clip[:FRAME_SAMPLES], self._clip[FRAME_SAMPLES:]
        return frame or None

    def _press(self, now_ms: float) -> str:
        """The key pressed now."""
        if not self._digits or now_ms < self._next_digit_at_ms:
            return ""
        digit, self._digits = self._digits[0], self._digits[1:]
        self._next_digit_at_ms = now_ms + DIGIT_EVERY_MS
        self.keyed.append((now_ms + FRAME_MS, digit))
        return digit

    def _answered(self, spurts: Sequence[Spurt]) -> bool:
        """Whether the agent began to say something after the caller's last words."""
        return not self._expects_answer or bool(spurts and spurts[-1].start_ms >= self._words_end_ms)

    def _may_speak(self, now_ms: float, spurts: Sequence[Spurt], quiet_s: float) -> bool:
        """Whether it is answered and has been quiet for so long."""
        last_ms = max(self._words_end_ms, spurts[-1].end_ms if spurts else 0.0)
        return self._answered(spurts) and now_ms - last_ms >= quiet_s * 1000

    def _may_interrupt(self, now_ms: float, spurts: Sequence[Spurt], after_ms: int) -> bool:
        """Whether the agent is in the middle of an answer that has lasted `after_ms`."""
        if not spurts or now_ms - spurts[-1].end_ms > FRAME_MS * 5:
            return False
        started_ms = spurts[-1].start_ms
        for spurt in reversed(spurts):
            if spurt.start_ms < self._words_end_ms or started_ms - spurt.end_ms > self._script.quiet_s * 1000:
                break
            started_ms = spurt.start_ms
        return started_ms >= self._words_end_ms and now_ms - started_ms >= after_ms

    def _gave_up(self, now_ms: float, spurts: Sequence[Spurt]) -> bool:
        """Whether the answer took too long."""
        return not self._answered(spurts) and now_ms - self._words_end_ms >= self._script.answer_within_s * 1000
