/* Load: the file is read from storage, then the share of each device crosses its link. */
#include "speed_internal.h"

void cfi_speed_load(const cfi_speed_input *input, uint64_t file_bytes, double storage_bytes_per_s, cfi_speed_duration *out)
{
    double read, copy = 0.0;

    memset(out, 0, sizeof *out);
    if (file_bytes == 0 || !cfi_speed_usable(storage_bytes_per_s))
        return;
    for (uint32_t i = 0; i < input->count; i++) {
        const cfi_speed_part *part = &input->parts[i];

        if (part->backend != CTXFIT_BACKEND_CPU && cfi_speed_usable(part->link_bytes_per_s))
            copy += (double)part->weight_bytes_pass / part->link_bytes_per_s;
    }
    read = (double)file_bytes / storage_bytes_per_s;
    if (!cfi_speed_usable(read) || !cfi_speed_usable(read + copy))
        return;
    /* An engine may copy while it reads: between fully overlapped and one after the other, where no overlap is the safe answer. */
    out->seconds = read + copy;
    out->low = read > copy ? read : copy;
    out->high = out->seconds;
}
