"""The telephone network: plays Twilio strictly, as a judge that shares no code with the product.

In the order a call travels: `line` (who calls whom, where), `signing`, `webhooks` (signed form posts), `twiml_grammar`
and `twiml_reader` (what is not understood ends the call with an error), `leg` (follows the TwiML) as `placed_call` (a
caller), `outbound_call` (made by REST) or `dialled_leg` (called by a `<Dial>`), `network_verbs`, `record_verb`,
`dial_verb` and `conference_verb` (the verbs; `call_side` is what they see of a leg, `flow` what follows them),
`network_leg`, `sounds` and `wav_clip` (what the network does by itself), `room` and `conference` (who hears whom),
`stream_dialler`, `stream_socket` and `stream_leg` (one Media Stream), `uplink` (the caller's audio out), `stream_judge`
(what the bridge may send), `playback` (what the network has queued), `hearing` (what was audible), `caller` (the script
of a person), `recording`, `talk_notes`, `standing`, `call_log` and `report` (what came of it), `silence` and `timeline`
(what a recording says of the caller's patience), `faults` (misbehaviour on demand), `voices` (speech from text).

What outlives a call is in `network`: `callees` (who answers where; `dial_course` and `machine_detection` say what
becomes of it), `call_account`, `progress` (status callbacks), `recordings` and `recorder`. `network_rest` serves it
over HTTP: `rest_calls`, `rest_conferences`, `rest_recordings`, `rest_form`, `rest_answers`, `rest_faults`.

`phone` is the front door; `network_plan` is the same network without sockets and clocks.
"""
