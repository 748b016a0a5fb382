package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// adminHandler is the admin port: JSON over plain HTTP. Every change answers {}; a bad request 400 and {"error"}.
func (vc *vcenter) adminHandler() http.Handler {
	mux := http.NewServeMux()
	on(mux, "POST /fault", func(rule *faultRule) error { return vc.faults.add(rule) })
	on(mux, "DELETE /fault", func(*struct{}) error { vc.faults.clear(); return nil })
	on(mux, "POST /nfc", func(rule *nfcRule) error { return vc.nfc.add(rule) })
	on(mux, "DELETE /nfc", func(*struct{}) error { vc.nfc.clear(); return nil })
	on(mux, "POST /settings", vc.change)
	on(mux, "POST /privilege", func(p *struct {
		Object, Privilege string
		Granted           bool
	}) error {
		vc.denied.set(p.Object, p.Privilege, p.Granted)
		return nil
	})
	on(mux, "POST /host", func(h *struct {
		Name      string
		Connected bool
	}) error {
		if !vc.connect(vc.context(), h.Name, h.Connected) {
			return fmt.Errorf("no host is called %q", h.Name)
		}
		return nil
	})
	on(mux, "POST /datastore", func(d *struct {
		Name        string
		Maintenance bool
	}) error {
		if !vc.maintain(vc.context(), d.Name, d.Maintenance) {
			return fmt.Errorf("no datastore is called %q", d.Name)
		}
		return nil
	})
	on(mux, "POST /listen", func(l *struct{ Open bool }) error { return vc.door.set(l.Open) })
	on(mux, "POST /http503", func(n *struct{ Times int64 }) error { vc.unavailable.Store(n.Times); return nil })
	on(mux, "DELETE /sessions", func(*struct{}) error { return vc.expireSessions() })
	mux.HandleFunc("GET /counters", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, vc.counters()) })
	on(mux, "DELETE /counters", func(*struct{}) error { vc.resetCounters(); return nil })
	return mux
}

// on decodes a call's JSON, strictly, and answers.
func on[T any](mux *http.ServeMux, pattern string, do func(*T) error) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		request := new(T)
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		err := error(nil)
		if r.Method != http.MethodDelete {
			err = decoder.Decode(request)
		}
		if err == nil {
			err = do(request)
		}
		if err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		answer(w, http.StatusOK, struct{}{})
	})
}

func answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document)
}

// settings are what can change while it runs.
type settings struct {
	cloneDelay, guestDelay, leaseTimeout time.Duration
	sessionIdle                          time.Duration // 0: sessions do not end by themselves
	keepPartial                          bool          // leave the half machine of a lease that ended (stock vcsim does)
}

func (vc *vcenter) settings() settings {
	vc.mu.Lock()
	defer vc.mu.Unlock()
	return vc.current
}

// settingsChange holds seconds and bytes; what is absent stays.
type settingsChange struct {
	CloneDelay        *float64 `json:"clone_delay"`
	GuestDelay        *float64 `json:"guest_delay"`
	LeaseTimeout      *float64 `json:"lease_timeout"`
	SessionIdle       *float64 `json:"session_idle"`
	KeepPartial       *bool    `json:"keep_partial"`
	DatastoreCapacity *int64   `json:"datastore_capacity"`
}

func (vc *vcenter) change(c *settingsChange) error {
	if c.DatastoreCapacity != nil {
		if *c.DatastoreCapacity < 0 {
			return errors.New("datastore_capacity is negative")
		}
		vc.space.setCapacity(*c.DatastoreCapacity)
		vc.announceSpace(vc.context())
	}
	vc.mu.Lock()
	defer vc.mu.Unlock()
	for _, duration := range []struct {
		seconds *float64
		setting *time.Duration
	}{
		{c.CloneDelay, &vc.current.cloneDelay}, {c.GuestDelay, &vc.current.guestDelay}, {c.LeaseTimeout, &vc.current.leaseTimeout},
		{c.SessionIdle, &vc.current.sessionIdle},
	} {
		if duration.seconds != nil {
			*duration.setting = time.Duration(*duration.seconds * float64(time.Second))
		}
	}
	if c.KeepPartial != nil {
		vc.current.keepPartial = *c.KeepPartial
	}
	return nil
}
