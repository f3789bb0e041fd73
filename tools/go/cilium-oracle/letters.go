package main

import (
	"strings"

	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/trafficdirection"
	"github.com/cilium/cilium/pkg/u8proto"
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
