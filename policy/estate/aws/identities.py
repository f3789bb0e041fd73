"""IAM users and roles of a Pulumi stack, with every policy that is attached to them, and what they may do."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from seawall.policy.estate.aws.documents import Document, Request, every, read, some
from seawall.policy.estate.kinds import PULUMI, GroupKind
from seawall.policy.estate.model import Estate
from seawall.policy.estate.objects import KubeObject
from seawall.policy.estate.values import UNKNOWN, CannotEvaluateError, UnknownValueError, View


def _iam(name: str) -> GroupKind:
    return PULUMI, f"aws:iam/{name[0].lower()}{name[1:]}:{name}"


USER, ROLE = _iam("User"), _iam("Role")
_POLICY = _iam("Policy")
_OF_AWS: dict[str, dict[str, list[str]]] = {
    "AdministratorAccess": {"Action": ["*"]},
    "PowerUserAccess": {"NotAction": ["account:*", "iam:*", "organizations:*"]},
    "AmazonS3FullAccess": {"Action": ["s3:*", "s3-object-lambda:*"]},
    "AmazonS3ReadOnlyAccess": {"Action": ["s3:Describe*", "s3:Get*", "s3:List*"]},
}
"""Policies that AWS manages, and what they allow on everything."""
_COLONS = 5
"""In every ARN, at least."""


@dataclass(eq=False)
class Identity:
    """A user or a role."""

    thing: KubeObject
    arn: str
    """Its ARN; partition and account are empty where they are not known."""
    documents: list[Document] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    """ARNs of policies that it has and that are not in this estate."""
    problems: list[CannotEvaluateError] = field(default_factory=list)
    """Policies that cannot be read, or are not known yet."""

    @property
    def title(self) -> str:
        """For a person: `user monosense-cnpg-writer`."""
        return f"{'user' if self.thing.group_kind == USER else 'role'} {self.arn.rpartition('/')[2]}"

    def may(self, request: Request, resource: Document | None) -> bool | None:
        """Whether it may do this in its own account, given the policy of the bucket; None when that cannot be told."""
        denied = some([*(it.denies(request) for it in self.documents), resource.denies(request) if resource else False])
        allowed = some([self._granted(request), resource.allows(request) if resource else False])
        return every([allowed, _opposite(denied)])

    def may_use(self, request: Request, policy: Document | None) -> bool | None:
        """Whether it may use a key: its policy must allow it by name, or leave it to the account and to IAM.

        Without a policy of its own a key leaves everything to the account.
        """
        denied = some([*(it.denies(request) for it in self.documents), policy.denies(request) if policy else False])
        through_account = every([policy.leaves_to_account(request) if policy else True, self._granted(request)])
        allowed = some([policy.allows(request) if policy else False, through_account])
        return every([allowed, _opposite(denied)])

    def _granted(self, request: Request) -> bool | None:
        """By its own policies. Those that are not seen may allow more; a boundary may take away."""
        allowed = some(document.allows(request) for document in self.documents)
        if allowed is not True and (self.unseen or self.problems):
            return None
        return None if allowed and self.thing.manifest.get("permissionsBoundary") else allowed


def _opposite(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


class Identities:
    """The users and roles of an estate."""

    def __init__(self, estate: Estate) -> None:
        self._by_name: dict[tuple[GroupKind, str], Identity] = {}
        self._by_tail: dict[str, Identity] = {}
        self.unplaced: list[CannotEvaluateError] = []
        """Identities without a name, and policies of which is not known yet whose they are: they may be anybody's."""
        self._nameless: list[CannotEvaluateError] = []
        for kind in (USER, ROLE):
            for thing in estate.of(kind):
                self._add(thing)
        policies = {}
        for thing in estate.of(_POLICY):
            name, arn = thing.manifest.get("name"), thing.manifest.get("arn")
            path = thing.manifest.get("path") or "/"
            policies[f"policy{path if isinstance(path, str) else '/'}{name}"] = thing
            if isinstance(arn, str):
                policies[arn] = thing
        for kind, what in ((USER, "user"), (ROLE, "role")):
            for inline in estate.of(_iam(f"{what.title()}Policy")):
                self._inline(kind, inline, what)
            for attachment in estate.of(_iam(f"{what.title()}PolicyAttachment")):
                self._attach(kind, attachment, attachment.at(what), policies)
        for attachment in estate.of(_iam("PolicyAttachment")):
            for kind, what in ((USER, "users"), (ROLE, "roles")):
                listed = attachment.at(what)
                if not listed.known:
                    self._leave(attachment, what)
                for whose in listed.items() if listed.known else ():
                    self._attach(kind, attachment, whose, policies)
        self._near, self._everywhere = self._by_bucket()

    def all(self) -> tuple[Identity, ...]:
        """Every one of them."""
        return tuple(self._by_name.values())

    @cached_property
    def awaited(self) -> UnknownValueError | None:
        """The first policy that is not known yet: until it is, who may do what cannot be said of anybody."""
        problems = (*self.unplaced, *(problem for identity in self.all() for problem in identity.problems))
        return next((problem for problem in problems if isinstance(problem, UnknownValueError)), None)

    def role(self, arn: str) -> Identity | None:
        """The identity with an ARN; None when it is not in this estate.

        Raises `CannotEvaluateError` when it is not, and one whose name is not known yet may be it.
        """
        found = self._by_tail.get(arn.rpartition(":")[2])
        for problem in self._nameless if found is None else ():
            raise problem.with_traceback(None)
        return found

    def whole(self, identity: Identity) -> None:
        """Raises `CannotEvaluateError` when a policy of an identity is not known: it may do more, or less."""
        for problem in (*identity.problems, *self.unplaced):
            raise problem.with_traceback(None)

    def near(self, bucket: str, named: Iterable[str]) -> tuple[Identity, ...]:
        """Those whose policies speak of a bucket or of every bucket, and those with one of these ARNs."""
        found = [*self._near.get(bucket, ()), *self._everywhere]
        found += [identity for name in named if (identity := self.role(name)) is not None]
        return tuple(dict.fromkeys(found))

    def _add(self, thing: KubeObject) -> None:
        name, path, arn = (thing.manifest.get(key) for key in ("name", "path", "arn"))
        if not isinstance(name, str):
            if name is UNKNOWN:
                self._nameless.append(self._leave(thing, "name"))
            return
        what = "user" if thing.group_kind == USER else "role"
        tail = f"{what}{path if isinstance(path, str) else '/'}{name}"
        whole = isinstance(arn, str) and arn.count(":") >= _COLONS
        identity = Identity(thing, str(arn) if whole else f"arn::iam:::{tail}")
        self._by_name[thing.group_kind, name] = identity
        self._by_tail[identity.arn.rpartition(":")[2]] = identity
        for inline in _listed(thing, "inlinePolicies", identity):
            self._read(identity, thing, inline.at("policy") if inline.known else inline)
        for managed in _listed(thing, "managedPolicyArns", identity):
            if not managed.known:
                identity.problems.append(_unknown(thing, managed.path))
            elif text := managed.text():
                self._foreign(identity, text)

    def _inline(self, kind: GroupKind, thing: KubeObject, what: str) -> None:
        whose = thing.at(what)
        if not whose.known:
            self._leave(thing, what)
        identity = self._by_name.get((kind, str(whose.raw))) if whose.known else None
        if identity is not None:
            self._read(identity, thing, thing.at("policy"))

    def _attach(self, kind: GroupKind, thing: KubeObject, whose: View, policies: dict[str, KubeObject]) -> None:
        if not whose.known:
            self._leave(thing, *whose.path)
        identity = self._by_name.get((kind, str(whose.raw).rpartition("/")[2])) if whose.known else None
        if identity is None:
            return
        arn = thing.at("policyArn")
        if not arn.known or not isinstance(arn.raw, str):
            identity.problems.append(_unknown(thing, arn.path))
            return
        policy = policies.get(arn.raw) or policies.get(arn.raw.rpartition(":")[2])
        if policy is None:
            self._foreign(identity, arn.raw)
        else:
            self._read(identity, policy, policy.at("policy"))

    def _leave(self, thing: KubeObject, *path: str) -> CannotEvaluateError:
        problem = _unknown(thing, path)
        self.unplaced.append(problem)
        return problem

    def _foreign(self, identity: Identity, arn: str) -> None:
        """A policy of AWS, or one that somebody else keeps."""
        actions = _OF_AWS.get(arn.rpartition("/")[2]) if ":iam::aws:policy/" in arn else None
        if actions is None:
            identity.unseen.append(arn)
            return
        statement = {"Effect": "Allow", **actions, "Resource": "*"}
        document = read(identity.thing, View({"Statement": [statement]}, ("managedPolicyArns",)))
        if document is not None:
            identity.documents.append(document)

    def _read(self, identity: Identity, thing: KubeObject, view: View) -> None:
        try:
            document = read(thing, view)
            if document is not None:
                for statement in document.statements:  # what is unknown inside shows here and not in the midst
                    statement.covers(Request("x:Y", "arn:x"))
                    statement.conditions  # noqa: B018
                identity.documents.append(document)
        except CannotEvaluateError as problem:
            problem.about(thing)
            identity.problems.append(problem)

    def _by_bucket(self) -> tuple[dict[str, list[Identity]], list[Identity]]:
        near: dict[str, list[Identity]] = defaultdict(list)
        everywhere: list[Identity] = []
        for identity in self._by_name.values():
            buckets = {
                name
                for document in identity.documents
                for statement in document.statements
                if not statement.denies
                for name in statement.buckets()
            }
            if any("*" in name or "?" in name for name in buckets):
                everywhere.append(identity)
            else:
                for name in sorted(buckets):
                    near[name].append(identity)
        return near, everywhere


def _unknown(thing: KubeObject, path: tuple[str, ...]) -> UnknownValueError:
    problem = UnknownValueError(path)
    problem.about(thing)
    return problem


def _listed(thing: KubeObject, key: str, identity: Identity) -> list[View]:
    """The entries of a property that may be unknown while AWS has not made the thing."""
    view = thing.at(key)
    try:
        return view.items() if view.known else []
    except CannotEvaluateError as problem:
        problem.about(thing)
        identity.problems.append(problem)
        return []
