package main

import (
	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/vim25/types"
)

// configure adds what the simulator leaves out of the hardware: firmware, cores per socket, and the adapters that do not
// start connected (CIM's AutomaticAllocation; one that does not say does).
func configure(config *types.VirtualMachineConfigSpec, hardware ovf.VirtualHardwareSection) {
	for _, one := range hardware.Config {
		if one.Key == "firmware" {
			config.Firmware = one.Value
		}
	}
	var connected []bool
	for _, item := range hardware.Item {
		if item.ResourceType == nil {
			continue
		}
		switch *item.ResourceType {
		case cimCPU:
			if item.CoresPerSocket != nil {
				config.NumCoresPerSocket = types.NewInt32(item.CoresPerSocket.Value)
			}
		case cimNIC:
			if len(item.Connection) > 0 { // the simulator makes no others
				connected = append(connected, item.AutomaticAllocation == nil || *item.AutomaticAllocation)
			}
		}
	}
	for _, change := range config.DeviceChange {
		card, ok := change.GetVirtualDeviceConfigSpec().Device.(types.BaseVirtualEthernetCard)
		if !ok || len(connected) == 0 {
			continue
		}
		card.GetVirtualEthernetCard().Connectable = &types.VirtualDeviceConnectInfo{
			StartConnected: connected[0], AllowGuestControl: true,
		}
		connected = connected[1:]
	}
}
