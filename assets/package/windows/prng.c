/* The one function of Windows 10's bcryptprimitives.dll that Go needs, for a wine that
   is too old to have it: Debian 12's. For .ci/package-check alone; nothing ships it. */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size)
{
	return RtlGenRandom(data, (ULONG)size);
}
