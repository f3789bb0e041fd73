"""A read-only connection to the API server of one kubeconfig context: GET, and no other verb."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes import config  # the client that knows every way of signing in: exec plugins, OIDC, certificates
from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException

from seawall.errors import EnvironmentFailure, UserError

TIMEOUT_S = 30
"""Seconds for one request."""


class ClusterApi:
    """The API server of a context. Raises `UserError` when the kubeconfig has no such context."""

    def __init__(self, context: str, kubeconfig: Path | None = None) -> None:
        """`kubeconfig`: the file, else what `KUBECONFIG` names, else the usual one of the home folder."""
        file = str(kubeconfig) if kubeconfig is not None else None
        self.context = context
        try:
            known = [str(entry["name"]) for entry in config.list_kube_config_contexts(file)[0]]
            if context not in known:
                there = f"there are: {', '.join(sorted(known))}" if known else "it has none"
                raise UserError(f"context = '{context}': the kubeconfig has no such context; {there}")
            self._client: ApiClient = config.new_client_from_config(file, context=context, persist_config=False)
        except (config.ConfigException, yaml.YAMLError, OSError, KeyError, TypeError, ValueError) as problem:
            raise UserError(
                f"the kubeconfig {file or '(KUBECONFIG, or the usual one)'} cannot be used "
                f"({type(problem).__name__}): give a readable one with --kubeconfig"
            ) from None
        self._client.configuration.retries = False

    def get(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Any]:
        """HTTP status and decoded JSON of a path, None for what is no JSON.

        Raises `EnvironmentFailure` when the API server cannot be reached.
        """
        headers: dict[str, str] = {"Accept": accept}
        parameters: list[tuple[str, str]] = list(query.items())
        self._client.update_params_for_auth(headers, parameters, ["BearerToken"], path, "GET", None)
        query_text = f"?{urlencode(parameters)}" if parameters else ""
        url = f"{self._client.configuration.host.rstrip('/')}{path}{query_text}"
        try:
            response = self._client.call_api("GET", url, header_params=headers, _request_timeout=TIMEOUT_S)
            content = response.read()
        except ApiException as refusal:
            if not refusal.status:
                raise self._unreachable(refusal) from None
            return int(refusal.status), None
        except (urllib3.exceptions.HTTPError, OSError) as problem:
            raise self._unreachable(problem) from None
        try:
            return int(response.status), json.loads(content)
        except ValueError:
            return int(response.status), None

    def _unreachable(self, problem: Exception) -> EnvironmentFailure:
        return EnvironmentFailure(
            f"the API server of context {self.context} ({self._client.configuration.host}) does not answer "
            f"({type(problem).__name__}): is the cluster up, and can it be reached from here?"
        )
