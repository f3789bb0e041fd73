"""The policies of a BackupBucket before the programs that meet them: barman-cloud, the validator, and the S3 API.

A double judges (see `judged_store`); the policies are those that the component registers, the programs are the real
ones with the options that the stack renders, or with options that are wrong in one point.
"""

import copy
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import rendered
import unprivileged
from barman_archive import Archive, Recovery
from bucket_policies import policies
from data_page import Figures
from data_tools import LONG, Tools
from judged_store import JudgedStore
from object_store import ObjectStore
from postgres_server import Postgres
from rendered_validator import validate
from row_load import Load

from seawall.operators.barman import commands

Workplace = Callable[[str], Path]
Manifest = dict[str, Any]
SERVER = rendered.CLUSTER
SECTION = "The bucket's policies"
NOTE = (
    "The policies that `BackupBucket` registers, before the real programs. A double judges each request before moto "
    "sees it: by bucket policy, key policy and the identity's own, by the port that it came in through, and by its "
    "headers; it knows people by their access key, and AWS itself was not asked. Only the first request of a large "
    "upload names the encryption (S3 refuses it in the others), so the others are judged by what the first one said."
)
PIECES = 24 if LONG else 1
"""Mebibytes of data that cannot be compressed: in the long form a base backup is uploaded in several parts."""


class JudgedArchive(Archive):
    """The archive as somebody sees it through the judge."""

    def __init__(
        self, door: JudgedStore, manifest: Mapping[str, Any], who: str, tools: Tools, home: Path, **how: bool
    ) -> None:
        super().__init__(manifest, door.store, SERVER, tools, home)
        self._given = door.environment(who, **how)

    def environment(self) -> dict[str, str]:
        """What AWS would have given is that of the judge, and who asks is somebody."""
        return {**super().environment(), **self._given}


@dataclass(frozen=True)
class Filled:
    """An archive that was written through the judge, as rendered."""

    archive: JudgedArchive
    load: Load
    passed: int
    """Requests that it took."""
    server: Postgres
    """What was archived, and is no more: base backups are tried on it."""


@pytest.fixture(scope="module")
def door(module_store: ObjectStore, module_workplace: Workplace) -> Iterator[JudgedStore]:
    """The store with versions, behind the policies of its BackupBucket."""
    module_store.client().put_bucket_versioning(
        Bucket=module_store.bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    with JudgedStore(module_store, policies(module_store), module_workplace("judge")) as running:
        yield running


@pytest.fixture(scope="module")
def filled(tools: Tools, door: JudgedStore, module_workplace: Workplace) -> Filled:
    """The writer, as rendered: WAL, a base backup, and more WAL."""
    manifest = rendered.object_store(door.store)
    archive = JudgedArchive(door, manifest, "writer", tools, module_workplace("archive"))
    archive.check_empty()
    server = Postgres.create(module_workplace("filled"), tools, archive.settings())
    server.start()
    load = Load(server.connect).prepare()
    server.sql("create table pieces (piece bytea)")
    server.sql("alter table pieces alter piece set storage external")
    for _ in range(PIECES):
        server.sql("insert into pieces values (%s)", os.urandom(1 << 20))
    load.write(20)
    archive.backup(server)
    load.write(20)
    server.wait_archived(server.switch_wal())
    server.configure({"archive_command": "true"})
    server.reload()
    return Filled(archive, load, len(door.judged), server)


def told(figures: Figures, who: str, what: str, came_of_it: str) -> None:
    figures.row(SECTION, {"who": who, "what": what, "outcome": came_of_it}, note=NOTE)


def test_barman_archives_and_backs_up_with_the_rendered_options(
    filled: Filled, door: JudgedStore, figures: Figures
) -> None:
    requests = [it for it in door.judged[: filled.passed] if it.who == "writer"]
    assert {it.refused_by for it in requests} == {None}
    assert all(it.tls for it in requests)
    begun = {it.resource for it in requests if it.subresource == "uploads"}
    assert [it.rpartition("/")[2] for it in begun] == ["data.tar.gz"]  # barman-cloud uploads WAL at once
    parts = [it.resource for it in requests if it.subresource == "uploadId"]
    assert set(parts) == begun and len(parts) >= (3 if LONG else 2), "a part at least, and the end"
    for key in filled.archive.objects():
        head = door.store.head(key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", door.store.key), key
    told(figures, "writer", f"archives WAL, and makes a base backup in {len(parts) - 1} parts", "passes")


def nothing_left(door: JudgedStore) -> tuple[dict[str, int], list[Any]]:
    """Every object, and every upload that was begun and not ended."""
    uploads = door.store.client().list_multipart_uploads(Bucket=door.store.bucket)
    return door.store.objects(), uploads.get("Uploads", [])


def _options(manifest: Manifest, encryption: str | None, argument: str | None) -> Manifest:
    made = copy.deepcopy(manifest)
    configuration = made["spec"]["configuration"]
    for part, field in (("data", "additionalCommandArgs"), ("wal", "archiveAdditionalCommandArgs")):
        configuration[part].pop("encryption")
        configuration[part].pop(field)
        if encryption is not None:
            configuration[part]["encryption"] = encryption
        if argument is not None:
            configuration[part][field] = [f"--sse-kms-key-id={argument}"]
    return made


WRONG = {
    # what is wrong: (encryption, key, over TLS, the statement that refuses it, barman's words)
    "no encryption": (None, None, True, "bucket policy: RefuseOtherEncryption", "AccessDenied"),
    "AES256": ("AES256", None, True, "bucket policy: RefuseOtherEncryption", "AccessDenied"),
    "another key": ("aws:kms", "another", True, "bucket policy: RefuseOtherKeys", "AccessDenied"),
    "the account's default key": ("aws:kms", None, True, "bucket policy: RefuseOtherKeys", "AccessDenied"),
    "plain HTTP": ("aws:kms", "right", False, "bucket policy: RefusePlainHttp", "AccessDenied|403"),
}


def wrong(door: JudgedStore, case: str, tools: Tools, home: Path) -> JudgedArchive:
    """The writer with options that are wrong in one point."""
    encryption, key, tls, _, _ = WRONG[case]
    named = {"another": door.store.new_key(), "right": door.store.key}.get(key or "")
    manifest = _options(rendered.object_store(door.store), encryption, named)
    return JudgedArchive(door, manifest, "writer", tools, home, tls=tls)


@pytest.fixture
def refused(door: JudgedStore, figures: Figures) -> Callable[[str, str, Callable[[], object]], None]:
    """Asserts that something is refused by the right statement, with barman's error, and that nothing is stored."""

    def check(case: str, what: str, attempt: Callable[[], object]) -> None:
        before, seen = nothing_left(door), len(door.judged)
        *_, statement, words = WRONG[case]
        with pytest.raises(AssertionError, match=words):
            attempt()
        reasons = {it.refused_by for it in door.judged[seen:]} - {None}
        assert reasons == {statement}
        assert nothing_left(door) == before
        told(figures, "writer", f"{what}, {case}", f"refused by {statement}; nothing is stored")

    return check


@pytest.mark.parametrize("case", WRONG if LONG else ["AES256", "another key", "plain HTTP"])
def test_wal_is_refused(
    case: str,
    door: JudgedStore,
    tools: Tools,
    workplace: Workplace,
    refused: Callable[[str, str, Callable[[], object]], None],
) -> None:
    archive = wrong(door, case, tools, workplace("archive"))
    wal = archive.home / "000000010000000000000099"
    wal.write_bytes(bytes(16 << 20))
    unprivileged.own(wal)
    refused(case, "archives WAL", lambda: archive.run(commands.wal_archive(archive.manifest, SERVER, str(wal))))


@pytest.mark.parametrize("case", WRONG if LONG else ["no encryption"])
def test_a_base_backup_is_refused(
    case: str,
    door: JudgedStore,
    tools: Tools,
    filled: Filled,
    workplace: Workplace,
    refused: Callable[[str, str, Callable[[], object]], None],
) -> None:
    archive = wrong(door, case, tools, workplace("archive"))
    refused(case, "makes a base backup", lambda: archive.backup(filled.server))


@pytest.fixture(scope="module")
def reader(filled: Filled, door: JudgedStore, tools: Tools, module_workplace: Workplace) -> JudgedArchive:
    """The same archive with the reader's keys."""
    return JudgedArchive(door, filled.archive.manifest, "reader", tools, module_workplace("reader"))


if LONG:  # below the validator reads all of it with the same keys

    def test_the_reader_restores(
        filled: Filled, door: JudgedStore, reader: JudgedArchive, workplace: Workplace, figures: Figures
    ) -> None:
        seen = len(door.judged)
        recovery: Recovery = reader.recover(workplace("restored"))
        with recovery.server.connect() as connection:
            verdict = filled.load.verify(connection)
        assert verdict.whole and verdict.found == filled.load.rows, verdict
        assert recovery.server.sql("select count(*), sum(length(piece)) from pieces") == [(PIECES, PIECES << 20)]
        requests = door.judged[seen:]
        assert {it.who for it in requests} == {"reader"} and {it.refused_by for it in requests} == {None}
        told(figures, "reader", "restores to the last row", "passes")


def test_the_validator_passes_with_the_readers_keys(
    filled: Filled, door: JudgedStore, workplace: Workplace, figures: Figures
) -> None:
    ran = validate(rendered.cluster(door.store), workplace("validator"), door.environment("reader"), "--deep", "--all")
    assert (ran.code, ran.failed) == (0, {}), ran.report
    assert ran.report["restorable"] is True and ran.report["not_checked"] == []
    told(figures, "reader", "validates every object, deep", "passes")


def test_the_validator_says_when_it_may_not_read(filled: Filled, door: JudgedStore, workplace: Workplace) -> None:
    ran = validate(rendered.cluster(door.store), workplace("validator"), door.environment("nobody"))
    assert ran.report["class"] == "access-denied" and ran.report["restorable"] == "unknown"


def test_the_reader_writes_and_deletes_nothing(
    filled: Filled, door: JudgedStore, reader: JudgedArchive, workplace: Workplace, figures: Figures
) -> None:
    before = nothing_left(door)
    wal = workplace("wal") / "000000010000000000000099"
    wal.write_bytes(bytes(16 << 20))
    unprivileged.own(wal)
    (backup,) = reader.backups()
    for command in (
        commands.wal_archive(reader.manifest, SERVER, str(wal)),
        _deletion(reader, "--backup-id", backup.id),
    ):
        with pytest.raises(AssertionError, match="AccessDenied"):
            reader.run(command)
    assert nothing_left(door) == before
    told(figures, "reader", "archives, deletes a base backup", "refused; nothing changed")


def _deletion(archive: JudgedArchive, *which: str) -> commands.Command:
    """The rendered deletion with another choice of backups than by age."""
    made = list(commands.backup_delete(archive.manifest, SERVER))
    place = made.index("--retention-policy")
    return (*made[:place], *which, *made[place + 2 :])


def _wal(key: str) -> str:
    """The WAL file that an object is; empty for any other."""
    return key.rpartition("/")[2].partition(".")[0] if "/wals/" in key else ""


def _as_if(archive: Archive, backup: str, days: int) -> None:
    """Puts a copy of a base backup that was made so many days ago."""
    store = archive.store
    client, place = store.client(), f"{archive.prefix}base/{backup}/"
    text = client.get_object(Bucket=store.bucket, Key=f"{place}backup.info")["Body"].read().decode()
    old = datetime.now(UTC) - timedelta(days=days)
    named = f"{archive.prefix}base/{old:%Y%m%dT%H%M%S}/"
    text = re.sub(r"^((?:begin|end)_time)=.*$", rf"\1={old:%Y-%m-%d %H:%M:%S.%f+00:00}", text, flags=re.M)
    text = re.sub(r"^((?:begin|end)_time_iso)=.*$", rf"\1={old.isoformat()}", text, flags=re.M)
    client.put_object(Bucket=store.bucket, Key=f"{named}backup.info", Body=text.encode())
    client.put_object(Bucket=store.bucket, Key=f"{named}data.tar.gz", Body=b"as it was")


if LONG:  # the last test of the module: it changes the archive

    def test_retention_deletes_what_is_too_old_and_keeps_its_versions(
        filled: Filled, door: JudgedStore, workplace: Workplace, tools: Tools, figures: Figures
    ) -> None:
        """The base backup is put twice more, as if it had been made long ago."""
        (made,) = filled.archive.backups()
        for days in (90, 60):
            _as_if(filled.archive, made.id, days)
        store, prefix, seen = door.store, filled.archive.prefix, len(door.judged)
        assert len(filled.archive.backups()) == 3
        before = store.objects(prefix)
        filled.archive.run(commands.backup_delete(filled.archive.manifest, SERVER))
        gone = set(before) - set(store.objects(prefix))
        assert len(filled.archive.backups()) == 2
        assert sum("/base/" in key for key in gone) == 2 and all(it < made.begin_wal for it in map(_wal, gone)), gone
        requests = door.judged[seen:]
        assert {it.refused_by for it in requests} == {None} and any(it.action == "s3:DeleteObject" for it in requests)
        versions = store.client().list_object_versions(Bucket=store.bucket, Prefix=prefix)
        assert gone <= {it["Key"] for it in versions["Versions"]}
        told(figures, "writer", "deletes base backups older than the retention", "passes; their versions stay")
