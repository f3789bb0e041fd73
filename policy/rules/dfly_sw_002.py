"""DFLY-SW-002: arguments, variables and containers that undo what the operator sets, and a port without a password."""

import re
from collections.abc import Iterator

from seawall.operators import dragonfly as facts
from seawall.operators.dragonfly.flags import ENVIRONMENT_PREFIX, Given, read_arguments, truth
from seawall.policy.checks.dragonfly_process import ARGUMENTS, ENVIRONMENT, process_of
from seawall.policy.estate.kinds import DRAGONFLY
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation

_PASSWORD = ("spec", "authentication", "passwordFromSecret")
_PASSWORDS = ("requirepass", "masterauth")
_AS_IT_IS = {
    "admin_port": {str(facts.ADMIN_PORT)},
    "port": {str(facts.CLIENT_PORT)},
    "bind": {"", "0.0.0.0"},  # noqa: S104 (the value that is harmless)
    "admin_bind": {"", "0.0.0.0"},  # noqa: S104
    "unixsocket": {""},
    "requirepass": {""},
    "masterauth": {""},
}
"""Values that say what holds anyway."""
_AS_SWITCHED = {"admin_nopass": True, "primary_port_http_enabled": False}
_REFERENCE = re.compile(r"\$\([A-Za-z_][A-Za-z0-9_]*\)")
_SECRET_NAME = re.compile(r"(PASS(WORD|WD)?|SECRET(_ACCESS)?(_KEY)?|TOKEN|API_?KEY|CREDENTIALS?)$", re.IGNORECASE)


def check_arguments(dragonfly: KubeObject) -> Iterator[Violation]:
    """Arguments that belong to the operator, hide others, hold a password, or say nothing to the process."""
    arguments = [argument.text() or "" for argument in dragonfly.at(*ARGUMENTS).items()]
    read = read_arguments(arguments)
    taken = {given.index for given in read}
    for given in read:
        path = (*ARGUMENTS, f"[{given.index}]")
        if not re.fullmatch(r"[a-z0-9_]+", given.name):
            yield Violation(
                f"argument {given.index + 1} names no flag of the process, which exits at it: a flag is spelt in "
                "lower-case letters, digits and _, and its value stands behind = or in the next entry",
                "Write it as one entry, --name=value.",
                path,
            )
        elif (reason := _objection(given)) is not None:
            yield Violation(f"--{given.name} is given: {reason}", f"Remove --{given.name}.", path)
    for index, argument in enumerate(arguments):
        value_of_last = index - 1 in taken and "=" not in arguments[index - 1]
        if not argument.startswith("-") and not value_of_last:
            yield Violation(
                f"argument {index + 1} does not begin with a dash: the process does not read it",
                "Write it as one entry, --name=value.",
                (*ARGUMENTS, f"[{index}]"),
            )


def _objection(given: Given) -> str | None:
    """Why nobody should give this argument, None when they may. What is about TLS has a rule of its own."""
    name = facts.arg_name(f"--{given.name}")
    if name.startswith(("tls", "no_tls")) or given.value in _AS_IT_IS.get(name, ()):
        return None
    if name in _AS_SWITCHED and truth(given.value) is _AS_SWITCHED[name] and name == given.name:
        return None
    if name == "s3_use_https" and truth(given.value) is False:
        return "snapshots cross the network readable, and so do the credentials' signatures"
    if name in _PASSWORDS and _REFERENCE.fullmatch(given.value):
        return "a password on the command line can be read by whoever sees the process; use passwordFromSecret"
    return facts.forbidden_arg(f"--{given.name}")


def check_variables(dragonfly: KubeObject) -> Iterator[Violation]:
    """Variables that the process takes for arguments, and secrets in plain text."""
    for index, variable in enumerate(dragonfly.at(*ENVIRONMENT).items()):
        name = variable.at("name").text() or ""
        path = (*ENVIRONMENT, f"[{index}]")
        literal = variable.at("value").text() or ""
        plain = bool(literal) and not _REFERENCE.fullmatch(literal)
        flag = name.removeprefix(ENVIRONMENT_PREFIX) if name.startswith(ENVIRONMENT_PREFIX) else None
        if flag == "PASSWORD":
            yield Violation(
                "the variable DFLY_PASSWORD ends the process: it was taken out of Dragonfly",
                "Remove it, and set spec.authentication.passwordFromSecret.",
                path,
            )
        elif flag is not None and flag not in _PASSWORDS:
            reason = _objection(Given(flag, literal, index))
            if reason is not None:
                yield Violation(f"the variable {name} sets --{flag}: {reason}", f"Remove {name}.", path)
        elif plain and (flag in _PASSWORDS or _SECRET_NAME.search(name)):
            yield Violation(
                f"the variable {name} holds a secret in plain text: whoever may read the resource, its history or the "
                "pod reads it",
                "Take it from a Secret (valueFrom.secretKeyRef, or spec.authentication.passwordFromSecret).",
                path,
            )


def check_authentication(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A client port without a password, an ACL file or client certificates."""
    process = process_of(dragonfly, estate)
    reference = dragonfly.at(*_PASSWORD)
    by_secret = reference.at("name").present and reference.at("key").present
    if reference.present and not by_secret:
        yield Violation(
            "spec.authentication.passwordFromSecret names no Secret or no key: the pods do not start",
            "Name both.",
            _PASSWORD,
        )
    if by_secret and reference.at("optional").boolean(default=False):
        yield Violation(
            "the password is optional: where its Secret or key is missing the process starts without one, open to all",
            "Remove optional, so that the pods wait for the Secret.",
            (*_PASSWORD, "optional"),
        )
    password = process.flags.get("requirepass")
    tls = process.switch("tls", default=False)
    certificates = tls and any(process.text(flag) for flag in ("tls_ca_cert_file", "tls_ca_cert_dir"))
    empty = password is None or password.value == ""
    if empty and not certificates and not dragonfly.at("spec", "aclFromSecret").present:
        said = "an argument or variable sets the password to nothing" if password is not None else "there is none"
        yield Violation(
            f"{facts.CLIENT_PORT} needs no password, no ACL and no client certificate ({said}): whoever reaches it "
            "reads, writes and flushes",
            "Set spec.authentication.passwordFromSecret.",
            password.path if password is not None and password.by_user else ("spec", "authentication"),
        )


def check_containers(dragonfly: KubeObject) -> Iterator[Violation]:
    """An additional container that takes the place of the operator's own."""
    for index, container in enumerate(dragonfly.at("spec", "additionalContainers").items()):
        if container.at("name").text() == facts.CONTAINER_NAME:
            yield Violation(
                f"the additional container {facts.CONTAINER_NAME} replaces the operator's: its arguments, password, "
                "probes and volumes are gone with it",
                "Give it another name.",
                ("spec", "additionalContainers", f"[{index}]", "name"),
            )


RULE = Rule(
    id="DFLY-SW-002",
    risks=("DFLY-SEC-001",),
    title="Arguments undo nothing, and clients sign in",
    score=6,
    why=(
        "Arguments of the resource come after the operator's and win: a moved port, a plain password or HTTP on the "
        "client port is one line. And without a password whoever reaches 6379 reads, writes and flushes."
    ),
    mend="Keep to arguments that tune; use the resource's fields for ports, TLS, snapshots and the password.",
    kinds=(DRAGONFLY,),
    alone=(check_arguments, check_variables, check_containers),
    together=(check_authentication,),
)
