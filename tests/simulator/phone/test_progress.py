from ivr_bridge.simulator.phone.call_account import CallAccount
from ivr_bridge.simulator.phone.progress import Progress

from .test_recorder import Told


def progress(**options):
    account = CallAccount("CA1", "AC1", "+1", "+2", "outbound-api")
    webhooks = Told()
    return account, webhooks, Progress(webhooks, account, account.params, **options)


async def test_each_step_that_is_wanted_is_told_once_with_its_number():
    events = frozenset({"initiated", "answered", "completed"})
    account, webhooks, steps = progress(url="https://a/s", method="GET", events=events)
    for status in ("queued", "ringing", "in-progress", "completed", "failed"):
        await steps.turn(status)
    told = [(params["CallStatus"], params["SequenceNumber"]) for _, _, params in webhooks.told]
    assert told == [("initiated", "0"), ("in-progress", "2"), ("completed", "3")]
    assert {(url, method) for url, method, _ in webhooks.told} == {("https://a/s", "GET")}
    assert ("CallDuration" in webhooks.told[-1][2], "CallDuration" in webhooks.told[0][2]) == (True, False)
    assert account.status == "completed"


async def test_every_end_counts_as_completed_also_of_a_call_whose_person_has_hung_up():
    account, webhooks, steps = progress(url="https://a/s")
    account.turn("completed")
    await steps.turn("completed", RecordingUrl="https://a/r")
    ((_, _, params),) = webhooks.told
    assert (params["CallStatus"], params["RecordingUrl"]) == ("completed", "https://a/r")
    account, webhooks, steps = progress(url="https://a/s")
    await steps.turn("busy")
    assert webhooks.told[0][2]["CallStatus"] == "busy"


async def test_without_a_url_only_the_account_knows():
    account, webhooks, steps = progress(url="")
    await steps.turn("busy")
    assert (account.status, webhooks.told) == ("busy", [])
