package main

import (
	"slices"

	"github.com/vmware/govmomi/vim25/types"
)

// editProperties applies a spec's changes to OVF properties: adding a key that is there, or editing or removing one that
// is not, is InvalidArgument. An edit leaves alone what it does not name, but the value is always the edit's.
func editProperties(
	properties []types.VAppPropertyInfo, changes []types.VAppPropertySpec,
) ([]types.VAppPropertyInfo, types.BaseMethodFault) {
	result := slices.Clone(properties)
	invalid := &types.InvalidArgument{InvalidProperty: "configSpec.vAppConfig.property"}
	for _, change := range changes {
		key, isKey := change.RemoveKey.(int32)
		if change.Info != nil {
			key, isKey = change.Info.Key, true
		}
		at := slices.IndexFunc(result, func(p types.VAppPropertyInfo) bool { return isKey && p.Key == key })
		switch {
		case change.Operation == types.ArrayUpdateOperationAdd && at < 0 && change.Info != nil:
			result = append(result, *change.Info)
		case change.Operation == types.ArrayUpdateOperationEdit && at >= 0 && change.Info != nil:
			result[at] = mergeProperty(*change.Info, result[at])
		case change.Operation == types.ArrayUpdateOperationRemove && at >= 0:
			result = slices.Delete(result, at, at+1)
		default:
			return nil, invalid
		}
	}
	return result, nil
}

func mergeProperty(edit, old types.VAppPropertyInfo) types.VAppPropertyInfo {
	for _, field := range []struct{ new, old *string }{
		{&edit.ClassId, &old.ClassId},
		{&edit.InstanceId, &old.InstanceId},
		{&edit.Id, &old.Id},
		{&edit.Category, &old.Category},
		{&edit.Label, &old.Label},
		{&edit.Type, &old.Type},
		{&edit.TypeReference, &old.TypeReference},
		{&edit.DefaultValue, &old.DefaultValue},
		{&edit.Description, &old.Description},
	} {
		if *field.new == "" {
			*field.new = *field.old
		}
	}
	if edit.UserConfigurable == nil {
		edit.UserConfigurable = old.UserConfigurable
	}
	return edit
}

// vAppSpec is a machine's whole vApp configuration as the spec that makes it, edited by changes.
func vAppSpec(source types.BaseVmConfigInfo, changes types.BaseVmConfigSpec) (*types.VmConfigSpec, types.BaseMethodFault) {
	if source == nil && changes == nil {
		return nil, nil
	}
	info := types.VmConfigInfo{}
	if source != nil {
		info = *source.GetVmConfigInfo()
	}
	spec := &types.VmConfigSpec{
		IpAssignment:            &info.IpAssignment,
		Eula:                    info.Eula,
		OvfEnvironmentTransport: info.OvfEnvironmentTransport,
	}
	for _, product := range info.Product {
		spec.Product = append(spec.Product, types.VAppProductSpec{
			ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationAdd}, Info: &product,
		})
	}
	properties := info.Property
	if changes != nil {
		change := changes.GetVmConfigSpec()
		edited, fault := editProperties(properties, change.Property)
		if fault != nil {
			return nil, fault
		}
		properties = edited
		spec.Product = append(spec.Product, change.Product...)
		if fault := editAssignment(spec.IpAssignment, change.IpAssignment); fault != nil {
			return nil, fault
		}
		if len(change.OvfEnvironmentTransport) > 0 {
			spec.OvfEnvironmentTransport = change.OvfEnvironmentTransport
		}
	}
	for _, property := range properties {
		spec.Property = append(spec.Property, types.VAppPropertySpec{
			ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationAdd}, Info: &property,
		})
	}
	return spec, nil
}

// policySupported tells whether the guest software can get its address that way.
func policySupported(info *types.VAppIPAssignmentInfo, policy string) bool {
	scheme := "ovfenv"
	if policy == string(types.VAppIPAssignmentInfoIpAllocationPolicyDhcpPolicy) {
		scheme = "dhcp"
	}
	return policy != "" && slices.Contains(info.SupportedAllocationScheme, scheme)
}

// editAssignment changes what the change names. A policy or protocol that the guest does not support is InvalidArgument.
func editAssignment(info, change *types.VAppIPAssignmentInfo) types.BaseMethodFault {
	if change == nil {
		return nil
	}
	edited := *info
	if len(change.SupportedAllocationScheme) > 0 {
		edited.SupportedAllocationScheme = change.SupportedAllocationScheme
	}
	if len(change.SupportedIpProtocol) > 0 {
		edited.SupportedIpProtocol = change.SupportedIpProtocol
	}
	if policy := change.IpAllocationPolicy; policy != "" && policy != info.IpAllocationPolicy {
		if !policySupported(&edited, policy) {
			return &types.InvalidArgument{InvalidProperty: "configSpec.vAppConfig.ipAssignment.ipAllocationPolicy"}
		}
		edited.IpAllocationPolicy = policy
	}
	if protocol := change.IpProtocol; protocol != "" && protocol != info.IpProtocol {
		if !slices.Contains(edited.SupportedIpProtocol, protocol) {
			return &types.InvalidArgument{InvalidProperty: "configSpec.vAppConfig.ipAssignment.ipProtocol"}
		}
		edited.IpProtocol = protocol
	}
	*info = edited
	return nil
}

// rest sets what the simulator leaves out when it makes a machine with a vApp configuration.
func rest(info *types.VmConfigInfo, spec *types.VmConfigSpec) {
	if spec.IpAssignment != nil {
		info.IpAssignment = *spec.IpAssignment
	}
	info.Eula = spec.Eula
	info.OvfEnvironmentTransport = spec.OvfEnvironmentTransport
}
