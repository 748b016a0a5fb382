package main

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

type folder struct {
	*simulator.Folder
	vc *vcenter
}

func (f *folder) Get() mo.Reference {
	shown := f.Folder.Folder
	shown.ChildEntity = f.vc.visible(shown.ChildEntity)
	return &shown
}

func (f *folder) CreateFolder(ctx *simulator.Context, req *types.CreateFolder) soap.HasFault {
	release, fault := f.vc.reserve(ctx, f.Self, escaped(req.Name), f.Self)
	if fault != nil {
		return &methods.CreateFolderBody{Fault_: faultOf(fault)}
	}
	defer release()
	var body soap.HasFault
	publish(ctx, f.Folder, func() { body = f.Folder.CreateFolder(ctx, req) })
	return body
}

func (f *folder) CreateVMTask(ctx *simulator.Context, req *types.CreateVM_Task) soap.HasFault {
	ref := f.vc.task(ctx, f, "CreateVM_Task", func(ctx *simulator.Context, _ *task) (types.AnyType, types.BaseMethodFault) {
		return f.vc.createAndShow(ctx, order{folder: f.Folder, pool: req.Pool, host: req.Host, config: req.Config})
	}, req.Config.Name)
	return &methods.CreateVM_TaskBody{Res: &types.CreateVM_TaskResponse{Returnval: ref}}
}

// createAndShow is a creation without anything to upload.
func (vc *vcenter) createAndShow(ctx *simulator.Context, o order) (types.AnyType, types.BaseMethodFault) {
	o.config.Name = escaped(o.config.Name)
	release, fault := vc.reserve(ctx, o.nameSpace(), o.config.Name, o.folder.Self)
	if fault != nil {
		return nil, fault
	}
	defer release()
	if o.host, fault = vc.place(ctx, o.pool, o.host, "host", datastoreIn(o.config.Files)); fault != nil {
		return nil, fault
	}
	vm, fault := vc.create(ctx, o)
	if fault != nil {
		return nil, fault
	}
	vc.show(ctx, vm)
	return vm.Self, nil
}

func (f *folder) RegisterVMTask(ctx *simulator.Context, req *types.RegisterVM_Task) soap.HasFault {
	ref := f.vc.task(ctx, f, "RegisterVM_Task", func(ctx *simulator.Context, _ *task) (types.AnyType, types.BaseMethodFault) {
		inner := f.Folder.RegisterVMTask(ctx, req).(*methods.RegisterVM_TaskBody).Res.Returnval
		result, fault := completed(ctx, inner)
		if fault != nil {
			return nil, fault
		}
		f.vc.show(ctx, ctx.Map.Get(result.(types.ManagedObjectReference)).(*simulator.VirtualMachine))
		return result, nil
	})
	return &methods.RegisterVM_TaskBody{Res: &types.RegisterVM_TaskResponse{Returnval: ref}}
}

func (f *folder) RenameTask(ctx *simulator.Context, req *types.Rename_Task) soap.HasFault {
	ref := f.vc.rename(ctx, f.Folder, req.NewName)
	return &methods.Rename_TaskBody{Res: &types.Rename_TaskResponse{Returnval: ref}}
}

// DestroyTask destroys what is in the folder too, as a vCenter does; the simulator leaves the machines behind.
func (f *folder) DestroyTask(ctx *simulator.Context, _ *types.Destroy_Task) soap.HasFault {
	ref := f.vc.task(ctx, f, "Destroy_Task", func(ctx *simulator.Context, _ *task) (types.AnyType, types.BaseMethodFault) {
		return nil, f.vc.destroyFolder(ctx, f.Folder)
	})
	return &methods.Destroy_TaskBody{Res: &types.Destroy_TaskResponse{Returnval: ref}}
}

func (vc *vcenter) destroyFolder(ctx *simulator.Context, f *simulator.Folder) types.BaseMethodFault {
	parent, ok := ctx.Map.Get(*f.Parent).(*simulator.Folder)
	if !ok { // one of a datacenter's four
		return &types.NotSupported{}
	}
	if fault := vc.destroyAll(ctx, slices.Clone(f.ChildEntity)); fault != nil {
		return fault
	}
	ctx.Map.Remove(ctx, f.Self)
	publish(ctx, parent, func() { simulator.RemoveReference(&parent.ChildEntity, f.Self) })
	return nil
}
