"""What may be written in a transfer node, and what an operator reads of what may not."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ivr_bridge.config_file import load
from ivr_bridge.errors import ConfigError
from ivr_bridge.flows.model import Flow
from ivr_bridge.flows.transfer_node import MAX_NUMBERS, TransferNode


def node(**fields: Any) -> TransferNode:
    return TransferNode.model_validate({"kind": "transfer", "failed": "bye", **fields})


def test_one_number_or_several() -> None:
    assert node(number="+15550100").addresses == ("+15550100",)
    assert node(numbers=["+15550100", "sip:desk@h.example", "${NIGHT}"]).addresses == (
        "+15550100", "sip:desk@h.example", "${NIGHT}",
    )  # fmt: skip


def test_what_is_not_said_is_a_cold_transfer_with_the_callers_number() -> None:
    plain = node(number="+15550100")
    assert (plain.mode, plain.caller_id, plain.headers, plain.ring_s, plain.limit_s, plain.next) == (
        "cold", None, {}, 25, None, None,
    )  # fmt: skip


@pytest.mark.parametrize("caller_id", ["+15550100", "{caller}", "{called}", "${DESK_NUMBER}"])
def test_what_the_person_may_see(caller_id: str) -> None:
    assert node(number="+15550100", caller_id=caller_id).caller_id == caller_id


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"number": "+15550100", "numbers": ["+15550101"]},
        {"numbers": ["+15550100"] * (MAX_NUMBERS + 1)},
        {"numbers": ["555"]},
        {"number": "+15550100", "caller_id": "Front desk"},
        {"number": "+15550100", "caller_id": "{transfer_reason}"},
        {"number": "+15550100", "headers": {"X-Caller": "{caller}"}},
        {"number": "sip:desk@h.example", "headers": {"Caller": "{caller}"}},
        {"number": "sip:desk@h.example", "headers": {"X-Caller\r\nVia": "{caller}"}},
        {"number": "+15550100", "whisper": "A call."},
        {"number": "+15550100", "person_language": "es"},
        {"number": "+15550100", "mode": "hot"},
        {"number": "+15550100", "limit_s": 10},
    ],
)
def test_what_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        node(**fields)


def test_headers_go_with_an_address_that_the_environment_gives() -> None:
    assert node(numbers=["+15550100", "${DESK}"], headers={"X-Caller": "{caller}"}).headers


PERSON = "a number such as '+15550100', a SIP address, or ${NAME} of the environment"
CALLER_ID = "a number such as '+15550100', '{caller}', '{called}', or ${NAME} of the environment"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["number: 555 0100"], f"5: nodes.x.number: should be {PERSON}"),
        (["numbers:", "  - '+15550100'", "  - desk"], f"7: nodes.x.numbers.1: should be {PERSON}"),
        (["number: '+15550100'", "caller_id: Desk"], f"6: nodes.x.caller_id: should be {CALLER_ID}"),
        (["ring_s: 20"], "3: nodes.x: needs either `number` or `numbers`"),
        (
            ["number: '+15550100'", "headers: {X-Caller: '{caller}'}"],
            "6: nodes.x.headers: only a SIP address takes headers, and there is none",
        ),
    ],
)
def test_line_place_and_what_was_expected(tmp_path: Path, lines: list[str], said: str) -> None:
    path = tmp_path / "f.yaml"
    inside = "".join(f"    {line}\n" for line in ["kind: transfer", *lines, "failed: bye"])
    path.write_text(f"start: x\nnodes:\n  x:\n{inside}  bye: {{kind: hang_up}}\n")
    with pytest.raises(ConfigError) as refused:
        load(path, Flow)
    assert [str(problem).removeprefix(f"{path}:") for problem in refused.value.problems] == [said]
