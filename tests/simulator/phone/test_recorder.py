from ivr_bridge.simulator.phone import recorder
from ivr_bridge.simulator.phone.recordings import Notice, RecordingShelf, SpokenReel, TakenRecording

from .scripted_bridge import mulaw_tone


class Told:
    """Webhooks that note what is told."""

    def __init__(self):
        self.told = []

    async def tell(self, url, params, *, method):
        self.told.append((url, method, params))


def test_whom_to_tell_from_a_verb_or_a_form():
    assert recorder.notice_of({}, "") == Notice()
    verb = {"recordingStatusCallbackEvent": "in-progress absent", "recordingStatusCallbackMethod": "GET"}
    assert recorder.notice_of(verb, "https://a/b") == Notice("https://a/b", "GET", frozenset({"in-progress", "absent"}))


async def test_a_conference_and_its_end_are_told_as_wanted():
    shelf, webhooks = RecordingShelf(), Told()
    notice = Notice("https://a/b", "POST", frozenset({"in-progress", "completed"}))
    taken = await recorder.record_conference(
        shelf, webhooks, SpokenReel(mulaw_tone(2000)), account_sid="AC1", conference_sid="CF1", notice=notice
    )
    await recorder.stop(shelf, webhooks, taken)
    await recorder.stop(shelf, webhooks, taken)
    begun, ended = (params for _, _, params in webhooks.told)
    assert (begun["RecordingStatus"], "RecordingDuration" in begun) == ("in-progress", False)
    assert (ended["RecordingStatus"], ended["RecordingDuration"], ended["ConferenceSid"]) == ("completed", "2", "CF1")
    assert "CallSid" not in ended
    assert ended["RecordingUrl"] == shelf.url(taken)


async def test_nobody_is_told_what_nobody_wants_to_know():
    webhooks = Told()
    taken = TakenRecording(SpokenReel(b"x" * 160), "RecordVerb", "AC1", "CA1", notice=Notice("https://a/b"))
    await recorder.tell(RecordingShelf(), webhooks, taken, "in-progress")
    await recorder.tell(RecordingShelf(), webhooks, TakenRecording(SpokenReel(b""), "RecordVerb", "AC1"), "completed")
    assert webhooks.told == []
