"""The agent's leg: a conversation with an ElevenLabs agent, and the vendor's REST API.

websocket.py   the one door of the WebSocket client library
conversation/  one conversation: what is said on its socket, the socket, how it is dialled
rest/          signed URLs, agents, text to speech; each answer that is not what was asked for is a `VendorError`
"""
