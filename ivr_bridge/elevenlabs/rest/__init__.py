"""The vendor's REST API.

client.py             `ElevenLabsAPIClient`: one account at one host, a resource for each part of the API
request.py answer.py  one question and whether it may be asked twice; one answer, typed
transport.py          HTTP: one session, answers checked before anyone takes them for what they claim
repeating.py          what is sent again, when and how often;  retry_after.py   the vendor's own word for it
limits.py             how many at once and in a time;  breaker.py   who is not asked;  key_ring.py   with which key
answer_cache.py       answers that may be given once more
errors.py             an answer that is an error, in any of the vendor's four shapes -> `VendorError`          pure
pages.py              lists page by page;  asking.py  dependents.py  disk_file.py  hidden.py  json_lines.py  parts of it
seed_paths.py         the paths of the first plan, as they are today                                         pure

All others are resources of the vendor's, each with the shape of its answers.
"""
