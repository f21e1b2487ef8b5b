/* A driver library whose GPUs do what a file says, which the environment
 * variable FAKE_NVML_CONTROL names. Each of its lines is a name and a number.
 * It is read again whenever it was replaced, so that a running program's driver
 * can fail and recover. ".2" after a name marked * means GPU 2 only.
 *
 *   gpus          how many there are (1)
 *   init          what nvmlInit returns (0)
 *   error *       what every call to a GPU returns (0)
 *   nvml... *     the same, of one function, named without its version; also a
 *                 GPU's nvmlDeviceGetHandleByIndex
 *   hang *        how long each call to a GPU takes, in ms; a hanging call ends
 *                 at once when this becomes less
 *   used *        memory in use by programs, in MiB (4096, and 256 more per GPU)
 *   reasons *     bits of why it is slow (5: idle and the power limit)
 *   processes *   how many are on a GPU (0)
 *   mps *         1: another one computes through the MPS server
 *   growing       1: processes appear between two calls for their utilization
 *   flips         1: each call returns another code than the one before, in no order
 *
 * A GPU that has said 15, 16 or 999 to "error" says so until the library is
 * started anew. Compiled with -DWITHOUT_..., the library lacks functions, as older
 * drivers do; with -DUSED_WITH_RESERVE, version 2 counts the reserve as used. A
 * call that the real library would refuse or die of aborts the process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

typedef unsigned int u32;
typedef unsigned long long u64;

enum {
    SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
    GPU_IS_LOST = 15, RESET_REQUIRED = 16, ARGUMENT_VERSION_MISMATCH = 25, UNKNOWN = 999,
    GPUS = 16, LINES = 64
};

static int started, starts;
static char handles[2][GPUS]; /* those of a start differ from those of the one before */
static int stuck[GPUS];

static struct { char name[64]; long value; } control[LINES];
static int lines;

static void read_control(void)
{
    static struct stat last;
    const char *path = getenv("FAKE_NVML_CONTROL");
    struct stat now;
    if (!path || stat(path, &now))
        return;
    if (now.st_ino == last.st_ino && now.st_mtim.tv_sec == last.st_mtim.tv_sec && now.st_mtim.tv_nsec == last.st_mtim.tv_nsec)
        return;
    FILE *f = fopen(path, "r");
    if (!f)
        return;
    last = now;
    for (lines = 0; lines < LINES && fscanf(f, "%63s %ld", control[lines].name, &control[lines].value) == 2; lines++)
        ;
    fclose(f);
}

static long get(const char *name, long otherwise)
{
    for (int i = 0; i < lines; i++)
        if (!strcmp(control[i].name, name))
            return control[i].value;
    return otherwise;
}

static long get_of(const char *name, int gpu, long otherwise)
{
    char one[80];
    snprintf(one, sizeof one, "%s.%d", name, gpu);
    return get(one, get(name, otherwise));
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "fake driver: %s was called %s\n", what, why);
    abort();
}

static void must_be_started(const char *what)
{
    if (!started)
        die(what, "before nvmlInit succeeded");
    read_control();
}

/* What a call returns that may return anything; rarely what ends a GPU or the driver. */
static int flipped(void)
{
    static const int often[] = {0, 3, 0, 0, 6, 0, 13, 0}, rarely[] = {1, 9, 12, 13, 15, 16, 18, 999};
    static u32 state = 1;
    state = state * 1664525 + 1013904223;
    return (state >> 28 ? often : rarely)[state >> 25 & 7];
}

static int fails(const char *what, int gpu)
{
    for (long ms = 0; ms < get_of("hang", gpu, 0); ms += 10) {
        usleep(10000);
        read_control();
    }
    if (get("flips", 0))
        return flipped();
    long r = get_of(what, gpu, SUCCESS);
    if (r)
        return r;
    if (stuck[gpu])
        return stuck[gpu];
    r = get_of("error", gpu, SUCCESS);
    if (r == GPU_IS_LOST || r == RESET_REQUIRED || r == UNKNOWN)
        stuck[gpu] = r;
    return r;
}

/* A call to a GPU: which one, and what the call returns if it fails. */
static int enter(const char *what, void *device, int *gpu)
{
    must_be_started(what);
    long i = (char *)device - handles[starts % 2];
    if (i < 0 || i >= GPUS)
        die(what, "with a handle of an earlier start");
    *gpu = i;
    return fails(what, i);
}

#define ENTER(what) \
    int gpu; \
    int failed = enter(what, device, &gpu); \
    if (failed) \
        return failed

static int text(char *to, u32 size, const char *from)
{
    if (strlen(from) >= size)
        return INSUFFICIENT_SIZE;
    strcpy(to, from);
    return SUCCESS;
}

#ifndef WITHOUT_INIT
int nvmlInit_v2(void)
{
    read_control();
    int r = get("flips", 0) ? flipped() : get("init", SUCCESS);
    if (r == SUCCESS && !started++) {
        starts++;
        memset(stuck, 0, sizeof stuck);
    }
    return r;
}
#endif

int nvmlShutdown(void)
{
    must_be_started("nvmlShutdown");
    started--;
    return SUCCESS;
}

const char *nvmlErrorString(int r)
{
    (void)r;
    return "an error of the fake driver";
}

#ifndef WITHOUT_DRIVER_VERSION
int nvmlSystemGetDriverVersion(char *version, u32 size)
{
    must_be_started("nvmlSystemGetDriverVersion");
    return text(version, size, "570.00.01");
}
#endif

#ifndef WITHOUT_PROCESS_NAME
int nvmlSystemGetProcessName(u32 pid, char *name, u32 size)
{
    char line[64];
    must_be_started("nvmlSystemGetProcessName");
    if (pid % 1000 == 3)
        return NOT_FOUND;
    snprintf(line, sizeof line, "/usr/bin/program-%u --gpu=/dev/nvidia0", pid);
    return text(name, size, line);
}
#endif

int nvmlDeviceGetCount_v2(u32 *count)
{
    must_be_started("nvmlDeviceGetCount_v2");
    *count = get("gpus", 1);
    return get("flips", 0) ? flipped() : SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(u32 index, void **device)
{
    must_be_started("nvmlDeviceGetHandleByIndex_v2");
    if (index >= get("gpus", 1))
        return INVALID_ARGUMENT;
    *device = &handles[starts % 2][index];
    return get("flips", 0) ? flipped() : get_of("nvmlDeviceGetHandleByIndex", index, SUCCESS);
}

#ifndef WITHOUT_NAME
int nvmlDeviceGetName(void *device, char *name, u32 size)
{
    char full[32];
    ENTER("nvmlDeviceGetName");
    snprintf(full, sizeof full, "NVIDIA Fake 40%d0", 9 - gpu);
    return text(name, size, full);
}
#endif

#ifndef WITHOUT_UUID
int nvmlDeviceGetUUID(void *device, char *uuid, u32 size)
{
    char full[64];
    ENTER("nvmlDeviceGetUUID");
    snprintf(full, sizeof full, "GPU-00000000-fake-0000-0000-%012d", gpu);
    return text(uuid, size, full);
}
#endif

static u64 total_of(int gpu) { return (24ull + 8 * gpu) << 30; }
static u64 used_of(int gpu) { return (u64)get_of("used", gpu, 4096 + 256 * gpu) << 20; }
static u64 reserved_of(int gpu) { return (512ull + gpu) << 20; }

/* In version 1 what the driver keeps for itself is part of used. */
struct memory { u64 total, free, used; };

#ifndef WITHOUT_MEMORY
int nvmlDeviceGetMemoryInfo(void *device, struct memory *m)
{
    ENTER("nvmlDeviceGetMemoryInfo");
    m->total = total_of(gpu);
    m->used = used_of(gpu) + reserved_of(gpu);
    m->free = m->total - m->used;
    return SUCCESS;
}
#endif

struct memory_v2 { u32 version; u64 total, reserved, free, used; };

#ifndef WITHOUT_MEMORY_V2
int nvmlDeviceGetMemoryInfo_v2(void *device, struct memory_v2 *m)
{
    ENTER("nvmlDeviceGetMemoryInfo");
    if (m->version != (sizeof(*m) | 2u << 24))
        return ARGUMENT_VERSION_MISMATCH;
    m->total = total_of(gpu);
    m->reserved = reserved_of(gpu);
    m->used = used_of(gpu);
    m->free = m->total - m->used - m->reserved;
#ifdef USED_WITH_RESERVE
    m->used += m->reserved;
#endif
    return SUCCESS;
}
#endif

struct utilization { u32 gpu, memory; };

#ifndef WITHOUT_UTILIZATION
int nvmlDeviceGetUtilizationRates(void *device, struct utilization *u)
{
    ENTER("nvmlDeviceGetUtilizationRates");
    u->gpu = 37 + gpu;
    u->memory = 12 + gpu;
    return SUCCESS;
}
#endif

#ifndef WITHOUT_POWER
int nvmlDeviceGetPowerUsage(void *device, u32 *milliwatts)
{
    ENTER("nvmlDeviceGetPowerUsage");
    *milliwatts = 123500 + 1000 * gpu;
    return SUCCESS;
}

int nvmlDeviceGetPowerManagementLimit(void *device, u32 *milliwatts)
{
    ENTER("nvmlDeviceGetPowerManagementLimit");
    *milliwatts = 460000 + 1000 * gpu;
    return SUCCESS;
}

#ifndef WITHOUT_ENFORCED_LIMIT
int nvmlDeviceGetEnforcedPowerLimit(void *device, u32 *milliwatts)
{
    ENTER("nvmlDeviceGetEnforcedPowerLimit");
    *milliwatts = 450000 + 1000 * gpu;
    return SUCCESS;
}
#endif

int nvmlDeviceGetTotalEnergyConsumption(void *device, u64 *millijoules)
{
    ENTER("nvmlDeviceGetTotalEnergyConsumption");
    *millijoules = 5000000000500ull + 1000000ull * gpu;
    return SUCCESS;
}
#endif

#ifndef WITHOUT_TEMPERATURE
int nvmlDeviceGetTemperature(void *device, int sensor, u32 *degrees)
{
    ENTER("nvmlDeviceGetTemperature");
    if (sensor != 0)
        return INVALID_ARGUMENT;
    *degrees = 61 + gpu;
    return SUCCESS;
}
#endif

struct temperature { u32 version, sensor; int degrees; };

#ifndef WITHOUT_TEMPERATURE_V
int nvmlDeviceGetTemperatureV(void *device, struct temperature *t)
{
    ENTER("nvmlDeviceGetTemperatureV");
    if (t->version != (sizeof(*t) | 1u << 24))
        return ARGUMENT_VERSION_MISMATCH;
    t->degrees = 71 + gpu;
    return SUCCESS;
}
#endif

#ifndef WITHOUT_CLOCK_REASONS
#ifndef WITHOUT_CLOCK_EVENT_REASONS
int nvmlDeviceGetCurrentClocksEventReasons(void *device, u64 *reasons)
{
    ENTER("nvmlDeviceGetCurrentClocksEventReasons");
    *reasons = get_of("reasons", gpu, 5);
    return SUCCESS;
}
#endif

int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, u64 *reasons)
{
    ENTER("nvmlDeviceGetCurrentClocksThrottleReasons");
    *reasons = get_of("reasons", gpu, 5);
    return SUCCESS;
}
#endif

#ifndef WITHOUT_CLOCKS
int nvmlDeviceGetClockInfo(void *device, int type, u32 *mhz)
{
    ENTER("nvmlDeviceGetClockInfo");
    if (type != 0 && type != 2)
        return INVALID_ARGUMENT;
    *mhz = (type ? 10501 : 2520) + gpu;
    return SUCCESS;
}
#endif

/* Of four processes the first two compute, the third does graphics too, the
 * fourth graphics only. The memory of each second one of four is not told. */
enum { COMPUTE = 7, GRAPHICS = 12 };

struct process_v1 { u32 pid; u64 memory; };
struct process { u32 pid; u64 memory; u32 gpu_instance, compute_instance; };

static u64 memory_of(int gpu, int k)
{
    return k % 4 == 1 ? ~0ull : (100ull * (k + 1) + gpu) << 20;
}

static int list(int gpu, int kinds, u32 *count, struct process_v1 *v1, struct process *v3)
{
    u32 room = *count, n = 0;
    int processes = get_of("processes", gpu, 0);
    for (int k = 0; k < processes; k++) {
        if (!(kinds >> k % 4 & 1))
            continue;
        if (n < room && v1)
            v1[n] = (struct process_v1){1000 * (gpu + 1) + k, memory_of(gpu, k)};
        if (n < room && v3)
            v3[n] = (struct process){1000 * (gpu + 1) + k, memory_of(gpu, k), ~0u, ~0u};
        n++;
    }
    *count = n;
    return n > room ? INSUFFICIENT_SIZE : SUCCESS;
}

#define LISTS(function, kinds) \
    int function(void *device, u32 *count, struct process_v1 *to) \
    { \
        ENTER(#function); \
        return list(gpu, kinds, count, to, NULL); \
    }
#define LISTS_NEWER(function, version, kinds) \
    int function##version(void *device, u32 *count, struct process *to) \
    { \
        ENTER(#function); \
        return list(gpu, kinds, count, NULL, to); \
    }

#ifndef WITHOUT_PROCESSES
LISTS(nvmlDeviceGetComputeRunningProcesses, COMPUTE)
LISTS(nvmlDeviceGetGraphicsRunningProcesses, GRAPHICS)
#ifndef WITHOUT_PROCESSES_V2
LISTS_NEWER(nvmlDeviceGetComputeRunningProcesses, _v2, COMPUTE)
LISTS_NEWER(nvmlDeviceGetGraphicsRunningProcesses, _v2, GRAPHICS)
#endif
#ifndef WITHOUT_PROCESSES_V3
LISTS_NEWER(nvmlDeviceGetComputeRunningProcesses, _v3, COMPUTE)
LISTS_NEWER(nvmlDeviceGetGraphicsRunningProcesses, _v3, GRAPHICS)

int nvmlDeviceGetMPSComputeRunningProcesses_v3(void *device, u32 *count, struct process *to)
{
    ENTER("nvmlDeviceGetMPSComputeRunningProcesses");
    u32 room = *count;
    *count = get_of("mps", gpu, 0);
    if (*count > room)
        return INSUFFICIENT_SIZE;
    if (*count)
        to[0] = (struct process){9000 + gpu, 64ull << 20, ~0u, ~0u};
    return SUCCESS;
}
#endif
#endif

struct sample { u32 pid; u64 at; u32 sm, memory, encoder, decoder; };

/* Each third process ran; and there is an entry that means nothing. */
#ifndef WITHOUT_PROCESS_UTILIZATION
int nvmlDeviceGetProcessUtilization(void *device, struct sample *to, u32 *count, u64 since)
{
    ENTER("nvmlDeviceGetProcessUtilization");
    struct timeval tv;
    gettimeofday(&tv, NULL);
    u64 now = tv.tv_sec * 1000000ull + tv.tv_usec;
    if (since >= now)
        return NOT_FOUND;
    u32 processes = get_of("processes", gpu, 0), room = *count, n = (processes + 2) / 3 + 1;
    if (get("growing", 0) && to)
        n++;
    *count = n;
    if (!to || room < n)
        return INSUFFICIENT_SIZE;
    for (u32 i = 0; i < n - 1; i++)
        to[i] = (struct sample){1000 * (gpu + 1) + 3 * i, now, 10 + i + gpu, 1, 2, 3};
    to[n - 1] = (struct sample){1000 * (gpu + 1), now + 1, 4294967295u, 0, 0, 0};
    return SUCCESS;
}
#endif
