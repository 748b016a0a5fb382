package main

import (
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// place chooses the host of a new virtual machine in a pool or vApp. Without DRS the caller has to: vCenter then answers
// InvalidArgument (VirtualMachineRelocateSpec.host, pyvmomi #616). property is the parameter it complains of; on are the
// names of datastores that the host must see, empty ones left out.
func (vc *vcenter) place(
	ctx *simulator.Context, pool types.ManagedObjectReference, wanted *types.ManagedObjectReference, property string,
	on ...string,
) (*types.ManagedObjectReference, types.BaseMethodFault) {
	if entity := ctx.Map.Get(pool); entity == nil {
		return nil, &types.ManagedObjectNotFound{Obj: pool}
	}
	hosts := clusterHosts(ctx, pool)
	if wanted != nil {
		if !slices.Contains(hosts, *wanted) {
			return nil, &types.InvalidArgument{InvalidProperty: property}
		}
		if fault := hostUsable(ctx, *wanted); fault != nil {
			return nil, fault
		}
		for _, name := range on { // the simulator itself would panic
			if !sees(ctx, *wanted, name) {
				return nil, &types.InvalidDatastore{Name: name}
			}
		}
		return wanted, nil
	}
	if !vc.drs {
		return nil, &types.InvalidArgument{InvalidProperty: property}
	}
	for range hosts { // in turn, so that a few machines already lie on all of them
		host := hosts[int(vc.nextHost.Add(1))%len(hosts)]
		blind := func(name string) bool { return !sees(ctx, host, name) }
		if hostUsable(ctx, host) == nil && !slices.ContainsFunc(on, blind) {
			return &host, nil
		}
	}
	return nil, &types.NoCompatibleHost{}
}

func sees(ctx *simulator.Context, host types.ManagedObjectReference, datastore string) bool {
	return datastore == "" || ctx.Map.FindByName(datastore, ctx.Map.Get(host).(*simulator.HostSystem).Datastore) != nil
}

// datastoreIn is the name of the datastore that a machine's own file lies on, empty where the files do not say.
func datastoreIn(files *types.VirtualMachineFileInfo) string {
	var path object.DatastorePath
	if files == nil || !path.FromString(files.VmPathName) {
		return ""
	}
	return path.Datastore
}

func clusterHosts(ctx *simulator.Context, ref types.ManagedObjectReference) []types.ManagedObjectReference {
	for {
		switch o := ctx.Map.Get(ref).(type) {
		case *simulator.ClusterComputeResource:
			return o.Host
		case mo.Entity:
			if o.Entity().Parent == nil {
				return nil
			}
			ref = *o.Entity().Parent
		default:
			return nil
		}
	}
}

// hostUsable is nil when the host is connected and not in maintenance.
func hostUsable(ctx *simulator.Context, ref types.ManagedObjectReference) types.BaseMethodFault {
	host, ok := ctx.Map.Get(ref).(*simulator.HostSystem)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: ref}
	}
	if host.Runtime.ConnectionState != types.HostSystemConnectionStateConnected {
		return &types.HostNotConnected{}
	}
	if host.Runtime.InMaintenanceMode {
		return &types.InvalidState{}
	}
	return nil
}

// connect connects or disconnects a host, and with it what lies on it. False when there is no host of that name.
func (vc *vcenter) connect(ctx *simulator.Context, name string, connected bool) bool {
	for _, entity := range ctx.Map.All("HostSystem") {
		host := entity.(*simulator.HostSystem)
		if host.Name != name {
			continue
		}
		hostState := types.HostSystemConnectionStateConnected
		machineState := types.VirtualMachineConnectionStateConnected
		if !connected {
			hostState = types.HostSystemConnectionStateDisconnected
			machineState = types.VirtualMachineConnectionStateDisconnected
		}
		ctx.Map.AtomicUpdate(ctx, host, []types.PropertyChange{
			{Name: "runtime.connectionState", Val: hostState},
			{Name: "summary.runtime.connectionState", Val: hostState},
		})
		for _, ref := range slices.Clone(host.Vm) {
			if vm := ctx.Map.Get(ref); vm != nil {
				ctx.Map.AtomicUpdate(ctx, vm, []types.PropertyChange{
					{Name: "runtime.connectionState", Val: machineState},
					{Name: "summary.runtime.connectionState", Val: machineState},
				})
			}
		}
		return true
	}
	return false
}
