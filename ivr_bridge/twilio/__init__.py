"""The caller's leg: Twilio's webhooks, its TwiML and its Media Streams WebSocket.

In travel order: `webhooks` (what Twilio asks; `signature` says whether it is Twilio, `call_desk` what the bridge
answers, `twiml` how that is written), `stream_token` (the stream's one-time ticket), `stream_door` (who is let in),
`stream_socket` (the WebSocket around `stream_protocol`, which speaks in `stream_events`). Beside a call: `rest`
(Twilio's REST API), `account` (what it knows of the account and its numbers).
Source: https://www.twilio.com/docs/voice/media-streams
"""
