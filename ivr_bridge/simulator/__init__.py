"""Plays both ends for tests, demos and developers: phone/ (the network) and service/ (ElevenLabs).

It shares no codec with the product, so that one mistake cannot hide the other.
"""
