"""What the desk answers, as TwiML with this server's own addresses in it.                                     pure"""

from ivr_bridge.twilio import twiml
from ivr_bridge.twilio.call_desk import (
    Answer,
    AskToAccept,
    ConnectStream,
    DialNumber,
    GatherKeys,
    HangUp,
    JoinRoom,
    RecordMessage,
    SayAndHangUp,
    VendorsTwiml,
)
from ivr_bridge.twilio.stream_door import MEDIA_PATH, stream_base_url

STREAM_ENDED_PATH, STREAM_STATUS_PATH = "/twilio/stream-ended", "/twilio/stream-status"
VOICEMAIL_PATH = "/twilio/voicemail"
WHISPER_PATH, ACCEPT_SUFFIX = "/twilio/whisper", "/answered"
TRANSFER_STATUS_PATH = "/twilio/transfer-status"


def answer_text(answer: Answer, base_url: str) -> str:
    """The document that Twilio gets.

    Args:
        answer: the desk's.
        base_url: `https://HOST` or `http://HOST:PORT`, as Twilio reaches us.
    """
    ended_url = base_url + STREAM_ENDED_PATH
    match answer:
        case ConnectStream():
            return twiml.connect_stream(
                stream_url=f"{stream_base_url(base_url)}{MEDIA_PATH}/{answer.worker}",
                action_url=ended_url,
                status_url=base_url + STREAM_STATUS_PATH,
                token=answer.token,
                apology=answer.apology,
                digits=answer.digits,
            )
        case SayAndHangUp(spoken):
            return twiml.say_and_hang_up(spoken)
        case DialNumber():
            return twiml.dial(answer, ended_url)
        case JoinRoom():
            return twiml.join_room(answer, None if answer.as_person else ended_url)
        case AskToAccept():
            url = f"{base_url}{WHISPER_PATH}/{answer.token}{ACCEPT_SUFFIX}"
            return twiml.ask_to_accept(answer.spoken, url, answer.wait_s)
        case GatherKeys():
            return twiml.gather_keys(answer, base_url + answer.path)
        case RecordMessage():
            url = base_url + VOICEMAIL_PATH
            return twiml.record(spoken=answer.spoken, thanks=answer.thanks, max_s=answer.max_s, action_url=url)
        case VendorsTwiml(text):
            return text
        case HangUp():
            return twiml.hang_up()
