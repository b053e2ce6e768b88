/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small little-endian records, written into a growing buffer and read back with every length
 * checked. Errors stick: the caller looks once, at the end.
 */
#ifndef MOSIX_JOB_PACK_H
#define MOSIX_JOB_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct packer {
	uint8_t *data; /* the owner free()s it */
	size_t len, size;
	bool failed; /* out of memory */
};

void pack_raw(struct packer *p, const void *data, size_t len);
void pack_uint(struct packer *p, uint64_t v, unsigned int bytes);

static inline void pack_u8(struct packer *p, uint8_t v)
{
	pack_uint(p, v, 1);
}

static inline void pack_u32(struct packer *p, uint32_t v)
{
	pack_uint(p, v, 4);
}

static inline void pack_u64(struct packer *p, uint64_t v)
{
	pack_uint(p, v, 8);
}

/* u32 length, then the bytes. */
void pack_blob(struct packer *p, const void *data, size_t len);

struct unpacker {
	const uint8_t *data;
	size_t len;
	bool failed; /* too short, or something out of range */
};

uint64_t unpack_uint(struct unpacker *u, unsigned int bytes); /* 0 once failed */

static inline uint8_t unpack_u8(struct unpacker *u)
{
	return (uint8_t)unpack_uint(u, 1);
}

static inline bool unpack_bool(struct unpacker *u)
{
	return unpack_uint(u, 1) != 0;
}

static inline uint32_t unpack_u32(struct unpacker *u)
{
	return (uint32_t)unpack_uint(u, 4);
}

static inline uint64_t unpack_u64(struct unpacker *u)
{
	return unpack_uint(u, 8);
}

/* The next @len bytes in place, or NULL. */
const uint8_t *unpack_raw(struct unpacker *u, size_t len);
/* A blob of at most @max bytes, in place; failed and *ret_len = 0 if it is longer. */
const uint8_t *unpack_blob(struct unpacker *u, size_t max, size_t *ret_len);

#endif
