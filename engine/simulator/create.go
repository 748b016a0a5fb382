package main

import (
	"slices"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// order is a machine to be made.
type order struct {
	folder *simulator.Folder
	pool   types.ManagedObjectReference // a resource pool or a vApp
	host   *types.ManagedObjectReference
	config types.VirtualMachineConfigSpec
}

// nameSpace is where the new machine's name must be unique.
func (o *order) nameSpace() types.ManagedObjectReference {
	if o.pool.Type == "VirtualApp" {
		return o.pool
	}
	return o.folder.Self
}

// create makes the machine; nobody sees it before show. Identity is new: UUIDs random (the simulator derives them from
// the path, so that a machine made again had the old one's), MACs never given before. Disks lie in the machine's own
// folder whatever their spec says.
func (vc *vcenter) create(ctx *simulator.Context, o order) (*simulator.VirtualMachine, types.BaseMethodFault) {
	config := &o.config
	if fault := checkDatastore(ctx, o); fault != nil {
		return nil, fault
	}
	if fault := checkNetworks(ctx, o.folder, config.DeviceChange); fault != nil {
		return nil, fault
	}
	if fault := vc.checkPolicies(config); fault != nil {
		return nil, fault
	}
	if config.Uuid == "" {
		config.Uuid = uuid.NewString()
	}
	if config.InstanceUuid == "" {
		config.InstanceUuid = uuid.NewString()
	}
	vc.addressNew(nil, config.DeviceChange)
	summarizeAnew(config.DeviceChange)
	for _, change := range config.DeviceChange {
		spec := change.GetVirtualDeviceConfigSpec()
		if spec.FileOperation != types.VirtualDeviceConfigSpecFileOperationCreate {
			continue
		}
		if disk, ok := spec.Device.(*types.VirtualDisk); ok && backing(disk) != nil {
			backing(disk).FileName = ""
		}
	}
	asked := o.config
	asked.DeviceChange = slices.Clone(config.DeviceChange) // the simulator takes default devices out and leaves nil
	ref := o.folder.CreateVMTask(ctx, &types.CreateVM_Task{
		This: o.folder.Self, Config: asked, Pool: o.pool, Host: o.host,
	}).(*methods.CreateVM_TaskBody).Res.Returnval
	result, fault := completed(ctx, ref)
	if fault != nil {
		return nil, fault
	}
	vm := ctx.Map.Get(result.(types.ManagedObjectReference)).(*simulator.VirtualMachine)
	ctx.WithLock(vm, func() {
		vm.Summary.Config.Annotation = vm.Config.Annotation
		label(vm.Config.Hardware.Device)
		vc.notePolicies(vm, &o.config, nil)
		if vm.Config.VAppConfig != nil && config.VAppConfig != nil {
			rest(vm.Config.VAppConfig.GetVmConfigInfo(), config.VAppConfig.GetVmConfigSpec())
		}
		if o.pool.Type == "VirtualApp" {
			vm.ParentVApp = &o.pool
		}
	})
	if o.pool.Type == "VirtualApp" {
		ctx.Map.RemoveReference(ctx, o.folder, &o.folder.ChildEntity, vm.Self)
	}
	return vm, nil
}

// checkDatastore refuses a machine on a datastore that its host does not see; the simulator's code falls over it.
func checkDatastore(ctx *simulator.Context, o order) types.BaseMethodFault {
	if o.config.Files == nil {
		return &types.InvalidVmConfig{Property: "configSpec.files"}
	}
	var path object.DatastorePath
	if !path.FromString(o.config.Files.VmPathName) {
		return &types.InvalidDatastorePath{DatastorePath: o.config.Files.VmPathName}
	}
	host, ok := ctx.Map.Get(*o.host).(*simulator.HostSystem)
	if !ok || ctx.Map.FindByName(path.Datastore, host.Datastore) == nil {
		return &types.InvalidDatastore{Name: path.Datastore}
	}
	return nil
}

// folderAt is the folder of a reference, or ManagedObjectNotFound.
func folderAt(ctx *simulator.Context, ref types.ManagedObjectReference) (*simulator.Folder, types.BaseMethodFault) {
	found, ok := ctx.Map.Get(ref).(*simulator.Folder)
	if !ok {
		return nil, &types.ManagedObjectNotFound{Obj: ref}
	}
	return found, nil
}

// visible leaves out the machines that clients do not see yet.
func (vc *vcenter) visible(refs []types.ManagedObjectReference) []types.ManagedObjectReference {
	var seen []types.ManagedObjectReference
	for _, ref := range refs {
		if ref.Type != "VirtualMachine" || vc.isShown(ref) {
			seen = append(seen, ref)
		}
	}
	return seen
}

// destroy removes a machine with all that belongs to it, as Destroy_Task does.
func (vc *vcenter) destroy(ctx *simulator.Context, vm *simulator.VirtualMachine) types.BaseMethodFault {
	if vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
		return &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: vm.Runtime.PowerState,
		}
	}
	files, disks := ownFiles(vm), diskKeys(vm)
	ref := vm.DestroyTask(ctx, &types.Destroy_Task{This: vm.Self}).(*methods.Destroy_TaskBody).Res.Returnval
	if _, fault := completed(ctx, ref); fault != nil {
		return fault
	}
	vc.broken.Delete(vm.Self)
	vc.forgetPolicies(vm, disks)
	vc.space.giveBack(files)
	vc.breakChildren(ctx, files)
	vc.announceSpace(ctx)
	return nil
}

// context is one for work that no request waits for.
func (vc *vcenter) context() *simulator.Context {
	ctx := *vc.model.Service.Context
	return &ctx
}

// destroyAll destroys entities one after the other by their own methods.
func (vc *vcenter) destroyAll(ctx *simulator.Context, refs []types.ManagedObjectReference) types.BaseMethodFault {
	for _, ref := range refs {
		switch o := ctx.Map.Get(ref).(type) {
		case *simulator.VirtualMachine:
			if fault := vc.destroy(ctx, o); fault != nil {
				return fault
			}
		case *simulator.VirtualApp:
			if fault := vc.destroyVApp(ctx, o); fault != nil {
				return fault
			}
		case *simulator.Folder:
			if fault := vc.destroyFolder(ctx, o); fault != nil {
				return fault
			}
		case mo.Entity:
			return &types.NotSupported{}
		}
	}
	return nil
}
