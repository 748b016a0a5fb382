// A simulated vCenter: govmomi's simulator, and what a real vCenter does beyond it where that decides whether a client is
// right. docs/simulator.md lists every difference with its source.
//
// The password is read from the environment, never from the command line. One JSON line on stdout tells the addresses
// when everything listens; the program ends on SIGTERM, SIGINT, or when its standard input is closed, so that it
// outlives no parent.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const product = "Slipway simulated vCenter"

// passwordVariable holds the password of the one account; empty with an empty -username lets anybody in.
const passwordVariable = "SLIPWAY_SIMULATOR_PASSWORD"

// names is a flag that may be given several times.
type names []string

func (n *names) String() string { return strings.Join(*n, ",") }

func (n *names) Set(name string) error {
	*n = append(*n, name)
	return nil
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:0", "address of the vSphere API")
	flag.StringVar(&o.adminListen, "admin", "127.0.0.1:0", "address of the admin port (plain HTTP, loopback only)")
	flag.StringVar(&o.username, "username", "", "the one account; its password is in $"+passwordVariable)
	flag.StringVar(&o.instanceUUID, "instance-uuid", "", "about.instanceUuid; random when empty")
	flag.BoolVar(&o.drs, "drs", true, "cluster with DRS")
	flag.DurationVar(&o.cloneDelay, "clone-delay", 0, "time that a clone takes")
	flag.DurationVar(&o.guestDelay, "guest-delay", 0, "time from power on to a ready guest")
	flag.DurationVar(&o.leaseTimeout, "lease-timeout", defaultLeaseTimeout, "time without progress after which a lease ends")
	flag.Int64Var(&o.capacity, "datastore-capacity", defaultCapacity, "capacity of each datastore in bytes")
	flag.Var((*names)(&o.portgroups), "portgroup", "name of a further distributed portgroup (repeatable)")
	flag.Var((*names)(&o.folders), "folder", "name of a folder below the vm folder (repeatable)")
	flag.Var((*names)(&o.datastores), "datastore", "further datastore, of one host as NAME@HOST (repeatable)")
	flag.Var((*names)(&o.clusters), "datastore-cluster", "NAME=MEMBER,MEMBER (repeatable)")
	trace := flag.Bool("trace", false, "write the simulator's log to stderr")
	flag.Parse()
	o.password = os.Getenv(passwordVariable)
	if !*trace {
		log.SetOutput(io.Discard)
	}

	vc, err := start(o)
	if err != nil {
		_ = json.NewEncoder(os.Stdout).Encode(map[string]string{"error": err.Error()})
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(vc.addresses()); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	waitForEnd()
	vc.stop()
}

// waitForEnd returns when the program is asked to end or nobody holds the other end of its standard input any more.
func waitForEnd() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGINT, syscall.SIGTERM)
	orphaned := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(orphaned)
	}()
	select {
	case <-asked:
	case <-orphaned:
	}
}
