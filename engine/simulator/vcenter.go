package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/google/uuid"
	_ "github.com/vmware/govmomi/pbm/simulator"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/units"
	_ "github.com/vmware/govmomi/vapi/simulator"
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
}

// vcenter is one running simulation.
type vcenter struct {
	options
	model       *simulator.Model
	server      *simulator.Server
	certificate tls.Certificate
	admin       *http.Server
	adminURL    string
}

func start(o options) (*vcenter, error) {
	vc := &vcenter{options: o, model: simulator.VPX()}
	if err := vc.createInventory(); err != nil {
		return nil, err
	}
	if err := vc.serve(); err != nil {
		vc.model.Remove()
		return nil, err
	}
	return vc, nil
}

func (vc *vcenter) createInventory() error {
	about := &vc.model.ServiceContent.About
	about.Name, about.FullName = product, product+" "+about.Version
	about.ApiVersion = "8.0.3.0"
	about.InstanceUuid = vc.instanceUUID
	if about.InstanceUuid == "" {
		about.InstanceUuid = uuid.NewString()
	}
	vc.model.Machine, vc.model.Host, vc.model.Pool = 0, 0, 1
	return vc.model.Create()
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
	service := vc.model.Service
	service.RegisterEndpoints = true
	service.Listen = &url.URL{Host: vc.listen}
	if vc.username != "" {
		service.Listen.User = url.UserPassword(vc.username, vc.password)
	}
	service.TLS = &tls.Config{Certificates: []tls.Certificate{vc.certificate}}
	vc.server = service.NewServer()
	vc.admin = &http.Server{Handler: http.NewServeMux(), ReadHeaderTimeout: 10 * time.Second}
	vc.adminURL = "http://" + listener.Addr().String()
	go func() { _ = vc.admin.Serve(listener) }()
	return nil
}

// addresses is the line that tells the parent where everything is.
type addresses struct {
	URL          string `json:"url"`
	AdminURL     string `json:"admin_url"`
	Fingerprint  string `json:"fingerprint"`
	InstanceUUID string `json:"instance_uuid"`
	Folder       string `json:"folder"` // temporary files; removed when the program ends by itself
	PID          int    `json:"pid"`
}

func (vc *vcenter) addresses() addresses {
	plain := *vc.server.URL
	plain.User = nil
	return addresses{
		URL:          plain.String(),
		AdminURL:     vc.adminURL,
		Fingerprint:  fingerprint(vc.certificate),
		InstanceUUID: vc.model.ServiceContent.About.InstanceUuid,
		Folder:       vc.folder(),
		PID:          os.Getpid(),
	}
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
	_ = vc.admin.Shutdown(context.Background())
	vc.model.Remove()
}
