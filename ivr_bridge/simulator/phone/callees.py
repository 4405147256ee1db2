"""Who is dialled, and what becomes of it: people who answer, lines that are busy, machines, by number or pattern."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from ivr_bridge.simulator.phone import sounds
from ivr_bridge.simulator.phone.caller import CallScript, Digits, HangUp, Say, Step, Wait

Fate = Literal["answered", "busy", "no-answer", "failed"]
AnsweredBy = Literal["human", "machine", "fax", "unknown"]

RING_S = 3.0
LONG_S = 3600.0
MACHINE_GREETING = "You have reached our answering machine. Please leave a message after the tone."


@dataclass(frozen=True, slots=True)
class Callee:
    """What becomes of a call to somebody.

    `rings_s` is how long it rings until somebody answers, or (`no-answer`) until the network gives up; a caller's
    limit may be shorter. `script` begins in the moment of the answer. Machine detection says `answered_by`,
    `detected_after_s` after the answer; of a machine's greeting and tone it knows the end `message_ends_s` after it.
    """

    fate: Fate = "answered"
    rings_s: float = RING_S
    script: CallScript = CallScript()  # noqa: RUF009 - frozen
    answered_by: AnsweredBy = "human"
    detected_after_s: float = 0.5
    message_ends_s: float | None = None

    def ringing_for(self, rings_s: float) -> Callee:
        """The same, after another time."""
        return replace(self, rings_s=rings_s)


def person(
    *steps: Step, rings_s: float = RING_S, greeting_pcm16: bytes | None = None, text: str = sounds.HELLO
) -> Callee:
    """Somebody who answers, says hello and then follows the steps, which end with them hanging up.

    `greeting_pcm16` (8 kHz) is the hello; None: the network's own voice, or a tone.
    """
    hello = Say.from_mulaw(sounds.hello(), text) if greeting_pcm16 is None else Say(greeting_pcm16, text)
    hello = replace(hello, expects_answer=False)
    return Callee(rings_s=rings_s, script=CallScript((hello, *steps), speaks_first=True))


def listener(listens_s: float, *, rings_s: float = RING_S, keys: str = "", is_spoken: bool = True) -> Callee:
    """Somebody who answers, says hello, perhaps presses keys, listens for so long and hangs up.

    Without `is_spoken` the hello is a tone of 1 s, which takes no time to make.
    """
    pressed = (Digits(keys, expects_answer=False),) if keys else ()
    pcm16 = None if is_spoken else Say.from_mulaw(sounds.stand_in(1000)).pcm16
    return person(*pressed, Wait(listens_s), HangUp(), rings_s=rings_s, greeting_pcm16=pcm16)


def machine(greeting_pcm16: bytes, *, rings_s: float = RING_S, text: str = MACHINE_GREETING) -> Callee:
    """An answering machine: a greeting (8 kHz), a tone, then it listens for a minute and hangs up."""
    greeting = Say(greeting_pcm16, text, expects_answer=False)
    tone = replace(Say.from_mulaw(sounds.beep(), "(tone)"), expects_answer=False)
    script = CallScript((greeting, tone, Wait(60), HangUp()), speaks_first=True, quiet_s=0.0)
    ends_s = len(greeting_pcm16) / 16000 + sounds.BEEP_MS / 1000
    return Callee(rings_s=rings_s, script=script, answered_by="machine", message_ends_s=ends_s)


def busy() -> Callee:
    """A line in use."""
    return Callee("busy", rings_s=0.0)


def nobody(rings_s: float = LONG_S) -> Callee:
    """It rings, and nobody comes."""
    return Callee("no-answer", rings_s=rings_s)


def unreachable() -> Callee:
    """A number that does not exist, or cannot be reached."""
    return Callee("failed", rings_s=0.0)


def green_but_broken(*, rings_s: float = 0.0) -> Callee:
    """Answers and hangs up at once: every status says that the transfer succeeded."""
    return Callee(rings_s=rings_s, script=CallScript((HangUp(),), speaks_first=True))


class Callees:
    """Who answers where: patterns such as `+1555*` or `sip:*@pbx.example`, the newest first; else `default`."""

    def __init__(self, default: Callee) -> None:
        self.default = default
        self._known: list[tuple[str, list[Callee]]] = []

    def set(self, pattern: str, *fates: Callee) -> None:
        """What becomes of calls to such addresses from now on: one after the other, the last for all that follow."""
        self._known.insert(0, (pattern, list(fates)))

    def take(self, address: str) -> Callee:
        """What becomes of one more call; a SIP address counts without its headers."""
        bare = address.partition("?")[0]
        for pattern, fates in self._known:
            if fnmatchcase(bare, pattern):
                return fates.pop(0) if len(fates) > 1 else fates[0]
        return self.default
