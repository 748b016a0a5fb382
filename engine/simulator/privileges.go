package main

import (
	"slices"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// guarded are the methods that need a privilege on the object that they are called on (vSphere API reference). Enough to
// let an operation fail where `endpoint test` says it will.
var guarded = map[string]string{
	"AddCustomFieldDef":   "Global.ManageCustomFields",
	"SetField":            "Global.SetCustomField",
	"setCustomValue":      "Global.SetCustomField",
	"CreateFolder":        "Folder.Create",
	"CreateVM_Task":       "VirtualMachine.Inventory.Create",
	"Destroy_Task":        "VirtualMachine.Inventory.Delete",
	"MarkAsTemplate":      "VirtualMachine.Provisioning.MarkAsTemplate",
	"CloneVM_Task":        "VirtualMachine.Provisioning.DeployTemplate",
	"CreateSnapshot_Task": "VirtualMachine.State.CreateSnapshot",
	"PowerOnVM_Task":      "VirtualMachine.Interact.PowerOn",
	"PowerOffVM_Task":     "VirtualMachine.Interact.PowerOff",
	"Rename_Task":         "VirtualMachine.Config.Rename",
	"ReconfigVM_Task":     "VirtualMachine.Config.Settings",
	"ImportVApp":          "VApp.Import",
	"CreateVApp":          "VApp.Create",
}

// known are the privileges that exist: those of the simulator's administrator role and the vCenter ones it lacks.
var known = func() []string {
	all := []string{
		"Folder.Create", "Folder.Delete", "Folder.Move", "Folder.Rename", "Global.ManageCustomFields", "Global.SetCustomField",
		"Datastore.AllocateSpace", "Datastore.Browse", "Datastore.FileManagement", "Datastore.DeleteFile",
		"Network.Assign", "Resource.AssignVMToPool", "Resource.AssignVAppToPool", "Resource.CreatePool",
		"VApp.ApplicationConfig", "VApp.AssignVM", "VApp.Create", "VApp.Delete", "VApp.Import", "VApp.InstanceConfig",
		"VApp.PowerOff", "VApp.PowerOn", "VApp.Rename", "VApp.ResourceConfig",
		"VirtualMachine.Config.Annotation", "VirtualMachine.Config.Rename", "VirtualMachine.Inventory.CreateFromExisting",
		"VirtualMachine.Provisioning.Clone", "VirtualMachine.Provisioning.CloneTemplate",
		"VirtualMachine.Provisioning.DeployTemplate", "VirtualMachine.Provisioning.MarkAsTemplate",
		"VirtualMachine.Provisioning.MarkAsVM", "VirtualMachine.State.RemoveSnapshot",
	}
	for _, id := range guarded {
		all = append(all, id)
	}
	for _, role := range esx.RoleList {
		all = append(all, role.Privilege...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}()

// denied are privileges taken away: by object name, `*` for every object.
type denied struct {
	sync.Mutex
	privileges map[[2]string]bool
}

func (d *denied) set(object, privilege string, granted bool) {
	d.Lock()
	d.privileges[[2]string{object, privilege}] = !granted
	d.Unlock()
}

func (d *denied) lacks(object, privilege string) bool {
	d.Lock()
	defer d.Unlock()
	return d.privileges[[2]string{object, privilege}] || d.privileges[[2]string{"*", privilege}]
}

// missingPrivilege is NoPermission when the call needs a privilege that was taken away on its object.
func (vc *vcenter) missingPrivilege(method *simulator.Method, object string) types.BaseMethodFault {
	privilege := guarded[method.Name]
	if method.Name == "SetField" {
		if request, ok := method.Body.(*types.SetField); ok {
			object = vc.nameOf(request.Entity)
		}
	}
	if privilege == "" || !vc.denied.lacks(object, privilege) {
		return nil
	}
	return &types.NoPermission{Object: &method.This, PrivilegeId: privilege}
}

type authorization struct {
	*simulator.AuthorizationManager
	vc *vcenter
}

// granted answers for each privilege; one that does not exist is InvalidArgument.
func (a *authorization) granted(entity types.ManagedObjectReference, ids []string) ([]bool, types.BaseMethodFault) {
	name := a.vc.nameOf(entity)
	answers := make([]bool, len(ids))
	for i, id := range ids {
		if _, exists := slices.BinarySearch(known, id); !exists {
			return nil, &types.InvalidArgument{InvalidProperty: "privId"}
		}
		answers[i] = !a.vc.denied.lacks(name, id)
	}
	return answers, nil
}

func (a *authorization) availability(
	entities []types.ManagedObjectReference, ids []string,
) ([]types.EntityPrivilege, types.BaseMethodFault) {
	var all []types.EntityPrivilege
	for _, entity := range entities {
		answers, fault := a.granted(entity, ids)
		if fault != nil {
			return nil, fault
		}
		privilege := types.EntityPrivilege{Entity: entity}
		for i, id := range ids {
			privilege.PrivAvailability = append(privilege.PrivAvailability,
				types.PrivilegeAvailability{PrivId: id, IsGranted: answers[i]})
		}
		all = append(all, privilege)
	}
	return all, nil
}

func (a *authorization) HasPrivilegeOnEntity(req *types.HasPrivilegeOnEntity) soap.HasFault {
	answers, fault := a.granted(req.Entity, req.PrivId)
	if fault != nil {
		return &methods.HasPrivilegeOnEntityBody{Fault_: faultOf(fault)}
	}
	return &methods.HasPrivilegeOnEntityBody{Res: &types.HasPrivilegeOnEntityResponse{Returnval: answers}}
}

func (a *authorization) HasPrivilegeOnEntities(req *types.HasPrivilegeOnEntities) soap.HasFault {
	all, fault := a.availability(req.Entity, req.PrivId)
	if fault != nil {
		return &methods.HasPrivilegeOnEntitiesBody{Fault_: faultOf(fault)}
	}
	return &methods.HasPrivilegeOnEntitiesBody{Res: &types.HasPrivilegeOnEntitiesResponse{Returnval: all}}
}

func (a *authorization) HasUserPrivilegeOnEntities(req *types.HasUserPrivilegeOnEntities) soap.HasFault {
	all, fault := a.availability(req.Entities, req.PrivId)
	if fault != nil {
		return &methods.HasUserPrivilegeOnEntitiesBody{Fault_: faultOf(fault)}
	}
	return &methods.HasUserPrivilegeOnEntitiesBody{Res: &types.HasUserPrivilegeOnEntitiesResponse{Returnval: all}}
}

func (a *authorization) FetchUserPrivilegeOnEntities(req *types.FetchUserPrivilegeOnEntities) soap.HasFault {
	var all []types.UserPrivilegeResult
	for _, entity := range req.Entities {
		name := a.vc.nameOf(entity)
		has := slices.DeleteFunc(slices.Clone(known), func(id string) bool { return a.vc.denied.lacks(name, id) })
		all = append(all, types.UserPrivilegeResult{Entity: entity, Privileges: has})
	}
	return &methods.FetchUserPrivilegeOnEntitiesBody{Res: &types.FetchUserPrivilegeOnEntitiesResponse{Returnval: all}}
}
