import pytest

from ivr_bridge.elevenlabs.rest.conversations import get_signed_url
from ivr_bridge.errors import VendorFailed
from tests.support.vendor_answers import VendorAnswers

URL = "wss://api.elevenlabs.io/v1/convai/conversation?agent_id=a&conversation_signature=c%2Fd"


async def test_the_url_is_given_as_it_came():
    vendor = VendorAnswers({"signed_url": URL})
    assert await get_signed_url(vendor.client, "a") == URL
    assert vendor.asked == [
        ("/v1/convai/conversation/get-signed-url", {"agent_id": "a", "include_conversation_id": None})
    ]


async def test_the_conversation_id_is_asked_for_only_when_wanted():
    vendor = VendorAnswers({"signed_url": URL})
    await get_signed_url(vendor.client, "a", include_conversation_id=True)
    assert vendor.asked[0][1]["include_conversation_id"] is True


@pytest.mark.parametrize("answer", [None, [], {}, {"signed_url": ""}, {"signed_url": 3}])
async def test_an_answer_without_a_url(answer: object):
    with pytest.raises(VendorFailed):
        await get_signed_url(VendorAnswers(answer).client, "a")
