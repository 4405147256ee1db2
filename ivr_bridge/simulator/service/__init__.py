"""Plays ElevenLabs: REST, text to speech and the conversation WebSocket, with an agent that listens and speaks offline.

In the order of a conversation: app.py (routes), rest.py, agents.py and voices.py (what the account has),
conversation.py (one socket), ears.py and recogniser.py (what it hears), dialogue.py (what it answers), mouth.py
(what it says), faults.py (how it misbehaves on demand), request_log.py (what it saw).
"""
