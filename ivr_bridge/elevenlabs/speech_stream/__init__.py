"""Speech from text that is still being written: the vendor's two text-to-speech WebSockets.

events and protocol are pure; socket is the WebSocket around them.
"""
