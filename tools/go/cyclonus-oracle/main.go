// Command cyclonus-oracle decides NetworkPolicies with cyclonus' simulator, for the tests that hold ours against it. It
// reads one case a line on stdin and writes one answer a line on stdout: for every pod of the case, in both directions,
// every peer (pods, then addresses) and every port one letter.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// question is one line of stdin.
type question struct {
	Policies  []*networkingv1.NetworkPolicy
	Pods      []pod
	Addresses []string
	Ports     []port
}

type pod struct {
	Namespace       string
	NamespaceLabels map[string]string
	Labels          map[string]string
	Address         string
	Ports           []namedPort
}

type port struct {
	Protocol corev1.Protocol
	Port     int
}

type namedPort struct {
	port
	Name string
}

// answer is one line of stdout.
type answer struct {
	Refused string   `json:"refused,omitempty"`
	Ingress []string `json:"ingress"`
	Egress  []string `json:"egress"`
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			var asked question
			check(json.Unmarshal(line, &asked))
			check(encoder.Encode(decide(&asked)))
			check(out.Flush())
		}
		if err == io.EOF {
			return
		}
		check(err)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "cyclonus-oracle:", err)
		os.Exit(1)
	}
}

func decide(asked *question) (told *answer) {
	defer func() {
		if problem := recover(); problem != nil { // how cyclonus refuses a policy
			told = &answer{Refused: fmt.Sprint(problem)}
		}
	}()
	for _, policy := range asked.Policies {
		fill(policy)
	}
	read := matcher.BuildNetworkPolicies(false, asked.Policies)
	var peers []*matcher.TrafficPeer
	for _, pod := range asked.Pods {
		peers = append(peers, &matcher.TrafficPeer{IP: pod.Address, Internal: &matcher.InternalPeer{
			Namespace: pod.Namespace, NamespaceLabels: pod.NamespaceLabels, PodLabels: pod.Labels,
		}})
	}
	for _, address := range asked.Addresses {
		peers = append(peers, &matcher.TrafficPeer{IP: address})
	}
	told = &answer{}
	for place := range asked.Pods {
		var ingress, egress strings.Builder
		for other, peer := range peers {
			for _, port := range asked.Ports {
				into := &matcher.Traffic{
					Source: peer, Destination: peers[place], Protocol: port.Protocol,
					ResolvedPort: port.Port, ResolvedPortName: name(asked.Pods, place, port),
				}
				ingress.WriteByte(letter(read.IsIngressOrEgressAllowed(into, true)))
				outOf := &matcher.Traffic{
					Source: peers[place], Destination: peer, Protocol: port.Protocol,
					ResolvedPort: port.Port, ResolvedPortName: name(asked.Pods, other, port),
				}
				egress.WriteByte(letter(read.IsIngressOrEgressAllowed(outOf, false)))
			}
		}
		told.Ingress = append(told.Ingress, ingress.String())
		told.Egress = append(told.Egress, egress.String())
	}
	return told
}

// fill sets what the API server sets in a policy that leaves it out; cyclonus reads stored policies.
func fill(policy *networkingv1.NetworkPolicy) {
	if len(policy.Spec.PolicyTypes) == 0 {
		policy.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(policy.Spec.Egress) > 0 {
			policy.Spec.PolicyTypes = append(policy.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
}

// name is what a pod calls one of its ports; empty for an address and for a port without a name.
func name(pods []pod, place int, wanted port) string {
	if place < len(pods) {
		for _, given := range pods[place].Ports {
			if given.port == wanted {
				return given.Name
			}
		}
	}
	return ""
}

func letter(result *matcher.DirectionResult) byte {
	if result.IsAllowed() {
		return 'o'
	}
	return '-'
}
