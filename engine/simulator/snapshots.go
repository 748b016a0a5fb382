package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func (m *machine) CreateSnapshotTask(ctx *simulator.Context, req *types.CreateSnapshot_Task) soap.HasFault {
	body := new(methods.CreateSnapshot_TaskBody)
	body.Fault_ = m.refuseSnapshot(ctx)
	if body.Fault_ == nil {
		ref := m.vc.task(ctx, m, "CreateSnapshot_Task", func(ctx *simulator.Context, _ *task) (types.AnyType, types.BaseMethodFault) {
			return m.snapshotTaken(ctx, m.VirtualMachine.CreateSnapshotTask(ctx, req).(*methods.CreateSnapshot_TaskBody).Res.Returnval)
		})
		body.Res = &types.CreateSnapshot_TaskResponse{Returnval: ref}
	}
	return body
}

func (m *machine) CreateSnapshotExTask(ctx *simulator.Context, req *types.CreateSnapshotEx_Task) soap.HasFault {
	body := new(methods.CreateSnapshotEx_TaskBody)
	body.Fault_ = m.refuseSnapshot(ctx)
	if body.Fault_ == nil {
		ref := m.vc.task(ctx, m, "CreateSnapshotEx_Task", func(ctx *simulator.Context, _ *task) (types.AnyType, types.BaseMethodFault) {
			return m.snapshotTaken(ctx, m.VirtualMachine.CreateSnapshotExTask(ctx, req).(*methods.CreateSnapshotEx_TaskBody).Res.Returnval)
		})
		body.Res = &types.CreateSnapshotEx_TaskResponse{Returnval: ref}
	}
	return body
}

// refuseSnapshot: a template takes no snapshot, it must be taken before; nor does a machine that a task works on.
func (m *machine) refuseSnapshot(ctx *simulator.Context) *soap.Fault {
	if m.Config.Template {
		return faultOf(&types.NotSupported{})
	}
	if fault := m.reachable(ctx); fault != nil {
		return faultOf(fault)
	}
	for _, ref := range m.RecentTask {
		if _, works := m.vc.running.Load(ref); works {
			return faultOf(&types.TaskInProgress{Task: ref})
		}
	}
	return nil
}

// snapshotTaken waits for the snapshot and lets the machine write to deltas from then on, as a vCenter does: what its
// disks were is the snapshot's. (The simulator's disks stay.)
func (m *machine) snapshotTaken(ctx *simulator.Context, ref types.ManagedObjectReference) (types.AnyType, types.BaseMethodFault) {
	snapshot, fault := completed(ctx, ref)
	if fault != nil {
		return nil, fault
	}
	ctx.WithLock(m.VirtualMachine, func() {
		devices := slices.Clone(m.Config.Hardware.Device)
		for i, device := range devices {
			if !isFlatDisk(device) {
				continue
			}
			disk := *device.(*types.VirtualDisk)
			was := backing(&disk)
			delta := *was
			delta.FileName, delta.Parent = deltaOf(was.FileName), was
			disk.Backing = &delta
			devices[i] = &disk
			_ = m.vc.space.take(delta.FileName, linkedDiskBytes)
		}
		ctx.Update(m.VirtualMachine, []types.PropertyChange{{Name: "config.hardware.device", Val: devices}})
	})
	m.vc.announceSpace(ctx)
	return snapshot, nil
}

// deltaOf names the next delta of a disk: x.vmdk, x-000001.vmdk, x-000002.vmdk.
func deltaOf(file string) string {
	base := strings.TrimSuffix(file, ".vmdk")
	number := 0
	if cut := len(base) - len("-000001"); cut > 0 {
		if n, err := fmt.Sscanf(base[cut:], "-%06d", &number); err == nil && n == 1 {
			base = base[:cut]
		}
	}
	return fmt.Sprintf("%s-%06d.vmdk", base, number+1)
}
