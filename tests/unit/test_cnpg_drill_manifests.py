"""The restore drill's objects: where they are, what they may, what they run, and when somebody hears of it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import promql
import pytest
from cnpg_samples import GONE, KEY, POSTGRES, args, aws, changed

from seawall.components.cnpg.args import BackupTarget, CnpgSharedClusterArgs
from seawall.components.cnpg.buckets import bucket_args
from seawall.components.cnpg.drill import access, manifests, monitoring, network, recovery
from seawall.components.cnpg.drill.names import drill_name, restored_name
from seawall.components.cnpg.drill.runner.plan import ROLE_ANNOTATION, moment
from seawall.components.cnpg.drill_settings import RestoreDrill
from seawall.components.cnpg.settings import CnpgSettings
from seawall.operators import annotations
from seawall.operators.cnpg.names import LONGEST_CLUSTER
