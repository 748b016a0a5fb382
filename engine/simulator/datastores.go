package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// addDatastores makes the datastores of the options, `NAME` for all hosts and `NAME@HOST` for one, and the datastore
// clusters, `NAME=MEMBER,MEMBER`.
func (vc *vcenter) addDatastores(ctx context.Context, finder *find.Finder, folders *object.DatacenterFolders) error {
	hosts, err := finder.HostSystemList(ctx, "*/*")
	if err != nil {
		return err
	}
	for _, option := range vc.datastores {
		name, only, _ := strings.Cut(option, "@")
		path := filepath.Join(vc.folder(), name)
		if err := os.Mkdir(path, 0o700); err != nil {
			return err
		}
		for _, host := range hosts {
			if only != "" && host.Name() != only {
				continue
			}
			system, err := host.ConfigManager().DatastoreSystem(ctx)
			if err == nil {
				_, err = system.CreateLocalDatastore(ctx, name, path)
			}
			if err != nil {
				return fmt.Errorf("datastore %s: %w", name, err)
			}
		}
	}
	for _, option := range vc.clusters {
		name, members, _ := strings.Cut(option, "=")
		pod, err := folders.DatastoreFolder.CreateStoragePod(ctx, name)
		if err != nil {
			return fmt.Errorf("datastore cluster %s: %w", name, err)
		}
		var refs []types.ManagedObjectReference
		for _, member := range strings.Split(members, ",") {
			found, err := finder.Datastore(ctx, member)
			if err != nil {
				return fmt.Errorf("datastore cluster %s: %w", name, err)
			}
			refs = append(refs, found.Reference())
		}
		task, err := pod.MoveInto(ctx, refs)
		if err == nil {
			err = task.Wait(ctx)
		}
		if err != nil {
			return fmt.Errorf("datastore cluster %s: %w", name, err)
		}
	}
	return nil
}

// maintain puts a datastore into maintenance or ends that. False when there is none of that name.
func (vc *vcenter) maintain(ctx *simulator.Context, name string, maintenance bool) bool {
	state := types.DatastoreSummaryMaintenanceModeStateNormal
	if maintenance {
		state = types.DatastoreSummaryMaintenanceModeStateInMaintenance
	}
	for _, entity := range ctx.Map.All("Datastore") {
		if entity.Entity().Name == name {
			ctx.Map.AtomicUpdate(ctx, entity, []types.PropertyChange{{Name: "summary.maintenanceMode", Val: string(state)}})
			return true
		}
	}
	return false
}
