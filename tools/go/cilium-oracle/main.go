// Command cilium-oracle answers policy questions with Cilium's own policy engine, for the tests that hold ours
// against it. It reads one case a line on stdin and writes one answer a line on stdout.
//
// A case is one cluster: its policies as Kubernetes would store them, its pods (and those of other clusters of the
// mesh, which have no policy here), addresses outside, and reserved entities. For every pod of the cluster, in both
// directions, every peer and every port the answer holds one letter.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"

	"github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/defaults"
	"github.com/cilium/cilium/pkg/fqdn/re"
	"github.com/cilium/cilium/pkg/identity"
	ipcache "github.com/cilium/cilium/pkg/ipcache/types"
	"github.com/cilium/cilium/pkg/k8s"
	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	networkingv1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/networking/v1"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/labelsfilter"
	"github.com/cilium/cilium/pkg/option"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/api"
	ciliumtypes "github.com/cilium/cilium/pkg/types"
)

// question is one line of stdin.
type question struct {
	Cluster      string            // the cluster that enforces
	DefaultLocal bool              // selectors without a cluster mean the local one only
	DualStack    bool              // pods have addresses of both families
	Policies     []json.RawMessage // objects of the API
	Pods         []pod
	Addresses    []netip.Addr
	Entities     []string // names of reserved identities
	Ports        []port
}

type pod struct {
	Namespace       string
	NamespaceLabels map[string]string
	Labels          map[string]string
	Cluster         string
	ServiceAccount  string
	Ports           []namedPort
}

// peer is whom a cell is about, and then what else it might be.
type peer []*identity.Identity

type port struct {
	Protocol string
	Port     uint16
}

type namedPort struct {
	port
	Name string
}

// answer is one line of stdout.
type answer struct {
	// Refused has a reason for each policy that Cilium does not take, by its place in the question.
	Refused map[int]string `json:"refused,omitempty"`
	// Failed has a reason for each pod whose policy Cilium cannot work out, by its place; its texts are empty.
	Failed map[int]string `json:"failed,omitempty"`
	// Ingress and Egress have a text per pod of the cluster (an empty one for a pod of another), in it a letter per
	// peer (pods, then addresses, then entities) and port.
	Ingress []string `json:"ingress"`
	Egress  []string `json:"egress"`
}

func main() {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	// The settings that an agent has on Kubernetes when nobody sets anything.
	option.Config.EnableIPv4 = true
	option.Config.EnableL7Proxy = true
	option.Config.EnableICMPRules = true
	option.Config.EnableNonDefaultDenyPolicies = true
	option.Config.AllowLocalhost = option.AllowLocalhostAlways
	policy.SetPolicyEnabled(option.DefaultEnforcement)
	if err := labelsfilter.ParseLabelPrefixCfg(quiet, nil, nil, ""); err != nil {
		fail(err)
	}
	if err := re.InitRegexCompileLRU(quiet, defaults.FQDNRegexCompileLRUSize); err != nil {
		fail(err)
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			var asked question
			if err := json.Unmarshal(line, &asked); err != nil {
				fail(err)
			}
			told, err := decide(quiet, &asked)
			if err != nil {
				fail(err)
			}
			if err := encoder.Encode(told); err != nil {
				fail(err)
			}
			if err := out.Flush(); err != nil {
				fail(err)
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "cilium-oracle:", err)
	os.Exit(1)
}

func decide(logger *slog.Logger, asked *question) (*answer, error) {
	option.Config.ClusterName = asked.Cluster
	option.Config.EnableIPv6 = asked.DualStack
	api.InitEntities(asked.Cluster)
	told := &answer{Refused: map[int]string{}, Failed: map[int]string{}}
	parsed := make([]api.Rules, len(asked.Policies))
	ids := make([]ipcache.ResourceID, len(asked.Policies))
	var all api.Rules
	for place, object := range asked.Policies {
		rules, id, err := parse(logger, asked, object)
		if err != nil {
			told.Refused[place] = err.Error()
			continue
		}
		parsed[place], ids[place] = rules, id
		all = append(all, rules...)
	}

	known := newIdentities()
	peers := make([]peer, 0, len(asked.Pods)+len(asked.Addresses)+len(asked.Entities))
	named := ciliumtypes.NewNamedPortMultiMap()
	own := make([]ciliumtypes.NamedPortMap, len(asked.Pods))
	for place, pod := range asked.Pods {
		peers = append(peers, peer{known.of(podLabels(&pod))})
		own[place] = ciliumtypes.NamedPortMap{}
		for _, port := range pod.Ports {
			if port.Name == "" {
				continue
			}
			if err := own[place].AddPort(port.Name, int(port.Port), port.Protocol); err != nil {
				return nil, err
			}
		}
		named.Update(nil, own[place])
	}
	prefixes := policy.GetCIDRPrefixes(all)
	for _, prefix := range prefixes {
		known.of(labels.GetCIDRLabels(prefix))
	}
	for _, address := range asked.Addresses {
		peers = append(peers, peer{known.of(labels.GetCIDRLabels(longest(prefixes, address)))})
	}
	for _, name := range asked.Entities {
		if name == labels.IDNameWorld && asked.DualStack {
			name = labels.IDNameWorldIPv4
		}
		number := identity.GetReservedID(name)
		reserved := identity.LookupReservedIdentity(number)
		if reserved == nil {
			return nil, fmt.Errorf("%q is no reserved identity", name)
		}
		peers = append(peers, append(peer{reserved}, known.elsewhere(name, prefixes)...))
	}

	repository := policy.NewPolicyRepository(logger, known.all(), nil, noTranslator{}, nil, noMetrics{})
	for place, rules := range parsed {
		if len(rules) > 0 {
			repository.ReplaceByResource(rules, ids[place])
		}
	}
	for place := range asked.Pods {
		if asked.Pods[place].Cluster != asked.Cluster {
			told.Ingress = append(told.Ingress, "")
			told.Egress = append(told.Egress, "")
			continue
		}
		resolved, _, err := repository.GetSelectorPolicy(peers[place][0], 0, &noStatistics{}, uint64(place)+1)
		if err != nil {
			told.Failed[place] = err.Error()
			told.Ingress = append(told.Ingress, "")
			told.Egress = append(told.Egress, "")
			continue
		}
		owner := &owner{id: uint64(place) + 1, own: own[place], all: named}
		distilled := resolved.DistillPolicy(logger, owner, redirects(resolved, owner))
		sides := &distilled.L4Policy
		ingress, err := letters(distilled, policy.IngressKey(), sides.Ingress, owner, peers, asked.Ports)
		if err != nil {
			return nil, err
		}
		egress, err := letters(distilled, policy.EgressKey(), sides.Egress, owner, peers, asked.Ports)
		if err != nil {
			return nil, err
		}
		told.Ingress = append(told.Ingress, ingress)
		told.Egress = append(told.Egress, egress)
		if err := distilled.Ready(); err != nil {
			return nil, err
		}
		distilled.Detach(logger)
	}
	return told, nil
}

// parse reads one policy as the agent does.
func parse(logger *slog.Logger, asked *question, object json.RawMessage) (api.Rules, ipcache.ResourceID, error) {
	var kind struct{ Kind string }
	if err := json.Unmarshal(object, &kind); err != nil {
		return nil, "", err
	}
	local := types.LocalClusterNameForPolicies(types.PolicyConfig{PolicyDefaultLocalCluster: asked.DefaultLocal}, asked.Cluster)
	switch kind.Kind {
	case "NetworkPolicy":
		var read networkingv1.NetworkPolicy
		if err := json.Unmarshal(object, &read); err != nil {
			return nil, "", err
		}
		rules, err := k8s.ParseNetworkPolicy(logger, local, &read)
		return rules, ipcache.NewResourceID(ipcache.ResourceKindNetpol, read.Namespace, read.Name), err
	case "CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy":
		var read ciliumv2.CiliumNetworkPolicy
		if err := json.Unmarshal(object, &read); err != nil {
			return nil, "", err
		}
		resource := ipcache.ResourceKindCNP
		if kind.Kind == "CiliumClusterwideNetworkPolicy" {
			resource = ipcache.ResourceKindCCNP
		}
		rules, err := read.Parse(logger, local)
		return rules, ipcache.NewResourceID(resource, read.Namespace, read.Name), err
	}
	return nil, "", fmt.Errorf("%q is no kind of policy", kind.Kind)
}
