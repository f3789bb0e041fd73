"""The fields of CloudNativePG's kinds, as the CRDs of operator 1.30.0 have them."""

from collections.abc import Mapping
from typing import Final

from seawall.operators.barman import fields as barman
from seawall.operators.fields import KindFields, Types

_TYPES: Final = Types(
    {
        "BarmanObjectStore": """
            azureCredentials:AzureCredentials data(additionalCommandArgs compression encryption immediateCheckpoint
            jobs) destinationPath endpointCA(key name) endpointURL googleCredentials:GoogleCredentials historyTags*
            s3Credentials:S3Credentials serverName tags* wal:WalOptions
        """,
        "OnlineConfiguration": "immediateCheckpoint waitForArchive",
        "SqlReferences": "configMapRefs(key name) secretRefs(key name)",
        "Plugin": "enabled isWALArchiver name parameters*",
        "Relabeling": "action modulus regex replacement separator sourceLabels targetLabel",
        "PostgresProbe": """
            failureThreshold initialDelaySeconds maximumLag periodSeconds successThreshold terminationGracePeriodSeconds
            timeoutSeconds type
        """,
        "Storage": "pvcTemplate:ClaimSpec resizeInUseVolumes size storageClass",
        "Option": "ensure name value",
    },
    extends=barman.TYPES,
)

_CLUSTER = """
    affinity(additionalPodAffinity:PodAffinity additionalPodAntiAffinity:PodAffinity enablePodAntiAffinity
    nodeAffinity:NodeAffinity nodeSelector* podAntiAffinityType tolerations:Toleration topologyKey)
    backup(barmanObjectStore:BarmanObjectStore retentionPolicy target volumeSnapshot(annotations* className
    labels* online onlineConfiguration:OnlineConfiguration snapshotOwnerReference tablespaceClassName*
    walClassName)) bootstrap(initdb(builtinLocale dataChecksums database encoding icuLocale icuRules
    import(databases pgDumpExtraOptions pgRestoreDataOptions pgRestoreExtraOptions pgRestorePostdataOptions
    pgRestorePredataOptions postImportApplicationSQL roles schemaOnly source(externalCluster) type) locale
    localeCType localeCollate localeProvider options owner postInitApplicationSQL
    postInitApplicationSQLRefs:SqlReferences postInitSQL postInitSQLRefs:SqlReferences postInitTemplateSQL
    postInitTemplateSQLRefs:SqlReferences secret(name) walSegmentSize) pg_basebackup(database owner secret(name)
    source) recovery(backup(endpointCA(key name) name) database owner recoveryTarget(backupID exclusive
    targetImmediate targetLSN targetName targetTLI targetTime targetXID) secret(name) source
    volumeSnapshots(storage:TypedReference tablespaceStorage{TypedReference} walStorage:TypedReference)))
    certificates(clientCASecret replicationTLSSecret serverAltDNSNames serverCASecret serverTLSSecret) description
    enablePDB enableSuperuserAccess env:EnvVar envFrom:EnvFrom ephemeralVolumeSource:EphemeralVolume
    ephemeralVolumesSizeLimit(shm temporaryData) externalClusters(barmanObjectStore:BarmanObjectStore
    connectionParameters* name password:KeySelector plugin:Plugin sslCert:KeySelector sslKey:KeySelector
    sslRootCert:KeySelector) failoverDelay imageCatalogRef(apiGroup kind major name) imageName imagePullPolicy
    imagePullSecrets(name) inheritedMetadata(annotations* labels*) instances livenessProbeTimeout logLevel
    managed(roles(bypassrls comment connectionLimit createdb createrole disablePassword ensure inRoles inherit
    login name passwordSecret(name) replication superuser validUntil) services(additional(selectorType
    serviceTemplate:ServiceTemplate updateStrategy) disabledDefaultServices)) maxSyncReplicas minSyncReplicas
    monitoring(customQueriesConfigMap(key name) customQueriesSecret(key name) disableDefaultQueries
    enablePodMonitor metricsQueriesTTL podMonitorMetricRelabelings:Relabeling podMonitorRelabelings:Relabeling
    tls(enabled)) nodeMaintenanceWindow(inProgress reusePVC) plugins:Plugin podSecurityContext:PodSecurityContext
    podSelectorRefs(name selector:LabelSelector) postgresGID postgresUID postgresql(enableAlterSystem
    extensions(bin_path dynamic_library_path env(name value) extension_control_path image:ImageSource
    ld_library_path name) ldap(bindAsAuth(prefix suffix) bindSearchAuth(baseDN bindDN bindPassword:KeySelector
    searchAttribute searchFilter) port scheme server tls) parameters* pg_hba pg_ident promotionTimeout
    shared_preload_libraries syncReplicaElectionConstraint(enabled nodeLabelsAntiAffinity)
    synchronous(dataDurability failoverQuorum maxStandbyNamesFromCluster method number standbyNamesPost
    standbyNamesPre)) primaryLease(leaseDurationSeconds releasedLeaseDurationSeconds renewDeadlineSeconds
    retryPeriodSeconds) primaryUpdateMethod primaryUpdateStrategy priorityClassName
    probes(liveness(failureThreshold initialDelaySeconds isolationCheck(connectionTimeout enabled requestTimeout)
    periodSeconds successThreshold terminationGracePeriodSeconds timeoutSeconds) readiness:PostgresProbe
    startup:PostgresProbe) projectedVolumeTemplate:ProjectedVolume replica(enabled minApplyDelay primary
    promotionToken self source) replicationSlots(highAvailability(enabled slotPrefix synchronizeLogicalDecoding)
    synchronizeReplicas(enabled excludePatterns) updateInterval) resources:Resources schedulerName
    seccompProfile:Profile securityContext:SecurityContext serviceAccountName
    serviceAccountTemplate(metadata:NamedMetadata) smartShutdownTimeout startDelay stopDelay storage:Storage
    superuserSecret(name) switchoverDelay tablespaces(name owner(name) storage:Storage temporary)
    topologySpreadConstraints:TopologySpread walStorage:Storage
"""
_POOLER = """
    cluster(name) deploymentStrategy(rollingUpdate(maxSurge maxUnavailable) type) instances
    monitoring(enablePodMonitor podMonitorMetricRelabelings:Relabeling podMonitorRelabelings:Relabeling
    tls(enabled)) pgbouncer(authQuery authQuerySecret(name) clientCASecret(name) clientTLSSecret(name) image
    imageCatalogRef(apiGroup key kind name) parameters* paused pg_hba poolMode serverCASecret(name)
    serverTLSSecret(name)) serviceAccountName serviceTemplate:ServiceTemplate template(metadata:NamedMetadata
    spec:PodSpec) type
"""
_SCHEDULED_BACKUP = """
    backupOwnerReference cluster(name) immediate method online onlineConfiguration:OnlineConfiguration
    pluginConfiguration(name parameters*) schedule suspend target
"""
_DATABASE = """
    allowConnections builtinLocale cluster(name) collationVersion connectionLimit databaseReclaimPolicy encoding
    ensure extensions(ensure name schema version) fdws(ensure handler name options:Option owner usage(name type)
    validator) icuLocale icuRules isTemplate locale localeCType localeCollate localeProvider name owner
    schemas(ensure name owner) servers(ensure fdw name options:Option usage(name type)) tablespace template
"""
_DATABASE_ROLE = """
    bypassrls clientCertificate(enabled) cluster(name) comment connectionLimit createdb createrole
    databaseRoleReclaimPolicy disablePassword ensure inRoles inherit login name passwordSecret(name) replication
    superuser validUntil
"""

_ENCRYPTION = "There is no such field: each of data.encryption and wal.encryption is AES256 or aws:kms."
_REFERENCE = "The role is spec.name, its Secret spec.passwordSecret.name."


def _kind(spec: str, meant: Mapping[str, str], deprecated: Mapping[str, str] | None = None) -> KindFields:
    return KindFields("1.30.0", _TYPES.parse(spec), meant, deprecated or {})


KINDS: Final[Mapping[str, KindFields]] = {
    "Cluster": _kind(
        _CLUSTER,
        {
            "*.sse": _ENCRYPTION,
            "*.serverSideEncryption": _ENCRYPTION,
            "replicas": "The number of instances, the primary among them, is spec.instances.",
            "image": "The image is spec.imageName.",
            "version": "The version is the tag of spec.imageName, or spec.imageCatalogRef.major.",
            "backup.schedule": "Backups are scheduled by a ScheduledBackup.",
            "backup.plugin": "The plugin is named in spec.plugins and in the ScheduledBackup.",
            "automountServiceAccountToken": "Remove it: the instance manager needs its token.",
            "podTemplate": "There is no pod template: use spec.affinity, spec.resources, spec.podSecurityContext and "
            "spec.inheritedMetadata.",
            "livenessProbe": "Probes are spec.probes.liveness, .readiness and .startup.",
            "metrics": "Metrics are served on the port metrics (9187) without being asked; queries go into "
            "spec.monitoring.",
            "podDisruptionBudget": "The operator makes its budgets unless spec.enablePDB is false.",
            "poolers": "A pooler is a resource of its own, kind Pooler.",
            "databases": "A database is a resource of its own, kind Database.",
            "users": "Roles are resources of kind DatabaseRole, or spec.managed.roles.",
            "roles": "Roles are resources of kind DatabaseRole, or spec.managed.roles.",
            "postgresql.version": "The version is the tag of spec.imageName, or spec.imageCatalogRef.major.",
            "plugins.barmanObjectName": "It belongs into parameters of the plugin.",
            "plugins.serverName": "It belongs into parameters of the plugin.",
        },
        {"bootstrap.initdb.options": "the fields of spec.bootstrap.initdb"},
    ),
    "Pooler": _kind(
        _POOLER,
        {
            "replicas": "The number of pods is spec.instances.",
            "pgbouncer.instances": "The number of pods is spec.instances.",
            "pgbouncer.resources": "Resources belong to the container pgbouncer of spec.template.spec.containers.",
            "resources": "Resources belong to the container pgbouncer of spec.template.spec.containers.",
            "affinity": "Placement belongs into spec.template.spec.",
            "topologySpreadConstraints": "Placement belongs into spec.template.spec.",
        },
        {"template.spec.serviceAccount": "spec.template.spec.serviceAccountName"},
    ),
    "ScheduledBackup": _kind(
        _SCHEDULED_BACKUP,
        {
            "cron": "The schedule is spec.schedule, with six fields.",
            "timeZone": "Schedules are in the operator's time zone, UTC in its image.",
            "retentionPolicy": "Retention is ObjectStore.spec.retentionPolicy.",
            "plugin": "The plugin is named in spec.pluginConfiguration.",
        },
    ),
    "Database": _kind(
        _DATABASE, {"reclaimPolicy": "It is spec.databaseReclaimPolicy.", "clusterRef": "It is spec.cluster.name."}
    ),
    "DatabaseRole": _kind(
        _DATABASE_ROLE,
        {
            "reclaimPolicy": "It is spec.databaseRoleReclaimPolicy.",
            "clusterRef": "It is spec.cluster.name.",
            "password": "Name a Secret in spec.passwordSecret.",
            "secret": _REFERENCE,
            "username": _REFERENCE,
        },
    ),
}
"""By kind."""
