package main

import (
	"fmt"
	"regexp"

	"github.com/vmware/govmomi/vim25/types"
)

var numbered = regexp.MustCompile(`^(Hard disk|Network adapter) \d+$`)

// label names disks and NICs as a vCenter does, `Hard disk 1`, `Network adapter 1`, each with the lowest free number. The
// simulator takes the OVF's element name, or its own device name.
func label(devices []types.BaseVirtualDevice) {
	taken := map[string]bool{}
	for _, device := range devices {
		if info := device.GetVirtualDevice().DeviceInfo; info != nil {
			taken[info.GetDescription().Label] = true
		}
	}
	for _, device := range devices {
		kind := ""
		switch device.(type) {
		case *types.VirtualDisk:
			kind = "Hard disk"
		case types.BaseVirtualEthernetCard:
			kind = "Network adapter"
		default:
			continue
		}
		info := device.GetVirtualDevice().DeviceInfo
		if info == nil || numbered.MatchString(info.GetDescription().Label) {
			continue
		}
		for n := 1; ; n++ {
			if name := fmt.Sprintf("%s %d", kind, n); !taken[name] {
				taken[name] = true
				info.GetDescription().Label = name
				break
			}
		}
	}
}

// summarizeAnew lets the simulator write the summaries of NICs that are added: a clone's may lie on another network.
func summarizeAnew(changes []types.BaseVirtualDeviceConfigSpec) {
	for _, change := range changes {
		if nic, ok := change.GetVirtualDeviceConfigSpec().Device.(types.BaseVirtualEthernetCard); ok {
			if info := nic.GetVirtualEthernetCard().DeviceInfo; info != nil {
				info.GetDescription().Summary = ""
			}
		}
	}
}
