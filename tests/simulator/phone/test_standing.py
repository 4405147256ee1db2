import pytest

from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import Ending
from ivr_bridge.simulator.phone.standing import Standing
from ivr_bridge.simulator.phone.stream_leg import StreamEnd

HUNG_UP = Ending("completed", "caller_hung_up")


@pytest.mark.parametrize(
    ("close_code", "is_served", "expected"),
    [
        (None, False, ("refused", "turned_away")),
        (1000, False, ("completed", "agent_hung_up")),
        (1011, False, ("cut_off", "stream_lost")),
        (1011, True, ("failed", "stream_lost")),
    ],
)
def test_the_network_hangs_up(close_code, is_served, expected):
    log = CallLog("CA1")
    standing = Standing(log)
    if close_code:
        standing.stream_ended(StreamEnd("bridge", close_code))
    if is_served:
        standing.served()
    standing.settle_end()
    assert (log.result, log.reason) == expected


@pytest.mark.parametrize("status", ["completed", "answered"])
def test_a_person_or_a_recorder_serves_the_caller_whoever_hangs_up(status):
    log = CallLog("CA1", dial_statuses=["busy", status])
    standing = Standing(log)
    standing.ending = HUNG_UP
    standing.settle_person()
    assert (log.result, log.reason) == ("completed", "transferred")


def test_a_failure_before_stays_when_the_person_hangs_up():
    log = CallLog("CA1")
    log.settle("failed", "action_failed")
    standing = Standing(log)
    standing.ending = HUNG_UP
    standing.settle_person()
    assert log.reason == "action_failed"
    standing.ending = Ending("failed", "too_long")
    standing.settle_person()
    assert log.reason == "too_long"
