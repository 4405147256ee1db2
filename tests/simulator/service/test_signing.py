from ivr_bridge.simulator.service.signing import Signer


def test_good_for_fifteen_minutes():
    signer = Signer()
    signature = signer.sign("agent_1", 1000.0)
    assert signer.check(signature, 1000.0) == ("agent_1", "")
    assert signer.check(signature, 1900.0) == ("agent_1", "")
    assert signer.check(signature, 1901.5) is None


def test_once_with_a_conversation_id():
    signer = Signer()
    signature = signer.sign("agent_1", 0.0, conversation_id="conv_1")
    assert signer.check(signature, 1.0) == ("agent_1", "conv_1")
    assert signer.check(signature, 1.0) is None


def test_forged():
    signer = Signer()
    signature = signer.sign("agent_1", 0.0)
    assert Signer().check(signature, 0.0) is None
    for wrong in ("", "cvtkn_", "cvtkn_%%%", signature[:-4], signature.replace("cvtkn_", "cvtkn_AAAA"), "é" * 60):
        assert signer.check(wrong, 0.0) is None
