"""The probe's own program against real sockets: every outcome is told from every other."""

from namespaces import BEHIND, CLIENT, SERVER, Wire

PORT = 6379


def tcp(host: str = SERVER, port: int = PORT, **more: object) -> dict[str, object]:
    return {"kind": "tcp", "host": host, "port": port, **more}


def test_an_open_port_is_open(net: Wire) -> None:
    net.listen(PORT)

    [found] = net.probe(tcp())

    assert found["outcome"] == "open"


def test_a_reset_is_a_refusal(net: Wire) -> None:
    [found] = net.probe(tcp())

    assert found["outcome"] == "refused"
    assert f"{SERVER}:{PORT}" in found["why"]


def test_silence_is_a_drop(net: Wire) -> None:
    net.listen(PORT)
    net.route("add", "blackhole", f"{CLIENT}/32")  # what a policy does: the packets come, and no answer goes

    [found] = net.probe(tcp(patience=2))

    assert found["outcome"] == "dropped"
    assert "no answer" in found["why"]


def test_what_the_network_itself_says_is_neither_a_refusal_nor_a_drop(net: Wire) -> None:
    net.route("add", "unreachable", f"{BEHIND}.1/32")
    net.route("add", "prohibit", f"{BEHIND}.2/32")

    found = net.probe(tcp(f"{BEHIND}.1"), tcp(f"{BEHIND}.2"))

    assert [it["outcome"] for it in found] == ["unreachable", "unreachable"]


def test_an_answer_that_comes_late_is_slow_and_no_drop(net: Wire) -> None:
    """The first packets are lost; a later one gets through. A short patience would take that for a denial."""
    net.listen(PORT)
    net.route("add", "blackhole", f"{CLIENT}/32")

    with net.probing(tcp()) as running:
        net.until_sent_again()
        net.route("del", "blackhole", f"{CLIENT}/32")
        out, _ = running.communicate(timeout=60)

    assert '"outcome":"slow"' in out


def test_a_name_that_nobody_knows_is_neither(net: Wire) -> None:
    found = net.probe(tcp("nobody.invalid"), {"kind": "dns", "host": "nobody.invalid"}, {"kind": "dns", "host": SERVER})

    assert [it["outcome"] for it in found] == ["unresolved", "unresolved", "resolved"]
    assert found[2]["addresses"] == [SERVER]


def test_steps_are_tried_side_by_side_and_told_in_order(net: Wire) -> None:
    net.listen(PORT)

    found = net.probe(tcp(port=1), tcp(), tcp("nobody.invalid"), tcp(port=2))

    assert [it["outcome"] for it in found] == ["refused", "open", "unresolved", "refused"]
