package main

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// importing is the task of a lease. Faults ordered for it are the lease's own affair: they end the lease too.
const importing = "ImportVAppLRO"

// lease is an HttpNfcLease of an import. It belongs to its session. Without HttpNfcLeaseProgress it ends after its
// timeout, and the half machine goes with it.
type lease struct {
	mo.HttpNfcLease
	vc    *vcenter
	name  string // of the machine
	token string // in the upload URLs
	bytes atomic.Int64
	ended chan struct{} // closed when state is done or error
	once  sync.Once
	timer *time.Timer

	mu    sync.Mutex
	files map[string]*upload // by file name in the URL
}

// upload is one file that a lease takes.
type upload struct {
	key, importKey string
	path           string // datastore path
	disk           bool
	expected       bool // in CreateImportSpec's file items: the lease cannot complete without
	received       bool
	turn           int   // of uploads: the newest counts
	complete       int   // times that it came whole
	bytes          int64 // that came, also of uploads that broke off
	sha1           string
	size           int64
}

// importVApp makes the machine of an import spec and a lease to upload its disks.
func (vc *vcenter) importVApp(ctx *simulator.Context, into mo.Entity, req *types.ImportVApp) soap.HasFault {
	body := new(methods.ImportVAppBody)
	spec, ok := req.Spec.(*types.VirtualMachineImportSpec)
	if !ok {
		body.Fault_ = faultOf(&types.InvalidArgument{InvalidProperty: "spec"})
		return body
	}
	if req.Folder == nil {
		req.Folder = &datacenterOf(ctx, into).VmFolder
	}
	in, fault := folderAt(ctx, *req.Folder)
	if fault == nil {
		req.Host, fault = vc.place(ctx, into.Reference(), req.Host, "host", datastoreIn(spec.ConfigSpec.Files))
	}
	if fault != nil {
		body.Fault_ = faultOf(fault)
		return body
	}
	l := &lease{
		vc: vc, name: spec.ConfigSpec.Name, token: uuid.NewString(),
		ended: make(chan struct{}), files: map[string]*upload{},
	}
	l.Self.Type, l.State = "HttpNfcLease", types.HttpNfcLeaseStateInitializing
	ctx.Session.Put(l)
	vc.leases.Store(l.token, l)
	o := order{folder: in, pool: into.Reference(), host: req.Host, config: spec.ConfigSpec}
	vc.task(ctx, into, importing, func(ctx *simulator.Context, t *task) (types.AnyType, types.BaseMethodFault) {
		defer func() {
			if reason := recover(); reason != nil {
				l.fail(ctx, &types.SystemErrorFault{Reason: fmt.Sprint(reason)}) // or its client would wait for ever
				panic(reason)
			}
		}()
		vm, fault := types.AnyType(nil), vc.faults.inTask(t, importing, []string{l.name, into.Entity().Name})
		if fault == nil {
			vm, fault = l.begin(ctx, o)
		}
		if fault != nil {
			l.fail(ctx, fault)
			return nil, fault
		}
		<-l.ended
		if l.Error != nil {
			return nil, l.Error.Fault
		}
		return vm, nil
	}, l.name)
	body.Res = &types.ImportVAppResponse{Returnval: l.Self}
	return body
}

// begin makes the machine and opens the lease.
func (l *lease) begin(ctx *simulator.Context, o order) (types.AnyType, types.BaseMethodFault) {
	if fault := fixedProperty(o.config.VAppConfig); fault != nil {
		return nil, fault
	}
	o.config.Name = escaped(o.config.Name)
	release, fault := l.vc.reserve(ctx, o.nameSpace(), o.config.Name, o.folder.Self)
	if fault != nil {
		return nil, fault
	}
	defer release()
	for _, change := range o.config.DeviceChange { // also of disks without capacity, which the simulator takes for existing
		if spec := change.GetVirtualDeviceConfigSpec(); isFlatDisk(spec.Device) {
			spec.FileOperation = types.VirtualDeviceConfigSpecFileOperationCreate
		}
	}
	vm, fault := l.vc.create(ctx, o)
	if fault != nil {
		return nil, fault
	}
	l.vc.show(ctx, vm)
	timeout := l.vc.settings().leaseTimeout
	info := types.HttpNfcLeaseInfo{
		Lease: l.Self, Entity: vm.Self, LeaseTimeout: int32(max(timeout.Seconds(), 1)), DeviceUrl: l.urls(ctx, vm),
	}
	for _, disk := range disksOf(vm.Config.Hardware.Device) {
		info.TotalDiskCapacityInKB += disk.CapacityInKB
	}
	l.timer = time.AfterFunc(timeout, func() { l.fail(l.vc.context(), &types.Timedout{}) })
	ctx.Map.AtomicUpdate(ctx, l, []types.PropertyChange{
		{Name: "info", Val: info},
		{Name: "initializeProgress", Val: int32(100)},
		{Name: "state", Val: types.HttpNfcLeaseStateReady},
	})
	return vm.Self, nil
}

// urls are the upload addresses: on the machine's own host, with that host's certificate.
func (l *lease) urls(ctx *simulator.Context, vm *simulator.VirtualMachine) []types.HttpNfcLeaseDeviceUrl {
	host := l.vc.esxi(ctx, *vm.Runtime.Host)
	devices := object.VirtualDeviceList(vm.Config.Hardware.Device)
	numbers := map[string]int{}
	var urls []types.HttpNfcLeaseDeviceUrl
	add := func(key, file string, disk bool) {
		var place object.DatastorePath
		place.FromString(file)
		name := path.Base(place.Path)
		u := &upload{
			key:       fmt.Sprintf("/%s/%s", vm.Self.Value, key),
			importKey: fmt.Sprintf("/%s/%s", l.name, key), // as CreateImportSpec names it in fileItem.deviceId
			path:      file,
			disk:      disk,
		}
		_, u.expected = l.vc.fileItems.Load(u.importKey)
		l.files[name] = u
		address := url.URL{Scheme: "https", Host: host.address(), Path: path.Join(nfcPath, l.token, name)}
		urls = append(urls, types.HttpNfcLeaseDeviceUrl{
			Key: u.key, ImportKey: u.importKey, Url: address.String(), SslThumbprint: thumbprint(host.certificate),
			Disk: types.NewBool(disk), TargetId: name,
		})
	}
	for _, device := range devices {
		kind := devices.Type(device)
		n := numbers[kind]
		numbers[kind]++
		if info, ok := device.GetVirtualDevice().Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
			_, disk := device.(*types.VirtualDisk)
			add(fmt.Sprintf("%s:%d", kind, n), info.GetVirtualDeviceFileBackingInfo().FileName, disk)
		}
	}
	if file := optionValue(vm.Config.ExtraConfig, nvramKey); file != "" {
		folder := object.DatastorePath{}
		folder.FromString(vm.Config.Files.VmPathName)
		folder.Path = path.Join(path.Dir(folder.Path), file)
		add(nvramKey, folder.String(), false)
	}
	return urls
}

// fail ends the lease in state error and removes the half machine, unless the admin port asked to leave it.
func (l *lease) fail(ctx *simulator.Context, fault types.BaseMethodFault) {
	l.end(ctx, types.HttpNfcLeaseStateError, &types.LocalizedMethodFault{Fault: fault, LocalizedMessage: message(fault)})
}

func (l *lease) end(ctx *simulator.Context, state types.HttpNfcLeaseState, reason *types.LocalizedMethodFault) {
	l.once.Do(func() {
		if l.timer != nil {
			l.timer.Stop()
		}
		changes := []types.PropertyChange{{Name: "state", Val: state}}
		if reason != nil {
			changes = append(changes, types.PropertyChange{Name: "error", Val: *reason})
			if l.Info != nil && !l.vc.settings().keepPartial {
				if vm, ok := ctx.Map.Get(l.Info.Entity).(*simulator.VirtualMachine); ok {
					_ = l.vc.destroy(ctx, vm)
				}
			}
		}
		ctx.Map.AtomicUpdate(ctx, l, changes)
		l.vc.announceSpace(ctx)
		close(l.ended)
	})
}

// HttpNfcLeaseComplete refuses while a file is missing.
func (l *lease) HttpNfcLeaseComplete(ctx *simulator.Context, req *types.HttpNfcLeaseComplete) soap.HasFault {
	body := new(methods.HttpNfcLeaseCompleteBody)
	if fault := l.notReady(); fault != nil {
		body.Fault_ = faultOf(fault)
		return body
	}
	l.mu.Lock()
	var missing []string
	for name, file := range l.files {
		if file.expected && !file.received {
			missing = append(missing, name)
		}
	}
	l.mu.Unlock()
	if len(missing) > 0 {
		slices.Sort(missing)
		fault := &types.InvalidState{}
		fault.FaultMessage = []types.LocalizableMessage{{
			Key: "slipway", Message: fmt.Sprintf("The lease cannot complete: not received: %v", missing),
		}}
		body.Fault_ = faultOf(fault)
		return body
	}
	l.end(ctx, types.HttpNfcLeaseStateDone, nil)
	ctx.Session.Remove(ctx, req.This)
	body.Res = new(types.HttpNfcLeaseCompleteResponse)
	return body
}

func (l *lease) HttpNfcLeaseAbort(ctx *simulator.Context, req *types.HttpNfcLeaseAbort) soap.HasFault {
	reason := req.Fault
	if reason == nil || reason.Fault == nil {
		fault := &types.RequestCanceled{}
		reason = &types.LocalizedMethodFault{Fault: fault, LocalizedMessage: message(fault)}
	}
	l.end(ctx, types.HttpNfcLeaseStateError, reason)
	ctx.Session.Remove(ctx, req.This)
	return &methods.HttpNfcLeaseAbortBody{Res: new(types.HttpNfcLeaseAbortResponse)}
}

// HttpNfcLeaseProgress renews the lease.
func (l *lease) HttpNfcLeaseProgress(ctx *simulator.Context, req *types.HttpNfcLeaseProgress) soap.HasFault {
	body := new(methods.HttpNfcLeaseProgressBody)
	if fault := l.notReady(); fault != nil {
		body.Fault_ = faultOf(fault)
		return body
	}
	l.timer.Reset(l.vc.settings().leaseTimeout)
	ctx.Update(l, []types.PropertyChange{{Name: "transferProgress", Val: req.Percent}})
	body.Res = new(types.HttpNfcLeaseProgressResponse)
	return body
}

func (l *lease) notReady() types.BaseMethodFault {
	if l.State == types.HttpNfcLeaseStateError && l.Error != nil {
		if timeout, ok := l.Error.Fault.(*types.Timedout); ok {
			return timeout
		}
	}
	if l.State != types.HttpNfcLeaseStateReady {
		return &types.InvalidState{}
	}
	return nil
}

func (l *lease) HttpNfcLeaseGetManifest(_ *simulator.Context, _ *types.HttpNfcLeaseGetManifest) soap.HasFault {
	var entries []types.HttpNfcLeaseManifestEntry
	l.mu.Lock()
	for _, file := range l.files {
		if file.received {
			entries = append(entries, types.HttpNfcLeaseManifestEntry{
				Key: file.key, Sha1: file.sha1, Size: file.size, Disk: file.disk,
			})
		}
	}
	l.mu.Unlock()
	slices.SortFunc(entries, func(a, b types.HttpNfcLeaseManifestEntry) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	return &methods.HttpNfcLeaseGetManifestBody{Res: &types.HttpNfcLeaseGetManifestResponse{Returnval: entries}}
}

// fixedProperty refuses a value for an OVF property that is not user configurable, as the simulator does at import.
func fixedProperty(config types.BaseVmConfigSpec) types.BaseMethodFault {
	if config == nil {
		return nil
	}
	for _, property := range config.GetVmConfigSpec().Property {
		p := property.Info
		if p == nil || (p.UserConfigurable != nil && *p.UserConfigurable) || p.Value == "" || p.Value == p.DefaultValue {
			continue
		}
		return &types.NotUserConfigurableProperty{VAppPropertyFault: types.VAppPropertyFault{
			Id: p.Id, Category: p.Category, Label: p.Label, Type: p.Type, Value: p.Value,
		}}
	}
	return nil
}
