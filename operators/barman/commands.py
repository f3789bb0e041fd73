"""The barman-cloud commands that the plugin runs for an ObjectStore, as plain data.

From the source of plugin 0.14 and of its library for barman-cloud; one function per command, named as the program
without `barman-cloud-`. Each returns the program and its arguments. Only S3 is known here: other stores are refused.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seawall.operators.reading import UnprojectableError, boolean, integer, mapping, name, sequence, text

ObjectStore = Mapping[str, Any]
Command = tuple[str, ...]

SUPERUSER = "postgres"
"""The role as which base backups are made, over the local socket (`PGHOST` and `PGPORT` say where)."""

_CONFIGURATION = ("spec", "configuration")
_PROVIDER: Command = ("--cloud-provider", "aws-s3")
_UNITS = {"d": "DAYS", "w": "WEEKS", "m": "MONTHS"}


def wal_archive(store: ObjectStore, server: str, file: str) -> Command:
    """Archive one WAL file. Run by `archive_command`, once for each file.

    `server` is the plugin's parameter `serverName` (by default the Cluster's name). Every function here raises
    `UnprojectableError` for an ObjectStore that it cannot read.
    """
    options = _flag(store, "wal", "compression")
    if encryption := text(store, *_CONFIGURATION, "wal", "encryption"):
        options += ["-e", encryption]
    options = _with_additional(options, store, "wal", "archiveAdditionalCommandArgs")
    options += _endpoint(store) + _tags(store, "--tags", "tags") + _tags(store, "--history-tags", "historyTags")
    return ("barman-cloud-wal-archive", *options, *_PROVIDER, *_place(store, server), file)


def check_wal_archive(store: ObjectStore, server: str) -> Command:
    """Refuse an archive that is not empty. Run before the first WAL file of a new Cluster is archived."""
    return ("barman-cloud-check-wal-archive", *_endpoint(store), *_PROVIDER, *_place(store, server))


def backup(store: ObjectStore, server: str, called: str) -> Command:
    """Make a base backup under a name, like `backup-20260102030405`."""
    options = ["--user", SUPERUSER, "--name", called, *_flag(store, "data", "compression")]
    if encryption := text(store, *_CONFIGURATION, "data", "encryption"):
        options += ["--encryption", encryption]
    if boolean(store, *_CONFIGURATION, "data", "immediateCheckpoint", default=False):
        options.append("--immediate-checkpoint")
    if jobs := integer(store, *_CONFIGURATION, "data", "jobs", default=0):
        options += ["--jobs", str(jobs)]
    options = _with_additional(options, store, "data", "additionalCommandArgs")
    options += _tags(store, "--tags", "tags") + _endpoint(store)
    return ("barman-cloud-backup", *options, *_PROVIDER, *_place(store, server))


def backup_list(store: ObjectStore, server: str) -> Command:
    """List the base backups as JSON, from which a recovery chooses one."""
    return ("barman-cloud-backup-list", "--format", "json", *_endpoint(store), *_PROVIDER, *_place(store, server))


def backup_delete(store: ObjectStore, server: str) -> Command:
    """Delete the base backups that the retention policy no longer wants, and the WAL before the oldest that is left.

    Raises `UnprojectableError` without a retention policy: the plugin runs nothing then.
    """
    policy = re.fullmatch(r"([1-9][0-9]*)([dwm])", text(store, "spec", "retentionPolicy") or "")
    if policy is None:
        raise UnprojectableError(("spec", "retentionPolicy"), "days, weeks or months like 30d", store)
    kept = f"RECOVERY WINDOW OF {policy[1]} {_UNITS[policy[2]]}"
    where = _place(store, server)
    return ("barman-cloud-backup-delete", *_endpoint(store), *_PROVIDER, "--retention-policy", kept, *where)


def restore(store: ObjectStore, server: str, backup_id: str, into: str) -> Command:
    """Fetch a base backup, by its id like `20260102T030405`, into an empty data directory."""
    options = [*_PROVIDER, *_endpoint(store)]
    options = _with_additional(options, store, "data", "restoreAdditionalCommandArgs")
    return ("barman-cloud-restore", *options, *_place(store, server), backup_id, into)


def wal_restore(store: ObjectStore, server: str, wal: str, into: str) -> Command:
    """Fetch one WAL file (or history file) to a path. Run by `restore_command`; 1 means that it is not there."""
    options = [*_endpoint(store), *_PROVIDER, *_place(store, server)]
    options = _with_additional(options, store, "wal", "restoreAdditionalCommandArgs")
    return ("barman-cloud-wal-restore", *options, wal, into)


def environment(store: ObjectStore, secret: Callable[[str, str], str]) -> dict[str, str]:
    """What those commands get as environment: credentials, authority, and what the sidecar is given.

    `secret` gives the value of a Secret of the ObjectStore's namespace, by the Secret's name and key. Nothing is read
    with `inheritFromIAMRole`.
    """
    sidecar = sequence(store, "spec", "instanceSidecarConfiguration", "env")
    made = {entry["name"]: entry["value"] for entry in sidecar if isinstance(entry, Mapping) and "value" in entry}
    if mapping(store, *_CONFIGURATION, "endpointCA"):
        made["AWS_CA_BUNDLE"] = f"/barman-certificates/{name(store)}/barman-ca.crt"
    credentials = (*_CONFIGURATION, "s3Credentials")
    if not boolean(store, *credentials, "inheritFromIAMRole", default=False):
        for field, variable in _CREDENTIALS.items():
            if reference := mapping(store, *credentials, field):
                made[variable] = secret(str(reference.get("name")), str(reference.get("key")))
    return made


_CREDENTIALS = {
    "accessKeyId": "AWS_ACCESS_KEY_ID",
    "secretAccessKey": "AWS_SECRET_ACCESS_KEY",
    "sessionToken": "AWS_SESSION_TOKEN",
    "region": "AWS_DEFAULT_REGION",
}


def _place(store: ObjectStore, server: str) -> Command:
    if not mapping(store, *_CONFIGURATION, "s3Credentials"):
        raise UnprojectableError((*_CONFIGURATION, "s3Credentials"), "there: only stores with it are known", store)
    destination = text(store, *_CONFIGURATION, "destinationPath")
    if not destination:
        raise UnprojectableError((*_CONFIGURATION, "destinationPath"), "a path like s3://bucket/folder", store)
    return (destination, server)


def _endpoint(store: ObjectStore) -> list[str]:
    url = text(store, *_CONFIGURATION, "endpointURL")
    return ["--endpoint-url", url] if url else []


def _flag(store: ObjectStore, part: str, field: str) -> list[str]:
    value = text(store, *_CONFIGURATION, part, field)
    return [f"--{value}"] if value else []


def _tags(store: ObjectStore, option: str, field: str) -> list[str]:
    tags = mapping(store, *_CONFIGURATION, field)
    return [option, *(f"{key},{value}" for key, value in sorted(tags.items()))] if tags else []


def _with_additional(options: Sequence[str], store: ObjectStore, part: str, field: str) -> list[str]:
    """The user's arguments after the plugin's; one whose option is there already is left out without a word."""
    made = list(options)
    taken = {option.partition("=")[0] for option in options}
    for argument in sequence(store, *_CONFIGURATION, part, field):
        key = str(argument).partition("=")[0]
        if key and key not in taken and key not in made:
            made.append(str(argument))
    return made
