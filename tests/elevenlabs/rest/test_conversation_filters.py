"""Filters of the list of conversations; that they are the vendor's is shown in tests/judges."""

from ivr_bridge.elevenlabs.rest.conversation_filters import ConversationFilters


def test_every_filter_may_be_left_out():
    assert ConversationFilters.__required_keys__ == frozenset()
    assert not ConversationFilters.__optional_keys__ & {"cursor", "page_size"}, "paging is not the caller's"
