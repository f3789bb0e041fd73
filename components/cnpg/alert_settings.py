"""Settings of the alerts of a Postgres cluster."""

from typing import Annotated

from pydantic import Field

from seawall.components.base import Settings
from seawall.components.fields import Count, Duration


class AlertThresholds(Settings):
    """When the alerts of a cluster fire."""

    replication_lag: Duration = Field(default="5m", description="A replica that is this far behind")
    volume_percent: Annotated[Count, Field(le=99)] = Field(default=85, description="Fill of a volume in per cent")
    connections_percent: Annotated[Count, Field(le=99)] = Field(
        default=90, description="Server connections in per cent of max_connections"
    )
    pooler_wait: Duration = Field(default="10s", description="A client that waits this long for a server connection")
    unarchived_wal: Count = Field(default=20, description="WAL files (of 16 MB) that wait to be archived")
