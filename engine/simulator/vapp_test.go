package main

import (
	"testing"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

func (s *site) vapp(name string) *object.VirtualApp {
	s.Helper()
	app, err := s.pool.CreateVApp(ctx, name, types.DefaultResourceConfigSpec(), types.VAppConfigSpec{}, s.folder)
	if err != nil {
		s.Fatal(err)
	}
	return app
}

func into(app *object.VirtualApp) func(*types.VirtualMachineCloneSpec) {
	pool := app.Reference()
	return func(spec *types.VirtualMachineCloneSpec) { spec.Location.Pool = &pool }
}

func TestMachineInVAppHasNoParent(t *testing.T) {
	s := serve(t)
	source, app := s.imported("app"), s.vapp("lab01")
	clone := must(s.cloned(source, "c1", into(app)))
	vm := s.vm(clone.Reference(), "parent", "parentVApp")
	if vm.Parent != nil || vm.ParentVApp == nil || *vm.ParentVApp != app.Reference() {
		t.Fatal(vm.Parent, vm.ParentVApp)
	}
	var in mo.VirtualApp
	if err := app.Properties(ctx, app.Reference(), []string{"vm", "name"}, &in); err != nil {
		t.Fatal(err)
	}
	s.same(in.Vm, []types.ManagedObjectReference{clone.Reference()}, "vApp.vm")
	var folder mo.Folder
	if err := s.folder.Properties(ctx, s.folder.Reference(), []string{"childEntity"}, &folder); err != nil {
		t.Fatal(err)
	}
	s.same(folder.ChildEntity, []types.ManagedObjectReference{source.Reference(), app.Reference()}, "children of the folder")
	s.same(len(s.names()), 2, "machines that a view from the root finds")
	found, err := object.NewSearchIndex(s.client.Client).FindByInventoryPath(ctx, "/DC0/vm/lab01/c1")
	if err != nil || found == nil || found.Reference() != clone.Reference() {
		t.Fatal(found, err)
	}
	_, err = s.cloned(source, "c1", into(app))
	s.wants(err, &types.DuplicateName{})
	if _, err := s.cloned(source, "c1"); err != nil {
		t.Fatal("the name is free in the folder:", err)
	}
	s.wants(clone.MarkAsTemplate(ctx), &types.NotSupported{})
	if err := s.done(clone.Reconfigure(ctx, types.VirtualMachineConfigSpec{Annotation: "x"})); err != nil {
		t.Fatal(err)
	}
	if err := s.done(clone.Rename(ctx, "c2")); err != nil {
		t.Fatal(err)
	}
}

func TestVAppPowerAndDestroy(t *testing.T) {
	s := serve(t)
	source, app := s.imported("app"), s.vapp("lab01")
	clones := []*object.VirtualMachine{must(s.cloned(source, "c1", into(app))), must(s.cloned(source, "c2", into(app)))}
	if err := s.done(app.PowerOn(ctx)); err != nil {
		t.Fatal(err)
	}
	for _, clone := range clones {
		s.same(s.vm(clone.Reference(), "runtime").Runtime.PowerState, types.VirtualMachinePowerStatePoweredOn, "power")
	}
	s.wants(s.done(app.Destroy(ctx)), &types.InvalidPowerState{})
	if err := s.done(app.PowerOff(ctx, true)); err != nil {
		t.Fatal(err)
	}
	if err := s.done(app.Destroy(ctx)); err != nil {
		t.Fatal(err)
	}
	s.same(s.names(), []string{"app"}, "machines left")
	if _, err := find.NewFinder(s.client.Client).VirtualApp(ctx, "/DC0/host/DC0_C0/Resources/DC0_C0_RP1/lab01"); err == nil {
		t.Fatal("the vApp is still there")
	}
	s.vapp("lab01") // its name is free again
}

func TestVAppNamesAreUnique(t *testing.T) {
	s := serve(t)
	s.vapp("lab01")
	for _, folder := range []*object.Folder{s.folder, nil} {
		_, err := s.pool.CreateVApp(ctx, "lab01", types.DefaultResourceConfigSpec(), types.VAppConfigSpec{}, folder)
		s.wants(err, &types.DuplicateName{})
	}
}

func TestImportIntoVAppTakesNoFolder(t *testing.T) {
	s := serve(t)
	app := s.vapp("lab01")
	spec := s.importSpec("direct")
	_, err := app.ImportVApp(ctx, spec.ImportSpec, s.folder, nil)
	s.wants(err, &types.InvalidArgument{})
	lease, err := app.ImportVApp(ctx, spec.ImportSpec, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	info := must(lease.Wait(ctx, spec.FileItem))
	if vm := s.vm(info.Entity, "parent", "parentVApp"); vm.Parent != nil || vm.ParentVApp == nil {
		t.Fatal(vm)
	}
	if err := lease.Abort(ctx, nil); err != nil {
		t.Fatal(err)
	}
}

func TestWithoutDRS(t *testing.T) {
	s := serve(t, func(o *options) { o.drs = false })
	cluster := must(s.finder.ClusterComputeResource(ctx, "DC0_C0"))
	config := must(cluster.Configuration(ctx))
	s.same(*config.DrsConfig.Enabled, false, "drsConfig.enabled")
	_, err := s.pool.Create(ctx, "p", types.DefaultResourceConfigSpec())
	s.wants(err, &types.NotSupported{})
	_, err = s.pool.CreateVApp(ctx, "a", types.DefaultResourceConfigSpec(), types.VAppConfigSpec{}, nil)
	s.wants(err, &types.NotSupported{})
	spec := s.importSpec("app")
	_, err = s.pool.ImportVApp(ctx, spec.ImportSpec, s.folder, nil)
	s.wants(err, &types.InvalidArgument{})
	host := must(s.finder.HostSystem(ctx, "127.0.0.2"))
	lease, err := s.pool.ImportVApp(ctx, spec.ImportSpec, s.folder, host)
	if err != nil {
		t.Fatal(err)
	}
	info := must(lease.Wait(ctx, spec.FileItem))
	s.same(info.Items[0].URL.Hostname(), "127.0.0.2", "upload host")
	must(s.post(info.Items[0].URL.String(), diskBytes))
	if err := lease.Complete(ctx); err != nil {
		t.Fatal(err)
	}
	source := object.NewVirtualMachine(s.client.Client, info.Entity)
	_, err = s.cloned(source, "c1")
	s.wants(err, &types.InvalidArgument{})
	on := host.Reference()
	if _, err := s.cloned(source, "c1", func(spec *types.VirtualMachineCloneSpec) { spec.Location.Host = &on }); err != nil {
		t.Fatal(err)
	}
}

func TestDisconnectedHost(t *testing.T) {
	s := serve(t, func(o *options) { o.drs = true })
	source := s.imported("app")
	vm := s.vm(source.Reference(), "runtime")
	var host mo.HostSystem
	if err := source.Properties(ctx, *vm.Runtime.Host, []string{"name"}, &host); err != nil {
		t.Fatal(err)
	}
	if !s.vc.connect(s.vc.context(), host.Name, false) {
		t.Fatal("no such host")
	}
	s.same(s.vm(source.Reference(), "runtime").Runtime.ConnectionState, types.VirtualMachineConnectionStateDisconnected, "state")
	_, err := s.cloned(source, "c1")
	s.wants(err, &types.HostNotConnected{})
	s.vc.connect(s.vc.context(), host.Name, true)
	if _, err := s.cloned(source, "c1"); err != nil {
		t.Fatal(err)
	}
}
