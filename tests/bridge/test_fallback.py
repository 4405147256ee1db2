import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_bridge.bridge.fallback import Cause, Ladder, cause_of
from ivr_bridge.elevenlabs.conversation.events import ConversationClosed
from ivr_bridge.errors import AgentError, AgentLost, AgentRefused, AgentUnreachable, AudioFormatError
from ivr_bridge.flows.model import ApologyRung, NodeRung, RegisterCallRung, RetryRung, Rung, SecondAgentRung

RETRY = RetryRung(kind="retry")
SECOND = SecondAgentRung(kind="agent", agent_id="agent_2")
VENDORS = RegisterCallRung(kind="register_call")
MENU = NodeRung(kind="menu", node="keys")
PERSON = NodeRung(kind="person", node="desk")
VOICEMAIL = NodeRung(kind="voicemail", node="box")
APOLOGY = ApologyRung(kind="apology")
WHOLE = [RETRY, SECOND, VENDORS, MENU, PERSON, VOICEMAIL, APOLOGY]


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (AgentUnreachable("the conversation's socket did not open in 5 s"), Cause.UNREACHABLE),
        (AgentUnreachable("no signed URL: GET /v1/x: HTTP 503"), Cause.UNREACHABLE),
        (AgentUnreachable("the agent is down; next probe in 12 s"), Cause.UNREACHABLE),
        (AgentUnreachable("no signed URL: GET /v1/x: HTTP 429 rate_limit_exceeded: slow down"), Cause.CONCURRENCY),
        (AgentUnreachable("the conversation was refused: HTTP 429"), Cause.CONCURRENCY),
        (AgentRefused("no signed URL: GET /v1/x: HTTP 401 invalid_api_key: no"), Cause.REFUSED),
        (AgentRefused("no signed URL: GET /v1/x: HTTP 404 agent_not_found"), Cause.REFUSED),
        (AgentRefused("no signed URL: GET /v1/x: HTTP 401 quota_exceeded: 0 credits remaining"), Cause.QUOTA),
        (AgentRefused("the signed URL leads to a host that is not the vendor's"), Cause.REFUSED),
        (AgentLost(1006, ""), Cause.LOST),
        (AgentLost(1011, "internal"), Cause.LOST),
        (AgentLost(1002, "llm_timeout"), Cause.LOST),
        (AgentLost(1002, "Concurrency limit reached"), Cause.CONCURRENCY),
        (AgentLost(1008, "This agent has reached its daily limit"), Cause.QUOTA),
        (AgentLost(1008, ""), Cause.REFUSED),
        (AgentLost(1008, "Override for field 'quota' is not allowed by config"), Cause.REFUSED),
        (AgentLost(1008, "missing_dynamic_variable: concurrency"), Cause.REFUSED),
        (ConversationClosed(1006, ""), Cause.LOST),
        (ConversationClosed(1008, "invalid_message"), Cause.REFUSED),
        (ConversationClosed(1002, "You exceeded your quota"), Cause.QUOTA),
        (AudioFormatError("unknown audio format opus_48000"), Cause.AUDIO_FORMAT),
    ],
)
def test_the_cause_is_read_from_class_code_and_words(
    failure: AgentError | AudioFormatError | ConversationClosed, cause: Cause
):
    assert cause_of(failure) is cause


def test_causes_that_need_an_operator_and_causes_that_a_retry_may_mend():
    assert {cause for cause in Cause if cause.misconfigured} == {Cause.REFUSED, Cause.QUOTA, Cause.AUDIO_FORMAT}
    assert {cause for cause in Cause if cause.retryable} == {
        Cause.UNREACHABLE,
        Cause.LOST,
        Cause.SILENT,
        Cause.FLOODED,
    }
    assert len({cause.code for cause in Cause}) == len(Cause)


def test_a_dark_agent_is_climbed_away_from_rung_by_rung():
    ladder = Ladder(WHOLE)
    assert ladder.rung is None
    assert ladder.number == 0
    climbed = [(ladder.fail(Cause.UNREACHABLE, 10.0 + i), ladder.number) for i in range(9)]
    assert climbed == [*((rung, i) for i, rung in enumerate(WHOLE, 1)), (APOLOGY, 7), (APOLOGY, 7)]
    assert ladder.rung == APOLOGY
    assert ladder.failed_at == 10.0


@pytest.mark.parametrize("cause", [Cause.REFUSED, Cause.QUOTA, Cause.CONCURRENCY, Cause.AUDIO_FORMAT])
def test_a_retry_that_cannot_help_is_passed_over(cause: Cause):
    ladder = Ladder(WHOLE)
    assert ladder.fail(cause, 0.0) == SECOND
    assert ladder.number == 2
    assert Ladder([RETRY]).fail(cause, 0.0) == APOLOGY
    assert Ladder([RETRY, RETRY, MENU]).fail(cause, 0.0) == MENU


def test_the_apology_is_there_whether_written_or_not():
    assert Ladder([]).fail(Cause.LOST, 0.0) == APOLOGY
    assert [Ladder([MENU]).fail(Cause.LOST, 0.0)] == [MENU]
    early = Ladder([RETRY, APOLOGY, MENU])
    assert [early.fail(Cause.LOST, 0.0) for _ in range(4)] == [RETRY, APOLOGY, APOLOGY, APOLOGY]


def test_a_recovery_ends_the_trouble_and_not_the_climb():
    ladder = Ladder(WHOLE)
    assert ladder.recovered(1.0) == 0.0
    ladder.fail(Cause.LOST, 20.0)
    ladder.fail(Cause.UNREACHABLE, 22.0)
    assert ladder.since_failure_ms(22.5) == 2500.0
    assert ladder.recovered(23.0) == 3000.0
    assert ladder.failed_at is None
    assert ladder.rung == SECOND
    assert ladder.since_failure_ms(30.0) == 0.0
    assert ladder.fail(Cause.LOST, 90.0) == VENDORS
    assert ladder.failed_at == 90.0


@given(
    rungs=st.lists(st.sampled_from(WHOLE), max_size=10),
    troubles=st.lists(st.tuples(st.sampled_from(Cause), st.booleans()), min_size=12, max_size=30),
)
def test_every_climb_goes_up_and_ends_in_the_apology(rungs: list[Rung], troubles: list[tuple[Cause, bool]]):
    ladder = Ladder(rungs)
    now, before = 0.0, 0
    for cause, recovers in troubles:
        now += 1.0
        rung = ladder.fail(cause, now)
        assert rung == ladder.rung
        assert ladder.number > before or rung == APOLOGY
        assert cause.retryable or rung != RETRY
        before = ladder.number
        if recovers:
            ladder.recovered(now)
    assert ladder.rung == APOLOGY
