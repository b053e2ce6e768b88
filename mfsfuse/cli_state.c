/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records in a shared memory file. The file is sparse: it has room for as many as anybody could
 * want, and takes memory for those that were used.
 */
#include "mfsfuse/cli_state.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/key.h"
#include "mfsfuse/cli_held.h"

#define MAGIC 0x315354415453464dull
#define HEAD_SIZE 4096u

static const struct {
	uint32_t size, count;
} kinds[STATE_KINDS] = {
	[STATE_INODES] = {sizeof(struct inode_rec), 16u << 20},
	[STATE_FILES] = {sizeof(struct file_rec), 1u << 20},
	[STATE_LOCKS] = {sizeof(struct held), 1u << 20},
	[STATE_NAMES] = {sizeof(struct name_rec), 1u << 18},
};

/* What every record looks like while it is free. */
struct free_rec {
	uint64_t id;
	struct free_rec *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct state_head *head;
static uint8_t *tables[STATE_KINDS];
static struct free_rec *freed[STATE_KINDS];

struct state_head *state_head(void)
{
	return head;
}

static size_t total_size(void)
{
	size_t size = HEAD_SIZE;

	for (int k = 0; k < STATE_KINDS; k++)
		size += (size_t)kinds[k].size * kinds[k].count;
	return size;
}

static int make(void)
{
	int r = key_random(head->session, sizeof(head->session));

	if (r < 0)
		return r;
	for (int k = 0; k < STATE_KINDS; k++)
		head->sizes[k] = kinds[k].size;
	head->magic = MAGIC;
	return 0;
}

static int check(void)
{
	if (head->magic != MAGIC || head->init_len > STATE_INIT_MAX)
		return -EINVAL;
	for (int k = 0; k < STATE_KINDS; k++) {
		if (head->sizes[k] != kinds[k].size || head->used[k] > kinds[k].count)
			return -EINVAL;
	}
	return 0;
}

static void collect_free(enum state_kind kind)
{
	for (uint64_t n = head->used[kind]; n-- > 0;) {
		struct free_rec *f = state_at(kind, n);

		if (!f->id) {
			f->next = freed[kind];
			freed[kind] = f;
		}
	}
}

int state_open(int fd)
{
	const size_t size = total_size();
	struct stat st;
	uint8_t *at;
	int r;

	if (fstat(fd, &st) < 0 || (st.st_size == 0 && ftruncate(fd, (off_t)size) < 0))
		return -errno;
	if (st.st_size != 0 && (size_t)st.st_size != size)
		return -EINVAL;
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	madvise(at, size, MADV_DONTDUMP);
	head = (struct state_head *)(void *)at;
	at += HEAD_SIZE;
	for (int k = 0; k < STATE_KINDS; k++) {
		tables[k] = at;
		at += (size_t)kinds[k].size * kinds[k].count;
	}
	r = head->magic ? check() : make();
	for (int k = 0; k < STATE_KINDS && r == 0; k++)
		collect_free((enum state_kind)k);
	return r;
}

void *state_at(enum state_kind kind, uint64_t number)
{
	if (number >= head->used[kind])
		return NULL;
	return tables[kind] + number * kinds[kind].size;
}

uint64_t state_number(enum state_kind kind, const void *rec)
{
	return (uint64_t)((const uint8_t *)rec - tables[kind]) / kinds[kind].size;
}

void *state_take(enum state_kind kind)
{
	struct free_rec *f;

	pthread_mutex_lock(&lock);
	f = freed[kind];
	if (f)
		freed[kind] = f->next;
	else if (head->used[kind] < kinds[kind].count)
		f = state_at(kind, head->used[kind]++);
	pthread_mutex_unlock(&lock);
	if (f)
		memset(f, 0, kinds[kind].size);
	return f;
}

void state_put(enum state_kind kind, void *rec)
{
	struct free_rec *f = rec;

	if (!f)
		return;
	pthread_mutex_lock(&lock);
	f->id = 0;
	f->next = freed[kind];
	freed[kind] = f;
	pthread_mutex_unlock(&lock);
}

void state_each(enum state_kind kind, void (*fn)(void *rec))
{
	for (uint64_t n = 0; n < head->used[kind]; n++) {
		struct free_rec *f = state_at(kind, n);

		if (f->id)
			fn(f);
	}
}
