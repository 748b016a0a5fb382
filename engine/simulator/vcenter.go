package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/units"
	_ "github.com/vmware/govmomi/vapi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	defaultLeaseTimeout = 300 * time.Second // what a vCenter reports in HttpNfcLeaseInfo.leaseTimeout
	defaultCapacity     = 4 * units.TB
)

type options struct {
	listen, adminListen string
	username, password  string
	instanceUUID        string
	drs                 bool
	cloneDelay          time.Duration
	guestDelay          time.Duration
	leaseTimeout        time.Duration
	capacity            int64
	portgroups          []string
	folders             []string
	datastores          []string
	clusters            []string
}

// vcenter is one running simulation.
type vcenter struct {
	options
	model       *simulator.Model
	shown       *shown
	server      *simulator.Server
	certificate tls.Certificate
	hosts       []*esxi
	admin       *http.Server
	adminURL    string

	mu      sync.Mutex
	current settings

	faults      faults
	nfc         nfcRules
	denied      denied
	reserved    reserved
	space       space
	policies    policies
	calls       calls
	broken      sync.Map // reference of a machine to the disk file that it misses
	running     sync.Map // reference of a task to its runningTask
	idle        idleness
	door        door
	waiting     sync.Map // reference of a property collector to it, of those that ever waited for updates
	leases      sync.Map // token to *lease
	fileItems   sync.Map // OvfFileItem.deviceId to its size, as CreateImportSpec answered
	received    atomic.Int64
	unavailable atomic.Int64 // requests still to be answered with 503
	nextHost    atomic.Int64
	nextMAC     atomic.Int64
	nextAddress atomic.Int64
}

func start(o options) (*vcenter, error) {
	vc := &vcenter{
		options:  o,
		model:    simulator.VPX(),
		current:  settings{cloneDelay: o.cloneDelay, guestDelay: o.guestDelay, leaseTimeout: o.leaseTimeout},
		denied:   denied{privileges: map[[2]string]bool{}},
		reserved: reserved{names: map[reservedName]types.ManagedObjectReference{}},
		space:    space{capacity: o.capacity, used: map[string]int64{}},
		calls:    calls{by: map[string]int64{}},
	}
	err := vc.createInventory()
	if err == nil {
		err = vc.serve()
	}
	if err != nil {
		vc.stop()
		return nil, err
	}
	return vc, nil
}

func (vc *vcenter) serve() error {
	host, _, err := net.SplitHostPort(vc.listen)
	if err != nil {
		return err
	}
	if vc.certificate, err = newCertificate(host); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", vc.adminListen)
	if err != nil {
		return fmt.Errorf("admin port: %w", err)
	}
	vc.admin = &http.Server{Handler: vc.adminHandler(), ReadHeaderTimeout: 10 * time.Second}
	vc.adminURL = "http://" + listener.Addr().String()
	go func() { _ = vc.admin.Serve(listener) }()

	service := vc.model.Service
	service.RegisterEndpoints = true
	service.Listen = &url.URL{Host: vc.listen}
	if vc.username != "" {
		service.Listen.User = url.UserPassword(vc.username, vc.password)
	}
	service.TLS = &tls.Config{Certificates: []tls.Certificate{vc.certificate}}
	vc.server = service.NewServer()
	vc.registerPolicies(service)
	vc.server.Config.ErrorLog = silentLog
	vc.server.Config.Handler = vc.gate(vc.server.Config.Handler)
	vc.door.hang(vc.server)
	vc.shown = newShown(vc) // after NewServer, which registers objects too
	vc.model.Map().Handler = vc.handle
	return nil
}

// addresses is the line that tells the parent where everything is.
type addresses struct {
	URL          string        `json:"url"`
	AdminURL     string        `json:"admin_url"`
	Fingerprint  string        `json:"fingerprint"`
	InstanceUUID string        `json:"instance_uuid"`
	Folder       string        `json:"folder"` // temporary files; removed when the program ends by itself
	PID          int           `json:"pid"`
	Hosts        []hostAddress `json:"hosts"`
}

type hostAddress struct {
	Name       string `json:"name"`
	Port       int    `json:"port"`
	Thumbprint string `json:"thumbprint"` // SHA-1, as in sslThumbprint
}

func (vc *vcenter) addresses() addresses {
	plain := *vc.server.URL
	plain.User = nil
	a := addresses{
		URL:          plain.String(),
		AdminURL:     vc.adminURL,
		Fingerprint:  fingerprint(vc.certificate),
		InstanceUUID: vc.model.ServiceContent.About.InstanceUuid,
		Folder:       vc.folder(),
		PID:          os.Getpid(),
	}
	for _, host := range vc.hosts {
		a.Hosts = append(a.Hosts, hostAddress{host.name, host.port, thumbprint(host.certificate)})
	}
	return a
}

// folder is where the datastores' files lie.
func (vc *vcenter) folder() string {
	for _, option := range vc.model.Map().OptionManager().Setting {
		if value := option.GetOptionValue(); value.Key == "vcsim.home" {
			return value.Value.(string)
		}
	}
	return ""
}

func (vc *vcenter) stop() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if vc.admin != nil {
		_ = vc.admin.Shutdown(now)
	}
	if vc.model.Service != nil {
		vc.model.Remove()
	}
}
