from dataclasses import fields

from ivr_bridge.simulator.phone.faults import PhoneFaults


def test_nothing_misbehaves_unless_told():
    behaves = PhoneFaults()
    names = [field.name for field in fields(behaves) if field.name not in ("hold_s", "seed")]
    assert len(names) >= 20
    assert not any(getattr(behaves, name) for name in names)
