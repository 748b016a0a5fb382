package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// shown mirrors the inventory as clients see it. govmomi's own code expects its own types in the registry, and a VM's
// folder in `parent`; clients get our types, whose methods behave as a vCenter's and whose Get method presents what a
// vCenter would. A request reaches this registry because the handler hangs it into the request's session.
//
// A virtual machine is not shown before show is called: until then no property collector finds it.
type shown struct {
	self types.ManagedObjectReference
	vc   *vcenter
	*simulator.Registry
}

func newShown(vc *vcenter) *shown {
	s := &shown{
		self:     types.ManagedObjectReference{Type: "SlipwayShown", Value: "shown"},
		vc:       vc,
		Registry: simulator.NewRegistry(),
	}
	for _, object := range vc.model.Map().AllReference("") {
		s.Registry.Put(vc.wrap(object))
	}
	vc.model.Map().AddHandler(s)
	return s
}

func (s *shown) Reference() types.ManagedObjectReference { return s.self }

// PutObject is called when the simulator registers an object.
func (s *shown) PutObject(_ *simulator.Context, object mo.Reference) {
	if _, isMachine := object.(*simulator.VirtualMachine); isMachine {
		return
	}
	s.Registry.Put(s.vc.wrap(object))
}

func (s *shown) UpdateObject(*simulator.Context, mo.Reference, []types.PropertyChange) {}

func (s *shown) RemoveObject(ctx *simulator.Context, ref types.ManagedObjectReference) {
	s.Registry.Remove(ctx, ref)
}

// show makes a new virtual machine visible, and tells those who wait for updates.
func (vc *vcenter) show(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	vc.shown.Registry.Put(vc.wrap(vm))
	ctx.WithLock(vm, func() {
		ctx.Update(vm, []types.PropertyChange{{Name: "name", Val: vm.Name}})
	})
}

func (vc *vcenter) isShown(ref types.ManagedObjectReference) bool {
	return vc.shown.Registry.Get(ref) != nil
}

// wrap gives an object of the simulator our behaviour; types without any stay as they are.
func (vc *vcenter) wrap(object mo.Reference) mo.Reference {
	switch o := object.(type) {
	case *simulator.VirtualMachine:
		return &machine{o, vc}
	case *simulator.Folder:
		return &folder{o, vc}
	case *simulator.ResourcePool:
		return &pool{o, vc}
	case *simulator.VirtualApp:
		return &vapp{o, vc}
	case *simulator.Datastore:
		return &datastore{o, vc}
	case *simulator.OvfManager:
		return &ovfManager{o, vc}
	case *simulator.EnvironmentBrowser:
		return &environmentBrowser{o}
	case *simulator.CustomFieldsManager:
		return &customFields{o, vc}
	case *simulator.AuthorizationManager:
		return &authorization{o, vc}
	}
	return object
}

// handle is called for every request before the simulator looks for the object.
func (vc *vcenter) handle(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	vc.count(method.Name)
	if ctx.Session == nil {
		if fault := refuseReads(method); fault != nil {
			return nil, fault
		}
		return nil, vc.faults.atCall(method.Name, vc.namesOf(method)) // logging in can fail as well
	}
	ctx.Session.Map = vc.shown.Registry
	if method.Name == "WaitForUpdatesEx" {
		vc.waiting.Store(method.This, ctx.Session.Get(method.This))
	}
	name := vc.nameOf(method.This)
	if fault := vc.missingPrivilege(method, name); fault != nil {
		return nil, fault
	}
	return nil, vc.faults.atCall(method.Name, vc.namesOf(method))
}

// refuseReads answers property reads without a session with NotAuthenticated, as a vCenter does. The two objects that a
// client reads to find out whether it has a session stay readable.
func refuseReads(method *simulator.Method) types.BaseMethodFault {
	var sets []types.PropertyFilterSpec
	switch request := method.Body.(type) {
	case *types.RetrieveProperties:
		sets = request.SpecSet
	case *types.RetrievePropertiesEx:
		sets = request.SpecSet
	default:
		return nil // the simulator itself refuses all but logging in
	}
	for _, set := range sets {
		for _, object := range set.ObjectSet {
			if kind := object.Obj.Type; kind != "ServiceInstance" && kind != "SessionManager" {
				return &types.NotAuthenticated{NoPermission: types.NoPermission{
					Object:      &object.Obj,
					PrivilegeId: "System.View",
				}}
			}
		}
	}
	return nil
}

// nameOf is the name of a named object, empty for others and those that are gone.
func (vc *vcenter) nameOf(ref types.ManagedObjectReference) string {
	if entity, ok := vc.model.Map().Get(ref).(mo.Entity); ok {
		return entity.Entity().Name
	}
	return ""
}

// namesOf are the names that a call is known by.
func (vc *vcenter) namesOf(method *simulator.Method) []string {
	names := append(argumentNames(method), vc.nameOf(method.This))
	if request, ok := method.Body.(*types.SetField); ok {
		names = append(names, vc.nameOf(request.Entity))
	}
	vc.leases.Range(func(_, value any) bool {
		if l := value.(*lease); l.Self == method.This {
			names = append(names, l.name)
		}
		return true
	})
	return names
}

// argumentNames are the names of what a request would make: faults are matched against them too.
func argumentNames(method *simulator.Method) []string {
	switch request := method.Body.(type) {
	case *types.CloneVM_Task:
		return []string{request.Name}
	case *types.Rename_Task:
		return []string{request.NewName}
	case *types.AddCustomFieldDef:
		return []string{request.Name}
	case *types.CreateImportSpec:
		if params, ok := request.Cisp.(*types.OvfCreateImportSpecParams); ok {
			return []string{params.EntityName}
		}
	case *types.CreateFolder:
		return []string{request.Name}
	case *types.CreateVApp:
		return []string{request.Name}
	case *types.CreateResourcePool:
		return []string{request.Name}
	case *types.ImportVApp:
		if spec, ok := request.Spec.(*types.VirtualMachineImportSpec); ok {
			return []string{spec.ConfigSpec.Name}
		}
	}
	return nil
}
