"""Every check of the outside, in the order in which it is shown: from this machine outwards."""

from ivr_bridge.doctor import agent, configuration, elevenlabs_account, machine, network, server, twilio_account, voices
from ivr_bridge.doctor.examination import Check

_TWILIO = "look at TWILIO_API_BASE_URL and this host's way out; try again in a few minutes"
_VENDOR = "look at ELEVENLABS_BASE_URL, this host's way out, and the vendor's status page; try again in a few minutes"
_SERVER = "look at what serves at PUBLIC_BASE_URL, and at its log"

CHECKS: tuple[Check, ...] = (
    Check("settings", configuration.settings, "correct these variables"),
    Check("config", configuration.config, configuration.CHECK, limit_s=30.0),
    Check("disk", machine.disk, "let our user write to VAR_DIR, on a disk that answers"),
    Check("store", machine.store, "start it, or correct REDIS_URL", limit_s=20.0),
    Check("clock", network.clock, "set the clock by the network"),
    Check("server", server.server, _SERVER),
    Check("signature", server.signature, _SERVER, limit_s=30.0),
    Check("twilio_credentials", twilio_account.credentials, _TWILIO, limit_s=30.0),
    Check("twilio_auth_token", twilio_account.auth_token, _TWILIO, limit_s=30.0),
    Check("twilio_number", twilio_account.number, _TWILIO, limit_s=30.0),
    Check("elevenlabs_key", elevenlabs_account.key, _VENDOR),
    Check("elevenlabs_scopes", elevenlabs_account.scopes, _VENDOR, limit_s=30.0),
    Check("agent", agent.exists, _VENDOR, limit_s=30.0),
    Check("agent_formats", agent.formats, _VENDOR, limit_s=30.0),
    Check("agent_events", agent.events, _VENDOR, limit_s=30.0),
    Check("agent_overrides", agent.overrides, _VENDOR, limit_s=30.0),
    Check("agent_tools", agent.tools, _VENDOR, limit_s=30.0),
    Check("voices", voices.in_use, _VENDOR, limit_s=30.0),
    Check("seed_voices", voices.seeds, _VENDOR, limit_s=30.0),
    Check("quota", elevenlabs_account.quota, _VENDOR, limit_s=30.0),
    Check("concurrency", elevenlabs_account.concurrency, _VENDOR, limit_s=30.0),
    Check("latency_server", network.latency_of("server"), _SERVER, limit_s=20.0, measures=True),
    Check("latency_twilio", network.latency_of("twilio"), _TWILIO, limit_s=20.0, measures=True),
    Check("latency_elevenlabs", network.latency_of("elevenlabs"), _VENDOR, limit_s=20.0, measures=True),
)
