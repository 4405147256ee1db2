"""Plays ElevenLabs: REST, text to speech and the conversation WebSocket, with an agent that listens and speaks offline.

In the order of a conversation: app.py (routes), rest.py, register_call.py, agents.py and voices.py (what the account
has), conversation.py (one socket), stage.py (what all of them share), ears.py, hearing.py and recogniser.py (what it
hears) or transcripts.py (what it is told to have heard), dialogue.py, menu_notice.py and phrasebook.py (what it
answers), tool_calls.py, mouth.py (what it says), faults.py and connection.py (how it misbehaves on demand),
request_log.py (what it saw).
"""
