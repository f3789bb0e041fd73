"""The fields of Kubernetes' own types that the operators' resources embed (pod specs, affinities, volumes).

In the notation of `fields.py`. `…Of133` are the types as Kubernetes 1.33 had them, with which the Dragonfly operator's
CRD was made; the others are those of CloudNativePG 1.30.
"""

from typing import Final

from seawall.operators.fields import Types

KUBERNETES: Final = Types(
    {
        "KeySelector": "key name optional",
        "FieldRef": "apiVersion fieldPath",
        "ResourceFieldRef": "containerName divisor resource",
        "EnvVar": """
            name value valueFrom(configMapKeyRef:KeySelector fieldRef:FieldRef fileKeyRef(key optional path
            volumeName) resourceFieldRef:ResourceFieldRef secretKeyRef:KeySelector)
        """,
        "EnvVarOf133": """
            name value valueFrom(configMapKeyRef:KeySelector fieldRef:FieldRef resourceFieldRef:ResourceFieldRef
            secretKeyRef:KeySelector)
        """,
        "EnvFrom": "configMapRef(name optional) prefix secretRef(name optional)",
        "Resources": "claims(name request) limits* requests*",
        "LifecycleHandler": "exec(command) httpGet:HttpGet sleep(seconds) tcpSocket(host port)",
        "Lifecycle": "postStart:LifecycleHandler preStop:LifecycleHandler stopSignal",
        "HttpGet": "host httpHeaders(name value) path port scheme",
        "Probe": """
            exec(command) failureThreshold grpc(port service) httpGet:HttpGet initialDelaySeconds periodSeconds
            successThreshold tcpSocket(host port) terminationGracePeriodSeconds timeoutSeconds
        """,
        "ContainerPort": "containerPort hostIP hostPort name protocol",
        "ResizePolicy": "resourceName restartPolicy",
        "RestartRule": "action exitCodes(operator values)",
        "SecurityContext": """
            allowPrivilegeEscalation appArmorProfile:Profile capabilities(add drop) privileged procMount
            readOnlyRootFilesystem runAsGroup runAsNonRoot runAsUser seLinuxOptions:SeLinuxOptions
            seccompProfile:Profile windowsOptions:WindowsOptions
        """,
        "PodSecurityContext": """
            appArmorProfile:Profile fsGroup fsGroupChangePolicy runAsGroup runAsNonRoot runAsUser seLinuxChangePolicy
            seLinuxOptions:SeLinuxOptions seccompProfile:Profile supplementalGroups supplementalGroupsPolicy
            sysctls(name value) windowsOptions:WindowsOptions
        """,
        "Profile": "localhostProfile type",
        "SeLinuxOptions": "level role type user",
        "WindowsOptions": "gmsaCredentialSpec gmsaCredentialSpecName hostProcess runAsUserName",
        "VolumeMount": "mountPath mountPropagation name readOnly recursiveReadOnly subPath subPathExpr",
        "ContainerBase": """
            args command envFrom:EnvFrom image imagePullPolicy livenessProbe:Probe name ports:ContainerPort
            readinessProbe:Probe resizePolicy:ResizePolicy resources:Resources restartPolicy
            securityContext:SecurityContext startupProbe:Probe stdin stdinOnce terminationMessagePath
            terminationMessagePolicy tty volumeDevices(devicePath name) volumeMounts:VolumeMount workingDir
        """,
        "Container": "+ContainerBase env:EnvVar lifecycle:Lifecycle restartPolicyRules:RestartRule",
        "ContainerOf133": """
            +ContainerBase env:EnvVarOf133 lifecycle(postStart:LifecycleHandler preStop:LifecycleHandler)
        """,
        "EphemeralContainer": "+Container targetContainerName",
        "KeyToPath": "key mode path",
        "DownwardAPIFile": "fieldRef:FieldRef mode path resourceFieldRef:ResourceFieldRef",
        "ConfigMapProjection": "items:KeyToPath name optional",
        "DownwardAPIProjection": "items:DownwardAPIFile",
        "ClusterTrustBundle": "labelSelector:LabelSelector name optional path signerName",
        "ServiceAccountToken": "audience expirationSeconds path",
        "ProjectedSourceBase": """
            clusterTrustBundle:ClusterTrustBundle configMap:ConfigMapProjection downwardAPI:DownwardAPIProjection
            secret:ConfigMapProjection serviceAccountToken:ServiceAccountToken
        """,
        "ProjectedVolume": """
            defaultMode sources(+ProjectedSourceBase podCertificate(certificateChainPath credentialBundlePath keyPath
            keyType maxExpirationSeconds signerName userAnnotations*))
        """,
        "ProjectedVolumeOf133": "defaultMode sources:ProjectedSourceBase",
        "EphemeralVolume": "volumeClaimTemplate(metadata* spec:ClaimSpec)",
        "ClaimSpec": """
            accessModes dataSource:TypedReference dataSourceRef(apiGroup kind name namespace) resources(limits*
            requests*) selector:LabelSelector storageClassName volumeAttributesClassName volumeMode volumeName
        """,
        "TypedReference": "apiGroup kind name",
        "LabelSelector": "matchExpressions:Condition matchLabels*",
        "Condition": "key operator values",
        "ImageSource": "pullPolicy reference",
        "VolumeBase": """
            awsElasticBlockStore(fsType partition readOnly volumeID) azureDisk(cachingMode diskName diskURI fsType
            kind readOnly) azureFile(readOnly secretName shareName) cephfs(monitors path readOnly secretFile
            secretRef(name) user) cinder(fsType readOnly secretRef(name) volumeID) configMap(defaultMode
            items:KeyToPath name optional) csi(driver fsType nodePublishSecretRef(name) readOnly volumeAttributes*)
            downwardAPI(defaultMode items:DownwardAPIFile) emptyDir(medium sizeLimit) ephemeral:EphemeralVolume
            fc(fsType lun readOnly targetWWNs wwids) flexVolume(driver fsType options* readOnly secretRef(name))
            flocker(datasetName datasetUUID) gcePersistentDisk(fsType partition pdName readOnly) gitRepo(directory
            repository revision) glusterfs(endpoints path readOnly) hostPath(path type) image:ImageSource
            iscsi(chapAuthDiscovery chapAuthSession fsType initiatorName iqn iscsiInterface lun portals readOnly
            secretRef(name) targetPortal) name nfs(path readOnly server) persistentVolumeClaim(claimName readOnly)
            photonPersistentDisk(fsType pdID) portworxVolume(fsType readOnly volumeID) quobyte(group readOnly registry
            tenant user volume) rbd(fsType image keyring monitors pool readOnly secretRef(name) user) scaleIO(fsType
            gateway protectionDomain readOnly secretRef(name) sslEnabled storageMode storagePool system volumeName)
            secret(defaultMode items:KeyToPath optional secretName) storageos(fsType readOnly secretRef(name)
            volumeName volumeNamespace) vsphereVolume(fsType storagePolicyID storagePolicyName volumePath)
        """,
        "Volume": "+VolumeBase projected:ProjectedVolume",
        "VolumeOf133": "+VolumeBase projected:ProjectedVolumeOf133",
        "Affinity": "nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAffinity",
        "NodeAffinity": """
            preferredDuringSchedulingIgnoredDuringExecution(preference:NodeSelectorTerm weight)
            requiredDuringSchedulingIgnoredDuringExecution(nodeSelectorTerms:NodeSelectorTerm)
        """,
        "NodeSelectorTerm": "matchExpressions:Condition matchFields:Condition",
        "PodAffinity": """
            preferredDuringSchedulingIgnoredDuringExecution(podAffinityTerm:PodAffinityTerm weight)
            requiredDuringSchedulingIgnoredDuringExecution:PodAffinityTerm
        """,
        "PodAffinityTerm": """
            labelSelector:LabelSelector matchLabelKeys mismatchLabelKeys namespaceSelector:LabelSelector namespaces
            topologyKey
        """,
        "Toleration": "effect key operator tolerationSeconds value",
        "TopologySpread": """
            labelSelector:LabelSelector matchLabelKeys maxSkew minDomains nodeAffinityPolicy nodeTaintsPolicy
            topologyKey whenUnsatisfiable
        """,
        "PodSpec": """
            activeDeadlineSeconds affinity:Affinity automountServiceAccountToken containers:Container
            dnsConfig(nameservers options(name value) searches) dnsPolicy enableServiceLinks
            ephemeralContainers:EphemeralContainer hostAliases(hostnames ip) hostIPC hostNetwork hostPID hostUsers
            hostname hostnameOverride imagePullSecrets(name) initContainers:Container nodeName nodeSelector* os(name)
            overhead* preemptionPolicy priority priorityClassName readinessGates(conditionType) resourceClaims(name
            resourceClaimName resourceClaimTemplateName) resources:Resources restartPolicy runtimeClassName
            schedulerName schedulingGates(name) schedulingGroup(podGroupName) securityContext:PodSecurityContext
            serviceAccount serviceAccountName setHostnameAsFQDN shareProcessNamespace subdomain
            terminationGracePeriodSeconds tolerations:Toleration topologySpreadConstraints:TopologySpread
            volumes:Volume
        """,
        "ServiceTemplate": """
            metadata:NamedMetadata spec(allocateLoadBalancerNodePorts clusterIP clusterIPs externalIPs externalName
            externalTrafficPolicy healthCheckNodePort internalTrafficPolicy ipFamilies ipFamilyPolicy
            loadBalancerClass loadBalancerIP loadBalancerSourceRanges ports(appProtocol name nodePort port protocol
            targetPort) publishNotReadyAddresses selector* sessionAffinity
            sessionAffinityConfig(clientIP(timeoutSeconds)) trafficDistribution type)
        """,
        "NamedMetadata": "annotations* labels* name",
    }
)
"""By the name that Kubernetes gives the type, where it has one."""
