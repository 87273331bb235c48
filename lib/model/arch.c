#include "arch_internal.h"

#define CFI_ARCH(name, layout, experts, shared, beside, flags) \
    {name, CFI_LAYOUT_##layout, CFI_EXPERTS_##experts, CFI_SHARED_##shared, CFI_BESIDE_##beside, flags},
static const cfi_arch archs[] = {
#include "archs.def"
};
#undef CFI_ARCH

/* What the metadata of an unknown architecture most likely mean: the keys that nearly all share. */
static const cfi_arch generic = {"", CFI_LAYOUT_generic, CFI_EXPERTS_WHOLE, CFI_SHARED_STATED, CFI_BESIDE_NONE, CFI_ARCH_NEXTN};

void cfi_arch_lay_out(cfi_layout *l)
{
    static void (*const layouts[])(cfi_layout *) = {
#define CFI_LAYOUT(name) cfi_layout_##name,
#include "layouts.def"
#undef CFI_LAYOUT
    };

    layouts[l->arch->layout](l);
}

uint32_t cfi_arch_count(void)
{
    return (uint32_t)CFI_COUNT(archs);
}

const cfi_arch *cfi_arch_at(uint32_t index)
{
    return index < CFI_COUNT(archs) ? &archs[index] : NULL;
}

const cfi_arch *cfi_arch_generic(void)
{
    return &generic;
}

const cfi_arch *cfi_arch_find(const char *name)
{
    size_t low = 0;
    size_t high = CFI_COUNT(archs);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int    order = strcmp(name, archs[middle].name);

        if (order == 0)
            return &archs[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
