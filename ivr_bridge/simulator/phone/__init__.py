"""The telephone network: plays Twilio strictly, as a judge that shares no code with the product.

In the order a call travels: `line` (who calls whom, where), `signing`, `webhooks` (signed form posts), `twiml_reader`,
`placed_call` (follows the TwiML), `network_verbs`, `network_leg` and `sounds` (what the network does by itself),
`stream_dialler`, `stream_socket` and `stream_leg` (one Media Stream), `uplink` (the caller's audio out), `stream_judge`
(what the bridge may send), `playback` (what the network has queued), `hearing` (what was audible), `caller` (the script
of the person), `recording`, `talk_notes`, `call_log` and `report` (what came of it), `silence` and `timeline` (what a
recording says of the caller's patience), `faults` (misbehaviour on demand), `voices` (speech from text). `phone` is the
front door.
"""
