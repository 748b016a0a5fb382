package main

import (
	"sync"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const linkedDiskBytes = 1 << 20 // what a fresh delta disk takes

// space is what every file takes on its datastore, thin: bytes that were uploaded or copied, not capacity. The simulator
// counts capacity as taken.
type space struct {
	sync.Mutex
	capacity int64            // bytes, of each datastore
	used     map[string]int64 // datastore path, `[LocalDS_0] vm/vm.vmdk`, to bytes
}

func (s *space) free(datastore string) int64 {
	s.Lock()
	defer s.Unlock()
	return s.freeLocked(datastore)
}

func (s *space) freeLocked(datastore string) int64 {
	free := s.capacity
	var path object.DatastorePath
	for file, bytes := range s.used {
		if path.FromString(file) && path.Datastore == datastore {
			free -= bytes
		}
	}
	return max(free, 0)
}

func (s *space) setCapacity(bytes int64) {
	s.Lock()
	s.capacity = bytes
	s.Unlock()
}

// take sets a file's size, unless the datastore cannot hold it.
func (s *space) take(file string, bytes int64) types.BaseMethodFault {
	var path object.DatastorePath
	path.FromString(file)
	s.Lock()
	defer s.Unlock()
	if bytes-s.used[file] > s.freeLocked(path.Datastore) {
		return &types.NoDiskSpace{FileFault: types.FileFault{File: file}, Datastore: path.Datastore}
	}
	s.used[file] = bytes
	return nil
}

func (s *space) giveBack(files []string) {
	s.Lock()
	for _, file := range files {
		delete(s.used, file)
	}
	s.Unlock()
}

func (s *space) size(file string) int64 {
	s.Lock()
	defer s.Unlock()
	return s.used[file]
}

// datastore presents capacity and free space as this accounting has them.
type datastore struct {
	*simulator.Datastore
	vc *vcenter
}

func (d *datastore) Get() mo.Reference {
	shown := d.Datastore.Datastore
	shown.Summary.FreeSpace = d.vc.space.free(d.Name)
	shown.Summary.Capacity = d.vc.space.capacity
	return &shown
}

// announceSpace tells watchers of the datastores about their free space.
func (vc *vcenter) announceSpace(ctx *simulator.Context) {
	for _, entity := range ctx.Map.All("Datastore") {
		ctx.Map.AtomicUpdate(ctx, entity, []types.PropertyChange{
			{Name: "summary.freeSpace", Val: vc.space.free(entity.Entity().Name)},
			{Name: "summary.capacity", Val: vc.space.capacity},
		})
	}
}
