package main

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// wire is the way of a call and of its answer, which rules with a mode spoil:
//
//	503    answered with this status
//	drop   the connection is reset
//	stall  held for the delay, without one until the rule is taken back
//	gone   as drop, and the port refuses connections for the delay, without one until POST /listen
//
// With after the call is carried out first. A call that stalls before and whose client leaves is not carried out.
func (vc *vcenter) wire(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rule := vc.spoiled(r)
		answer := httptest.NewRecorder()
		if rule == nil {
			next.ServeHTTP(&talking{ResponseWriter: w}, r)
			return
		}
		if rule.After {
			next.ServeHTTP(&talking{ResponseWriter: answer}, r)
		}
		switch rule.Mode {
		case "503":
			http.Error(w, "503 Service Unavailable", http.StatusServiceUnavailable)
		case "drop":
			reset(w)
		case "gone":
			_ = vc.door.set(false) // first: whoever sees the reset may open it again
			if rule.Delay > 0 {
				time.AfterFunc(rule.delay(), func() { _ = vc.door.set(true) })
			}
			reset(w)
		case "stall":
			rule.pause(rule.delay(), r.Context().Done())
			switch {
			case r.Context().Err() != nil:
			case rule.After:
				maps.Copy(w.Header(), answer.Header())
				w.WriteHeader(answer.Code)
				_, _ = w.Write(answer.Body.Bytes())
			default:
				next.ServeHTTP(&talking{ResponseWriter: w}, r)
			}
		}
	})
}

// spoiled is the rule that strikes this request. Only while there is one on the wire is the request read here.
func (vc *vcenter) spoiled(r *http.Request) *faultRule {
	if !vc.faults.any(func(rule *faultRule) bool { return rule.place() == onWire }) {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	method, err := simulator.UnmarshalBody(types.TypeFunc(), body)
	if err != nil {
		return nil
	}
	return vc.faults.find(onWire, method.Name, vc.namesOf(method))
}
