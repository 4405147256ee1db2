import pytest

from ivr_bridge.simulator.service.text_schedule import TextSchedule


def test_parts_come_by_the_schedule():
    schedule = TextSchedule((50, 60))
    parts = [schedule.add("twelve chars") for _ in range(16)]
    assert [len(part) for part in parts if part] == [60, 60, 60]
    assert schedule.rest() == "twelve chars"
    assert schedule.rest() == ""


def test_flush_trigger_and_at_once():
    schedule = TextSchedule()
    assert schedule.add("Hello ") == ""
    assert schedule.add("there. ", flush=True) == "Hello there."
    assert schedule.add("x" * 49, trigger=True) == ""
    assert schedule.add("y", trigger=True) == "x" * 49 + "y"
    assert TextSchedule(at_once=True).add("Hi. ") == "Hi."


def test_silence_is_never_spoken():
    schedule = TextSchedule(at_once=True)
    assert schedule.add(" ") == ""
    assert schedule.add("", flush=True) == ""
    assert schedule.rest() == ""


@pytest.mark.parametrize("numbers", [(), (49,), (120, 501)])
def test_numbers_out_of_range(numbers: tuple[int, ...]):
    with pytest.raises(ValueError, match="50-500"):
        TextSchedule(numbers)
