"""Plays ElevenLabs: REST with state, speech, and the conversation WebSocket with an agent that listens and speaks.

app.py joins everything; door.py lets in by keys.py, and has request_log.py note what comes, rest_faults.py misbehave
and examples.py answer what is not done here; refusals.py are the vendor's errors.

The account: account.py (what it holds, on disk when asked), agents.py and agent_document.py, merge.py, paging.py; each
*_rest.py is the REST API of one noun, rag_index.py that of indexes, sandbox_rest.py that of the sandbox itself;
models.py, voices.py, subscription.py.

A conversation, in its order: conversation_door.py (who opens one; signing.py), conversation.py (one socket) in its
dialect.py or legacy_dialect.py, stage.py (what all share), ears.py, hearing.py and recogniser.py (what it hears) or
transcripts.py (what it is told to have heard), dialogue.py, menu_notice.py and phrasebook.py (what it answers),
tool_calls.py, mouth.py (what it says), faults.py and connection.py (how it misbehaves on demand),
conversation_record.py and recording.py (what is kept of it), post_call.py (whom it is told). register_call.py
answers a call that is to be joined without a bridge.

Speech on a socket: speech_socket.py, speech_context.py, text_schedule.py.
"""
