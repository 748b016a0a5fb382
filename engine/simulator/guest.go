package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func (m *machine) PowerOnVMTask(ctx *simulator.Context, req *types.PowerOnVM_Task) soap.HasFault {
	if m.Config.Template {
		return m.VirtualMachine.PowerOnVMTask(ctx, req) // InvalidState
	}
	ref := m.vc.task(ctx, m, "PowerOnVM_Task", func(ctx *simulator.Context, _ *task) (types.AnyType, types.BaseMethodFault) {
		return nil, m.powerOn(ctx)
	})
	return &methods.PowerOnVM_TaskBody{Res: &types.PowerOnVM_TaskResponse{Returnval: ref}}
}

func (m *machine) PowerOffVMTask(ctx *simulator.Context, _ *types.PowerOffVM_Task) soap.HasFault {
	ref := m.vc.task(ctx, m, "PowerOffVM_Task", func(ctx *simulator.Context, _ *task) (types.AnyType, types.BaseMethodFault) {
		return nil, m.powerOff(ctx)
	})
	return &methods.PowerOffVM_TaskBody{Res: &types.PowerOffVM_TaskResponse{Returnval: ref}}
}

// powerOn starts the machine and, after the guest delay, its guest.
func (m *machine) powerOn(ctx *simulator.Context) types.BaseMethodFault {
	if fault := m.reachable(ctx); fault != nil {
		return fault
	}
	if missing := m.vc.brokenFile(m.Self); missing != "" {
		return &types.FileNotFound{FileFault: types.FileFault{File: missing}}
	}
	body := m.VirtualMachine.PowerOnVMTask(ctx, &types.PowerOnVM_Task{This: m.Self}).(*methods.PowerOnVM_TaskBody)
	if body.Fault_ != nil {
		return &types.InvalidState{}
	}
	if _, fault := completed(ctx, body.Res.Returnval); fault != nil {
		return fault
	}
	booted := m.Summary.Runtime.BootTime
	time.AfterFunc(m.vc.settings().guestDelay, func() {
		if m.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn && m.Summary.Runtime.BootTime == booted {
			m.guestReady(m.vc.context())
		}
	})
	return nil
}

func (m *machine) powerOff(ctx *simulator.Context) types.BaseMethodFault {
	if fault := m.reachable(ctx); fault != nil {
		return fault
	}
	ref := m.VirtualMachine.PowerOffVMTask(ctx, &types.PowerOffVM_Task{This: m.Self}).(*methods.PowerOffVM_TaskBody).Res.Returnval
	if _, fault := completed(ctx, ref); fault != nil {
		return fault
	}
	m.showGuest(ctx, types.VirtualMachineToolsRunningStatusGuestToolsNotRunning, "", "")
	return nil
}

// guestReady is the guest after boot: tools running, with the address that the OVF properties gave it.
func (m *machine) guestReady(ctx *simulator.Context) {
	address := m.property("guestinfo.ipaddress")
	if address == "" {
		n := m.vc.nextAddress.Add(1)
		address = fmt.Sprintf("192.0.2.%d", 1+n%254) // documentation range, RFC 5737
	}
	host := m.property("guestinfo.hostname")
	if host == "" {
		host = m.Name
	}
	m.showGuest(ctx, types.VirtualMachineToolsRunningStatusGuestToolsRunning, address, host)
}

// property is the value of an OVF property by its key (`guestinfo.ipaddress`, with or without a class), empty when absent.
func (m *machine) property(id string) string {
	if m.Config.VAppConfig == nil {
		return ""
	}
	for _, property := range m.Config.VAppConfig.GetVmConfigInfo().Property {
		if property.Id == id || strings.HasSuffix(property.ClassId+"."+property.Id, id) {
			if property.Value != "" {
				return property.Value
			}
			return property.DefaultValue
		}
	}
	return ""
}

func (m *machine) showGuest(ctx *simulator.Context, running types.VirtualMachineToolsRunningStatus, address, host string) {
	ready := running == types.VirtualMachineToolsRunningStatusGuestToolsRunning
	status, state := types.VirtualMachineToolsStatusToolsNotRunning, "notRunning"
	var nics []types.GuestNicInfo
	if ready {
		status, state = types.VirtualMachineToolsStatusToolsOk, "running"
	}
	for i, nic := range m.Guest.Net {
		nic.IpAddress = nil
		nic.Connected = ready
		if ready && i == 0 {
			nic.IpAddress = []string{address}
		}
		nics = append(nics, nic)
	}
	ctx.Map.AtomicUpdate(ctx, m.VirtualMachine, []types.PropertyChange{
		{Name: "guest.net", Val: nics},
		{Name: "guest.ipAddress", Val: address},
		{Name: "guest.hostName", Val: host},
		{Name: "guest.toolsRunningStatus", Val: string(running)},
		{Name: "guest.toolsStatus", Val: status},
		{Name: "guest.guestState", Val: state},
		{Name: "guest.guestOperationsReady", Val: ready},
		{Name: "summary.guest.ipAddress", Val: address},
		{Name: "summary.guest.hostName", Val: host},
		{Name: "summary.guest.toolsRunningStatus", Val: string(running)},
		{Name: "summary.guest.toolsStatus", Val: status},
	})
}
