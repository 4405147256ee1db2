from ivr_bridge.simulator.phone.call_account import CallAccount


def account():
    return CallAccount("CA1", "AC1", "+1", "+2", "inbound")


def test_a_call_is_answered_and_ends_once():
    call = account()
    for status in ("queued", "ringing", "in-progress"):
        call.turn(status)
    started = call.started
    assert started is not None
    assert not call.is_over
    call.turn("in-progress")
    assert call.started is started
    call.turn("completed")
    ended = call.ended
    call.turn("in-progress")
    assert (call.status, call.ended, call.is_over) == ("completed", ended, True)


def test_without_an_answer_it_has_no_duration():
    call = account()
    call.turn("busy")
    assert (call.is_over, call.started, call.duration_s) == (True, None, 0)
