"""Buckets, keys and identities of AWS, from the resources of a Pulumi stack, in one form.

Both generations of types are read (`aws:s3/bucketPolicy:BucketPolicy`, `aws:s3/bucketVersioningV2:BucketVersioningV2`),
and what old programs write into the bucket itself; a resource of its own wins over that, as its later update does.
References between them arrive as plain values, or as `UNKNOWN` in a preview: then whose they are is not known yet, and
asking raises.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from seawall.policy.estate.aws.documents import Document, read
from seawall.policy.estate.aws.identities import Identities, Identity
from seawall.policy.estate.blame import blaming
from seawall.policy.estate.kinds import PULUMI, GroupKind
from seawall.policy.estate.model import Estate
from seawall.policy.estate.objects import KubeObject
from seawall.policy.estate.values import UNKNOWN, UnknownValueError, View


def _s3(name: str) -> tuple[GroupKind, ...]:
    """The type tokens of an S3 resource, in both generations."""
    return tuple((PULUMI, f"aws:s3/{name[0].lower()}{name[1:]}{version}:{name}{version}") for version in ("", "V2"))


BUCKETS = _s3("Bucket")
KEY: GroupKind = (PULUMI, "aws:kms/key:Key")
_KEY_POLICY: GroupKind = (PULUMI, "aws:kms/keyPolicy:KeyPolicy")
_ALIAS: GroupKind = (PULUMI, "aws:kms/alias:Alias")
_ACCOUNT_BLOCK: GroupKind = (PULUMI, "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock")

ENCRYPTION = "BucketServerSideEncryptionConfiguration"
POLICY = "BucketPolicy"
PUBLIC_ACCESS = "BucketPublicAccessBlock"
VERSIONING = "BucketVersioning"
OBJECT_LOCK = "BucketObjectLockConfiguration"
LIFECYCLE = "BucketLifecycleConfiguration"
ACL = "BucketAcl"
_PARTS = (ENCRYPTION, POLICY, PUBLIC_ACCESS, VERSIONING, OBJECT_LOCK, LIFECYCLE, ACL)


class Said(NamedTuple):
    """A setting, and the resource that says it."""

    thing: KubeObject
    view: View


@dataclass(frozen=True, eq=False)
class Bucket:
    """One bucket with what other resources say about it."""

    thing: KubeObject
    name: str
    cloud: "Cloud"

    @property
    def arn(self) -> str:
        """Its ARN; the partition is empty where it is not known."""
        arn = self.thing.at("arn")
        return (arn.known and arn.text()) or f"arn::s3:::{self.name}"

    def part(self, kind: str) -> KubeObject | None:
        """The resource of this kind that is about this bucket. Raises while one may be, and that is not known yet."""
        return self.cloud.part(kind, self.name)

    def _said(self, kind: str, *inline: str, path: tuple[str, ...] = ()) -> Iterator[Said]:
        """What is said by a resource of its own, else in the bucket itself under one of the names `inline`."""
        part = self.part(kind)
        if part is not None:
            yield Said(part, part.at(*path))
            return
        for name in inline:
            view = self.thing.at(name)
            if not view.known and name in self.thing.origin.awaits:
                raise _problem(self.thing, name)
            if view.known and view.present:  # else unknown: what AWS will choose
                yield from (Said(self.thing, one) for one in _each(view))

    @cached_property
    def encryption(self) -> Said | None:
        """The default encryption: a mapping with `sseAlgorithm` and `kmsMasterKeyId`; None is AWS's default, AES256."""
        inline = ("serverSideEncryptionConfiguration", "serverSideEncryptionConfigurations")
        for thing, view in self._said(ENCRYPTION, *inline):
            with blaming(thing):
                for rule in (*_each(view.at("rules")), *_each(view.at("rule"))):
                    for name in ("applyServerSideEncryptionByDefault", "applyServerSideEncryptionByDefaults"):
                        for default in _each(rule.at(name)):
                            return Said(thing, default)
        return None

    @cached_property
    def policy(self) -> Document | None:
        """The bucket policy."""
        for thing, view in self._said(POLICY, "policy", path=("policy",)):
            return read(thing, view)
        return None

    @cached_property
    def versioned(self) -> Said | None:
        """What turns versioning on, None when nothing does."""
        for thing, view in self._said(VERSIONING, "versioning", "versionings"):
            with blaming(thing):
                field = ("enabled",) if thing is self.thing else ("versioningConfiguration", "status")
                if view.at(*field).present and view.at(*field).raw in ("Enabled", True):
                    return Said(thing, view.at(*field))
        return None

    @cached_property
    def lifecycle(self) -> tuple[Said, ...]:
        """The rules of the lifecycle that are on."""
        found = []
        for thing, view in self._said(LIFECYCLE, "lifecycleRules"):
            with blaming(thing):
                rules = view.at("rules").items() if thing is not self.thing else [view]
                found += [Said(thing, it) for it in rules if it.at("status").text() == "Enabled" or _on(it)]
        return tuple(found)

    @cached_property
    def lock(self) -> Said | None:
        """The default retention of the object lock: a mapping with `mode` and `days` or `years`."""
        for thing, view in self._said(OBJECT_LOCK, "objectLockConfiguration"):
            with blaming(thing):
                for rule in _each(view.at("rule")):
                    if rule.at("defaultRetention").present:
                        return Said(thing, rule.at("defaultRetention"))
        return None

    @property
    def public_access(self) -> KubeObject | None:
        """The resource that blocks public access, the bucket's own before the account's."""
        return self.part(PUBLIC_ACCESS) or next(iter(self.cloud.account_blocks), None)

    @cached_property
    def acl(self) -> Said | None:
        """The canned ACL."""
        for thing, view in self._said(ACL, "acl", path=("acl",)):
            return Said(thing, view)
        return None


@dataclass(frozen=True, eq=False)
class Key:
    """One KMS key."""

    thing: KubeObject
    cloud: "Cloud"

    @cached_property
    def policy(self) -> Document | None:
        """Its policy; None is AWS's default, which leaves everything to the account's own policies."""
        part = self.cloud.key_policy(self)
        holder = self.thing if part is None else part
        view = holder.at("policy")
        if not view.known and holder is self.thing and "policy" not in holder.origin.awaits:
            return None  # the default, which AWS will write
        return read(holder, view)

    @property
    def names(self) -> tuple[str, ...]:
        """ARN and id, as far as they are known; each says the id."""
        views = (self.thing.at(name) for name in ("arn", "keyId", "id"))
        names = [str(view.raw) for view in views if view.known and view.raw]
        return tuple(dict.fromkeys([*names, *(name.rpartition("/")[2] for name in names)]))

    def named(self) -> None:
        """Raises `UnknownValueError` while its ARN is not known yet: by which service it is used is then not either."""
        arn = self.thing.at("arn")
        if not self.has_arn and not arn.known:
            raise _problem(self.thing, "arn")

    @property
    def has_arn(self) -> bool:
        """Whether its ARN is known."""
        return any(name.startswith("arn:") for name in self.names)


class Cloud:
    """Everything of AWS in an estate, by bucket name, key and identity."""

    def __init__(self, estate: Estate) -> None:
        self.buckets: dict[str, Bucket] = {}
        self.nameless: dict[KubeObject, UnknownValueError] = {}
        """The buckets whose name is not known yet, with what to raise."""
        for kind in BUCKETS:
            for thing in estate.of(kind):
                name = _name(thing)
                if name:
                    self.buckets.setdefault(name, Bucket(thing, name, self))
                elif thing.manifest.get("bucket") is UNKNOWN:
                    self.nameless[thing] = _problem(thing, "bucket")
        self._parts: dict[tuple[str, str], KubeObject] = {}
        self._unplaced: dict[str, list[tuple[KubeObject, str]]] = defaultdict(list)
        for part in _PARTS:
            for kind in _s3(part):
                for thing in estate.of(kind):
                    self._place(part, thing, "bucket")
        for thing in estate.of(_KEY_POLICY):
            self._place(_KEY_POLICY[1], thing, "keyId")
        self.account_blocks = tuple(estate.of(_ACCOUNT_BLOCK))
        self.keys = tuple(Key(thing, self) for thing in estate.of(KEY))
        self._keys: dict[str, Key] = {name: key for key in self.keys for name in key.names}
        self._aliases: list[tuple[str | None, UnknownValueError]] = []
        """Aliases of which not all is known yet, with their names."""
        for thing in estate.of(_ALIAS):
            self._name_key(thing)
        self.identities = Identities(estate)

    def _place(self, part: str, thing: KubeObject, reference: str) -> None:
        view = thing.at(reference)
        if not view.known:
            self._unplaced[part].append((thing, reference))
        elif isinstance(view.raw, str):
            self._parts.setdefault((part, view.raw.removeprefix("arn:aws:s3:::")), thing)

    def _name_key(self, alias: KubeObject) -> None:
        targets = [alias.at(name) for name in ("targetKeyId", "targetKeyArn")]
        views = [alias.at(name) for name in ("name", "arn")]
        names = [view.raw for view in views if isinstance(view.raw, str)]
        key = next((self._keys[str(view.raw)] for view in targets if view.known and str(view.raw) in self._keys), None)
        if key is not None:
            for name in names:
                self._keys.setdefault(name, key)
        if not views[0].known:
            self._aliases.append((None, _problem(alias, "name")))
        elif key is None and not targets[0].known:
            self._aliases += [(name, _problem(alias, "targetKeyId")) for name in names]

    def part(self, kind: str, bucket: str) -> KubeObject | None:
        """The resource of a kind that is about a bucket, by its name."""
        found = self._parts.get((kind, bucket))
        if found is None:
            self._not_known_yet(kind)
        return found

    def key_policy(self, key: Key) -> KubeObject | None:
        """The resource that sets a key's policy apart from the key."""
        kind = _KEY_POLICY[1]
        found = next((self._parts[kind, name] for name in key.names if (kind, name) in self._parts), None)
        if found is None:
            self._not_known_yet(kind)
        return found

    def _not_known_yet(self, kind: str) -> None:
        for thing, reference in self._unplaced[kind]:
            raise _problem(thing, reference)

    def bucket(self, name: str | None) -> Bucket | None:
        """The bucket of a name; None when it is not in this estate.

        Raises `UnknownValueError` when it is not, and one whose name is not known yet may be it.
        """
        found = self.buckets.get(name or "")
        for problem in self.nameless.values() if found is None and name else ():
            raise problem.with_traceback(None)
        return found

    def key(self, reference: str) -> Key | None:
        """The key that an ARN, an id or an alias names; None when it is not in this estate.

        Raises `UnknownValueError` when it is not, and an alias of which not all is known yet may be meant.
        """
        found = self._keys.get(reference)
        if found is None:
            by_id = self._keys.get(reference.rpartition("/")[2]) if ":key/" in reference else None
            found = by_id if by_id is not None and not by_id.has_arn else None
        for name, problem in self._aliases if found is None and "alias/" in reference else ():
            if name is None or name.rpartition(":")[2] == reference.rpartition(":")[2]:
                raise problem.with_traceback(None)
        return found

    def users_of(self, bucket: str) -> tuple[Identity, ...]:
        """The identities whose policies, or the bucket's, speak of a bucket; those with rights everywhere are among
        them."""
        policy = self.buckets[bucket].policy if bucket in self.buckets else None
        named = [name for one in policy.statements if not one.denies for name in one.principals()] if policy else []
        return self.identities.near(bucket, named)


def cloud(estate: Estate) -> Cloud:
    """The cloud of an estate; ask for it by `estate.memo(cloud)`."""
    return Cloud(estate)


def _problem(thing: KubeObject, key: str) -> UnknownValueError:
    problem = UnknownValueError((key,))
    problem.about(thing)
    return problem


def _name(thing: KubeObject) -> str | None:
    """The name of a bucket, None while it is not known."""
    for key in ("bucket", "id"):
        raw = thing.manifest.get(key)
        if isinstance(raw, str) and raw:
            return raw
    return None


def _each(view: View) -> list[View]:
    """One mapping, or a list of them; the first generation writes a list where there is one at most."""
    if not view.present:
        return []
    return [view] if isinstance(view.raw, Mapping | str) else view.items()


def _on(rule: View) -> bool:
    return rule.at("enabled").raw is True
