#include "CShims.h"
#ifdef __GLIBC__
#include <malloc.h>
#endif

void needletail_release_free_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void needletail_tune_allocator(int arenas) {
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, arenas);
    // Set by hand, or glibc raises it with every large block that is freed. Request bodies stay below: mapping them
    // anew each time costs a page fault for every 4 KiB.
    mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
    mallopt(M_TRIM_THRESHOLD, 16 * 1024 * 1024);
#else
    (void)arenas;
#endif
}
