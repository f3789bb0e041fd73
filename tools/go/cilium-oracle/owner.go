package main

import (
	"github.com/cilium/cilium/pkg/endpoint/regeneration"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/cilium/cilium/pkg/spanstat"
	ciliumtypes "github.com/cilium/cilium/pkg/types"
	"github.com/cilium/cilium/pkg/u8proto"
	proxyapi "github.com/cilium/proxy/go/cilium/api"
)

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
