"""What the desk answers: a table of states, pure. Words in, text or a tool call out.

The desk's states: `desk` (anything may be asked), then `people`, `day`, `time` (a booking is being made; questions of
`desk` are still answered, and the booking goes on), `ended`. Each state has its own short list of phrases
(`phrases`), so that the ears compare what they hear with few sentences only. Words that fit nothing are not answered
at random: the caller is asked again.

Words for an open menu's option call `choose_option`, "menu" calls `show_menu`, "spanish please" and the like call
`switch_language`; all else is answered as if no menu were there.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from ivr_bridge.simulator.service.menu_notice import Options, chosen, read_notice, spoken_forms
from ivr_bridge.simulator.service.phrasebook import (
    AMOUNTS,
    DAYS,
    ENGLISH,
    HALF_PAST,
    LINES,
    NUMBERS,
    SENTENCE_ENDS,
    WEEKDAYS,
    Lines,
    holds,
    language_of,
    normalise,
    option_topic,
    topic_of,
)

MENU = "menu"
"""The context_id of what is told of menus."""
_SPEAK = "speak "
_BOOKING = ("people", "day", "time")


@dataclass(frozen=True, slots=True)
class DialogueState:
    """Where the dialogue is: `name` of the state and what the caller has said of a booking."""

    name: str = "desk"
    people: int | None = None
    day: str | None = None
    language: str = "en"
    """What the agent speaks."""
    languages: tuple[str, ...] = ()
    """What it changes to by itself when the caller does."""
    was_asked: bool = False
    """Whether the caller asked for the language: English words do not change it back then."""
    options: Options = ()
    """Of the open menu."""

    @property
    def lines(self) -> Lines:
        """What is said in its language."""
        return LINES.get(self.language, LINES["en"])

    def at(self, name: str) -> "DialogueState":
        """Without any booking, in the state `name`."""
        return replace(self, name=name, people=None, day=None)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the agent does next: `text` to say, or else a `tool` to call; `ends` after the last word: hang up."""

    text: str = ""
    tool: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    ends: bool = False
    about: str = ""
    """The chosen option's words."""


def phrases(state: DialogueState) -> tuple[str, ...]:
    """Every phrase that the state listens for, in lower case without signs."""
    always = ("what are your opening hours", "goodbye", *ENGLISH["cancel"])
    if state.name == "people":
        counts = tuple(f"{a}{n}{b}" for a in ("", "for ") for n in NUMBERS for b in ("", " people"))
        expected = (*counts, *always)
    elif state.name == "day":
        expected = (*(f"{a}{d}" for a in ("", "on ") for d in DAYS), *always)
    elif state.name == "time":
        clocks = tuple(f"{a}{n}" for a in ("", "at ", "half past ", "at half past ") for n in NUMBERS)
        exact = tuple(f"{a}{n} o'clock" for a in ("", "at ") for n in NUMBERS)
        expected = (*clocks, *exact, *always)
    else:
        expected = tuple(phrase for topic, group in ENGLISH.items() if topic != "cancel" for phrase in group)
    return tuple(dict.fromkeys((*expected, *spoken_forms(state.options))))


def told(state: DialogueState, context_id: str, text: str) -> DialogueState:
    """The state after a fact: a menu opens (a booking is then put aside) or closes; all else changes nothing."""
    if context_id != MENU:
        return state
    options = read_notice(text)
    return replace(state.at("desk") if options else state, options=options)


def answer(state: DialogueState, words: str) -> tuple[Reply, DialogueState]:
    """What the agent says to `words`, and the next state.

    Args:
        state: where the dialogue is.
        words: what was heard or written; UNINTELLIGIBLE for speech that no phrase fits.

    Returns:
        The reply and the state after it; a reply with a tool is followed by `after_tool`.
    """
    heard = normalise(words)
    topic = topic_of(heard)
    spoken = language_of(words)
    if spoken in state.languages and not topic.startswith(_SPEAK) and not (spoken == "en" and state.was_asked):
        state = replace(state, language=spoken)
    option = chosen(state.options, heard)
    if option:
        return Reply(tool="choose_option", parameters={"option": option}, about=dict(state.options)[option]), state
    return _on_topic(state, topic, heard)


def _on_topic(state: DialogueState, topic: str, heard: str) -> tuple[Reply, DialogueState]:
    """The part of `answer` that knows topics."""
    lines = state.lines
    if topic == "cancel":
        return Reply(lines.cancelled), state.at("desk")
    if topic == "bye" or (state.name == "desk" and topic == "no"):
        return Reply(lines.farewell, ends=True), state.at("ended")
    if topic == "number":
        return Reply(tool="get_call_info"), state
    if topic == "menu":
        return Reply(tool="show_menu"), state
    if topic.startswith(_SPEAK):
        return Reply(tool="switch_language", parameters={"language": topic.removeprefix(_SPEAK)}), state
    if topic in lines.answers:
        goes_on = f" {lines.ask[state.name]}" if state.name in _BOOKING else ""
        return Reply(lines.answers[topic] + goes_on), state
    if topic == "book" and (state.name == "desk" or heard in ENGLISH["book"]):
        return Reply(lines.ask["people"]), state.at("people")
    if state.name == "desk" and topic == "yes":
        return Reply(lines.ask["desk"]), state
    return _booking(state, heard)


def _booking(state: DialogueState, heard: str) -> tuple[Reply, DialogueState]:
    """The part of `answer` that fills in a booking."""
    lines = state.lines
    number_word = _found(heard, tuple(AMOUNTS))
    if state.name == "people" and number_word:
        return Reply(lines.ask["day"]), replace(state, name="day", people=AMOUNTS[number_word])
    day = _found(heard, WEEKDAYS)
    if state.name == "day" and day:
        return Reply(lines.ask["time"]), replace(state, name="time", day=day)
    if state.name == "time" and number_word:
        written = next((form for words, form in HALF_PAST.items() if holds(heard, words)), "{}")
        parameters = {"people": state.people, "day": state.day, "time": written.format(number_word)}
        return Reply(tool="book_table", parameters=parameters), state
    return Reply(f"{lines.sorry} {lines.ask.get(state.name, lines.ask['desk'])}"), state


def _found(heard: str, words: tuple[str, ...]) -> str:
    """The first of `words` that is held by normalised words, the longest one where several begin alike; or ""."""
    held = [word for word in words if holds(heard, word)]
    return min(held, key=lambda word: (f" {heard} ".find(word), -len(word)), default="")


def after_tool(state: DialogueState, call: Reply, result: str, *, is_error: bool) -> tuple[Reply, DialogueState]:
    """What the agent says once the tool of `call` has given `result`, and the next state.

    A result is spoken as it is; of a JSON object only the values of `message`, or else of `caller`, are. Behind a
    chosen option the agent goes on as if its topic had been asked for: whether it is heard then is the bridge's affair.
    """
    following = state.at("desk") if call.tool == "book_table" else state
    if is_error:
        return Reply(state.lines.tool_failed), following
    if call.tool == "choose_option":
        topic = option_topic(call.about)
        at_desk = state.at("desk")
        if topic in ("book", "hours", "address", "parking"):
            return _on_topic(at_desk, topic, "")
        return Reply(state.lines.moment), at_desk
    if call.tool == "show_menu":
        return Reply(state.lines.menu), state
    if call.tool == "switch_language":
        language = str(call.parameters["language"])
        if language not in state.languages:
            return Reply(state.lines.moment), state
        changed = replace(state, language=language, was_asked=True)
        return Reply(changed.lines.ask["desk"]), changed
    return Reply(f"{_spoken(result, state.lines)} {state.lines.anything_else}".strip()), following


def _spoken(result: str, lines: Lines) -> str:
    """A tool's result as a sentence of at most 300 characters."""
    try:
        value = json.loads(result)
    except ValueError:
        value = result
    if isinstance(value, dict):
        caller = next((value[key] for key in ("caller", "caller_number", "from") if value.get(key)), None)
        said = value.get("message") or (lines.calling_from.format(caller) if caller else lines.done)
    else:
        said = result
    text = str(said)[:300].strip()
    return text if not text or text[-1] in SENTENCE_ENDS else text + "."
