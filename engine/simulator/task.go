package main

import (
	"fmt"
	"log"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// task is a task of ours. The simulator's own hold the lock of their object while they run: a slow clone would block
// every read of its template, and clones of one template would queue. Ours hold no lock, and can be cancelled.
type task struct {
	*simulator.Task
	once      sync.Once
	cancelled chan struct{}
}

// work is what a task does. It gets a context of its own, because the request's may end while it runs.
type work func(ctx *simulator.Context, t *task) (types.AnyType, types.BaseMethodFault)

var taskNumber atomic.Int64

// descriptions are the ids of vCenter's task descriptions where they are not the method's name.
var descriptions = map[string]string{
	"CloneVM_Task":             "VirtualMachine.clone",
	"ReconfigVM_Task":          "VirtualMachine.reconfigure",
	"PowerOnVM_Task":           "VirtualMachine.powerOn",
	"PowerOffVM_Task":          "VirtualMachine.powerOff",
	"CreateSnapshot_Task":      "VirtualMachine.createSnapshot",
	"CreateSnapshotEx_Task":    "VirtualMachine.createSnapshotEx",
	"PowerOnVApp_Task":         "VirtualApp.powerOn",
	"PowerOffVApp_Task":        "VirtualApp.powerOff",
	importing:                  "ResourcePool.ImportVAppLRO",
	"HttpNfcLeasePullFromUrls": "HttpNfcLease.pullFromUrls",
}

// task starts do as a task of entity and returns the task's reference. Faults that the admin port ordered for the inside
// of this method's tasks come before the work. aliases are further names to match those faults with.
func (vc *vcenter) task(
	ctx *simulator.Context, entity mo.Entity, method string, do work, aliases ...string,
) types.ManagedObjectReference {
	own := *ctx
	name := entity.Entity().Name
	ref := entity.Reference()
	description := descriptions[method]
	if description == "" {
		verb := strings.TrimSuffix(method, "_Task")
		description = ref.Type + "." + strings.ToLower(verb[:1]) + verb[1:]
	}
	t := &task{Task: simulator.CreateTask(entity, method, nil), cancelled: make(chan struct{})}
	t.Self = types.ManagedObjectReference{Type: "Task", Value: fmt.Sprintf("task-s%d", taskNumber.Add(1))}
	t.Info.Key, t.Info.Task = t.Self.Value, t.Self
	t.Info.Name, t.Info.DescriptionId = method, description
	t.Info.EntityName, t.Info.Cancelable = name, true
	if own.Session != nil {
		t.Info.Reason = &types.TaskReasonUser{UserName: own.Session.UserName}
	}
	t.Info.StartTime, t.Info.State = types.NewTime(time.Now()), types.TaskInfoStateRunning
	own.Map.Put(t.Task)
	vc.shown.Registry.Put(t)
	vc.running.Store(t.Self, runningTask{method, name})
	go func() {
		result, fault := t.run(&own, func() (types.AnyType, types.BaseMethodFault) {
			if method != importing {
				if fault := vc.faults.inTask(t, method, append(aliases, name)); fault != nil {
					return nil, fault
				}
			}
			return do(&own, t)
		})
		t.finish(&own, result, fault)
		vc.running.Delete(t.Self)
	}()
	return t.Self
}

// run turns a panic of the simulator's code into a fault, so that one odd request does not end everybody's vCenter.
func (t *task) run(_ *simulator.Context, do func() (types.AnyType, types.BaseMethodFault)) (
	result types.AnyType, fault types.BaseMethodFault,
) {
	defer func() {
		if reason := recover(); reason != nil {
			log.Printf("%s: %v\n%s", t.Info.Name, reason, debug.Stack())
			result, fault = nil, &types.SystemErrorFault{Reason: fmt.Sprint(reason)}
		}
	}()
	return do()
}

func (t *task) finish(ctx *simulator.Context, result types.AnyType, fault types.BaseMethodFault) {
	changes := []types.PropertyChange{{Name: "info.completeTime", Val: time.Now()}}
	if fault != nil {
		changes = append(changes,
			types.PropertyChange{Name: "info.error", Val: types.LocalizedMethodFault{Fault: fault, LocalizedMessage: message(fault)}},
			types.PropertyChange{Name: "info.state", Val: types.TaskInfoStateError})
	} else {
		if result != nil {
			changes = append(changes, types.PropertyChange{Name: "info.result", Val: result})
		}
		changes = append(changes, types.PropertyChange{Name: "info.state", Val: types.TaskInfoStateSuccess})
	}
	ctx.Map.AtomicUpdate(ctx, t.Task, changes)
}

// wait lets time pass; a cancelled task wakes up with RequestCanceled.
func (t *task) wait(d time.Duration) types.BaseMethodFault {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.cancelled:
	}
	select {
	case <-t.cancelled:
		return &types.RequestCanceled{}
	default:
		return nil
	}
}

// CancelTask asks the work to stop: as on a vCenter the task ends when the work noticed, and may still succeed.
func (t *task) CancelTask(ctx *simulator.Context, _ *types.CancelTask) soap.HasFault {
	body := new(methods.CancelTaskBody)
	if t.Info.State != types.TaskInfoStateRunning {
		body.Fault_ = faultOf(&types.InvalidState{})
		return body
	}
	t.once.Do(func() { close(t.cancelled) })
	ctx.Update(t.Task, []types.PropertyChange{{Name: "info.cancelled", Val: true}})
	body.Res = new(types.CancelTaskResponse)
	return body
}

// completed waits for a task of the simulator itself and returns what came of it.
func completed(ctx *simulator.Context, ref types.ManagedObjectReference) (types.AnyType, types.BaseMethodFault) {
	inner := ctx.Map.Get(ref).(*simulator.Task)
	inner.Wait()
	if inner.Info.Error != nil {
		return nil, inner.Info.Error.Fault
	}
	return inner.Info.Result, nil
}

// faultOf is a fault as a method throws it.
func faultOf(fault types.BaseMethodFault) *soap.Fault {
	return simulator.Fault(message(fault), fault)
}
