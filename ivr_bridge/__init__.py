"""Puts a voice agent on a phone number. The folders, in the order a call travels:

twilio/      the caller's leg: signed webhooks, TwiML, the media stream
audio/       bytes to bytes: G.711, resampling, framing, levels
bridge/      one call: joins the two legs, keeps the playout ledger, ends exactly once
elevenlabs/  the agent's leg: conversation protocol and socket, the vendor's REST API
flows/       the IVR that an operator writes: its model, its engine, its hours
tools/       the agent's client tools, run locally
speech/      prompts: text an operator wrote, rendered once and kept
access/      keys of this machine and the doors they open
store/       Redis or Valkey, and memory when it is gone: only what may be lost
telemetry/   the catalogue of log events, masking, the live feed of a call
api/         what HTTP clients may ask under /api/v1
cli/         the commands an operator types
simulator/   plays the phone network and ElevenLabs, for tests, demos and developers
"""

__version__ = "0.1.0"
