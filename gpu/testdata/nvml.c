/* A driver library written against NVML's own header, so that the compiler
 * checks each function's form, with what the header says of its structures.
 */
#define NVML_NO_UNVERSIONED_FUNC_DEFS
#include <nvml.h>
#include <stddef.h>
#include <string.h>

static struct nvmlDevice_st *const card = (struct nvmlDevice_st *)0x7001;

/* PROCESSES is how many there are: more than the first buffer holds. */
enum { PROCESSES = 100 };

static nvmlReturn_t known(nvmlDevice_t d) { return d.handle == card ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT; }

static nvmlReturn_t text(char *to, unsigned int size, const char *from)
{
    if (strlen(from) >= size)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    strcpy(to, from);
    return NVML_SUCCESS;
}

static nvmlReturn_t number(nvmlDevice_t d, unsigned int *to, unsigned int from)
{
    *to = from;
    return known(d);
}

nvmlReturn_t nvmlInit_v2(void) { return NVML_SUCCESS; }
nvmlReturn_t nvmlShutdown(void) { return NVML_SUCCESS; }
nvmlReturn_t nvmlSystemGetDriverVersion(char *s, unsigned int n) { return text(s, n, "570.1"); }

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *n)
{
    *n = 3;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int i, nvmlDevice_t *d)
{
    d->handle = card;
    return i == 2 ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t d, char *s, unsigned int n)
{
    nvmlReturn_t r = known(d);
    return r ? r : text(s, n, "NVIDIA Card");
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t d, char *s, unsigned int n)
{
    nvmlReturn_t r = known(d);
    return r ? r : text(s, n, "GPU-1234");
}

nvmlReturn_t nvmlSystemGetProcessName(unsigned int pid, char *s, unsigned int n)
{
    return pid == 41 ? text(s, n, "C:\\ollama.exe") : NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t d, nvmlMemory_v2_t *m)
{
    if (m->version != nvmlMemory_v2)
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    m->total = 24ull << 30;
    m->reserved = 1ull << 29;
    m->used = 6ull << 30;
    m->free = m->total - m->reserved - m->used;
    return known(d);
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t d, nvmlMemory_t *m)
{
    m->total = 24ull << 30;
    m->used = 7ull << 30;
    m->free = m->total - m->used;
    return known(d);
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t d, nvmlUtilization_t *u)
{
    u->gpu = 37;
    u->memory = 12;
    return known(d);
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t d, unsigned int *mw) { return number(d, mw, 250500); }
nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t d, unsigned int *mw) { return number(d, mw, 450000); }

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t d, unsigned long long *mj)
{
    *mj = 5000000000123ull;
    return known(d);
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t d, nvmlTemperatureSensors_t s, unsigned int *c)
{
    return s == NVML_TEMPERATURE_GPU ? number(d, c, 66) : NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t d, unsigned long long *bits)
{
    *bits = nvmlClocksEventReasonSwPowerCap | 1ull << 40;
    return known(d);
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t d, nvmlClockType_t t, unsigned int *mhz)
{
    switch (t) {
    case NVML_CLOCK_GRAPHICS: return number(d, mhz, 2520);
    case NVML_CLOCK_MEM: return number(d, mhz, 10501);
    default: return NVML_ERROR_INVALID_ARGUMENT;
    }
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t d, unsigned int *n, nvmlProcessInfo_t *p)
{
    unsigned int room = *n;
    *n = PROCESSES;
    if (room < PROCESSES)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    for (unsigned int i = 0; i < PROCESSES; i++) {
        p[i].pid = 1000 + i;
        p[i].usedGpuMemory = (unsigned long long)i << 30;
        p[i].gpuInstanceId = p[i].computeInstanceId = 0xFFFFFFFF;
    }
    p[7].usedGpuMemory = NVML_VALUE_NOT_AVAILABLE;
    return known(d);
}

/* An old driver's: one process. */
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses(nvmlDevice_t d, unsigned int *n, nvmlProcessInfo_v1_t *p)
{
    if (*n < 2)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    *n = 2;
    p[0].pid = 41;
    p[0].usedGpuMemory = 5;
    p[1].pid = 42;
    p[1].usedGpuMemory = 6;
    return known(d);
}

nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t d, nvmlProcessUtilizationSample_t *s, unsigned int *n, unsigned long long since)
{
    if (since >= 1ull << 40)
        return NVML_ERROR_NOT_FOUND;
    if (*n < 2)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    *n = 2;
    s[0] = (nvmlProcessUtilizationSample_t){.pid = 41, .timeStamp = since + 1, .smUtil = 30, .memUtil = 20, .encUtil = 1, .decUtil = 2};
    s[1] = (nvmlProcessUtilizationSample_t){.pid = 42, .timeStamp = since + 2, .smUtil = 31, .memUtil = 21, .encUtil = 3, .decUtil = 4};
    return known(d);
}

#define AT(type, field) offsetof(type, field)

const size_t layout_memory[] = {sizeof(nvmlMemory_t), AT(nvmlMemory_t, total), AT(nvmlMemory_t, free), AT(nvmlMemory_t, used)};
const size_t layout_memory_v2[] = {sizeof(nvmlMemory_v2_t), AT(nvmlMemory_v2_t, version), AT(nvmlMemory_v2_t, total),
    AT(nvmlMemory_v2_t, reserved), AT(nvmlMemory_v2_t, free), AT(nvmlMemory_v2_t, used), nvmlMemory_v2};
const size_t layout_utilization[] = {sizeof(nvmlUtilization_t), AT(nvmlUtilization_t, gpu), AT(nvmlUtilization_t, memory)};
const size_t layout_process_v1[] = {sizeof(nvmlProcessInfo_v1_t), AT(nvmlProcessInfo_v1_t, pid), AT(nvmlProcessInfo_v1_t, usedGpuMemory)};
const size_t layout_process_v2[] = {sizeof(nvmlProcessInfo_t), AT(nvmlProcessInfo_t, pid), AT(nvmlProcessInfo_t, usedGpuMemory),
    AT(nvmlProcessInfo_t, gpuInstanceId), AT(nvmlProcessInfo_t, computeInstanceId)};
const size_t layout_sample[] = {sizeof(nvmlProcessUtilizationSample_t), AT(nvmlProcessUtilizationSample_t, pid),
    AT(nvmlProcessUtilizationSample_t, timeStamp), AT(nvmlProcessUtilizationSample_t, smUtil), AT(nvmlProcessUtilizationSample_t, memUtil),
    AT(nvmlProcessUtilizationSample_t, encUtil), AT(nvmlProcessUtilizationSample_t, decUtil)};
