package main

import (
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

func values(vm mo.VirtualMachine) map[string]string {
	found := map[string]string{}
	for _, p := range vm.Config.VAppConfig.GetVmConfigInfo().Property {
		found[p.Id] = p.Value
	}
	return found
}

func editValue(operation types.ArrayUpdateOperation, key int32, id, value string) *types.VirtualMachineConfigSpec {
	return &types.VirtualMachineConfigSpec{VAppConfig: &types.VmConfigSpec{Property: []types.VAppPropertySpec{{
		ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: operation},
		Info:            &types.VAppPropertyInfo{Key: key, Id: id, Value: value, UserConfigurable: types.NewBool(true)},
	}}}}
}

func TestCloneKeepsWhatTheSourceHas(t *testing.T) {
	s := serve(t)
	source := s.imported("app")
	fields := must(object.GetCustomFieldsManager(s.client.Client))
	field := must(fields.Add(ctx, "owner", "VirtualMachine", nil, nil))
	if field.Key == 0 {
		t.Fatal("a field with key 0")
	}
	if err := fields.Set(ctx, source.Reference(), field.Key, "me"); err != nil {
		t.Fatal(err)
	}
	vm := s.vm(must(s.cloned(source, "c1")).Reference(), "config", "customValue", "summary")
	s.same(vm.Config.Annotation, "from the OVF", "annotation")
	s.same(vm.Summary.Config.Annotation, "from the OVF", "annotation in the summary")
	s.same(values(vm), map[string]string{"guestinfo.ipaddress": "10.0.0.7", "guestinfo.password": ""}, "properties")
	s.same(vm.Config.VAppConfig.GetVmConfigInfo().OvfEnvironmentTransport, []string{"com.vmware.guestInfo"}, "transport")
	s.same(vm.CustomValue[0].(*types.CustomFieldStringValue).Value, "me", "custom value")
	s.same(vm.Config.Hardware.NumCPU, int32(2), "CPUs")
}

func TestCloneAppliesEdits(t *testing.T) {
	s := serve(t)
	source := s.imported("app")
	clone, err := s.cloned(source, "c1", func(spec *types.VirtualMachineCloneSpec) {
		spec.Config = editValue(types.ArrayUpdateOperationEdit, 0, "", "10.0.0.8")
		spec.Config.Annotation = "mine"
		spec.Config.NumCPUs, spec.Config.MemoryMB = 4, 128
		spec.Config.ExtraConfig = []types.BaseOptionValue{&types.OptionValue{Key: "a", Value: "b"}}
	})
	if err != nil {
		t.Fatal(err)
	}
	vm := s.vm(clone.Reference(), "config")
	s.same(values(vm)["guestinfo.ipaddress"], "10.0.0.8", "edited property")
	s.same(vm.Config.Annotation, "mine", "annotation")
	s.same(vm.Config.Hardware.NumCPU, int32(4), "CPUs")
	s.same(vm.Config.Hardware.MemoryMB, int32(128), "memory")
	added := must(s.cloned(source, "c2", func(spec *types.VirtualMachineCloneSpec) {
		spec.Config = editValue(types.ArrayUpdateOperationAdd, 9, "extra", "x")
	}))
	s.same(values(s.vm(added.Reference(), "config"))["extra"], "x", "added property")
	for _, operation := range []types.ArrayUpdateOperation{types.ArrayUpdateOperationEdit, types.ArrayUpdateOperationRemove} {
		_, err = s.cloned(source, "c3", func(spec *types.VirtualMachineCloneSpec) { spec.Config = editValue(operation, 77, "", "x") })
		s.wants(err, &types.InvalidArgument{})
	}
	_, err = s.cloned(source, "c3", func(spec *types.VirtualMachineCloneSpec) {
		spec.Config = editValue(types.ArrayUpdateOperationAdd, 0, "again", "x")
	})
	s.wants(err, &types.InvalidArgument{})
}

func nicOf(vm mo.VirtualMachine) *types.VirtualEthernetCard {
	for _, device := range vm.Config.Hardware.Device {
		if nic, ok := device.(types.BaseVirtualEthernetCard); ok {
			return nic.GetVirtualEthernetCard()
		}
	}
	return nil
}

func TestCloneHasItsOwnIdentity(t *testing.T) {
	s := serve(t)
	source := s.imported("app")
	was := s.vm(source.Reference(), "config")
	seen := map[string]bool{was.Config.Uuid: true, was.Config.InstanceUuid: true, nicOf(was).MacAddress: true}
	for _, name := range []string{"c1", "c2", "c3"} {
		clone := must(s.cloned(source, name, func(spec *types.VirtualMachineCloneSpec) {
			nic := &types.VirtualVmxnet3{}
			nic.VirtualEthernetCard = *nicOf(was) // with the template's MAC, as a client sends it back
			spec.Location.DeviceChange = []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{
				Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: nic,
			}}
		}))
		vm := s.vm(clone.Reference(), "config")
		for _, identity := range []string{vm.Config.Uuid, vm.Config.InstanceUuid, nicOf(vm).MacAddress} {
			if seen[identity] {
				t.Fatal("given twice:", identity)
			}
			seen[identity] = true
		}
		s.same(nicOf(vm).AddressType, assigned, "address type")
	}
	clone := must(s.cloned(source, "c4", func(spec *types.VirtualMachineCloneSpec) {
		nic := &types.VirtualVmxnet3{}
		nic.VirtualEthernetCard = *nicOf(was)
		nic.AddressType, nic.MacAddress = manual, "00:50:56:00:00:09"
		spec.Location.DeviceChange = []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{
			Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: nic,
		}}
	}))
	s.same(nicOf(s.vm(clone.Reference(), "config")).MacAddress, "00:50:56:00:00:09", "a MAC given by hand")
	destroyed := s.vm(clone.Reference(), "config").Config.InstanceUuid
	if err := s.done(clone.Destroy(ctx)); err != nil {
		t.Fatal(err)
	}
	again := s.vm(must(s.cloned(source, "c4")).Reference(), "config")
	if again.Config.InstanceUuid == destroyed {
		t.Fatal("a machine made again has the old one's UUID")
	}
}

func TestSlowCloneReservesItsNameUnseen(t *testing.T) {
	s := serve(t, func(o *options) { o.cloneDelay = time.Hour })
	source := s.imported("app")
	pool := s.pool.Reference()
	spec := types.VirtualMachineCloneSpec{Location: types.VirtualMachineRelocateSpec{Pool: &pool}}
	task := must(source.Clone(ctx, s.folder, "c1", spec))
	s.until("the name is reserved", func() bool {
		s.vc.reserved.Lock()
		defer s.vc.reserved.Unlock()
		return len(s.vc.reserved.names) == 1
	})
	_, err := s.cloned(source, "c1")
	s.wants(err, &types.DuplicateName{})
	lease, err := s.pool.ImportVApp(ctx, s.importSpec("c1").ImportSpec, s.folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = lease.Wait(ctx, nil)
	s.wants(err, &types.DuplicateName{})
	s.same(s.names(), []string{"app"}, "machines that a view finds")
	s.vm(source.Reference(), "config") // the template can be read meanwhile
	if err := task.Cancel(ctx); err != nil {
		t.Fatal(err)
	}
	s.wants(task.Wait(ctx), &types.RequestCanceled{})
	s.vc.current.cloneDelay = 0
	if _, err := s.cloned(source, "c1"); err != nil {
		t.Fatal("the name is not free again:", err)
	}
	s.same(len(s.names()), 2, "machines afterwards")
}

func TestCloneOutlivesItsClient(t *testing.T) {
	s := serve(t, func(o *options) { o.cloneDelay = 300 * time.Millisecond })
	source := s.imported("app")
	other := s.login()
	pool := s.pool.Reference()
	must(object.NewVirtualMachine(other.Client, source.Reference()).Clone(ctx, s.folder, "c1",
		types.VirtualMachineCloneSpec{Location: types.VirtualMachineRelocateSpec{Pool: &pool}}))
	if err := other.Logout(ctx); err != nil {
		t.Fatal(err)
	}
	s.until("the clone is there", func() bool { return len(s.names()) == 2 })
}

// names are the machines' names as a view from the root finds them, sorted by nothing in particular.
func (s *site) names() []string {
	container, err := view.NewManager(s.client.Client).CreateContainerView(ctx, s.client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = container.Destroy(ctx) }()
	var found []mo.VirtualMachine
	if err := container.Retrieve(ctx, []string{"VirtualMachine"}, []string{"name"}, &found); err != nil {
		s.Fatal(err)
	}
	var names []string
	for _, vm := range found {
		names = append(names, vm.Name)
	}
	return names
}

func linked(snapshot types.ManagedObjectReference) func(*types.VirtualMachineCloneSpec) {
	return func(spec *types.VirtualMachineCloneSpec) {
		spec.Snapshot = &snapshot
		spec.Location.DiskMoveType = string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking)
	}
}

func (s *site) template(name string) (*object.VirtualMachine, types.ManagedObjectReference) {
	s.Helper()
	source := s.imported(name)
	task := must(source.CreateSnapshot(ctx, "slipway-base", "", false, false))
	snapshot := must(task.WaitForResult(ctx, nil)).Result.(types.ManagedObjectReference)
	if err := source.MarkAsTemplate(ctx); err != nil {
		s.Fatal(err)
	}
	return source, snapshot
}

func grown(vm mo.VirtualMachine) types.VirtualMachineConfigSpec {
	disk := *disksOf(vm.Config.Hardware.Device)[0]
	disk.CapacityInKB, disk.CapacityInBytes = 1<<20, 1<<30
	return types.VirtualMachineConfigSpec{DeviceChange: []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{
		Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: &disk,
	}}}
}

func TestLinkedCloneStandsOnItsParent(t *testing.T) {
	s := serve(t)
	source, snapshot := s.template("app")
	before := s.free()
	child := must(s.cloned(source, "c1", linked(snapshot)))
	vm := s.vm(child.Reference(), "config")
	own := backing(disksOf(s.vm(source.Reference(), "config").Config.Hardware.Device)[0])
	parent := own.Parent.FileName // the source itself writes to a delta since its snapshot
	if own.FileName != strings.Replace(parent, ".vmdk", "-000001.vmdk", 1) {
		t.Fatal(own.FileName, parent)
	}
	s.same(backing(disksOf(vm.Config.Hardware.Device)[0]).Parent.FileName, parent, "parent of the child's disk")
	s.same(before-s.free(), int64(2*linkedDiskBytes), "space that two deltas take")
	s.wants(s.done(child.Reconfigure(ctx, grown(vm))), &types.InvalidDeviceSpec{})
	if err := s.done(child.PowerOn(ctx)); err != nil {
		t.Fatal(err)
	}
	if err := s.done(child.PowerOff(ctx)); err != nil {
		t.Fatal(err)
	}
	if err := s.done(source.Destroy(ctx)); err != nil {
		t.Fatal("a parent in use cannot be destroyed:", err)
	}
	s.same(s.vc.counters().BrokenChildren, 1, "broken children")
	s.wants(s.done(child.PowerOn(ctx)), &types.FileNotFound{})
	if err := s.done(child.Destroy(ctx)); err != nil {
		t.Fatal(err)
	}
	s.same(s.vc.counters().BrokenChildren, 0, "broken children that are left")
}

func TestLinkedCloneNeedsItsSnapshot(t *testing.T) {
	s := serve(t)
	source, snapshot := s.template("app")
	_, err := s.cloned(source, "c1", linked(snapshot), func(spec *types.VirtualMachineCloneSpec) { spec.Snapshot = nil })
	s.wants(err, &types.InvalidArgument{})
}

func TestFullCloneGrowsOnlyWhenConsolidated(t *testing.T) {
	s := serve(t)
	source, _ := s.template("app")
	whole := must(s.cloned(source, "c1", func(spec *types.VirtualMachineCloneSpec) {
		spec.Location.DiskMoveType = string(types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndConsolidate)
	}))
	vm := s.vm(whole.Reference(), "config")
	if backing(disksOf(vm.Config.Hardware.Device)[0]).Parent != nil {
		t.Fatal("a consolidated disk has a parent")
	}
	if err := s.done(whole.Reconfigure(ctx, grown(vm))); err != nil {
		t.Fatal(err)
	}
	s.same(disksOf(s.vm(whole.Reference(), "config").Config.Hardware.Device)[1].CapacityInBytes, int64(1<<30), "capacity")
	split := must(s.cloned(source, "c2"))
	s.wants(s.done(split.Reconfigure(ctx, grown(s.vm(split.Reference(), "config")))), &types.InvalidDeviceSpec{})
}

func TestDiskOfMachineWithSnapshotDoesNotGrow(t *testing.T) {
	s := serve(t)
	vm := s.imported("app")
	if err := s.done(vm.CreateSnapshot(ctx, "s", "", false, false)); err != nil {
		t.Fatal(err)
	}
	s.wants(s.done(vm.Reconfigure(ctx, grown(s.vm(vm.Reference(), "config")))), &types.InvalidDeviceSpec{})
}

func TestOneSnapshotAtATime(t *testing.T) {
	s := serve(t)
	vm := s.imported("app")
	s.order(faultRule{Method: "CreateSnapshot_Task", InTask: true, Delay: 0.2, occasion: occasion{Times: 1}})
	first := must(vm.CreateSnapshot(ctx, "s", "", false, false))
	_, err := vm.CreateSnapshot(ctx, "s", "", false, false)
	s.wants(err, &types.TaskInProgress{Task: first.Reference()})
	if err := first.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.done(vm.CreateSnapshot(ctx, "s", "", false, false)); err != nil {
		t.Fatal(err)
	}
}

func TestTemplateRules(t *testing.T) {
	s := serve(t)
	template, _ := s.template("app")
	s.wants(s.done(template.CreateSnapshot(ctx, "late", "", false, false)), &types.NotSupported{})
	s.wants(s.done(template.PowerOn(ctx)), &types.InvalidState{})
	s.wants(template.MarkAsTemplate(ctx), &types.NotSupported{})
	vm := s.vm(template.Reference(), "resourcePool", "config.template", "summary.config.template")
	if vm.ResourcePool != nil || !vm.Config.Template || !vm.Summary.Config.Template {
		t.Fatal(vm)
	}
	running := s.imported("on")
	if err := s.done(running.PowerOn(ctx)); err != nil {
		t.Fatal(err)
	}
	s.wants(running.MarkAsTemplate(ctx), &types.InvalidPowerState{})
}

func TestUnknownNetworkIsRefused(t *testing.T) {
	s := serve(t)
	source := s.imported("app")
	was := s.vm(source.Reference(), "config")
	for _, gone := range []types.BaseVirtualDeviceBackingInfo{
		&types.VirtualEthernetCardNetworkBackingInfo{VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: "gone"}},
		&types.VirtualEthernetCardDistributedVirtualPortBackingInfo{Port: types.DistributedVirtualSwitchPortConnection{PortgroupKey: "gone"}},
	} {
		nic := &types.VirtualVmxnet3{}
		nic.VirtualEthernetCard = *nicOf(was)
		nic.Backing = gone
		_, err := s.cloned(source, "c1", func(spec *types.VirtualMachineCloneSpec) {
			spec.Location.DeviceChange = []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{
				Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: nic,
			}}
		})
		s.wants(err, &types.InvalidDeviceSpec{})
	}
}

func TestRenameAndNames(t *testing.T) {
	s := serve(t)
	source := s.imported("app")
	must(s.cloned(source, "c1"))
	rename := func(name string) error {
		response, err := methods.Rename_Task(ctx, s.client.Client, &types.Rename_Task{This: source.Reference(), NewName: name})
		if err != nil {
			return err
		}
		return object.NewTask(s.client.Client, response.Returnval).Wait(ctx)
	}
	s.wants(rename("c1"), &types.DuplicateName{})
	s.wants(rename(longName), &types.InvalidName{})
	if err := rename("final"); err != nil {
		t.Fatal(err)
	}
	vm := s.vm(source.Reference(), "name", "config.name", "summary.config.name")
	s.same([]string{vm.Name, vm.Config.Name, vm.Summary.Config.Name}, []string{"final", "final", "final"}, "names")
	_, err := s.cloned(source, longName)
	s.wants(err, &types.InvalidName{})
	if _, err := s.folder.CreateFolder(ctx, "f"); err != nil {
		t.Fatal(err)
	}
	_, err = s.folder.CreateFolder(ctx, "f")
	s.wants(err, &types.DuplicateName{})
	if err := rename("app"); err != nil { // its files have that name already
		t.Fatal(err)
	}
	if err := rename("other"); err != nil {
		t.Fatal(err)
	}
	s.imported("app") // the name is free, the files of the first are in the way
}

const longName = "123456789012345678901234567890123456789012345678901234567890123456789012345678901"

func TestChangesArePublished(t *testing.T) {
	s := serve(t)
	vm := s.imported("app")
	fields := must(object.GetCustomFieldsManager(s.client.Client))
	field := must(fields.Add(ctx, "f", "VirtualMachine", nil, nil))
	for _, change := range []struct {
		path string
		do   func() error
	}{
		{"config.annotation", func() error {
			return s.done(vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{Annotation: "new"}))
		}},
		{"summary.config.annotation", func() error {
			return s.done(vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{Annotation: "newer"}))
		}},
		{"config.hardware.numCPU", func() error {
			return s.done(vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{NumCPUs: 3}))
		}},
		{"config.vAppConfig", func() error {
			return s.done(vm.Reconfigure(ctx, *editValue(types.ArrayUpdateOperationEdit, 0, "", "10.9.9.9")))
		}},
		{"customValue", func() error { return fields.Set(ctx, vm.Reference(), field.Key, "x") }},
		{"summary.customValue", func() error { return fields.Set(ctx, vm.Reference(), field.Key, "y") }},
		{"value", func() error {
			_, err := methods.SetCustomValue(ctx, s.client.Client, &types.SetCustomValue{This: vm.Reference(), Key: "f", Value: "z"})
			return err
		}},
		{"name", func() error { return s.done(vm.Rename(ctx, "renamed")) }},
		{"config.template", func() error { return vm.MarkAsTemplate(ctx) }},
	} {
		seen := make(chan error, 1)
		begun := make(chan struct{})
		go func() {
			first := true
			seen <- property.Wait(ctx, property.DefaultCollector(s.client.Client), vm.Reference(), []string{change.path},
				func([]types.PropertyChange) bool {
					if first {
						first = false
						close(begun)
						return false
					}
					return true
				})
		}()
		<-begun
		if err := change.do(); err != nil {
			t.Fatal(change.path, err)
		}
		select {
		case err := <-seen:
			if err != nil {
				t.Fatal(change.path, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("never published: ", change.path)
		}
	}
}

func TestGuestGetsReady(t *testing.T) {
	s := serve(t)
	vm := s.imported("app")
	if err := s.done(vm.PowerOn(ctx)); err != nil {
		t.Fatal(err)
	}
	s.until("the guest is ready", func() bool {
		guest := s.vm(vm.Reference(), "guest").Guest
		return guest.GuestOperationsReady != nil && *guest.GuestOperationsReady
	})
	guest := s.vm(vm.Reference(), "guest").Guest
	s.same(guest.IpAddress, "10.0.0.7", "address of the property")
	s.same(guest.HostName, "app", "host name")
	s.same(guest.ToolsRunningStatus, "guestToolsRunning", "tools")
	s.wants(s.done(vm.Destroy(ctx)), &types.InvalidPowerState{})
	if err := s.done(vm.PowerOff(ctx)); err != nil {
		t.Fatal(err)
	}
	s.same(s.vm(vm.Reference(), "guest").Guest.ToolsRunningStatus, "guestToolsNotRunning", "tools")
}

func TestFolderIsDestroyedWithItsContents(t *testing.T) {
	s := serve(t)
	sub := must(s.folder.CreateFolder(ctx, "sub"))
	inner := must(sub.CreateFolder(ctx, "inner"))
	s.folder = inner
	s.imported("app")
	if err := s.done(sub.Destroy(ctx)); err != nil {
		t.Fatal(err)
	}
	s.same(s.names(), []string(nil), "machines")
	if _, err := find.NewFinder(s.client.Client).Folder(ctx, "/DC0/vm/sub"); err == nil {
		t.Fatal("the folder is still there")
	}
}

func TestDevicesAreLabelled(t *testing.T) {
	s := serve(t)
	source := s.imported("app")
	portgroup := must(s.finder.Network(ctx, "DC0_DVPG0"))
	nic := &types.VirtualVmxnet3{}
	nic.VirtualEthernetCard = *nicOf(s.vm(source.Reference(), "config"))
	nic.Backing = must(portgroup.EthernetCardBackingInfo(ctx))
	clone := must(s.cloned(source, "c1", func(spec *types.VirtualMachineCloneSpec) {
		spec.Location.DeviceChange = []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{
			Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: nic,
		}}
	}))
	added := &types.VirtualVmxnet3{}
	added.Backing, added.Key = nic.Backing, -1
	if err := s.done(clone.Reconfigure(ctx, types.VirtualMachineConfigSpec{DeviceChange: []types.BaseVirtualDeviceConfigSpec{
		&types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: added},
	}})); err != nil {
		t.Fatal(err)
	}
	var labels []string
	for _, device := range s.vm(clone.Reference(), "config").Config.Hardware.Device {
		switch d := device.(type) {
		case *types.VirtualDisk:
			labels = append(labels, d.DeviceInfo.GetDescription().Label)
		case types.BaseVirtualEthernetCard:
			info := d.GetVirtualEthernetCard().DeviceInfo.GetDescription()
			labels = append(labels, info.Label, info.Summary[:len("DVSwitch")])
		}
	}
	s.same(labels, []string{"Hard disk 1", "Hard disk 2", "Network adapter 1", "DVSwitch", "Network adapter 2", "DVSwitch"}, "labels")
}
