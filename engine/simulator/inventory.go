package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"
)

// createInventory makes DC0 with the cluster DC0_C0 of three hosts, the pool DC0_C0_RP1, LocalDS_0, VM Network and
// DC0_DVPG0, the portgroups and folders of the options, and no machines.
func (vc *vcenter) createInventory() error {
	about := &vc.model.ServiceContent.About
	about.Version, about.ApiVersion = "8.0.3", "8.0.3.0"
	about.Name, about.FullName, about.Vendor = product, product+" "+about.Version, "Slipway"
	about.InstanceUuid = vc.instanceUUID
	if about.InstanceUuid == "" {
		about.InstanceUuid = uuid.NewString()
	}
	vc.model.Machine, vc.model.Host, vc.model.Pool = 0, 0, 1
	if err := vc.model.Create(); err != nil {
		return err
	}
	if err := vc.nameHosts(); err != nil {
		return err
	}
	vc.setDRS()
	return vc.addNamed()
}

// nameHosts gives every host an address of its own, 127.0.0.1 to 127.0.0.3, as its name, and an HTTPS server there. Its
// port, 443 on an ESXi host, is summary.config.port.
func (vc *vcenter) nameHosts() error {
	ctx := vc.context()
	cluster := ctx.Map.Any("ClusterComputeResource").(*simulator.ClusterComputeResource)
	for i, ref := range cluster.Host {
		host := ctx.Map.Get(ref).(*simulator.HostSystem)
		served, err := vc.serveHost(fmt.Sprintf("127.0.0.%d", i+1))
		if err != nil {
			return err
		}
		vc.hosts = append(vc.hosts, served)
		host.Name = served.name
		host.Summary.Config.Name, host.Summary.Config.Port = served.name, int32(served.port)
		host.Summary.Config.SslThumbprint = thumbprint(served.certificate)
		host.Config.Network.Vnic[0].Spec.Ip.IpAddress = served.name
	}
	return nil
}

func (vc *vcenter) setDRS() {
	cluster := vc.model.Map().Any("ClusterComputeResource").(*simulator.ClusterComputeResource)
	config := cluster.ConfigurationEx.(*types.ClusterConfigInfoEx)
	config.DrsConfig.Enabled = types.NewBool(vc.drs)
	config.DrsConfig.DefaultVmBehavior = types.DrsBehaviorFullyAutomated
	cluster.Configuration.DrsConfig = config.DrsConfig
}

// addNamed adds the folders, datastores and portgroups that the options name.
func (vc *vcenter) addNamed() error {
	ctx := context.Background()
	client, err := vim25.NewClient(ctx, vc.model.Service)
	if err != nil {
		return err
	}
	finder := find.NewFinder(client, false)
	datacenter, err := finder.DefaultDatacenter(ctx)
	if err != nil {
		return err
	}
	folders, err := datacenter.Folders(ctx)
	if err != nil {
		return err
	}
	for _, name := range vc.folders {
		if _, err := folders.VmFolder.CreateFolder(ctx, name); err != nil {
			return fmt.Errorf("folder %s: %w", name, err)
		}
	}
	if err := vc.addDatastores(ctx, finder.SetDatacenter(datacenter), folders); err != nil {
		return err
	}
	if len(vc.portgroups) == 0 {
		return nil
	}
	dvs := vc.model.Map().Any("DistributedVirtualSwitch").(*simulator.DistributedVirtualSwitch)
	var specs []types.DVPortgroupConfigSpec
	for _, name := range vc.portgroups {
		specs = append(specs, types.DVPortgroupConfigSpec{
			Name: name, Type: string(types.DistributedVirtualPortgroupPortgroupTypeEarlyBinding), NumPorts: 8,
		})
	}
	own := vc.context()
	added := dvs.AddDVPortgroupTask(own, &types.AddDVPortgroup_Task{This: dvs.Self, Spec: specs})
	if _, fault := completed(own, taskOf(added)); fault != nil {
		return fmt.Errorf("portgroups %v: %s", vc.portgroups, message(fault))
	}
	return nil
}
