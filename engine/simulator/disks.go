package main

import (
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// disksOf are the disks among devices, with file backings of the one kind that vSphere makes today.
func disksOf(devices []types.BaseVirtualDevice) []*types.VirtualDisk {
	var disks []*types.VirtualDisk
	for _, device := range devices {
		if disk, ok := device.(*types.VirtualDisk); ok {
			disks = append(disks, disk)
		}
	}
	return disks
}

func isFlatDisk(device types.BaseVirtualDevice) bool {
	disk, ok := device.(*types.VirtualDisk)
	return ok && backing(disk) != nil
}

func backing(disk *types.VirtualDisk) *types.VirtualDiskFlatVer2BackingInfo {
	flat, _ := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	return flat
}

// chain are the files of a disk, its own first, then its parents'.
func chain(disk *types.VirtualDisk) []string {
	var files []string
	for link := backing(disk); link != nil; link = link.Parent {
		files = append(files, link.FileName)
	}
	return files
}

func capacity(disk *types.VirtualDisk) int64 {
	if disk.CapacityInBytes != 0 {
		return disk.CapacityInBytes
	}
	return disk.CapacityInKB * 1024
}

// ownFiles are the files that go when the machine goes: those of its disks, not those of their parents in other machines.
func ownFiles(vm *simulator.VirtualMachine) []string {
	var files []string
	for _, disk := range disksOf(vm.Config.Hardware.Device) {
		for _, file := range chain(disk) {
			if folderOf(file) == folderOf(backing(disk).FileName) {
				files = append(files, file)
			}
		}
	}
	return files
}

func folderOf(file string) string {
	var path object.DatastorePath
	path.FromString(file)
	for i := len(path.Path) - 1; i >= 0; i-- {
		if path.Path[i] == '/' {
			return path.Datastore + " " + path.Path[:i]
		}
	}
	return path.Datastore
}

// refuseGrowth is vCenter's answer to enlarging a disk that has a parent, or whose machine has a snapshot.
func refuseGrowth(vm *simulator.VirtualMachine, changes []types.BaseVirtualDeviceConfigSpec) types.BaseMethodFault {
	for i, change := range changes {
		spec := change.GetVirtualDeviceConfigSpec()
		wanted, isDisk := spec.Device.(*types.VirtualDisk)
		if !isDisk || spec.Operation != types.VirtualDeviceConfigSpecOperationEdit {
			continue
		}
		for _, disk := range disksOf(vm.Config.Hardware.Device) {
			if disk.Key != wanted.Key || capacity(wanted) <= capacity(disk) {
				continue
			}
			if flat := backing(disk); vm.Snapshot != nil || (flat != nil && flat.Parent != nil) {
				return &types.InvalidDeviceSpec{
					InvalidVmConfig: types.InvalidVmConfig{Property: "virtualDeviceSpec.device.capacityInKB"},
					DeviceIndex:     int32(i),
				}
			}
		}
	}
	return nil
}

// breakChildren marks the machines whose disks stand on one of the files, which are gone now.
func (vc *vcenter) breakChildren(ctx *simulator.Context, files []string) {
	gone := make(map[string]bool, len(files))
	for _, file := range files {
		gone[file] = true
	}
	for _, entity := range ctx.Map.All("VirtualMachine") {
		vm := entity.(*simulator.VirtualMachine)
		ctx.WithLock(vm, func() {
			for _, disk := range disksOf(vm.Config.Hardware.Device) {
				for _, file := range chain(disk)[1:] {
					if gone[file] {
						vc.broken.Store(vm.Self, file)
					}
				}
			}
		})
	}
}

// brokenFile is the missing file of a machine whose parent was destroyed; empty for a sound one.
func (vc *vcenter) brokenFile(ref types.ManagedObjectReference) string {
	if file, ok := vc.broken.Load(ref); ok {
		return file.(string)
	}
	return ""
}
