"""The agent's leg: a conversation with an ElevenLabs agent, and the vendor's REST API and webhooks.

websocket.py   the one door of the WebSocket client library
conversation/  one conversation: what is said on its socket, the socket, how it is dialled
rest/          signed URLs, agents, text to speech; each answer that is not what was asked for is a `VendorError`
webhooks.py    what a conversation was, who is calling the vendor's own number; who asked is told by
               webhook_signature.py, bodies of any length are read by webhook_body.py and audio_extractor.py
conversation_files.py  var/conversations/, on the disk before the answer; webhook_document.py names what lies there,
               conversation_worker.py gives it to a sink, conversation_log.py is one
"""
