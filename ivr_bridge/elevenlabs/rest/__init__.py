"""The vendor's REST API, as far as the bridge uses it.

client.py          one HTTP session, time limits, answers checked before anyone takes them for what they claim
errors.py          an answer that is an error, in any of the vendor's four shapes -> `VendorError`           pure
agents.py  conversations.py  text_to_speech.py   the calls, each with the shape of its answer
"""
