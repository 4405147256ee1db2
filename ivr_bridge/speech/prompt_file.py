"""`config/prompts/{en,es,zh}.yaml`: what the phone line itself says to callers."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import ConfigDict, StringConstraints, model_validator

from ivr_bridge.config_file import ConfigModel, Problem, load
from ivr_bridge.errors import ConfigError

LANGUAGES = ("en", "es", "zh")

_NAME = re.compile(r"[a-z][a-z0-9_]*")

PromptText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class PromptTexts(ConfigModel):
    """Every prompt that the bridge itself uses, and any number of an operator's own beside them."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, PromptText]

    busy: PromptText
    """Every line is taken; no agent is dialled."""
    draining: PromptText
    """A call that comes while the server is shutting down."""
    restarting: PromptText
    """The end of a call that is still going on when the server has to stop."""
    sorry: PromptText
    """The agent cannot be reached, failed in mid-call, or does not answer."""
    not_available: PromptText
    """The last resort: spoken by Twilio when no stream came about, and at the fallback URL."""
    connecting: PromptText
    """The agent is taking its time."""
    are_you_there: PromptText
    """Nothing was heard from the caller for long; asked once."""
    goodbye_silence: PromptText
    """Still nothing was heard: the end."""
    time_is_up: PromptText
    """The longest call is over."""
    disclosure: PromptText
    """The caller speaks with a machine: the first words of every flow that does not say otherwise."""
    no_input: PromptText
    """A menu, or digits, and no key came in time."""
    no_match: PromptText
    """A menu has nothing under this key."""
    connecting_person: PromptText
    """Before a person is dialled."""
    leave_message: PromptText
    """Before the tone of a voicemail."""
    message_kept: PromptText
    """A message was recorded and will not be lost."""
    message_unheard: PromptText
    """The caller said nothing that could be kept."""
    choose_language: PromptText
    """This language, in itself, and its key; a language node says all of them in turn."""
    agent_unavailable: PromptText
    """The agent has failed, and a digits-only menu or a person comes next."""
    closed_now: PromptText
    """Outside the opening hours."""
    goodbye: PromptText
    """The end of a flow."""

    @model_validator(mode="after")
    def _speakable(self) -> Self:
        for name, text in self.by_name().items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r}: a prompt's name has small letters, digits and '_'")
            if "{{" in text:
                raise ValueError(f"{name}: a prompt is rendered once, so it cannot hold {{{{variables}}}}")
        return self

    def by_name(self) -> dict[str, str]:
        """All texts, the bridge's own first."""
        return self.model_dump()


REQUIRED_PROMPTS = tuple(PromptTexts.model_fields)
"""The names that every language must have."""


class PromptFile(ConfigModel):
    """One language."""

    prompts: PromptTexts


def untranslated(files: Mapping[str, PromptFile], folder: Path) -> tuple[Problem, ...]:
    """Warnings: an operator's own prompts that are written in one language and not in another."""
    names = dict.fromkeys(name for file in files.values() for name in file.prompts.by_name())
    return tuple(
        Problem(
            folder / f"{language}.yaml",
            0,
            f"prompts.{name}",
            "is written in another language and not in this one",
            "write it here as well: nobody translates it",
            severity="warning",
        )
        for language, file in files.items()
        for name in names
        if name not in file.prompts.by_name()
    )


def read_prompt_files(folder: Path) -> dict[str, PromptFile]:
    """Read the file of every language in `folder`.

    Returns:
        One for each of `LANGUAGES`.

    Raises:
        ConfigError: the problems of all files together, one a line with its place.
    """
    files: dict[str, PromptFile] = {}
    problems: list[str] = []
    for language in LANGUAGES:
        try:
            files[language] = load(folder / f"{language}.yaml", PromptFile)
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(*problems)
    return files
