package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/vmware/govmomi/simulator"
)

// door is vCenter's port, which can refuse connections for a while. The inventory, tasks and sessions stay.
type door struct {
	mu          sync.Mutex
	server      *simulator.Server
	listener    net.Listener
	held        int // socket that keeps the port while it is shut
	shut        atomic.Bool
	connections sync.Map
}

// hang takes over a server that listens.
func (d *door) hang(server *simulator.Server) {
	d.server, d.listener = server, server.Listener
	before := server.Config.ConnState
	server.Config.ConnState = func(connection net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			d.connections.Store(connection, nil)
			if d.shut.Load() { // accepted just before
				abort(connection)
			}
		case http.StateClosed, http.StateHijacked:
			d.connections.Delete(connection)
		}
		if before != nil {
			before(connection, state)
		}
	}
}

func (d *door) set(open bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if open != d.shut.Load() {
		return nil
	}
	if open {
		return d.open()
	}
	return d.close()
}

// close resets what is connected and refuses what comes. A socket that is bound and does not listen keeps the port from
// other programs.
func (d *door) close() error {
	address := d.listener.Addr().(*net.TCPAddr)
	d.shut.Store(true)
	_ = d.listener.Close()
	d.connections.Range(func(connection, _ any) bool {
		abort(connection.(net.Conn))
		return true
	})
	d.held = -1
	family, name := socketAddress(address)
	held, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	syscall.CloseOnExec(held)
	err = syscall.SetsockoptInt(held, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(held, name)
	}
	if err != nil {
		_ = syscall.Close(held)
		return fmt.Errorf("%s: %w", address, err)
	}
	d.held = held
	return nil
}

func (d *door) open() error {
	if err := syscall.Listen(d.held, syscall.SOMAXCONN); err != nil {
		return err
	}
	file := os.NewFile(uintptr(d.held), "door")
	listener, err := net.FileListener(file) // a copy of it
	_ = file.Close()
	if err != nil {
		return err
	}
	secure := tls.NewListener(listener, d.server.TLS)
	d.listener = secure
	d.shut.Store(false)
	go func() { _ = d.server.Config.Serve(secure) }()
	return nil
}

func socketAddress(address *net.TCPAddr) (int, syscall.Sockaddr) {
	if ip := address.IP.To4(); ip != nil {
		return syscall.AF_INET, &syscall.SockaddrInet4{Port: address.Port, Addr: [4]byte(ip)}
	}
	return syscall.AF_INET6, &syscall.SockaddrInet6{Port: address.Port, Addr: [16]byte(address.IP)}
}
