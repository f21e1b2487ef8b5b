package gpu

import "math"

// value is something that a driver may tell of a GPU.
type value struct {
	function string
	read     func(*sheet) code
	vital    bool // an unknown error means that the GPU is lost: some systems give one for other values for ever
}

// values are read in this order. Where two tell the same the first one counts.
var values = []value{
	{"nvmlDeviceGetMemoryInfo_v2", (*sheet).memoryV2, true},
	{"nvmlDeviceGetMemoryInfo", (*sheet).memory, true},
	{"nvmlDeviceGetUtilizationRates", (*sheet).utilization, false},
	{"nvmlDeviceGetPowerUsage", (*sheet).power, false},
	{"nvmlDeviceGetEnforcedPowerLimit", (*sheet).enforcedPowerLimit, false},
	{"nvmlDeviceGetPowerManagementLimit", (*sheet).powerLimit, false},
	{"nvmlDeviceGetTotalEnergyConsumption", (*sheet).energy, false},
	{"nvmlDeviceGetTemperature", (*sheet).temperature, false},
	{"nvmlDeviceGetTemperatureV", (*sheet).temperatureV, false},
	{"nvmlDeviceGetCurrentClocksEventReasons", (*sheet).clockEventReasons, false},
	{"nvmlDeviceGetCurrentClocksThrottleReasons", (*sheet).clockThrottleReasons, false},
	{"nvmlDeviceGetClockInfo", (*sheet).clocks, false},
	{computeList, (*sheet).compute, false},
	{mpsList, (*sheet).mps, false},
	{graphicsList, (*sheet).graphics, false},
	{"nvmlDeviceGetProcessUtilization", (*sheet).processes, false}, // needs the lists
}

// sheet is a reading that is being filled in.
type sheet struct {
	*card
	reading *Reading
	told    *told
	join    *join
}

// told holds what a reading points to.
type told struct {
	used, reserved, free, total        uint64
	utilization, memoryUtilization     float64
	power, powerLimit, energy, degrees float64
	clock, memoryClock                 float64
}

// memoryV2 makes used what nvidia-smi shows, whether or not this driver counts
// the reserve to it.
func (s *sheet) memoryV2() code {
	m, c := s.device.MemoryV2()
	if c != success || m.total == 0 {
		return failure(c)
	}
	if kept := m.free + m.reserved; kept <= m.total {
		m.used = m.total - kept
	}
	s.setMemory(m)
	s.told.reserved = m.reserved
	s.reading.MemoryReserved = &s.told.reserved
	return success
}

func (s *sheet) memory() code {
	if s.reading.MemoryTotal != nil {
		return success
	}
	m, c := s.device.Memory()
	if c != success || m.total == 0 {
		return failure(c)
	}
	s.setMemory(m)
	return success
}

func (s *sheet) setMemory(m memory) {
	s.told.used, s.told.free, s.told.total = m.used, m.free, m.total
	s.reading.MemoryUsed, s.reading.MemoryFree, s.reading.MemoryTotal = &s.told.used, &s.told.free, &s.told.total
}

func (s *sheet) utilization() code {
	gpu, memory, c := s.device.Utilization()
	if c == success {
		set(&s.reading.Utilization, &s.told.utilization, float64(min(gpu, 100))/100)
		set(&s.reading.MemoryUtilization, &s.told.memoryUtilization, float64(min(memory, 100))/100)
	}
	return c
}

func (s *sheet) power() code {
	milliwatts, c := s.device.Power()
	if c == success {
		set(&s.reading.Power, &s.told.power, float64(milliwatts)/1000)
	}
	return c
}

func (s *sheet) enforcedPowerLimit() code { return s.limit(s.device.EnforcedPowerLimit) }
func (s *sheet) powerLimit() code         { return s.limit(s.device.PowerLimit) }

func (s *sheet) limit(read func() (uint32, code)) code {
	if s.reading.PowerLimit != nil {
		return success
	}
	milliwatts, c := read()
	if c == success {
		set(&s.reading.PowerLimit, &s.told.powerLimit, float64(milliwatts)/1000)
	}
	return c
}

func (s *sheet) energy() code {
	millijoules, c := s.device.Energy()
	if c == success {
		set(&s.reading.Energy, &s.told.energy, float64(millijoules)/1000)
	}
	return c
}

func (s *sheet) temperature() code  { return s.celsius(s.device.Temperature) }
func (s *sheet) temperatureV() code { return s.celsius(s.device.TemperatureV) }

func (s *sheet) celsius(read func() (int, code)) code {
	if s.reading.Temperature != nil {
		return success
	}
	degrees, c := read()
	if c == success {
		set(&s.reading.Temperature, &s.told.degrees, float64(degrees))
	}
	return c
}

func (s *sheet) clockEventReasons() code    { return s.slower(s.device.ClockEventReasons) }
func (s *sheet) clockThrottleReasons() code { return s.slower(s.device.ClockThrottleReasons) }

func (s *sheet) slower(read func() (uint64, code)) code {
	if s.reading.Throttle != nil {
		return success
	}
	reasons, c := read()
	if c == success {
		s.reading.Throttle = s.throttle.words(reasons)
	}
	return c
}

func (s *sheet) clocks() code {
	clock, c := s.device.Clock()
	if c == success {
		set(&s.reading.Clock, &s.told.clock, float64(clock))
	}
	memory, m := s.device.MemoryClock()
	if m == success {
		set(&s.reading.MemoryClock, &s.told.memoryClock, float64(memory))
		if !c.ends() && !c.loses() {
			return success
		}
	}
	return c
}

func set(field **float64, place *float64, v float64) {
	*place = v
	*field = place
}

// failure is c, or that a GPU without memory does not tell it.
func failure(c code) code {
	if c == success {
		return notSupported
	}
	return c
}

const notTold = math.MaxUint64 // NVML's NVML_VALUE_NOT_AVAILABLE

// versions are the functions of which the newest that there is must be called,
// the newest first: the first version of some leaves out GPUs that another one
// hides. Memory is not among them: its _v2 is another function.
var versions = map[string][]string{
	"nvmlInit": {"_v2"}, "nvmlDeviceGetCount": {"_v2"}, "nvmlDeviceGetHandleByIndex": {"_v2"},
	computeList: {"_v3", "_v2"}, graphicsList: {"_v3", "_v2"}, mpsList: {"_v3", "_v2"},
}
