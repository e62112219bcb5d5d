#ifndef NEEDLETAIL_CSHIMS_H
#define NEEDLETAIL_CSHIMS_H
#include <stddef.h>
#include <stdint.h>

/// Asks for the cache line at an address that is read soon; any address will do.
static inline void needletail_prefetch(const void *address) { __builtin_prefetch(address); }

/// CRC32C (Castagnoli) of `length` bytes, continuing from `crc` (0 to start).
uint32_t needletail_crc32c(uint32_t crc, const uint8_t *bytes, size_t length);

/// 1 where this build has zstd.
int needletail_zstd_is_present(void);
size_t needletail_zstd_bound(size_t length);
/// Bytes written, or a negative number on failure.
int64_t needletail_zstd_compress(uint8_t *into, size_t capacity, const uint8_t *from, size_t length, int level);
int64_t needletail_zstd_decompress(uint8_t *into, size_t capacity, const uint8_t *from, size_t length);

/// Decodes zstd frames chunk by chunk, whether or not they name their content size. Same contract as `needletail_inflate`,
/// but 1 means "at the end of a frame": more frames may follow.
void *needletail_zstd_stream_new(void);
void needletail_zstd_stream_free(void *stream);
int needletail_zstd_stream(void *stream, const uint8_t *from, size_t length, size_t *consumed,
                           uint8_t *into, size_t capacity, size_t *produced);

size_t needletail_zlib_bound(size_t length);
int64_t needletail_zlib_compress(uint8_t *into, size_t capacity, const uint8_t *from, size_t length, int level);
int64_t needletail_zlib_decompress(uint8_t *into, size_t capacity, const uint8_t *from, size_t length);

/// Inflates one gzip/zlib member chunk by chunk. `needletail_inflate_new(window)`: 47 detects gzip and zlib, -15 is raw deflate.
void *needletail_inflate_new(int window_bits);
void needletail_inflate_free(void *stream);
/// Returns 1 at the end of the member, 0 for "call again", negative on bad data. Counts what was consumed and produced.
int needletail_inflate(void *stream, const uint8_t *from, size_t length, size_t *consumed,
                       uint8_t *into, size_t capacity, size_t *produced);
int needletail_inflate_reset(void *stream);
/// gzip of the whole input in one call; bytes written or negative.
size_t needletail_gzip_bound(size_t length);
int64_t needletail_gzip(uint8_t *into, size_t capacity, const uint8_t *from, size_t length, int level);

/// Deflates chunk by chunk. `window_bits`: 31 for gzip, 15 for zlib.
void *needletail_deflate_new(int window_bits, int level);
void needletail_deflate_free(void *stream);
/// Counts what was consumed and produced. `mode`: 0 more will come, 1 what came so far must be readable, 2 this is the end.
/// Returns 1 when the stream has ended, 0 for "call again, or with more", negative on failure.
int needletail_deflate(void *stream, const uint8_t *from, size_t length, size_t *consumed,
                       uint8_t *into, size_t capacity, size_t *produced, int mode);

/// Hands freed memory back to the kernel, where the allocator can.
void needletail_release_free_memory(void);

/// Few arenas, and blocks from 4 MiB on straight from the kernel, so that what is freed goes back to it.
void needletail_tune_allocator(int arenas);
#endif
