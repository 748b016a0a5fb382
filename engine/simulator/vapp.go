package main

import (
	"slices"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

type vapp struct {
	*simulator.VirtualApp
	vc *vcenter
}

func (a *vapp) Get() mo.Reference {
	shown := a.VirtualApp.VirtualApp
	shown.Vm = a.vc.visible(shown.Vm)
	return &shown
}

func (a *vapp) CreateResourcePool(ctx *simulator.Context, req *types.CreateResourcePool) soap.HasFault {
	release, fault := a.vc.newPool(ctx, a.Self, req.Name)
	if fault != nil {
		return &methods.CreateResourcePoolBody{Fault_: faultOf(fault)}
	}
	defer release()
	return (&simulator.ResourcePool{ResourcePool: a.ResourcePool}).CreateResourcePool(ctx, req)
}

func (a *vapp) CreateVApp(ctx *simulator.Context, req *types.CreateVApp) soap.HasFault {
	return a.vc.createVApp(ctx, a.Self, req, a.VirtualApp.CreateVApp)
}

// ImportVApp refuses a folder: the machine goes into the vApp.
func (a *vapp) ImportVApp(ctx *simulator.Context, req *types.ImportVApp) soap.HasFault {
	if req.Folder != nil {
		return &methods.ImportVAppBody{Fault_: faultOf(&types.InvalidArgument{InvalidProperty: "folder"})}
	}
	req.Folder = a.ParentFolder
	return a.vc.importVApp(ctx, a.VirtualApp, req)
}

func (a *vapp) CreateChildVMTask(ctx *simulator.Context, req *types.CreateChildVM_Task) soap.HasFault {
	ref := a.vc.task(ctx, a, "CreateChildVM_Task", func(ctx *simulator.Context, _ *task) (types.AnyType, types.BaseMethodFault) {
		in, fault := folderAt(ctx, *a.ParentFolder)
		if fault != nil {
			return nil, fault
		}
		return a.vc.createAndShow(ctx, order{folder: in, pool: a.Self, host: req.Host, config: req.Config})
	}, req.Config.Name)
	return &methods.CreateChildVM_TaskBody{Res: &types.CreateChildVM_TaskResponse{Returnval: ref}}
}

func (a *vapp) RenameTask(ctx *simulator.Context, req *types.Rename_Task) soap.HasFault {
	ref := a.vc.rename(ctx, a.VirtualApp, req.NewName)
	return &methods.Rename_TaskBody{Res: &types.Rename_TaskResponse{Returnval: ref}}
}

func (a *vapp) PowerOnVAppTask(ctx *simulator.Context, _ *types.PowerOnVApp_Task) soap.HasFault {
	ref := a.vc.task(ctx, a, "PowerOnVApp_Task", func(ctx *simulator.Context, _ *task) (types.AnyType, types.BaseMethodFault) {
		return nil, a.power(ctx, true)
	})
	return &methods.PowerOnVApp_TaskBody{Res: &types.PowerOnVApp_TaskResponse{Returnval: ref}}
}

func (a *vapp) PowerOffVAppTask(ctx *simulator.Context, _ *types.PowerOffVApp_Task) soap.HasFault {
	ref := a.vc.task(ctx, a, "PowerOffVApp_Task", func(ctx *simulator.Context, _ *task) (types.AnyType, types.BaseMethodFault) {
		return nil, a.power(ctx, false)
	})
	return &methods.PowerOffVApp_TaskBody{Res: &types.PowerOffVApp_TaskResponse{Returnval: ref}}
}

// power turns all machines of the vApp on or off, leaving those that are already.
func (a *vapp) power(ctx *simulator.Context, on bool) types.BaseMethodFault {
	for _, ref := range slices.Clone(a.Vm) {
		vm, ok := ctx.Map.Get(ref).(*simulator.VirtualMachine)
		if !ok || (vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn) == on {
			continue
		}
		own := &machine{vm, a.vc}
		turn := own.powerOff
		if on {
			turn = own.powerOn
		}
		if fault := turn(ctx); fault != nil {
			return fault
		}
	}
	state := types.VirtualAppVAppStateStopped
	if on {
		state = types.VirtualAppVAppStateStarted
	}
	publish(ctx, a.VirtualApp, func() {
		if summary, ok := a.Summary.(*types.VirtualAppSummary); ok {
			summary.VAppState = state
		}
	})
	return nil
}

// DestroyTask destroys the vApp with its machines; the simulator moves them to the parent pool.
func (a *vapp) DestroyTask(ctx *simulator.Context, _ *types.Destroy_Task) soap.HasFault {
	ref := a.vc.task(ctx, a, "Destroy_Task", func(ctx *simulator.Context, _ *task) (types.AnyType, types.BaseMethodFault) {
		return nil, a.vc.destroyVApp(ctx, a.VirtualApp)
	})
	return &methods.Destroy_TaskBody{Res: &types.Destroy_TaskResponse{Returnval: ref}}
}

func (vc *vcenter) destroyVApp(ctx *simulator.Context, a *simulator.VirtualApp) types.BaseMethodFault {
	for _, ref := range a.Vm {
		vm, ok := ctx.Map.Get(ref).(*simulator.VirtualMachine)
		if ok && vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
			return &types.InvalidPowerState{
				RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: vm.Runtime.PowerState,
			}
		}
	}
	if fault := vc.destroyAll(ctx, slices.Clone(a.ResourcePool.ResourcePool)); fault != nil {
		return fault
	}
	if fault := vc.destroyAll(ctx, slices.Clone(a.Vm)); fault != nil {
		return fault
	}
	if a.ParentFolder != nil {
		if f, ok := ctx.Map.Get(*a.ParentFolder).(*simulator.Folder); ok {
			publish(ctx, f, func() { simulator.RemoveReference(&f.ChildEntity, a.Self) })
		}
	}
	if parent, ok := ctx.Map.Get(*a.Parent).(*simulator.VirtualApp); ok { // the simulator expects a pool above
		ctx.Map.RemoveReference(ctx, parent, &parent.ResourcePool.ResourcePool, a.Self)
		ctx.Map.Remove(ctx, a.Self)
		return nil
	}
	_, fault := completed(ctx, a.DestroyTask(ctx, &types.Destroy_Task{This: a.Self}).(*methods.Destroy_TaskBody).Res.Returnval)
	return fault
}

func newUUID() string { return uuid.NewString() }
