package main

import (
	"bytes"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// machine is a virtual machine as clients get it. Cloning is in clone.go, power and guest in guest.go.
type machine struct {
	*simulator.VirtualMachine
	vc *vcenter
}

// Get presents the machine: one in a vApp has no parent, and storage is what its disks really take.
func (m *machine) Get() mo.Reference {
	shown := m.VirtualMachine.VirtualMachine
	if shown.ParentVApp != nil {
		shown.Parent = nil
	}
	storage := types.VirtualMachineStorageSummary{}
	if shown.Summary.Storage != nil {
		storage = *shown.Summary.Storage
	}
	var capacities int64
	storage.Committed = 0
	for _, disk := range disksOf(shown.Config.Hardware.Device) {
		capacities += capacity(disk)
	}
	for _, file := range ownFiles(m.VirtualMachine) {
		storage.Committed += m.vc.space.size(file)
	}
	storage.Unshared = storage.Committed
	storage.Uncommitted = max(capacities-storage.Committed, 0)
	shown.Summary.Storage = &storage
	return &shown
}

// reachable is nil when the machine's host is connected.
func (m *machine) reachable(ctx *simulator.Context) types.BaseMethodFault {
	if m.Runtime.ConnectionState == types.VirtualMachineConnectionStateDisconnected {
		return &types.HostNotConnected{}
	}
	return nil
}

func (m *machine) ReconfigVMTask(ctx *simulator.Context, req *types.ReconfigVM_Task) soap.HasFault {
	ref := m.vc.task(ctx, m, "ReconfigVM_Task", func(ctx *simulator.Context, _ *task) (types.AnyType, types.BaseMethodFault) {
		return nil, m.reconfigure(ctx, req)
	})
	return &methods.ReconfigVM_TaskBody{Res: &types.ReconfigVM_TaskResponse{Returnval: ref}}
}

// reconfigure checks everything before it changes anything (the simulator leaves half of a refused change behind), and
// publishes what changed.
func (m *machine) reconfigure(ctx *simulator.Context, req *types.ReconfigVM_Task) types.BaseMethodFault {
	vm, spec := m.VirtualMachine, &req.Spec
	if fault := m.reachable(ctx); fault != nil {
		return fault
	}
	if spec.ChangeVersion != "" && spec.ChangeVersion != vm.Config.ChangeVersion {
		return &types.ConcurrentAccess{}
	}
	spec.ChangeVersion = ""
	if spec.Name != "" && escaped(spec.Name) != vm.Name {
		release, fault := m.vc.reserve(ctx, *container(vm), escaped(spec.Name), vm.Self)
		if fault != nil {
			return fault
		}
		defer release()
		spec.Name = escaped(spec.Name)
	}
	if fault := m.checkVApp(ctx, spec); fault != nil {
		return fault
	}
	if fault := checkNetworks(ctx, vm, spec.DeviceChange); fault != nil {
		return fault
	}
	if fault := refuseGrowth(vm, spec.DeviceChange); fault != nil {
		return fault
	}
	if fault := m.vc.checkPolicies(spec); fault != nil {
		return fault
	}
	m.vc.addressNew(vm, spec.DeviceChange)
	files, disks := ownFiles(vm), diskKeys(vm)
	before := ctx.Checkpoint(vm)
	ref := vm.ReconfigVMTask(ctx, req).(*methods.ReconfigVM_TaskBody).Res.Returnval
	_, fault := completed(ctx, ref)
	ctx.WithLock(vm, func() {
		vm.Summary.Config.Annotation = vm.Config.Annotation
		label(vm.Config.Hardware.Device)
		if fault == nil && spec.VAppConfig != nil { // checked before; the simulator leaves it out
			_ = editAssignment(&vm.Config.VAppConfig.GetVmConfigInfo().IpAssignment, spec.VAppConfig.GetVmConfigSpec().IpAssignment)
		}
		announce(ctx, vm, before)
	})
	if fault == nil {
		m.vc.notePolicies(vm, spec, disks)
	}
	m.freeRemoved(ctx, files)
	return fault
}

// checkVApp applies property edits to a copy first, and completes the edits as vCenter does.
func (m *machine) checkVApp(ctx *simulator.Context, spec *types.VirtualMachineConfigSpec) (fault types.BaseMethodFault) {
	if spec.VAppConfig == nil {
		return nil
	}
	change := spec.VAppConfig.GetVmConfigSpec()
	ctx.WithLock(m.VirtualMachine, func() {
		was := types.VmConfigInfo{}
		if m.Config.VAppConfig != nil {
			was = *m.Config.VAppConfig.GetVmConfigInfo()
		}
		old := was.Property
		if _, fault = editProperties(old, change.Property); fault != nil {
			return
		}
		if fault = editAssignment(&was.IpAssignment, change.IpAssignment); fault != nil {
			return
		}
		for i := range change.Property {
			for _, property := range old {
				if edit := change.Property[i].Info; edit != nil && edit.Key == property.Key {
					merged := mergeProperty(*edit, property)
					change.Property[i].Info = &merged
				}
			}
		}
	})
	return fault
}

// freeRemoved gives the space of disks back that are no longer the machine's.
func (m *machine) freeRemoved(ctx *simulator.Context, before []string) {
	now := map[string]bool{}
	for _, file := range ownFiles(m.VirtualMachine) {
		now[file] = true
	}
	var removed []string
	for _, file := range before {
		if !now[file] {
			removed = append(removed, file)
		}
	}
	if len(removed) > 0 {
		m.vc.space.giveBack(removed)
		m.vc.announceSpace(ctx)
	}
}

func (m *machine) RenameTask(ctx *simulator.Context, req *types.Rename_Task) soap.HasFault {
	ref := m.vc.rename(ctx, m.VirtualMachine, req.NewName)
	return &methods.Rename_TaskBody{Res: &types.Rename_TaskResponse{Returnval: ref}}
}

func (m *machine) DestroyTask(ctx *simulator.Context, _ *types.Destroy_Task) soap.HasFault {
	ref := m.vc.task(ctx, m, "Destroy_Task", func(ctx *simulator.Context, _ *task) (types.AnyType, types.BaseMethodFault) {
		if fault := m.reachable(ctx); fault != nil {
			return nil, fault
		}
		if ctx.Map.Get(m.Self) == nil {
			return nil, &types.ManagedObjectNotFound{Obj: m.Self}
		}
		return nil, m.vc.destroy(ctx, m.VirtualMachine)
	})
	return &methods.Destroy_TaskBody{Res: &types.Destroy_TaskResponse{Returnval: ref}}
}

// MarkAsTemplate takes the machine out of its pool. One in a vApp cannot become a template.
func (m *machine) MarkAsTemplate(ctx *simulator.Context, req *types.MarkAsTemplate) (body soap.HasFault) {
	if m.ParentVApp != nil {
		return &methods.MarkAsTemplateBody{Fault_: faultOf(&types.NotSupported{})}
	}
	if fault := m.reachable(ctx); fault != nil {
		return &methods.MarkAsTemplateBody{Fault_: faultOf(fault)}
	}
	from := m.ResourcePool
	publish(ctx, m.VirtualMachine, func() { body = m.VirtualMachine.MarkAsTemplate(req) })
	if body.Fault() == nil && from != nil {
		if pool, ok := ctx.Map.Get(*from).(*simulator.ResourcePool); ok {
			ctx.Map.RemoveReference(ctx, pool, &pool.Vm, m.Self)
		}
	}
	return body
}

func (m *machine) MarkAsVirtualMachine(ctx *simulator.Context, req *types.MarkAsVirtualMachine) (body soap.HasFault) {
	host, fault := m.vc.place(ctx, req.Pool, req.Host, "host")
	if fault != nil {
		return &methods.MarkAsVirtualMachineBody{Fault_: faultOf(fault)}
	}
	if req.Host != nil {
		req.Host = host
	}
	publish(ctx, m.VirtualMachine, func() { body = m.VirtualMachine.MarkAsVirtualMachine(req) })
	if pool, ok := ctx.Map.Get(req.Pool).(*simulator.ResourcePool); ok && body.Fault() == nil {
		ctx.Map.AddReference(ctx, pool, &pool.Vm, m.Self)
	}
	return body
}

// RelocateVMTask refuses a vApp as target pool, at which the simulator's own code ends the program.
func (m *machine) RelocateVMTask(ctx *simulator.Context, req *types.RelocateVM_Task) soap.HasFault {
	refuse := func(fault types.BaseMethodFault) soap.HasFault {
		return &methods.RelocateVM_TaskBody{Fault_: faultOf(fault)}
	}
	if pool := req.Spec.Pool; pool != nil {
		if _, ok := ctx.Map.Get(*pool).(*simulator.ResourcePool); !ok {
			return refuse(&types.NotSupported{})
		}
		if _, fault := m.vc.place(ctx, *pool, req.Spec.Host, "spec.host"); fault != nil {
			return refuse(fault)
		}
	}
	if fault := checkNetworks(ctx, m.VirtualMachine, req.Spec.DeviceChange); fault != nil {
		return refuse(fault)
	}
	return m.VirtualMachine.RelocateVMTask(ctx, req)
}

func (m *machine) SetCustomValue(ctx *simulator.Context, req *types.SetCustomValue) soap.HasFault {
	body := m.VirtualMachine.SetCustomValue(ctx, req)
	if body.Fault() == nil {
		publishFields(ctx, m.VirtualMachine)
	}
	return body
}

// copyValue copies vSphere data deeply, through its XML.
func copyValue(from, to any) {
	encoded, err := xml.Marshal(from)
	if err == nil {
		decoder := xml.NewDecoder(bytes.NewReader(encoded))
		decoder.TypeFunc = types.TypeFunc()
		err = decoder.Decode(to)
	}
	if err != nil {
		panic(err) // only data of types that encode get here
	}
}
