"""The matrices and the short answer of the report, as content."""

from report_samples import find, open_cache, opened, platform, reached, row, states, store

from seawall.qa.report.access import access
from seawall.qa.report.entrances import IN_THE_CLEAR, NOT_ITS_OWN, entrances
from seawall.qa.report.reach import LONGEST_EXCERPT


def test_each_source_is_said_to_be_what_it_is() -> None:
    found = reached(platform())
    cache = store(found, "Dragonfly t0000/cache")
    application = row(cache, "pods with app=web of namespace t0000")
    assert (application.who, application.application, application.declared) == ("application", "t0000", True)
    assert {it.source: it.who for it in cache.rows if it.who != "application"} == {
        "the operator": "platform",
        "its own 3 pods": "platform",
        "the scraper": "platform",
        "its own node": "platform",
        "other pods of namespace t0000": "others",
        "pods of any other namespace": "others",
        "other nodes": "outside",
        "the API server": "outside",
        "the world": "outside",
    }
    cluster = store(found, "Cluster pg-0000/pg")
    assert [it.pooler for it in cluster.rows if it.who == "pooler"] == ["pg-0000/t0000-pooler", "pg-0000/t0001-pooler"]
    assert store(found, "Pooler pg-0000/t0000-pooler").behind == "pg-0000/pg"


def test_applications_come_first_and_what_is_wrong_before_them() -> None:
    found = reached(platform())
    assert store(found, "Dragonfly t0000/cache").rows[0].who == "application"
    rows = store(reached([open_cache()]), "Dragonfly shop/open").rows
    assert rows[0].who == "others"


def test_ports_say_whom_they_are_for() -> None:
    ports = {port.number: port for port in store(reached(platform()), "Dragonfly t0000/cache").ports}
    assert ports[6379].clients
    assert not ports[6379].warning
    assert not ports[9999].clients
    assert "no password" in ports[9999].warning


def test_a_cell_rests_on_the_rule_that_decides_and_shows_it_as_written() -> None:
    found = reached(platform())
    cache = store(found, "Dragonfly t0000/cache")
    application = row(cache, "pods with app=web of namespace t0000")
    assert states(found, application) == ["open", "closed"]
    (place,) = found.cells[application.cells[0]].grounds
    ground = found.grounds[place]
    assert ground.rule == "NetworkPolicy t0000/cache-traffic, ingress rule 1"
    assert ground.effect == "allows"
    assert ground.place.startswith("estate.yaml:")
    assert ground.place.endswith(", spec.ingress[0]")
    assert "app: web" in ground.excerpt
    assert "port: 6379" in ground.excerpt
    (closing,) = found.cells[application.cells[1]].grounds
    assert (found.grounds[closing].effect, found.grounds[closing].excerpt) == ("isolates", "")


def test_a_long_rule_is_cut() -> None:
    manifests = platform()
    policy = find(manifests, "NetworkPolicy", "cache-traffic")
    peer = policy["spec"]["ingress"][0]["from"][0]
    policy["spec"]["ingress"][0]["from"] = [peer] * 40
    found = reached(manifests)
    (shown,) = (it.excerpt for it in found.grounds if it.rule == "NetworkPolicy t0000/cache-traffic, ingress rule 1")
    assert len(shown.splitlines()) == LONGEST_EXCERPT + 1
    assert shown.splitlines()[-1].startswith("# … ")


def test_a_cache_that_nobody_declared_and_nothing_isolates_is_wrong() -> None:
    found = reached([open_cache()])
    cache = store(found, "Dragonfly shop/open")
    assert states(found, row(cache, "pods of any other namespace"))[0] == "open!"
    assert states(found, row(cache, "the world"))[0] == "open!"
    (short,) = access(found, ())
    assert {guest.name for guest in short.strangers} >= {"pods of any other namespace", "the world"}
    assert not short.guests


def test_who_has_to_get_in_and_does_not_is_missing() -> None:
    manifests = platform()
    policy = find(manifests, "NetworkPolicy", "cache-traffic")
    policy["spec"]["ingress"].pop(0)
    (first, *rest) = access(reached(manifests), ())
    assert [(guest.name, guest.state) for guest in first.missing] == [("t0000", "closed")]
    assert first.store == 0
    assert not any(it.missing for it in rest)


def test_the_short_answer_names_applications_poolers_and_databases() -> None:
    read = opened(platform()).estate
    manifests = platform()
    found = reached(manifests)
    answers = {found.stores[it.store].key: it for it in access(found, entrances(read))}
    assert set(answers) == {"Dragonfly t0000/cache", "Dragonfly t0001/cache", "Cluster pg-0000/pg"}
    assert [guest.name for guest in answers["Dragonfly t0001/cache"].guests] == ["t0001"]
    assert [(it.name, it.way, it.enters, it.ports) for it in answers["Cluster pg-0000/pg"].guests] == [
        ("t0000", "t0000-pooler", ("t0000",), (5432,)),
        ("t0001", "t0001-pooler", ("t0001",), (5432,)),
    ]


def test_an_application_whose_pooler_is_shut_out_is_missing() -> None:
    manifests = platform()
    policy = find(manifests, "NetworkPolicy", "pg")
    policy["spec"]["ingress"].pop(1)
    read = reached(manifests)
    (cluster,) = (it for it in access(read, ()) if read.stores[it.store].kind == "Cluster")
    assert [(it.name, it.wrong) for it in cluster.missing] == [
        ("t0000", "the pooler t0000-pooler cannot reach the instances"),
        ("t0001", "the pooler t0001-pooler cannot reach the instances"),
    ]


def test_a_pooler_without_its_cluster_stands_for_itself() -> None:
    manifests = [it for it in platform(1) if it["kind"] in ("Pooler", "NetworkPolicy", "Namespace")]
    read = reached(manifests)
    assert [read.stores[it.store].key for it in access(read, ())] == ["Pooler pg-0000/t0000-pooler"]


def test_what_cannot_be_read_is_said_and_hides_nothing_else() -> None:
    manifests = platform(1)
    find(manifests, "Dragonfly", "cache")["metadata"]["annotations"]["seawall.dev/clients"] = "[not json"
    found = reached(manifests)
    assert store(found, "Dragonfly t0000/cache").unreadable
    assert store(found, "Cluster pg-0000/pg").rows


def test_the_second_matrix_has_a_row_for_each_role_database_and_way() -> None:
    (entrance,) = entrances(opened(platform(1)).estate)
    direct, pooled = entrance.ways
    assert (direct.role, direct.database, direct.way) == ("t0000", "t0000", "directly")
    assert direct.tls is not None
    assert direct.tls.enters
    assert direct.tls.line == "hostssl t0000 t0000 all scram-sha-256"
    assert direct.plain is not None
    assert (direct.plain.enters, direct.plain.line) == (False, "host all all all reject")
    assert (pooled.way, pooled.plain) == ("through t0000-pooler", None)


def test_who_enters_what_is_not_its_own_or_in_the_clear_is_wrong() -> None:
    manifests = platform(2)
    cluster = find(manifests, "Cluster", "pg")
    cluster["spec"]["postgresql"]["pg_hba"].insert(0, "host all all all scram-sha-256")
    (entrance,) = entrances(opened(manifests).estate)
    marks = {
        (way.role, way.database, mark.wrong)
        for way in entrance.ways
        if way.way == "directly"
        for mark in (way.tls, way.plain)
        if mark is not None and mark.wrong
    }
    assert ("t0000", "t0001", NOT_ITS_OWN) in marks
    assert ("t0000", "t0000", IN_THE_CLEAR) in marks


def test_a_cluster_that_cannot_be_read_says_why() -> None:
    manifests = platform(1)
    find(manifests, "Cluster", "pg")["spec"]["postgresql"]["pg_hba"] = "no list"
    (entrance,) = entrances(opened(manifests).estate)
    assert not entrance.ways
    assert entrance.unknown
