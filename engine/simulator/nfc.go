package main

import (
	"crypto/sha1"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	nfcPath      = "/nfc/"
	uploadBuffer = 256 << 10 // bytes; larger ones measured no faster, TLS records are 16 KiB
	accountEvery = 8 << 20   // bytes between two looks at the datastore's free space
)

// esxi is one host's own HTTPS server: the uploads of its machines go there.
type esxi struct {
	name        string
	port        int
	certificate tls.Certificate
	server      *http.Server
}

func (h *esxi) address() string { return net.JoinHostPort(h.name, strconv.Itoa(h.port)) }

// serveHost opens the HTTPS port of a host of that name.
func (vc *vcenter) serveHost(name string) (*esxi, error) {
	certificate, err := newCertificate(name)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(name, "0"))
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", name, err)
	}
	host := &esxi{name: name, port: listener.Addr().(*net.TCPAddr).Port, certificate: certificate}
	mux := http.NewServeMux()
	mux.HandleFunc(nfcPath, vc.serveNFC)
	host.server = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: time.Minute,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}},
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1 as ESXi
		ErrorLog:          silentLog,
	}
	go func() { _ = host.server.ServeTLS(bufferedListener{listener}, "", "") }()
	return host, nil
}

func (vc *vcenter) esxi(ctx *simulator.Context, ref types.ManagedObjectReference) *esxi {
	name := ctx.Map.Get(ref).(*simulator.HostSystem).Name
	for _, host := range vc.hosts {
		if host.name == name {
			return host
		}
	}
	return vc.hosts[0]
}

// serveNFC takes the upload of one file of a lease: hashed, counted, discarded.
func (vc *vcenter) serveNFC(w http.ResponseWriter, r *http.Request) {
	token, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, nfcPath), "/")
	found, ok := vc.leases.Load(token)
	if !ok {
		http.NotFound(w, r)
		return
	}
	l := found.(*lease)
	l.mu.Lock()
	file := l.files[name]
	l.mu.Unlock()
	switch {
	case file == nil || l.notReady() != nil:
		http.NotFound(w, r)
		return
	case r.Method != http.MethodPut && r.Method != http.MethodPost:
		http.Error(w, "uploads only", http.StatusMethodNotAllowed)
		return
	case r.ContentLength < 0:
		http.Error(w, "Content-Length is missing", http.StatusLengthRequired)
		return
	}
	body := io.Reader(r.Body)
	rule := vc.nfc.find(name, l.name)
	if rule != nil && rule.Mode == "status" && !rule.After {
		w.WriteHeader(rule.Status)
		return
	}
	if rule != nil && !rule.After {
		body = &troubled{Reader: r.Body, rule: rule, ended: l.ended}
	}
	switch err := l.receive(file, body, r.ContentLength); {
	case errors.Is(err, errDropped), err == nil && rule != nil && rule.After && rule.Mode == "drop":
		reset(w)
	case err == nil && rule != nil && rule.After:
		w.WriteHeader(rule.Status)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case r.Method == http.MethodPut:
		w.WriteHeader(http.StatusCreated)
	}
}

var buffers = sync.Pool{New: func() any { return new([uploadBuffer]byte) }}

var (
	errEnded      = errors.New("the lease has ended")
	errSuperseded = errors.New("the file is being sent again") // by a client that gave this connection up
)

// receive reads a whole file. Only a complete one counts as received; its bytes count in any case.
func (l *lease) receive(file *upload, body io.Reader, length int64) error {
	buffer := buffers.Get().(*[uploadBuffer]byte)
	defer buffers.Put(buffer)
	l.mu.Lock()
	file.received = false
	file.turn++
	turn := file.turn
	l.mu.Unlock()
	digest := sha1.New()
	var size, accounted int64
	for {
		n, err := body.Read(buffer[:])
		digest.Write(buffer[:n])
		size += int64(n)
		l.bytes.Add(int64(n))
		l.vc.received.Add(int64(n))
		l.mu.Lock()
		file.bytes += int64(n)
		superseded := file.turn != turn
		l.mu.Unlock()
		if superseded {
			return errSuperseded
		}
		select {
		case <-l.ended:
			return errEnded
		default:
		}
		if size-accounted >= accountEvery || err != nil {
			if fault := l.vc.space.take(file.path, size); fault != nil {
				l.fail(l.vc.context(), fault)
				return errors.New(message(fault))
			}
			accounted = size
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if size != length {
		return fmt.Errorf("%d of %d bytes", size, length)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if file.turn != turn {
		return errSuperseded
	}
	file.received, file.size, file.sha1 = true, size, hex.EncodeToString(digest.Sum(nil))
	file.complete++
	return nil
}

// nfcRule makes uploads go wrong.
type nfcRule struct {
	occasion
	Mode           string `json:"mode"`             // drop | stall | slow | status
	Match          string `json:"match"`            // part of the file's or machine's name; empty for all
	AfterBytes     int64  `json:"after_bytes"`      // drop and stall
	BytesPerSecond int64  `json:"bytes_per_second"` // slow
	Status         int    `json:"status"`           // HTTP status instead of an upload
	After          bool   `json:"after"`            // drop and status: the whole file is taken first, only the answer is lost
}

type nfcRules struct{ orders[*nfcRule] }

func (s *nfcRules) add(rule *nfcRule) error {
	switch rule.Mode {
	case "drop", "stall":
	case "slow":
		if rule.BytesPerSecond <= 0 {
			return errors.New("slow needs bytes_per_second")
		}
	case "status":
		if rule.Status < 400 || rule.Status > 599 {
			return errors.New("status must be between 400 and 599")
		}
	default:
		return fmt.Errorf("unknown mode %q: drop, stall, slow or status", rule.Mode)
	}
	if rule.After && rule.Mode != "drop" && rule.Mode != "status" {
		return errors.New("after goes with drop and status")
	}
	s.put(rule)
	return nil
}

func (s *nfcRules) find(names ...string) *nfcRule {
	return s.hit(func(rule *nfcRule) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, rule.Match) })
	})
}

var errDropped = errors.New("connection dropped")

// troubled is an upload's body under a rule.
type troubled struct {
	io.Reader
	rule  *nfcRule
	ended <-chan struct{}
	read  int64
}

func (t *troubled) Read(buffer []byte) (int, error) {
	if t.rule.Mode == "slow" {
		buffer = buffer[:min(int64(len(buffer)), max(t.rule.BytesPerSecond/20, 1))]
		n, err := t.Reader.Read(buffer)
		select {
		case <-time.After(time.Duration(int64(n) * int64(time.Second) / t.rule.BytesPerSecond)):
		case <-t.ended:
		case <-t.rule.cleared:
		}
		return n, err
	}
	left := t.rule.AfterBytes - t.read
	if left <= 0 {
		if t.rule.Mode == "drop" {
			return 0, errDropped
		}
		select {
		case <-t.ended:
			return 0, errEnded
		case <-t.rule.cleared:
			return t.Reader.Read(buffer)
		}
	}
	n, err := t.Reader.Read(buffer[:min(int64(len(buffer)), left)])
	t.read += int64(n)
	return n, err
}

// reset closes the request's connection as a crashed host does.
func reset(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	abort(connection)
}

func abort(connection net.Conn) {
	if secure, ok := connection.(*tls.Conn); ok {
		connection = secure.NetConn()
	}
	if ahead, ok := connection.(*bufferedConn); ok {
		connection = ahead.Conn
	}
	if plain, ok := connection.(*net.TCPConn); ok {
		_ = plain.SetLinger(0)
	}
	_ = connection.Close()
}
