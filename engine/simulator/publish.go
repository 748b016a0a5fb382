package main

import (
	"reflect"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// publish runs change under the object's lock and announces every property that it changed by its narrowest path,
// because that is what a filter of WaitForUpdatesEx is compared with (`config.template`, not `config`).
func publish(ctx *simulator.Context, object mo.Reference, change func()) {
	ctx.WithLock(object, func() {
		before := simulator.Checkpoint(object)
		change()
		announce(ctx, object, before)
	})
}

// announce compares the object with a checkpoint of it. The caller holds the object's lock.
func announce(ctx *simulator.Context, object, before mo.Reference) {
	after := simulator.Checkpoint(object)
	var changes []types.PropertyChange
	differences("", reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem(), &changes)
	if len(changes) > 0 {
		ctx.Update(object, changes)
	}
}

func differences(prefix string, before, after reflect.Value, changes *[]types.PropertyChange) {
	for i := range before.NumField() {
		field := before.Type().Field(i)
		old, new := before.Field(i), after.Field(i)
		if field.Name == "Self" || reflect.DeepEqual(old.Interface(), new.Interface()) {
			continue
		}
		if field.Anonymous {
			differences(prefix, old, new, changes)
			continue
		}
		path := prefix + strings.ToLower(field.Name[:1]) + field.Name[1:]
		if old.Kind() == reflect.Pointer && old.Type().Elem().Kind() == reflect.Struct {
			if !old.IsNil() && !new.IsNil() && old.Type().Elem().Name() != "Time" {
				differences(path+".", old.Elem(), new.Elem(), changes)
				continue
			}
		}
		if old.Kind() == reflect.Struct && old.Type().Name() != "Time" {
			differences(path+".", old, new, changes)
			continue
		}
		if value, differs := changedTo(old, new); differs {
			*changes = append(*changes, types.PropertyChange{Name: path, Val: value})
		}
	}
}

// changedTo is the new value as a PropertyChange carries it: nil when it was taken away.
func changedTo(old, new reflect.Value) (any, bool) {
	switch new.Kind() {
	case reflect.Pointer:
		if new.IsNil() {
			return nil, true
		}
		return new.Elem().Interface(), true
	case reflect.Interface:
		if new.IsNil() {
			return nil, true
		}
	case reflect.Slice:
		if old.Len() == 0 && new.Len() == 0 {
			return nil, false // nil and empty look alike to a client
		}
	}
	return new.Interface(), true
}
