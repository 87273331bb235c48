/*
 * A library with the names of NVIDIA's management library, to be loaded in its place: an RTX 4090 in a slot of 8 lanes that another
 * program half fills, and an A100 with two MIG instances. Signatures: NVML API reference, driver 535 to 580.
 */
#include <stdio.h>
#include <string.h>

#if defined(_WIN32)
#  define STANDIN __declspec(dllexport)
#else
#  define STANDIN __attribute__((visibility("default")))
#endif
#define MIB (1ull << 20)

typedef struct standin_card {
    const char        *name;
    const char        *uuid;
    unsigned int       pci_device;
    unsigned int       lanes;
    unsigned long long total, free;
    unsigned int       slices;
} standin_card;

static standin_card cards[] = {
    {"NVIDIA GeForce RTX 4090", "GPU-11111111", 0x2684, 8, 24564 * MIB, 12000 * MIB, 0},
    {"NVIDIA A100-SXM4-80GB", "GPU-22222222", 0x20b2, 16, 81920 * MIB, 81000 * MIB, 2},
    {"NVIDIA A100-SXM4-80GB MIG 3g.40gb", "MIG-33333333", 0x20b2, 16, 40192 * MIB, 40000 * MIB, 0},
    {"NVIDIA A100-SXM4-80GB MIG 2g.20gb", "MIG-44444444", 0x20b2, 16, 19968 * MIB, 19900 * MIB, 0},
};
static int started;

STANDIN int nvmlInit_v2(void);
STANDIN int nvmlShutdown(void);
STANDIN int nvmlDeviceGetCount_v2(unsigned int *count);
STANDIN int nvmlDeviceGetHandleByIndex_v2(unsigned int index, standin_card **out);
STANDIN int nvmlDeviceGetMemoryInfo(const standin_card *card, unsigned long long out[3]);
STANDIN int nvmlDeviceGetName(const standin_card *card, char *out, unsigned int cap);
STANDIN int nvmlDeviceGetUUID(const standin_card *card, char *out, unsigned int cap);
STANDIN int nvmlDeviceGetPciInfo_v3(const standin_card *card, unsigned char *out);
STANDIN int nvmlDeviceGetMigMode(const standin_card *card, unsigned int *current, unsigned int *pending);
STANDIN int nvmlDeviceGetMaxMigDeviceCount(const standin_card *card, unsigned int *count);
STANDIN int nvmlDeviceGetMigDeviceHandleByIndex(standin_card *card, unsigned int index, standin_card **out);
STANDIN int nvmlSystemGetDriverVersion(char *out, unsigned int cap);
STANDIN int nvmlDeviceGetMaxPcieLinkGeneration(const standin_card *card, unsigned int *out);
STANDIN int nvmlDeviceGetMaxPcieLinkWidth(const standin_card *card, unsigned int *out);

int nvmlInit_v2(void)
{
    started++;
    return 0;
}

int nvmlShutdown(void)
{
    return --started >= 0 ? 0 : 1;
}

int nvmlDeviceGetCount_v2(unsigned int *count)
{
    *count = 2;
    return started > 0 ? 0 : 1; /* NVML_ERROR_UNINITIALIZED */
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, standin_card **out)
{
    if (index > 1)
        return 2;
    *out = &cards[index];
    return 0;
}

int nvmlDeviceGetMemoryInfo(const standin_card *card, unsigned long long out[3])
{
    out[0] = card->total;
    out[1] = card->free;
    out[2] = card->total - card->free;
    return 0;
}

int nvmlDeviceGetName(const standin_card *card, char *out, unsigned int cap)
{
    return snprintf(out, cap, "%s", card->name) < (int)cap ? 0 : 7;
}

int nvmlDeviceGetUUID(const standin_card *card, char *out, unsigned int cap)
{
    return snprintf(out, cap, "%s", card->uuid) < (int)cap ? 0 : 7;
}

/* nvmlPciInfo_t: char busIdLegacy[16]; unsigned domain, bus, device, pciDeviceId, pciSubSystemId; char busId[32] */
int nvmlDeviceGetPciInfo_v3(const standin_card *card, unsigned char *out)
{
    unsigned int numbers[5] = {0, 1, 0, 0, 0};

    numbers[1] = (unsigned int)(card - cards) + 1;
    numbers[3] = card->pci_device << 16 | 0x10de;
    memset(out, 0, 68);
    memcpy(out + 16, numbers, sizeof numbers);
    return 0;
}

int nvmlDeviceGetMigMode(const standin_card *card, unsigned int *current, unsigned int *pending)
{
    *current = *pending = card->slices > 0;
    return 0;
}

int nvmlDeviceGetMaxMigDeviceCount(const standin_card *card, unsigned int *count)
{
    (void)card;
    *count = 7;
    return 0;
}

int nvmlDeviceGetMigDeviceHandleByIndex(standin_card *card, unsigned int index, standin_card **out)
{
    if (index >= card->slices)
        return 6;
    *out = card + 1 + index;
    return 0;
}

int nvmlSystemGetDriverVersion(char *out, unsigned int cap)
{
    return snprintf(out, cap, "580.00") < (int)cap ? 0 : 7;
}

int nvmlDeviceGetMaxPcieLinkGeneration(const standin_card *card, unsigned int *out)
{
    (void)card;
    *out = 4;
    return 0;
}

int nvmlDeviceGetMaxPcieLinkWidth(const standin_card *card, unsigned int *out)
{
    *out = card->lanes;
    return 0;
}
