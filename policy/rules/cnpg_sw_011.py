"""CNPG-SW-011: a bucket of backups that others can read, that forgets, or that its own writer can empty."""

from collections.abc import Iterator
from datetime import timedelta

from seawall.operators.barman import retention_days
from seawall.policy.estate.aws.cloud import BUCKETS, KEY, VERSIONING, Bucket, Cloud, Key, Said, cloud
from seawall.policy.estate.aws.documents import Document, Statement, every
from seawall.policy.estate.aws.identities import Identity
from seawall.policy.estate.backups.archives import Archive, Store, archives_in, by_bucket, unread
from seawall.policy.estate.backups.uploads import backup_identities, is_for, may, over_http, writers
from seawall.policy.estate.blame import blaming
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.values import CannotEvaluateError, View
from seawall.policy.findings import Rule, Violation

SHORTEST_DELETION = 14
"""Days between the order to delete a key and its end. Two weeks outlast a holiday; KMS's least, 7, does not."""
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_PUBLIC_ACLS = frozenset({"public-read", "public-read-write", "authenticated-read", "website"})
_FROZEN = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes that have to be thawed for hours before they can be read."""
_PLAIN = ("s3:ListBucket", "s3:GetObject", "s3:PutObject")
DESTROYS = {
    "s3:DeleteBucket": "delete the bucket",
    "s3:DeleteObjectVersion": "delete old versions for good",
    "s3:PutBucketPolicy": "change its policy",
    "s3:DeleteBucketPolicy": "remove its policy",
    "s3:PutLifecycleConfiguration": "let a lifecycle delete everything",
    "s3:PutBucketVersioning": "suspend versioning",
    "s3:PutEncryptionConfiguration": "change its encryption",
    "s3:PutBucketPublicAccessBlock": "open it to the public",
    "s3:BypassGovernanceRetention": "lift object locks",
}
"""What a writer of backups never needs, and what a thief of its keys would do with it."""
NEEDED = ("s3:PutObject", "s3:GetObject", "s3:ListBucket")
"""What archiving fails without."""


def _bucket(thing: KubeObject, estate: Estate) -> tuple[Bucket, tuple[Archive, ...]] | None:
    """The bucket of a resource, with the archives in it; None when no declared cluster backs up to it."""
    bucket = estate.memo(_by_thing).get(thing)
    if bucket is None:
        _unnamed(thing, estate)
        return None
    archives = archives_in(bucket.name, estate)
    archives = tuple(archive for archive in archives if archive.store.is_aws)
    return (bucket, archives) if archives else None


def _unnamed(thing: KubeObject, estate: Estate) -> None:
    """Raises `UnknownValueError` for a bucket without a name yet, unless all archives are in buckets that have one."""
    seen = estate.memo(cloud)
    problem = seen.nameless.get(thing)
    if problem is not None and (estate.memo(unread) or estate.memo(by_bucket).keys() - seen.buckets.keys()):
        raise problem.with_traceback(None)


def _by_thing(estate: Estate) -> dict[KubeObject, Bucket]:
    return {bucket.thing: bucket for bucket in estate.memo(cloud).buckets.values()}


def closed(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Public access: by a missing or an open block, or by an ACL."""
    found = _bucket(thing, estate)
    if found is None:
        return
    bucket, _ = found
    block = bucket.public_access
    if block is None:
        yield Violation(
            f"nothing here blocks public access to bucket {bucket.name}: one wrong ACL or policy shows every backup to "
            "the world",
            "Add a BucketPublicAccessBlock with all four set to true.",
        )
    else:
        with blaming(block):
            off = [name for name in _BLOCKS if not block.at(name).boolean(default=False)]
        if off:
            yield Violation(
                f"{', '.join(off)} of bucket {bucket.name} {'are' if len(off) > 1 else 'is'} not true",
                "Set all four to true.",
                (off[0],),
                about=block,
            )
    acl = bucket.acl
    if acl is not None and acl.view.text() in _PUBLIC_ACLS:
        yield Violation(
            f"the ACL of bucket {bucket.name} is {acl.view.text()}",
            "Remove the ACL and set object ownership to BucketOwnerEnforced.",
            acl.view.path,
            about=acl.thing,
        )


def everybody(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A bucket policy that lets everybody in."""
    found = _bucket(thing, estate)
    if found is not None:
        yield from _to_everybody(found[0].policy, f"bucket {found[0].name}")


def _to_everybody(policy: Document | None, what: str) -> Iterator[Violation]:
    """Statements that allow something to anyone, without a condition."""
    for statement in policy.statements if policy is not None else ():
        with blaming(statement.thing):
            if not statement.denies and "*" in statement.principals() and not statement.conditions:
                yield Violation(
                    f"the policy of {what} allows {_actions(statement)} to everybody ({statement.sid}: Principal *)",
                    "Name the identities, or remove the statement.",
                    statement.view.path,
                    about=statement.thing,
                )


def _actions(statement: Statement) -> str:
    named = statement.view.at("Action")
    listed = [named] if isinstance(named.raw, str) else named.items()
    words = [it.text() or "" for it in listed]
    return ", ".join(words[:3]) + (", …" if words[3:] else "")


def over_tls(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Plain http."""
    found = _bucket(thing, estate)
    if found is None:
        return
    bucket, archives = found
    policy = bucket.policy
    answers: dict[str, bool | None] = dict.fromkeys(_PLAIN, False)
    if policy is not None:
        stores = {archive.store.thing: archive.store for archive in archives}.values()
        for action in _PLAIN:
            answers[action] = every(policy.denies(over_http(store, bucket.arn, action)) for store in stores)
    taken = [action for action, denied in answers.items() if denied is False]
    if taken:
        why = "" if policy is not None else ": it has no policy"
        yield Violation(
            f"bucket {bucket.name} answers over plain http ({', '.join(taken)}){why}",
            "Deny s3:* on the bucket and its objects when aws:SecureTransport is false.",
            policy.path if policy is not None else (),
            about=policy.thing if policy is not None else bucket.thing,
        )
    elif policy is not None and None in answers.values():
        raise _cannot_tell(policy.thing, policy.path, f"whether bucket {bucket.name} refuses plain http")


def keeps(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A bucket that forgets: no versions, or deleted with everything in it."""
    found = _bucket(thing, estate)
    if found is None:
        return
    bucket, _ = found
    if bucket.thing.at("forceDestroy").boolean(default=False):
        yield Violation(
            f"forceDestroy is true: whoever removes bucket {bucket.name} from the stack deletes every backup in it",
            "Remove forceDestroy, and protect the resource.",
            ("forceDestroy",),
        )
    if bucket.versioned is None:
        yield Violation(
            f"bucket {bucket.name} keeps no versions: whoever has the writer's keys deletes every backup for good",
            "Turn versioning on.",
            about=bucket.part(VERSIONING),
        )


def lifecycle(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A lifecycle that deletes or freezes what barman still needs."""
    found = _bucket(thing, estate)
    if found is None:
        return
    bucket, archives = found
    for said in bucket.lifecycle:
        with blaming(said.thing):
            prefix, days = _prefix(said.view), said.view.at("expiration", "days").integer()
            frozen = [it for it in _transitions(said.view) if it[0] in _FROZEN]
        needed = [
            (kept, archive)
            for archive in archives
            if (kept := retention(archive.store)) is not None and _overlap(prefix, archive.store.prefix)
        ]
        if needed:
            kept, archive = max(needed, key=lambda it: it[0])
            yield from _too_early(said, days, frozen, archive, kept)


def _too_early(
    said: Said, days: int | None, frozen: list[tuple[str, int]], archive: Archive, kept: timedelta
) -> Iterator[Violation]:
    name = said.view.at("id").text() or "(no id)"
    if days is not None and timedelta(days=days) <= kept:
        yield Violation(
            f"lifecycle rule {name} deletes objects after {days} days, and backups of {archive.cluster.title} are kept "
            f"for {kept.days}: restores need a base backup that is older than that, and all WAL since",
            "Let barman's retention delete, and the lifecycle only what is no longer current.",
            (*said.view.path, "expiration", "days"),
            about=said.thing,
            facts={"days": str(days), "retention": str(kept.days)},
        )
    for storage, after in frozen:
        if timedelta(days=after) <= kept:
            yield Violation(
                f"lifecycle rule {name} moves objects to {storage} after {after} days, and backups of "
                f"{archive.cluster.title} are kept for {kept.days}: a restore would wait hours for each WAL file",
                "Remove the transition, or use GLACIER_IR, which can be read at once.",
                said.view.path,
                about=said.thing,
            )


def retention(store: Store) -> timedelta | None:
    """How long barman keeps backups; None when nothing is ever deleted, or that cannot be read."""
    path = ("spec", "backup", "retentionPolicy") if store.in_tree else ("spec", "retentionPolicy")
    with blaming(store.thing):
        days = retention_days(store.thing.at(*path).text() or "")
    return None if days is None else timedelta(days=days)


def _prefix(rule: View) -> str:
    views = (rule.at("prefix"), rule.at("filter", "prefix"), rule.at("filter", "and", "prefix"))
    return next((view.text() or "" for view in views if view.present), "")


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _transitions(rule: View) -> list[tuple[str, int]]:
    found = rule.at("transitions")
    listed = found.items() if found.present else []
    return [(it.at("storageClass").text() or "", it.at("days").integer() or 0) for it in listed]


def locks(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """An object lock that nobody can lift, long after the backup is not wanted any more."""
    found = _bucket(thing, estate)
    lock = found[0].lock if found is not None else None
    if found is None or lock is None:
        return
    with blaming(lock.thing):
        days = (lock.view.at("days").integer() or 0) + 365 * (lock.view.at("years").integer() or 0)
        mode = lock.view.at("mode").text()
    kept = [it for archive in found[1] if (it := retention(archive.store)) is not None]
    longest = max(kept, default=None)
    if longest is not None and mode == "COMPLIANCE" and days > 2 * longest.days:
        yield Violation(
            f"every object of bucket {found[0].name} is locked for {days} days (COMPLIANCE: nobody can lift it), and "
            f"backups are kept for {longest.days}: the rest is stored and billed for nothing",
            "Lock for as long as backups are kept, or use GOVERNANCE.",
            lock.view.path,
            about=lock.thing,
        )


def thieves(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A writer who may do more than write, or not even that."""
    found = _bucket(thing, estate)
    if found is None:
        return
    bucket, archives = found
    seen = estate.memo(cloud)
    for store in {archive.store.thing: archive.store for archive in archives}.values():
        writing = writers(store, estate)
        for identity in writing:
            if is_for(identity, bucket.name):
                yield from _too_much(identity, store, seen)
        for identity in backup_identities(store, estate):
            if may(identity, "s3:DeleteObject", store, seen):
                yield from _too_little(identity, store, seen)
        for identity in writing:
            seen.identities.whole(identity)


def _too_much(identity: Identity, store: Store, seen: Cloud) -> Iterator[Violation]:
    able = [what for action, what in DESTROYS.items() if may(identity, action, store, seen)]
    if able:
        yield Violation(
            f"{identity.title}, which writes the backups in {store.destination}, may also {', '.join(able)}: with its "
            "keys, which lie in the cluster, an intruder leaves nothing to restore",
            "Take these out of its policies, and deny them to it in the bucket policy.",
            about=identity.thing,
        )


def _too_little(identity: Identity, store: Store, seen: Cloud) -> Iterator[Violation]:
    unable = [action for action in NEEDED if may(identity, action, store, seen) is False]
    if unable:
        yield Violation(
            f"{identity.title} may delete in {store.destination} and lacks {' and '.join(unable)}: archiving fails",
            f"Allow {' and '.join(unable)} to it.",
            about=identity.thing,
        )


def key(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A key that is never rotated, that ends within days, or that everybody may use."""
    if thing.group_kind != KEY:
        return
    keys = estate.memo(_backup_keys)
    found = keys.found.get(thing)
    if found is None:
        for problem in keys.unread:
            raise problem.with_traceback(None)
        return
    rotates = thing.at("enableKeyRotation")
    if not rotates.boolean(default=False):
        yield Violation(
            "enableKeyRotation is not true: the backups of all years lie under the same key material",
            "Set enableKeyRotation: true.",
            ("enableKeyRotation",),
        )
    days = thing.at("deletionWindowInDays").integer()
    if days is not None and days < SHORTEST_DELETION:
        yield Violation(
            f"deletionWindowInDays is {days}: so soon after the order to delete the key no backup can be read any more",
            f"Leave at least {SHORTEST_DELETION} days to notice; 30 is the default.",
            ("deletionWindowInDays",),
        )
    yield from _to_everybody(found.policy, f"key {thing.name}")


class _BackupKeys:
    """The keys under which backups lie."""

    def __init__(self, estate: Estate) -> None:
        self.found: dict[KubeObject, Key] = {}
        self.unread = list(estate.memo(unread).values())
        """Why others may be among them."""
        seen = estate.memo(cloud)
        for archive in (it for archives in estate.memo(by_bucket).values() for it in archives):
            try:
                for name in (archive.store.key("data"), archive.store.key("wal")):
                    used = seen.key(name) if name else None
                    if used is not None:
                        self.found[used.thing] = used
            except CannotEvaluateError as problem:
                self.unread.append(problem)


def _backup_keys(estate: Estate) -> _BackupKeys:
    return _BackupKeys(estate)


def _cannot_tell(thing: KubeObject, path: tuple[str, ...], what: str) -> CannotEvaluateError:
    problem = CannotEvaluateError(f"{what} cannot be told: a condition cannot be decided from here", path)
    problem.about(thing)
    return problem


RULE = Rule(
    id="CNPG-SW-011",
    risks=("CNPG-DATA-002", "CNPG-OPS-002"),
    title="The bucket of the backups is closed, keeps what is deleted, and outlives its writer",
    score=6,
    why=(
        "The writer's keys lie in the cluster. What they can do to the bucket, an intruder in the cluster can do: "
        "delete every backup, and then the database. And a bucket that is open shows every row of every tenant."
    ),
    mend=(
        "Block public access, refuse plain http, keep versions, let no lifecycle delete what is current, give the "
        "writer nothing but objects, rotate the key and leave a month before it can end."
    ),
    kinds=(*BUCKETS, KEY),
    together=(closed, everybody, over_tls, keeps, lifecycle, locks, thieves, key),
)
