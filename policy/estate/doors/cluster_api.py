"""A read-only connection to the API server of one kubeconfig context: GET, and no other verb."""

import json
import re
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes import config  # the client that knows every way of signing in: exec plugins, OIDC, certificates
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException

from seawall.errors import EnvironmentFailure, UserError
from seawall.policy.estate.doors.bounded import whole

TIMEOUT_S = 30
"""Seconds in which something of an answer must arrive."""
LONGEST_S = 300
"""Seconds in which all of an answer must arrive."""
MOST_BYTES = 1024**3
"""Of one answer. A page is 500 objects, and etcd holds none above some 1.5 MiB."""
_PASSWORD = re.compile(r"(?<=://)[^/]*@")
_UNUSABLE = (config.ConfigException, yaml.YAMLError, OSError, KeyError, TypeError, ValueError, AttributeError)
"""What a kubeconfig that is none runs into in the client."""


class ClusterApi:
    """The API server of a context. Raises `UserError` when the kubeconfig has no such context."""

    def __init__(self, context: str, kubeconfig: Path | None = None) -> None:
        """`kubeconfig`: the file, else what `KUBECONFIG` names, else the usual one of the home folder."""
        file = str(kubeconfig) if kubeconfig is not None else None
        self.context = context
        self.date: str | None = None
        """The `Date` of the newest answer: the API server's clock."""
        try:
            settings = Configuration()
            settings.retries = False  # before the client is made: redirects lead elsewhere, with the user's certificate
            self._client: ApiClient = config.new_client_from_config(
                file, context=context, persist_config=False, client_configuration=settings
            )
        except _UNUSABLE as problem:
            known = _contexts(file)
            if known and context not in known:
                there = ", ".join(sorted(known))
                raise UserError(
                    f"context = '{context}': the kubeconfig has no such context; there are: {there}"
                ) from None
            raise UserError(
                f"the kubeconfig {file or '(KUBECONFIG, or the usual one)'} cannot be used for context '{context}' "
                f"({type(problem).__name__}): give a readable one with --kubeconfig"
            ) from None

    def get(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Any]:
        """HTTP status and decoded JSON of a path, None for what is no JSON.

        Raises `EnvironmentFailure` when the API server cannot be reached, or its answer does not come to an end.
        """
        headers: dict[str, str] = {"Accept": accept}
        parameters: list[tuple[str, str]] = list(query.items())
        self._client.update_params_for_auth(headers, parameters, ["BearerToken"], path, "GET", None)
        query_text = f"?{urlencode(parameters)}" if parameters else ""
        url = f"{self._client.configuration.host.rstrip('/')}{path}{query_text}"
        try:
            response = self._client.call_api("GET", url, header_params=headers, _request_timeout=TIMEOUT_S)
            self.date = response.response.headers.get("Date")
            content = self._whole(response.response, path)
        except (ApiException, urllib3.exceptions.HTTPError, OSError, ValueError) as problem:
            raise self._unreachable(problem) from None
        try:
            return int(response.status), json.loads(content)
        except (ValueError, RecursionError):
            return int(response.status), None

    def _whole(self, answer: urllib3.BaseHTTPResponse, path: str) -> bytes:
        content = whole(answer, most=MOST_BYTES, until=time.monotonic() + LONGEST_S)
        if content is None:
            raise EnvironmentFailure(
                f"GET {path}: the answer of context {self.context} does not come to an end: more than "
                f"{MOST_BYTES // 1024**2} MiB, or {LONGEST_S} s"
            )
        return content

    @property
    def server(self) -> str:
        """Address of the API server, as it may be shown: without a password in it."""
        return _PASSWORD.sub("", str(self._client.configuration.host))

    def _unreachable(self, problem: Exception) -> EnvironmentFailure:
        if isinstance(problem, ValueError) and not isinstance(problem, OSError | urllib3.exceptions.HTTPError):
            # its text has the token in it
            return EnvironmentFailure(
                f"what the kubeconfig has for context {self.context} ({self.server}) cannot be sent: a token or a "
                "header holds signs that HTTP does not know, most often the end of a line; mend it there"
            )
        refused = _certificate_error(problem)
        if refused is not None:
            return EnvironmentFailure(
                f"the API server of context {self.context} ({self.server}) is not trusted: {refused}; is this the "
                "right kubeconfig, has the server's certificate ended, is your clock right?"
            )
        return EnvironmentFailure(
            f"the API server of context {self.context} ({self.server}) does not answer "
            f"({type(problem).__name__}): is the cluster up, and can it be reached from here?"
        )


def _certificate_error(problem: BaseException) -> str | None:
    """What is wrong with the server's certificate, when that is what ended the connection."""
    waiting, met = [problem], set[int]()
    while waiting:
        found = waiting.pop()
        if isinstance(found, ssl.SSLCertVerificationError):
            return found.verify_message.rstrip(".")
        met.add(id(found))
        near = (getattr(found, "reason", None), found.__context__, *found.args)  # the client wraps it several times
        waiting += [it for it in near if isinstance(it, BaseException) and id(it) not in met]
    return None


def _contexts(file: str | None) -> list[str]:
    """The names of a kubeconfig's contexts; none where it names no current one, as the client wants it to."""
    try:
        return [str(entry["name"]) for entry in config.list_kube_config_contexts(file)[0]]
    except _UNUSABLE:
        return []
