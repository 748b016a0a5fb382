package main

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

type customFields struct {
	*simulator.CustomFieldsManager
	vc *vcenter
}

// AddCustomFieldDef gives keys from 1 on: a vCenter has no field with key 0, the simulator starts there.
func (c *customFields) AddCustomFieldDef(ctx *simulator.Context, req *types.AddCustomFieldDef) soap.HasFault {
	body := c.CustomFieldsManager.AddCustomFieldDef(ctx, req)
	if made, ok := body.(*methods.AddCustomFieldDefBody); ok && made.Res != nil && made.Res.Returnval.Key == 0 {
		c.RemoveCustomFieldDef(ctx, &types.RemoveCustomFieldDef{This: req.This, Key: 0})
		return c.CustomFieldsManager.AddCustomFieldDef(ctx, req)
	}
	return body
}

// SetField publishes the new value; the simulator tells nobody.
func (c *customFields) SetField(ctx *simulator.Context, req *types.SetField) soap.HasFault {
	entity, ok := ctx.Map.Get(req.Entity).(mo.Entity)
	if !ok {
		return &methods.SetFieldBody{Fault_: faultOf(&types.ManagedObjectNotFound{Obj: req.Entity})}
	}
	body := c.CustomFieldsManager.SetField(ctx, req)
	if body.Fault() == nil {
		publishFields(ctx, entity)
	}
	return body
}

// publishFields announces an entity's custom values, in all the places where they can be read.
func publishFields(ctx *simulator.Context, entity mo.Entity) {
	ctx.WithLock(entity, func() {
		values := slices.Clone(entity.Entity().CustomValue)
		changes := []types.PropertyChange{{Name: "customValue", Val: values}, {Name: "value", Val: values}}
		if entity.Reference().Type == "VirtualMachine" {
			changes = append(changes, types.PropertyChange{Name: "summary.customValue", Val: values})
		}
		ctx.Update(entity, changes)
	})
}
