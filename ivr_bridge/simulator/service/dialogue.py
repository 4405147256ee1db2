"""What the desk answers: a table of states, pure. Words in, text or a tool call out.

The desk's states: `desk` (anything may be asked), then `people`, `day`, `time` (a booking is being made; questions of
`desk` are still answered, and the booking goes on), `ended`. Each state has its own short list of phrases
(`phrases`), so that the ears compare what they hear with few sentences only. Words that fit nothing are not answered
at random: the caller is asked again.
"""

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any

_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "today", "tomorrow")
UNINTELLIGIBLE = "..."
"""The transcript of speech that no phrase fits."""

_HOURS = (
    "We are open every day except Monday. From Tuesday to Thursday we open at noon and close at ten in the evening. "
    "On Friday and Saturday we stay open until midnight, and on Sunday the kitchen closes at nine."
)
_QUESTIONS: dict[str, tuple[str, ...]] = {
    "hours": (
        "what are your opening hours",
        "tell me your opening hours",
        "opening hours",
        "when are you open",
        "when do you open",
        "when do you close",
        "what time do you open",
        "what time do you close",
    ),
    "address": ("where are you", "what is your address", "how do i get there", "how do i find you"),
    "parking": ("is there parking", "do you have parking", "where can i park"),
    "number": ("what is my number", "what is my phone number"),
    "person": ("can i talk to a person", "i want to talk to a person", "can i talk to someone"),
    "bye": (
        "goodbye",
        "thank you goodbye",
        "no thank you goodbye",
        "no thank you",
        "no thanks",
        "that is all",
        "that is all thank you",
    ),
}
_BOOK = (
    "i would like to book a table",
    "i want to book a table",
    "can i book a table",
    "book a table",
    "book a table please",
)
_CANCEL = ("never mind", "start over")
_ANSWERS = {
    "hours": _HOURS,
    "address": "We are at twelve Harbour Street, next to the old lighthouse.",
    "parking": "Yes, there is free parking behind the house.",
    "person": "My colleagues will call you back today. Is there anything else?",
}
_ASK = {
    "people": "With pleasure. For how many people?",
    "day": "And on which day?",
    "time": "At what time?",
    "desk": "How can I help you?",
}
_SORRY = "Sorry, I did not catch that. "
_FAREWELL = "Thank you for calling. Goodbye."
_TOOL_FAILED = "I am sorry, that did not work just now. Is there anything else?"


@dataclass(frozen=True, slots=True)
class DialogueState:
    """Where the dialogue is: `name` of the state and what the caller has said of a booking."""

    name: str = "desk"
    people: int | None = None
    day: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the agent does next: `text` to say, or else a `tool` to call; `ends` after the last word: hang up."""

    text: str = ""
    tool: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    ends: bool = False


def phrases(state: DialogueState) -> tuple[str, ...]:
    """Every phrase that the state listens for, in lower case without signs."""
    questions = tuple(phrase for group in _QUESTIONS.values() for phrase in group)
    if state.name == "people":
        counts = tuple(f"{a}{n}{b}" for a in ("", "for ") for n in _NUMBERS for b in ("", " people"))
        return (*counts, "what are your opening hours", "goodbye", *_CANCEL)
    if state.name == "day":
        days = tuple(f"{a}{d}" for a in ("", "on ") for d in _DAYS)
        return (*days, "what are your opening hours", "goodbye", *_CANCEL)
    if state.name == "time":
        clocks = tuple(f"{a}{n}" for a in ("", "at ", "half past ", "at half past ") for n in _NUMBERS)
        exact = tuple(f"{a}{n} o'clock" for a in ("", "at ") for n in _NUMBERS)
        return (*clocks, *exact, "what are your opening hours", "goodbye", *_CANCEL)
    return questions + _BOOK + ("yes", "yes please", "no")


def normalise(words: str) -> str:
    """`words` in lower case, without signs, single spaces: as `phrases` are written."""
    return " ".join(re.sub(r"[^a-z0-9' ]", " ", words.lower().replace("\u2019", "'")).split())


def answer(state: DialogueState, words: str) -> tuple[Reply, DialogueState]:
    """What the agent says to `words`, and the next state.

    Args:
        state: where the dialogue is.
        words: what was heard or written; UNINTELLIGIBLE for speech that no phrase fits.

    Returns:
        The reply and the state after it; a reply with a tool is followed by `after_tool`.
    """
    heard = normalise(words)
    if heard in _CANCEL:
        return Reply("All right. How can I help you?"), DialogueState()
    topic = next((topic for topic, group in _QUESTIONS.items() if heard in group), "")
    if topic == "bye" or (state.name == "desk" and heard == "no"):
        return Reply(_FAREWELL, ends=True), DialogueState("ended")
    if topic == "number":
        return Reply(tool="get_call_info"), state
    if topic:
        goes_on = f" {_ASK[state.name]}" if state.name in ("people", "day", "time") else ""
        return Reply(_ANSWERS[topic] + goes_on), state
    if heard in _BOOK:
        return Reply(_ASK["people"]), DialogueState("people")
    if state.name == "desk" and heard in ("yes", "yes please"):
        return Reply(_ASK["desk"]), state
    return _booking(state, heard)


def _booking(state: DialogueState, heard: str) -> tuple[Reply, DialogueState]:
    """The part of `answer` that fills in a booking."""
    words = heard.split()
    number = next((_NUMBERS.index(word) + 1 for word in words if word in _NUMBERS), None)
    if state.name == "people" and number is not None:
        return Reply(_ASK["day"]), replace(state, name="day", people=number)
    day = next((word for word in words if word in _DAYS), None)
    if state.name == "day" and day is not None:
        return Reply(_ASK["time"]), replace(state, name="time", day=day)
    if state.name == "time" and number is not None:
        time = ("half past " if "half past" in heard else "") + _NUMBERS[number - 1]
        return Reply(tool="book_table", parameters={"people": state.people, "day": state.day, "time": time}), state
    return Reply(_SORRY + _ASK.get(state.name, _ASK["desk"])), state


def after_tool(state: DialogueState, tool: str, result: str, *, is_error: bool) -> tuple[Reply, DialogueState]:
    """What the agent says once `tool` has given `result`, and the next state.

    A result is spoken as it is; of a JSON object only the values of `message`, or else of `caller`, are.
    """
    following = DialogueState() if tool == "book_table" else state
    if is_error:
        return Reply(_TOOL_FAILED), following
    return Reply(f"{_spoken(result)} Is there anything else?".strip()), following


def _spoken(result: str) -> str:
    """A tool's result as a sentence of at most 300 characters."""
    try:
        value = json.loads(result)
    except ValueError:
        value = result
    if isinstance(value, dict):
        caller = next((value[key] for key in ("caller", "caller_number", "from") if value.get(key)), None)
        said = value.get("message") or (f"You are calling from {caller}" if caller else "That is done")
    else:
        said = result
    text = str(said)[:300].strip()
    return text if not text or text[-1] in ".?!" else text + "."
