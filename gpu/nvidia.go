package gpu

import (
	"context"
	"fmt"
	"time"
)

const (
	firstRetry = 5 * time.Second
	lastRetry  = 5 * time.Minute
)

// library is what the reader needs of NVML. A call of a function that the
// library lacks ends the process, and so does any call after a failed start:
// hence Has, and the order below.
type library interface {
	Start() code
	Has(function string) bool // only after a successful Start
	DriverVersion() (string, code)
	Count() (int, code)
	Device(index int) (device, code)
	Stop() code
}

// device is what the reader needs of one GPU.
type device interface {
	Name() (string, code)
	MemoryV2() (memory, code)
	Memory() (memory, code)
	Utilization() (percent uint32, c code)
}

// memory is in bytes; reserved is part of used in version 1, where it is 0.
type memory struct{ total, reserved, used uint64 }

// nvidia reads the first NVIDIA GPU. After a failed start, and after the GPU
// was lost, it starts the driver anew: 5 s later, then less and less often, up
// to every 5 min.
type nvidia struct {
	lib library

	gpu    device // nil: not started
	name   string
	driver string
	// What the library has, beyond what every driver must have.
	memoryV2, memoryV1, utilization bool

	reason code          // why it is not started
	retry  time.Time     // no start before
	wait   time.Duration // until the retry after the next failure; 0 = the first
}

func (n *nvidia) Read(context.Context) []Reading {
	now := time.Now()
	if n.gpu == nil {
		if now.Before(n.retry) {
			return unavailable(now, n.reason.String())
		}
		if c := n.start(); c != success {
			return n.failed(now, c)
		}
	}

	r := Reading{At: now, Available: true, Name: n.name, Driver: n.driver, Source: "NVML"}
	m, c := n.readMemory()
	if c.fatal() {
		n.stop()
		return n.failed(now, c)
	}
	if c == success && m.total > 0 {
		r.MemoryUsed, r.MemoryTotal = &m.used, &m.total
	}
	if n.utilization {
		percent, c := n.gpu.Utilization()
		// Some systems answer only this with an unknown error, for ever.
		if c.fatal() && c != unknown {
			n.stop()
			return n.failed(now, c)
		}
		if c == success {
			share := float64(min(percent, 100)) / 100
			r.Utilization = &share
		}
	}
	n.wait = 0
	return []Reading{r}
}

func (n *nvidia) start() code {
	if c := n.lib.Start(); c != success {
		return c
	}
	c := n.find()
	if c != success {
		n.stop()
	}
	return c
}

func (n *nvidia) find() code {
	if !n.lib.Has("nvmlDeviceGetCount") || !n.lib.Has("nvmlDeviceGetHandleByIndex") {
		return functionNotFound
	}
	count, c := n.lib.Count()
	if c != success {
		return c
	}
	if count == 0 {
		return notFound
	}
	gpu, c := n.lib.Device(0)
	if c != success {
		return c
	}
	// A GPU without a name or a driver without a version is still worth reading.
	n.name, n.driver = "", ""
	if n.lib.Has("nvmlDeviceGetName") {
		n.name, _ = gpu.Name()
	}
	if n.lib.Has("nvmlSystemGetDriverVersion") {
		n.driver, _ = n.lib.DriverVersion()
	}
	n.memoryV2 = n.lib.Has("nvmlDeviceGetMemoryInfo_v2")
	n.memoryV1 = n.lib.Has("nvmlDeviceGetMemoryInfo")
	n.utilization = n.lib.Has("nvmlDeviceGetUtilizationRates")
	n.gpu = gpu
	return success
}

func (n *nvidia) readMemory() (memory, code) {
	if n.memoryV2 {
		m, c := n.gpu.MemoryV2()
		if c == success || c.fatal() {
			return m, c
		}
		n.memoryV2 = false // this GPU does not tell it
	}
	if n.memoryV1 {
		return n.gpu.Memory()
	}
	return memory{}, functionNotFound
}

func (n *nvidia) failed(now time.Time, c code) []Reading {
	n.wait = min(max(2*n.wait, firstRetry), lastRetry)
	n.reason, n.retry = c, now.Add(n.wait)
	return unavailable(now, c.String())
}

func (n *nvidia) stop() code {
	n.gpu = nil
	return n.lib.Stop()
}

func (n *nvidia) Close() error {
	if n.gpu == nil {
		return nil
	}
	if c := n.stop(); c != success && !c.fatal() {
		return fmt.Errorf("release GPU driver: %s", c)
	}
	return nil
}
