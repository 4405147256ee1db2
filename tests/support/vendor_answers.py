"""A stand-in for `RestClient` that answers from memory and keeps what it was asked."""

from collections.abc import Mapping
from typing import Any, cast

from ivr_bridge.elevenlabs.rest.client import RestClient


class VendorAnswers:
    """Gives `answers` one after the other."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.bodies: list[Mapping[str, object]] = []

    @property
    def client(self) -> RestClient:
        return cast("RestClient", self)

    async def get_json(self, path: str, *, query: Mapping[str, Any] | None = None, timeout_s: float = 0) -> Any:
        self.asked.append((path, dict(query or {})))
        return self._answers.pop(0)

    async def post_bytes(
        self, path: str, json: Mapping[str, object], *, query: Mapping[str, Any] | None = None, timeout_s: float = 0
    ) -> Any:
        self.asked.append((path, dict(query or {})))
        self.bodies.append(json)
        return self._answers.pop(0)
