"""Checks of the outside: what must be true at Twilio, at ElevenLabs and on this machine before a call can go well.

checklist.py           every check by name, in the order in which it is shown
examination.py         runs them side by side, each with a time limit
surroundings.py        what they look at: settings, files, clients; each thing is asked for once
finding.py             what a check says, and `NotAsked`: why it says nothing
configuration.py  machine.py  network.py  server.py  twilio_account.py  elevenlabs_account.py  agent.py  voices.py
                       the checks: each a function of the surroundings that returns a finding
probe.py               one plain HTTP request, without a key
seed_voices.py         five voices that the first plans named, and who they really are                       pure
"""
