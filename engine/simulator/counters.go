package main

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// calls counts requests by SOAP method.
type calls struct {
	sync.Mutex
	by map[string]int64
}

func (vc *vcenter) count(method string) {
	vc.calls.Lock()
	vc.calls.by[method]++
	vc.calls.Unlock()
}

// counters is what GET /counters answers.
type counters struct {
	BytesReceived  int64            `json:"bytes_received"`
	Leases         []leaseCount     `json:"leases"`
	Calls          map[string]int64 `json:"calls"`
	BrokenChildren int              `json:"broken_children"`
	LiveSessions   int              `json:"live_sessions"`
}

type leaseCount struct {
	Name  string `json:"name"` // of the machine
	State string `json:"state"`
	Bytes int64  `json:"bytes"`
}

func (vc *vcenter) counters() counters {
	vc.calls.Lock()
	by := maps.Clone(vc.calls.by)
	vc.calls.Unlock()
	c := counters{
		BytesReceived: vc.received.Load(), Leases: []leaseCount{}, Calls: by, LiveSessions: len(vc.sessions()),
	}
	vc.leases.Range(func(_, value any) bool {
		l := value.(*lease)
		c.Leases = append(c.Leases, leaseCount{Name: l.name, State: string(l.State), Bytes: l.bytes.Load()})
		return true
	})
	slices.SortFunc(c.Leases, func(a, b leaseCount) int { return strings.Compare(a.Name, b.Name) })
	vc.broken.Range(func(_, _ any) bool { c.BrokenChildren++; return true })
	return c
}

// resetCounters forgets what was counted; leases that are open stay.
func (vc *vcenter) resetCounters() {
	vc.calls.Lock()
	vc.calls.by = map[string]int64{}
	vc.calls.Unlock()
	vc.received.Store(0)
	vc.leases.Range(func(token, value any) bool {
		select {
		case <-value.(*lease).ended:
			vc.leases.Delete(token)
		default:
			value.(*lease).bytes.Store(0)
		}
		return true
	})
}
