#include "CShims.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#ifdef NEEDLETAIL_ZSTD
#include <zstd.h>
#endif

// ---- CRC32C -------------------------------------------------------------------------------------

static uint32_t table[8][256];

__attribute__((constructor)) static void build_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? (c >> 1) ^ 0x82f63b78u : c >> 1;
        table[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++) table[k][i] = (table[k - 1][i] >> 8) ^ table[0][table[k - 1][i] & 0xff];
}

static uint32_t crc_table(uint32_t crc, const uint8_t *p, size_t n) {
    while (n >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        w ^= crc;
        crc = table[7][w & 0xff] ^ table[6][(w >> 8) & 0xff] ^ table[5][(w >> 16) & 0xff] ^
              table[4][(w >> 24) & 0xff] ^ table[3][(w >> 32) & 0xff] ^ table[2][(w >> 40) & 0xff] ^
              table[1][(w >> 48) & 0xff] ^ table[0][w >> 56];
        p += 8;
        n -= 8;
    }
    while (n--) crc = (crc >> 8) ^ table[0][(crc ^ *p++) & 0xff];
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
__attribute__((target("sse4.2"))) static uint32_t crc_sse(uint32_t crc, const uint8_t *p, size_t n) {
    uint64_t c = crc;
    while (n >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        c = _mm_crc32_u64(c, w);
        p += 8;
        n -= 8;
    }
    crc = (uint32_t)c;
    while (n--) crc = _mm_crc32_u8(crc, *p++);
    return crc;
}
#endif

uint32_t needletail_crc32c(uint32_t crc, const uint8_t *bytes, size_t length) {
    crc = ~crc;
#if defined(__x86_64__)
    crc = __builtin_cpu_supports("sse4.2") ? crc_sse(crc, bytes, length) : crc_table(crc, bytes, length);
#else
    crc = crc_table(crc, bytes, length);
#endif
    return ~crc;
}

// ---- zstd ---------------------------------------------------------------------------------------

#ifdef NEEDLETAIL_ZSTD
int needletail_zstd_is_present(void) { return 1; }
size_t needletail_zstd_bound(size_t length) { return ZSTD_compressBound(length); }
int64_t needletail_zstd_compress(uint8_t *into, size_t capacity, const uint8_t *from, size_t length, int level) {
    size_t r = ZSTD_compress(into, capacity, from, length, level);
    return ZSTD_isError(r) ? -1 : (int64_t)r;
}
int64_t needletail_zstd_decompress(uint8_t *into, size_t capacity, const uint8_t *from, size_t length) {
    size_t r = ZSTD_decompress(into, capacity, from, length);
    return ZSTD_isError(r) ? -1 : (int64_t)r;
}
void *needletail_zstd_stream_new(void) {
    ZSTD_DCtx *s = ZSTD_createDCtx();
    // A frame may ask for a window of gigabytes; 8 MiB is what HTTP allows (RFC 9659).
    if (s) ZSTD_DCtx_setParameter(s, ZSTD_d_windowLogMax, 23);
    return s;
}
void needletail_zstd_stream_free(void *stream) { ZSTD_freeDCtx(stream); }
int needletail_zstd_stream(void *stream, const uint8_t *from, size_t length, size_t *consumed,
                           uint8_t *into, size_t capacity, size_t *produced) {
    ZSTD_inBuffer in = {from, length, 0};
    ZSTD_outBuffer out = {into, capacity, 0};
    size_t r = ZSTD_decompressStream(stream, &out, &in);
    *consumed = in.pos;
    *produced = out.pos;
    if (ZSTD_isError(r)) return -1;
    return r == 0;
}
#else
void *needletail_zstd_stream_new(void) { return NULL; }
void needletail_zstd_stream_free(void *stream) { (void)stream; }
int needletail_zstd_stream(void *stream, const uint8_t *from, size_t length, size_t *consumed,
                           uint8_t *into, size_t capacity, size_t *produced) {
    (void)stream; (void)from; (void)length; (void)into; (void)capacity;
    *consumed = 0;
    *produced = 0;
    return -1;
}
int needletail_zstd_is_present(void) { return 0; }
size_t needletail_zstd_bound(size_t length) { return length; }
int64_t needletail_zstd_compress(uint8_t *into, size_t capacity, const uint8_t *from, size_t length, int level) {
    (void)into; (void)capacity; (void)from; (void)length; (void)level;
    return -2;
}
int64_t needletail_zstd_decompress(uint8_t *into, size_t capacity, const uint8_t *from, size_t length) {
    (void)into; (void)capacity; (void)from; (void)length;
    return -2;
}
#endif

// ---- zlib ---------------------------------------------------------------------------------------

size_t needletail_zlib_bound(size_t length) { return compressBound(length); }
int64_t needletail_zlib_compress(uint8_t *into, size_t capacity, const uint8_t *from, size_t length, int level) {
    uLongf n = capacity;
    return compress2(into, &n, from, length, level) == Z_OK ? (int64_t)n : -1;
}
int64_t needletail_zlib_decompress(uint8_t *into, size_t capacity, const uint8_t *from, size_t length) {
    uLongf n = capacity;
    return uncompress(into, &n, from, length) == Z_OK ? (int64_t)n : -1;
}

void *needletail_inflate_new(int window_bits) {
    z_stream *s = calloc(1, sizeof *s);
    if (s && inflateInit2(s, window_bits) != Z_OK) {
        free(s);
        return NULL;
    }
    return s;
}
void needletail_inflate_free(void *stream) {
    if (!stream) return;
    inflateEnd(stream);
    free(stream);
}
int needletail_inflate(void *stream, const uint8_t *from, size_t length, size_t *consumed,
                       uint8_t *into, size_t capacity, size_t *produced) {
    z_stream *s = stream;
    uInt in = length > 0x40000000 ? 0x40000000 : (uInt)length;
    uInt out = capacity > 0x40000000 ? 0x40000000 : (uInt)capacity;
    s->next_in = (Bytef *)from;
    s->avail_in = in;
    s->next_out = into;
    s->avail_out = out;
    int r = inflate(s, Z_NO_FLUSH);
    *consumed = in - s->avail_in;
    *produced = out - s->avail_out;
    if (r == Z_STREAM_END) return 1;
    if (r == Z_OK || r == Z_BUF_ERROR) return 0;
    return -1;
}
int needletail_inflate_reset(void *stream) { return inflateReset(stream) == Z_OK ? 0 : -1; }

void *needletail_deflate_new(int window_bits, int level) {
    z_stream *s = calloc(1, sizeof *s);
    if (s && deflateInit2(s, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(s);
        return NULL;
    }
    return s;
}
void needletail_deflate_free(void *stream) {
    if (!stream) return;
    deflateEnd(stream);
    free(stream);
}
int needletail_deflate(void *stream, const uint8_t *from, size_t length, size_t *consumed,
                       uint8_t *into, size_t capacity, size_t *produced, int mode) {
    z_stream *s = stream;
    uInt in = length > 0x40000000 ? 0x40000000 : (uInt)length;
    uInt out = capacity > 0x40000000 ? 0x40000000 : (uInt)capacity;
    s->next_in = (Bytef *)from;
    s->avail_in = in;
    s->next_out = into;
    s->avail_out = out;
    int r = deflate(s, in < length || mode == 0 ? Z_NO_FLUSH : mode == 1 ? Z_SYNC_FLUSH : Z_FINISH);
    *consumed = in - s->avail_in;
    *produced = out - s->avail_out;
    if (r == Z_STREAM_END) return 1;
    if (r == Z_OK || r == Z_BUF_ERROR) return 0;
    return -1;
}

size_t needletail_gzip_bound(size_t length) { return compressBound(length) + 32; }
int64_t needletail_gzip(uint8_t *into, size_t capacity, const uint8_t *from, size_t length, int level) {
    z_stream s;
    memset(&s, 0, sizeof s);
    if (deflateInit2(&s, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return -1;
    if (length > 0xffffffffu || capacity > 0xffffffffu) { deflateEnd(&s); return -1; }
    s.next_in = (Bytef *)from;
    s.avail_in = (uInt)length;
    s.next_out = into;
    s.avail_out = (uInt)capacity;
    int r = deflate(&s, Z_FINISH);
    int64_t n = (int64_t)s.total_out;
    deflateEnd(&s);
    return r == Z_STREAM_END ? n : -1;
}
