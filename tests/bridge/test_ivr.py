"""One reading of the configuration is one thing, and stays as it was read."""

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from ivr_bridge.access.signed_url import SignedUrls
from ivr_bridge.bridge.ivr import Ivr
from ivr_bridge.bridge.prompt_links import PromptLinks
from ivr_bridge.flows.engine import Engine
from ivr_bridge.flows.flow_book import FlowBook
from ivr_bridge.settings import BridgeConfig
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.tools.registry import ToolRegistry
from ivr_bridge.twilio.call_desk import Spoken


def test_a_call_that_holds_it_holds_it_unchanged() -> None:
    book = FlowBook({}, {})
    unused: Any = None
    ivr = Ivr(BridgeConfig(), book, Engine(book.flows, {}), unused, unused, ToolRegistry.from_module(None))
    with pytest.raises(FrozenInstanceError):
        ivr.book = FlowBook({}, {})  # type: ignore[misc]
    with pytest.raises(TypeError):
        ivr.book.flows["other"] = book.flows["builtin"]  # type: ignore[index]
    with pytest.raises(ValueError, match="frozen"):
        ivr.config.language = "es"  # type: ignore[misc]


def test_a_prompt_is_played_where_there_is_audio_of_it_and_said_elsewhere() -> None:
    class Prompts:
        def get(self, name: str, _language: str) -> Prompt | None:
            return Prompt(name, "en", "Busy.", b"clip", "ab" * 32) if name == "busy" else None

        def text(self, name: str, _language: str) -> str:
            return f"text of {name}"

    unused: Any = None
    prompts: Any = Prompts()
    links = PromptLinks(SignedUrls("s" * 64), unused, lambda: "https://b.example", lambda: 1.7e9)
    said = Ivr(BridgeConfig(), unused, unused, prompts, unused, unused)
    played = replace(said, links=links)
    assert said.spoken("busy", "en") == Spoken("text of busy", "en")
    assert played.spoken("sorry", "es") == Spoken("text of sorry", "es")
    busy = played.spoken("busy", "en")
    assert busy.text == "text of busy"
    assert [url.partition("?")[0] for url in busy.audio_urls] == [f"https://b.example/prompts/{'ab' * 32}.wav"]
