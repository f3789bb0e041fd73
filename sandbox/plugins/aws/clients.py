"""boto3 clients of the sandbox's endpoint, made when first needed and shared by all threads."""

import threading
from typing import TYPE_CHECKING, Any, Final, cast

from seawall.sandbox.plugins.errors import PluginError

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client

_CONNECTIONS: Final = 32
_DUMMY: Final = "seawall-sandbox"  # the sandbox checks no signature; a real credential must never be used


class Clients:
    """The endpoint `endpoint` in `region`, as the account that it says it is."""

    def __init__(self, endpoint: str, region: str) -> None:
        self.endpoint = endpoint
        self.region = region
        self.account = ""
        self.default_tags: dict[str, str] = {}
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._session: Any = None

    @property
    def s3(self) -> "S3Client":
        """S3."""
        return cast("S3Client", self._client("s3"))

    @property
    def kms(self) -> "KMSClient":
        """KMS."""
        return cast("KMSClient", self._client("kms"))

    @property
    def iam(self) -> "IAMClient":
        """IAM."""
        return cast("IAMClient", self._client("iam"))

    def identify(self) -> str:
        """Ask the endpoint which account this is; kept as `account`."""
        self.account = str(self._client("sts").get_caller_identity()["Account"])
        return self.account

    def _client(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                import boto3
                from botocore.config import Config

                if self._session is None:
                    self._session = boto3.session.Session(
                        aws_access_key_id=_DUMMY, aws_secret_access_key=_DUMMY, region_name=self.region
                    )
                config = Config(
                    connect_timeout=5,
                    read_timeout=60,
                    retries={"mode": "standard", "total_max_attempts": 3},
                    max_pool_connections=_CONNECTIONS,
                    s3={"addressing_style": "path"},
                )
                self._clients[service] = self._session.client(service, endpoint_url=self.endpoint, config=config)
            return self._clients[service]


def error_code(error: Exception) -> str:
    """The code of AWS's refusal, e.g. `NoSuchBucket`; empty for another error."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def explained(error: Exception, what: str, endpoint: str) -> PluginError | None:
    """A botocore error as a statement about `what`, AWS's message verbatim; `None` for an error of another kind."""
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, ClientError):
        message = error.response.get("Error", {}).get("Message", "")
        return PluginError(f"{what}: {error_code(error)}: {message} ({error.operation_name})")
    if isinstance(error, BotoCoreError):
        silent = f"the sandbox's AWS endpoint {endpoint} does not answer: does the sandbox run?"
        return PluginError(f"{what}: {silent} ({error})")
    return None
