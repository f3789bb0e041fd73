"""Reading pg_hba lines in the two dialects: PostgreSQL's own and PgBouncer's, which knows less of it."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from seawall.operators.cnpg import hba as lines
from seawall.operators.cnpg.pgbouncer import ADDRESS_ALL_SINCE, LDAP_SINCE
from seawall.operators.versions import Version
from seawall.policy.estate.postgresql.hba import EVERYWHERE, Hba, Line, Names, Network, Unread

_PATTERNS_SINCE = 16
"""The first major version of PostgreSQL in which `/…` names databases and roles by a regular expression."""

_METHODS: Final = frozenset(
    {"trust", "reject", "scram-sha-256", "md5", "password", "gss", "ident", "peer", "ldap", "radius", "cert", "pam"}
    | {"oauth"}
)
"""What PostgreSQL's images for Kubernetes are built with."""
_OPTIONS: Final = frozenset(
    {"map", "clientcert", "clientname", "pamservice", "pam_use_hostname", "krb_realm", "include_realm"}
    | {"compat_realm", "upn_username", "ldapurl", "ldaptls", "ldapscheme", "ldapserver", "ldapport", "ldapbinddn"}
    | {"ldapbindpasswd", "ldapsearchattribute", "ldapsearchfilter", "ldapbasedn", "ldapprefix", "ldapsuffix"}
    | {"radiusservers", "radiusports", "radiusidentifiers", "radiussecrets"}
    | {"issuer", "scope", "validator", "delegate_ident_mapping"}
)
_MAPPED: Final = frozenset({"ident", "peer", "gss", "cert", "oauth"})
"""The methods of PostgreSQL that take `map=`."""
_QUOTED: Final = re.compile(r'"((?:[^"]|"")*)"')
_BOUNCER_METHODS: Final = frozenset({"trust", "reject", "md5", "password", "peer", "cert", "scram-sha-256"})


class HbaError(ValueError):
    """A line that the program cannot read; the text says why."""


@dataclass(frozen=True)
class _Token:
    text: str
    quoted: bool = False
    """A quoted word never is a keyword."""

    def says(self, keyword: str) -> bool:
        return self.text == keyword and not self.quoted


_Field = list[_Token]
_Read = Callable[[str, int | None], Line | None]


def of_server(given: Sequence[str], *, major: int | None = None, ldap: bool = False) -> Hba:
    """A Cluster's pg_hba.conf: the operator's first lines, the given ones, the operator's last.

    `major` is PostgreSQL's version, the newest when None; `ldap` says that the Cluster has a line for LDAP as well.
    """
    last = ((lines.SERVER_LDAP,) if ldap else ()) + lines.SERVER_LAST
    first, after = _operators(lines.SERVER_FIRST, server=True), _operators(last, server=True)
    return _file(first, _continued(given), after, lambda text, index: _server_line(text, index, major))


def of_pooler(given: Sequence[str], version: Version | None = None) -> Hba:
    """A Pooler's HBA file, as this PgBouncer reads it (the newest, when None); what it skips is in `unread`."""
    physical = ((index, line) for index, item in enumerate(given) for line in item.splitlines())
    first, after = _operators(lines.POOLER_FIRST, server=False), _operators(lines.POOLER_LAST, server=False)
    return _file(first, physical, after, lambda text, index: _bouncer_line(text, index, version))


@lru_cache(maxsize=16)
def _operators(texts: tuple[str, ...], *, server: bool) -> tuple[Line, ...]:
    """The operator's own lines, which every version reads."""
    read = [_server_line(text, None, None) if server else _bouncer_line(text, None, None) for text in texts]
    return tuple(line for line in read if line is not None)


def _file(first: tuple[Line, ...], given: Iterable[tuple[int, str]], last: tuple[Line, ...], read: _Read) -> Hba:
    found: list[Line] = []
    unread: list[Unread] = []
    for index, text in given:
        try:
            line = read(text, index)
        except HbaError as problem:
            unread.append(Unread(text.strip(), index, str(problem)))
        else:
            if line is not None:
                found.append(line)
    return Hba((*first, *found, *last), tuple(unread))


def _continued(given: Sequence[str]) -> Iterator[tuple[int, str]]:
    """PostgreSQL's lines: one that ends in a backslash goes on in the next."""
    start, text = 0, ""
    for index, item in enumerate(given):
        for line in item.splitlines():
            start = start if text else index
            if line.endswith("\\"):
                text += line[:-1]
                continue
            yield start, text + line
            text = ""
    if text:
        yield start, text


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _server_fields(text: str) -> list[_Field]:
    """The fields of a line: words between blanks, several joined by commas; a comma ends a word, `#` the line."""
    fields: list[_Field] = []
    place, joins = 0, False
    while True:
        while place < len(text) and text[place] in " \t\r,":
            if text[place] == "," and not joins:
                raise HbaError("a comma stands where a word should")
            place += 1
        if place >= len(text) or text[place] == "#":
            return fields
        quoted, start_quoted, word = False, text[place] == '"', ""
        while place < len(text) and (quoted or text[place] not in " \t\r,#"):
            if text[place] == '"':
                if quoted and text[place + 1 : place + 2] == '"':
                    word += '"'
                    place += 1
                else:
                    quoted = not quoted
            else:
                word += text[place]
            place += 1
        token = _Token(word, start_quoted)
        if joins:
            fields[-1].append(token)
        else:
            fields.append([token])
        joins = place < len(text) and text[place] == ","
        place += joins


@lru_cache(maxsize=4096)
def _server_line(text: str, index: int | None, major: int | None) -> Line | None:
    fields = _server_fields(text)
    if not fields:
        return None
    kind = _single(fields[0], "record type")
    if kind not in ("local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"):
        raise HbaError(f'"{kind}" is no record type')
    rest = _Fields(fields[1:])
    databases = _server_names(rest.next("database"), major, database=True)
    roles = _server_names(rest.next("role"), major, database=False)
    networks, elsewhere = ((), "") if kind == "local" else _server_address(rest)
    method = _single(rest.next("method"), "method")
    if method not in _METHODS:
        raise HbaError(f'"{method}" is no method')
    if kind == "local" and method == "ident":
        method = "peer"
    if kind != "local" and method == "peer":
        raise HbaError("peer is for local lines only")
    if method == "cert" and kind != "hostssl":
        raise HbaError("cert is for hostssl lines only")
    if kind == "local" and method == "gss":
        raise HbaError("gss is not for local lines")
    for option in rest.left:
        _server_option(option, method, kind)
    nowhere = "the address samehost is the pod's own" if not networks and not elsewhere and kind != "local" else ""
    return Line(text.strip(), index, kind, databases, roles, networks, method, elsewhere, nowhere)


class _Fields:
    """The fields that are left, taken one after the other."""

    def __init__(self, fields: list[_Field]) -> None:
        self.left = fields

    def next(self, what: str) -> _Field:
        if not self.left:
            raise HbaError(f"the {what} is missing")
        return self.left.pop(0)


def _single(field: _Field, what: str) -> str:
    if len(field) != 1:
        raise HbaError(f"the {what} must be one word, not {len(field)}")
    return field[0].text


def _server_names(tokens: _Field, major: int | None, *, database: bool) -> Names:
    every = same_name = same_group = False
    exact, groups, patterns = set(), set(), []
    for token in tokens:
        if token.says("all"):
            every = True
        elif database and token.says("sameuser"):
            same_name = True
        elif database and (token.says("samerole") or token.says("samegroup")):
            same_group = True
        elif database and token.says("replication"):
            continue  # physical replication, which enters no database
        elif token.text.startswith("@") and not token.quoted:
            raise HbaError(f"the file {token.text[1:]} is not to be seen")
        elif token.text.startswith("+") and not token.quoted and not database:
            groups.add(token.text[1:])
        elif token.text.startswith("/") and (major is None or major >= _PATTERNS_SINCE):
            patterns.append(_pattern(token.text[1:]))
        else:
            exact.add(token.text)
    return Names(every, frozenset(exact), frozenset(groups), tuple(patterns), same_name, same_group)


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error:
        raise HbaError(f'"{text}" is no regular expression') from None


def _server_address(rest: _Fields) -> tuple[tuple[Network, ...], str]:
    field = rest.next("address")
    text = _single(field, "address")
    token = field[0]
    if token.says("all"):
        return EVERYWHERE, ""
    if token.says("samehost"):
        return (), ""
    if token.says("samenet"):
        return (), "the pod's own subnet"
    if text.startswith(lines.POD_SELECTOR):
        return (), f"the pods of selector {text.removeprefix(lines.POD_SELECTOR).removesuffix('}')}"
    address, slash, bits = text.partition("/")
    if not _is_address(address):
        if slash:
            raise HbaError(f'"{text}" is no address')
        return (), f"the host {text}"
    if not slash:
        bits = _single(rest.next("netmask"), "netmask")
        if not _is_address(bits) or (":" in bits) != (":" in address):
            raise HbaError(f'"{bits}" is no netmask for {address}')
    return (_network(address, bits),), ""


@lru_cache(maxsize=1024)
def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def _network(address: str, bits: str) -> Network:
    """The network of an address and a number of bits, or a netmask of either family."""
    if ":" in bits:
        mask = int(ipaddress.IPv6Address(bits))
        count = bin(mask).count("1")
        if mask != ((1 << count) - 1) << (128 - count):
            raise HbaError(f'"{bits}" is no netmask')
        bits = str(count)
    elif "." not in bits and not bits.isdecimal():
        raise HbaError(f'"{bits}" is no number of bits')
    try:
        return Network.of(f"{address}/{bits}")
    except ValueError:
        raise HbaError(f'"{bits}" is no netmask for {address}') from None


def _server_option(field: _Field, method: str, kind: str) -> None:
    for token in field:
        name, equals, value = token.text.partition("=")
        if not equals:
            raise HbaError(f'"{name}" is no option: it must be name=value')
        if name not in _OPTIONS:
            raise HbaError(f'"{name}" is no option')
        if name == "map" and method not in _MAPPED:
            raise HbaError(f"map= is not for the method {method}")
        if name in ("clientcert", "clientname") and kind != "hostssl":
            raise HbaError(f"{name}= is for hostssl lines only")
        if name == "clientcert" and value not in ("verify-ca", "verify-full"):
            raise HbaError("clientcert= must be verify-ca or verify-full")
        if name.startswith("ldap") and method != "ldap":
            raise HbaError(f"{name}= is not for the method {method}")
        if name.startswith("radius") and method != "radius":
            raise HbaError(f"{name}= is not for the method {method}")


# ── PgBouncer ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _bouncer_tokens(text: str) -> list[_Token]:
    """Words and commas; a comma is a word of its own, and a quote starts another one."""
    tokens: list[_Token] = []
    place = 0
    while True:
        while place < len(text) and text[place].isspace():
            place += 1
        if place >= len(text) or text[place] == "#":
            return tokens
        if text[place] == '"':
            end = _QUOTED.match(text, place)
            if end is None:
                raise HbaError("a quote is not closed")
            tokens.append(_Token(end[1].replace('""', '"'), quoted=True))
            place = end.end()
        elif text[place] == ",":
            tokens.append(_Token(","))
            place += 1
        else:
            start = place
            while place < len(text) and text[place] not in ',#"' and not text[place].isspace():
                place += 1
            tokens.append(_Token(text[start:place]))


@lru_cache(maxsize=4096)
def _bouncer_line(text: str, index: int | None, version: Version | None) -> Line | None:
    tokens = _bouncer_tokens(text)
    if not tokens:
        return None
    kind = tokens.pop(0)
    if kind.quoted or kind.text not in ("local", "host", "hostssl", "hostnossl"):
        raise HbaError(f'"{kind.text}" is no record type that PgBouncer knows')
    databases = _bouncer_names(tokens, version, database=True)
    roles = _bouncer_names(tokens, version, database=False)
    networks, nowhere = ((), "") if kind.text == "local" else _bouncer_address(tokens, version)
    if not tokens:
        raise HbaError("the method is missing")
    method = tokens.pop(0)
    if method.says("ldap") and (version is None or version >= LDAP_SINCE):
        tokens.clear()
    elif method.quoted or method.text not in _BOUNCER_METHODS:
        raise HbaError(f'"{method.text}" is no method that PgBouncer knows in this file')
    if tokens:
        raise HbaError(f'"{tokens[0].text}" stands after the method, where PgBouncer knows nothing')
    return Line(text.strip(), index, kind.text, databases, roles, networks, method.text, nowhere=nowhere)


def _bouncer_names(tokens: list[_Token], version: Version | None, *, database: bool) -> Names:
    every = same_name = False
    exact = set()
    while True:
        if not tokens or (tokens[0].says(",")):
            raise HbaError(f"the {'database' if database else 'role'} is missing")
        token = tokens.pop(0)
        if token.says("all"):
            every = True
        elif database and token.says("sameuser"):
            same_name = True
        elif database and (token.says("samerole") or token.says("samegroup")):
            raise HbaError(f"PgBouncer does not know {token.text}")
        elif database and token.says("replication"):
            if version is not None and version < ADDRESS_ALL_SINCE:
                raise HbaError("this PgBouncer does not know replication")
        elif token.text.startswith("+") and not token.quoted:
            raise HbaError("PgBouncer does not know the members of roles (+)")
        elif token.text.startswith("@") and not token.quoted:
            raise HbaError(f"the file {token.text[1:]} is not to be seen")
        else:
            exact.add(token.text)
        if not tokens or not tokens[0].says(","):
            return Names(every, frozenset(exact), same_name=same_name)
        tokens.pop(0)


def _bouncer_address(tokens: list[_Token], version: Version | None) -> tuple[tuple[Network, ...], str]:
    """The network, and why no address is in it: PgBouncer compares with the address as it is written."""
    if not tokens:
        raise HbaError("the address is missing")
    token = tokens.pop(0)
    if token.says("all") and (version is None or version >= ADDRESS_ALL_SINCE):
        return EVERYWHERE, ""
    address, slash, bits = token.text.partition("/")
    if token.quoted or not _is_address(address):
        known = ", all" if version is None or version >= ADDRESS_ALL_SINCE else ""
        raise HbaError(f'"{token.text}" is no address that this PgBouncer knows (IPv4, IPv6{known})')
    if not slash:
        if not tokens or not _is_address(tokens[0].text) or (":" in tokens[0].text) != (":" in address):
            raise HbaError(f"{address} has no netmask")
        bits = tokens.pop(0).text
    network = _network(address, bits)
    if network.first != int(ipaddress.ip_address(address)):
        return (), f"{token.text} has bits set that its mask leaves out"
    return (network,), ""
