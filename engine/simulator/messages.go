package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"reflect"
	"regexp"

	"github.com/vmware/govmomi/vim25/types"
)

// messages are what a vCenter says with its faults. The simulator says nothing, or the Go type; people read these.
var messages = map[string]string{
	"CannotAccessVmDisk":    "Cannot access the virtual disk.",
	"DuplicateName":         "The name already exists.",
	"FileAlreadyExists":     "The specified key, name, or identifier already exists.",
	"FileNotFound":          "A file was not found: the parent disk of this virtual machine is gone.",
	"HostNotConnected":      "Unable to communicate with the remote host, since it is disconnected.",
	"InvalidArgument":       "A specified parameter was not correct.",
	"InvalidDeviceSpec":     "Invalid configuration for a device.",
	"InvalidLogin":          "Cannot complete login due to an incorrect user name or password.",
	"InvalidName":           "The specified name is not valid.",
	"InvalidPowerState":     "The attempted operation cannot be performed in the current power state.",
	"InvalidState":          "The operation is not allowed in the current state.",
	"ManagedObjectNotFound": "The object has already been deleted or has not been completely created.",
	"NoDiskSpace":           "Insufficient disk space on the datastore.",
	"NoPermission":          "Permission to perform this operation was denied.",
	"NotAuthenticated":      "The session is not authenticated.",
	"NotFound":              "The object or item referred to could not be found.",
	"NotSupported":          "The operation is not supported on the object.",
	"RequestCanceled":       "The task was canceled by a user.",
	"Timedout":              "Operation timed out.",
}

// message is the text that goes with a fault: the one given with it, else vCenter's usual one.
func message(fault types.BaseMethodFault) string {
	if given := fault.GetMethodFault().FaultMessage; len(given) > 0 {
		return given[0].Message
	}
	switch f := fault.(type) {
	case *types.DuplicateName:
		return fmt.Sprintf("The name '%s' already exists.", f.Name)
	case *types.InvalidArgument:
		return "A specified parameter was not correct: " + f.InvalidProperty
	case *types.NoDiskSpace:
		return fmt.Sprintf("Insufficient disk space on datastore '%s'.", f.Datastore)
	case *types.NoPermission:
		return fmt.Sprintf("Permission to perform this operation was denied: %s.", f.PrivilegeId)
	case *types.SystemErrorFault:
		return "A general system error occurred: " + f.Reason
	case *types.FileNotFound:
		return "File " + f.File + " was not found"
	}
	return messageFor(reflect.TypeOf(fault).Elem().Name())
}

func messageFor(kind string) string {
	if text, ok := messages[kind]; ok {
		return text
	}
	return kind
}

var (
	silent    = []byte("<faultstring></faultstring>")
	faultKind = regexp.MustCompile(`<detail><(\w+)Fault `)
	given     = regexp.MustCompile(`<faultMessage><key>[^<]*</key>(?:<arg>.*?</arg>)*<message>([^<]*)</message>`)
)

// talking fills the fault strings that the simulator leaves empty.
type talking struct {
	http.ResponseWriter
	failed bool
}

func (t *talking) WriteHeader(status int) {
	t.failed = status == http.StatusInternalServerError
	t.ResponseWriter.WriteHeader(status)
}

// Write gets the whole envelope at once (simulator.Service.ServeSDK).
func (t *talking) Write(body []byte) (int, error) {
	if t.failed && bytes.Contains(body, silent) {
		if kind := faultKind.FindSubmatch(body); kind != nil {
			var text bytes.Buffer
			if own := given.FindSubmatch(body); own != nil {
				text.Write(own[1]) // already escaped
			} else {
				_ = xml.EscapeText(&text, []byte(messageFor(string(kind[1]))))
			}
			filled := bytes.Replace(body, silent, []byte("<faultstring>"+text.String()+"</faultstring>"), 1)
			_, err := t.ResponseWriter.Write(filled)
			return len(body), err
		}
	}
	return t.ResponseWriter.Write(body)
}
