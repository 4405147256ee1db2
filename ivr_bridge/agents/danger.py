"""What a change of an agent means for the people who call it.                                               pure"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["safe", "caution", "danger"]
LEVELS: tuple[Level, ...] = ("safe", "caution", "danger")

RUNNING = "calls now running keep the old one"


@dataclass(frozen=True, slots=True)
class Danger:
    """How much care a change needs, and why."""

    level: Level
    words: str


def danger_of(path: tuple[str, ...], before: Any, after: Any) -> Danger:
    """The danger of one changed value.

    Args:
        path: in the vendor's document, such as `("conversation_config", "tts", "voice_id")`.
        before: None: not there.
        after: None: is taken away.
    """
    place = ".".join(path)
    for beginning, judge in _JUDGES.items():
        if place.startswith(beginning):
            return judge(path, before, after)
    return Danger("caution", f"from the next call on; {RUNNING}")


def worst(dangers: list[Danger]) -> Level:
    """The level of several; safe when there are none."""
    return max((danger.level for danger in dangers), key=LEVELS.index, default="safe")


def _always(level: Level, words: str) -> Callable[[tuple[str, ...], Any, Any], Danger]:
    return lambda _path, _before, _after: Danger(level, words)


def _format(_path: tuple[str, ...], _before: Any, after: Any) -> Danger:
    if after == "ulaw_8000":
        return Danger("safe", "what a telephone speaks: the bridge passes it through")
    words = "callers on the vendor's own route hear noise; the bridge transcodes, which costs time on each call"
    return Danger("danger", words)


def _override(path: tuple[str, ...], _before: Any, after: Any) -> Danger:
    if not after:
        return Danger(
            "danger", "a conversation that still sends this override is refused, and its caller meets silence"
        )
    if "prompt" in path:
        return Danger("caution", "whoever begins a conversation may change what the agent is told to be")
    return Danger("safe", "a conversation may set it anew")


def _events(_path: tuple[str, ...], before: Any, after: Any) -> Danger:
    lost = set(before or ()) - set(after or ())
    if lost:
        return Danger("caution", f"other clients of this agent no longer hear of: {', '.join(sorted(lost))}")
    return Danger("safe", "the bridge hears of more; without `interruption` a caller cannot barge in")


def _duration(_path: tuple[str, ...], before: Any, after: Any) -> Danger:
    if isinstance(before, int) and isinstance(after, int) and after < before:
        return Danger("caution", "longer calls are ended by the vendor in the middle of a sentence")
    return Danger("safe", f"the vendor lets a call go on for longer; {RUNNING}")


def _system_tool(path: tuple[str, ...], _before: Any, after: Any) -> Danger:
    if path[-1] == "end_call":
        words = "the agent can hang up by itself" if after else "the agent can no longer hang up by this tool"
        return Danger("caution", words)
    words = "the agent changes its language with the caller" if after else "the agent stays in one language"
    return Danger("caution", words)


def _tool(_path: tuple[str, ...], before: Any, after: Any) -> Danger:
    if after is None:
        return Danger("danger", "removes a tool that the agent calls: it can no longer do this for a caller")
    if before is None:
        return Danger("safe", "the agent can do more; this server answers the call of the tool")
    words = "until it is applied the agent calls the tool as it was, which the handler here may refuse"
    return Danger("danger", words)


def _knowledge(_path: tuple[str, ...], _before: Any, after: Any) -> Danger:
    if after is None:
        return Danger("caution", "the agent no longer knows what stands in it")
    return Danger("safe", "the agent knows more from the next call on")


_PROMPTED = "; this server caches the greeting and reads the agent at its start: start it again"

_JUDGES: Mapping[str, Callable[[tuple[str, ...], Any, Any], Danger]] = {
    "name": _always("safe", "for people only; the agent is found by its tag"),
    "tags": _always("safe", "for people only"),
    "tools": _tool,
    "knowledge": _knowledge,
    "conversation_config.agent.prompt.built_in_tools": _system_tool,
    "conversation_config.agent.prompt.llm": _always(
        "caution", f"answers, their speed and their price change; {RUNNING}"
    ),
    "conversation_config.agent.prompt": _always(
        "caution", f"the agent behaves differently from the next call on; {RUNNING}"
    ),
    "conversation_config.agent.first_message": _always("caution", f"callers hear other first words{_PROMPTED}"),
    "conversation_config.agent.language": _always(
        "danger", f"the agent hears and speaks another language; every caller meets it{_PROMPTED}"
    ),
    "conversation_config.agent.dynamic_variables": _always("safe", "only while the agent is tried out at the vendor"),
    "conversation_config.language_presets": _always("safe", "callers in this language hear other first words"),
    "conversation_config.asr.user_input_audio_format": _format,
    "conversation_config.tts.agent_output_audio_format": _format,
    "conversation_config.tts.voice_id": _always("caution", f"callers hear another voice{_PROMPTED}"),
    "conversation_config.tts": _always("caution", f"the voice sounds different from the next call on; {RUNNING}"),
    "conversation_config.conversation.client_events": _events,
    "conversation_config.conversation.max_duration_seconds": _duration,
    "platform_settings.overrides": _override,
}
"""By the beginning of the path; the first that fits."""
