package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/nfc"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

// site is a running simulation and a client that is logged in.
type site struct {
	*testing.T
	vc     *vcenter
	client *govmomi.Client
	finder *find.Finder
	pool   *object.ResourcePool
	folder *object.Folder
	store  *object.Datastore
}

var ctx = context.Background()

func serve(t *testing.T, change ...func(*options)) *site {
	t.Helper()
	o := options{
		listen: "127.0.0.1:0", adminListen: "127.0.0.1:0", username: "admin", password: "secret", drs: true,
		leaseTimeout: defaultLeaseTimeout, capacity: defaultCapacity,
	}
	for _, set := range change {
		set(&o)
	}
	vc, err := start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(vc.stop)
	s := &site{T: t, vc: vc}
	s.client = s.login()
	s.finder = find.NewFinder(s.client.Client)
	datacenter := must(s.finder.DefaultDatacenter(ctx))
	s.finder.SetDatacenter(datacenter)
	s.folder = must(datacenter.Folders(ctx)).VmFolder
	s.pool = must(s.finder.ResourcePool(ctx, "DC0_C0_RP1"))
	s.store = must(s.finder.DefaultDatastore(ctx))
	return s
}

func (s *site) login() *govmomi.Client { return must(s.tryLogin()) }

func (s *site) tryLogin() (*govmomi.Client, error) {
	address := *s.vc.server.URL
	address.User = url.UserPassword("admin", "secret")
	return govmomi.NewClient(ctx, &address, true)
}

// must is for what a test does not ask about.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// wants fails unless err is the fault, of that Go type.
func (s *site) wants(err error, kind any) {
	s.Helper()
	got := "no error"
	if err != nil {
		got = fmt.Sprintf("%T %v", err, err)
		found := false
		fault.In(err, func(f types.BaseMethodFault, _ string, _ []types.LocalizableMessage) bool {
			found = found || reflect.TypeOf(f) == reflect.TypeOf(kind)
			got += fmt.Sprintf(" %T", f)
			return found
		})
		if found {
			return
		}
	}
	s.Fatalf("expected %T, got %s", kind, got)
}

func (s *site) same(got, expected any, what string) {
	s.Helper()
	if !reflect.DeepEqual(got, expected) {
		s.Fatalf("%s: %v, expected %v", what, got, expected)
	}
}

func (s *site) until(what string, is func() bool) {
	s.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("never: %s", what)
		}
	}
}

func (s *site) vm(ref types.ManagedObjectReference, properties ...string) mo.VirtualMachine {
	s.Helper()
	var vm mo.VirtualMachine
	if err := property.DefaultCollector(s.client.Client).RetrieveOne(ctx, ref, properties, &vm); err != nil {
		s.Fatal(err)
	}
	return vm
}

const descriptor = `<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
 xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
 xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
<References><File ovf:id="f1" ovf:href="disk1.vmdk" ovf:size="3000"/></References>
<DiskSection><Info/><Disk ovf:diskId="d1" ovf:fileRef="f1" ovf:capacity="16" ovf:capacityAllocationUnits="byte * 2^20"/>
<Disk ovf:diskId="d2" ovf:capacity="8" ovf:capacityAllocationUnits="byte * 2^20"/></DiskSection>
<NetworkSection><Info/><Network ovf:name="lan"/></NetworkSection>
<VirtualSystem ovf:id="app"><Info/><Name>app</Name>
<AnnotationSection><Info/><Annotation>from the OVF</Annotation></AnnotationSection>
<ProductSection><Info/><Product>App</Product>
<Property ovf:key="guestinfo.ipaddress" ovf:type="string" ovf:userConfigurable="true"/>
<Property ovf:key="guestinfo.password" ovf:type="string" ovf:userConfigurable="true" ovf:value="none"/></ProductSection>
<VirtualHardwareSection ovf:transport="com.vmware.guestInfo"><Info/>
<System><vssd:ElementName>h</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID><vssd:VirtualSystemType>vmx-19</vssd:VirtualSystemType></System>
<Item><rasd:ElementName>c</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
<Item><rasd:ElementName>m</rasd:ElementName><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>64</rasd:VirtualQuantity></Item>
<Item><rasd:Address>0</rasd:Address><rasd:ElementName>s</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>lsilogic</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType></Item>
<Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:ElementName>Hard disk 1</rasd:ElementName><rasd:HostResource>ovf:/disk/d1</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
<Item><rasd:AddressOnParent>1</rasd:AddressOnParent><rasd:ElementName>Hard disk 2</rasd:ElementName><rasd:HostResource>ovf:/disk/d2</rasd:HostResource><rasd:InstanceID>5</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
<Item><rasd:Connection>lan</rasd:Connection><rasd:ElementName>n</rasd:ElementName><rasd:InstanceID>6</rasd:InstanceID><rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>
</VirtualHardwareSection></VirtualSystem></Envelope>`

var diskBytes = bytes.Repeat([]byte("slipway"), 3000)[:3000]

// importSpec asks for the spec of the descriptor under another name.
func (s *site) importSpec(name string) *types.OvfCreateImportSpecResult {
	s.Helper()
	spec, err := ovf.NewManager(s.client.Client).CreateImportSpec(ctx, descriptor, s.pool, s.store,
		&types.OvfCreateImportSpecParams{EntityName: name, DiskProvisioning: "thin", PropertyMapping: []types.KeyValue{
			{Key: "guestinfo.ipaddress", Value: "10.0.0.7"},
		}})
	if err != nil {
		s.Fatal(err)
	}
	return spec
}

// lease opens an import into the folder and waits until it is ready.
func (s *site) lease(name string) (*nfc.Lease, *nfc.LeaseInfo, *types.OvfCreateImportSpecResult) {
	s.Helper()
	spec := s.importSpec(name)
	lease, err := s.pool.ImportVApp(ctx, spec.ImportSpec, s.folder, nil)
	if err != nil {
		s.Fatal(err)
	}
	info, err := lease.Wait(ctx, spec.FileItem)
	if err != nil {
		s.Fatal(err)
	}
	return lease, info, spec
}

// post uploads a body as it is.
func (s *site) post(address string, body []byte) (*http.Response, error) {
	s.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: pinned(""), DisableKeepAlives: true}}
	response, err := client.Post(address, "application/x-vnd.vmware-streamVmdk", bytes.NewReader(body))
	if err == nil {
		_ = response.Body.Close()
	}
	return response, err
}

// imported brings a machine in whole.
func (s *site) imported(name string) *object.VirtualMachine {
	s.Helper()
	lease, info, _ := s.lease(name)
	if response, err := s.post(info.Items[0].URL.String(), diskBytes); err != nil || response.StatusCode != http.StatusOK {
		s.Fatal(response, err)
	}
	if err := lease.Complete(ctx); err != nil {
		s.Fatal(err)
	}
	return object.NewVirtualMachine(s.client.Client, info.Entity)
}

// cloned waits for a clone with these settings of its spec.
func (s *site) cloned(source *object.VirtualMachine, name string, change ...func(*types.VirtualMachineCloneSpec)) (*object.VirtualMachine, error) {
	s.Helper()
	pool := s.pool.Reference()
	spec := types.VirtualMachineCloneSpec{Location: types.VirtualMachineRelocateSpec{Pool: &pool}}
	for _, set := range change {
		set(&spec)
	}
	task, err := source.Clone(ctx, s.folder, name, spec)
	if err != nil {
		return nil, err
	}
	info, err := task.WaitForResult(ctx, nil)
	if err != nil {
		return nil, err
	}
	return object.NewVirtualMachine(s.client.Client, info.Result.(types.ManagedObjectReference)), nil
}

func (s *site) done(task *object.Task, err error) error {
	if err != nil {
		return err
	}
	return task.Wait(ctx)
}

func (s *site) free() int64 {
	var store mo.Datastore
	if err := s.store.Properties(ctx, s.store.Reference(), []string{"summary"}, &store); err != nil {
		s.Fatal(err)
	}
	return store.Summary.FreeSpace
}

func hexSHA1(data []byte) string {
	sum := sha1.Sum(data)
	return hex.EncodeToString(sum[:])
}

func TestAboutSaysThatItIsSimulated(t *testing.T) {
	s := serve(t)
	about := s.client.ServiceContent.About
	if !strings.Contains(about.FullName, "simulated") || !strings.Contains(about.Name, "simulated") {
		t.Fatal(about)
	}
	other := serve(t)
	if about.InstanceUuid == other.client.ServiceContent.About.InstanceUuid {
		t.Fatal("two starts have one instance UUID")
	}
}

func TestLoginIsChecked(t *testing.T) {
	s := serve(t)
	address := *s.vc.server.URL
	address.User = url.UserPassword("admin", "wrong")
	_, err := govmomi.NewClient(ctx, &address, true)
	s.wants(err, &types.InvalidLogin{})
}

func TestNothingIsReadWithoutSession(t *testing.T) {
	s := serve(t)
	if err := s.vc.expireSessions(); err != nil {
		t.Fatal(err)
	}
	var vm mo.Folder
	err := property.DefaultCollector(s.client.Client).RetrieveOne(ctx, s.folder.Reference(), []string{"name"}, &vm)
	s.wants(err, &types.NotAuthenticated{})
	if !strings.Contains(err.Error(), "not authenticated") {
		t.Fatal("no message:", err)
	}
	if err := s.client.Login(ctx, url.UserPassword("admin", "secret")); err != nil {
		t.Fatal(err)
	}
	if err := property.DefaultCollector(s.client.Client).RetrieveOne(ctx, s.folder.Reference(), []string{"name"}, &vm); err != nil {
		t.Fatal(err)
	}
}

func TestDefaultInventory(t *testing.T) {
	s := serve(t, func(o *options) { o.portgroups, o.folders = []string{"lab01-segment"}, []string{"zpods"} })
	for _, path := range []string{
		"/DC0/host/DC0_C0/Resources/DC0_C0_RP1", "/DC0/network/VM Network", "/DC0/network/DC0_DVPG0",
		"/DC0/network/lab01-segment", "/DC0/vm/zpods", "/DC0/datastore/LocalDS_0", "/DC0/host/DC0_C0/127.0.0.1",
	} {
		found, err := s.finder.ManagedObjectList(ctx, path)
		if err != nil || len(found) != 1 {
			t.Fatal(path, found, err)
		}
	}
	if machines, err := s.finder.VirtualMachineList(ctx, "*"); !errors.As(err, new(*find.NotFoundError)) {
		t.Fatal(machines, err)
	}
}

func TestHostsAreReachableAtTheirNamesAndPorts(t *testing.T) {
	s := serve(t)
	hosts := must(s.finder.HostSystemList(ctx, "*"))
	s.same(len(hosts), 3, "hosts")
	for _, ref := range hosts {
		var host mo.HostSystem
		if err := ref.Properties(ctx, ref.Reference(), []string{"name", "summary.config"}, &host); err != nil {
			t.Fatal(err)
		}
		response, err := s.post(fmt.Sprintf("https://%s:%d/", host.Name, host.Summary.Config.Port), nil)
		if err != nil || response.StatusCode != http.StatusNotFound {
			t.Fatal(response, err)
		}
	}
}

func TestWaitingEndsWithTheSession(t *testing.T) {
	s := serve(t)
	ended := make(chan error)
	begun := make(chan struct{})
	go func() {
		ended <- property.Wait(ctx, property.DefaultCollector(s.client.Client), s.folder.Reference(), []string{"name"},
			func([]types.PropertyChange) bool { close(begun); return false })
	}()
	<-begun
	s.until("it waits for more", func() bool { return s.vc.counters().Calls["WaitForUpdatesEx"] == 2 })
	for { // the second call is counted before it waits
		if err := s.vc.expireSessions(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if err == nil {
				t.Fatal("it ended without an error")
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}
