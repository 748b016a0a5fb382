package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// faultRule orders faults of a method: Times of them (0: all) after Skip calls that go well.
type faultRule struct {
	Method  string          `json:"method"`  // SOAP name, `CloneVM_Task`; `*` for all
	Object  string          `json:"object"`  // part of the name of the object or of what the call makes; empty for all
	Fault   string          `json:"fault"`   // vSphere type, `NoDiskSpace`; empty: only the delay
	Message string          `json:"message"` // empty: vCenter's usual text
	Detail  json.RawMessage `json:"detail"`  // fields of the fault
	InTask  bool            `json:"in_task"` // inside the task instead of at the call
	Skip    int             `json:"skip"`
	Times   int             `json:"times"`
	Delay   float64         `json:"delay"` // seconds before the fault

	hits int
}

// faults are the rules in force.
type faults struct {
	sync.Mutex
	rules []*faultRule
}

func (f *faults) add(rule *faultRule) error {
	if _, err := rule.make(); err != nil {
		return err
	}
	f.Lock()
	f.rules = append(f.rules, rule)
	f.Unlock()
	return nil
}

func (f *faults) clear() {
	f.Lock()
	f.rules = nil
	f.Unlock()
}

func (f *faults) atCall(method string, names []string) types.BaseMethodFault {
	rule := f.hit(method, names, false)
	if rule == nil {
		return nil
	}
	time.Sleep(rule.delay())
	fault, _ := rule.make() // checked when it was added
	return fault
}

func (f *faults) inTask(t *task, method string, names []string) types.BaseMethodFault {
	rule := f.hit(method, names, true)
	if rule == nil {
		return nil
	}
	if fault := t.wait(rule.delay()); fault != nil {
		return fault
	}
	fault, _ := rule.make()
	return fault
}

// hit finds the first rule that strikes now and counts it.
func (f *faults) hit(method string, names []string, inTask bool) *faultRule {
	f.Lock()
	defer f.Unlock()
	for _, rule := range f.rules {
		if rule.InTask != inTask || (rule.Method != "*" && rule.Method != method) {
			continue
		}
		if !slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, rule.Object) }) && rule.Object != "" {
			continue
		}
		if rule.Skip > 0 {
			rule.Skip--
			continue
		}
		if rule.Times > 0 && rule.hits >= rule.Times {
			continue
		}
		rule.hits++
		return rule
	}
	return nil
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
