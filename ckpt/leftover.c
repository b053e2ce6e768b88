/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the names in files.img and remap-fpath.img. */
#include "ckpt/leftover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ckpt/image.h"
#include "ckpt/images.h"
#include "ckpt/images.pb-c.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/msg.h"

#define IMAGE_MAX (64u << 20)

struct img {
	uint8_t *data;
	size_t len;
};

static bool below(const char *path, const char *mountpoint, size_t *ret_len)
{
	size_t len = strlen(mountpoint);

	if (len == 1)
		len = 0; /* "/" */
	*ret_len = len;
	return strncmp(path, mountpoint, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static const struct leftover_mount *find_mount(const struct leftover_mount *m, size_t count,
					       const char *path, size_t *ret_len)
{
	const struct leftover_mount *best = NULL;
	size_t len;

	for (size_t i = 0; i < count; i++) {
		if (!below(path, m[i].mountpoint, &len) || (best && len <= *ret_len))
			continue;
		best = &m[i];
		*ret_len = len;
	}
	return best;
}

/* The directory of @path below @root, whatever symbolic links the job has put there. */
static int open_dir(const char *root, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	_cleanup_fd_ int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -1 : (int)syscall(SYS_openat2, fd, path, &how, sizeof(how));
}

static void remove_path(const char *path, const struct leftover_mount *mounts, size_t count)
{
	const struct leftover_mount *m;
	_cleanup_fd_ int dir = -1;
	char parent[PATH_MAX];
	char *name;
	size_t len;

	m = find_mount(mounts, count, path, &len);
	if (!m || (size_t)snprintf(parent, sizeof(parent), ".%s", path + len) >= sizeof(parent))
		return;
	name = strrchr(parent, '/');
	if (!name)
		return;
	*name++ = '\0';
	dir = open_dir(m->source, parent);
	if (dir >= 0)
		unlinkat(dir, name, 0);
}

/* Only names that criu gives. */
static void remove_one(const char *name, uint32_t id, enum leftover_kind kind,
		       const struct leftover_mount *mounts, size_t count)
{
	const char *last = strrchr(name, '/');
	char path[PATH_MAX];

	if (!last)
		return;
	if (kind == LEFTOVER_GHOST)
		snprintf(path, sizeof(path), "%s%s.cr.%x.ghost", *name == '/' ? "" : "/", name, id);
	else if (strncmp(last + 1, "link_remap.", 11) == 0)
		snprintf(path, sizeof(path), "%s%s", *name == '/' ? "" : "/", name);
	else
		return;
	remove_path(path, mounts, count);
}

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

static void remove_all(const struct img *remaps, const struct img *files, enum leftover_kind kind,
		       const struct leftover_mount *mounts, size_t count)
{
	size_t pos = IMAGE_HEADER, len;
	char name[PATH_MAX];
	const uint8_t *entry;

	while (image_next(remaps->data, remaps->len, &pos, &entry, &len) > 0) {
		_cleanup_(msg_freep) Image__Remap *m =
			msg_unpack(&image__remap__descriptor, entry, len);

		if (!m || m->remap_type != kind)
			continue;
		find_file(files, kind == LEFTOVER_GHOST ? m->orig_id : m->remap_id, name,
			  sizeof(name));
		if (*name)
			remove_one(name, m->remap_id, kind, mounts, count);
	}
}

static int read_image(int dir, const char *name, uint32_t magic, struct img *ret)
{
	int r;

	r = images_read(dir, name, IMAGE_MAX, &ret->data, &ret->len);
	return r < 0 ? r : image_check(ret->data, ret->len, magic);
}

void leftover_remove(int images, enum leftover_kind kind, const struct leftover_mount *mounts,
		     size_t count)
{
	struct img remaps = {0}, files = {0};

	if (read_image(images, "remap-fpath.img", IMAGE_MAGIC_REMAP_FPATH, &remaps) == 0 &&
	    read_image(images, "files.img", IMAGE_MAGIC_FILES, &files) == 0)
		remove_all(&remaps, &files, kind, mounts, count);
	free(remaps.data);
	free(files.data);
}
