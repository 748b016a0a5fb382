package main

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	manual   = string(types.VirtualEthernetCardMacTypeManual)
	assigned = string(types.VirtualEthernetCardMacTypeAssigned)
)

// address gives a NIC its MAC: a manual one stays, any other is vCenter's to assign and never given twice. (The
// simulator makes it of three digits of the UUID, so that clones collide.)
func (vc *vcenter) address(card *types.VirtualEthernetCard) {
	if card.AddressType == manual && card.MacAddress != "" {
		return
	}
	n := vc.nextMAC.Add(1)
	card.AddressType = assigned
	card.MacAddress = fmt.Sprintf("00:50:56:%02x:%02x:%02x", 0x80|(n>>16)&0x3f, (n>>8)&0xff, n&0xff)
}

// addressNew gives MACs to the NICs that a reconfiguration or creation adds, and keeps those that edits leave alone.
func (vc *vcenter) addressNew(vm *simulator.VirtualMachine, changes []types.BaseVirtualDeviceConfigSpec) {
	for _, change := range changes {
		spec := change.GetVirtualDeviceConfigSpec()
		nic, isNIC := spec.Device.(types.BaseVirtualEthernetCard)
		if !isNIC {
			continue
		}
		card := nic.GetVirtualEthernetCard()
		switch spec.Operation {
		case types.VirtualDeviceConfigSpecOperationAdd:
			if card.MacAddress != "" && card.AddressType == "" {
				card.AddressType = manual // given by hand
			}
			vc.address(card)
		case types.VirtualDeviceConfigSpecOperationEdit:
			if old := deviceByKey(vm.Config.Hardware.Device, card.Key); old != nil {
				mergeNIC(card, old)
			}
		}
	}
}

func deviceByKey(devices []types.BaseVirtualDevice, key int32) types.BaseVirtualDevice {
	for _, device := range devices {
		if device.GetVirtualDevice().Key == key {
			return device
		}
	}
	return nil
}

// mergeNIC fills what an edit leaves out from the NIC as it was.
func mergeNIC(card *types.VirtualEthernetCard, old types.BaseVirtualDevice) {
	was, isNIC := old.(types.BaseVirtualEthernetCard)
	if !isNIC {
		return
	}
	before := was.GetVirtualEthernetCard()
	mergeDevice(&card.VirtualDevice, &before.VirtualDevice)
	if card.MacAddress == "" {
		card.MacAddress = before.MacAddress
	}
	if card.AddressType == "" {
		card.AddressType = before.AddressType
	}
}

func mergeDevice(device, before *types.VirtualDevice) {
	if device.ControllerKey == 0 {
		device.ControllerKey = before.ControllerKey
	}
	if device.UnitNumber == nil {
		device.UnitNumber = before.UnitNumber
	}
	if device.Backing == nil {
		device.Backing = before.Backing
	}
	if device.Connectable == nil {
		device.Connectable = before.Connectable
	}
	if device.DeviceInfo == nil {
		device.DeviceInfo = before.DeviceInfo
	}
}

// checkNetworks refuses NICs on networks that are not there: on those the simulator's own code falls over.
func checkNetworks(ctx *simulator.Context, folder mo.Entity, changes []types.BaseVirtualDeviceConfigSpec) types.BaseMethodFault {
	networks := datacenterOf(ctx, folder).Network
	for i, change := range changes {
		spec := change.GetVirtualDeviceConfigSpec()
		nic, isNIC := spec.Device.(types.BaseVirtualEthernetCard)
		if !isNIC || spec.Operation == types.VirtualDeviceConfigSpecOperationRemove {
			continue
		}
		invalid := func(property string) types.BaseMethodFault {
			return &types.InvalidDeviceSpec{
				InvalidVmConfig: types.InvalidVmConfig{Property: "virtualDeviceSpec.device." + property},
				DeviceIndex:     int32(i),
			}
		}
		switch net := nic.GetVirtualEthernetCard().Backing.(type) {
		case *types.VirtualEthernetCardNetworkBackingInfo:
			if net.DeviceName == "" && net.Network != nil {
				if named, ok := ctx.Map.Get(*net.Network).(mo.Entity); ok {
					net.DeviceName = named.Entity().Name
				}
			}
			if found := ctx.Map.FindByName(net.DeviceName, networks); found == nil || found.Reference().Type != "Network" {
				return invalid("backing.deviceName")
			}
		case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
			ref := types.ManagedObjectReference{Type: "DistributedVirtualPortgroup", Value: net.Port.PortgroupKey}
			portgroup, ok := ctx.Map.Get(ref).(*simulator.DistributedVirtualPortgroup)
			if !ok {
				return invalid("backing.port.portgroupKey")
			}
			dvs := ctx.Map.Get(*portgroup.Config.DistributedVirtualSwitch).(*simulator.DistributedVirtualSwitch)
			if net.Port.SwitchUuid != dvs.Uuid {
				return invalid("backing.port.switchUuid")
			}
		}
	}
	return nil
}

func datacenterOf(ctx *simulator.Context, entity mo.Entity) *simulator.Datacenter {
	for entity != nil {
		if datacenter, ok := entity.(*simulator.Datacenter); ok {
			return datacenter
		}
		parent := entity.Entity().Parent
		if parent == nil {
			break
		}
		entity, _ = ctx.Map.Get(*parent).(mo.Entity)
	}
	return &simulator.Datacenter{}
}
