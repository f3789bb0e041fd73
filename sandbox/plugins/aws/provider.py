"""The stand-in for pulumi-aws: the engine's requests, through boto3."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from seawall.sandbox.plugins.aws import iam, iam_policies, kms, s3_bucket, s3_settings, settings
from seawall.sandbox.plugins.aws.clients import Clients, explained
from seawall.sandbox.plugins.aws.resource import AwsResource, all_tags
from seawall.sandbox.plugins.aws.schema import Schema, equivalent, problems
from seawall.sandbox.plugins.difference import Change, Difference, compare, within
from seawall.sandbox.plugins.errors import PartialError, PluginError, Refusal
from seawall.sandbox.plugins.properties import UNKNOWN, Path, Properties, secret_paths_in
from seawall.sandbox.plugins.standin import Checked, StandIn, State, Target

TYPES: Final[dict[str, AwsResource]] = {
    resource.token: resource
    for resource in (
        s3_bucket.Bucket(),
        s3_settings.BucketVersioning(),
        s3_settings.BucketObjectLock(),
        s3_settings.BucketEncryption(),
        s3_settings.BucketPublicAccessBlock(),
        s3_settings.BucketOwnershipControls(),
        s3_settings.BucketPolicy(),
        s3_settings.BucketLifecycle(),
        kms.Key(),
        kms.Alias(),
        iam.User(),
        iam.Role(),
        iam_policies.Policy(),
        iam_policies.UserPolicyAttachment(),
        iam_policies.RolePolicyAttachment(),
    )
}


class AwsStandIn(StandIn):
    """The types that the program uses, at the sandbox's endpoint `endpoint`."""

    package = "aws"
    distribution = "pulumi-aws"

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._aws: Clients

    def warm_up(self) -> None:
        """boto3 takes half a second to import."""
        import boto3  # noqa: F401

    def check_config(self, inputs: Properties) -> list[Refusal]:
        """A region, an account that may be changed, and no setting that would be ignored."""
        return settings.check(inputs)

    def configure(self, inputs: Properties) -> None:
        """Connect, and refuse an account that is not allowed."""
        values = settings.plain(inputs)
        self._aws = Clients(self._endpoint, str(values["region"]))
        self._aws.default_tags = settings.default_tags(values)
        allowed = settings.allowed_accounts(values)
        with self._explaining("aws provider"):
            account = self._aws.identify()
        if account not in allowed:
            raise PluginError(
                f"allowedAccountIds is {', '.join(allowed)}, but the endpoint {self._endpoint} is account {account}: "
                "nothing is read or changed there"
            )
        self.diagnostics.note("simulated", "S3, KMS and IAM are simulated: policies are stored, not enforced")

    def check(self, target: Target, olds: Properties, news: Properties) -> Checked:
        """Refuses unknown types and properties, and values that AWS would refuse."""
        resource = TYPES.get(target.type)
        if resource is None:
            known = ", ".join(sorted(TYPES))
            return Checked(
                news, [Refusal("", f"{target.type} is not implemented by the aws stand-in, which has: {known}")]
            )
        refusals = problems(news.values, resource.schema)
        refusals += [
            Refusal(name, f"{name} must be given (the vendor's automatic names are not imitated)")
            for name in resource.required
            if news.values.get(name) in (None, "")
        ]
        refusals += resource.check(news.values)
        return Checked(news, refusals)

    def diff(self, target: Target, state: State, news: Properties, ignored: list[Path]) -> Difference:
        """Inputs against inputs: a refresh has put the live values into the old ones."""
        resource = self._type(target)
        changes: list[Change] = []
        for change in compare(state.inputs.values, news.values):
            top = str(change.path[0])
            if not within(change.path, ignored) and not _means_the_same(resource, top, state, news):
                changes.append(Change(change.path, change.kind, replace=top in resource.replaced_by))
        replaced = any(change.replace for change in changes)
        # What has a name cannot exist twice, unless it is the name that changes.
        renamed = any(change.path[0] in resource.required and change.replace for change in changes)
        return Difference(changes, delete_before_replace=replaced and bool(resource.required) and not renamed)

    def create(self, target: Target, inputs: Properties, *, preview: bool, timeout: float) -> State:
        """Creates, sets up and reads back; or predicts."""
        resource, values = self._type(target), inputs.values
        with self._explaining(target.name):
            known = all(values.get(name) is not UNKNOWN for name in resource.required)
            found = resource.found(self._aws, values, target.urn) if known else None
            if preview:
                outputs = self._predicted(resource, inputs)
                id_ = resource.id_of(self._aws, values) if known else None
                return State(id_ or "", Properties(outputs, secret_paths_in(outputs, inputs)))
            if found:
                text = f"{target.name}: {found} exists already, made by a run that ended before its state was saved: "
                self.diagnostics.say("info", text + "it is taken over", target.urn, note="adopted")
            id_ = found or resource.create(self._aws, values, target.urn)
        try:
            with self._explaining(target.name):
                before = self._as_inputs(resource, resource.read(self._aws, id_) or {}, values) if found else {}
                resource.configure(self._aws, id_, before, values, target.urn)
                return State(id_, self._read_back(resource, id_, inputs))
        except PluginError as error:
            raise PartialError(id_, [str(error)], dict(values), inputs.secrets) from error

    def read(self, target: Target, state: State) -> State | None:
        """The live resource; its inputs are what the program said, with live values."""
        resource = self._type(target)
        with self._explaining(target.name):
            live = resource.read(self._aws, state.id)
        if live is None:
            return None
        said = state.inputs.values
        inputs = self._as_inputs(resource, live, said)
        kept = {name: state.outputs.values[name] for name in resource.kept if name in state.outputs.values}
        outputs = {**_present(live), **kept}
        return State(
            state.id,
            Properties(outputs, secret_paths_in(outputs, state.inputs)),
            Properties(inputs, secret_paths_in(inputs, state.inputs)),
        )

    def update(self, target: Target, state: State, news: Properties, *, preview: bool, timeout: float) -> Properties:
        """Changes in place and reads back; or predicts."""
        resource = self._type(target)
        if preview:
            outputs = {**state.outputs.values, **news.values, **dict.fromkeys(resource.recomputed, UNKNOWN)}
            if resource.tagged:
                outputs["tagsAll"] = all_tags(self._aws, news.values)
            return Properties(outputs, secret_paths_in(outputs, news))
        with self._explaining(target.name):
            resource.configure(self._aws, state.id, state.inputs.values, news.values, target.urn)
            return self._read_back(resource, state.id, news)

    def delete(self, target: Target, state: State, *, timeout: float) -> None:
        """Deletes and makes sure that it is gone."""
        resource = self._type(target)
        with self._explaining(target.name):
            resource.delete(self._aws, state.id, {**state.outputs.values, **state.inputs.values})
            # Versioning cannot be taken off a bucket: it stays, suspended.
            if resource.token != s3_settings.BucketVersioning.token and resource.read(self._aws, state.id) is not None:
                raise PluginError(f"{target.name}: {state.id} is still there after its deletion")

    def _type(self, target: Target) -> AwsResource:
        resource = TYPES.get(target.type)
        if resource is None:
            raise PluginError(f"{target.type} is not implemented by the aws stand-in")
        return resource

    @contextlib.contextmanager
    def _explaining(self, what: str) -> Iterator[None]:
        try:
            yield
        except PluginError:
            raise
        except Exception as error:
            known = explained(error, what, self._endpoint)
            if known is None:
                raise
            raise known from error

    def _read_back(self, resource: AwsResource, id_: str, inputs: Properties) -> Properties:
        live = resource.read(self._aws, id_)
        if live is None:
            raise PluginError(f"{id_} was written, but is not there")
        kept = {name: inputs.values[name] for name in resource.kept if name in inputs.values}
        outputs = {**_present(live), **kept}
        for name, schema in resource.schema.items():  # the program's own spelling of what means the same
            if name in inputs.values and equivalent(schema, outputs.get(name), inputs.values[name]):
                outputs[name] = inputs.values[name]
        return Properties(outputs, secret_paths_in(outputs, inputs))

    def _predicted(self, resource: AwsResource, inputs: Properties) -> dict[str, object]:
        outputs: dict[str, object] = {**inputs.values, **dict.fromkeys(resource.computed, UNKNOWN)}
        if "region" in outputs:
            outputs["region"] = self._aws.region
        if resource.tagged:
            outputs["tagsAll"] = all_tags(self._aws, inputs.values)
        return {**outputs, **resource.predicted(self._aws, inputs.values)}

    def _as_inputs(
        self, resource: AwsResource, live: Mapping[str, Any], said: Mapping[str, object]
    ) -> dict[str, object]:
        """The inputs that the live resource stands for: of the properties that were said, or of all for an import."""
        if not said:
            return {k: v for k, v in live.items() if k in resource.schema and not resource.is_default(k, v)}
        inputs: dict[str, object] = {}
        for name, value in said.items():
            if name in resource.kept:
                inputs[name] = value
            elif name in live and live[name] is not None:
                schema = resource.schema.get(name, str)
                same = equivalent(schema, live[name], value) or _same_target(name, live[name], value)
                inputs[name] = value if same else _like(schema, value, live[name])
        return inputs


def _means_the_same(resource: AwsResource, name: str, state: State, news: Properties) -> bool:
    """Whether the property `name`, which differs from the old inputs, is nevertheless as it is in AWS."""
    old, new = state.inputs.values.get(name), news.values.get(name)
    if name not in news.values:
        return resource.is_default(name, old)
    if name not in state.inputs.values:
        old = state.outputs.values.get(name)
    return equivalent(resource.schema.get(name, str), old, new) or _same_target(name, old, new)


def _same_target(name: str, live: object, said: object) -> bool:
    texts = isinstance(live, str) and isinstance(said, str)
    return name == "targetKeyId" and texts and kms.same_key(live, said)


def _present(live: Mapping[str, Any]) -> dict[str, object]:
    return {name: value for name, value in live.items() if value is not None}


def _like(schema: Schema, said: object, live: object) -> object:
    """`live` with only the fields that `said` has; lists of different length and maps of tags are taken whole."""
    if isinstance(schema, dict) and isinstance(said, dict) and isinstance(live, dict):
        return {k: _like(schema.get(k, str), v, live[k]) for k, v in said.items() if k in live}
    if isinstance(schema, list) and isinstance(said, list) and isinstance(live, list) and len(said) == len(live):
        return [_like(schema[0], a, b) for a, b in zip(said, live, strict=True)]
    return live
