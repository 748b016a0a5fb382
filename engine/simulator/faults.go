package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// faultRule orders faults of a method.
type faultRule struct {
	occasion
	Method  string          `json:"method"`  // SOAP name, `CloneVM_Task`; `*` for all
	Object  string          `json:"object"`  // part of the name of the object or of what the call makes; empty for all
	Fault   string          `json:"fault"`   // vSphere type, `NoDiskSpace`; empty: only the delay
	Message string          `json:"message"` // empty: vCenter's usual text
	Detail  json.RawMessage `json:"detail"`  // fields of the fault
	InTask  bool            `json:"in_task"` // inside the task instead of at the call
	Delay   float64         `json:"delay"`   // seconds before the fault
	Mode    string          `json:"mode"`    // instead of a fault, on the wire: 503 | drop | stall | gone (wire.go)
	After   bool            `json:"after"`   // on the wire: the call is carried out first
}

// faults are the rules in force.
type faults struct{ orders[*faultRule] }

// place is where a rule strikes.
type place int

const (
	onWire place = iota
	atCall
	inTask
)

func (r *faultRule) place() place {
	switch {
	case r.Mode != "":
		return onWire
	case r.InTask:
		return inTask
	}
	return atCall
}

func (f *faults) add(rule *faultRule) error {
	if _, err := rule.make(); err != nil {
		return err
	}
	if !slices.Contains([]string{"", "503", "drop", "stall", "gone"}, rule.Mode) {
		return fmt.Errorf("unknown mode %q: 503, drop, stall or gone", rule.Mode)
	}
	if rule.Mode != "" && (rule.Fault != "" || rule.InTask) {
		return fmt.Errorf("mode %s is on the wire: it takes no fault and no in_task", rule.Mode)
	}
	if rule.Mode == "" && rule.After {
		return errors.New("after needs a mode")
	}
	f.put(rule)
	return nil
}

func (f *faults) atCall(method string, names []string) types.BaseMethodFault {
	rule := f.find(atCall, method, names)
	if rule == nil {
		return nil
	}
	return rule.strike(nil)
}

func (f *faults) inTask(t *task, method string, names []string) types.BaseMethodFault {
	rule := f.find(inTask, method, names)
	if rule == nil {
		return nil
	}
	fault := rule.strike(t.cancelled)
	if cancelled := t.wait(0); cancelled != nil {
		return cancelled
	}
	return fault
}

// strike waits for the delay; a rule that was taken back meanwhile does no harm.
func (r *faultRule) strike(end <-chan struct{}) types.BaseMethodFault {
	if r.Delay > 0 {
		r.pause(r.delay(), end)
		if r.isCleared() {
			return nil
		}
	}
	fault, _ := r.make() // checked when it was added
	return fault
}

func (f *faults) find(at place, method string, names []string) *faultRule {
	return f.hit(func(rule *faultRule) bool {
		return rule.place() == at && (rule.Method == "*" || rule.Method == method) && (rule.Object == "" ||
			slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, rule.Object) }))
	})
}

func (r *faultRule) delay() time.Duration { return time.Duration(r.Delay * float64(time.Second)) }

// make builds the fault; nil when the rule has only a delay.
func (r *faultRule) make() (types.BaseMethodFault, error) {
	if r.Fault == "" {
		return nil, nil
	}
	kind, ok := types.TypeFunc()(r.Fault)
	if !ok {
		return nil, fmt.Errorf("no vSphere type is called %q", r.Fault)
	}
	fault, ok := reflect.New(kind).Interface().(types.BaseMethodFault)
	if !ok {
		return nil, fmt.Errorf("%q is not a fault", r.Fault)
	}
	if len(r.Detail) > 0 {
		if err := json.Unmarshal(r.Detail, fault); err != nil {
			return nil, fmt.Errorf("detail of %s: %w", r.Fault, err)
		}
	}
	if r.Message != "" {
		fault.GetMethodFault().FaultMessage = []types.LocalizableMessage{{Key: "slipway", Message: r.Message}}
	}
	return fault, nil
}
