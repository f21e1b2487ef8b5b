/* A driver library with one GPU that does what the environment says:
 *
 *   FAKE_NVML_INIT         what nvmlInit returns (0)
 *   FAKE_NVML_COUNT        number of GPUs (1)
 *   FAKE_NVML_ERROR        what every call to the GPU returns (0)
 *   FAKE_NVML_NAME_ERROR, FAKE_NVML_MEMORY_ERROR, FAKE_NVML_UTILIZATION_ERROR
 *                          the same, of one call
 *   FAKE_NVML_TOTAL, FAKE_NVML_USED, FAKE_NVML_RESERVED   memory, in MiB
 *   FAKE_NVML_UTILIZATION  in percent
 *   FAKE_NVML_HANG_MS      how long a call for the memory takes
 *
 * Compiled with -DWITHOUT_..., it lacks functions, as older drivers do. A call
 * that the real library would refuse or die of aborts the process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, INSUFFICIENT_SIZE = 7, ARGUMENT_VERSION_MISMATCH = 25 };

static int started;
static char gpu;

static long from_env(const char *name, long otherwise)
{
    const char *v = getenv(name);
    return v && *v ? atol(v) : otherwise;
}

static void must_be_started(const char *what)
{
    if (!started) {
        fprintf(stderr, "fake driver: %s was called before nvmlInit succeeded\n", what);
        abort();
    }
}

static int check(const char *what, void *device, const char *error)
{
    must_be_started(what);
    if (device != &gpu)
        return INVALID_ARGUMENT;
    long all = from_env("FAKE_NVML_ERROR", SUCCESS);
    return all ? all : from_env(error, SUCCESS);
}

static int text(char *to, unsigned int size, const char *from)
{
    if (strlen(from) >= size)
        return INSUFFICIENT_SIZE;
    strcpy(to, from);
    return SUCCESS;
}

#ifndef WITHOUT_INIT
int nvmlInit_v2(void)
{
    int r = from_env("FAKE_NVML_INIT", SUCCESS);
    if (r == SUCCESS)
        started++;
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
int nvmlSystemGetDriverVersion(char *version, unsigned int size)
{
    must_be_started("nvmlSystemGetDriverVersion");
    return text(version, size, "570.00.01");
}
#endif

int nvmlDeviceGetCount_v2(unsigned int *count)
{
    must_be_started("nvmlDeviceGetCount_v2");
    *count = from_env("FAKE_NVML_COUNT", 1);
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device)
{
    must_be_started("nvmlDeviceGetHandleByIndex_v2");
    if (index >= from_env("FAKE_NVML_COUNT", 1))
        return INVALID_ARGUMENT;
    *device = &gpu;
    return SUCCESS;
}

#ifndef WITHOUT_NAME
int nvmlDeviceGetName(void *device, char *name, unsigned int size)
{
    int r = check("nvmlDeviceGetName", device, "FAKE_NVML_NAME_ERROR");
    return r ? r : text(name, size, "NVIDIA Fake 4090");
}
#endif

static unsigned long long mib(const char *name, long otherwise)
{
    return (unsigned long long)from_env(name, otherwise) << 20;
}

/* In version 1 what the driver keeps for itself is part of used. */
struct memory { unsigned long long total, free, used; };

#ifndef WITHOUT_MEMORY
int nvmlDeviceGetMemoryInfo(void *device, struct memory *m)
{
    int r = check("nvmlDeviceGetMemoryInfo", device, "FAKE_NVML_MEMORY_ERROR");
    usleep(1000 * from_env("FAKE_NVML_HANG_MS", 0));
    if (r)
        return r;
    m->total = mib("FAKE_NVML_TOTAL", 24576);
    m->used = mib("FAKE_NVML_USED", 4096) + mib("FAKE_NVML_RESERVED", 512);
    m->free = m->total - m->used;
    return SUCCESS;
}
#endif

struct memory_v2 { unsigned int version; unsigned long long total, reserved, free, used; };

#ifndef WITHOUT_MEMORY_V2
int nvmlDeviceGetMemoryInfo_v2(void *device, struct memory_v2 *m)
{
    int r = check("nvmlDeviceGetMemoryInfo_v2", device, "FAKE_NVML_MEMORY_ERROR");
    usleep(1000 * from_env("FAKE_NVML_HANG_MS", 0));
    if (r)
        return r;
    if (m->version != (sizeof(*m) | 2u << 24))
        return ARGUMENT_VERSION_MISMATCH;
    m->total = mib("FAKE_NVML_TOTAL", 24576);
    m->reserved = mib("FAKE_NVML_RESERVED", 512);
    m->used = mib("FAKE_NVML_USED", 4096);
    m->free = m->total - m->used - m->reserved;
    return SUCCESS;
}
#endif

struct utilization { unsigned int gpu, memory; };

#ifndef WITHOUT_UTILIZATION
int nvmlDeviceGetUtilizationRates(void *device, struct utilization *u)
{
    int r = check("nvmlDeviceGetUtilizationRates", device, "FAKE_NVML_UTILIZATION_ERROR");
    if (r)
        return r;
    u->gpu = from_env("FAKE_NVML_UTILIZATION", 37);
    u->memory = 12;
    return SUCCESS;
}
#endif
