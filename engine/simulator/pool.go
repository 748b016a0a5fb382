package main

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

type pool struct {
	*simulator.ResourcePool
	vc *vcenter
}

func (p *pool) Get() mo.Reference {
	shown := p.ResourcePool.ResourcePool
	shown.Vm = p.vc.visible(shown.Vm)
	return &shown
}

// CreateResourcePool is not supported in a cluster without DRS (vic #1115).
func (p *pool) CreateResourcePool(ctx *simulator.Context, req *types.CreateResourcePool) soap.HasFault {
	release, fault := p.vc.newPool(ctx, p.Self, req.Name)
	if fault != nil {
		return &methods.CreateResourcePoolBody{Fault_: faultOf(fault)}
	}
	defer release()
	return p.ResourcePool.CreateResourcePool(ctx, req)
}

func (p *pool) CreateVApp(ctx *simulator.Context, req *types.CreateVApp) soap.HasFault {
	return p.vc.createVApp(ctx, p.Self, req, p.ResourcePool.CreateVApp)
}

func (p *pool) ImportVApp(ctx *simulator.Context, req *types.ImportVApp) soap.HasFault {
	return p.vc.importVApp(ctx, p.ResourcePool, req)
}

func (p *pool) RenameTask(ctx *simulator.Context, req *types.Rename_Task) soap.HasFault {
	ref := p.vc.rename(ctx, p.ResourcePool, req.NewName)
	return &methods.Rename_TaskBody{Res: &types.Rename_TaskResponse{Returnval: ref}}
}

// newPool is asked before anything is made in a pool: the name, and DRS.
func (vc *vcenter) newPool(
	ctx *simulator.Context, parent types.ManagedObjectReference, name string,
) (func(), types.BaseMethodFault) {
	if !vc.drs {
		return nil, &types.NotSupported{}
	}
	return vc.reserve(ctx, parent, name, parent)
}

// createVApp makes a vApp. It is a child of its folder too (`VMs and templates` shows it there), and its name must be
// free in both places.
func (vc *vcenter) createVApp(
	ctx *simulator.Context, parent types.ManagedObjectReference, req *types.CreateVApp,
	create func(*simulator.Context, *types.CreateVApp) soap.HasFault,
) soap.HasFault {
	release, fault := vc.newPool(ctx, parent, req.Name)
	if fault != nil {
		return &methods.CreateVAppBody{Fault_: faultOf(fault)}
	}
	defer release()
	inFolder := req.VmFolder
	if parent.Type == "VirtualApp" { // a vApp in a vApp has no folder
		inFolder = nil
	} else if inFolder == nil {
		inFolder = &datacenterOf(ctx, ctx.Map.Get(parent).(mo.Entity)).VmFolder
	}
	if inFolder != nil {
		releaseFolder, fault := vc.reserve(ctx, *inFolder, req.Name, parent)
		if fault != nil {
			return &methods.CreateVAppBody{Fault_: faultOf(fault)}
		}
		defer releaseFolder()
	}
	body := create(ctx, req)
	if body.Fault() != nil {
		return body
	}
	made := ctx.Map.Get(body.(*methods.CreateVAppBody).Res.Returnval).(*simulator.VirtualApp)
	summary := *made.Summary.GetResourcePoolSummary() // the simulator shares one summary among all pools
	summary.Name = req.Name
	ctx.WithLock(made, func() {
		made.Summary = &types.VirtualAppSummary{
			ResourcePoolSummary: summary,
			VAppState:           types.VirtualAppVAppStateStopped,
			InstanceUuid:        newUUID(),
		}
		made.VAppConfig.InstanceUuid = made.Summary.(*types.VirtualAppSummary).InstanceUuid
		made.ParentVApp = nil
		if parent.Type == "VirtualApp" {
			made.ParentVApp = &parent
		}
	})
	if inFolder != nil {
		if f, ok := ctx.Map.Get(*inFolder).(*simulator.Folder); ok {
			publish(ctx, f, func() { f.ChildEntity = append(slices.Clone(f.ChildEntity), made.Self) })
		}
	}
	return body
}
