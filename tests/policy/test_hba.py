"""pg_hba lines: what both dialects read, and which line decides, against a slow and simple judge of single "
"addresses."""

import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seawall.policy.estate.postgresql.hba import Hba, Line, Network, Role
from seawall.policy.estate.postgresql.hba_parsing import of_pooler, of_server

ROLES = ("shop", "crm", "clerk")
DATABASES = ("shop", "crm", "archive")
NETWORKS = ("all", "0.0.0.0/0", "::/0", "10.0.0.0/30", "10.0.0.0/31", "10.0.0.2/32", "0.0.0.0/1", "128.0.0.0/1")
PLACES = ("10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "9.0.0.1", "200.0.0.1", "2001:db8::1")
"""An address in each part into which the networks cut the world."""
CLERK = Role("clerk", frozenset({"shop"}))


def role(name: str) -> Role:
    return CLERK if name == "clerk" else Role(name)


names = st.lists(st.sampled_from(ROLES), min_size=1, max_size=2, unique=True).map(",".join)
written = st.builds(
    lambda kind, database, who, where, method: f"{kind} {database} {who} {where} {method}",
    st.sampled_from(("host", "hostssl", "hostnossl")),
    st.one_of(st.just("all"), st.just("sameuser"), names),
    st.one_of(st.just("all"), names, st.just("+shop")),
    st.sampled_from(NETWORKS),
    st.sampled_from(("reject", "scram-sha-256", "md5")),
)
files = st.lists(written, max_size=7)


def decided(lines: Sequence[str], who: Role, database: str, place: str, tls: bool) -> bool:
    """Whether one client at one address is let in: line by line, word by word."""
    for line in [*lines, "host all all all scram-sha-256"]:
        kind, databases, roles, where, method = line.split()
        if kind == {True: "hostnossl", False: "hostssl"}[tls]:
            continue
        if where != "all" and ipaddress.ip_address(place) not in ipaddress.ip_network(where):
            continue
        if roles not in ("all", "+shop") and who.name not in roles.split(","):
            continue
        if roles == "+shop" and who.name not in ("shop", "clerk"):
            continue
        if databases == "sameuser" and database != who.name:
            continue
        if databases not in ("all", "sameuser") and database not in databases.split(","):
            continue
        return method != "reject"
    return False


def somewhere(lines: Sequence[str], who: str, database: str, *, tls: bool) -> bool:
    return any(decided(lines, role(who), database, place, tls) for place in PLACES)


@given(files, st.sampled_from(ROLES), st.sampled_from(DATABASES), st.booleans())
def test_the_first_line_that_matches_decides(lines: list[str], who: str, database: str, tls: bool) -> None:
    hba = of_server(lines)
    assert not hba.unread
    assert (hba.enters(role(who), database, tls=tls) is not None) is somewhere(lines, who, database, tls=tls)


@given(files, st.sampled_from(ROLES), st.sampled_from(DATABASES), st.booleans())
def test_a_reject_of_everything_first_closes_everything(lines: list[str], who: str, database: str, tls: bool) -> None:
    for hba in (
        of_server(["host all all all reject", *lines]),
        of_server(["hostssl all all all reject", "hostnossl all all all reject", *lines]),
        of_pooler(["host all all 0.0.0.0/0 reject", "host all all ::/0 reject", *lines]),
    ):
        assert hba.enters(role(who), database, tls=tls) is None
        assert not list(hba.openings({who: role(who)}, set(DATABASES), frozenset(), tls=tls))


@given(files, st.sampled_from(ROLES), st.sampled_from(DATABASES))
def test_a_line_for_one_role_first_opens_its_database_and_no_other(lines: list[str], who: str, database: str) -> None:
    first = f"hostssl {database} {who} all scram-sha-256"
    hba, before = of_server([first, *lines]), of_server(lines)
    found = hba.enters(role(who), database, tls=True)
    assert found is not None
    assert found.text == first
    for other in DATABASES:
        for one in ROLES:
            if (one, other) != (who, database):
                same = before.enters(role(one), other, tls=True) is None
                assert (hba.enters(role(one), other, tls=True) is None) is same


@given(files, st.booleans(), st.sets(st.tuples(st.sampled_from(ROLES), st.sampled_from(DATABASES))))
def test_openings_are_all_pairs_that_enter(lines: list[str], tls: bool, expected: set[tuple[str, str]]) -> None:
    hba = of_server(lines)
    roles = {name: role(name) for name in ROLES}
    found = list(hba.openings(roles, set(DATABASES), expected, tls=tls))
    assert not any(opening.more for opening in found)
    told = {pair for opening in found for pair in opening.pairs}
    entering = {
        (who, database)
        for who in ROLES
        for database in DATABASES
        if (who, database) not in expected and somewhere(lines, who, database, tls=tls)
    }
    assert told == entering
    for opening in found:
        assert opening.line.admits
        for who, database in opening.pairs:
            assert any(it is opening.line for it in hba.outcomes(role(who), database, tls=tls))


@given(files)
def test_a_line_that_never_decides_can_go(lines: list[str]) -> None:
    hba = of_server(lines)
    idle = {line.index for line, _ in hba.never_decides()}
    kept = of_server([line for index, line in enumerate(lines) if index not in idle])
    for who in ROLES:
        for database in DATABASES:
            for tls in (True, False):
                before = [line and line.text for line in hba.outcomes(role(who), database, tls=tls)]
                assert before == [line and line.text for line in kept.outcomes(role(who), database, tls=tls)]


@given(files, st.booleans())
def test_what_may_be_let_in_holds_all_that_is(lines: list[str], tls: bool) -> None:
    hba = of_server(lines)
    pairs = set(hba.may_let_in(set(ROLES), set(DATABASES)))
    for who in ROLES:
        for database in DATABASES:
            if hba.enters(role(who), database, tls=tls) is not None:
                assert (who, database) in pairs
                assert who in hba.let_in(set(ROLES))


@given(st.lists(st.text(max_size=60), max_size=6))
def test_whatever_is_written_is_read_or_said(lines: list[str]) -> None:
    for hba in (of_server(lines), of_pooler(lines)):
        hba.outcomes(Role("a"), "a", tls=True)
        list(hba.never_decides())
        assert all(it.why for it in hba.unread)


quotable = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=12)


@given(quotable, quotable)
def test_a_quoted_name_is_that_name(database: str, who: str) -> None:
    assume("\x85" not in database + who)
    quoted = [f'"{name.replace(chr(34), chr(34) * 2)}"' for name in (database, who)]
    for hba in (
        of_server([f"host {quoted[0]} {quoted[1]} all md5"], major=15),
        of_pooler([f"host {quoted[0]} {quoted[1]} all md5"]),
    ):
        assert not hba.unread
        line = own(hba)[0]
        assert (set(line.databases.exact), set(line.roles.exact)) == ({database}, {who})


def own(hba: Hba) -> list[Line]:
    return [line for line in hba.lines if line.index is not None]


@pytest.mark.parametrize(
    ("text", "who", "database", "matches"),
    [
        ("host all all all md5", "shop", "crm", True),
        ('host "all" all all md5', "shop", "crm", False),
        ('host "all" all all md5', "shop", "all", True),
        ("host shop, crm shop all md5", "shop", "crm", True),
        ("host shop,crm,archive shop all md5", "shop", "archive", True),
        ("host sameuser all all md5", "shop", "shop", True),
        ("host sameuser all all md5", "shop", "crm", False),
        ("host samerole all all md5", "clerk", "shop", True),
        ("host samerole all all md5", "clerk", "crm", False),
        ("host samegroup all all md5", "clerk", "clerk", True),
        ("host replication all all md5", "shop", "replication", False),
        ("host all +shop all md5", "clerk", "crm", True),
        ("host all +shop all md5", "shop", "crm", True),
        ("host all +shop all md5", "crm", "crm", False),
        ('host all "+shop" all md5', "clerk", "crm", False),
        ("host /^sh all all md5", "crm", "shop", True),
        ("host /^sh all all md5", "crm", "crm", False),
        ("host all /er all md5", "clerk", "crm", True),
        ("host all Shop all md5", "shop", "shop", False),
        ('host "@shop" shop all md5', "shop", "@shop", True),
        ('host shop "@shop" all md5', "@shop", "shop", True),
    ],
)
def test_names(text: str, who: str, database: str, matches: bool) -> None:
    line = own(of_server([text]))[0]
    assert line.matches(role(who), database) is matches


@pytest.mark.parametrize(
    ("kind", "modes"),
    [
        ("host", {True, False}),
        ("hostssl", {True}),
        ("hostnossl", {False}),
        ("hostnogssenc", {True, False}),
        ("hostgssenc", set()),
    ],
)
def test_record_types(kind: str, modes: set[bool]) -> None:
    hba = Hba(tuple(own(of_server([f"{kind} all all all md5"]))))
    assert {tls for tls in (True, False) if hba.enters(Role("a"), "a", tls=tls) is not None} == modes


def test_before_version_16_a_slash_is_a_letter() -> None:
    line = own(of_server(["host /^sh all all md5"], major=15))[0]
    assert line.databases.exact == {"/^sh"}
    assert own(of_server(["host /^sh all all md5"], major=16))[0].databases.patterns


@pytest.mark.parametrize(
    ("where", "networks", "elsewhere"),
    [
        ("all", ["0.0.0.0/0", "::/0"], ""),
        ("10.1.2.3/8", ["10.0.0.0/8"], ""),
        ("10.0.0.0 255.0.0.0", ["10.0.0.0/8"], ""),
        ("2001:db8:: ffff:ffff::", ["2001:db8::/32"], ""),
        ("samehost", [], ""),
        ("samenet", [], "the pod's own subnet"),
        ("shop.example.org", [], "the host shop.example.org"),
        (".example.org", [], "the host .example.org"),
        ("${podselector:web}", [], "the pods of selector web"),
    ],
)
def test_addresses(where: str, networks: list[str], elsewhere: str) -> None:
    line = own(of_server([f"host all all {where} md5"]))[0]
    assert list(line.networks) == [Network.of(network) for network in networks]
    assert line.elsewhere == elsewhere


@pytest.mark.parametrize(
    "text",
    [
        "hostssl all all all cert clientcert=verify-full map=people",
        "hostssl all all all scram-sha-256 clientcert=verify-ca clientname=DN",
        "host all all all ldap ldapserver=ldap.example.org ldapport=389",
        "host all all all radius radiusservers=a.example.org radiussecrets=x",
        "host all all all gss include_realm=0 krb_realm=EXAMPLE map=people",
        "local all all ident map=people",
        "hostgssenc all all all gss",
    ],
)
def test_options_that_postgres_knows(text: str) -> None:
    assert not of_server([text]).unread
    assert len(own(of_server([text]))) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("host all all all scram-sha-256 map=people", "map= is not for the method scram-sha-256"),
        ("host all all all md5 ldapserver=x", "ldapserver= is not for the method md5"),
        ("host all all all ldap radiusservers=x", "radiusservers= is not for the method ldap"),
        ("hostssl all all all md5 clientcert=1", "clientcert= must be verify-ca or verify-full"),
        ("local all all gss", "gss is not for local lines"),
        ("host all", "the role is missing"),
        ("host", "the database is missing"),
        ("host all all", "the address is missing"),
        ("host all all all", "the method is missing"),
        ("host all all 10.0.0.0", "the netmask is missing"),
        ("host,hostssl all all all md5", "the record type must be one word, not 2"),
        ("host all all 10.0.0.0,10.1.0.0 md5", "the address must be one word, not 2"),
        ("host all all all md5,trust", "the method must be one word, not 2"),
        ("host all all 10.0.0.0/x md5", '"x" is no number of bits'),
        ("host all all 10.0.0.0 ffff:: md5", '"ffff::" is no netmask for 10.0.0.0'),
        ("host all all 2001:db8:: ff0f:: md5", '"ff0f::" is no netmask'),
        ("host , all all md5", "a comma stands where a word should"),
    ],
)
def test_lines_that_postgres_refuses(text: str, why: str) -> None:
    (unread,) = of_server(["# first", text]).unread
    assert (unread.index, unread.why) == (1, why)


@pytest.mark.parametrize(
    ("text", "databases", "roles"),
    [
        ("host shop,crm shop,crm all md5", {"shop", "crm"}, {"shop", "crm"}),
        ("host shop , crm a ,b all md5", {"shop", "crm"}, {"a", "b"}),
        ('host "a b",c"d"e 10.0.0.0/8 md5', {"a b", "c"}, {"d"}),
        ("host a#b all all md5", None, None),
        ("host a b all md5#why", {"a"}, {"b"}),
        ('host "@a" "+b" all md5', {"@a"}, {"+b"}),
        ('host "all" "all" all md5', {"all"}, {"all"}),
        ('host "sameuser" b all md5', {"sameuser"}, {"b"}),
    ],
)
def test_names_as_pgbouncer_cuts_them(text: str, databases: set[str] | None, roles: set[str] | None) -> None:
    hba = of_pooler([text])
    if databases is None:
        assert hba.unread
    elif text.endswith("e 10.0.0.0/8 md5"):
        assert hba.unread[0].why.startswith('"e" is no address')
    else:
        (line,) = own(hba)
        assert (set(line.databases.exact), set(line.roles.exact)) == (databases, roles)


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("host all all all reject", (1, 23, 0)),
        ("host replication all 10.0.0.0/8 reject", (1, 23, 0)),
        ("host all all 10.0.0.0/8 ldap ldapserver=ldap.example.org", (1, 25, 0)),
    ],
)
def test_what_pgbouncer_learned_later(text: str, since: tuple[int, int, int]) -> None:
    before = (since[0], since[1] - 1, 9)
    assert of_pooler([text], before).unread
    assert not of_pooler([text], since).unread
    assert not of_pooler([text]).unread


def test_pgbouncer_takes_a_mask_beside_the_address() -> None:
    (line,) = own(of_pooler(["host all all 10.0.0.0 255.0.0.0 md5"]))
    assert line.networks == (Network.of("10.0.0.0/8"),)
    assert of_pooler(["host all all 10.0.0.0 ffff:: md5"]).unread


def test_an_address_that_nobody_can_tell_decides_and_does_not_decide() -> None:
    hba = of_server(["host shop shop web.example.org md5", "host all all all reject"])
    assert [line and line.method for line in hba.outcomes(Role("shop"), "shop", tls=True)] == ["md5", "reject"]
    hba = of_server(["host shop shop web.example.org reject", "host shop shop all md5", "host all all all reject"])
    assert hba.enters(Role("shop"), "shop", tls=True) is not None


def test_nobody_enters_a_pooler_without_a_line() -> None:
    hba = Hba(tuple(own(of_pooler(["host shop shop 10.0.0.0/8 md5"]))))
    assert [line and line.method for line in hba.outcomes(Role("shop"), "shop", tls=True)] == ["md5", None]
    assert hba.outcomes(Role("crm"), "crm", tls=True) == [None]


def test_the_operators_lines_stand_around_the_others() -> None:
    server = of_server(["host shop shop all md5"], ldap=True)
    assert [line.text for line in server.lines[-3:]] == [
        "host shop shop all md5",
        "host all all 0.0.0.0/0 ldap",
        "host all all all scram-sha-256",
    ]
    assert server.lines[0].kind == "local"
    user = Role("cnpg_pooler_pgbouncer")
    assert [line and line.method for line in server.outcomes(user, "postgres", tls=True)] == ["cert"]
    pooler = of_pooler(["host shop shop all md5"])
    assert [line.text for line in pooler.lines[-2:]] == ["host all all 0.0.0.0/0 md5", "host all all ::/0 md5"]


def test_a_line_may_go_on_in_the_next_for_postgres_only() -> None:
    lines = ["host shop \\", "shop all md5", "host crm crm all md5"]
    assert [(line.index, line.text) for line in own(of_server(lines))] == [
        (0, "host shop shop all md5"),
        (2, "host crm crm all md5"),
    ]
    assert [it.index for it in of_pooler(lines).unread] == [0, 1]


def test_a_line_may_go_on_within_an_item() -> None:
    first, second = own(of_server(["host shop \\\nshop all md5\nhost crm crm all \\", "reject"]))
    assert (first.index, second.index) == (0, 0)
    assert [first, second] == own(of_server(["host shop shop all md5\nhost crm crm all reject"]))


def test_one_item_may_hold_several_lines() -> None:
    lines = ["# nobody else\nhost shop shop all md5\n\nhost crm crm all md5 # the other"]
    assert [line.text.split()[1] for line in own(of_server(lines))] == ["shop", "crm"]
    assert [line.text.split()[1] for line in own(of_pooler(lines))] == ["shop", "crm"]


def test_a_line_may_be_long() -> None:
    names = [f"tenant-{number}" for number in range(100)]
    text = f"host {','.join(names)} all all md5"
    for hba in (of_server([text]), of_pooler([text])):
        assert not hba.unread
        assert own(hba)[0].text == text


def test_openings_tell_the_first_pairs_and_that_there_are_more() -> None:
    roles = {f"r{place:02}": Role(f"r{place:02}") for place in range(30)}
    found = list(of_server([]).openings(roles, set(roles), {(name, name) for name in roles}, tls=True, most=5))
    assert [(len(opening.pairs), opening.more) for opening in found] == [(5, True)]


def test_walls_of_one_database_or_one_role_cost_no_look_at_each_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    tenants = [f"t{place}" for place in range(300)]
    lines = [line for t in tenants for line in (f"hostssl {t} {t} all scram-sha-256", f"host {t} all all reject")]
    looked = []
    outcomes = Hba.outcomes

    def counting(self: Hba, who: Role, database: str, *, tls: bool) -> list[Line | None]:
        looked.append(who)
        return outcomes(self, who, database, tls=tls)

    monkeypatch.setattr(Hba, "outcomes", counting)
    hba = of_server(lines)
    roles = {name: Role(name) for name in tenants}
    assert not list(hba.openings(roles, set(tenants), {(name, name) for name in tenants}, tls=True))
    assert len(looked) <= len(tenants)
