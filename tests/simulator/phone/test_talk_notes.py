from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import Caller, CallScript
from ivr_bridge.simulator.phone.hearing import Hearing, Spurt
from ivr_bridge.simulator.phone.talk_notes import TalkNotes


class Talk:
    def __init__(self):
        self.told = []
        log = CallLog("CA1", lambda event: self.told.append((event.kind, event.text)))
        self.hearing, self.caller = Hearing(), Caller(CallScript())
        self.notes = TalkNotes(log, self.hearing, self.caller)


def test_each_stretch_of_the_agents_talk_is_told_once():
    talk = Talk()
    talk.hearing.spurts = [Spurt(0, 500), Spurt(800, 900), Spurt(1600, 1700)]
    talk.notes.note()
    talk.notes.note()
    assert talk.told == [("agent_speaking", "")] * 2, "a pause of 300 ms is none"
    talk.caller.spoken.append((1700, 1800, "stop"))
    talk.notes.note()
    talk.hearing.spurts.append(Spurt(1900, 2000))
    talk.notes.note()
    assert talk.told[2:] == [("caller_speaking", "stop"), ("agent_speaking", "")]


def test_what_the_network_says_is_no_talk_of_the_agents():
    talk = Talk()
    talk.hearing.spurts = [Spurt(0, 500)]
    talk.notes.note(is_agent=False)
    talk.notes.note()
    assert talk.told == []
