"""Plays both ends for tests, demos and developers: the phone network (`phone/`) and the ElevenLabs service (`service/`).

It shares no codec with the product, so that one mistake cannot hide the other.
"""
