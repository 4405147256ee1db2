import pytest

from ivr_bridge.simulator.phone.rest_answers import RestError
from ivr_bridge.simulator.phone.rest_form import Form, fields_of


def form(*fields):
    return Form(list(fields))


def refused(ask):
    with pytest.raises(RestError) as caught:
        ask()
    return caught.value.code


def test_values_and_what_stands_for_missing_ones():
    given = form(("A", "1"), ("A", "2"), ("Flag", "TRUE"), ("Events", "initiated answered"), ("Events", "completed"))
    assert (given.text("A"), given.text("B", "x"), given.whole("A"), given.whole("B", 7)) == ("2", "x", 2, 7)
    assert (given.flag("Flag"), given.flag("Other", default=True)) == (True, True)
    assert given.words("Events") == {"initiated", "answered", "completed"}
    assert given.words("None", "completed") == {"completed"}
    assert ("A" in given, "B" in given) == (True, False)
    assert (given.one_of("B", "mono", "dual"), given.method("Method")) == ("mono", "POST")


@pytest.mark.parametrize(
    ("field", "ask", "code"),
    [
        (("F", "yes"), lambda form: form.flag("F"), 20001),
        (("N", "-1"), lambda form: form.whole("N"), 20001),
        (("N", "700"), lambda form: form.whole("N", most=600), 20001),
        (("M", "PUT"), lambda form: form.method("M"), 20001),
        (("U", "/relative"), lambda form: form.url("U"), 21205),
        (("D", "1 2"), lambda form: form.keys("D"), 20001),
        (("To", "+0123"), lambda form: form.called(), 21211),
        (("From", "me"), lambda form: form.caller(()), 21212),
        (("From", "+15550100001"), lambda form: form.caller(["+15550100002"]), 21210),
    ],
)
def test_what_is_refused(field, ask, code):
    assert refused(lambda: ask(form(field))) == code


@pytest.mark.parametrize("to", ["+15550100009", "sip:desk@pbx.example?x-a=1", "client:jenny"])
def test_who_can_be_called(to):
    assert form(("To", to)).called() == to


def test_names_of_fields():
    assert fields_of("A B\nC") == {"A", "B", "C"}
