package main

import (
	"fmt"
	"log"
	"regexp"
	"slices"
	"strings"

	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

type ovfManager struct {
	*simulator.OvfManager
	vc *vcenter
}

var (
	diskElement = regexp.MustCompile(`<(?:\w+:)?Disk\s[^>]*>`)
	// subtypes is a choice of device models, `PCNet32 E1000`: the last is the newest, the simulator wants one.
	subtypes = regexp.MustCompile(`(ResourceSubType>)\s*(?:[\w.]+[ ,]+)+([\w.]+)\s*</`)
	// ipAssignment is VMware's section about how the guest learns its address.
	ipAssignment = regexp.MustCompile(`<\w+:IpAssignmentSection\s[^>]*>`)
	ipSchemes    = regexp.MustCompile(`:schemes="([^"]*)"`)
	ipProtocols  = regexp.MustCompile(`:protocols="([^"]*)"`)
)

// CreateImportSpec is the simulator's, which falls over descriptors with blank disks and forgets annotation, transport,
// EULA, IP assignment and how disks are provisioned.
func (o *ovfManager) CreateImportSpec(ctx *simulator.Context, req *types.CreateImportSpec) (body soap.HasFault) {
	refuse := func(fault types.BaseMethodFault) soap.HasFault {
		return &methods.CreateImportSpecBody{Fault_: faultOf(fault)}
	}
	defer func() {
		if reason := recover(); reason != nil {
			log.Printf("CreateImportSpec: %v", reason)
			body = refuse(&types.InvalidArgument{InvalidProperty: "ovfDescriptor"})
		}
	}()
	if _, ok := ctx.Map.Get(req.Datastore).(*simulator.Datastore); !ok {
		return refuse(&types.ManagedObjectNotFound{Obj: req.Datastore})
	}
	whole, err := ovf.Unmarshal(strings.NewReader(req.OvfDescriptor))
	if err != nil || whole.VirtualSystem == nil {
		return refuse(&types.InvalidArgument{InvalidProperty: "ovfDescriptor"})
	}
	parameters := req.Cisp.GetOvfCreateImportSpecParams()
	option := optionOf(whole, parameters.DeploymentOption)
	req.OvfDescriptor = localized(req.OvfDescriptor, parameters.MsgBundle)
	req.OvfDescriptor = inOption(req.OvfDescriptor, option)
	req.OvfDescriptor = sized(req.OvfDescriptor, whole.VirtualSystem, option, parameters.PropertyMapping)
	req.OvfDescriptor = diskElement.ReplaceAllStringFunc(req.OvfDescriptor, func(disk string) string {
		if strings.Contains(disk, "fileRef=") {
			return disk
		}
		end := len(disk) - 1
		if disk[end-1] == '/' {
			end--
		}
		return disk[:end] + ` fileRef=""` + disk[end:]
	})
	req.OvfDescriptor = subtypes.ReplaceAllString(req.OvfDescriptor, "$1$2</")
	req.OvfDescriptor = versioned(req.OvfDescriptor)
	body = o.OvfManager.CreateImportSpec(ctx, req)
	made, ok := body.(*methods.CreateImportSpecBody)
	if !ok || made.Fault_ != nil {
		return body
	}
	envelope, err := ovf.Unmarshal(strings.NewReader(req.OvfDescriptor))
	if err != nil {
		return body
	}
	result := &made.Res.Returnval
	if spec, ok := result.ImportSpec.(*types.VirtualMachineImportSpec); ok {
		complete(&spec.ConfigSpec, envelope.VirtualSystem, option)
		configure(&spec.ConfigSpec, envelope.VirtualSystem.VirtualHardware[0])
		moreFiles(result, &spec.ConfigSpec, envelope)
		provision(&spec.ConfigSpec, parameters.DiskProvisioning)
		spec.ConfigSpec.VAppConfig.GetVmConfigSpec().IpAssignment = ipAssigned(req.OvfDescriptor, parameters)
		if hasAllDisks(&spec.ConfigSpec, envelope.VirtualSystem.VirtualHardware[0]) {
			result.Error = slices.DeleteFunc(result.Error, isSATA)
		}
	}
	if system := envelope.VirtualSystem.VirtualHardware[0].System; system != nil && system.VirtualSystemType != nil {
		if family := *system.VirtualSystemType; versionOf(family) == 0 {
			fault := &types.OvfNoSupportedHardwareFamily{Version: family}
			result.Error = append(result.Error, types.LocalizedMethodFault{Fault: fault, LocalizedMessage: message(fault)})
		}
	}
	o.vc.fileItems.Range(func(device, _ any) bool { // of an earlier descriptor that was to have this name
		if strings.HasPrefix(device.(string), "/"+parameters.EntityName+"/") {
			o.vc.fileItems.Delete(device)
		}
		return true
	})
	for _, item := range result.FileItem {
		o.vc.fileItems.Store(item.DeviceId, item.Size)
	}
	return body
}

// isSATA tells the one controller that every vCenter takes and the simulator does not know.
func isSATA(reason types.LocalizedMethodFault) bool {
	unsupported, ok := reason.Fault.(*types.OvfUnsupportedType)
	return ok && unsupported.DeviceType == cimOtherStorage
}

// hasAllDisks is false when a disk was left out because its controller was.
func hasAllDisks(config *types.VirtualMachineConfigSpec, hardware ovf.VirtualHardwareSection) bool {
	missing := 0
	for _, item := range hardware.Item {
		if item.ResourceType != nil && *item.ResourceType == cimDisk {
			missing++
		}
	}
	for _, change := range config.DeviceChange {
		if isFlatDisk(change.GetVirtualDeviceConfigSpec().Device) {
			missing--
		}
	}
	return missing <= 0
}

// complete adds what the descriptor says beyond hardware and properties.
func complete(config *types.VirtualMachineConfigSpec, system *ovf.VirtualSystem, option string) {
	if system.Annotation != nil && config.Annotation == "" {
		config.Annotation = system.Annotation.Annotation
	}
	config.ExtraConfig = nil // the simulator puts the properties' values there
	vApp := config.VAppConfig.GetVmConfigSpec()
	n := 0
	for _, product := range system.Product {
		for _, property := range product.Property {
			vApp.Property[n].Info.DefaultValue = defaultIn(property, option)
			n++
		}
	}
	for _, eula := range system.Eula {
		vApp.Eula = append(vApp.Eula, eula.License)
	}
	for _, hardware := range system.VirtualHardware {
		if hardware.Transport != nil {
			vApp.OvfEnvironmentTransport = strings.Fields(*hardware.Transport)
		}
	}
}

// provision makes the disks as asked for. Without a word vCenter makes them thick.
func provision(config *types.VirtualMachineConfigSpec, asked string) {
	kind := types.OvfCreateImportSpecParamsDiskProvisioningType(asked)
	for _, change := range config.DeviceChange {
		if disk, ok := change.GetVirtualDeviceConfigSpec().Device.(*types.VirtualDisk); ok && backing(disk) != nil {
			thin := kind == types.OvfCreateImportSpecParamsDiskProvisioningTypeThin
			backing(disk).ThinProvisioned = types.NewBool(thin)
			backing(disk).EagerlyScrub = types.NewBool(kind == types.OvfCreateImportSpecParamsDiskProvisioningTypeEagerZeroedThick)
		}
	}
}

// ipAssigned is what the descriptor supports, with what was asked for where that is among it.
func ipAssigned(descriptor string, asked *types.OvfCreateImportSpecParams) *types.VAppIPAssignmentInfo {
	section := ipAssignment.FindString(descriptor)
	list := func(attribute *regexp.Regexp) []string {
		found := attribute.FindStringSubmatch(section)
		if found == nil {
			return nil
		}
		return strings.FieldsFunc(found[1], func(r rune) bool { return r == ',' || r == ' ' })
	}
	info := &types.VAppIPAssignmentInfo{
		SupportedAllocationScheme: list(ipSchemes),
		SupportedIpProtocol:       list(ipProtocols),
		IpAllocationPolicy:        string(types.VAppIPAssignmentInfoIpAllocationPolicyFixedPolicy),
		IpProtocol:                string(types.VAppIPAssignmentInfoProtocolsIPv4),
	}
	if policySupported(info, asked.IpAllocationPolicy) {
		info.IpAllocationPolicy = asked.IpAllocationPolicy
	}
	if slices.Contains(info.SupportedIpProtocol, asked.IpProtocol) {
		info.IpProtocol = asked.IpProtocol
	}
	return info
}

// CreateDescriptor describes a machine as OVF. The simulator has no such method.
func (o *ovfManager) CreateDescriptor(ctx *simulator.Context, req *types.CreateDescriptor) soap.HasFault {
	body := new(methods.CreateDescriptorBody)
	vm, ok := ctx.Map.Get(req.Obj).(*simulator.VirtualMachine)
	if !ok {
		body.Fault_ = faultOf(&types.InvalidArgument{InvalidProperty: "obj"})
		return body
	}
	ctx.WithLock(vm, func() {
		body.Res = &types.CreateDescriptorResponse{
			Returnval: types.OvfCreateDescriptorResult{OvfDescriptor: describe(vm, &req.Cdp)},
		}
	})
	return body
}

const (
	osUnknown = 1 // CIM_OperatingSystem's "Other"
	cimCPU    = 3
	cimMemory = 4
	cimSCSI   = 6
	cimNIC    = 10
	cimDisk   = 17

	cimOtherStorage = 20
	scsiNumber      = 3 // InstanceID; CPU is 1 and memory 2
)

// describe writes the descriptor: disks and their files, networks, properties, hardware.
func describe(vm *simulator.VirtualMachine, params *types.OvfCreateDescriptorParams) string {
	var references, disks, networks, items strings.Builder
	number := scsiNumber
	item := func(kind int, name, more string) {
		fmt.Fprintf(&items, "<Item><rasd:ElementName>%s</rasd:ElementName><rasd:InstanceID>%d</rasd:InstanceID>"+
			"%s<rasd:ResourceType>%d</rasd:ResourceType></Item>\n", escape(name), number, more, kind)
		number++
	}
	item(cimSCSI, "SCSI controller 0", "<rasd:Address>0</rasd:Address><rasd:ResourceSubType>lsilogic</rasd:ResourceSubType>")
	for i, disk := range disksOf(vm.Config.Hardware.Device) {
		id, file := fmt.Sprintf("vmdisk%d", i+1), ""
		if i < len(params.OvfFiles) {
			given := params.OvfFiles[i]
			file = fmt.Sprintf(` ovf:fileRef="file%d"`, i+1)
			fmt.Fprintf(&references, `<File ovf:id="file%d" ovf:href="%s" ovf:size="%d"/>`+"\n", i+1, escape(given.Path), given.Size)
		}
		fmt.Fprintf(&disks, `<Disk ovf:diskId="%s" ovf:capacity="%d"%s ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>`+"\n",
			id, capacity(disk), file)
		item(cimDisk, fmt.Sprintf("Hard disk %d", i+1), fmt.Sprintf(
			"<rasd:AddressOnParent>%d</rasd:AddressOnParent><rasd:HostResource>ovf:/disk/%s</rasd:HostResource><rasd:Parent>%d</rasd:Parent>",
			i, id, scsiNumber))
	}
	seen := map[string]bool{}
	for i, device := range vm.Config.Hardware.Device {
		nic, isNIC := device.(types.BaseVirtualEthernetCard)
		if !isNIC {
			continue
		}
		network := "VM Network"
		if info := nic.GetVirtualEthernetCard().DeviceInfo; info != nil && info.GetDescription().Summary != "" {
			network = info.GetDescription().Summary
		}
		if !seen[network] {
			seen[network] = true
			fmt.Fprintf(&networks, `<Network ovf:name="%s"><Description>%[1]s</Description></Network>`+"\n", escape(network))
		}
		item(cimNIC, fmt.Sprintf("Network adapter %d", i+1), fmt.Sprintf(
			"<rasd:AutomaticAllocation>true</rasd:AutomaticAllocation><rasd:Connection>%s</rasd:Connection><rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType>",
			escape(network)))
	}
	name := params.Name
	if name == "" {
		name = vm.Name
	}
	annotation := params.Description
	if annotation == "" {
		annotation = vm.Config.Annotation
	}
	return fmt.Sprintf(descriptorForm, references.String(), disks.String(), networks.String(), escape(name), escape(annotation),
		osUnknown, products(vm), cimCPU, vm.Config.Hardware.NumCPU, cimMemory, vm.Config.Hardware.MemoryMB, items.String())
}

const descriptorForm = `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
<References>
%s</References>
<DiskSection><Info>Virtual disks</Info>
%s</DiskSection>
<NetworkSection><Info>Networks</Info>
%s</NetworkSection>
<VirtualSystem ovf:id="%[4]s"><Info>A virtual machine</Info><Name>%[4]s</Name>
<AnnotationSection><Info>Notes</Info><Annotation>%[5]s</Annotation></AnnotationSection>
<OperatingSystemSection ovf:id="%[6]d"><Info>The guest</Info></OperatingSystemSection>
%[7]s<VirtualHardwareSection><Info>Hardware</Info>
<System><vssd:ElementName>Virtual Hardware Family</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID><vssd:VirtualSystemType>vmx-19</vssd:VirtualSystemType></System>
<Item><rasd:ElementName>CPUs</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>%[8]d</rasd:ResourceType><rasd:VirtualQuantity>%[9]d</rasd:VirtualQuantity></Item>
<Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ElementName>Memory</rasd:ElementName><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>%[10]d</rasd:ResourceType><rasd:VirtualQuantity>%[11]d</rasd:VirtualQuantity></Item>
%[12]s</VirtualHardwareSection>
</VirtualSystem>
</Envelope>
`

// products are the product sections, each with the properties of its class and instance.
func products(vm *simulator.VirtualMachine) string {
	if vm.Config.VAppConfig == nil {
		return ""
	}
	var out strings.Builder
	info := vm.Config.VAppConfig.GetVmConfigInfo()
	for _, product := range info.Product {
		fmt.Fprintf(&out, `<ProductSection ovf:class="%s" ovf:instance="%s"><Info>Product</Info><Product>%s</Product><Vendor>%s</Vendor><Version>%s</Version>`+"\n",
			escape(product.ClassId), escape(product.InstanceId), escape(product.Name), escape(product.Vendor), escape(product.Version))
		for _, p := range info.Property {
			if p.ClassId == product.ClassId && p.InstanceId == product.InstanceId {
				fmt.Fprintf(&out, `<Property ovf:key="%s" ovf:type="%s" ovf:userConfigurable="%t" ovf:value="%s"><Label>%s</Label></Property>`+"\n",
					escape(p.Id), escape(p.Type), p.UserConfigurable != nil && *p.UserConfigurable, escape(p.DefaultValue), escape(p.Label))
			}
		}
		out.WriteString("</ProductSection>\n")
	}
	return out.String()
}
