"""The picture: what is in it, where it stands, and how a thousand tenants become a few drawings."""

from itertools import pairwise

from report_samples import find, open_cache, platform, reached

from seawall.qa.report import graph
from seawall.qa.report.graph import Band, Node, groups


def band(manifests: list[dict[str, object]], key: str) -> Band:
    found = reached(manifests)
    (one,) = (it for group in groups(found) for it in group.bands if found.stores[it.store].key == key)
    return one


def paths(drawn: Band) -> set[tuple[str, ...]]:
    """Every way from a box of the first column to one of the last, by their labels."""

    def onward(place: int) -> set[tuple[str, ...]]:
        node = drawn.nodes[place]
        further = [edge.end for edge in drawn.edges if edge.start == place]
        ways = {(node.label, *rest) for end in further for rest in onward(end)}
        return ways or {(node.label,)}

    return {way for place, node in enumerate(drawn.nodes) if node.x == 0 for way in onward(place)}


def test_a_line_leads_from_each_client_over_its_rule_to_the_store() -> None:
    drawn = band(platform(1), "Dragonfly t0000/cache")
    assert paths(drawn) == {
        ("t0000", "cache-traffic", "3 pods", "Dragonfly cache"),
        ("the operator and 1 more", "cache-traffic", "3 pods", "Dragonfly cache"),
        ("the scraper", "cache-traffic", "3 pods", "Dragonfly cache"),
        ("its own node", "no rule is asked", "3 pods", "Dragonfly cache"),
    }
    lines = {(drawn.nodes[edge.start].label, edge.label) for edge in drawn.edges if edge.label}
    assert ("t0000", "6379") in lines
    assert ("its own node", "6379 9999") in lines


def test_a_cluster_is_drawn_with_its_poolers_and_their_clients() -> None:
    ways = paths(band(platform(2), "Cluster pg-0000/pg"))
    assert ("t0000", "t0000-pooler", "Pooler t0000-pooler", "Cluster pg") in ways
    assert ("the operator", "pg", "3 pods", "Cluster pg") in ways


def test_poolers_that_are_drawn_with_their_cluster_are_not_drawn_again() -> None:
    found = reached(platform(2))
    assert [found.stores[it.store].kind for group in groups(found) for it in group.bands] == [
        "Dragonfly",
        "Dragonfly",
        "Cluster",
    ]


def test_a_pooler_whose_cluster_cannot_be_read_is_drawn_by_itself() -> None:
    manifests = platform(1)
    find(manifests, "Cluster", "pg")["metadata"]["annotations"]["seawall.dev/platform"] = "[no json"
    found = reached(manifests)
    kinds = {found.stores[it.store].kind: it for group in groups(found) for it in group.bands}
    assert "Cluster" not in kinds
    assert ("t0000", "t0000-pooler", "2 pods", "Cluster pg") in paths(kinds["Pooler"])


def test_boxes_stand_in_columns_and_over_nobody() -> None:
    drawn = band(platform(4), "Cluster pg-0000/pg")
    assert {node.x for node in drawn.nodes} == set(graph.COLUMNS)
    for column in graph.COLUMNS:
        tops = sorted(node.y for node in drawn.nodes if node.x == column)
        assert all(after - before >= graph.ROW for before, after in pairwise(tops))
        assert tops[0] >= 0
        assert tops[-1] + graph.HEIGHT <= drawn.height
    for edge in drawn.edges:
        assert drawn.nodes[edge.start].x < drawn.nodes[edge.end].x


def test_it_crosses_no_lines_where_it_need_not() -> None:
    """Each application of a platform has a rule and a pooler of its own: their lines run side by side."""
    drawn = band(platform(6), "Cluster pg-0000/pg")
    own: list[tuple[int, ...]] = []
    for place, node in enumerate(drawn.nodes):
        if node.kind == "application":
            (rule,) = (edge.end for edge in drawn.edges if edge.start == place)
            (pooler,) = (edge.end for edge in drawn.edges if edge.start == rule)
            own.append((node.y, drawn.nodes[rule].y, drawn.nodes[pooler].y))
    assert len(own) == 6
    assert sorted(own) == sorted(own, key=lambda ys: ys[1]) == sorted(own, key=lambda ys: ys[2])
    lines = [
        (drawn.nodes[edge.start].y, drawn.nodes[edge.end].y) for edge in drawn.edges if drawn.nodes[edge.start].x == 0
    ]
    crossing = [(one, other) for one in lines for other in lines if one[0] < other[0] and one[1] > other[1]]
    assert crossing == []


def test_what_should_not_be_so_is_marked_and_drawn_first() -> None:
    found = reached([*platform(1), open_cache()])
    first = groups(found)[0].bands[0]
    assert found.stores[first.store].key == "Dragonfly shop/open"
    world = next(node for node in first.nodes if node.label == "the world")
    assert world.warn
    assert any(edge.warn for edge in first.edges)


def test_who_has_to_get_in_and_does_not_is_drawn_as_closed() -> None:
    manifests = platform(1)
    find(manifests, "NetworkPolicy", "cache-traffic")["spec"]["ingress"].pop(0)
    drawn = band(manifests, "Dragonfly t0000/cache")
    (line,) = (edge for edge in drawn.edges if edge.state == "closed" and drawn.nodes[edge.start].label == "t0000")
    assert line.warn
    assert drawn.nodes[line.end].sub == "isolates the pods"


def test_many_that_look_alike_are_one_drawing() -> None:
    found = reached(platform(41))
    drawn = {(found.stores[it.bands[0].store].kind, len(it.bands)) for it in groups(found)}
    assert ("Dragonfly", 41) in drawn
    assert ("Pooler", 40) in drawn
    assert sum(len(it.bands) for it in groups(found)) == len(found.stores) - 1, "one pooler is in its Cluster's picture"


def test_one_that_differs_is_not_hidden_among_those_that_look_alike() -> None:
    manifests = platform(10)
    policies = [it for it in manifests if it["metadata"]["name"] == "cache-traffic"]
    del policies[4]["spec"]["ingress"][0]["from"]
    found = reached(manifests)
    first = groups(found)[0]
    assert [found.stores[it.store].key for it in first.bands] == ["Dragonfly t0004/cache"]
    assert {len(it.bands) for it in groups(found) if found.stores[it.bands[0].store].kind == "Dragonfly"} == {1, 9}


def test_every_box_leads_somewhere() -> None:
    found = reached(platform(3))
    kinds: dict[str, list[Node]] = {"r": [], "g": [], "s": []}
    for group in groups(found):
        for node in group.bands[0].nodes:
            kinds[node.ref[0]].append(node)
    for node in kinds["r"]:
        store, number = map(int, node.ref[1:].split("."))
        assert found.stores[store].rows[number]
    assert all(found.grounds[int(node.ref[1:])].rule.endswith(node.sub) for node in kinds["g"] if node.kind == "rule")
    assert all(int(node.ref[1:]) < len(found.stores) for node in kinds["s"])
