package main

import (
	"reflect"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
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
	if o.host, fault = vc.place(ctx, o.pool, location.Host, "spec.location.host"); fault != nil {
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

// clonedDevices are the additions that make the source's devices anew, with edits applied. MACs are renewed by create,
// unless they were given by hand.
func clonedDevices(
	source *simulator.VirtualMachine, edits []types.BaseVirtualDeviceConfigSpec,
) ([]types.BaseVirtualDeviceConfigSpec, types.BaseMethodFault) {
	var all types.ArrayOfVirtualDevice
	copyValue(types.ArrayOfVirtualDevice{VirtualDevice: source.Config.Hardware.Device}, &all)
	copied := object.VirtualDeviceList(all.VirtualDevice)
	devices := slices.DeleteFunc(slices.Clone(all.VirtualDevice), func(device types.BaseVirtualDevice) bool {
		return object.VirtualDeviceList(esx.VirtualDevice).Find(copied.Name(device)) != nil // every machine gets these
	})
	for i, edit := range edits {
		spec := edit.GetVirtualDeviceConfigSpec()
		key := spec.Device.GetVirtualDevice().Key
		at := slices.IndexFunc(devices, func(d types.BaseVirtualDevice) bool { return d.GetVirtualDevice().Key == key })
		switch {
		case spec.Operation == types.VirtualDeviceConfigSpecOperationAdd:
			devices = append(devices, spec.Device)
		case at < 0:
			return nil, &types.InvalidDeviceSpec{DeviceIndex: int32(i)}
		case spec.Operation == types.VirtualDeviceConfigSpecOperationRemove:
			devices = slices.Delete(devices, at, at+1)
		default:
			devices[at] = edited(spec.Device, devices[at])
		}
	}
	additions := make([]types.BaseVirtualDeviceConfigSpec, len(devices))
	for i, device := range devices {
		addition := &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: device}
		if disk, ok := device.(*types.VirtualDisk); ok && backing(disk) != nil {
			addition.FileOperation = types.VirtualDeviceConfigSpecFileOperationCreate
		}
		additions[i] = addition
	}
	return additions, nil
}

// edited is a device after an edit: of a NIC what the edit names, of a disk its size.
func edited(edit, device types.BaseVirtualDevice) types.BaseVirtualDevice {
	switch changed := edit.(type) {
	case types.BaseVirtualEthernetCard:
		mergeNIC(changed.GetVirtualEthernetCard(), device)
		return edit
	case *types.VirtualDisk:
		if disk, ok := device.(*types.VirtualDisk); ok && capacity(changed) > 0 {
			disk.CapacityInBytes, disk.CapacityInKB = capacity(changed), capacity(changed)/1024
		}
		return device
	}
	mergeDevice(edit.GetVirtualDevice(), device.GetVirtualDevice())
	return edit
}

// cloneDisk decides where a disk's data come from: a delta on the source's disk (linked), or a copy of its own.
func (vc *vcenter) cloneDisk(
	source *simulator.VirtualMachine, req *types.CloneVM_Task, disk *types.VirtualDisk, index int32,
) (clonedDisk, types.BaseMethodFault) {
	flat := backing(disk)
	original, _ := deviceByKey(source.Config.Hardware.Device, disk.Key).(*types.VirtualDisk)
	if original == nil || backing(original) == nil { // one that the request adds
		return clonedDisk{VirtualDisk: disk}, nil
	}
	grows := capacity(disk) > capacity(original)
	tooSmall := capacity(disk) < capacity(original)
	moveType := moveTypeOf(&req.Spec.Location, disk.Key)
	linked := moveType == string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking) ||
		moveType == string(types.VirtualMachineRelocateDiskMoveOptionsMoveChildMostDiskBacking)
	consolidated := moveType == string(types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndConsolidate)
	chained := !linked && !consolidated && (source.Snapshot != nil || backing(original).Parent != nil)
	if tooSmall || (grows && (linked || chained)) {
		return clonedDisk{}, &types.InvalidDeviceSpec{
			InvalidVmConfig: types.InvalidVmConfig{Property: "virtualDeviceSpec.device.capacityInKB"}, DeviceIndex: index,
		}
	}
	flat.Uuid, flat.Parent = "", nil
	if linked {
		if req.Spec.Snapshot == nil || source.Snapshot == nil { // only valid when cloning from a snapshot
			return clonedDisk{}, &types.InvalidArgument{InvalidProperty: "spec.snapshot"}
		}
		flat.Parent = backing(original)
		return clonedDisk{VirtualDisk: disk, bytes: linkedDiskBytes}, nil
	}
	var bytes int64
	for _, file := range chain(original) {
		bytes += vc.space.size(file)
	}
	return clonedDisk{VirtualDisk: disk, bytes: bytes, chained: chained}, nil
}

func moveTypeOf(location *types.VirtualMachineRelocateSpec, key int32) string {
	for _, disk := range location.Disk {
		if disk.DiskId == key && disk.DiskMoveType != "" {
			return disk.DiskMoveType
		}
	}
	return location.DiskMoveType
}
