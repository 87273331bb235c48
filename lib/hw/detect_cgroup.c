/*
 * What the control groups of this process let it use: the least over its group and all above it. Facts: kernel documentation
 * admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst. File pages that nobody uses count as used there; like kubelet's "working set" we
 * take what is inactive of them as free, since the kernel gives it up before it kills.
 */
#include <stdio.h>

#include "detect_internal.h"

#define GROUP_BYTES 400 /* of a path; deeper ones are read from their mount only */

typedef struct group_files {
    char version;
    char limit[24];
    char high[16]; /* "" = none: beyond it the group is slowed down until it hardly moves */
    char usage[24];
    char inactive[24];
} group_files;

static const group_files versions[] = {
    {'2', "memory.max", "memory.high", "memory.current", "inactive_file"},
    {'1', "memory.limit_in_bytes", "", "memory.usage_in_bytes", "total_inactive_file"},
};

/* The number of a file of the group; false: none, or the word "max". */
static bool read_bound(cfi_hw_scene *scene, const cfi_hw_files *files, const char *folder, const char *name, uint64_t *out)
{
    char path[CFI_HW_PATH_BYTES];

    return name[0] != '\0' && (size_t)snprintf(path, sizeof path, "%s/%s", folder, name) < sizeof path &&
           cfi_hw_read_number(scene, files, path, out);
}

static void read_group(cfi_hw_scene *scene, const cfi_hw_files *files, const group_files *names, const char *folder)
{
    char     path[CFI_HW_PATH_BYTES];
    uint64_t limit = UINT64_MAX, high = UINT64_MAX, used = 0, inactive = 0;

    (void)read_bound(scene, files, folder, names->limit, &limit);
    (void)read_bound(scene, files, folder, names->high, &high);
    limit = cfi_min_u64(limit, high);
    if (limit >= scene->memory_bytes && scene->memory_bytes != 0) /* version 1 says 2^63 less a page for "none" */
        return;
    if (limit == UINT64_MAX)
        return;
    if (read_bound(scene, files, folder, names->usage, &used) &&
        (size_t)snprintf(path, sizeof path, "%s/memory.stat", folder) < sizeof path && cfi_hw_read_file(scene, files, path) &&
        cfi_hw_find_number(scene->file, names->inactive, &inactive)) {
        cfi_hw_note(scene, "%s: %s %llu", path, names->inactive, (unsigned long long)inactive);
        used -= cfi_min_u64(used, inactive);
    }
    scene->limit_bytes = cfi_min_u64(scene->limit_bytes, limit);
    scene->limit_free_bytes = cfi_min_u64(scene->limit_free_bytes, limit - cfi_min_u64(limit, used));
}

/* The group and all above it, up to the mount itself. A container sees its group as the mount, under a path that is not there. */
static void read_groups(cfi_hw_scene *scene, const cfi_hw_files *files, const group_files *names, const char *mount, const char *group)
{
    char   folder[CFI_HW_PATH_BYTES];
    size_t base = strlen(mount), len;

    if (strstr(group, "/..") != NULL || base + strlen(group) >= sizeof folder) /* the group lies outside of what we may see */
        group = "/";
    (void)snprintf(folder, sizeof folder, "%s%s", mount, group);
    for (len = strlen(folder); len > base; len--) {
        if (len < strlen(folder) && folder[len] != '/')
            continue;
        folder[len] = '\0';
        if (folder[len - 1] != '/')
            read_group(scene, files, names, folder);
    }
    folder[base] = '\0';
    read_group(scene, files, names, folder);
}

/* Where the hierarchy is mounted: "cgroup2", or "cgroup" with the option "memory". Blanks in it are written \040: not looked for. */
static void find_mount(cfi_hw_scene *scene, const cfi_hw_files *files, char version, char *out, size_t cap)
{
    const char *line;

    (void)snprintf(out, cap, "%s", version == '2' ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory");
    if (!cfi_hw_read_file(scene, files, "/proc/mounts"))
        return;
    for (line = scene->file; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        char   point[GROUP_BYTES], type[16], rest[200];
        char  *fields[] = {NULL, point, type, rest};
        size_t caps[] = {0, sizeof point, sizeof type, sizeof rest};

        line += *line == '\n' ? 1 : 0;
        for (size_t i = 0; i < CFI_COUNT(fields); i++) {
            size_t len = strcspn(line, " \n");

            if (fields[i] != NULL)
                (void)snprintf(fields[i], caps[i], "%.*s", (int)cfi_min_u64(len, caps[i] - 1), line);
            line += len + (line[len] == ' ' ? 1 : 0);
        }
        if (point[0] != '/' || strchr(point, '\\') != NULL)
            continue;
        if (strcmp(type, version == '2' ? "cgroup2" : "cgroup") == 0 && (version == '2' || strstr(rest, "memory") != NULL)) {
            (void)snprintf(out, cap, "%s", point);
            return;
        }
    }
}

/* The path behind "0::" or "N:...memory...:". */
static bool find_group(const char *text, char version, char out[GROUP_BYTES])
{
    while (text != NULL && *text != '\0') {
        const char *controllers = strchr(text, ':'), *path, *end = strchr(text, '\n');
        size_t      len = end != NULL ? (size_t)(end - text) : strlen(text);

        path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (path != NULL && path < text + len) {
            const char *memory = strstr(controllers, "memory");
            bool        ours = version == '2' ? path == controllers + 1 : memory != NULL && memory < path;

            if (ours) {
                (void)snprintf(out, GROUP_BYTES, "%.*s", (int)cfi_min_u64((uint64_t)(text + len - path - 1), GROUP_BYTES - 1), path + 1);
                return true;
            }
        }
        text = end != NULL ? end + 1 : NULL;
    }
    return false;
}

void cfi_hw_read_cgroups(cfi_hw_scene *scene, const cfi_hw_files *files)
{
    for (size_t i = 0; i < CFI_COUNT(versions); i++) {
        char group[GROUP_BYTES] = "/", mount[GROUP_BYTES];

        if (cfi_hw_read_file(scene, files, "/proc/self/cgroup") && find_group(scene->file, versions[i].version, group))
            cfi_hw_note(scene, "/proc/self/cgroup: version %c, %.200s", versions[i].version, group);
        find_mount(scene, files, versions[i].version, mount, sizeof mount);
        read_groups(scene, files, &versions[i], mount, group);
    }
    if (scene->limit_bytes != UINT64_MAX)
        cfi_hw_note(scene, "limit of this process: %llu, of which free %llu bytes", (unsigned long long)scene->limit_bytes,
                    (unsigned long long)scene->limit_free_bytes);
}
