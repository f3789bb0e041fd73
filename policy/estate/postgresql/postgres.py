"""What a Cluster's and a Pooler's fields say about PostgreSQL and PgBouncer: versions, parameters, access lines."""

from collections.abc import Sequence

from seawall.operators import versions
from seawall.operators.cnpg import pgbouncer
from seawall.operators.cnpg.projection_pooler import CONTAINER as PGBOUNCER
from seawall.operators.versions import Version
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.postgresql.hba import Hba
from seawall.policy.estate.postgresql.hba_parsing import of_pooler, of_server
from seawall.policy.estate.values import View, WrongTypeError

SERVER_HBA = ("spec", "postgresql", "pg_hba")
POOLER_HBA = ("spec", "pgbouncer", "pg_hba")
SERVER_PARAMETERS = ("spec", "postgresql", "parameters")
POOLER_PARAMETERS = ("spec", "pgbouncer", "parameters")


def server_major(cluster: KubeObject) -> int | None:
    """PostgreSQL's major version by the image's tag or the catalogue's reference, None when neither tells."""
    image = cluster.at("spec", "imageName").text()
    if image is not None:
        tag = versions.image_tag(image) or ""
        digits = tag[: len(tag) - len(tag.lstrip("0123456789"))]
        return int(digits) if 0 < len(digits) < 4 else None
    return cluster.at("spec", "imageCatalogRef", "major").integer()


def server_hba(cluster: KubeObject) -> Hba:
    """The pg_hba.conf that the operator writes for a Cluster; read once."""
    return cluster.memo(_server_hba)


def _server_hba(cluster: KubeObject) -> Hba:
    ldap = cluster.at("spec", "postgresql", "ldap").present
    return of_server(_texts(cluster.at(*SERVER_HBA)), major=server_major(cluster), ldap=ldap)


def pooler_hba(pooler: KubeObject, estate: Estate) -> Hba:
    """The HBA file that the operator writes for a Pooler, as its PgBouncer reads it; read once."""
    read = estate.memo(_read_files)
    if pooler not in read:
        read[pooler] = _pooler_hba(pooler, estate)
    return read[pooler]


def _read_files(_estate: Estate) -> dict[KubeObject, Hba]:
    return {}


def _pooler_hba(pooler: KubeObject, estate: Estate) -> Hba:
    return of_pooler(_texts(pooler.at(*POOLER_HBA)), pgbouncer_version(pooler, estate))


def _texts(view: View) -> Sequence[str]:
    return [item.text() or "" for item in view.items()]


def pgbouncer_image(pooler: KubeObject) -> View:
    """Where a Pooler names its image: in the template first, then in its own field. A view of None when nowhere."""
    for container in pooler.at("spec", "template", "spec", "containers").items():
        if container.at("name").text() == PGBOUNCER and container.at("image").present:
            return container.at("image")
    return pooler.at("spec", "pgbouncer", "image")


def pgbouncer_version(pooler: KubeObject, estate: Estate) -> Version | None:
    """PgBouncer's version by the image that the Pooler names, else by the operator's own; None when neither tells."""
    image = pgbouncer_image(pooler).text()
    if image is not None:
        return versions.parse(versions.image_tag(image) or "")
    if pooler.at("spec", "pgbouncer", "imageCatalogRef").present:
        return None
    return pgbouncer.shipped_with(estate.operator_of(pooler).version)


def pooler_text(pooler: KubeObject, name: str) -> str | None:
    """A parameter of PgBouncer, None when the Pooler leaves it out."""
    return pooler.at(*POOLER_PARAMETERS, name).text()


def pooler_number(pooler: KubeObject, name: str) -> int:
    """A numeric parameter of PgBouncer, its default when the Pooler leaves it out. Raises `CannotEvaluateError`."""
    return _number(pooler.at(*POOLER_PARAMETERS, name), pgbouncer.DEFAULTS[name])


def server_number(cluster: KubeObject, name: str, default: int) -> int:
    """A numeric parameter of PostgreSQL, the default when the Cluster leaves it out. Raises `CannotEvaluateError`."""
    return _number(cluster.at(*SERVER_PARAMETERS, name), default)


def _number(view: View, default: int) -> int:
    value = view.number_or_text()
    if value is None:
        return default
    if usable_number(value):
        return int(value)
    raise view.blamed(WrongTypeError(view.path, "a whole number in quotes", value))


def usable_number(value: int | str) -> bool:
    """Whether a parameter's value is a whole number, whatever its type."""
    text = str(value).strip()
    return text.isascii() and text.isdecimal() and len(text) < 10


def client_tls(pooler: KubeObject) -> tuple[bool, ...]:
    """Whether clients of a Pooler may come with TLS (True) and without (False)."""
    mode = pooler_text(pooler, "client_tls_sslmode") or pgbouncer.CLIENT_TLS_DEFAULT
    if mode == "disable":
        return (False,)
    return (True,) if mode in pgbouncer.TLS_ONLY else (True, False)


def server_tls(pooler: KubeObject) -> bool:
    """Whether a Pooler speaks TLS to PostgreSQL, which always offers it: in every mode but two."""
    return (pooler_text(pooler, "server_tls_sslmode") or pgbouncer.SERVER_TLS_DEFAULT) not in ("disable", "allow")
