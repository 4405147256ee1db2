"""Models for speech, and what each can do.

Source: https://elevenlabs.io/docs/api-reference/models/list
"""

from collections.abc import AsyncIterator

from ivr_bridge.elevenlabs.rest.answer import Answer, read_answer
from ivr_bridge.elevenlabs.rest.request import Request
from ivr_bridge.elevenlabs.rest.transport import Transport


class ModelLanguage(Answer):
    """A language that a model speaks."""

    language_id: str
    """Such as `en`, `es`, `zh`."""
    name: str = ""


class Model(Answer):
    """One model."""

    model_id: str
    name: str = ""
    can_do_text_to_speech: bool = False
    languages: tuple[ModelLanguage, ...] | None = None
    maximum_text_length_per_request: int | None = None
    """In characters."""
    concurrency_group: str = ""
    """Models of one group share a limit."""

    def speaks(self, language: str) -> bool:
        """Whether the model says that it knows `language`, such as `es`."""
        return any(known.language_id == language for known in self.languages or ())


class _Models(Answer):
    models: tuple[Model, ...]


class Models:
    """What there is to speak with; reading it is the cheapest proof that key and vendor are well."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self, *, max_age_s: float = 0.0) -> AsyncIterator[Model]:
        """Every model, in one answer.

        Args:
            max_age_s: an earlier answer will do that is no older, and any while the vendor fails; 0: only a new one.
        """
        request = Request("GET", "/v1/models")

        def read(answer: object) -> tuple[Model, ...]:
            return read_answer(_Models, {"models": answer}, request.what).models

        for model in await self._transport.cached(request, read, max_age_s=max_age_s):
            yield model
