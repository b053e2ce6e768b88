/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the names in files.img and remap-fpath.img. */
#include "ckpt/ghosts.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ckpt/image.h"
#include "ckpt/images.h"
#include "ckpt/images.pb-c.h"
#include "common/cleanup.h"
#include "common/msg.h"

#define IMAGE_MAX (64u << 20)
#define REMAP_GHOST 1

struct img {
	uint8_t *data;
	size_t len;
};

static void find_file(const struct img *files, uint32_t id, char *ret, size_t size)
{
	size_t pos = IMAGE_HEADER, len;
	const uint8_t *entry;

	*ret = '\0';
	while (image_next(files->data, files->len, &pos, &entry, &len) > 0) {
		_cleanup_(msg_freep) Image__File *f =
			msg_unpack(&image__file__descriptor, entry, len);

		if (f && f->has_id && f->id == id && f->reg && f->reg->name) {
			snprintf(ret, size, "%s", f->reg->name);
			return;
		}
	}
}

static int write_list(const struct img *remaps, const struct img *files, FILE *list)
{
	size_t pos = IMAGE_HEADER, len;
	const uint8_t *entry;
	char name[PATH_MAX];

	while (image_next(remaps->data, remaps->len, &pos, &entry, &len) > 0) {
		_cleanup_(msg_freep) Image__Remap *m =
			msg_unpack(&image__remap__descriptor, entry, len);

		if (!m || m->remap_type != REMAP_GHOST)
			continue;
		find_file(files, m->orig_id, name, sizeof(name));
		if (*name)
			fprintf(list, "%s%s.cr.%x.ghost%c", *name == '/' ? "" : "/", name,
				m->remap_id, '\0');
	}
	return ferror(list) ? -ENOMEM : 0;
}

static int read_image(int dir, const char *name, uint32_t magic, struct img *ret)
{
	int r;

	r = images_read(dir, name, IMAGE_MAX, &ret->data, &ret->len);
	return r < 0 ? r : image_check(ret->data, ret->len, magic);
}

int ghosts_list(int images, char **ret, size_t *ret_len)
{
	struct img remaps = {0}, files = {0};
	FILE *list = open_memstream(ret, ret_len);
	int r = 0;

	if (!list)
		return -ENOMEM;
	if (read_image(images, "remap-fpath.img", IMAGE_MAGIC_REMAP_FPATH, &remaps) == 0 &&
	    read_image(images, "files.img", IMAGE_MAGIC_FILES, &files) == 0)
		r = write_list(&remaps, &files, list);
	free(remaps.data);
	free(files.data);
	if (fclose(list) != 0)
		r = -ENOMEM;
	return r;
}
