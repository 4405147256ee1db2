import pytest
from twilio.twiml.voice_response import VoiceResponse

from ivr_bridge.simulator.phone.twiml_reader import MAX_TWIML_BYTES, read_twiml

URL = "https://bridge.example/twilio/voice"


def read(text, content_type="text/xml"):
    return read_twiml(text.encode(), content_type, URL)


def response(inside):
    return read(f"<Response>{inside}</Response>")


def test_a_document_of_the_vendors_library_is_read_in_order():
    twiml = VoiceResponse()
    stream = twiml.connect(action="/twilio/stream-ended", method="POST").stream(
        url="wss://bridge.example/twilio/media/0", name="n", status_callback="https://bridge.example/s"
    )
    stream.parameter(name="token", value="a<b>&c")
    twiml.say("Sorry,  try\nlater.", language="en-US")
    twiml.hangup()
    document = read(str(twiml))
    assert (document.problems, document.fatal, document.url) == ((), "", URL)
    assert [verb.name for verb in document.verbs] == ["Connect", "Say", "Hangup"]
    found = document.verbs[0].children[0]
    assert found.attributes["url"] == "wss://bridge.example/twilio/media/0"
    assert found.children[0].attributes == {"name": "token", "value": "a<b>&c"}
    assert document.verbs[1].text == "Sorry, try later."


def test_every_verb_of_the_vendors_library_that_is_followed_passes():
    twiml = VoiceResponse()
    gather = twiml.gather(input="dtmf", action="/menu", num_digits=1, finish_on_key="#", timeout=3)
    gather.say("Press one.")
    twiml.play("https://bridge.example/prompts/a.wav", loop=1)
    twiml.play(digits="1w2")
    twiml.pause(length=1)
    dial = twiml.dial(action="/dialled", timeout=20, caller_id="+15550100001")
    dial.number("+15550100009")
    twiml.record(action="/voicemail", max_length=60, play_beep=True)
    twiml.redirect("/again", method="POST")
    assert read(str(twiml)).problems == ()
    refusal = VoiceResponse()
    refusal.reject(reason="busy")
    assert read(str(refusal)).problems == ()


def test_a_dial_of_the_vendors_library_passes_with_all_that_is_followed():
    twiml = VoiceResponse()
    twiml.start().recording(channels="dual", recording_status_callback="https://bridge.example/r", track="both")
    dial = twiml.dial(
        action="/dialled",
        method="POST",
        timeout=20,
        time_limit=600,
        record="record-from-answer-dual",
        answer_on_bridge=True,
        hangup_on_star=True,
        sequential=True,
    )
    dial.number(
        "+15550100009",
        url="/whisper",
        send_digits="w1",
        status_callback="https://bridge.example/s",
        status_callback_event="initiated ringing answered completed",
        machine_detection="DetectMessageEnd",
        amd_status_callback="https://bridge.example/amd",
    )
    dial.sip("sip:desk@pbx.example?x-summary=two%20words", username="u", password="p")
    room = VoiceResponse()
    room.dial().conference(
        "room-1",
        start_conference_on_enter=False,
        end_conference_on_exit=True,
        muted=False,
        beep="onEnter",
        wait_url="",
        participant_label="caller",
        status_callback="https://bridge.example/c",
        status_callback_event="start end join leave mute hold",
    )
    for document in (read(str(twiml)), read(str(room))):
        assert (document.fatal, document.problems) == ("", ())


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ("<Conect/>", "<Conect> is not understood in <Response>"),
        ("<say>no</say>", "<say> is not understood"),
        ("<Say>a<Play/></Say>", "<Play> is not understood in <Say>"),
        ("<Hangup now='1'/>", "no attribute 'now'"),
        ("<Connect/>", "exactly one <Stream>"),
        ("<Connect><Stream url='wss://a/b'/><Stream url='wss://a/c'/></Connect>", "exactly one"),
        ("<Connect><Stream/></Connect>", "31923"),
        ("<Connect><Stream url='wss://a/b' track='both_tracks'/></Connect>", "31941"),
        ("<Connect><Stream url='wss://a/b' statusCallback='/s'/></Connect>", "absolute URL"),
        ("<Connect><Stream url='wss://a/b' audioFormat='x'/></Connect>", "no attribute 'audioFormat'"),
        ("<Connect><Stream url='wss://a/b'><Parameter name='a'/></Stream></Connect>", "needs name and value"),
        (f"<Connect><Stream url='wss://a/b'><Parameter name='a' value='{'x' * 499}'/></Stream></Connect>", "under 500"),
        ("<Say/>", "without text"),
        (f"<Say>{'x' * 4097}</Say>", "4096"),
        ("<Play/>", "<Play> without url"),
        ("<Dial/>", "without a number"),
        ("<Redirect/>", "without url"),
        ("<Say>Hello.</Say><Reject/>", "first verb"),
        ("<Pause length='long'/>", "not a whole number"),
        ("<Gather input='speech'/>", "not speech"),
        ("<Gather input='dtmf speech'/>", "not speech"),
        ("<Gather hints='a'/>", "no attribute 'hints'"),
        ("<Gather actionOnEmptyResult='yes'/>", "not one of true false"),
        ("<Play digits='1+2'/>", "is not keys"),
        ("<Dial method='PUT'>+15550100009</Dial>", "not one of GET POST"),
        ("<Dial record='loudly'>+15550100009</Dial>", "not one of do-not-record"),
        ("<Dial><Client>jenny</Client></Dial>", "<Client> is not understood in <Dial>"),
        ("<Dial><Number/></Dial>", "<Number> without a number"),
        ("<Dial><Number statusCallbackEvent='answered gone'>+1</Number></Dial>", "not answered completed"),
        ("<Dial><Conference>a</Conference><Number>+1</Number></Dial>", "nothing beside it"),
        ("<Dial><Sip>desk@pbx.example</Sip></Dial>", "no SIP address"),
        (f"<Dial>{'<Number>+1</Number>' * 11}</Dial>", "more than 10"),
        ("<Start><Stream url='wss://a/b'/></Start>", "<Stream> is not understood in <Start>"),
        ("<Enqueue>support</Enqueue>", "<Enqueue> is not understood"),
        ("<Reject reason='tired'/>", "not one of rejected busy"),
    ],
)
def test_what_is_not_understood_ends_the_call(inside, words):
    document = response(inside)
    assert words in document.fatal or words in document.problems[-1]
    assert document.fatal[:5].isdecimal()
    assert document.verbs == ()


def test_what_is_only_unwise_is_noted():
    document = response("<Connect><Stream url='wss://a/b'/></Connect><Pause length='40'/>")
    assert (document.fatal, len(document.problems), len(document.verbs)) == ("", 1, 2)
    assert "dead air" in document.problems[0]


def test_a_parameter_of_499_characters_and_speech_markup_pass():
    value = "x" * 494
    inside = f"<Connect><Stream url='wss://a/b'><Parameter name='token' value='{value}'/></Stream></Connect>"
    assert response(inside).problems == ()
    said = response("<Say>Your <emphasis>number</emphasis><break/> please.</Say>")
    assert said.problems == ()
    assert said.verbs[0].text == "Your number please."


@pytest.mark.parametrize(
    ("text", "content_type", "code"),
    [
        ("<Response/>", "text/html", "12300"),
        ("", "text/xml", "12100"),
        ("<Response>", "text/xml", "12100"),
        ("<response/>", "text/xml", "12100"),
        (f"<Response><Say>{'x' * MAX_TWIML_BYTES}</Say></Response>", "text/xml", "11750"),
        ("\x00\x01", "application/xml", "12100"),
    ],
)
def test_what_the_vendor_would_not_run(text, content_type, code):
    document = read(text, content_type)
    assert document.fatal.startswith(code)
    assert document.verbs == ()
