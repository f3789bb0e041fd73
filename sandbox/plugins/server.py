"""The gRPC server of a stand-in: the engine's resource-provider protocol on loopback, on a free port.

It speaks `pulumirpc.ResourceProvider` directly instead of through the SDK's experimental `Provider`, which cannot carry
unknown values and hides secrets, detailed diffs and partial failures.
"""

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, TypeAlias

import grpc
from google.protobuf import any_pb2
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from seawall.sandbox.plugins.difference import Difference
from seawall.sandbox.plugins.errors import PartialError, PluginError, Refusal, redact
from seawall.sandbox.plugins.properties import NONE, Properties, decode, encode, parse, render
from seawall.sandbox.plugins.standin import StandIn, State, Target

_MESSAGE_BYTES = 400 * 1024 * 1024  # the engine's own limit
_WORKERS = 32  # the engine asks for up to 4 x cores at once, and reads in parallel on refresh

Context: TypeAlias = Any  # grpc.ServicerContext, which has no type stubs


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Translates the engine's requests to a `StandIn` and its errors to gRPC."""

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in

    def Handshake(  # noqa: N802 (the protocol's names)
        self, request: provider_pb2.ProviderHandshakeRequest, context: Context
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Says what the stand-in can carry: secrets, but not outputs or resources as values."""
        self.stand_in.diagnostics.connect(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: plugin_pb2.PluginAttach, context: Context) -> Empty:  # noqa: N802
        """Takes the address of the engine that a debugger attached."""
        self.stand_in.diagnostics.connect(request.address)
        return Empty()

    def GetPluginInfo(self, request: Empty, context: Context) -> plugin_pb2.PluginInfo:  # noqa: N802
        """The version of the vendor's SDK that this stands in for."""
        from importlib.metadata import version  # not every run asks, and it imports the mail parser

        return plugin_pb2.PluginInfo(version=version(self.stand_in.distribution))

    def Cancel(self, request: Empty, context: Context) -> Empty:  # noqa: N802
        """Stops every wait."""
        self.stand_in.cancel()
        return Empty()

    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: Context
    ) -> provider_pb2.CheckResponse:
        """Validates the provider's settings."""
        with self._answering(context) as inputs:
            news = inputs(request.news)
            return _checked(news, self.stand_in.check_config(news))

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:  # noqa: N802
        """New settings never replace a provider: that would replace every resource it made."""
        with self._answering(context) as inputs:
            same = inputs(request.old_inputs).values == inputs(request.news).values
            changes = provider_pb2.DiffResponse.DIFF_NONE if same else provider_pb2.DiffResponse.DIFF_SOME
            return provider_pb2.DiffResponse(changes=changes)

    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: Context
    ) -> provider_pb2.ConfigureResponse:
        """Connects; the same checks as `CheckConfig` hold for settings that come from the state."""
        with self._answering(context) as inputs:
            settings = inputs(request.args)
            refusals = self.stand_in.check_config(settings)
            if refusals:
                raise PluginError("; ".join(r.reason for r in refusals))
            self.stand_in.configure(settings)
            return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:  # noqa: N802
        """Validates a resource's inputs."""
        with self._answering(context) as inputs:
            checked = self.stand_in.check(_target(request), inputs(request.olds), inputs(request.news))
            return _checked(checked.inputs, checked.refusals)

    def Diff(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:  # noqa: N802
        """Compares."""
        with self._answering(context) as inputs:
            state = State(request.id, inputs(request.olds), inputs(request.old_inputs))
            ignored = [parse(path) for path in request.ignoreChanges]
            return _differs(self.stand_in.diff(_target(request), state, inputs(request.news), ignored))

    def Create(self, request: provider_pb2.CreateRequest, context: Context) -> provider_pb2.CreateResponse:  # noqa: N802
        """Creates or previews."""
        with self._answering(context) as inputs:
            made = self.stand_in.create(
                _target(request), inputs(request.properties), preview=request.preview, timeout=request.timeout
            )
            properties = encode(made.outputs.values, made.outputs.secrets)
            return provider_pb2.CreateResponse(id=made.id, properties=properties)

    def Read(self, request: provider_pb2.ReadRequest, context: Context) -> provider_pb2.ReadResponse:  # noqa: N802
        """Reads for a refresh or an import; an empty answer says that the resource is gone."""
        with self._answering(context) as inputs:
            state = State(request.id, inputs(request.properties), inputs(request.inputs))
            found = self.stand_in.read(_target(request), state)
            if found is None:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(
                id=found.id,
                properties=encode(found.outputs.values, found.outputs.secrets),
                inputs=encode(found.inputs.values, found.inputs.secrets),
            )

    def Update(self, request: provider_pb2.UpdateRequest, context: Context) -> provider_pb2.UpdateResponse:  # noqa: N802
        """Updates or previews."""
        with self._answering(context) as inputs:
            state = State(request.id, inputs(request.olds), inputs(request.old_inputs))
            outputs = self.stand_in.update(
                _target(request), state, inputs(request.news), preview=request.preview, timeout=request.timeout
            )
            return provider_pb2.UpdateResponse(properties=encode(outputs.values, outputs.secrets))

    def Delete(self, request: provider_pb2.DeleteRequest, context: Context) -> Empty:  # noqa: N802
        """Deletes."""
        with self._answering(context) as inputs:
            state = State(request.id, inputs(request.properties), inputs(request.old_inputs))
            self.stand_in.delete(_target(request), state, timeout=request.timeout)
            return Empty()

    def Invoke(self, request: provider_pb2.InvokeRequest, context: Context) -> provider_pb2.InvokeResponse:  # noqa: N802
        """Refused: the program takes no data sources from a provider."""
        self._refuse(context, f"function {request.tok}")

    def Call(self, request: provider_pb2.CallRequest, context: Context) -> provider_pb2.CallResponse:  # noqa: N802
        """Refused."""
        self._refuse(context, f"method {request.tok}")

    def Construct(  # noqa: N802
        self, request: provider_pb2.ConstructRequest, context: Context
    ) -> provider_pb2.ConstructResponse:
        """Refused: components of the vendor's plugin (Helm charts, YAML, Kustomize) are not imitated."""
        self._refuse(context, f"component {request.type}")

    def _refuse(self, context: Context, what: str) -> NoReturn:
        package = self.stand_in.package
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"the {package} stand-in has no {what}: write the resources it would make one by one, or use the vendor's "
            f"{package} plugin",
        )
        raise AssertionError("abort returned")

    @contextlib.contextmanager
    def _answering(self, context: Context) -> Iterator[Callable[[Any], Properties]]:
        """Decodes the property maps of one request, and turns what is raised into a gRPC error without secrets."""
        secrets: set[str] = set()

        def inputs(struct: Any) -> Properties:
            properties = decode(struct) if struct is not None else NONE
            secrets.update(properties.secret_strings)
            return properties

        try:
            yield inputs
        except PluginError as error:
            context.abort(grpc.StatusCode.UNKNOWN, redact(str(error), secrets))
        except PartialError as failure:
            _abort_partially(context, failure, secrets)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__}: {error} ({os.path.basename(frame.filename)}:{frame.lineno})"  # noqa: PTH119
            package = self.stand_in.package
            context.abort(grpc.StatusCode.INTERNAL, redact(f"the {package} stand-in failed: {what}", secrets))


def _target(request: Any) -> Target:
    urn: str = request.urn
    return Target(urn, request.type or urn.split("::")[2].split("$")[-1], request.name or urn.split("::")[-1])


def _checked(inputs: Properties, refusals: list[Refusal]) -> provider_pb2.CheckResponse:
    failures = [provider_pb2.CheckFailure(property=r.property, reason=r.reason) for r in refusals]
    return provider_pb2.CheckResponse(inputs=encode(inputs.values, inputs.secrets), failures=failures)


def _differs(difference: Difference) -> provider_pb2.DiffResponse:
    answer = provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if difference.changes else provider_pb2.DiffResponse.DIFF_NONE,
        deleteBeforeReplace=difference.delete_before_replace,
        hasDetailedDiff=True,
    )
    kinds = provider_pb2.PropertyDiff.Kind
    for change in difference.changes:
        path = render(change.path)
        name = change.kind.upper() + ("_REPLACE" if change.replace else "")
        # Not an input diff: the old side of the display is the live value in the outputs, so that drift shows.
        answer.detailedDiff[path].kind = kinds.Value(name)
        top = str(change.path[0])
        if top not in answer.diffs:
            answer.diffs.append(top)
        if change.replace:
            answer.replaces.append(path)
    return answer


def _abort_partially(context: Context, failure: PartialError, secrets: set[str]) -> None:
    detail = provider_pb2.ErrorResourceInitFailed(
        id=failure.id,
        properties=encode(failure.outputs, failure.secrets),
        reasons=[redact(reason, secrets) for reason in failure.reasons],
    )
    packed = any_pb2.Any()
    packed.Pack(detail)
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=redact(str(failure), secrets))
    status.details.append(packed)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, status.message)


def serve(stand_in: StandIn, parent: int) -> NoReturn:
    """Serve `stand_in` until the engine interrupts the process; prints the port, which is all the engine reads.

    `parent` is the engine's process id, taken before anything slow: without the engine nobody would end this process.
    """
    options = [("grpc.max_receive_message_length", _MESSAGE_BYTES), ("grpc.max_send_message_length", _MESSAGE_BYTES)]
    server = grpc.server(ThreadPoolExecutor(_WORKERS, thread_name_prefix=stand_in.package), options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(stand_in), server)
    port = server.add_insecure_port("127.0.0.1:0")
    engine = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "")
    stand_in.diagnostics.connect(engine)
    server.start()
    stopping = threading.Event()
    # The engine ends a plugin with SIGINT and waits 5 s before it kills; a terminal or a driver sends SIGTERM.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    print(port, flush=True)
    threading.Thread(target=stand_in.warm_up, daemon=True).start()
    while not stopping.wait(2):
        if os.getppid() != parent:  # the engine was killed, which leaves its plugins behind
            break
    stand_in.cancel()
    with contextlib.suppress(Exception):
        stand_in.close()
    server.stop(0)
    sys.stdout.flush()
    os._exit(0)  # at once: the engine waits for the exit, and nothing is left to flush
