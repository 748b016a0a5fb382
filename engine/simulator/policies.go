package main

import (
	"fmt"
	"sync"

	pbmmethods "github.com/vmware/govmomi/pbm/methods"
	pbmsimulator "github.com/vmware/govmomi/pbm/simulator"
	pbmtypes "github.com/vmware/govmomi/pbm/types"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// policies are the storage policies that machines and disks were given. The simulator takes them and forgets them.
type policies struct {
	manager *policyManager
	of      sync.Map // key of the object, `vm-1` or `vm-1:2000`, to the policy's id
}

// policyManager answers which policy an object has.
type policyManager struct {
	*pbmsimulator.ProfileManager
	vc *vcenter
}

// registerPolicies puts our manager in the place of the simulator's, whose policies it keeps.
func (vc *vcenter) registerPolicies(service *simulator.Service) {
	registry := pbmsimulator.New()
	ref := types.ManagedObjectReference{Type: "PbmProfileProfileManager", Value: "ProfileManager"}
	vc.policies.manager = &policyManager{registry.Get(ref).(*pbmsimulator.ProfileManager), vc}
	registry.Put(vc.policies.manager)
	service.RegisterSDK(registry)
}

func (m *policyManager) PbmQueryAssociatedProfiles(req *pbmtypes.PbmQueryAssociatedProfiles) soap.HasFault {
	res := new(pbmtypes.PbmQueryAssociatedProfilesResponse)
	for _, object := range req.Entities {
		result := pbmtypes.PbmQueryProfileResult{Object: object}
		if id, ok := m.vc.policies.of.Load(object.Key); ok {
			result.ProfileId = []pbmtypes.PbmProfileId{{UniqueId: id.(string)}}
		}
		res.Returnval = append(res.Returnval, result)
	}
	return &pbmmethods.PbmQueryAssociatedProfilesBody{Res: res}
}

// policyOf is the id in a spec, empty for none. One that is not there is InvalidArgument.
func (vc *vcenter) policyOf(specs []types.BaseVirtualMachineProfileSpec) (string, types.BaseMethodFault) {
	for _, spec := range specs {
		defined, ok := spec.(*types.VirtualMachineDefinedProfileSpec)
		if !ok {
			continue
		}
		body := vc.policies.manager.PbmRetrieveContent(&pbmtypes.PbmRetrieveContent{
			ProfileIds: []pbmtypes.PbmProfileId{{UniqueId: defined.ProfileId}},
		})
		if body.Fault() != nil {
			return "", &types.InvalidArgument{InvalidProperty: "profile"}
		}
		return defined.ProfileId, nil
	}
	return "", nil
}

// checkPolicies refuses a spec with a policy that is not there.
func (vc *vcenter) checkPolicies(config *types.VirtualMachineConfigSpec) types.BaseMethodFault {
	_, fault := vc.policyOf(config.VmProfile)
	for _, change := range config.DeviceChange {
		if fault != nil {
			break
		}
		_, fault = vc.policyOf(change.GetVirtualDeviceConfigSpec().Profile)
	}
	return fault
}

// notePolicies remembers those of a spec that was carried out on the machine. An added disk is the next that has none of
// the spec's other disks' keys.
func (vc *vcenter) notePolicies(vm *simulator.VirtualMachine, config *types.VirtualMachineConfigSpec, before []int32) {
	if id, _ := vc.policyOf(config.VmProfile); id != "" {
		vc.policies.of.Store(vm.Self.Value, id)
	}
	known := map[int32]bool{}
	for _, key := range before {
		known[key] = true
	}
	var added []int32
	for _, disk := range disksOf(vm.Config.Hardware.Device) {
		if !known[disk.Key] {
			added = append(added, disk.Key)
		}
	}
	for _, change := range config.DeviceChange {
		spec := change.GetVirtualDeviceConfigSpec()
		disk, isDisk := spec.Device.(*types.VirtualDisk)
		if !isDisk {
			continue
		}
		key := disk.Key
		if spec.Operation == types.VirtualDeviceConfigSpecOperationAdd && len(added) > 0 {
			key, added = added[0], added[1:]
		}
		if id, _ := vc.policyOf(spec.Profile); id != "" {
			vc.policies.of.Store(fmt.Sprintf("%s:%d", vm.Self.Value, key), id)
		}
	}
}

func diskKeys(vm *simulator.VirtualMachine) []int32 {
	var keys []int32
	for _, disk := range disksOf(vm.Config.Hardware.Device) {
		keys = append(keys, disk.Key)
	}
	return keys
}

// forgetPolicies is for a machine that was destroyed.
func (vc *vcenter) forgetPolicies(vm *simulator.VirtualMachine, disks []int32) {
	vc.policies.of.Delete(vm.Self.Value)
	for _, key := range disks {
		vc.policies.of.Delete(fmt.Sprintf("%s:%d", vm.Self.Value, key))
	}
}
