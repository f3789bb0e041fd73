"""Every check, gathered from the files that hold them by what they look at."""

from seawall.qa.checks import (
    clients,
    cnpg,
    disruptions,
    dragonfly,
    metrics,
    network,
    object_store,
    operators,
    reach,
    repository,
    secrets,
    superuser,
)

CHECKS = (
    *repository.CHECKS,
    *operators.CHECKS,
    *dragonfly.CHECKS,
    *cnpg.CHECKS,
    *network.CHECKS,
    *reach.CHECKS,
    *clients.CHECKS,
    *superuser.CHECKS,
    *metrics.CHECKS,
    *object_store.CHECKS,
    *secrets.CHECKS,
    *disruptions.CHECKS,
)
