"""One reading of the configuration is one thing, and stays as it was read."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from ivr_bridge.bridge.ivr import Ivr
from ivr_bridge.flows.engine import Engine
from ivr_bridge.flows.flow_book import FlowBook
from ivr_bridge.settings import BridgeConfig
from ivr_bridge.tools.registry import ToolRegistry


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
