// The simulator package as released, nothing added: what the contract suite calls stock vcsim.
package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/vmware/govmomi/simulator"

	_ "github.com/vmware/govmomi/pbm/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator"
)

func main() {
	model := simulator.VPX()
	listen := flag.String("listen", "127.0.0.1:0", "listen address")
	user := flag.String("username", "", "only this user may log in, with the password in $VCSIM_PASSWORD")
	flag.IntVar(&model.Machine, "vm", model.Machine, "virtual machines per pool")
	flag.IntVar(&model.App, "app", model.App, "vApps per cluster")
	flag.IntVar(&model.Pool, "pool", model.Pool, "resource pools per cluster")
	flag.IntVar(&model.Portgroup, "pg", model.Portgroup, "distributed portgroups")
	flag.StringVar(&model.ServiceContent.About.ApiVersion, "api-version", "8.0.3.0", "API version")
	trace := flag.Bool("trace", false, "write the simulator's log to stderr")
	flag.Parse()
	if !*trace {
		log.SetOutput(io.Discard)
	}
	ready := json.NewEncoder(os.Stdout)
	if err := model.Create(); err != nil {
		_ = ready.Encode(map[string]string{"error": err.Error()})
		os.Exit(1)
	}
	model.Service.RegisterEndpoints = true
	model.Service.Listen = &url.URL{Host: *listen}
	if *user != "" {
		model.Service.Listen.User = url.UserPassword(*user, os.Getenv("VCSIM_PASSWORD"))
	}
	model.Service.TLS = new(tls.Config)
	server := model.Service.NewServer()
	plain := *server.URL
	plain.User = nil
	sum := sha256.Sum256(server.Certificate().Raw)
	_ = ready.Encode(map[string]any{
		"url": plain.String(), "fingerprint": hex.EncodeToString(sum[:]), "folder": home(model), "pid": os.Getpid(),
	})

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	go func() { // ends with its parent, which holds the other end of stdin
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop <- syscall.SIGTERM
	}()
	<-stop
	model.Remove()
}

// home is the temporary folder of the datastores' files.
func home(model *simulator.Model) any {
	for _, option := range model.Map().OptionManager().Setting {
		if value := option.GetOptionValue(); value.Key == "vcsim.home" {
			return value.Value
		}
	}
	return ""
}
