from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from ivr_bridge.simulator.phone.signing import signature


def test_the_vendors_published_vector():
    params = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ]
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signature("12345", url, params) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert signature("12345", url + "#rc=2&rp=ct", reversed(params)) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@given(st.dictionaries(st.text(min_size=1), st.text()), st.text(min_size=1))
def test_the_vendors_validator_accepts_every_form(params, token):
    url = "https://bridge.example/twilio/voice"
    assert RequestValidator(token).validate(url, params, signature(token, url, params.items()))
    assert not RequestValidator(token + "x").validate(url, params, signature(token, url, params.items()))


def test_repeated_values_count_once_in_order():
    url = "https://bridge.example/x"
    assert signature("t", url, [("a", "2"), ("a", "1"), ("a", "2")]) == signature("t", url, [("a", "1"), ("a", "2")])
    assert signature("t", "wss://bridge.example/s") != signature("t", "https://bridge.example/s")
