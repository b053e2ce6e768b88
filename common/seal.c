/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sealed datagrams. */
#include "common/seal.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

struct seal {
	gnutls_aead_cipher_hd_t cipher;
};

int seal_new(struct seal **ret, const uint8_t key[KEY_SIZE])
{
	uint8_t copy[KEY_SIZE];
	const gnutls_datum_t datum = {.data = copy, .size = KEY_SIZE};
	struct seal *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	memcpy(copy, key, KEY_SIZE);
	r = gnutls_aead_cipher_init(&s->cipher, GNUTLS_CIPHER_AES_256_SIV_GCM, &datum);
	explicit_bzero(copy, sizeof(copy));
	if (r < 0) {
		free(s);
		return -EIO;
	}
	*ret = s;
	return 0;
}

struct seal *seal_free(struct seal *s)
{
	if (!s)
		return NULL;
	gnutls_aead_cipher_deinit(s->cipher);
	free(s);
	return NULL;
}

int seal_close(struct seal *s, const uint8_t nonce[SEAL_NONCE], const void *about, size_t about_len,
	       const void *in, size_t len, uint8_t *out)
{
	size_t n = len + SEAL_TAG;

	if (gnutls_aead_cipher_encrypt(s->cipher, nonce, SEAL_NONCE, about, about_len, SEAL_TAG, in,
				       len, out, &n) < 0 ||
	    n != len + SEAL_TAG)
		return -EIO;
	return 0;
}

int seal_open(struct seal *s, const uint8_t nonce[SEAL_NONCE], const void *about, size_t about_len,
	      const uint8_t *in, size_t len, void *out)
{
	size_t n = len;

	if (len < SEAL_TAG ||
	    gnutls_aead_cipher_decrypt(s->cipher, nonce, SEAL_NONCE, about, about_len, SEAL_TAG, in,
				       len, out, &n) < 0 ||
	    n != len - SEAL_TAG)
		return -EBADMSG;
	return 0;
}
