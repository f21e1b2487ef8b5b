package gpu

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

// tree is a made root folder. It refuses what it is told to, like the kernel
// does, and remembers what was read.
type tree struct {
	fstest.MapFS
	refuse []string // by prefix
	read   []string
}

func (t *tree) Open(name string) (fs.File, error) {
	for _, r := range t.refuse {
		if strings.HasPrefix(name, r) {
			return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("device or resource busy")}
		}
	}
	t.read = append(t.read, name)
	return t.MapFS.Open(name)
}

func (t *tree) ReadFile(name string) ([]byte, error) {
	f, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return t.MapFS.ReadFile(name)
}

func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	for _, r := range t.refuse {
		if strings.HasPrefix(name, r) {
			return nil, fs.ErrPermission
		}
	}
	return t.MapFS.ReadDir(name)
}

func (t *tree) write(name, text string) { t.MapFS[name] = &fstest.MapFile{Data: []byte(text)} }

// remove takes away a file or a folder with all in it.
func (t *tree) remove(name string) {
	for file := range t.MapFS {
		if file == name || strings.HasPrefix(file, name+"/") {
			delete(t.MapFS, file)
		}
	}
}

// card adds a card with everything told.
func (t *tree) card(name, address string) (device string) {
	device = "sys/class/drm/" + name + "/device/"
	for file, text := range map[string]string{
		"vendor": "0x1002\n", "device": "0x744c\n", "revision": "0xc8\n", "unique_id": "9f2a" + name + "\n",
		"uevent":                      "DRIVER=amdgpu\nPCI_CLASS=30000\nPCI_SLOT_NAME=" + address + "\n",
		"power/runtime_status":        "active\n",
		"mem_info_vram_total":         "25753026560\n",
		"mem_info_vram_used":          "4294967296\n",
		"gpu_busy_percent":            "37\n",
		"mem_busy_percent":            "12\n",
		"hwmon/hwmon5/power1_average": "250500000\n",
		"hwmon/hwmon5/power1_cap":     "303000000\n",
		"hwmon/hwmon5/temp1_input":    "66000\n",
		"hwmon/hwmon5/freq1_input":    "2520000000\n",
		"hwmon/hwmon5/freq2_input":    "1249000000\n",
		"pp_dpm_sclk":                 "0: 500Mhz\n1: 2200Mhz *\n2: 2600Mhz\n",
		"pp_dpm_mclk":                 "0: 96Mhz *\n1: 1249Mhz\n",
	} {
		t.write(device+file, text)
	}
	t.write("sys/class/drm/"+name+"-DP-1/device/vendor", "0x1002")
	return device
}

// opens adds a process with one file open, of a card.
func (t *tree) opens(pid, fd int, address, client string, lines ...string) {
	folder := fmt.Sprintf("proc/%d/", pid)
	t.MapFS[folder+fmt.Sprintf("fd/%d", fd)] = &fstest.MapFile{Data: []byte("/dev/dri/renderD128"), Mode: fs.ModeSymlink}
	t.write(folder+fmt.Sprintf("fdinfo/%d", fd), "pos:\t0\nflags:\t02100002\ndrm-driver:\tamdgpu\ndrm-pdev:\t"+address+
		"\ndrm-client-id:\t"+client+"\n"+strings.Join(lines, "\n")+"\n")
	t.write(folder+"comm", fmt.Sprintf("program%d\n", pid))
}

// rocm adds a program of ROCm with memory on the card.
func (t *tree) rocm(device string, pid int, memory string) {
	const kfd = "sys/class/kfd/kfd/"
	t.write(device+"drm/card0/dev", "226:0")
	t.write(device+"drm/renderD128/dev", "226:128")
	t.write(kfd+"topology/nodes/0/properties", "cpu_cores_count 16\ndrm_render_minor 0\n")
	t.write(kfd+"topology/nodes/0/gpu_id", "0")
	t.write(kfd+"topology/nodes/1/properties", "simd_count 192\ndrm_render_minor 128\n")
	t.write(kfd+"topology/nodes/1/gpu_id", "51545\n")
	t.write(fmt.Sprintf(kfd+"proc/%d/vram_51545", pid), memory)
}

func newTree() *tree {
	t := &tree{MapFS: fstest.MapFS{}}
	t.write("proc/sys/kernel/osrelease", "6.8.0-45\n")
	return t
}

func figure(v any) string {
	if p := reflect.ValueOf(v); !p.IsNil() {
		return fmt.Sprintf("%.6g", p.Elem().Interface())
	}
	return "?"
}

func toldBytes(v *uint64) string {
	if v == nil {
		return "?"
	}
	return fmt.Sprint(*v)
}

func facts(r Reading) string {
	if !r.Available {
		return r.Name + ": " + r.Reason
	}
	return fmt.Sprintf("%s of %s bytes, %s and %s busy, %s of %s W, %s °C, %s and %s MHz",
		toldBytes(r.MemoryUsed), toldBytes(r.MemoryTotal), figure(r.Utilization), figure(r.MemoryUtilization),
		figure(r.Power), figure(r.PowerLimit), figure(r.Temperature), figure(r.Clock), figure(r.MemoryClock))
}

func users(r Reading) string {
	if r.Processes == nil {
		return "not told"
	}
	var all []string
	for _, p := range r.Processes {
		all = append(all, fmt.Sprintf("%d %s %s %s %s", p.PID, p.Name, p.Kind, toldBytes(p.Memory), figure(p.Utilization)))
	}
	return strings.Join(all, "; ")
}

func TestAMDGPU(t *testing.T) {
	const address = "0000:03:00.0"
	const whole = "4294967296 of 25753026560 bytes, 0.37 and 0.12 busy, 250.5 of 303 W, 66 °C, 2520 and 1249 MHz"

	t.Run("ReadsWhatTheDriverTells", func(t *testing.T) {
		for name, c := range map[string]struct {
			change func(*tree, string)
			want   string
		}{
			"Everything": {func(*tree, string) {}, whole},
			"PowerOfNewCards": {func(m *tree, d string) {
				m.remove(d + "hwmon/hwmon5/power1_average")
				m.write(d+"hwmon/hwmon5/power1_input", "99000000\n")
			}, strings.Replace(whole, "250.5", "99", 1)},
			"ClocksOfOldKernels": {func(m *tree, d string) {
				m.remove(d + "hwmon/hwmon5/freq1_input")
				m.remove(d + "hwmon/hwmon5/freq2_input")
			}, strings.Replace(whole, "2520 and 1249", "2200 and 96", 1)},
			"NoSensors": {func(m *tree, d string) { m.remove(d + "hwmon") },
				strings.Replace(whole, "250.5 of 303 W, 66 °C, 2520 and 1249", "? of ? W, ? °C, 2200 and 96", 1)},
			"NoClock": {func(m *tree, d string) {
				m.remove(d + "hwmon/hwmon5/freq1_input")
				m.write(d+"pp_dpm_sclk", "0: 500Mhz\n1: fast *\n*\n")
			}, strings.Replace(whole, "2520", "?", 1)},
			"OnlyMemory": {func(m *tree, d string) {
				for _, f := range []string{"gpu_busy_percent", "mem_busy_percent", "hwmon", "pp_dpm_sclk", "pp_dpm_mclk"} {
					m.remove(d + f)
				}
			}, "4294967296 of 25753026560 bytes, ? and ? busy, ? of ? W, ? °C, ? and ? MHz"},
			"NothingIsZero": {func(m *tree, d string) {
				m.write(d+"gpu_busy_percent", "0\n")
				m.write(d+"mem_info_vram_used", "0\n")
			}, strings.NewReplacer("4294967296", "0", "0.37", "0").Replace(whole)},
			"MoreThanBusy": {func(m *tree, d string) { m.write(d+"gpu_busy_percent", "120") }, strings.Replace(whole, "0.37", "1", 1)},
			"Garbage": {func(m *tree, d string) {
				for file := range m.MapFS {
					if strings.Contains(file, "hwmon") || strings.HasSuffix(file, "busy_percent") || strings.HasSuffix(file, "vram_used") {
						m.write(file, "-3.5e9 NaN\x00")
					}
				}
				m.write(d+"pp_dpm_sclk", "")
				m.write(d+"pp_dpm_mclk", strings.Repeat("*", 5000))
			}, "? of 25753026560 bytes, ? and ? busy, ? of ? W, ? °C, ? and ? MHz"},
			"Refused": {func(m *tree, d string) { m.refuse = []string{d + "gpu_busy_percent", d + "hwmon"} },
				"4294967296 of 25753026560 bytes, ? and 0.12 busy, ? of ? W, ? °C, 2200 and 96 MHz"},
			"OtherDriver": {func(m *tree, d string) {
				for file := range m.MapFS {
					if strings.HasPrefix(file, d+"mem") || strings.HasPrefix(file, d+"gpu") {
						m.remove(file)
					}
				}
			}, "AMD GPU 0x744c: this GPU cannot be read"},
		} {
			t.Run(name, func(t *testing.T) {
				m := newTree()
				c.change(m, m.card("card0", address))
				all := newAMDGPU(m).Read(t.Context())
				if len(all) != 1 {
					t.Fatalf("%d readings", len(all))
				}
				requireSame(t, "reading", facts(all[0]), c.want)
			})
		}
	})

	t.Run("NamesTheCard", func(t *testing.T) {
		m := newTree()
		device := m.card("card0", address)
		is := func(wantName, wantUUID, wantDriver string) {
			t.Helper()
			r := newAMDGPU(m).Read(t.Context())[0]
			requireSame(t, "identity", r.Name+", "+r.UUID+", "+r.Driver, wantName+", "+wantUUID+", "+wantDriver)
		}
		is("AMD GPU 0x744c", "GPU-9f2acard0", "Linux 6.8.0-45")
		m.write("usr/share/libdrm/amdgpu.ids", "# List\n1.0.0\n744C,\tCC,\tAMD Radeon RX 7900 GRE\n744C,\tC8,\tAMD Radeon RX 7900 XTX\n")
		m.remove(device + "unique_id")
		m.write("sys/module/amdgpu/version", "6.10.5\n")
		is("AMD Radeon RX 7900 XTX", address, "6.10.5")
		m.write(device+"product_name", "AMD Instinct MI210\n")
		is("AMD Instinct MI210", address, "6.10.5")
		m.remove(device + "product_name")
		m.remove(device + "device")
		is("AMD GPU", address, "6.10.5")
	})

	t.Run("OrdersCardsByTheirAddress", func(t *testing.T) {
		m := newTree()
		m.card("card0", "0000:0a:00.0")
		m.card("card2", address)
		m.write("sys/class/drm/card1/device/vendor", "0x8086")
		m.write("sys/class/drm/version", "drm 1.1.0")
		all := newAMDGPU(m).Read(t.Context())
		if len(all) != 2 || all[0].UUID != "GPU-9f2acard2" || all[1].UUID != "GPU-9f2acard0" || all[0].Index != 0 || all[1].Index != 1 {
			t.Errorf("%+v", all)
		}
	})

	t.Run("SaysThatThereIsNone", func(t *testing.T) {
		r := newAMDGPU(newTree())
		requireReading(t, r, "no AMD GPU")
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})

	t.Run("LosesACardThatIsTakenOut", func(t *testing.T) {
		m := newTree()
		m.card("card0", address)
		m.card("card1", "0000:0a:00.0")
		r := newAMDGPU(m)
		if all := r.Read(t.Context()); len(all) != 2 {
			t.Fatalf("%d readings", len(all))
		}
		m.remove("sys/class/drm/card0")
		all := r.Read(t.Context())
		if len(all) != 1 || all[0].UUID != "GPU-9f2acard1" || all[0].Index != 0 {
			t.Fatalf("%+v", all)
		}
		m.remove("sys/class/drm/card1")
		requireReading(t, r, "no AMD GPU")
	})

	t.Run("LetsACardSleep", func(t *testing.T) {
		for _, status := range []string{"suspended", "suspending"} {
			m := newTree()
			device := m.card("card0", address)
			m.opens(10, 3, address, "1", "drm-memory-vram:\t8 KiB")
			m.write(device+"power/runtime_status", status+"\n")
			requireSame(t, status, facts(newAMDGPU(m).Read(t.Context())[0]), "AMD GPU 0x744c: asleep to save power")
			for _, name := range m.read {
				if strings.HasPrefix(name, device+"hwmon") || strings.HasPrefix(name, device+"mem") || strings.HasPrefix(name, device+"pp_") ||
					path.Base(name) == "gpu_busy_percent" || strings.Contains(name, "fdinfo") {
					t.Errorf("%s was read, which wakes the card", name)
				}
			}
		}
	})
}

func TestAMDProcesses(t *testing.T) {
	const address, other = "0000:03:00.0", "0000:0a:00.0"

	t.Run("CountsWhatIsOpenOnce", func(t *testing.T) {
		m := newTree()
		m.card("card0", address)
		m.card("card1", other)
		m.opens(9, 4, address, "7", "drm-memory-vram:\t2 MiB", "drm-engine-gfx:\t5 ns")
		m.opens(9, 5, address, "7", "drm-memory-vram:\t2 MiB", "drm-engine-gfx:\t5 ns") // a copy
		m.opens(9, 6, address, "8", "drm-memory-vram:\t1024 KiB", "drm-engine-compute:\t5 ns")
		m.opens(10, 3, address, "7", "drm-memory-vram:\t2 MiB", "drm-engine-gfx:\t5 ns") // inherited from 9
		m.opens(11, 3, other, "7", "drm-total-vram:\t4096", "drm-resident-vram:\t1024", "drm-engine-compute:\t5 ns")
		m.opens(12, 3, "0000:99:00.0", "7", "drm-memory-vram:\t2 MiB")
		m.opens(13, 3, address, "9", "drm-memory-vram:\tmuch", "drm-engine-gfx:\t1 s")
		m.write("proc/14/fd/0", "no link")
		m.refuse = []string{"proc/15/"}
		m.opens(15, 3, address, "10", "drm-memory-vram:\t8 MiB") // another user's
		all := newAMDGPU(m).Read(t.Context())
		requireSame(t, "first card", users(all[0]), "9 program9 compute and graphics 3145728 ?; 13 program13  ? ?")
		requireSame(t, "second card", users(all[1]), "11 program11 compute 1024 ?")
	})

	t.Run("TellsThatThereIsNone", func(t *testing.T) {
		m := newTree()
		m.card("card0", address)
		requireSame(t, "no process", users(newAMDGPU(m).Read(t.Context())[0]), "")
		m.refuse = []string{"proc"}
		requireSame(t, "no /proc", users(newAMDGPU(m).Read(t.Context())[0]), "not told")
	})

	t.Run("MeasuresBetweenTwoLooks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newTree()
			m.card("card0", address)
			r := newAMDGPU(m)
			used := func(want string) {
				t.Helper()
				requireSame(t, "after "+time.Now().Format(time.TimeOnly), users(r.Read(t.Context())[0]), want)
			}
			m.opens(9, 4, address, "1", "drm-engine-gfx:\t7000000000 ns", "drm-engine-compute:\t1000000000 ns")
			used("9 program9 compute and graphics ? ?")

			m.opens(9, 4, address, "1", "drm-engine-gfx:\t8000000000 ns", "drm-engine-compute:\t2500000000 ns")
			m.opens(10, 4, address, "2", "drm-engine-compute:\t9000000000 ns")
			m.opens(11, 4, address, "3")
			time.Sleep(5*time.Second - 1)
			used("9 program9 compute and graphics ? ?") // not looked yet
			time.Sleep(time.Nanosecond)
			used("9 program9 compute and graphics ? 0.5; 10 program10 compute ? 1; 11 program11  ? 0")

			m.remove("proc/9")
			time.Sleep(10 * time.Second)
			m.opens(10, 4, address, "2", "drm-engine-compute:\t10000000000 ns")
			m.opens(11, 4, address, "3", "drm-engine-gfx:\toften ns")
			used("10 program10 compute ? 0.1; 11 program11  ? ?")
		})
	})

	t.Run("KnowsProgramsOfROCmOfAllUsers", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newTree()
			device := m.card("card0", address)
			m.rocm(device, 30, "7351832576\n")
			m.rocm(device, 31, "0\n")          // works on another card
			m.rocm(device, 32, "1073741824\n") // the same memory is told twice
			m.rocm(device, 33, "garbage\n")
			m.write("proc/30/comm", "ollama\n")
			m.opens(32, 7, address, "1", "drm-memory-vram:\t1048577 KiB", "drm-engine-compute:\t5 ns")
			r := newAMDGPU(m)
			const want = "30 ollama compute 7351832576 ?; 32 program32 compute 1073742848 ?"
			requireSame(t, "at first", users(r.Read(t.Context())[0]), want)
			time.Sleep(5 * time.Second)
			requireSame(t, "later", users(r.Read(t.Context())[0]), want)
		})
	})
}
