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
	Running        []runningTask    `json:"running"`
}

type leaseCount struct {
	Name  string      `json:"name"` // of the machine
	State string      `json:"state"`
	Bytes int64       `json:"bytes"`
	Files []fileCount `json:"files"`
}

type fileCount struct {
	Name     string `json:"name"`
	Complete int    `json:"complete"` // times that it came whole
	Bytes    int64  `json:"bytes"`
	Sha1     string `json:"sha1"` // of what came whole
}

// runningTask is a task that has not ended.
type runningTask struct {
	Task   string `json:"task"`   // `CloneVM_Task`
	Object string `json:"object"` // name of the object that it was called on
}

// fileCounts are what came of each file.
func (l *lease) fileCounts() []fileCount {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := []fileCount{}
	for name, file := range l.files {
		counts = append(counts, fileCount{name, file.complete, file.bytes, file.sha1})
	}
	slices.SortFunc(counts, func(a, b fileCount) int { return strings.Compare(a.Name, b.Name) })
	return counts
}

func (vc *vcenter) counters() counters {
	vc.expireIdle()
	vc.calls.Lock()
	by := maps.Clone(vc.calls.by)
	vc.calls.Unlock()
	c := counters{
		BytesReceived: vc.received.Load(), Leases: []leaseCount{}, Calls: by, LiveSessions: len(vc.sessions()),
		Running: []runningTask{},
	}
	vc.leases.Range(func(_, value any) bool {
		l := value.(*lease)
		c.Leases = append(c.Leases, leaseCount{Name: l.name, State: string(l.State), Bytes: l.bytes.Load(), Files: l.fileCounts()})
		return true
	})
	slices.SortFunc(c.Leases, func(a, b leaseCount) int { return strings.Compare(a.Name, b.Name) })
	vc.running.Range(func(_, value any) bool {
		c.Running = append(c.Running, value.(runningTask))
		return true
	})
	slices.SortFunc(c.Running, func(a, b runningTask) int {
		return strings.Compare(a.Task+" "+a.Object, b.Task+" "+b.Object)
	})
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
			value.(*lease).reset()
		}
		return true
	})
}

func (l *lease) reset() {
	l.bytes.Store(0)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, file := range l.files {
		file.complete, file.bytes = 0, 0
	}
}
