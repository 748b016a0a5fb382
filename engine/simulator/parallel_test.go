package main

import (
	"fmt"
	"sync"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// Many clones of one template at once, into a vApp and a folder, with readers beside: nothing blocks for ever, no name,
// MAC or UUID is given twice.
func TestManyAtOnce(t *testing.T) {
	s := serve(t)
	source, snapshot := s.template("app")
	app := s.vapp("lab01")
	const clones = 40
	made := make([]*object.VirtualMachine, clones)
	errs := make([]error, clones)
	var group sync.WaitGroup
	for i := range clones {
		group.Go(func() {
			var change []func(*types.VirtualMachineCloneSpec)
			if i%2 == 0 {
				change = append(change, into(app))
			}
			if i%3 == 0 {
				change = append(change, linked(snapshot))
			}
			made[i], errs[i] = s.cloned(source, fmt.Sprintf("c%d", i), change...)
			if errs[i] == nil {
				errs[i] = s.done(made[i].PowerOn(ctx))
			}
		})
		group.Go(func() { s.names() })
	}
	duplicates := 0
	var mu sync.Mutex
	for range 8 {
		group.Go(func() {
			if _, err := s.cloned(source, "same"); err != nil {
				mu.Lock()
				duplicates++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	seen := map[string]bool{}
	for i, vm := range made {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		config := s.vm(vm.Reference(), "config")
		for _, identity := range []string{config.Config.InstanceUuid, config.Config.Uuid, nicOf(config).MacAddress} {
			if seen[identity] {
				t.Fatal("given twice:", identity)
			}
			seen[identity] = true
		}
	}
	s.same(duplicates, 7, "clones of a taken name")
	s.same(len(s.names()), clones+2, "machines")
	if err := s.done(app.PowerOff(ctx, true)); err != nil {
		t.Fatal(err)
	}
	if err := s.done(app.Destroy(ctx)); err != nil {
		t.Fatal(err)
	}
	s.same(len(s.names()), clones/2+2, "machines left")
}
