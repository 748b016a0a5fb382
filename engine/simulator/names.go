package main

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const longestName = 80 // characters of an entity's name [VC]

// escaped is how vCenter stores a name: `%`, `/` and `\` as `%25`, `%2f`, `%5c`.
func escaped(name string) string {
	return strings.NewReplacer("%", "%25", "/", "%2f", `\`, "%5c").Replace(name)
}

// reserved are the names that running operations will give: taken, although nothing of that name is visible yet.
type reserved struct {
	sync.Mutex
	names map[reservedName]types.ManagedObjectReference
}

type reservedName struct {
	container types.ManagedObjectReference
	name      string
}

// reserve takes a name in a folder, pool or vApp until the returned function is called. by is the object whose operation
// takes it, which DuplicateName reports while there is no other.
func (vc *vcenter) reserve(
	ctx *simulator.Context, container types.ManagedObjectReference, name string, by types.ManagedObjectReference,
) (func(), types.BaseMethodFault) {
	if name == "" || utf8.RuneCountInString(name) > longestName {
		return nil, &types.InvalidName{Name: name, Entity: &container}
	}
	key := reservedName{container, name}
	vc.reserved.Lock()
	defer vc.reserved.Unlock()
	if taken := ctx.Map.FindByName(name, children(ctx, container)); taken != nil {
		return nil, &types.DuplicateName{Name: name, Object: taken.Reference()}
	}
	if holder, taken := vc.reserved.names[key]; taken {
		return nil, &types.DuplicateName{Name: name, Object: holder}
	}
	vc.reserved.names[key] = by
	return func() {
		vc.reserved.Lock()
		delete(vc.reserved.names, key)
		vc.reserved.Unlock()
	}, nil
}

// children are the objects whose names must differ in a container.
func children(ctx *simulator.Context, container types.ManagedObjectReference) []types.ManagedObjectReference {
	var refs []types.ManagedObjectReference
	ctx.WithLock(container, func() {
		switch c := ctx.Map.Get(container).(type) {
		case *simulator.Folder:
			refs = append(refs, c.ChildEntity...)
		case *simulator.ResourcePool:
			refs = append(refs, c.ResourcePool.ResourcePool...)
		case *simulator.VirtualApp:
			refs = append(append(refs, c.ResourcePool.ResourcePool...), c.Vm...)
		}
	})
	return refs
}

// container is where an entity's name must be unique.
func container(entity mo.Entity) *types.ManagedObjectReference {
	if vm, ok := entity.(*simulator.VirtualMachine); ok && vm.ParentVApp != nil {
		return vm.ParentVApp
	}
	return entity.Entity().Parent
}

// rename gives an entity another name, if it is free: DuplicateName otherwise (the simulator says InvalidArgument).
func (vc *vcenter) rename(ctx *simulator.Context, entity mo.Entity, name string) types.ManagedObjectReference {
	return vc.task(ctx, entity, "Rename_Task", func(ctx *simulator.Context, _ *task) (types.AnyType, types.BaseMethodFault) {
		name := escaped(name)
		if name == entity.Entity().Name {
			return nil, nil
		}
		release, fault := vc.reserve(ctx, *container(entity), name, entity.Reference())
		if fault != nil {
			return nil, fault
		}
		defer release()
		changes := []types.PropertyChange{{Name: "name", Val: name}}
		if entity.Reference().Type == "VirtualMachine" {
			changes = append(changes,
				types.PropertyChange{Name: "config.name", Val: name},
				types.PropertyChange{Name: "summary.config.name", Val: name})
		}
		ctx.Map.AtomicUpdate(ctx, entity, changes)
		return nil, nil
	}, name)
}
