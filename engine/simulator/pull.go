package main

import (
	"archive/tar"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// HttpNfcLeasePullFromUrlsTask fetches the files itself, in order, as ESXi does since 6.7. The simulator has no such
// method.
func (l *lease) HttpNfcLeasePullFromUrlsTask(ctx *simulator.Context, req *types.HttpNfcLeasePullFromUrls_Task) soap.HasFault {
	body := new(methods.HttpNfcLeasePullFromUrls_TaskBody)
	if fault := l.notReady(); fault != nil {
		body.Fault_ = faultOf(fault)
		return body
	}
	ref := l.vc.task(ctx, ctx.Map.Get(l.Info.Entity).(*simulator.VirtualMachine), "HttpNfcLeasePullFromUrls",
		func(ctx *simulator.Context, t *task) (types.AnyType, types.BaseMethodFault) {
			return nil, l.pullAll(ctx, t, req.Files)
		})
	body.Res = &types.HttpNfcLeasePullFromUrls_TaskResponse{Returnval: ref}
	return body
}

func (l *lease) pullAll(ctx *simulator.Context, t *task, sources []types.HttpNfcLeaseSourceFile) types.BaseMethodFault {
	var total, done int64
	for _, source := range sources {
		total += max(source.Size, 1)
	}
	shown := int32(-1)
	progress := func(n int) {
		done += int64(n)
		if percent := int32(min(100, done*100/total)); percent != shown {
			shown = percent
			ctx.Map.AtomicUpdate(ctx, t.Task, []types.PropertyChange{{Name: "info.progress", Val: percent}})
		}
	}
	for _, source := range sources {
		file := l.fileOf(source.TargetDeviceId)
		if file == nil {
			return &types.InvalidArgument{InvalidProperty: "files.targetDeviceId"}
		}
		if err := l.pull(t, file, source, progress); err != nil {
			select {
			case <-t.cancelled:
				return &types.RequestCanceled{}
			default:
				return &types.SystemErrorFault{Reason: fmt.Sprintf("%s: %v", source.Url, err)}
			}
		}
	}
	return nil
}

func (l *lease) fileOf(device string) *upload {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, file := range l.files {
		if file.importKey == device || file.key == device {
			return file
		}
	}
	return nil
}

// pull fetches one file, or one member of a tar archive. The source's certificate is checked against the thumbprint
// given, not at all without one.
func (l *lease) pull(t *task, file *upload, source types.HttpNfcLeaseSourceFile, progress func(int)) error {
	request, err := http.NewRequest(http.MethodGet, source.Url, nil)
	if err != nil {
		return err
	}
	for _, header := range source.HttpHeaders {
		request.Header.Set(header.Key, header.Value)
	}
	transport := &http.Transport{TLSClientConfig: pinned(source.SslThumbprint)}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	body, length := io.Reader(response.Body), response.ContentLength
	if source.MemberName != "" {
		archive := tar.NewReader(response.Body)
		for {
			header, err := archive.Next()
			if err != nil {
				return fmt.Errorf("member %s: %w", source.MemberName, err)
			}
			if header.Name == source.MemberName {
				body, length = archive, header.Size
				break
			}
		}
	}
	if length < 0 {
		length = source.Size
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-t.cancelled:
			_ = response.Body.Close()
		case <-stop:
		}
	}()
	return l.receive(file, &counting{body, progress}, length)
}

// pinned accepts exactly the certificate of a thumbprint, SHA-1 or SHA-256; any when it is empty.
func pinned(wanted string) *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			certificate := state.PeerCertificates[0]
			if wanted == "" || matches(certificate, wanted) {
				return nil
			}
			return fmt.Errorf("the source's certificate is %s, expected %s", soap.ThumbprintSHA1(certificate), wanted)
		},
	}
}

func matches(certificate *x509.Certificate, wanted string) bool {
	return strings.EqualFold(soap.ThumbprintSHA1(certificate), wanted) ||
		strings.EqualFold(soap.ThumbprintSHA256(certificate), wanted)
}

type counting struct {
	io.Reader
	progress func(int)
}

func (c *counting) Read(buffer []byte) (int, error) {
	n, err := c.Reader.Read(buffer)
	c.progress(n)
	return n, err
}
