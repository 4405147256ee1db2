"""What REST has to do with a conversation that is about to begin.

Source: https://elevenlabs.io/docs/api-reference/conversations/get-signed-url
"""

from ivr_bridge.elevenlabs.rest.client import RestClient
from ivr_bridge.errors import VendorFailed


async def get_signed_url(
    client: RestClient, agent_id: str, *, include_conversation_id: bool = False, timeout_s: float = 5.0
) -> str:
    """A `wss://` URL that opens one conversation with the agent, within 15 minutes, for whoever holds it.

    It is a secret and opaque: never log it, open it byte for byte.

    Args:
        client: with the key of the agent's owner.
        agent_id: whom to talk to.
        include_conversation_id: also fix the conversation's id; the URL then works once only.
        timeout_s: a caller is waiting.

    Raises:
        VendorError: no answer, an error, or no URL in it.
    """
    query = {"agent_id": agent_id, "include_conversation_id": True if include_conversation_id else None}
    answer = await client.get_json("/v1/convai/conversation/get-signed-url", query=query, timeout_s=timeout_s)
    url = answer.get("signed_url") if isinstance(answer, dict) else None
    if not isinstance(url, str) or not url:
        raise VendorFailed("the answer to get signed URL holds no URL", status=200)
    return url
