import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr_bridge.bridge.dtmf import INTER_DIGIT_S, LONGEST, DigitCollector

KEYS = "0123456789*#ABCD"


@pytest.mark.parametrize(
    ("keys", "numbers"),
    [
        ("", []),
        ("12", []),
        ("12#", ["12"]),
        ("#", ["#"]),
        ("1##", ["1", "#"]),
        ("*0#7A#", ["*0", "7A"]),
        ("1" * LONGEST, ["1" * LONGEST]),
        ("1" * LONGEST + "2#", ["1" * LONGEST, "2"]),
    ],
)
def test_keys_are_gathered(keys: str, numbers: list[str]) -> None:
    collector = DigitCollector()
    pressed = [collector.press(key, 1.0) for key in keys]
    assert [number for number in pressed if number is not None] == numbers


def test_a_number_is_complete_when_no_key_comes_for_a_while() -> None:
    collector = DigitCollector()
    collector.press("4", 10.0)
    assert collector.expire(10.0 + INTER_DIGIT_S - 0.1) is None
    collector.press("2", 11.5)
    assert collector.expire(11.5 + INTER_DIGIT_S - 0.1) is None
    assert collector.expire(11.5 + INTER_DIGIT_S) == "42"
    assert collector.expire(99.0) is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KEYS), st.floats(0, 5)), max_size=120))
def test_no_key_is_lost_doubled_or_moved(presses: list[tuple[str, float]]) -> None:
    collector, now, told = DigitCollector(), 0.0, []
    for key, wait_s in presses:
        now += wait_s
        told.append(collector.expire(now))
        told.append(collector.press(key, now))
    told.append(collector.expire(now + INTER_DIGIT_S + 0.1))
    numbers = [number for number in told if number is not None]
    assert "".join(numbers).replace("#", "") == "".join(key for key, _ in presses).replace("#", "")
    assert all(number == "#" or (0 < len(number) <= LONGEST and "#" not in number) for number in numbers)
