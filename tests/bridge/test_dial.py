from ivr_bridge.bridge.dial import Dial
from ivr_bridge.records.tables import dials
from tests.support.outbound_scene import MONDAY, PERSON


def test_a_dial_is_its_row_and_back() -> None:
    dial = Dial("DL1", PERSON, "main", MONDAY, {"name": "Ann"}, True, "CA1", "created", "CA2", "human", "x", MONDAY)
    assert set(dial.row()) == set(dials.c.keys())
    assert Dial.of(dial.row()) == dial
    assert PERSON not in repr(dial)


def test_what_is_over_stays_over() -> None:
    dial = Dial("DL1", PERSON, "main", MONDAY)
    over = {state for state in ("waiting", "unknown", "created", "answered", "done", "failed") if _over(dial, state)}
    assert over == {"done", "failed"}


def _over(dial: Dial, state: str) -> bool:
    dial.state = state  # type: ignore[assignment]
    return dial.over


def test_a_row_of_which_columns_were_erased_can_be_read() -> None:
    row = {**Dial("DL1", PERSON, "main", MONDAY).row(), "to_number": None, "variables": None, "flow": None}
    read = Dial.of(row)
    assert (read.to, read.variables, read.flow) == ("", {}, "")
