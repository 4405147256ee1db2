"""The index that lets an agent look things up in a document, and its coming into being.                    pure

Source: https://elevenlabs.io/docs/api-reference/knowledge-base/compute-rag-index
"""

from collections.abc import Iterator
from typing import Literal

from ivr_bridge.elevenlabs.rest.answer import Answer

EmbeddingModel = Literal["e5_mistral_7b_instruct", "multilingual_e5_large_instruct"]
"""The second one knows other languages than English."""

ENDS = ("succeeded", "failed", "rag_limit_exceeded", "document_too_small", "cannot_index_folder")
"""States that do not change by waiting. The last four leave the document usable in a prompt, but not looked up in."""


class RagIndex(Answer):
    """How far one document's index for one model has come.

    `status` is `new`, `created`, `processing`, or one of `ENDS`.
    """

    id: str
    model: str
    status: str
    progress_percentage: float = 0.0
    """0 to 100."""

    @property
    def ended(self) -> bool:
        """Whether waiting is over."""
        return self.status in ENDS

    @property
    def usable(self) -> bool:
        """Whether an agent can look things up in the document."""
        return self.status == "succeeded"


class RagIndexes(Answer):
    """All indexes of one document."""

    indexes: tuple[RagIndex, ...]

    def of(self, model: str) -> RagIndex | None:
        """The index for `model`, if there is one."""
        return next((index for index in self.indexes if index.model == model), None)


def pauses_s(first_s: float, longest_s: float) -> Iterator[float]:
    """How long to wait before each look: half as long again each time, up to `longest_s`; without end."""
    pause_s = first_s
    while True:
        yield pause_s
        pause_s = min(pause_s * 1.5, longest_s)
