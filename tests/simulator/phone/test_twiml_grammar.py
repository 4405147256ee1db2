import pytest

from ivr_bridge.simulator.phone.twiml_grammar import ATTRIBUTES, CHILDREN, attribute_problem


@pytest.mark.parametrize(
    ("element", "attribute", "value"),
    [
        ("Dial", "timeout", "30"),
        ("Dial", "record", "record-from-answer-dual"),
        ("Gather", "finishOnKey", ""),
        ("Gather", "input", "dtmf"),
        ("Play", "digits", "1w2#W*"),
        ("Number", "statusCallbackEvent", "initiated answered"),
        ("Conference", "statusCallbackEvent", "start end join leave mute hold"),
        ("Conference", "waitUrl", ""),
        ("Say", "language", "cmn-CN"),
    ],
)
def test_what_is_followed(element, attribute, value):
    assert attribute_problem(element, attribute, value) == ""


@pytest.mark.parametrize(
    ("element", "attribute", "value", "words"),
    [
        ("Dial", "ttimeout", "30", "has no attribute 'ttimeout'"),
        ("Dial", "timeout", "-1", "not a whole number"),
        ("Number", "sendDigits", "1" * 33, "at most 32"),
        ("Gather", "input", "speech", "keys only"),
        ("Conference", "statusCallbackEvent", "start speaker", "is not announcement end hold"),
        ("Conference", "statusCallbackEvent", "", "is not"),
        ("Record", "finishOnKey", "A", "is not keys"),
        ("Redirect", "method", "post", "one of GET POST"),
        ("Dial", "action", "two words", "not a URL"),
    ],
)
def test_what_is_not(element, attribute, value, words):
    problem = attribute_problem(element, attribute, value)
    assert problem.startswith("12200 ")
    assert words in problem


def test_every_child_has_a_table_of_its_own():
    assert {child for children in CHILDREN.values() for child in children if child[0].isupper()} <= set(ATTRIBUTES)
