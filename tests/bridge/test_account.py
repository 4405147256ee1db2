from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.telemetry.events import CALL_ENDED


def test_the_fields_are_exactly_those_of_call_ended() -> None:
    fields = CallAccount(10.0).fields(Termination.BUSY, 12.5)
    assert fields.keys() == set(CALL_ENDED.fields)
    assert (fields["result"], fields["reason"], fields["by"]) == ("refused", "busy", "bridge")
    assert fields["duration_s"] == 2.5


def test_the_first_word_is_reckoned_from_the_first_streams_start() -> None:
    account = CallAccount(10.0, started_at=11.0, first_sent_at=11.25)
    assert account.fields(Termination.AGENT_HUNG_UP, 20.0)["first_word_ms"] == 250.0


def test_without_a_word_or_a_stream_there_is_no_first_word() -> None:
    assert CallAccount(10.0, started_at=11.0).fields(Termination.STREAM_LOST, 20.0)["first_word_ms"] is None
    assert CallAccount(10.0).fields(Termination.STREAM_NEVER_CAME, 20.0)["first_word_ms"] is None
