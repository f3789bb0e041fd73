"""Every kind of damage: how it is done to a copy of the real archive, and what is expected of everybody.

One place for what the validator must say of it, in which mode, what the restore drill must say, and what a restore
really brings back. docs/data.md has the same table as it was measured.
"""

from damage_access import ACCESS
from damage_base import BASE
from damage_info import INFO
from damage_wal import WAL

DAMAGES = (*WAL, *BASE, *INFO, *ACCESS)
