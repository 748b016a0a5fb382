package main

import (
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/types"
)

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

// isLinked tells whether disks moved so stand on the source's.
func isLinked(moveType string) bool {
	return moveType == string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking) ||
		moveType == string(types.VirtualMachineRelocateDiskMoveOptionsMoveChildMostDiskBacking)
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
	linked := isLinked(moveType)
	consolidated := moveType == string(types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndConsolidate)
	chained := !linked && !consolidated && (source.Snapshot != nil || backing(original).Parent != nil)
	if tooSmall || (grows && (linked || chained)) {
		return clonedDisk{}, &types.InvalidDeviceSpec{
			InvalidVmConfig: types.InvalidVmConfig{Property: "virtualDeviceSpec.device.capacityInKB"}, DeviceIndex: index,
		}
	}
	flat.Uuid, flat.Parent = "", nil
	if linked {
		taken, isSnapshot := vc.snapshot(req.Spec.Snapshot)
		if !isSnapshot { // only valid when cloning from a snapshot
			return clonedDisk{}, &types.InvalidArgument{InvalidProperty: "spec.snapshot"}
		}
		was, isDisk := deviceByKey(taken.Config.Hardware.Device, disk.Key).(*types.VirtualDisk)
		if !isDisk {
			return clonedDisk{}, &types.InvalidArgument{InvalidProperty: "spec.snapshot"}
		}
		flat.Parent = backing(was)
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

func (vc *vcenter) snapshot(ref *types.ManagedObjectReference) (*simulator.VirtualMachineSnapshot, bool) {
	if ref == nil {
		return nil, false
	}
	found, ok := vc.model.Map().Get(*ref).(*simulator.VirtualMachineSnapshot)
	return found, ok
}
