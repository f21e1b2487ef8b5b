package gpu

// library is what the reader needs of NVML. A call of a function that the
// library lacks ends the process, and so does any call after a failed start:
// hence Has, and the order below.
type library interface {
	Start() code
	Has(function string) bool // only after a successful Start
	DriverVersion() (string, code)
	Count() (int, code)
	Device(index int) (device, code)
	ProgramName(pid uint32) (string, code)
	Stop() code
}

// device is what the reader needs of one GPU. Units are NVML's.
type device interface {
	Name() (string, code)
	UUID() (string, code)
	MemoryV2() (memory, code)
	Memory() (memory, code)
	Utilization() (gpu, memory uint32, c code) // percent
	Power() (uint32, code)                     // mW
	EnforcedPowerLimit() (uint32, code)        // mW
	PowerLimit() (uint32, code)                // mW
	Energy() (uint64, code)                    // mJ since the driver was loaded
	Temperature() (int, code)                  // °C
	TemperatureV() (int, code)                 // °C
	ClockEventReasons() (uint64, code)         // bits
	ClockThrottleReasons() (uint64, code)      // bits
	Clock() (uint32, code)                     // MHz
	MemoryClock() (uint32, code)               // MHz

	// Running appends the processes that the function of that name lists.
	Running(function string, to []use) ([]use, code)
	// ProcessUtilization appends what was sampled later than since, in µs of the
	// system's clock; notFound: nothing was.
	ProcessUtilization(since uint64, to []sample) ([]sample, code)
}

// memory is in bytes; in version 1 reserved is 0 and part of used.
type memory struct{ total, reserved, free, used uint64 }
