"""What a drill has shown: the seconds that the caller heard, the rungs, the silence, and whether that is good.  pure"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ivr_bridge.simulator.phone.call_note import CallNote
from ivr_bridge.simulator.phone.report import CallReport
from ivr_bridge.simulator.phone.silence import audible_frames, longest_silence_ms
from ivr_bridge.simulator.phone.timeline import HeardSecond, heard_timeline

MOST_SILENCE_MS = 2000
AGENT_RUNGS = frozenset({"retry", "agent"})
"""They hold only when the agent comes back."""
STEP_MS = 1000


@dataclass(frozen=True, slots=True)
class DrillAccount:
    """The whole of one drill; times are ms of the recording."""

    drill: str
    ok: bool
    longest_silence_ms: float
    seconds: tuple[tuple[str | None, HeardSecond], ...]
    """Each second with the rung that the call stood on; None before the first."""
    rungs: tuple[CallNote, ...]
    ended: str

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints; seconds that are alike are one step."""
        steps: list[dict[str, Any]] = []
        for rung, second in self.seconds:
            heard = heard_words(second)
            if not steps or (steps[-1]["rung"], steps[-1]["heard"]) != (rung, heard):
                steps.append({"at_ms": second.at_ms, "rung": rung, "heard": heard})
        return {
            "drill": self.drill,
            "ok": self.ok,
            "longest_silence_ms": round(self.longest_silence_ms),
            "steps": steps,
            "ended": self.ended,
        }


def make_account(
    drill: str, report: CallReport, notes: Sequence[CallNote], *, needs_rung: bool, is_answered: bool
) -> DrillAccount:
    """Judge a drill.

    Args:
        drill: its name.
        report: the phone's, with the recording.
        notes: what the server and the phone told, on the recording's clock.
        needs_rung: whether the agent must have failed; without it an answer at last will do.
        is_answered: whether an agent had answered the caller's last question when the call ended.
    """
    rungs = tuple(note for note in notes if note.name == "rung.climbed")
    silence_ms = longest_silence_ms(report, notes)
    held = _holds(rungs[-1], report, notes, is_answered=is_answered) if rungs else is_answered and not needs_rung
    return DrillAccount(
        drill=drill,
        ok=bool(report.heard_pcm16) and silence_ms <= MOST_SILENCE_MS and held,
        longest_silence_ms=silence_ms,
        seconds=tuple(
            (_rung_at(second.at_ms, rungs), second)
            for second in heard_timeline(report.heard_pcm16, notes, step_ms=STEP_MS)
        ),
        rungs=rungs,
        ended=_ending(report, notes),
    )


def heard_words(second: HeardSecond) -> str:
    """A second in words: `speech (prompt menu)`."""
    return f"{second.sound} ({second.text})" if second.text else second.sound


def _rung_at(at_ms: int, rungs: Sequence[CallNote]) -> str | None:
    """The rung of the second that begins at `at_ms`: the last one climbed before its end."""
    climbed = [str(note.fields.get("rung", "")) for note in rungs if note.at_ms < at_ms + STEP_MS]
    return climbed[-1] if climbed else None


def _holds(last: CallNote, report: CallReport, notes: Sequence[CallNote], *, is_answered: bool) -> bool:
    """Whether the ladder ended on its last rung: the agent is back and answers, or something else is heard from it."""
    if last.fields.get("rung") in AGENT_RUNGS:
        return is_answered and any(note.name == "agent.recovered" and note.at_ms >= last.at_ms for note in notes)
    return any(audible_frames(report.heard_pcm16[max(0, int(last.at_ms)) * 16 :]))


def _ending(report: CallReport, notes: Sequence[CallNote]) -> str:
    """How the call ended: the server's termination, else what the phone says; `completed (voicemail_left)`."""
    ended = next((note.fields for note in notes if note.name == "call.ended"), None)
    if ended is None or report.reason in ("no_answer", "too_long"):
        return f"{report.result} ({report.reason})"
    return f"{ended.get('result')} ({ended.get('reason')})"
