import pytest
from pydantic import ValidationError

from ivr_bridge.flows.callback_node import DIGIT_PROMPTS, CallbackNode

NODE = {"kind": "callback", "next": "a", "otherwise": "b"}


def test_every_digit_has_its_prompt() -> None:
    assert tuple(f"digit_{digit}" for digit in range(10)) == DIGIT_PROMPTS


def test_it_needs_two_ways_out() -> None:
    node = CallbackNode.model_validate(NODE)
    assert (node.prompt, node.confirmed, node.flow, node.prefix) == ("callback_offer", "callback_confirmed", None, "")
    with pytest.raises(ValidationError):
        CallbackNode.model_validate({**NODE, "otherwise": None})


@pytest.mark.parametrize("prefix", ["+0", "44", "+12345", "+"])
def test_a_prefix_is_a_country_code(prefix: str) -> None:
    with pytest.raises(ValidationError):
        CallbackNode.model_validate({**NODE, "prefix": prefix})
