package main

import (
	"archive/tar"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/ovf"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func TestUploadGoesToTheHost(t *testing.T) {
	s := serve(t)
	lease, info, _ := s.lease("app")
	item := info.Items[0]
	if item.URL.Host == s.vc.server.URL.Host {
		t.Fatal("the upload goes to vCenter:", item.URL)
	}
	connection := must(tls.Dial("tcp", item.URL.Host, &tls.Config{InsecureSkipVerify: true}))
	s.same(item.Thumbprint, soap.ThumbprintSHA1(connection.ConnectionState().PeerCertificates[0]), "sslThumbprint")
	_ = connection.Close()
	s.wants(lease.Complete(ctx), &types.InvalidState{}) // the disk has not come
	s.same(must(s.post(item.URL.String(), diskBytes)).StatusCode, http.StatusOK, "status")
	manifest := must(lease.GetManifest(ctx))
	s.same(len(manifest), 1, "files received")
	s.same(manifest[0].Sha1, hexSHA1(diskBytes), "SHA-1")
	s.same(manifest[0].Size, int64(len(diskBytes)), "size")
	if err := lease.Complete(ctx); err != nil {
		t.Fatal(err)
	}
	vm := s.vm(info.Entity, "config.annotation", "summary.storage")
	s.same(vm.Config.Annotation, "from the OVF", "annotation")
	s.same(vm.Summary.Storage.Committed, int64(len(diskBytes)), "committed")
	s.same(must(s.post(item.URL.String(), diskBytes)).StatusCode, http.StatusNotFound, "status after the end")
	s.same(s.vc.counters().Leases, []leaseCount{{
		Name: "app", State: "done", Bytes: 3000, Files: []fileCount{{"app.vmdk", 1, 3000, hexSHA1(diskBytes)}, {"app_1.vmdk", 0, 0, ""}},
	}}, "leases")
}

func TestTruncatedUploadDoesNotCount(t *testing.T) {
	s := serve(t)
	lease, info, _ := s.lease("app")
	address := info.Items[0].URL
	connection := must(tls.Dial("tcp", address.Host, &tls.Config{InsecureSkipVerify: true}))
	must(connection.Write([]byte("POST " + address.Path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n")))
	must(connection.Write(diskBytes[:1000]))
	_ = connection.Close()
	s.until("1000 bytes came", func() bool { return s.vc.counters().BytesReceived == 1000 })
	s.wants(lease.Complete(ctx), &types.InvalidState{})
	must(s.post(address.String(), diskBytes)) // once more in the same lease
	if err := lease.Complete(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestUploadNeedsContentLength(t *testing.T) {
	s := serve(t)
	_, info, _ := s.lease("app")
	request := must(http.NewRequest(http.MethodPost, info.Items[0].URL.String(), struct{ *bytes.Reader }{bytes.NewReader(diskBytes)}))
	request.ContentLength = -1
	response := must((&http.Client{Transport: &http.Transport{TLSClientConfig: pinned("")}}).Do(request))
	s.same(response.StatusCode, http.StatusLengthRequired, "status")
}

func TestAbortRemovesTheHalfMachine(t *testing.T) {
	s := serve(t)
	for _, reason := range []*types.LocalizedMethodFault{
		nil, {Fault: &types.OvfImportFailed{}, LocalizedMessage: "no"},
	} {
		lease, _, _ := s.lease("app")
		if err := lease.Abort(ctx, reason); err != nil {
			t.Fatal(err)
		}
		s.same(s.names(), []string(nil), "machines")
	}
	s.vc.current.keepPartial = true
	lease, _, _ := s.lease("app")
	if err := lease.Abort(ctx, nil); err != nil {
		t.Fatal(err)
	}
	s.same(s.names(), []string{"app"}, "machines")
}

// pyVmomi sends the reason with a type of its own namespace; as it does, and with both of the shapes that SOAP allows.
func TestAbortWithAnyReasonIsUnderstood(t *testing.T) {
	s := serve(t)
	for _, reason := range []string{
		`<fault><fault xsi:type="MethodFault"></fault><localizedMessage>gone</localizedMessage></fault>`,
		`<fault xsi:type="LocalizedMethodFault"><fault xsi:type="SystemError"><reason>x</reason></fault></fault>`,
		``,
	} {
		lease, _, _ := s.lease("app")
		body := `<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><HttpNfcLeaseAbort xmlns="urn:vim25">
<_this versionId="8.0.3.0" type="HttpNfcLease">` + lease.Reference().Value + `</_this>` + reason + `</HttpNfcLeaseAbort></soapenv:Body></soapenv:Envelope>`
		request := must(http.NewRequest(http.MethodPost, "https://"+s.vc.server.URL.Host+"/sdk", strings.NewReader(body)))
		for _, cookie := range s.client.Jar.Cookies(s.vc.server.URL) {
			request.AddCookie(cookie)
		}
		response, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: pinned("")}}).Do(request)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatal(response, err)
		}
		s.same(s.names(), []string(nil), "machines")
	}
}

func TestLeaseEndsWithoutProgress(t *testing.T) {
	s := serve(t, func(o *options) { o.leaseTimeout = 400 * time.Millisecond })
	lease, info, _ := s.lease("app")
	for range 10 { // longer than the timeout, but never silent
		if err := lease.Progress(ctx, 10); err != nil {
			t.Fatal(err)
		}
		time.Sleep(60 * time.Millisecond)
	}
	s.until("the lease ended", func() bool {
		var state mo.HttpNfcLease
		if err := s.client.RetrieveOne(ctx, lease.Reference(), []string{"state"}, &state); err != nil {
			t.Fatal(err)
		}
		return state.State == types.HttpNfcLeaseStateError
	})
	s.same(s.names(), []string(nil), "machines")
	s.wants(lease.Progress(ctx, 20), &types.Timedout{})
	s.same(must(s.post(info.Items[0].URL.String(), diskBytes)).StatusCode, http.StatusNotFound, "status")
}

func TestFullDatastoreEndsTheLease(t *testing.T) {
	s := serve(t, func(o *options) { o.capacity = 5000 })
	source := s.imported("app")
	s.same(s.free(), int64(2000), "free space")
	_, err := s.cloned(source, "c1")
	s.wants(err, &types.NoDiskSpace{})
	_, info, _ := s.lease("second")
	s.same(must(s.post(info.Items[0].URL.String(), diskBytes)).StatusCode, http.StatusInternalServerError, "status")
	s.same(s.names(), []string{"app"}, "machines")
	s.same(s.free(), int64(2000), "free space afterwards")
	if err := s.done(source.Destroy(ctx)); err != nil {
		t.Fatal(err)
	}
	s.same(s.free(), int64(5000), "free space at the end")
}

func TestCloneTakesWhatTheSourceUses(t *testing.T) {
	s := serve(t)
	source := s.imported("app")
	before := s.free()
	must(s.cloned(source, "c1"))
	s.same(before-s.free(), int64(len(diskBytes)), "space of a full clone")
}

func TestUploadTroubles(t *testing.T) {
	s := serve(t)
	lease, info, _ := s.lease("app")
	address := info.Items[0].URL.String()
	add := func(rule nfcRule) {
		if err := s.vc.nfc.add(&rule); err != nil {
			t.Fatal(err)
		}
	}
	add(nfcRule{Mode: "status", Status: 503, occasion: occasion{Times: 1}, Match: "app"})
	s.same(must(s.post(address, diskBytes)).StatusCode, 503, "status")
	add(nfcRule{Mode: "drop", AfterBytes: 1000, occasion: occasion{Times: 1}})
	if response, err := s.post(address, diskBytes); err == nil {
		t.Fatal("not dropped:", response)
	}
	s.same(s.vc.counters().BytesReceived, int64(1000), "bytes before the drop")
	add(nfcRule{Mode: "stall", AfterBytes: 1000, Match: "other"})
	add(nfcRule{Mode: "stall", AfterBytes: 1000, occasion: occasion{Times: 1}})
	answered := make(chan int)
	go func() { answered <- must(s.post(address, diskBytes)).StatusCode }()
	s.until("the upload stalls", func() bool { return s.vc.counters().BytesReceived == 2000 })
	s.vc.nfc.clear()
	s.same(<-answered, http.StatusOK, "status when it goes on")
	add(nfcRule{Mode: "slow", BytesPerSecond: 30000})
	begin := time.Now()
	must(s.post(address, diskBytes))
	if took := time.Since(begin); took < 50*time.Millisecond {
		t.Fatal("not slow:", took)
	}
	if err := lease.Complete(ctx); err != nil {
		t.Fatal(err)
	}
	if s.vc.nfc.add(&nfcRule{Mode: "odd"}) == nil || s.vc.nfc.add(&nfcRule{Mode: "slow"}) == nil {
		t.Fatal("a rule that means nothing was taken")
	}
}

func TestPullFromURLs(t *testing.T) {
	s := serve(t)
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for _, name := range []string{"app.ovf", "disk1.vmdk"} {
		_ = writer.WriteHeader(&tar.Header{Name: name, Size: int64(len(diskBytes)), Mode: 0o644})
		_, _ = writer.Write(diskBytes)
	}
	_ = writer.Close()
	source := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Token") != "t" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write(archive.Bytes())
	}))
	defer source.Close()
	lease, info, _ := s.lease("app")
	file := types.HttpNfcLeaseSourceFile{
		TargetDeviceId: info.DeviceUrl[0].ImportKey, Url: source.URL + "/app.ova", MemberName: "disk1.vmdk",
		HttpHeaders:   []types.KeyValue{{Key: "X-Token", Value: "t"}},
		SslThumbprint: soap.ThumbprintSHA1(source.Certificate()), Size: int64(len(diskBytes)),
	}
	pull := func(file types.HttpNfcLeaseSourceFile) error {
		response, err := methods.HttpNfcLeasePullFromUrls_Task(ctx, s.client.Client, &types.HttpNfcLeasePullFromUrls_Task{
			This: lease.Reference(), Files: []types.HttpNfcLeaseSourceFile{file},
		})
		if err != nil {
			return err
		}
		return object.NewTask(s.client.Client, response.Returnval).Wait(ctx)
	}
	wrong := file
	wrong.SslThumbprint = "00:11"
	s.wants(pull(wrong), &types.SystemErrorFault{})
	wrong = file
	wrong.MemberName = "missing.vmdk"
	s.wants(pull(wrong), &types.SystemErrorFault{})
	wrong = file
	wrong.TargetDeviceId = "/none"
	s.wants(pull(wrong), &types.InvalidArgument{})
	if err := pull(file); err != nil {
		t.Fatal(err)
	}
	s.same(must(lease.GetManifest(ctx))[0].Sha1, hexSHA1(diskBytes), "SHA-1")
	if err := lease.Complete(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestCreateDescriptorCanBeImported(t *testing.T) {
	s := serve(t)
	vm := s.imported("app")
	manager := ovf.NewManager(s.client.Client)
	made, err := manager.CreateDescriptor(ctx, vm, types.OvfCreateDescriptorParams{
		Name: "copy", OvfFiles: []types.OvfFile{{DeviceId: "d", Path: "disk1.vmdk", Size: 3000}},
	})
	if err != nil {
		t.Fatal(err)
	}
	spec, err := manager.CreateImportSpec(ctx, made.OvfDescriptor, s.pool, s.store, &types.OvfCreateImportSpecParams{EntityName: "copy"})
	if err != nil {
		t.Fatal(err)
	}
	config := spec.ImportSpec.(*types.VirtualMachineImportSpec).ConfigSpec
	s.same(config.NumCPUs, int32(2), "CPUs")
	s.same(config.Annotation, "from the OVF", "annotation")
	s.same(len(config.VAppConfig.GetVmConfigSpec().Property), 2, "properties")
	s.same(len(spec.FileItem), 1, "files")
}

func TestDescriptorThatMeansNothingIsRefused(t *testing.T) {
	s := serve(t)
	manager := ovf.NewManager(s.client.Client)
	for _, text := range []string{"", "<Envelope/>", strings.Replace(descriptor, "<rasd:Parent>3</rasd:Parent>", "", 1)} {
		_, err := manager.CreateImportSpec(ctx, text, s.pool, s.store, &types.OvfCreateImportSpecParams{EntityName: "x"})
		s.wants(err, &types.InvalidArgument{})
	}
	s.importSpec("app") // and the next one is answered
}

func TestDescriptorWithSATAAndChoicesIsTaken(t *testing.T) {
	s := serve(t)
	sata := `<Item><rasd:Address>0</rasd:Address><rasd:ElementName>sata</rasd:ElementName><rasd:InstanceID>9</rasd:InstanceID>` +
		`<rasd:ResourceSubType>vmware.sata.ahci</rasd:ResourceSubType><rasd:ResourceType>20</rasd:ResourceType></Item></VirtualHardwareSection>`
	text := strings.Replace(descriptor, "</VirtualHardwareSection>", sata, 1)
	text = strings.Replace(text, "VmxNet3", "PCNet32 E1000", 1)
	spec := must(ovf.NewManager(s.client.Client).CreateImportSpec(ctx, text, s.pool, s.store, &types.OvfCreateImportSpecParams{EntityName: "x"}))
	s.same(len(spec.Error), 0, "errors")
	s.same(len(spec.FileItem), 1, "files")
	nics := 0
	for _, change := range spec.ImportSpec.(*types.VirtualMachineImportSpec).ConfigSpec.DeviceChange {
		if _, ok := change.GetVirtualDeviceConfigSpec().Device.(*types.VirtualE1000); ok {
			nics++
		}
	}
	s.same(nics, 1, "E1000 adapters")
}

func TestFaultsAtTheCallAndInTheTask(t *testing.T) {
	s := serve(t)
	source := s.imported("app")
	order := func(rule faultRule) {
		if err := s.vc.faults.add(&rule); err != nil {
			t.Fatal(err)
		}
	}
	order(faultRule{Method: "CloneVM_Task", Object: "c", Fault: "NoPermission", Message: "not you", occasion: occasion{Skip: 1, Times: 1}})
	pool := s.pool.Reference()
	spec := types.VirtualMachineCloneSpec{Location: types.VirtualMachineRelocateSpec{Pool: &pool}}
	if _, err := s.cloned(source, "c1"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.cloned(source, "other"); err != nil {
		t.Fatal(err)
	}
	_, err := source.Clone(ctx, s.folder, "c2", spec)
	s.wants(err, &types.NoPermission{})
	if !strings.Contains(err.Error(), "not you") {
		t.Fatal(err)
	}
	if _, err := s.cloned(source, "c2"); err != nil {
		t.Fatal(err)
	}
	order(faultRule{
		Method: "CloneVM_Task", Fault: "NoDiskSpace", InTask: true, Detail: json.RawMessage(`{"datastore": "LocalDS_0"}`),
	})
	task, err := source.Clone(ctx, s.folder, "c3", spec)
	if err != nil {
		t.Fatal("the call itself failed:", err)
	}
	err = task.Wait(ctx)
	s.wants(err, &types.NoDiskSpace{})
	if !strings.Contains(err.Error(), "LocalDS_0") {
		t.Fatal(err)
	}
	s.vc.faults.clear()
	if _, err := s.cloned(source, "c3"); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"NoSuchThing", "VirtualMachineConfigSpec"} {
		if s.vc.faults.add(&faultRule{Method: "*", Fault: wrong}) == nil {
			t.Fatal("taken for a fault:", wrong)
		}
	}
}

func TestPrivileges(t *testing.T) {
	s := serve(t)
	manager := object.NewAuthorizationManager(s.client.Client)
	entity := []types.ManagedObjectReference{s.folder.Reference()}
	user := "admin"
	ask := func(id string) (bool, error) {
		answer, err := manager.HasUserPrivilegeOnEntities(ctx, entity, user, []string{id})
		if err != nil {
			return false, err
		}
		return answer[0].PrivAvailability[0].IsGranted, nil
	}
	s.same(must(ask("Folder.Create")), true, "granted")
	s.vc.denied.set("vm", "Folder.Create", false)
	s.same(must(ask("Folder.Create")), false, "granted after it was taken")
	_, err := s.folder.CreateFolder(ctx, "f")
	s.wants(err, &types.NoPermission{})
	all := must(manager.FetchUserPrivilegeOnEntities(ctx, entity, user))
	if strings.Contains(strings.Join(all[0].Privileges, " "), "Folder.Create") {
		t.Fatal("still listed")
	}
	_, err = ask("Folder.Invent")
	s.wants(err, &types.InvalidArgument{})
	s.vc.denied.set("vm", "Folder.Create", true)
	must(s.folder.CreateFolder(ctx, "f"))
}

func TestDatastoreFilesNeedASession(t *testing.T) {
	s := serve(t)
	address := "https://" + s.vc.server.URL.Host + "/folder/x?dcPath=DC0&dsName=LocalDS_0"
	s.same(must(s.post(address, diskBytes)).StatusCode, http.StatusUnauthorized, "status without a cookie")
	if err := s.store.Upload(ctx, bytes.NewReader(diskBytes), "x/y", nil); err != nil {
		t.Fatal(err)
	}
}

func TestFaultInTheTaskEndsTheLease(t *testing.T) {
	s := serve(t)
	rule := faultRule{Method: importing, Object: "app", Fault: "NoDiskSpace", InTask: true, occasion: occasion{Times: 1}}
	if err := s.vc.faults.add(&rule); err != nil {
		t.Fatal(err)
	}
	spec := s.importSpec("app")
	lease := must(s.pool.ImportVApp(ctx, spec.ImportSpec, s.folder, nil))
	_, err := lease.Wait(ctx, spec.FileItem)
	s.wants(err, &types.NoDiskSpace{})
	_, _, _ = s.lease("app")
}

func TestImportSpecSaysHowDisksAreProvisionedAndAddressesAssigned(t *testing.T) {
	s := serve(t)
	section := `<vmw:IpAssignmentSection xmlns:vmw="http://www.vmware.com/schema/ovf" vmw:protocols="IPv4" vmw:schemes="dhcp"><Info/></vmw:IpAssignmentSection></VirtualSystem>`
	text := strings.Replace(descriptor, "</VirtualSystem>", section, 1)
	asked := &types.OvfCreateImportSpecParams{
		EntityName: "x", DiskProvisioning: "eagerZeroedThick", IpAllocationPolicy: "dhcpPolicy", IpProtocol: "IPv6",
	}
	spec := must(ovf.NewManager(s.client.Client).CreateImportSpec(ctx, text, s.pool, s.store, asked))
	config := spec.ImportSpec.(*types.VirtualMachineImportSpec).ConfigSpec
	assigned := config.VAppConfig.GetVmConfigSpec().IpAssignment
	s.same([]string{assigned.IpAllocationPolicy, assigned.IpProtocol}, []string{"dhcpPolicy", "IPv4"}, "what the descriptor supports")
	for _, change := range config.DeviceChange {
		if disk, ok := change.GetVirtualDeviceConfigSpec().Device.(*types.VirtualDisk); ok {
			s.same([]bool{*backing(disk).ThinProvisioned, *backing(disk).EagerlyScrub}, []bool{false, true}, "thin, zeroed")
		}
	}
	fault := editAssignment(assigned, &types.VAppIPAssignmentInfo{IpAllocationPolicy: "transientPolicy"})
	s.same(fault, &types.InvalidArgument{InvalidProperty: "configSpec.vAppConfig.ipAssignment.ipAllocationPolicy"}, "not supported")
	s.same(assigned.IpAllocationPolicy, "dhcpPolicy", "policy after a refusal")
}
