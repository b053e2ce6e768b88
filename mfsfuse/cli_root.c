/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The root of the mount: a directory for each node, named by its number, and a symbolic link to
 * it with the node's name. All of it is answered here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "mfsfuse/cli.h"

static bool is_link(fuse_ino_t ino)
{
	return ino >= CLI_INO_LINK && ino < CLI_INO_FIRST;
}

static void link_stat(uint32_t number, struct stat *st)
{
	*st = (struct stat){
		.st_ino = CLI_INO_LINK + number,
		.st_mode = S_IFLNK | 0777,
		.st_nlink = 1,
		.st_size = snprintf(NULL, 0, "%u", number),
	};
}

static void root_stat(struct stat *st)
{
	*st = (struct stat){.st_ino = FUSE_ROOT_ID, .st_mode = S_IFDIR | 0755, .st_nlink = 2};
}

/* A number without sign and leading zeros; 0 if it is not one. */
static uint32_t parse_number(const char *s)
{
	unsigned long n;
	char *end;

	if (*s < '1' || *s > '9')
		return 0;
	n = strtoul(s, &end, 10);
	return *end || n > NODE_MAX ? 0 : (uint32_t)n;
}

static void reply_link(fuse_req_t req, uint32_t number)
{
	struct fuse_entry_param e = {.ino = CLI_INO_LINK + number, .generation = 1};

	link_stat(number, &e.attr);
	fuse_reply_entry(req, &e);
}

static void reply_peer(fuse_req_t req, struct peer *p)
{
	_cleanup_inode_ struct inode *i = inode_of_peer(p);
	struct mfs_attr a;

	if (!i) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	a = inode_attr(i);
	reply_entry(req, i, &a);
}

/* A node that has left the table can still be reached by its number, as long as we know it:
 * somebody may have something mounted below it. */
void root_lookup(fuse_req_t req, const char *name)
{
	uint32_t number = parse_number(name);
	struct peer *p = number ? peer_find(number) : peer_by_name(name);

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		struct fuse_entry_param e = {.ino = FUSE_ROOT_ID, .generation = 1};

		root_stat(&e.attr);
		fuse_reply_entry(req, &e);
	} else if (!p) {
		fuse_reply_err(req, ENOENT);
	} else if (number) {
		reply_peer(req, p);
	} else {
		reply_link(req, p->number);
	}
}

bool root_getattr(fuse_req_t req, fuse_ino_t ino)
{
	struct stat st;

	if (ino == FUSE_ROOT_ID)
		root_stat(&st);
	else if (is_link(ino))
		link_stat((uint32_t)(ino - CLI_INO_LINK), &st);
	else
		return false;
	fuse_reply_attr(req, &st, 0.0);
	return true;
}

bool root_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[16];

	if (!is_link(ino))
		return false;
	snprintf(target, sizeof(target), "%u", (uint32_t)(ino - CLI_INO_LINK));
	fuse_reply_readlink(req, target);
	return true;
}

/* ------------------------------------------------------------------ listing */

struct listing {
	fuse_req_t req;
	char *buf;
	size_t size, used;
};

static bool add(struct listing *l, const char *name, uint64_t ino, mode_t mode, off_t next)
{
	const struct stat st = {.st_ino = ino, .st_mode = mode};
	size_t n = fuse_add_direntry(l->req, l->buf + l->used, l->size - l->used, name, &st, next);

	if (n > l->size - l->used)
		return false;
	l->used += n;
	return true;
}

/* Offsets: 1 and 2 behind the dots, then 4 * node + 1 behind its number, + 2 behind its name. */
static bool add_node(struct listing *l, const struct peer *p, off_t off)
{
	off_t base = 4 * (off_t)p->number;
	char number[16];

	snprintf(number, sizeof(number), "%u", p->number);
	if (off < base + 1 && !add(l, number, CLI_INO_PEER + p->number, S_IFDIR, base + 1))
		return false;
	if (off < base + 2 && *p->name && !parse_number(p->name) &&
	    !add(l, p->name, CLI_INO_LINK + p->number, S_IFLNK, base + 2))
		return false;
	return true;
}

void root_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off)
{
	_cleanup_free_ char *buf = malloc(size);
	struct listing l = {.req = req, .buf = buf, .size = size};
	struct peer *p;

	if (!buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (off < 1 && !add(&l, ".", FUSE_ROOT_ID, S_IFDIR, 1))
		goto out;
	if (off < 2 && !add(&l, "..", FUSE_ROOT_ID, S_IFDIR, 2))
		goto out;
	if (ino != FUSE_ROOT_ID)
		goto out;
	p = peer_after(off < 4 ? 0 : (uint32_t)(off / 4) - 1);
	while (p && add_node(&l, p, off))
		p = peer_after(p->number);
out:
	fuse_reply_buf(req, buf, l.used);
}
