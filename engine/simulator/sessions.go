package main

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// sessions are the live ones. The simulator shows them only in a session's view of its SessionManager.
func (vc *vcenter) sessions() []types.UserSession {
	ref := *vc.model.ServiceContent.SessionManager
	view := &simulator.Session{Registry: simulator.NewRegistry(), Map: vc.model.Map()}
	if manager, ok := view.Get(ref).(*simulator.SessionManager); ok {
		return manager.SessionList
	}
	return nil
}

// expireSessions ends every session, as after a restart of vCenter.
func (vc *vcenter) expireSessions() error {
	var keys []string
	for _, session := range vc.sessions() {
		keys = append(keys, session.Key)
	}
	return vc.expire(keys)
}

func (vc *vcenter) expire(keys []string) error {
	ctx := vc.context()
	ctx.Session = &simulator.Session{Registry: simulator.NewRegistry(), Map: vc.model.Map()}
	body := vc.model.Map().SessionManager().TerminateSession(ctx, &types.TerminateSession{SessionId: keys})
	if fault := body.Fault(); fault != nil {
		return errors.New(fault.String)
	}
	vc.waiting.Range(func(_, collector any) bool { // who waits is told: RequestCanceled
		if waiting, ok := collector.(*simulator.PropertyCollector); ok {
			waiting.CancelWaitForUpdates(&types.CancelWaitForUpdates{})
		}
		return true
	})
	return nil
}

// idleness is when each session last had a call at work; uploads to hosts do not count, as on a vCenter.
type idleness struct {
	sync.Mutex
	sessions map[string]*activity
}

type activity struct {
	calls int // at work now, WaitForUpdatesEx that waits too
	last  time.Time
}

// atWork counts a request for its session until the returned function is called.
func (vc *vcenter) atWork(r *http.Request) func() {
	vc.expireIdle()
	cookie, err := r.Cookie(soap.SessionCookieName)
	if err != nil {
		return func() {}
	}
	key := strings.Trim(cookie.Value, `"`)
	change := func(by int) {
		vc.idle.Lock()
		defer vc.idle.Unlock()
		if vc.idle.sessions == nil {
			vc.idle.sessions = map[string]*activity{}
		}
		if vc.idle.sessions[key] == nil {
			vc.idle.sessions[key] = &activity{}
		}
		vc.idle.sessions[key].calls += by
		vc.idle.sessions[key].last = time.Now()
	}
	change(1)
	return func() { change(-1) }
}

// expireIdle ends the sessions that had no call for longer than the setting.
func (vc *vcenter) expireIdle() {
	limit := vc.settings().sessionIdle
	if limit <= 0 {
		return
	}
	vc.idle.Lock()
	defer vc.idle.Unlock()
	var keys []string
	for _, session := range vc.sessions() {
		last := session.LoginTime
		if seen := vc.idle.sessions[session.Key]; seen != nil {
			if seen.calls > 0 {
				continue
			}
			last = seen.last
		}
		if time.Since(last) > limit {
			keys = append(keys, session.Key)
			delete(vc.idle.sessions, session.Key)
		}
	}
	if len(keys) > 0 {
		_ = vc.expire(keys) // one that logged out meanwhile is no loss
	}
}
