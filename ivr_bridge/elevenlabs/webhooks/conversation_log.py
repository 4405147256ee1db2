"""One log line for each conversation that the vendor told of."""

from ivr_bridge.elevenlabs.webhooks.conversation_files import ToldConversation
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log


class ConversationLog:
    """A `ConversationSink`: writes `conversation.recorded`, without a word of what was said.

    Args:
        log: of the server.
    """

    def __init__(self, log: Log) -> None:
        self._log = log

    async def take(self, conversation: ToldConversation) -> None:
        """Log it."""
        told = conversation.told
        self._log.emit(
            events.CONVERSATION_RECORDED,
            type=told.type,
            conversation_id=told.conversation_id,
            agent_id=told.agent_id,
            status=told.status,
            duration_s=told.duration_s,
            cost=told.cost,
            file=conversation.path.name,
            audio=conversation.audio.name if conversation.audio is not None else None,
        )
