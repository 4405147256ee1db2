"""What the bridge tells of an open menu, read as a language model would read it: options, and who asks for one. Pure.

The text comes by `contextual_update` with the context_id `menu`; its options are written `name = words`, separated by
`;`, behind the word "Options:". A text without options closes the menu.
"""

import re

from ivr_bridge.simulator.service.phrasebook import normalise, option_topic, written_topic

Options = tuple[tuple[str, str], ...]
"""(name, words) of each option, in order."""

_OPTIONS = re.compile(r"\boptions?\s*:\s*(?P<list>.+)", re.IGNORECASE | re.DOTALL)
_OPTION = re.compile(r"\s*[`'\"]?(?P<name>[A-Za-z][A-Za-z0-9_-]*)[`'\"]?\s*[=:]\s*(?P<words>\S.*?)\s*", re.DOTALL)
_SENTENCE_END = re.compile(r"[.。](?=\s+[A-Z]|\s*$)|\n")
_SPOKEN_FORMS = ("{}", "{} please", "i want {}", "i want to {}")
_WRITTEN_FORMS = (
    *_SPOKEN_FORMS,
    *("the {}", "i would like {}", "i would like to {}"),
    *("quiero {}", "quisiera {}", "{} por favor", "我要{}", "我想{}", "请{}", "{}谢谢"),
)
_SPEAKABLE = re.compile(r"[a-z0-9' ]+")


def read_notice(text: str) -> Options:
    """The options that a text tells of; empty when it tells of none, which closes the menu."""
    found = _OPTIONS.search(text)
    if found is None:
        return ()
    parts = found["list"].split(";")
    parts[-1] = _SENTENCE_END.split(parts[-1].strip(), maxsplit=1)[0]
    options = (_OPTION.fullmatch(part) for part in parts)
    return tuple((option["name"], option["words"]) for option in options if option is not None)


def spoken_forms(options: Options) -> tuple[str, ...]:
    """Every phrase by which a caller may ask for an option aloud, in English letters."""
    forms = (form.format(name) for option in options for name in _names(option) for form in _SPOKEN_FORMS)
    return tuple(dict.fromkeys(form for form in forms if _SPEAKABLE.fullmatch(form)))


def chosen(options: Options, heard: str) -> str:
    """The name of the option that normalised words ask for, "" for none.

    An option is asked for by its words or its name, alone or with "please", "i want" and the like around; in Spanish
    and Chinese also by being of the option's topic.
    """
    for option in options:
        if any(heard == normalise(form.format(name)) for name in _names(option) for form in _WRITTEN_FORMS):
            return option[0]
    topic = written_topic(heard)
    return next((name for name, words in options if topic and option_topic(words) == topic), "")


def _names(option: tuple[str, str]) -> tuple[str, ...]:
    """What an option is called, normalised: by its words, by its name."""
    name, words = option
    return tuple(dict.fromkeys(text for text in (normalise(words), normalise(name)) if text))
