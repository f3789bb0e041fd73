"""Decides NetworkPolicies with the PyPI package network-config-analyzer; runs in an environment of its own.

Reads one case a line on stdin and writes one answer a line on stdout: for every pod of the case, in both directions,
every peer (pods, then addresses) and every port one letter.
"""

import contextlib
import ipaddress
import json
import os
import sys
from pathlib import Path
from typing import Any

from nca.CoreDS.DimensionsManager import DimensionsManager
from nca.CoreDS.Peer import BasePeerSet
from nca.CoreDS.ProtocolNameResolver import ProtocolNameResolver
from nca.NetworkConfig.NetworkLayer import NetworkLayerName
from nca.NetworkConfig.PeerContainer import PeerContainer
from nca.NetworkConfig.PoliciesFinder import PoliciesFinder
from nca.NetworkConfig.TopologyObjectsFinder import NamespacesFinder, PodsFinder


def answer(case: dict[str, Any]) -> dict[str, Any]:
    """The answer to one case. Whatever the package raises is its refusal."""
    BasePeerSet.reset()
    DimensionsManager.reset()
    namespaces = NamespacesFinder()
    for name in {pod["namespace"] for pod in case["pods"]}:
        labels = next(pod["namespaceLabels"] for pod in case["pods"] if pod["namespace"] == name)
        namespaces._add_namespace({"metadata": {"name": name, "labels": labels}}, False)
    finder = PodsFinder()
    finder.namespaces_finder = namespaces
    for place, pod in enumerate(case["pods"]):
        ports = [
            {"name": port["name"], "containerPort": port["port"], "protocol": port["protocol"]} for port in pod["ports"]
        ]
        finder.add_eps_from_yaml(
            {
                "kind": "Pod",
                "metadata": {"name": f"pod{place}", "namespace": pod["namespace"], "labels": pod["labels"]},
                "spec": {"containers": [{"ports": ports}]},
            }
        )
    container = PeerContainer(finder.peer_set, namespaces.namespaces, [], finder.representative_peers)
    policies = PoliciesFinder()
    policies.set_peer_container(container)
    for policy in case["policies"]:
        policies.parse_yaml_code_for_policy(policy, "case")
    policies.parse_policies_in_parse_queue()
    layers = policies.policies_container.layers
    layer = layers.get(NetworkLayerName.K8s_Calico) or NetworkLayerName.K8s_Calico.create_network_layer([])
    ingress, egress = (layer._allowed_xgress_conns(inward, container).all_allowed_conns for inward in (True, False))
    known = BasePeerSet()
    pods = [
        known.min_pod_index + known.peer_to_index[next(p for p in finder.peer_set if p.name == f"pod{place}")]
        for place in range(len(case["pods"]))
    ]
    peers = pods + [known.min_ipv4_index + int(ipaddress.IPv4Address(a)) for a in case["addresses"]]
    ports = [(ProtocolNameResolver.get_protocol_number(p["protocol"]), p["port"]) for p in case["ports"]]

    def letters(conns: Any, pod: int, inward: bool) -> str:
        cubes = [dict(zip(conns.active_dimensions, cube, strict=True)) for cube in conns]
        text = ""
        for peer in peers:
            source, target = (peer, pod) if inward else (pod, peer)
            for protocol, port in ports:
                wanted = {"src_peers": source, "dst_peers": target, "protocols": protocol, "dst_ports": port}
                found = any(all(wanted[dim] in values for dim, values in cube.items()) for cube in cubes)
                text += "o" if found or conns.is_all() else "-"
        return text

    return {
        "ingress": [letters(ingress, pod, True) for pod in pods],
        "egress": [letters(egress, pod, False) for pod in pods],
    }


def main() -> None:
    """Answer until there are no more questions."""
    out = sys.stdout
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # it writes warnings to the stderr that it found when it was imported
    with Path(os.devnull).open("w") as nowhere:
        for line in sys.stdin:
            with contextlib.redirect_stdout(nowhere):
                try:
                    told = answer(json.loads(line))
                except (Exception, SystemExit) as error:
                    told = {"refused": f"{type(error).__name__}: {error}"}
            print(json.dumps(told), file=out, flush=True)


if __name__ == "__main__":
    main()
