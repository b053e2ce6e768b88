/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * delaylink TAP_A TAP_B DELAY_US [LOSS_PPM] - two TAP devices joined by a delay line.
 * A substitute for netem, which many kernels lack. Prints "ready" when both devices exist.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_FRAMES 4096
#define FRAME_MAX (65536 + 64) /* a GSO frame and its header */
#define BATCH 64
#define NSEC 1000000000ull

struct frame {
	uint64_t due_ns;
	size_t length;
	uint8_t *data; /* FRAME_MAX bytes, allocated at the first use of the slot */
};

/* One direction: frames read from @in leave through @out in order, each when it is due. */
struct line {
	struct frame frames[QUEUE_FRAMES];
	unsigned int head;
	unsigned int tail;
	int in;
	int out;
};

static uint64_t delay_ns;
static unsigned long loss_ppm;

static void die(const char *what)
{
	fprintf(stderr, "delaylink: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NSEC + (uint64_t)t.tv_nsec;
}

static int open_tap(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int header = sizeof(struct virtio_net_hdr);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		die("/dev/net/tun");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	/* Offloads as on a veth: checksums are not filled in and segments come in one frame. */
	if (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) < 0 ||
	    ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
		die(name);
	return fd;
}

static struct frame *line_slot(struct line *line, unsigned int i)
{
	struct frame *frame = &line->frames[i % QUEUE_FRAMES];

	if (!frame->data)
		frame->data = malloc(FRAME_MAX);
	if (!frame->data)
		die("queue");
	return frame;
}

/* Reads what has arrived; a full queue drops it, as a router would. */
static void line_receive(struct line *line)
{
	static uint8_t dropped[FRAME_MAX];

	for (int i = 0; i < BATCH; i++) {
		int full = line->tail - line->head >= QUEUE_FRAMES;
		struct frame *frame = full ? NULL : line_slot(line, line->tail);
		ssize_t n = read(line->in, full ? dropped : frame->data, FRAME_MAX);

		if (n <= 0)
			return;
		if (full || (loss_ppm && (unsigned long)random() % 1000000 < loss_ppm))
			continue;
		frame->length = (size_t)n;
		frame->due_ns = now_ns() + delay_ns;
		line->tail++;
	}
}

/* Sends what is due; returns how long the next frame has to wait, UINT64_MAX if there is none. */
static uint64_t line_send(struct line *line)
{
	uint64_t now = now_ns();

	while (line->head != line->tail) {
		struct frame *frame = line_slot(line, line->head);

		if (frame->due_ns > now)
			return frame->due_ns - now;
		if (write(line->out, frame->data, frame->length) < 0 && errno == EAGAIN)
			return 100 * 1000;
		line->head++;
	}
	return UINT64_MAX;
}

static unsigned long parse(const char *text, unsigned long max)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value > max) {
		fprintf(stderr, "delaylink: '%s' is not a number from 0 to %lu\n", text, max);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	static struct line forth, back;

	if (argc < 4 || argc > 5) {
		fprintf(stderr, "usage: delaylink TAP_A TAP_B DELAY_US [LOSS_PPM]\n");
		return 2;
	}
	delay_ns = parse(argv[3], 60 * 1000000) * 1000ull;
	loss_ppm = argc > 4 ? parse(argv[4], 1000000) : 0;
	prctl(PR_SET_TIMERSLACK, 1000);
	forth.in = back.out = open_tap(argv[1]);
	back.in = forth.out = open_tap(argv[2]);
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct pollfd fds[] = {{forth.in, POLLIN, 0}, {back.in, POLLIN, 0}};
		uint64_t wait = line_send(&forth), wait_back = line_send(&back);
		struct timespec t;

		if (wait_back < wait)
			wait = wait_back;
		t.tv_sec = (time_t)(wait / NSEC);
		t.tv_nsec = (long)(wait % NSEC);
		if (ppoll(fds, 2, wait == UINT64_MAX ? NULL : &t, NULL) < 0 && errno != EINTR)
			die("ppoll");
		line_receive(&forth);
		line_receive(&back);
	}
}
