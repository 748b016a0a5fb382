package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"log"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

var silentLog = log.New(io.Discard, "", 0)

// gate is what every HTTP request to vCenter's port passes first.
func (vc *vcenter) gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if vc.unavailable.Load() > 0 && vc.unavailable.Add(-1) >= 0 {
			http.Error(w, "503 Service Unavailable", http.StatusServiceUnavailable)
			return
		}
		next := next
		switch {
		case strings.HasPrefix(r.URL.Path, nfcPath): // uploads go to the hosts
			http.NotFound(w, r)
			return
		case strings.HasPrefix(r.URL.Path, "/folder/") && !vc.hasSession(r):
			http.Error(w, "401 Unauthorized", http.StatusUnauthorized)
			return
		case r.URL.Path == "/sdk" && r.Method == http.MethodPost:
			if err := repairAbort(r); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			defer vc.atWork(r)()
			next = vc.wire(next)
		}
		next.ServeHTTP(w, r)
	})
}

func (vc *vcenter) hasSession(r *http.Request) bool {
	cookie, err := r.Cookie(soap.SessionCookieName)
	return err == nil && slices.ContainsFunc(vc.sessions(), func(session types.UserSession) bool {
		return session.Key == strings.Trim(cookie.Value, `"`)
	})
}

var abortFault = regexp.MustCompile(`(?s)(<(?:\w+:)?HttpNfcLeaseAbort[ >].*?</(?:\w+:)?_this>).*(</(?:\w+:)?HttpNfcLeaseAbort>)`)

// repairAbort leaves out the reason of an abort: decoding it makes the simulator drop the connection.
func repairAbort(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if bytes.Contains(body, []byte("HttpNfcLeaseAbort")) {
		body = abortFault.ReplaceAll(body, []byte("$1$2"))
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

func escape(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text))
	return out.String()
}

func taskOf(body soap.HasFault) types.ManagedObjectReference {
	return body.(*methods.AddDVPortgroup_TaskBody).Res.Returnval
}
