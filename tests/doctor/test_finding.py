import pytest

from ivr_bridge.doctor.finding import Finding, Outcome, fine, joined, wrong


@pytest.mark.parametrize(
    ("finding", "verdict"),
    [
        (fine("a"), "ok"),
        (fine("a", "better so"), "warning"),
        (wrong("a", "b"), "failed"),
        (Finding(None, "a", "b"), "not asked"),
    ],
)
def test_a_finding_in_a_word(finding: Finding, verdict: str):
    assert finding.verdict == verdict


def test_one_that_failed_makes_all_fail_and_advice_for_the_rest_is_left_out():
    whole = joined([fine("a"), wrong("b", "mend b"), fine("c", "better so"), wrong("d", "mend b")])
    assert whole == Finding(False, "a; b; c; d", "mend b")


def test_advice_is_kept_where_nothing_failed():
    assert joined([fine("a", "x"), fine("b")]) == Finding(True, "a; b", "x")


def test_one_that_was_not_asked_is_no_success():
    assert joined([fine("a"), Finding(None, "b", "set B")]).ok is None


def test_an_outcome_in_json_has_four_fields():
    assert Outcome("clock", wrong("late", "set it")).as_json() == {
        "check": "clock",
        "ok": False,
        "found": "late",
        "remedy": "set it",
    }
    assert Outcome.not_asked("clock", "why", "set").as_json()["ok"] is None
