package main

import (
	"maps"
	"net/netip"
	"strings"

	"github.com/cilium/cilium/pkg/identity"
	metav1 "github.com/cilium/cilium/pkg/k8s/slim/k8s/apis/meta/v1"
	k8sutils "github.com/cilium/cilium/pkg/k8s/utils"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/labelsfilter"
)

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
