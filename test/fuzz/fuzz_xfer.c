/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream of images: whatever comes, only files with good names are made, and "all" means that
 * they are complete.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ckpt/images.h"
#include "ckpt/xfer.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "test/fuzz/fuzz.h"

#define MAX_BYTES 50000

static int dir = -1;
static char path[] = "/tmp/mosix-fuzz.XXXXXX";

static void remove_dir(void)
{
	rmdir(path);
}

static void open_dir(void)
{
	fuzz_check(mkdtemp(path));
	atexit(remove_dir);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fuzz_check(dir >= 0);
}

/* Looks at all files, removes them, and returns their size. */
static uint64_t take_files(void)
{
	_cleanup_dir_ DIR *d = opendir(path);
	struct dirent *e;
	uint64_t sum = 0;
	struct stat st;

	while ((e = readdir(d))) {
		if (*e->d_name == '.')
			continue;
		fuzz_check(images_name_ok(e->d_name));
		fuzz_check(fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0);
		fuzz_check(S_ISREG(st.st_mode));
		sum += (uint64_t)st.st_size;
		fuzz_check(unlinkat(dir, e->d_name, 0) == 0);
	}
	return sum;
}

static int receive(struct xfer_receiver *x)
{
	int r, last = 0;

	while ((r = xfer_receiver_pump(x, NULL)) > 0)
		last = r;
	/* The stream has an end, so that it does not stop in good order. */
	fuzz_check(r < 0);
	return last;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xfer_receiver *x;
	struct stream *s;
	uint64_t bytes;
	int sk[2], last;

	if (dir < 0)
		open_dir();
	if (size > 100000)
		return 0;
	fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sk) == 0);
	fuzz_check(size == 0 || write(sk[1], data, size) == (ssize_t)size);
	close(sk[1]);
	fuzz_check(stream_new_plain(&s, sk[0]) == 0);
	fuzz_check(xfer_receiver_new(&x, s, dir, MAX_BYTES) == 0);
	last = receive(x);
	bytes = xfer_receiver_bytes(x);
	fuzz_check(bytes <= MAX_BYTES);
	fuzz_check(take_files() == bytes || last != XFER_GOT_ALL);
	xfer_receiver_free(x);
	stream_free(s);
	return 0;
}
