package main

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

func (s *site) order(rule faultRule) {
	s.Helper()
	if err := s.vc.faults.add(&rule); err != nil {
		s.Fatal(err)
	}
}

func TestLoginAndContentFail(t *testing.T) {
	s := serve(t)
	for _, method := range []string{"RetrieveServiceContent", "Login"} {
		s.order(faultRule{Method: method, Fault: "InvalidLogin", occasion: occasion{Times: 1}})
		_, err := s.tryLogin()
		s.wants(err, &types.InvalidLogin{})
		s.login()
	}
}

func TestCallsAreLostBeforeAndAfter(t *testing.T) {
	s := serve(t)
	names := map[bool]string{false: "before", true: "after"}
	for _, mode := range []string{"503", "drop", "gone"} {
		for after, when := range names {
			s.order(faultRule{Method: "CreateFolder", Object: when, Mode: mode, After: after, occasion: occasion{Times: 1}})
			if _, err := s.folder.CreateFolder(ctx, mode+when); err == nil {
				t.Fatal("answered:", mode, when)
			}
			if err := s.vc.door.set(true); err != nil {
				t.Fatal(err)
			}
			_, err := s.folder.CreateFolder(ctx, mode+when)
			if after {
				s.wants(err, &types.DuplicateName{})
			} else if err != nil {
				t.Fatal("carried out:", mode, err)
			}
		}
	}
}

func TestStalledCallsGoOn(t *testing.T) {
	s := serve(t)
	for _, after := range []bool{false, true} {
		s.order(faultRule{Method: "CreateFolder", Mode: "stall", After: after})
		name := map[bool]string{false: "before", true: "after"}[after]
		answered := make(chan error)
		go func() {
			_, err := s.folder.CreateFolder(ctx, name)
			answered <- err
		}()
		s.until("the call is there", func() bool {
			return !s.vc.faults.any(func(rule *faultRule) bool { return rule.hits == 0 })
		})
		select {
		case err := <-answered:
			t.Fatal("answered:", err)
		default:
		}
		s.vc.faults.clear()
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
	}
	s.order(faultRule{Method: "CreateFolder", Mode: "stall", Delay: 0.05})
	if _, err := s.folder.CreateFolder(ctx, "late"); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []faultRule{
		{Method: "*", Mode: "odd"}, {Method: "*", Mode: "drop", Fault: "Timedout"}, {Method: "*", After: true},
	} {
		if s.vc.faults.add(&wrong) == nil {
			t.Fatal("taken:", wrong.Mode)
		}
	}
}

func TestEndpointIsGoneAndBack(t *testing.T) {
	s := serve(t)
	for range 3 {
		if err := s.vc.door.set(false); err != nil {
			t.Fatal(err)
		}
		if connection, err := net.Dial("tcp", s.vc.server.URL.Host); err == nil {
			_ = connection.Close()
			t.Fatal("the port takes connections")
		}
		if err := s.vc.door.set(true); err != nil {
			t.Fatal(err)
		}
		// The session is still good, on a new connection: a pooled one may not have noticed its reset yet.
		s.until("it answers", func() bool { _, err := s.folder.Children(ctx); return err == nil })
		s.same(s.vc.counters().LiveSessions, 1, "sessions")
	}
	s.order(faultRule{Method: "CreateFolder", Mode: "gone", Delay: 0.05, occasion: occasion{Times: 1}})
	if _, err := s.folder.CreateFolder(ctx, "back"); err == nil {
		t.Fatal("answered")
	}
	s.until("it is back", func() bool { _, err := s.folder.CreateFolder(ctx, "back"); return err == nil })
}

func TestEveryFaultAtCallAndInTask(t *testing.T) {
	s := serve(t)
	source := s.imported("app")
	for _, kind := range []string{
		"TaskInProgress", "DuplicateName", "InsufficientResourcesFault", "NoPermission", "NotAuthenticated", "InvalidLogin",
		"NoDiskSpace", "HostNotConnected", "Timedout", "FileAlreadyExists", "InvalidState", "GenericVmConfigFault",
		"ConcurrentAccess",
	} {
		for _, inTask := range []bool{false, true} {
			rule := &faultRule{Method: "Rename_Task", Fault: kind, InTask: inTask}
			fault := must(rule.make())
			s.order(*rule)
			s.wants(s.done(source.Rename(ctx, "other")), fault)
			s.vc.faults.clear()
		}
	}
	if err := s.done(source.Rename(ctx, "other")); err != nil {
		t.Fatal(err)
	}
}

func TestFileSentAgainReplacesTheBrokenOne(t *testing.T) {
	s := serve(t)
	lease, info, _ := s.lease("app")
	address := info.Items[0].URL.String()
	add := func(rule nfcRule) {
		if err := s.vc.nfc.add(&rule); err != nil {
			t.Fatal(err)
		}
	}
	add(nfcRule{Mode: "stall", AfterBytes: 1000, occasion: occasion{Times: 1}})
	stalled := make(chan int)
	go func() { stalled <- must(s.post(address, diskBytes)).StatusCode }()
	s.until("it stalls", func() bool { return s.vc.counters().BytesReceived == 1000 })
	add(nfcRule{Mode: "drop", After: true, occasion: occasion{Times: 1}})
	if _, err := s.post(address, diskBytes); err == nil {
		t.Fatal("answered")
	}
	add(nfcRule{Mode: "status", Status: 503, After: true, occasion: occasion{Times: 1}})
	s.same(must(s.post(address, diskBytes)).StatusCode, 503, "status")
	free := s.free()
	s.vc.nfc.clear()
	s.same(<-stalled, http.StatusInternalServerError, "status of the one that was given up")
	s.same(s.free(), free, "free space")
	file := s.vc.counters().Leases[0].Files[0]
	s.same(file.Complete, 2, "times complete")
	if file.Bytes < 7000 {
		t.Fatal("bytes:", file.Bytes)
	}
	if err := lease.Complete(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestRunningTasksAreListed(t *testing.T) {
	s := serve(t, func(o *options) { o.cloneDelay = time.Hour })
	source := s.imported("app")
	s.until("nothing runs", func() bool { return len(s.vc.counters().Running) == 0 })
	pool := s.pool.Reference()
	task := must(source.Clone(ctx, s.folder, "c1", types.VirtualMachineCloneSpec{
		Location: types.VirtualMachineRelocateSpec{Pool: &pool},
	}))
	s.same(s.vc.counters().Running, []runningTask{{"CloneVM_Task", "app"}}, "running")
	if err := task.Cancel(ctx); err != nil {
		t.Fatal(err)
	}
	s.until("nothing runs", func() bool { return len(s.vc.counters().Running) == 0 })
}

func TestIdleSessionsEnd(t *testing.T) {
	s := serve(t)
	idle := 0.3
	if err := s.vc.change(&settingsChange{SessionIdle: &idle}); err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); time.Since(begin) < 600*time.Millisecond; { // one that calls lives longer than the limit
		must(s.folder.Children(ctx))
	}
	s.until("the session ended", func() bool { return s.vc.counters().LiveSessions == 0 })
	_, err := s.folder.CreateFolder(ctx, "late")
	s.wants(err, &types.NotAuthenticated{})
	s.login()
}
