package gateway

// ofGPU are those kinds of faults that a lost GPU explains.
var ofGPU = map[kind]bool{backendError: true, backendDisconnected: true, backendTruncated: true, backendTimeout: true}

// blame is f, unless the engine failed because its GPU is lost: to try again does not
// help before somebody resets it.
func (c *call) blame(f *fault) *fault {
	if !ofGPU[f.kind] || !c.target.Local() {
		return f
	}
	why := c.lostGPU(c.target.Name)
	if why == "" {
		return f
	}
	return newFault(gpuLost, f.message+"; "+why)
}
