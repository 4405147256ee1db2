"""`config/prompts/{en,es,zh}.yaml`: what the phone line itself says to callers."""

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import ConfigDict, StringConstraints, model_validator

from ivr_bridge.config_file import ConfigModel, load
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
