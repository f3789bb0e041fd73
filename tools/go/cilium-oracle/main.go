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
	"maps"
	"net/netip"
	"os"
	"strings"

	"github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/defaults"
	"github.com/cilium/cilium/pkg/endpoint/regeneration"
	"github.com/cilium/cilium/pkg/fqdn/re"
	"github.com/cilium/cilium/pkg/identity"
	ipcache "github.com/cilium/cilium/pkg/ipcache/types"
	"github.com/cilium/cilium/pkg/k8s"
	ciliumv2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	networkingv1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/networking/v1"
	metav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
	k8sutils "github.com/cilium/cilium/pkg/k8s/utils"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/labelsfilter"
	"github.com/cilium/cilium/pkg/option"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/cilium/cilium/pkg/policy/trafficdirection"
	"github.com/cilium/cilium/pkg/spanstat"
	ciliumtypes "github.com/cilium/cilium/pkg/types"
	"github.com/cilium/cilium/pkg/u8proto"
	proxyapi "github.com/cilium/proxy/go/cilium/api"
)

// One letter of an answer.
const (
	closed = '-'
	open   = 'o'
	proxy  = '7' // open to some requests only: the proxy looks at layer 7
)

// The letters for an entity that would get another letter if it were somewhere else: the API server on another kind of
// machine, the world at an address that a policy names.
var elsewhere = map[byte]byte{closed: 'c', open: 'O', proxy: '&'}

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

// letters answers for every peer and port.
func letters(
	distilled *policy.EndpointPolicy,
	key policy.Key,
	side policy.L4DirectionPolicy,
	owner *owner,
	peers []peer,
	ports []port,
) (string, error) {
	var text strings.Builder
	for _, peer := range peers {
		for _, port := range ports {
			protocol, err := u8proto.ParseProtocol(port.Protocol)
			if err != nil {
				return "", err
			}
			told := make([]byte, len(peer))
			differs := false
			for place, one := range peer {
				entry, _, found := distilled.Lookup(key.WithIdentity(one.ID).WithPortProto(protocol, port.Port))
				switch {
				case !found && isOwnNode(one) && key.TrafficDirection() == trafficdirection.Ingress:
					told[place] = open
				case entry.IsDeny():
					told[place] = closed
				case entry.IsRedirectEntry() && !free(distilled, side, owner, one, protocol, port.Port):
					told[place] = proxy
				default:
					told[place] = open
				}
				differs = differs || told[place] != told[0]
			}
			if differs {
				told[0] = elsewhere[told[0]]
			}
			text.WriteByte(told[0])
		}
	}
	return text.String(), nil
}

// isOwnNode is whether an identity is an API server on the pod's node, which gets in like the node does.
func isOwnNode(one *identity.Identity) bool {
	return one.ID != identity.ReservedIdentityHost && one.Labels.HasHostLabel()
}

// free is whether the proxy lets every request of a peer to a port through, because one of the rules about them does
// not look at requests. The proxy takes what any of the rules takes.
func free(
	distilled *policy.EndpointPolicy,
	side policy.L4DirectionPolicy,
	owner *owner,
	peer *identity.Identity,
	protocol u8proto.U8proto,
	port uint16,
) bool {
	found := false
	side.PortRules.ForEach(func(filter *policy.L4Filter) bool {
		if !covers(filter, owner, protocol, port) {
			return true
		}
		for selector, rules := range filter.PerSelectorPolicies {
			if !rules.GetDeny() && selector.Selects(distilled.VersionHandle, peer.ID) && !restricts(rules) {
				found = true
			}
		}
		return !found
	})
	return found
}

func covers(filter *policy.L4Filter, owner *owner, protocol u8proto.U8proto, port uint16) bool {
	if filter.U8Proto != protocol && filter.U8Proto != u8proto.ANY {
		return false
	}
	first := filter.Port
	if first == 0 && filter.PortName != "" {
		return owner.GetNamedPort(filter.Ingress, filter.PortName, filter.U8Proto) == port
	}
	return first == 0 || first == port || (first < port && port <= filter.EndPort)
}

// restricts is whether rules look at requests and take only some. Cilium merges rules that take all as an empty one.
func restricts(rules *policy.PerSelectorPolicy) bool {
	if !rules.HasL7Rules() {
		return false
	}
	for _, rule := range rules.HTTP {
		if rule.Path == "" && rule.Method == "" && rule.Host == "" && len(rule.Headers)+len(rule.HeaderMatches) == 0 {
			return false
		}
	}
	for _, rule := range rules.DNS {
		if rule.MatchPattern == "*" {
			return false
		}
	}
	return true
}

// podLabels are the labels that make a pod's identity: its own, its namespace's, its cluster's and its account's, less
// those that an agent leaves out by default.
func podLabels(pod *pod) labels.Labels {
	namespace := &metav1.ObjectMeta{Name: pod.Namespace, Labels: pod.NamespaceLabels}
	sanitised := k8sutils.SanitizePodLabels(maps.Clone(pod.Labels), namespace, pod.ServiceAccount, pod.Cluster)
	chosen, _ := labelsfilter.Filter(labels.Map2Labels(sanitised, labels.LabelSourceK8s))
	return chosen
}

// longest is the longest of the prefixes that policies name which holds the address: the one whose identity a packet
// from there has. The one of length 0 stands for the world.
func longest(prefixes []netip.Prefix, address netip.Addr) netip.Prefix {
	best, _ := address.Prefix(0)
	for _, prefix := range prefixes {
		if prefix.Contains(address) && prefix.Bits() > best.Bits() {
			best = prefix
		}
	}
	return best
}

// identities numbers sets of labels, as the agent's allocator does.
type identities struct {
	byLabels map[string]*identity.Identity
	next     identity.NumericIdentity
	nextHere identity.NumericIdentity
}

func newIdentities() *identities {
	return &identities{map[string]*identity.Identity{}, identity.MinimalNumericIdentity, identity.IdentityScopeLocal + 1}
}

func (known *identities) of(set labels.Labels) *identity.Identity {
	key := string(set.SortedList())
	if found := known.byLabels[key]; found != nil {
		return found
	}
	if reserved := identity.LookupReservedIdentityByLabels(set); reserved != nil {
		return reserved
	}
	return known.made(set)
}

// made numbers a set of labels that has no number yet. An agent gives the labels of an API server on its own node to the
// host's identity; here it is one beside that, so that each can be asked about.
func (known *identities) made(set labels.Labels) *identity.Identity {
	number := &known.next
	if set.HasSource(labels.LabelSourceCIDR) {
		number = &known.nextHere
	}
	made := identity.NewIdentity(*number, set)
	*number++
	known.byLabels[string(set.SortedList())] = made
	return made
}

// elsewhere are the identities that an entity would have in other places.
func (known *identities) elsewhere(name string, prefixes []netip.Prefix) []*identity.Identity {
	var found []*identity.Identity
	if name == labels.IDNameKubeAPIServer {
		host := labels.Labels{labels.IDNameHost: labels.NewLabel(labels.IDNameHost, "", labels.LabelSourceReserved)}
		found = append(found, known.made(withAPIServer(host)))
		for _, unnamed := range []string{"240.0.0.1/32", "2001:db8::1/128"} {
			prefixes = append(prefixes, netip.MustParsePrefix(unnamed))
		}
		for _, prefix := range prefixes {
			found = append(found, known.of(withAPIServer(labels.GetCIDRLabels(prefix))))
		}
	}
	if strings.HasPrefix(name, labels.IDNameWorld) {
		if name != labels.IDNameWorld {
			found = append(found, identity.LookupReservedIdentity(identity.ReservedIdentityWorldIPv6))
		}
		for _, prefix := range prefixes {
			found = append(found, known.of(labels.GetCIDRLabels(prefix)))
		}
	}
	return found
}

func withAPIServer(set labels.Labels) labels.Labels {
	merged := maps.Clone(set)
	merged[labels.IDNameKubeAPIServer] = labels.LabelKubeAPIServer[labels.IDNameKubeAPIServer]
	return merged
}

func (known *identities) all() identity.IdentityMap {
	every := identity.IdentityMap{}
	for _, entry := range known.byLabels {
		every[entry.ID] = entry.LabelArray
	}
	for number, entry := range identity.ListReservedIdentities() {
		every[number] = entry
	}
	return every
}

// owner is the pod whose policy is resolved.
type owner struct {
	id  uint64
	own ciliumtypes.NamedPortMap
	all ciliumtypes.NamedPortMultiMap
}

func (o *owner) GetID() uint64 { return o.id }

// GetNamedPort resolves a name on the pod itself for ingress, over the ports of all pods for egress.
func (o *owner) GetNamedPort(ingress bool, name string, protocol u8proto.U8proto) uint16 {
	var found uint16
	if ingress {
		found, _ = o.own.GetNamedPort(name, protocol)
	} else {
		found, _ = o.all.GetNamedPort(name, protocol)
	}
	return found
}

func (o *owner) PolicyDebug(string, ...any) {}
func (o *owner) IsHost() bool               { return false }
func (o *owner) MapStateSize() int          { return 0 }
func (o *owner) RegenerateIfAlive(*regeneration.ExternalRegenerationMetadata) <-chan bool {
	done := make(chan bool)
	close(done)
	return done
}

type noStatistics struct{ span spanstat.SpanStat }

func (s *noStatistics) WaitingForPolicyRepository() *spanstat.SpanStat { return &s.span }
func (s *noStatistics) SelectorPolicyCalculation() *spanstat.SpanStat  { return &s.span }

type noMetrics struct{}

func (noMetrics) AddRule(api.Rule) {}
func (noMetrics) DelRule(api.Rule) {}

// noTranslator stands for the translation of layer 7 rules into the proxy's settings, which no verdict needs.
type noTranslator struct{}

func (noTranslator) GetEnvoyHTTPRules(*api.L7Rules, string) (*proxyapi.HttpNetworkPolicyRules, bool) {
	return nil, true
}

// redirects gives every redirect of a policy a port of the proxy, so that none is left out as not yet realised.
func redirects(resolved policy.SelectorPolicy, owner *owner) map[string]uint16 {
	ports := map[string]uint16{}
	for filter, selected := range resolved.RedirectFilters() {
		port := filter.Port
		if port == 0 && filter.PortName != "" {
			port = owner.GetNamedPort(filter.Ingress, filter.PortName, filter.U8Proto)
		}
		id := policy.ProxyID(uint16(owner.id), filter.Ingress, string(filter.Protocol), port, selected.Policy.GetListener())
		ports[id] = 15001
	}
	return ports
}
