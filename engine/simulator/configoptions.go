package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// environmentBrowser tells what virtual machines the hosts can run. The simulator's own answers lack fields that
// clients insist on, and name no devices.
type environmentBrowser struct {
	*simulator.EnvironmentBrowser
}

// deviceSince is the first hardware version that has each device (VMware KB 2051652 and the release notes).
var deviceSince = map[string]int{
	"VirtualPCNet32":               3,
	"VirtualE1000":                 3,
	"VirtualVmxnet2":               4,
	"VirtualVmxnet3":               7,
	"VirtualE1000e":                8,
	"VirtualBusLogicController":    3,
	"VirtualLsiLogicController":    3,
	"VirtualLsiLogicSASController": 7,
	"ParaVirtualSCSIController":    7,
	"VirtualIDEController":         3,
	"VirtualAHCIController":        10,
	"VirtualNVMEController":        13,
	"VirtualDisk":                  3,
	"VirtualCdrom":                 3,
	"VirtualFloppy":                3,
}

// QueryConfigOptionEx answers for the key's hardware version, the newest without one. Of the guests it names those that
// the request does, and all when none of them is known (vSphere API reference).
func (b *environmentBrowser) QueryConfigOptionEx(req *types.QueryConfigOptionEx) soap.HasFault {
	version, wanted := newestVersion, []string(nil)
	if req.Spec != nil {
		wanted = req.Spec.GuestId
		if req.Spec.Key != "" {
			if _, err := fmt.Sscanf(req.Spec.Key, "vmx-%d", &version); err != nil || version > newestVersion {
				return &methods.QueryConfigOptionExBody{Res: &types.QueryConfigOptionExResponse{}}
			}
		}
	}
	guests := guestsOf(wanted)
	if len(guests) == 0 {
		guests = guestsOf(nil)
	}
	return &methods.QueryConfigOptionExBody{Res: &types.QueryConfigOptionExResponse{
		Returnval: &types.VirtualMachineConfigOption{
			Version:           fmt.Sprintf("vmx-%d", version),
			Description:       fmt.Sprintf("hardware version %d", version),
			GuestOSDescriptor: guests,
			HardwareOptions:   hardwareOf(version),
			Datastore:         types.DatastoreOption{},
		},
	}}
}

const newestVersion = 21 // of the hosts' version, ESXi 8.0.2

func hardwareOf(version int) types.VirtualHardwareOption {
	option := types.VirtualHardwareOption{HwVersion: int32(version), NumCPU: []int32{1, 2, 4, 8, 16}}
	for kind, since := range deviceSince {
		if since <= version {
			option.VirtualDeviceOption = append(option.VirtualDeviceOption, &types.VirtualDeviceOption{Type: kind})
		}
	}
	shares := types.SharesOption{DefaultLevel: types.SharesLevelNormal}
	allocation := types.ResourceAllocationOption{SharesOption: shares}
	option.ResourceConfigOption = types.ResourceConfigOption{
		CpuAllocationOption: allocation, MemoryAllocationOption: allocation,
	}
	return option
}

func guestsOf(wanted []string) []types.GuestOsDescriptor {
	var found []types.GuestOsDescriptor
	for _, known := range simulator.GuestID {
		if id := string(known); len(wanted) == 0 || slices.Contains(wanted, id) {
			found = append(found, types.GuestOsDescriptor{
				Id:                         id,
				Family:                     family(id),
				FullName:                   id,
				RecommendedDiskController:  "VirtualLsiLogicController",
				RecommendedCdromController: "VirtualIDEController",
				SupportedEthernetCard:      []string{"VirtualE1000", "VirtualVmxnet3"},
				SupportedFirmware:          []string{"bios", "efi"},
				RecommendedFirmware:        "bios",
				SupportLevel:               "supported",
				SupportedForCreate:         true,
			})
		}
	}
	return found
}

func family(id string) string {
	switch {
	case strings.HasPrefix(id, "win"):
		return string(types.VirtualMachineGuestOsFamilyWindowsGuest)
	case strings.HasPrefix(id, "darwin"):
		return string(types.VirtualMachineGuestOsFamilyDarwinGuestFamily)
	case strings.HasPrefix(id, "vmkernel"), strings.HasPrefix(id, "other"):
		return string(types.VirtualMachineGuestOsFamilyOtherGuestFamily)
	}
	return string(types.VirtualMachineGuestOsFamilyLinuxGuest)
}
