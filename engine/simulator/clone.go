package main

import (
	"reflect"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// CloneVMTask makes the clone as a vCenter does; the simulator's own forgets vApp properties, notes, custom values,
// options and disk chains.
func (m *machine) CloneVMTask(ctx *simulator.Context, req *types.CloneVM_Task) soap.HasFault {
	body := new(methods.CloneVM_TaskBody)
	ref := m.vc.task(ctx, m, "CloneVM_Task", func(ctx *simulator.Context, t *task) (types.AnyType, types.BaseMethodFault) {
		return m.clone(ctx, t, req)
	}, req.Name)
	body.Res = &types.CloneVM_TaskResponse{Returnval: ref}
	return body
}

func (m *machine) clone(ctx *simulator.Context, t *task, req *types.CloneVM_Task) (types.AnyType, types.BaseMethodFault) {
	vc, source := m.vc, m.VirtualMachine
	if fault := m.reachable(ctx); fault != nil {
		return nil, fault
	}
	folder, fault := folderAt(ctx, req.Folder)
	if fault != nil {
		return nil, fault
	}
	o := order{folder: folder}
	location := &req.Spec.Location
	switch {
	case location.Pool != nil:
		o.pool = *location.Pool
	case source.ResourcePool != nil:
		o.pool = *source.ResourcePool
	default: // a template has none
		return nil, &types.InvalidArgument{InvalidProperty: "spec.location.pool"}
	}
	on := datastoreIn(&source.Config.Files)
	if location.Datastore != nil {
		on = vc.nameOf(*location.Datastore)
	}
	base := "" // what a linked clone stands on
	if isLinked(location.DiskMoveType) {
		base = datastoreIn(&source.Config.Files)
	}
	if o.host, fault = vc.place(ctx, o.pool, location.Host, "spec.location.host", on, base); fault != nil {
		return nil, fault
	}
	name := escaped(req.Name)
	release, fault := vc.reserve(ctx, o.nameSpace(), name, source.Self)
	if fault != nil {
		return nil, fault
	}
	defer release()

	var disks []clonedDisk
	ctx.WithLock(source, func() {
		o.config, disks, fault = vc.cloneSpec(ctx, source, req, name)
	})
	if fault != nil {
		return nil, fault
	}
	if fault := vc.roomFor(o.config.Files.VmPathName, disks); fault != nil {
		return nil, fault
	}
	if fault := t.wait(vc.settings().cloneDelay); fault != nil {
		return nil, fault
	}
	if ctx.Map.Get(source.Self) == nil {
		return nil, &types.ManagedObjectNotFound{Obj: source.Self}
	}
	clone, fault := vc.create(ctx, o)
	if fault != nil {
		return nil, fault
	}
	for _, disk := range disks {
		if fault := vc.space.take(backing(disk.VirtualDisk).FileName, disk.bytes); fault != nil {
			_ = vc.destroy(ctx, clone)
			return nil, fault
		}
	}
	ctx.WithLock(clone, func() {
		clone.Value = slices.Clone(source.Value)
		clone.CustomValue = slices.Clone(source.CustomValue)
		clone.Summary.CustomValue = slices.Clone(source.Summary.CustomValue)
		for _, disk := range disks {
			if disk.chained { // the base stays a file of its own beside the delta
				flat := backing(disk.VirtualDisk)
				base := *flat
				base.FileName = flat.FileName[:len(flat.FileName)-len(".vmdk")] + "-base.vmdk"
				flat.Parent = &base
			}
		}
	})
	vc.announceSpace(ctx)
	own := &machine{clone, vc}
	if req.Spec.Template {
		own.MarkAsTemplate(ctx, &types.MarkAsTemplate{This: clone.Self})
	}
	vc.show(ctx, clone)
	if req.Spec.PowerOn && !req.Spec.Template {
		if fault := own.powerOn(ctx); fault != nil {
			return nil, fault
		}
	}
	return clone.Self, nil
}

// clonedDisk is a disk of a clone-to-be. chained: its data stay split over a base and a delta, which cannot grow.
type clonedDisk struct {
	*types.VirtualDisk
	bytes   int64
	chained bool
}

func (vc *vcenter) roomFor(path string, disks []clonedDisk) types.BaseMethodFault {
	var total int64
	for _, disk := range disks {
		total += disk.bytes
	}
	var at object.DatastorePath
	at.FromString(path)
	if total > vc.space.free(at.Datastore) {
		return &types.NoDiskSpace{FileFault: types.FileFault{File: path}, Datastore: at.Datastore}
	}
	return nil
}

// cloneSpec is the whole clone as one creation: what the source is, with the request's edits. The caller holds the
// source's lock.
func (vc *vcenter) cloneSpec(
	ctx *simulator.Context, source *simulator.VirtualMachine, req *types.CloneVM_Task, name string,
) (config types.VirtualMachineConfigSpec, disks []clonedDisk, fault types.BaseMethodFault) {
	was := source.Config
	edits := req.Spec.Config
	if edits == nil {
		edits = new(types.VirtualMachineConfigSpec)
	}
	vApp, fault := vAppSpec(was.VAppConfig, edits.VAppConfig)
	if fault != nil {
		return config, nil, fault
	}
	cores := was.Hardware.NumCoresPerSocket
	config = types.VirtualMachineConfigSpec{
		Version:             was.Version,
		GuestId:             was.GuestId,
		AlternateGuestName:  was.AlternateGuestName,
		Annotation:          was.Annotation,
		Firmware:            was.Firmware,
		Flags:               &was.Flags,
		NumCPUs:             was.Hardware.NumCPU,
		NumCoresPerSocket:   cores,
		MemoryMB:            int64(was.Hardware.MemoryMB),
		CpuHotAddEnabled:    was.CpuHotAddEnabled,
		MemoryHotAddEnabled: was.MemoryHotAddEnabled,
		NestedHVEnabled:     was.NestedHVEnabled,
	}
	overlay(&config, edits)
	config.Name = name
	config.ExtraConfig = mergeOptions(was.ExtraConfig, edits.ExtraConfig)
	if vApp != nil {
		config.VAppConfig = vApp
	}
	var path object.DatastorePath
	path.FromString(was.Files.VmPathName)
	if at := req.Spec.Location.Datastore; at != nil {
		store, ok := ctx.Map.Get(*at).(*simulator.Datastore)
		if !ok {
			return config, nil, &types.ManagedObjectNotFound{Obj: *at}
		}
		path.Datastore = store.Name
	}
	path.Path = name
	config.Files = &types.VirtualMachineFileInfo{VmPathName: path.String()}

	devices, fault := clonedDevices(source, slices.Concat(req.Spec.Location.DeviceChange, edits.DeviceChange))
	if fault != nil {
		return config, nil, fault
	}
	for i, change := range devices {
		spec := change.GetVirtualDeviceConfigSpec()
		disk, isDisk := spec.Device.(*types.VirtualDisk)
		if !isDisk || backing(disk) == nil {
			continue
		}
		cloned, fault := vc.cloneDisk(source, req, disk, int32(i))
		if fault != nil {
			return config, nil, fault
		}
		disks = append(disks, cloned)
	}
	config.DeviceChange = devices
	if len(req.Spec.Location.Profile) > 0 {
		config.VmProfile = req.Spec.Location.Profile
	}
	for _, change := range devices {
		spec := change.GetVirtualDeviceConfigSpec()
		for _, locator := range req.Spec.Location.Disk {
			if disk, isDisk := spec.Device.(*types.VirtualDisk); isDisk && disk.Key == locator.DiskId {
				spec.Profile = locator.Profile
			}
		}
	}
	return config, disks, nil
}

// overlay sets in config what edits name. What needs more than that is merged by cloneSpec.
func overlay(config, edits *types.VirtualMachineConfigSpec) {
	to, from := reflect.ValueOf(config).Elem(), reflect.ValueOf(edits).Elem()
	for i := range from.NumField() {
		switch from.Type().Field(i).Name {
		case "DeviceChange", "VAppConfig", "ExtraConfig", "Files", "Name":
			continue
		}
		if value := from.Field(i); !value.IsZero() {
			to.Field(i).Set(value)
		}
	}
}

// mergeOptions lets edits replace options of the same key.
func mergeOptions(options, edits []types.BaseOptionValue) []types.BaseOptionValue {
	merged := slices.Clone(edits)
	for _, option := range options {
		key := option.GetOptionValue().Key
		named := func(edit types.BaseOptionValue) bool { return edit.GetOptionValue().Key == key }
		if key != "govcsim" && !slices.ContainsFunc(edits, named) { // the simulator adds its own mark itself
			merged = append(merged, option)
		}
	}
	return merged
}
