from ivr_bridge.twilio.call_desk import AskToAccept, ConnectStream, DialNumber, IncomingCall, Spoken


def test_what_a_log_could_print_holds_no_number_and_no_token():
    call = IncomingCall("CA1", "AC1", "+15550101", "+15550102", "inbound", "ringing")
    shown = repr(
        [
            call,
            DialNumber("+15550103", caller_id="+15550104", headers={"X-A": "+15550105"}),
            AskToAccept("secret-token", Spoken("Sorry.", "en"), 6),
            ConnectStream("secret-token", Spoken("Sorry.", "en")),
        ]
    )
    assert "+1555" not in shown
    assert "secret-token" not in shown
    assert "CA1" in shown
